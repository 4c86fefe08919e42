//! What somebody tries who should not get in: foreign pages in the user's browser, other machines, broken programs.
//!
//! Every test ends with an honest request: what refuses an attack must not refuse its user.

use crate::common::page::Page;
use crate::common::{Helper, PATIENCE};
use amt_shared::wire::Phase;
use futures_util::{SinkExt, StreamExt};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const TOKEN: &str = "correct-horse";
/// What only those let in may see.
const SECRETS: [&str; 3] = ["/api/status", "/metrics", "/ws"];
/// What turns a request for `/ws` into a WebSocket.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Connects as another peer each time, so that nobody waits for what another one guessed.
fn connect(helper: SocketAddr) -> TcpStream {
    static PEERS: AtomicU16 = AtomicU16::new(0);
    if helper.is_ipv6() {
        let stream = TcpStream::connect(helper).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        return stream;
    }
    let [high, low] = PEERS.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    connect_as(Ipv4Addr::new(127, 1, high, low.max(1)), helper)
}

fn connect_as(peer: Ipv4Addr, helper: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((peer, 0)).into()).unwrap();
    socket.connect(&helper.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes as they are; what comes until the helper closes the connection.
fn send(helper: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(helper);
    // It may close before all is written, and with a reset then.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn ask(helper: SocketAddr, path: &str, headers: &str) -> String {
    let upgrade = if path.starts_with("/ws") { UPGRADE } else { "Connection: close\r\n" };
    let request = format!("GET {path} HTTP/1.1\r\n{headers}{upgrade}\r\n");
    if !path.starts_with("/ws") {
        return send(helper, request.as_bytes());
    }
    // A WebSocket stays open: the first line tells.
    let mut stream = connect(helper);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 512];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

fn status(answer: &str) -> u16 {
    let code = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    code.and_then(|rest| rest.get(..3)?.parse().ok()).unwrap_or(0)
}

fn let_in(answer: &str) -> bool {
    matches!(status(answer), 100..400)
}

fn check_honest(helper: SocketAddr) {
    for path in SECRETS {
        let answer = ask(helper, path, &format!("Host: {helper}\r\nOrigin: http://{helper}\r\n"));
        assert!(let_in(&answer), "an honest request for {path}: {answer}");
    }
}

#[test]
fn names_that_somebody_points_at_this_machine_are_refused() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let port = address.port();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost:{port}.evil.example"),
        format!("localhost:{port}@evil.example"),
        format!("evil.example@localhost:{port}"),
        format!("localhost:{}", port ^ 1),
        format!("localhost:0{port}"),
        format!("localhost.:{port}"),
        format!("2130706433:{port}"),
        format!("127.1:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("[::1%25lo]:{port}"),
        format!("localhost:{port}, evil.example"),
        format!("127.0.0.1:{port} evil.example"),
        String::new(),
    ] {
        for path in SECRETS.iter().chain(&["/"]) {
            let answer = ask(address, path, &format!("Host: {host}\r\n"));
            assert!(matches!(status(&answer), 400 | 403), "{path} as {host}: {answer}");
        }
    }
    check_honest(address);
}

