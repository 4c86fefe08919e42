//! Pages that only count: many WebSockets in one thread, read as fast as they come, nothing kept.
//!
//! Written for cheapness: of a frame only the helper's header is looked at, the rest is passed over where it lies.

use super::histogram::Histogram;
use amt_shared::wire::{FrameHeader, FromPage, WEBSOCKET_PATH};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const READ: usize = 1 << 18;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// A pong of no bytes with a mask of zeroes.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];
/// The end is known by silence.
const SILENCE: Duration = Duration::from_millis(1500);

/// What a page was given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Watched {
    /// Frames.
    pub frames: u64,
    /// Bytes of TS in them.
    pub bytes: u64,
    /// Frames that it did not get, by sequence.
    pub missing: u64,
    /// Frames with the mark of a loss before the helper.
    pub gaps: u64,
    /// From the kernel's receiving the first datagram of a frame to this page's having read it. Not of frames that
    /// came out of the cache.
    pub delay: Histogram,
}

/// Opens a page at `helper`, tunes to `url`, and counts until nothing has come for a while after the first frame,
/// at which `began` is called.
///
/// # Errors
/// Where the helper does not take it, or ends the connection.
pub async fn watch(helper: SocketAddr, url: &str, began: impl FnOnce()) -> Result<Watched> {
    let mut stream = TcpStream::connect(helper).await?;
    let request = format!(
        "GET {WEBSOCKET_PATH} HTTP/1.1\r\nHost: {helper}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; READ];
    let mut filled = 0;
    let end = loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        ensure!(read > 0, "the helper closed the connection");
        filled += read;
        if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    ensure!(buffer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&buffer[..end]));
    let tune = serde_json::to_string(&FromPage::Tune { url: url.to_owned(), request: None, typed: true })?;
    let length = u8::try_from(tune.len()).ok().filter(|length| *length < 126).context("the URL is too long")?;
    let head = [0x81, 0x80 | length, 0, 0, 0, 0];
    stream.write_all(&[&head, tune.as_bytes()].concat()).await?;

    let mut reader = Reader::default();
    let (mut began, mut last) = (Some(began), None);
    reader.take(&buffer[end..filled])?;
    loop {
        if reader.watched.frames > 0
            && let Some(began) = began.take()
        {
            began();
        }
        let silent = last.map_or(Duration::MAX, |(_, at): (u64, Instant)| SILENCE.saturating_sub(at.elapsed()));
        let Ok(read) = timeout(silent, stream.read(&mut buffer)).await else { return Ok(reader.watched) };
        let read = read?;
        ensure!(read > 0, "the helper closed the connection");
        reader.take(&buffer[..read])?;
        // The helper goes on talking after the last frame.
        if last.is_none_or(|(frames, _)| frames != reader.watched.frames) && reader.watched.frames > 0 {
            last = Some((reader.watched.frames, Instant::now()));
        }
        if std::mem::take(&mut reader.asked) {
            stream.write_all(&PONG).await?;
        }
    }
}

/// Takes a connection's bytes as they come.
#[derive(Default)]
struct Reader {
    /// What is known of a frame's head: of the WebSocket, and of the helper's behind it.
    head: Vec<u8>,
    /// Bytes to pass over.
    passing: u64,
    /// A ping waits for its answer.
    asked: bool,
    /// Frames that come out of the cache.
    cached: u64,
    next: Option<u32>,
    watched: Watched,
}

impl Reader {
    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        while !bytes.is_empty() {
            let passed = usize::try_from(self.passing).map_or(bytes.len(), |passing| passing.min(bytes.len()));
            self.passing -= passed as u64;
            bytes = &bytes[passed..];
            // Frames are long and heads short: this is a few bytes of many.
            while self.passing == 0 && !bytes.is_empty() {
                let (first, rest) = bytes.split_at(1);
                self.head.extend(first);
                bytes = rest;
                if self.frame(u64::try_from(now).unwrap_or(u64::MAX))? {
                    self.head.clear();
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether the head is whole, and was counted.
    fn frame(&mut self, now: u64) -> Result<bool> {
        let [first, length, ..] = self.head[..] else { return Ok(false) };
        let (head, length) = match length & 0x7F {
            126 => (4, self.head.get(2..4).map(|two| u64::from(u16::from_be_bytes([two[0], two[1]])))),
            127 => (10, self.head.get(2..10).and_then(|eight| Some(u64::from_be_bytes(eight.try_into().ok()?)))),
            short => (2, Some(short.into())),
        };
        let Some(length) = length else { return Ok(false) };
        let taken = match first & 0x0F {
            BINARY => FrameHeader::LEN,
            // What the helper says is short, but for `catch_up` of no interest.
            1 => usize::try_from(length)?,
            CLOSE => bail!("the helper closed the WebSocket"),
            _ => 0,
        };
        if self.head.len() < head + taken {
            return Ok(false);
        }
        self.asked |= first & 0x0F == PING;
        if first & 0x0F == 1 {
            let text = String::from_utf8_lossy(&self.head[head..]);
            if let Some((_, frames)) =
                text.split_once(r#""type":"catch_up""#).and_then(|(_, rest)| rest.split_once(r#""frames":"#))
            {
                self.cached = frames.trim_end_matches('}').parse().context("catch_up")?;
            }
        } else if first & 0x0F == BINARY {
            let (header, _) = FrameHeader::decode(&self.head[head..])?;
            self.watched.frames += 1;
            self.watched.bytes += length - FrameHeader::LEN as u64;
            self.watched.missing += self.next.map_or(0, |next| u64::from(header.sequence.wrapping_sub(next)));
            self.watched.gaps += u64::from(header.gap);
            self.next = Some(header.sequence.wrapping_add(1));
            if self.cached == 0 {
                self.watched.delay.add(now.saturating_sub(header.received_micros));
            }
            self.cached = self.cached.saturating_sub(1);
        }
        self.passing = length - taken as u64;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match payload.len() {
            short @ 0..126 => frame.push(short as u8),
            long => {
                frame.push(126);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        frame.extend(payload);
        frame
    }

    #[test]
    fn frames_are_counted_however_the_bytes_are_cut() {
        let binary = |sequence, gap| {
            let header = FrameHeader { gap, missing: 0, sequence, received_micros: u64::MAX };
            frame(BINARY, &[&header.encode()[..], &[0x47; 188 * 7]].concat())
        };
        let all = [
            frame(1, br#"{"type":"catch_up","age_micros":5,"frames":1}"#),
            binary(4, false),
            frame(PING, b"hello"),
            binary(5, false),
            binary(9, true),
        ]
        .concat();
        for cut in [1, 2, 3, 7, 64, 1000, all.len()] {
            let mut reader = Reader::default();
            all.chunks(cut).for_each(|bytes| reader.take(bytes).unwrap());
            let Watched { frames, bytes, missing, gaps, delay } = reader.watched;
            assert_eq!((frames, bytes, missing, gaps, reader.asked), (3, 3 * 1316, 3, 1, true), "cut at {cut}");
            assert_eq!(delay.percentile(1.0), Some(0));
        }
    }
}
