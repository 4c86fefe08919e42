//! How far what came out of a damaged stream is from what came out of the clean one.

use super::*;

/// How far apart sound and picture may be after a repair: half an AAC frame, in 90 kHz ticks.
pub const HALF_FRAME: i64 = 961;

/// What may remain between sound and picture where the sound took up another grid, in ms: half a frame.
pub const GRID: f64 = 11.0;

pub fn crcs(samples: &[(Sample, u32)]) -> Vec<u32> {
    samples.iter().map(|(_, crc)| *crc).collect()
}

/// How many of `all` are missing in `some`, which must hold nothing else.
pub fn missing(all: &[u32], some: &[u32]) -> usize {
    let mut rest = all.iter();
    for crc in some {
        assert!(rest.any(|other| other == crc), "a frame that is not the source's, or out of order");
    }
    all.len() - some.len()
}

/// The PES packets of a fixture of three seconds, so often over without any seam.
pub fn seamless(name: &str, rounds: u64) -> Vec<Pes> {
    let clip = pes_packets(&fixture(name));
    let mut all = Vec::new();
    for (pid, period) in [(VIDEO, 3 * 90_000), (AUDIO, 142 * 1920)] {
        for round in 0..rounds {
            all.extend(clip.iter().filter(|pes| pes.pid == pid).cloned().map(|mut pes| {
                pes.pts = pes.pts.map(|pts| pts + round * period);
                pes.dts = pes.dts.map(|dts| dts + round * period);
                pes
            }));
        }
    }
    all.sort_by_key(|pes| pes.dts.or(pes.pts));
    all
}

/// `fixture("clip")`, 12 s of it without any seam, packet by packet.
pub fn endless() -> Vec<[u8; 188]> {
    let all = seamless("clip", 4);
    let mut muxer = Muxer::default();
    for (index, pes) in all.iter().enumerate() {
        if index % 10 == 0 {
            muxer.pat(&[(1, PMT)]);
            muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
        }
        muxer.pes(pes, Length::Declared);
    }
    packets(&muxer.ts)
}

/// Sound against picture at the end, in ms.
pub fn apart_at_end(run: &Run) -> f64 {
    let offset = |samples: &[(Sample, u32)], rate: f64| {
        let (last, _) = samples.last().expect("samples");
        last.pts as f64 * 1000.0 / rate - last.source_pts as f64 / 90.0
    };
    offset(&run.audio, 48_000.0) - offset(&run.video, 90_000.0)
}

pub fn has_time(packet: &[u8; 188]) -> bool {
    matches!(pid(packet), VIDEO | AUDIO) && packet[1] & 0x40 != 0
}

/// Decoding times go on, durations are possible ones.
pub fn orderly(run: &Run) {
    for samples in [&run.video, &run.audio] {
        for pair in samples.windows(2) {
            assert!(pair[1].0.dts >= pair[0].0.dts + u64::from(pair[0].0.duration));
            assert!((1..=900_000).contains(&pair[0].0.duration));
        }
    }
}

/// The stream with some of its bytes changed, behind the four of each packet's header.
pub fn mutated(ts: &[u8], edits: &[(usize, u8)]) -> Vec<u8> {
    let mut ts = ts.to_vec();
    for (at, byte) in edits {
        let at = at % ts.len();
        if at % 188 >= 4 {
            ts[at] = *byte;
        }
    }
    ts
}
