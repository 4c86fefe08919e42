//! Simulated time: hours of television in a moment.

use super::super::clip::TEST_CARD;
use super::*;
use amt_shared::clock::{pes_timestamp, unwrap_near};
use amt_shared::ts::{Continuity, ContinuityTracker};
use std::io::Write as _;
use std::process::{Command, Stdio};

const FRAME: i64 = 3600;

/// The first closed GOP of the test card: 32 frames and 60 AAC frames, a sixteenth of all, loops as well.
fn first_gop() -> &'static [u8] {
    let packets = TEST_CARD.as_chunks::<PACKET_LEN>().0;
    let is_key = |bytes: &[u8; PACKET_LEN]| Packet::parse(bytes).unwrap().starts_video_random_access();
    let mut keys = packets.iter().enumerate().filter(|(_, packet)| is_key(packet)).map(|(i, _)| i);
    let (first, second) = (keys.next().unwrap(), keys.next().unwrap());
    // The tables before a key frame belong to it.
    packets[..second - first].as_flattened()
}

fn play(looper: &mut Looper<'_>, datagrams: usize) -> Vec<[u8; PACKET_LEN]> {
    let (mut out, mut frames) = (Vec::new(), Vec::new());
    for _ in 0..datagrams {
        looper.next_datagram(&mut out, &mut frames);
    }
    out.as_chunks().0.to_vec()
}

/// Follows clocks and counters as a receiver does, and fails at the first step that is not exact.
#[derive(Default)]
struct Receiver {
    counters: BTreeMap<u16, ContinuityTracker>,
    /// The last DTS, unwrapped, by PID.
    dts: BTreeMap<u16, i64>,
    pcr: Option<i64>,
    frames: u64,
}

impl Receiver {
    fn take(&mut self, bytes: &[u8; PACKET_LEN]) {
        let packet = Packet::parse(bytes).unwrap();
        let verdict = self.counters.entry(packet.pid()).or_default().check(&packet);
        assert_eq!(verdict, Continuity::Expected, "PID {}", packet.pid());
        if let Some(pcr) = packet.pcr() {
            assert_eq!(pcr.extension, 0);
            let now = self.pcr.map_or(pcr.base as i64, |last| unwrap_near(pcr.base, last));
            assert!(self.pcr.is_none_or(|last| now - last == FRAME));
            self.pcr = Some(now);
        }
        let payload = packet.payload();
        if !packet.payload_unit_start() || !payload.starts_with(&[0, 0, 1]) {
            return;
        }
        let video = payload[3] & 0xF0 == 0xE0;
        let pts = pes_timestamp(payload[9..].first_chunk().unwrap());
        let raw = if payload[7] >> 6 == 3 { pes_timestamp(payload[14..].first_chunk().unwrap()) } else { pts };
        let last = self.dts.get(&packet.pid()).copied();
        let dts = last.map_or(raw as i64, |last| unwrap_near(raw, last));
        assert!(last.is_none_or(|last| dts - last == if video { FRAME } else { 1920 }), "DTS after {last:?}: {dts}");
        self.dts.insert(packet.pid(), dts);
        // One frame of reordering, and data that comes before it is needed.
        assert!((0..=2 * FRAME).contains(&(unwrap_near(pts, dts) - dts)));
        assert!(dts > unwrap_near(self.pcr.unwrap() as u64 & (WRAP as u64 - 1), dts));
        self.frames += u64::from(video);
    }
}

#[test]
fn a_thousand_rounds_are_one_stream() {
    let mut looper = Looper::new(Clip::parse(first_gop()).unwrap());
    let mut receiver = Receiver::default();
    let (mut out, mut frames, mut due) = (Vec::new(), Vec::new(), Duration::ZERO);
    while receiver.frames < 32 * 1000 {
        assert!(looper.next_due() >= due, "time goes back");
        due = looper.next_due();
        out.clear();
        looper.next_datagram(&mut out, &mut frames);
        assert_eq!(out.len(), DATAGRAM_LEN);
        out.as_chunks().0.iter().for_each(|packet| receiver.take(packet));
    }
    assert_eq!(due.as_secs(), 1279, "999 rounds and 31 frames of 40 ms");
    assert!(frames.iter().all(|frame| *frame < 32));
}

