use super::*;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;

/// Longer than anything takes on a loaded machine; limits under test are far below.
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);
const LIMITS: Limits = Limits { connections: 2, headers: PATIENCE, handshake: PATIENCE, lifetime: PATIENCE };

async fn start(tls: Option<Tls>, limits: Limits) -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counts = Arc::new(Counts::default());
    let large = vec![b'.'; 64 << 20];
    let routes = warp::any().map(move || warp::reply::Reply::into_response(large.clone()));
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
async fn more_connections_than_there_is_room_for_are_closed_and_counted_until_others_go() {
    let (address, counts) = start(None, LIMITS).await;
    let held = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let refused = TcpStream::connect(address).await.unwrap();
    assert_eq!(rest(refused).await, b"");
    assert_eq!(counts.refused.load(Ordering::Relaxed), 1);
    drop(held);
    let served = async {
        loop {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let mut first = [0; 15];
            // Refused before it could be written to, or after.
            let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            if asked.is_ok() && stream.read_exact(&mut first).await.is_ok() {
                return first;
            }
        }
    };
    assert_eq!(&timeout(PATIENCE, served).await.expect("there is room again"), b"HTTP/1.1 200 OK");
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
