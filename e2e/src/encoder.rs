//! Transport streams for tests: made by ffmpeg, and put together as splicers and restarted encoders do.

use amt_shared::ts::PACKET_LEN;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A transport stream in `dir/NAME.ts`, made by ffmpeg with these arguments, which are split at white space.
///
/// # Errors
/// Where ffmpeg cannot make it.
pub fn encode(dir: &Path, name: &str, arguments: &str) -> Result<Vec<u8>> {
    let path = dir.join(name).with_extension("ts");
    let mut command = Command::new("ffmpeg");
    command.args(["-y", "-nostdin", "-loglevel", "error"]).args(arguments.split_whitespace());
    let output = command.args(["-f", "mpegts"]).arg(&path).output().context("cannot start ffmpeg")?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(fs::read(path)?)
}

/// Parts one behind the other with continuity counters that go on, as a splicer sends them: nothing looks lost.
#[must_use]
pub fn splice(parts: &[&[u8]]) -> Vec<u8> {
    let mut ts = parts.concat();
    let mut counters = BTreeMap::new();
    for packet in ts.as_chunks_mut::<PACKET_LEN>().0 {
        let pid = u16::from_be_bytes([packet[1] & 0x1F, packet[2]]);
        let has_payload = packet[3] & 0x10 != 0;
        let counter = counters.entry(pid).or_insert(packet[3] & 0x0F);
        packet[3] = packet[3] & 0xF0 | *counter;
        if has_payload {
            *counter = (*counter + 1) & 0x0F;
        }
    }
    ts
}

/// A stream as somebody gets it who joins when so much of it is over, a part between 0 and 1.
#[must_use]
pub fn joined_at(ts: &[u8], part: f64) -> Vec<u8> {
    let packets = ts.len() / PACKET_LEN;
    ts[(packets as f64 * part) as usize * PACKET_LEN..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_splice_shows_in_no_counter() {
        let packet = |counter: u8| {
            let mut packet = [0xFF; PACKET_LEN];
            packet[..4].copy_from_slice(&[0x47, 1, 0, 0x10 | counter]);
            packet
        };
        let (first, second) = ([packet(14), packet(15)].concat(), [packet(7), packet(8)].concat());
        let counters: Vec<_> = splice(&[&first, &second]).chunks(PACKET_LEN).map(|packet| packet[3] & 0x0F).collect();
        assert_eq!(counters, [14, 15, 0, 1]);
    }
}
