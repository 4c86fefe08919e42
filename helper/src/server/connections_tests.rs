use super::*;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;

/// Longer than anything takes on a loaded machine; limits under test are far below.
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);
const LIMITS: Limits =
    Limits { connections: 2, from_one: 2, headers: PATIENCE, handshake: PATIENCE, lifetime: PATIENCE, stall: PATIENCE };

async fn start(tls: Option<Tls>, limits: Limits) -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let large = warp::hyper::body::Bytes::from(vec![b'.'; 64 << 20]);
    let routes = warp::any().map(move || warp::http::Response::new(large.clone()).into_response());
    tokio::spawn(serve(listener, tls, limits, Arc::clone(&counts), routes));
    (address, counts)
}

/// All that comes until the server closes the connection; what breaks it counts as closed too.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("the server closes the connection");
    bytes
}

#[tokio::test]
async fn headers_that_come_a_byte_at_a_time_are_not_waited_for() {
    let (address, _) = start(None, Limits { headers: SHORT, ..LIMITS }).await;
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let dripping = tokio::spawn(async move {
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ".iter().chain(std::iter::repeat(&b'.')) {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    });
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, reader.read_to_end(&mut bytes)).await.expect("the server closes the connection");
    assert!(!bytes.starts_with(b"HTTP/1.1 200"));
    timeout(PATIENCE, dripping).await.expect("nobody listens any more").unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed() {
    let (address, _) = start(None, Limits { headers: SHORT, ..LIMITS }).await;
    rest(TcpStream::connect(address).await.unwrap()).await;
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_not_kept_for_ever() {
    let (address, _) = start(None, Limits { lifetime: SHORT, ..LIMITS }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    sleep(SHORT * 4).await;
    let bytes = rest(stream).await;
    assert!(bytes.len() < 64 << 20, "the whole answer came although nobody took it in time");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_for_a_while_is_shown_out() {
    let stall = Duration::from_secs(1);
    let (address, _) = start(None, Limits { stall, ..LIMITS }).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    sleep(stall * 3).await;
    assert!(rest(stream).await.len() < 64 << 20, "the whole answer came although nobody took it");
    // Whoever reads, however slowly, gets all.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut taken, mut piece) = (0, vec![0; 4 << 20]);
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        taken += length;
        sleep(SHORT / 50).await;
    }
    assert!(taken > 64 << 20, "{taken}");
}

#[tokio::test]
async fn idle_connections_make_room_for_those_that_come_and_are_counted() {
    let (address, counts) = start(None, LIMITS).await;
    let mut held = Vec::new();
    for _ in 0..520 {
        held.push(TcpStream::connect(address).await.unwrap());
    }
    for _ in 0..40 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut first = [0; 15];
        timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("it is answered").unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
    }
    assert_eq!(counts.refused.load(Ordering::Relaxed), 0);
    assert!(counts.given_up.load(Ordering::Relaxed) >= 520 - 2);
}

/// What comes first of an answer to a request with this target.
async fn answer_to(address: SocketAddr, method: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = vec![0; 12];
    timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("an answer").unwrap();
    String::from_utf8(first).unwrap()
}

#[tokio::test]
async fn every_form_of_request_target_is_answered() {
    let (address, _) = start(None, LIMITS).await;
    for (method, target, expected) in [
        ("GET", "/", "HTTP/1.1 200"),
        ("GET", "http://localhost/", "HTTP/1.1 200"),
        ("GET", "http://localhost", "HTTP/1.1 200"),
        ("GET", "127.0.0.1:8081", "HTTP/1.1 400"),
        ("CONNECT", "a:1", "HTTP/1.1 400"),
        ("OPTIONS", "*", "HTTP/1.1 200"),
    ] {
        assert_eq!(answer_to(address, method, target).await, expected, "{method} {target}");
    }
}

/// A handshake that is never finished: the head of a record, and no more.
async fn unfinished(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[TLS_HANDSHAKE, 3, 1, 2, 0]).await.unwrap();
    stream
}

#[tokio::test]
async fn a_handshake_that_is_left_holds_up_nobody() {
    let (tls, _) = super::super::tls::tests::certificate(&["localhost"]);
    let (address, _) = start(Some(tls), LIMITS).await;
    let _held = unfinished(address).await;
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(rest(plain).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://"), "{answer}");
}

#[tokio::test]
async fn a_handshake_that_is_left_ends_and_is_counted() {
    let (tls, _) = super::super::tls::tests::certificate(&["localhost"]);
    let (address, counts) = start(Some(tls), Limits { handshake: SHORT, ..LIMITS }).await;
    assert_eq!(rest(unfinished(address).await).await, b"");
    let counted = async {
        while counts.handshakes_failed.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, counted).await.expect("it is counted");
}