#[test]
fn a_request_names_its_host_once_and_the_same_everywhere() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    for request in [
        "GET /api/status HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /api/status HTTP/1.0\r\n\r\n".to_owned(),
        format!("GET /api/status HTTP/1.1\r\nHost: {address}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        format!("GET /api/status HTTP/1.1\r\nHost: evil.example\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
        format!("GET http://evil.example/api/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    ] {
        let answer = send(address, request.as_bytes());
        assert!(matches!(status(&answer), 400 | 403), "{request}{answer}");
    }
    check_honest(address);
}

#[test]
fn pages_of_other_origins_are_refused() {
    let helper = Helper::serve(&["--allow-origin", "https://tv.example"]);
    let address = helper.address();
    let port = address.port();
    for origin in [
        "null".to_owned(),
        "http://evil.example".to_owned(),
        format!("http://evil.example:{port}"),
        format!("http://localhost.evil.example:{port}"),
        format!("http://127.0.0.1.evil:{port}"),
        format!("http://127.0.0.1:{port}.evil.example"),
        format!("http://127.0.0.1:{port}@evil.example"),
        format!("http://{address} http://evil.example"),
        format!("http://{address}/"),
        format!("https://{address}"),
        format!("ws://{address}"),
        format!("http://127.0.0.1:{}", port ^ 1),
        format!("http://127.0.0.1:{port}0"),
        "http://127.0.0.1".to_owned(),
        "file://".to_owned(),
        "chrome-extension://abcdefghijklmnop".to_owned(),
        "http://tv.example".to_owned(),
        "https://tv.example.evil".to_owned(),
        "https://tv.example:8443".to_owned(),
        "https://eviltv.example".to_owned(),
        String::new(),
    ] {
        for path in SECRETS {
            let answer = ask(address, path, &format!("Host: {address}\r\nOrigin: {origin}\r\n"));
            assert_eq!(status(&answer), 403, "{path} from {origin}: {answer}");
        }
    }
    for path in SECRETS {
        let two = format!("Host: {address}\r\nOrigin: http://{address}\r\nOrigin: http://evil.example\r\n");
        assert_eq!(status(&ask(address, path, &two)), 403);
        assert!(let_in(&ask(address, path, &format!("Host: {address}\r\nOrigin: https://tv.example\r\n"))));
    }
    check_honest(address);
}

#[test]
fn the_other_loopback_has_its_names_as_well() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let helper = Helper::start(Helper::command().args(["--listen", "[::1]:0", "--transport", "udp"]));
    let address = helper.address();
    let port = address.port();
    for host in [format!("[::1]:{port}"), format!("localhost:{port}")] {
        assert_eq!(status(&ask(address, "/api/status", &format!("Host: {host}\r\n"))), 200, "{host}");
    }
    for host in
        [format!("[::2]:{port}"), format!("::1:{port}"), format!("[::1]:{port}@evil"), format!("[::1].evil:{port}")]
    {
        let answer = ask(address, "/api/status", &format!("Host: {host}\r\n"));
        assert!(matches!(status(&answer), 400 | 403), "{host}: {answer}");
    }
    check_honest(address);
}

