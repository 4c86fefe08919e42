//! The built helper, running.

use crate::{Process, Stage, stage, until};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// A helper that serves the page on a port of its own.
pub struct Helper {
    /// Its process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Helper {
    /// Starts the helper on a free port and waits until it answers.
    ///
    /// # Errors
    /// Where it ends instead.
    pub async fn start(stage: &Stage, arguments: &[&str]) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, stage::free_tcp_port()?));
        Self::start_at(stage, address, arguments).await
    }

    /// Starts `amt-helper demo` with a relay on a free port.
    ///
    /// # Errors
    /// As [`Helper::start`].
    pub async fn demo(stage: &Stage, arguments: &[&str]) -> Result<Self> {
        let relay = format!("127.0.0.1:{}", stage::free_udp_port()?);
        let mut all = vec!["demo", "--relay-address", &relay];
        all.extend(arguments);
        Self::start(stage, &all).await
    }

    /// Starts the helper at a known address, as after a restart.
    ///
    /// # Errors
    /// As [`Helper::start`].
    pub async fn start_at(stage: &Stage, address: SocketAddr, arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(stage::helper_binary()?);
        command.args(arguments);
        Self::start_as(stage, address, &mut command).await
    }

    /// Starts a command line that ends in the helper, after adding `--listen`.
    ///
    /// # Errors
    /// As [`Helper::start`].
    pub async fn start_as(stage: &Stage, address: SocketAddr, command: &mut Command) -> Result<Self> {
        // The relays of tests listen on free ports, and links to their channels are followed.
        command.args(["--listen", &address.to_string(), "--relay-ports", "1-65535"]);
        command.env_remove("AMT_URL").env_remove("AMT_RELAY");
        let mut process = Process::start("helper", command, stage.dir())?;
        until("the helper serves its status", async || {
            process.check_running()?;
            Ok(get(address, "/api/status", &[]).ok().filter(|answer| answer.status == 200))
        })
        .await?;
        Ok(Self { process, address })
    }

    /// The page's address; `localhost`, as people type it.
    #[must_use]
    pub fn page(&self) -> String {
        format!("http://localhost:{}/", self.address.port())
    }

    /// What `/api/status` says.
    ///
    /// # Errors
    /// Where that is not JSON.
    pub fn status(&self) -> Result<Value> {
        let answer = get(self.address, "/api/status", &[])?;
        serde_json::from_str(&answer.body).with_context(|| format!("status is no JSON: {}", answer.body))
    }

    /// The number of viewers of each channel that is tuned in.
    ///
    /// # Errors
    /// Where the status has no channels.
    pub fn viewers(&self) -> Result<Vec<u64>> {
        let status = self.status()?;
        let channels = status["channels"].as_array().with_context(|| format!("no channels in {status}"))?;
        let viewers = |channel: &Value| channel["stats"]["viewers"].as_u64();
        channels.iter().map(|channel| viewers(channel).with_context(|| format!("no viewers in {channel}"))).collect()
    }
}

/// What a relay alone needs: clip and relay, no page.
///
/// # Errors
/// Where it ends at once.
pub async fn relay_only(stage: &Stage, address: SocketAddr, arguments: &[&str]) -> Result<Process> {
    let mut command = Command::new(stage::helper_binary()?);
    command.args(["demo", "--relay-only", "--relay-address", &address.to_string()]).args(arguments);
    let mut process = Process::start("relay", &mut command, stage.dir())?;
    // It listens as soon as its port cannot be had any more.
    until("the relay listens", async || {
        process.check_running()?;
        Ok(std::net::UdpSocket::bind(address).is_err().then_some(()))
    })
    .await?;
    Ok(process)
}

/// An answer over HTTP.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, as sent.
    pub head: String,
    /// The body, as far as it came.
    pub body: String,
}

/// One GET over a connection of its own, with headers as a foreign page could send them.
///
/// A connection that the answer leaves open (a WebSocket) is closed by us.
///
/// # Errors
/// Where no answer comes.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut request = format!("GET {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request += &format!("Host: {address}\r\n");
    }
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection")) {
        request += "Connection: close\r\n";
    }
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    // An upgraded connection, and one that a refused upgrade leaves open, has no end: the length says it.
    while !is_whole(&String::from_utf8_lossy(&bytes)) {
        match stream.read(&mut chunk)? {
            0 => break,
            length => bytes.extend(&chunk[..length]),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { bail!("no HTTP answer: {text}") };
    let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).context("no status code")?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    };
    head.starts_with("HTTP/1.1 101") || head.lines().find_map(length).is_some_and(|length| body.len() >= length)
}
