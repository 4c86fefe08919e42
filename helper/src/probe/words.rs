//! A report as a person reads it: sections, aligned columns, the verdict last.

use super::report::Report;
use super::steps::{Name, Outcome, Step};
use super::stream::{Figures, Kind, ProgramFigures, StreamFigures};
use amt_shared::ts::{NULL_PID, PACKET_LEN};
use std::fmt;

/// Lengths of datagrams and PIDs without a program that are told.
const MAX_SHOWN: usize = 8;
/// Where there is nothing to tell.
const NOTHING: &str = "–";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.channel)?;
        self.steps(f)?;
        if let Some(stream) = &self.stream {
            self.datagrams(f, stream)?;
            if stream.is_ts {
                transport_stream(f, stream)?;
            }
            checks(f, stream)?;
        }
        if !self.remarks.is_empty() {
            writeln!(f, "\nRemarks")?;
            self.remarks.iter().try_for_each(|remark| writeln!(f, "  {remark}"))?;
        }
        write!(f, "\n{}", self.verdict.sentence)
    }
}

impl Report {
    fn steps(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nPath")?;
        let mut table = Table::new(&[Side::Left, Side::Right, Side::Right, Side::Left]);
        if self.steps.is_empty() {
            return writeln!(f, "  no steps");
        }
        table.row(["step", "at", "took", ""]);
        for step in &self.steps {
            let took = step.took_ms.map(millis).unwrap_or_else(|| NOTHING.to_owned());
            table.row([name(step.name), &format!("{:.3} s", step.at_ms / 1e3), &took, &detail(step)]);
        }
        table.write(f, "  ")?;
        for candidate in &self.candidates {
            writeln!(f, "  relay {}, from {}", candidate.relay, candidate.why)?;
        }
        let Some(way) = &self.way else { return Ok(()) };
        let through = match (way.tunnel, way.relay) {
            (Some(tunnel), Some(relay)) if tunnel != relay => format!("AMT through {relay}, discovered at {tunnel}"),
            (_, Some(relay)) => format!("AMT through {relay}"),
            _ => "native multicast".to_owned(),
        };
        let changes = match way.changes {
            0 => String::new(),
            1 => "; the path changed once".to_owned(),
            times => format!("; the path changed {times} times"),
        };
        writeln!(f, "  Chosen: {through} ({}{changes}).", way.why)
    }

    fn datagrams(&self, f: &mut fmt::Formatter<'_>, stream: &Figures) -> fmt::Result {
        let (arrivals, counters) = (&stream.arrivals, &self.counters);
        writeln!(f, "\nDatagrams: {} in {:.1} s", arrivals.datagrams, arrivals.span_ms as f64 / 1e3)?;
        let mut table = Table::new(&[Side::Left, Side::Left]);
        if let Some(mean) = arrivals.mean_bps {
            let peak = arrivals.peak_bps.map(|peak| format!(", peak {} (100 ms)", rate(peak))).unwrap_or_default();
            table.row(["rate", &format!("mean {}{peak}", rate(mean))]);
        }
        let size = |bytes: usize| match bytes % PACKET_LEN {
            0 => format!("{bytes} bytes ({} × {PACKET_LEN})", bytes / PACKET_LEN),
            _ => format!("{bytes} bytes"),
        };
        let sizes = match &arrivals.sizes[..] {
            [only] => size(only.bytes),
            several => {
                let shown = several.iter().take(MAX_SHOWN);
                shown.map(|one| format!("{} × {}", one.datagrams, size(one.bytes))).collect::<Vec<_>>().join(", ")
            }
        };
        table.row(["size", &sizes]);
        if let (Some(mean), Some(deviation), Some(gap), Some(at)) =
            (arrivals.mean_gap_ms, arrivals.gap_deviation_ms, arrivals.longest_gap_ms, arrivals.longest_gap_at_ms)
        {
            let at = at as f64 / 1e3;
            let distance =
                format!("mean {}, deviation {}, longest {} at {at:.3} s", millis(mean), millis(deviation), millis(gap));
            table.row(["inter-arrival time", &distance]);
        }
        let rtp = if counters.rtp {
            let jitter = millis(counters.rtp_jitter_micros as f64 / 1e3);
            format!(
                "{} lost, {} late, {} reordered, {} duplicate, {} recovered; jitter {jitter}",
                counters.rtp_lost,
                counters.rtp_late,
                counters.rtp_reordered,
                counters.rtp_duplicates,
                counters.rtp_recovered
            )
        } else {
            "none (plain UDP)".to_owned()
        };
        table.row(["RTP", &rtp]);
        table.row(["dropped by socket", &counters.socket_dropped.to_string()]);
        if counters.reassembled + counters.reassembly_failed > 0 {
            let (whole, incomplete) = (counters.reassembled, counters.reassembly_failed);
            let fragments = format!("{whole} packets reassembled, {incomplete} incomplete");
            table.row(["fragments", &fragments]);
        }
        for (reason, count) in &counters.discarded {
            table.row(["discarded", &format!("{count} × {reason}")]);
        }
        table.write(f, "  ")
    }
}

