//! What one page, or one peer, can make the helper hold and say.

use crate::common::page::Page;
use crate::common::{Helper, PATIENCE};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

/// The helper stays below this with as many channels as it takes, of which none has data.
const MEMORY_MAX_KIB: u64 = 64 << 10;

fn peak_memory_kib(helper: &Helper) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", helper.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Something that answers everything with what is no AMT.
fn babbler() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 1500];
        while let Ok((_, from)) = socket.recv_from(&mut bytes) {
            let _ = socket.send_to(b"no AMT", from);
        }
    });
    address
}

#[tokio::test]
async fn channels_without_data_take_no_memory_to_speak_of() {
    let relays: Vec<String> = (0..16).map(|_| babbler().to_string()).collect();
    let relays = relays.join(",");
    let helper = Helper::serve(&[]);
    let mut page = Page::open(helper.address()).await;
    let url = |number: u32| format!("amt://192.0.2.1@232.9.{}.{}?relay={relays}", number / 256, number % 256);
    page.fill((0..400).map(url)).await;
    // All relays of all channels have been asked, and have answered.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let peak = peak_memory_kib(&helper);
    assert!(peak < MEMORY_MAX_KIB, "{peak} kiB");
}

/// The first bytes of an answer.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 512];
    let length = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[test]
fn no_form_of_a_request_breaks_anything_before_anybody_is_let_in() {
    let helper = Helper::serve(&["--token", "correct-horse"]);
    let address = helper.address();
    for _ in 0..50 {
        for (line, code) in [
            (format!("GET http://{address}/ HTTP/1.1"), "200"),
            (format!("GET http://{address}/api/status HTTP/1.1"), "403"),
            (format!("GET {address} HTTP/1.1"), "400"),
            ("CONNECT a:1 HTTP/1.1".to_owned(), "400"),
            ("OPTIONS * HTTP/1.1".to_owned(), "40"),
        ] {
            let answer = ask(address, &format!("{line}\r\nHost: {address}\r\n\r\n"));
            assert!(answer.starts_with(&format!("HTTP/1.1 {code}")), "{line}: {answer}");
        }
    }
    assert!(!helper.lines.all().contains("panicked"), "{}", helper.lines.all());
}