#[test]
fn clocks_run_round_their_33_bits() {
    let clip = Clip::parse(first_gop()).unwrap();
    let rounds_before = 3 * clip.period;
    let first_pcr = clip.packets.iter().find(|p| p.has_pcr).unwrap();
    let first_pcr = Packet::parse(first_pcr.bytes).unwrap().pcr().unwrap().base;
    let mut looper = Looper::with_origin(clip, WRAP as u64 - first_pcr - rounds_before);
    let mut receiver = Receiver::default();
    while receiver.frames < 32 * 6 {
        play(&mut looper, 1).iter().for_each(|packet| receiver.take(packet));
    }
    assert!(receiver.pcr.unwrap() > WRAP && receiver.dts.values().all(|dts| *dts > WRAP));
}

#[test]
fn after_days_the_clocks_still_fit() {
    // Thirty days on the air, without playing them: all that grows is the number of rounds.
    let mut looper = Looper::new(Clip::parse(first_gop()).unwrap());
    looper.round = 30 * 86_400 * 100 / 128;
    assert_eq!(looper.next_due().as_secs(), 30 * 86_400);
    let mut receiver = Receiver::default();
    play(&mut looper, 400).iter().for_each(|packet| receiver.take(packet));
    assert!(receiver.frames > 64);
}

#[test]
fn each_frame_is_sent_within_its_own_period_and_the_next() {
    let mut looper = Looper::new(Clip::parse(TEST_CARD).unwrap());
    let (mut out, mut frames, mut sent) = (Vec::new(), Vec::new(), 0u32);
    let mut display_order = Vec::new();
    while sent < 1024 {
        let due = looper.next_due();
        frames.clear();
        looper.next_datagram(&mut out, &mut frames);
        for frame in &frames {
            sent += 1;
            // Sound follows a small frame in its 40 ms; its last datagram may wait for the next frame to fill it.
            let period = Duration::from_millis(40);
            assert!(due > period * (sent - 1) && due < period * (sent + 1), "frame {frame} at {due:?}");
            display_order.push(*frame);
        }
    }
    assert_eq!(display_order[..6], [0, 2, 1, 4, 3, 6]);
    assert_eq!(display_order[..512], display_order[512..1024]);
}

#[test]
fn ffprobe_sees_no_seam_in_two_rounds() {
    let mut looper = Looper::new(Clip::parse(TEST_CARD).unwrap());
    let packets = TEST_CARD.len() / PACKET_LEN;
    let mut stream = play(&mut looper, (2 * packets).div_ceil(PACKETS_PER_DATAGRAM));
    stream.truncate(2 * packets);
    let probe = |entries: &str| {
        let mut child = Command::new("ffprobe")
            .args([
                "-v",
                "warning",
                "-select_streams",
                entries,
                "-show_entries",
                "packet=dts,flags",
                "-of",
                "csv=p=0",
                "-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ffprobe is needed as the oracle: install ffmpeg");
        let mut stdin = child.stdin.take().unwrap();
        let bytes = stream.as_flattened().to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&bytes));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "ffprobe complains");
        let lines = String::from_utf8(output.stdout).unwrap();
        let dts = |line: &str| line.split(',').next().and_then(|dts| dts.parse::<i64>().ok());
        assert!(!lines.contains("C"), "ffprobe calls a packet corrupt");
        lines.lines().filter_map(dts).collect::<Vec<_>>()
    };
    for (stream, count, step) in [("v", 1024, FRAME), ("a", 1920, 1920)] {
        let dts = probe(stream);
        assert_eq!(dts.len(), count);
        assert!(dts.windows(2).all(|pair| pair[1] - pair[0] == step));
    }
}