fn transport_stream(f: &mut fmt::Formatter<'_>, stream: &Figures) -> fmt::Result {
    let id = stream.transport_stream_id.map(|id| format!(" {id}")).unwrap_or_default();
    let pat = stream.longest_pat_interval_ms.map(|longest| format!("; longest PAT interval {}", millis(longest)));
    writeln!(
        f,
        "\nTransport stream{id}: {} packets, {} lost, {} null{}",
        stream.packets,
        stream.packets_lost,
        stream.null_packets,
        pat.unwrap_or_default()
    )?;
    stream.programs.iter().try_for_each(|program| write_program(f, program))?;
    let others: Vec<_> = stream.other_pids.iter().filter(|other| other.pid != NULL_PID).collect();
    if !others.is_empty() {
        let shown = others.iter().take(MAX_SHOWN).map(|other| match other.role {
            Some(role) => format!("{role} {}", other.pid),
            None => format!("{} ({} packets)", other.pid, other.packets),
        });
        let more = others.len().saturating_sub(MAX_SHOWN);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        writeln!(f, "  other PIDs: {}{more}", shown.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn write_program(f: &mut fmt::Formatter<'_>, program: &ProgramFigures) -> fmt::Result {
    let name = program.name.as_ref().map(|name| format!(" “{name}”")).unwrap_or_default();
    let provider = program.provider.as_ref().map(|provider| format!(" ({provider})")).unwrap_or_default();
    let longest = millis(program.longest_pmt_interval_ms);
    let pmt = match program.pmt_came {
        true => format!("longest interval {longest}"),
        false => format!("not seen for {longest}"),
    };
    writeln!(f, "  programme {}{name}{provider}: PMT on PID {}, {pmt}", program.number, program.pmt_pid)?;
    if let (Some(pid), Some(pcr)) = (program.pcr_pid, &program.pcr) {
        let mut parts = vec![format!("{} PCRs", pcr.count)];
        if let (Some(mean), Some(longest)) = (pcr.mean_interval_ms, pcr.longest_interval_ms) {
            parts.push(format!("every {}, longest {}", millis(mean), millis(longest)));
        }
        if let (Some(peaks), Some(rms)) = (pcr.jitter_peak_to_peak_micros, pcr.jitter_rms_micros) {
            let (peaks, rms) = (millis(peaks / 1e3), millis(rms / 1e3));
            parts.push(format!("arrival jitter {peaks} peak-to-peak, {rms} RMS"));
        }
        if let Some(drift) = pcr.drift_ppm {
            parts.push(format!("drift {drift:+.1} ppm"));
        }
        match (pcr.constant_bps, pcr.accuracy_nanos) {
            (Some(bps), Some(nanos)) => {
                parts.push(format!("constant bit rate {}, PCR accuracy ±{nanos:.0} ns", rate(bps)));
            }
            _ => parts.push("variable bit rate".to_owned()),
        }
        writeln!(f, "    PCR on PID {pid}: {}", parts.join("; "))?;
    }
    let columns = [
        Side::Right,
        Side::Left,
        Side::Left,
        Side::Left,
        Side::Right,
        Side::Right,
        Side::Right,
        Side::Left,
        Side::Left,
    ];
    let mut table = Table::new(&columns);
    if !program.streams.is_empty() {
        table.row(["PID", "kind", "codec", "language", "rate", "lost", "PTS interval", "ahead of PCR", "key frames"]);
    }
    program.streams.iter().for_each(|stream| table.row(stream_row(stream).each_ref().map(String::as_str)));
    table.write(f, "    ")
}

fn stream_row(stream: &StreamFigures) -> [String; 9] {
    let kind = match stream.kind {
        Kind::Video => "video",
        Kind::Audio => "audio",
        Kind::Text => "text",
        Kind::Data => "data",
        Kind::Unknown => "?",
    };
    let nothing = || NOTHING.to_owned();
    let codec = match stream.kind {
        Kind::Unknown => format!("{} 0x{:02X}", stream.codec, stream.stream_type),
        _ => stream.codec.to_owned(),
    };
    let languages = if stream.languages.is_empty() { nothing() } else { stream.languages.join(",") };
    let packets = &stream.packets;
    let came = match packets.bps {
        _ if packets.packets == 0 => "none".to_owned(),
        Some(bps) => rate(bps),
        None => nothing(),
    };
    let encrypted = if packets.scrambled_packets > 0 { " (scrambled)" } else { "" };
    let pts = stream.pts.as_ref();
    let every = pts.and_then(|pts| pts.mean_interval_ms).map(millis);
    let ahead = pts.and_then(|pts| pts.least_ahead_ms.zip(pts.most_ahead_ms));
    let ahead = ahead.map(|(least, most)| (format!("{least:.0}"), format!("{most:.0}")));
    let ahead = ahead.map(|(least, most)| if least == most { least } else { format!("{least} to {most}") } + " ms");
    let key_frames = (stream.kind == Kind::Video).then(|| {
        let (frames, marked) = (stream.key_frames, stream.random_access_points);
        let marked = if marked < frames { format!(" ({marked} marked)") } else { String::new() };
        let every = stream.longest_key_frame_interval_ms.map(|longest| format!(", at most {} apart", millis(longest)));
        format!("{frames}{marked}{}", every.unwrap_or_default())
    });
    [
        packets.pid.to_string(),
        kind.to_owned(),
        format!("{codec}{encrypted}"),
        languages,
        came,
        packets.packets_lost.to_string(),
        every.unwrap_or_else(nothing),
        ahead.unwrap_or_else(nothing),
        key_frames.unwrap_or_default(),
    ]
}

fn checks(f: &mut fmt::Formatter<'_>, stream: &Figures) -> fmt::Result {
    writeln!(f, "\nETSI TR 101 290")?;
    let mut table = Table::new(&[Side::Left, Side::Left, Side::Right, Side::Left]);
    for check in &stream.checks {
        let errors = match check.errors {
            None => "not checked".to_owned(),
            Some(0) => "ok".to_owned(),
            Some(errors) => errors.to_string(),
        };
        let first = check.first.as_ref();
        let first = first.map(|first| format!("first at {:.3} s: {}", first.at_ms as f64 / 1e3, first.what));
        table.row([check.number, check.name, &errors, &first.unwrap_or_default()]);
    }
    table.write(f, "  ")
}

const fn name(name: Name) -> &'static str {
    match name {
        Name::LookUp => "look-up",
        Name::Discovery => "discovery",
        Name::Request => "request",
        Name::Update => "update",
        Name::FirstPacket => "first packet",
        Name::FirstKeyFrame => "first key frame",
    }
}

fn detail(step: &Step) -> String {
    match (step.outcome, step.attempts) {
        (Outcome::Done, 1) => step.detail.clone(),
        (Outcome::Done, times) => format!("{} (tried {times} times)", step.detail),
        (Outcome::Failed | Outcome::Unanswered, 1) => format!("{}: failed", step.detail),
        (Outcome::Failed | Outcome::Unanswered, times) => format!("{}: failed (tried {times} times)", step.detail),
    }
}

/// Bits a second as people say them.
pub(super) fn rate(bps: u64) -> String {
    let bps = bps as f64;
    if bps >= 1e6 { format!("{:.2} Mbit/s", bps / 1e6) } else { format!("{:.1} kbit/s", bps / 1e3) }
}

/// Milliseconds with three digits or so.
fn millis(ms: f64) -> String {
    match ms {
        1000.0.. => format!("{:.2} s", ms / 1e3),
        100.0.. => format!("{ms:.0} ms"),
        10.0.. => format!("{ms:.1} ms"),
        0.1.. => format!("{ms:.2} ms"),
        _ => format!("{:.1} µs", ms * 1e3),
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Rows whose columns stand below each other.
struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new(sides: &[Side]) -> Self {
        Self { sides: sides.to_vec(), rows: Vec::new() }
    }

    fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| (*cell).to_owned()).collect());
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: &str) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.sides.len()).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, side), width) in row.iter().zip(&self.sides).zip(&widths) {
                match side {
                    Side::Left => line.push_str(&format!("{cell:<width$}  ")),
                    Side::Right => line.push_str(&format!("{cell:>width$}  ")),
                }
            }
            writeln!(f, "{indent}{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        struct Shown(Table);
        impl fmt::Display for Shown {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write(f, "  ")
            }
        }
        let mut table = Table::new(&[Side::Left, Side::Right, Side::Left]);
        table.row(["é", "1", "first"]);
        table.row(["long", "1000", ""]);
        assert_eq!(Shown(table).to_string(), "  é        1  first\n  long  1000\n");
    }

    #[test]
    fn figures_have_three_digits_or_so() {
        let told = [12_345.6, 123.4, 12.34, 1.234, 0.01234].map(millis);
        assert_eq!(told, ["12.35 s", "123 ms", "12.3 ms", "1.23 ms", "12.3 µs"]);
        assert_eq!([rate(5_264_000), rate(96_000)], ["5.26 Mbit/s", "96.0 kbit/s"]);
    }
}