#[test]
fn only_the_whole_token_opens_whatever_the_path_is_written_like() {
    let helper = Helper::serve(&["--token", TOKEN]);
    let address = helper.address();
    let host = format!("Host: {address}\r\n");
    for path in SECRETS {
        for query in [
            "",
            "?",
            "?token",
            "?token=",
            "?token=correct-hors",
            "?token=correct-horse1",
            "?token=correct-horsf",
            "?token=Correct-Horse",
            "?token=%63orrect-horse",
            "?Token=correct-horse",
            "?xtoken=correct-horse",
            "?token=wrong&token=correct-horse",
            "?token=correct-horse%00",
            "?token=correct-horse;",
            "#token=correct-horse",
        ] {
            let answer = ask(address, &format!("{path}{query}"), &host);
            assert!(matches!(status(&answer), 400 | 403), "{path}{query}: {answer}");
        }
        for header in
            ["Bearer ", "Bearer correct-hors", "Basic correct-horse", "correct-horse", "bearer: correct-horse"]
        {
            let answer = ask(address, path, &format!("{host}Authorization: {header}\r\n"));
            assert_eq!(status(&answer), 403, "{path} {header}: {answer}");
        }
        assert!(let_in(&ask(address, &format!("{path}?a=b&token={TOKEN}"), &host)));
        assert!(let_in(&ask(address, path, &format!("{host}Authorization: Bearer {TOKEN}\r\n"))));
    }
    for path in [
        "/metrics/",
        "//metrics",
        "/metrics//",
        "/./metrics",
        "/x/../metrics",
        "/METRICS",
        "/%6detrics",
        "/metrics;a",
        "/api/status/",
        "//api/status",
        "/api//status",
        "/API/status",
        "/api/%73tatus",
        "/ws/",
        "//ws",
    ] {
        let answer = ask(address, path, &host);
        assert!(!let_in(&answer), "{path}: {answer}");
        let head = send(address, format!("HEAD {path} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes());
        assert!(!let_in(&head), "{path}: {head}");
    }
    // The page itself is no secret: it asks for the token's place in its address.
    assert_eq!(status(&ask(address, "/", &host)), 200);
}

#[test]
fn guesses_of_the_token_are_counted_and_slowed_and_lock_nobody_out() {
    let helper = Helper::serve(&["--token", TOKEN]);
    let address = helper.address();
    let guess = format!("GET /api/status?token=wrong-horse HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let guesser = Ipv4Addr::new(127, 2, 0, 1);

    // One connection is closed after a few.
    let mut stream = connect_as(guesser, address);
    let mut answers = String::new();
    stream.write_all(guess.repeat(20).as_bytes()).unwrap();
    let _ = stream.read_to_string(&mut answers);
    assert_eq!(answers.matches("HTTP/1.1 403").count(), 3, "{answers}");

    // Many are answered slowly.
    let began = Instant::now();
    let guessers: Vec<_> = (0..8)
        .map(|_| {
            let guess = guess.clone();
            std::thread::spawn(move || {
                let mut answered = 0;
                while began.elapsed() < Duration::from_secs(5) {
                    let mut stream = connect_as(guesser, address);
                    stream.write_all(guess.as_bytes()).unwrap();
                    answered += u32::from(stream.read(&mut [0; 64]).is_ok());
                }
                answered
            })
        })
        .collect();
    // Meanwhile whoever has the token comes in, from elsewhere and from the same address.
    let honest = format!("GET /api/status?token={TOKEN} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    std::thread::sleep(Duration::from_secs(2));
    for peer in [Ipv4Addr::new(127, 2, 0, 2), guesser] {
        let (mut stream, mut answer) = (connect_as(peer, address), String::new());
        stream.write_all(honest.as_bytes()).unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(let_in(&answer), "{peer}: {answer}");
    }
    let guesses: u32 = guessers.into_iter().map(|guesser| guesser.join().unwrap()).sum();
    assert!(guesses < 100, "{guesses} guesses in 5 s");
    let metrics = ask(address, "/metrics", &format!("Host: {address}\r\nAuthorization: Bearer {TOKEN}\r\n"));
    let counted = metrics.lines().find_map(|line| line.strip_prefix("amt_helper_tokens_refused_total "));
    let counted: u32 = counted.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
    assert!(counted >= guesses + 3, "{counted} of {guesses}");
}

#[test]
fn no_path_leads_out_of_the_page() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    for path in [
        "/../../etc/passwd",
        "/../../../../../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/....//....//etc/passwd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "///etc/passwd",
        "/etc/passwd",
        "/index.html/../../../etc/passwd",
        "/index.html%00.js",
        "/./../helper/Cargo.toml",
        "/../helper/Cargo.toml",
        "/..;/helper/Cargo.toml",
        "/file:///etc/passwd",
        "/",
        "*",
    ] {
        let answer = ask(address, path, &format!("Host: {address}\r\n"));
        assert!(!answer.contains("root:") && !answer.contains("[package]"), "{path}: {answer}");
        assert!(path == "/" || matches!(status(&answer), 400 | 404), "{path}: {answer}");
    }
    check_honest(address);
}

#[test]
fn nothing_but_reading_is_answered_and_no_second_request_hides_in_a_first() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let hidden = format!("GET /api/status HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let length = hidden.len();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"] {
        let answer =
            send(address, format!("{method} / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), 405, "{method}: {answer}");
        assert!(answer.to_ascii_lowercase().contains("allow: get, head"), "{answer}");
    }
    for headers in [
        // Two lengths; a length and chunks; codings and numbers that nobody should read in two ways.
        format!("Content-Length: {length}\r\nContent-Length: 0"),
        format!("Content-Length: {length}, 0"),
        "Content-Length: -1".to_owned(),
        "Content-Length: +5".to_owned(),
        "Content-Length: 0x5".to_owned(),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
        "Transfer-Encoding : chunked".to_owned(),
        " Transfer-Encoding: chunked".to_owned(),
        "X: y\r\n folded: line".to_owned(),
        "Bad\0Name: x".to_owned(),
    ] {
        for body in ["", "0\r\n\r\n"] {
            let request = format!("POST / HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n\r\n{body}{hidden}");
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let answer = String::from_utf8_lossy(&answer);
            assert!(!answer.contains("uptime_seconds"), "{headers}: {answer}");
        }
    }
    check_honest(address);
}

#[test]
fn headers_without_end_are_refused() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let start = format!("GET /api/status HTTP/1.1\r\nHost: {address}\r\n");
    let many = format!("{start}{}\r\n", "X: y\r\n".repeat(1000));
    let long = format!("{start}X: {}\r\n\r\n", "y".repeat(2 << 20));
    let path = format!("GET /{} HTTP/1.1\r\nHost: {address}\r\n\r\n", "y".repeat(2 << 20));
    for request in [many, long, path, "\0\u{1}\u{2}garbage\r\n\r\n".to_owned()] {
        let answer = send(address, request.as_bytes());
        assert!(!let_in(&answer), "{answer}");
    }
    check_honest(address);
}

#[tokio::test]
async fn messages_that_make_no_sense_get_a_sentence_and_harm_nobody() {
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    let deep = "[".repeat(60_000);
    let long_url = format!(r#"{{"type":"tune","url":"amt://{}"}}"#, "9".repeat(60_000));
    for text in [
        "",
        "{",
        "null",
        "[]",
        "0",
        "\"tune\"",
        r#"{"type":"tune"}"#,
        r#"{"type":"tune","url":null}"#,
        r#"{"type":"tune","url":["amt://232.0.2.1"]}"#,
        r#"{"type":"reboot"}"#,
        r#"{"url":"amt://232.0.2.1"}"#,
        r#"{"type":"tune","type":"stop"}"#,
        r#"{"type":"tune","url":"amt://232.0.2.1","url":"x"}"#,
        "\u{0}\u{ffff}",
        &deep,
        &long_url,
        r#"{"type":"tune","url":"amt://127.0.0.1"}"#,
        r#"{"type":"tune","url":"amt://224.0.0.1"}"#,
        r#"{"type":"tune","url":"amt://0.0.0.0@232.0.2.1"}"#,
        r#"{"type":"tune","url":"amt://232.0.2.1?relay=255.255.255.255"}"#,
        r#"{"type":"tune","url":"amt://232.0.2.1?relay=0.0.0.0"}"#,
        r#"{"type":"tune","url":"amt://[ff02::1]"}"#,
    ] {
        page.say(text).await;
        let told = page.wait_for(Phase::Failed).await;
        assert!(told.sentence.ends_with('.') && told.sentence.len() > 10, "{text}: {told:?}");
    }
    page.say(r#"{"type":"stop"}"#).await;
    page.wait_for(Phase::Idle).await;
}

#[tokio::test]
async fn messages_that_are_too_large_or_broken_end_their_own_page_alone() {
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let mut witness = Page::open(address).await;
    let large = "y".repeat(1 << 17);
    // One frame; one frame that is not masked (RFC 6455, 5.1); one that announces 2^62 bytes; a reserved opcode.
    let frames: [&[u8]; 3] = [b"\x81\x02hi", b"\x81\xFF\x40\0\0\0\0\0\0\0\0\0\0\0", b"\x83\x80\0\0\0\0"];
    for frame in frames {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /ws HTTP/1.1\r\nHost: {address}\r\n{UPGRADE}\r\n").unwrap();
        stream.write_all(frame).unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let waits = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waits, "{frame:?} is not refused: {}", String::from_utf8_lossy(&answer));
    }
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(format!("ws://{address}/ws"), stream).await.unwrap();
    let _ = socket.send(Message::text(large)).await;
    let ended = timeout(PATIENCE, async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return;
            }
        }
    });
    ended.await.expect("a message of 128 KiB is refused");
    witness.say(r#"{"type":"stop"}"#).await;
    witness.wait_for(Phase::Idle).await;
}

#[tokio::test]
async fn pages_beyond_the_last_place_get_a_sentence_and_the_place_comes_back() {
    const PLACES: usize = 256;
    let helper = Helper::serve(&[]);
    let address = helper.address();
    let mut pages = Vec::new();
    for _ in 0..PLACES {
        pages.push(Page::open(address).await);
    }
    let refused = Page::knock(address, "/ws", &[]).await;
    assert!(matches!(&refused, Err((503, sentence)) if sentence.contains("has reached its page limit")), "{refused:?}");
    drop(pages.pop());
    let again = timeout(PATIENCE, async {
        while Page::knock(address, "/ws", &[]).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    again.await.expect("the place comes back");
}

#[tokio::test]
async fn a_page_that_tunes_without_end_runs_into_a_bound() {
    // Nobody answers there, and nothing leaves this machine.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let relay = silent.local_addr().unwrap();
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    let url = |number: u32| format!("amt://192.0.2.1@232.9.{}.{}?relay={relay}", number / 256, number % 256);
    page.fill((0..300).map(url)).await;
    let address = helper.address();
    let answer = ask(address, "/api/status", &format!("Host: {address}\r\n"));
    let report: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(report["channels"].as_array().unwrap().len() <= 64);
}
