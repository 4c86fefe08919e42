//! The helper behind TLS, as a page on another host sees it.

use crate::common::{Helper, PATIENCE};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

/// A certificate for `tv.example` in files, which are gone with it.
struct Files {
    place: PathBuf,
    certificate: CertificateDer<'static>,
}

impl Files {
    fn new(name: &str) -> Self {
        let place = std::env::temp_dir().join(format!("amt-helper-test-{}-{name}", std::process::id()));
        std::fs::create_dir(&place).unwrap();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["tv.example".to_owned()]).unwrap();
        std::fs::write(place.join("cert.pem"), cert.pem()).unwrap();
        std::fs::write(place.join("key.pem"), signing_key.serialize_pem()).unwrap();
        Self { place, certificate: cert.der().clone() }
    }

    fn options(&self) -> [String; 4] {
        let path = |name: &str| self.place.join(name).to_str().unwrap().to_owned();
        ["--tls-cert".to_owned(), path("cert.pem"), "--tls-key".to_owned(), path("key.pem")]
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn connect(helper: SocketAddr, files: &Files, version: &'static SupportedProtocolVersion) -> Secured {
    let mut roots = RootCertStore::empty();
    roots.add(files.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("tv.example").unwrap();
    let stream = TcpStream::connect(helper).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}

fn ask(stream: &mut Secured, path: &str, headers: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_page_under_the_certificates_name_is_served_with_both_versions() {
    let files = Files::new("tls-names");
    let options = files.options();
    let helper = Helper::serve(&options.each_ref().map(String::as_str));
    helper.lines.wait_for("Open https://127.0.0.1:");
    let address = helper.address();
    let port = address.port();
    for (version, spoken) in
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut stream = connect(address, &files, version);
        let answer =
            ask(&mut stream, "/", &format!("Host: tv.example:{port}\r\nOrigin: https://tv.example:{port}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("connect-src 'self' wss://tv.example:{port};")), "{answer}");
        assert_eq!(stream.conn.protocol_version(), Some(spoken));
    }
    for headers in [
        format!("Host: evil.example:{port}\r\n"),
        format!("Host: tv.example.evil:{port}\r\n"),
        format!("Host: tv.example:{}\r\n", port ^ 1),
        "Host: tv.example\r\n".to_owned(),
        format!("Host: tv.example:{port}\r\nOrigin: http://tv.example:{port}\r\n"),
        format!("Host: tv.example:{port}\r\nOrigin: https://evil.example\r\n"),
        format!("Host: tv.example:{port}\r\nOrigin: http://localhost:8080\r\n"),
    ] {
        let answer = ask(&mut connect(address, &files, &rustls::version::TLS13), "/api/status", &headers);
        assert!(answer.starts_with("HTTP/1.1 403"), "{headers}{answer}");
    }
}

#[test]
fn a_websocket_comes_through_tls() {
    let files = Files::new("tls-websocket");
    let options = files.options();
    let helper = Helper::serve(&options.each_ref().map(String::as_str));
    let address = helper.address();
    let stream = connect(address, &files, &rustls::version::TLS13);
    let url = format!("wss://tv.example:{}/ws", address.port());
    let (mut socket, _) = tokio_tungstenite::tungstenite::client(url, stream).expect("the helper takes the page");
    assert!(socket.read().unwrap().to_text().unwrap().contains("\"hello\""));
}

#[test]
fn listening_beyond_this_machine_needs_a_token_with_tls_too() {
    let files = Files::new("tls-token");
    let mut helper = Helper::start(Helper::command().args(["--listen", "0.0.0.0:0"]).args(files.options()));
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("--token");
}

#[test]
fn a_key_that_is_not_the_certificates_is_told_before_anything_starts() {
    let (files, others) = (Files::new("tls-mine"), Files::new("tls-others"));
    let [_, certificate, ..] = files.options();
    let [.., key] = others.options();
    let mut helper =
        Helper::start(Helper::command().args(["--listen", "0", "--tls-cert", &certificate, "--tls-key", &key]));
    assert_eq!(helper.wait().code(), Some(1));
    helper.lines.wait_for("does not match the certificate");
}
