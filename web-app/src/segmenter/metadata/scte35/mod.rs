//! Splice information sections (ANSI/SCTE 35, 9.6 and 9.7).
//!
//! In: a section of `table_id` 0xFC, whole. Out: what it says, with `pts_adjustment` added to every time, modulo 2³³.
//! A section whose CRC does not agree, or whose command cannot be read, is dropped; descriptors that run over the end
//! of theirs are left out. Of an encrypted section only that is told.

mod descriptors;

use amt_shared::clock::WRAP;
use amt_shared::section::crc32;

use super::bytes::Bytes;
use crate::segmenter::output::{BreakDuration, ScheduledSplice, Splice, SpliceCommand, SpliceComponent, SpliceInsert};
use crate::segmenter::tables::psi::SectionError;

/// `table_id` of splice information sections.
pub(super) const TABLE_ID: u8 = 0xFC;
/// `utc_splice_time` counts from 1980-01-06 00:00 UTC, without leap seconds: that in seconds since the Unix epoch.
const UTC_SPLICE_EPOCH: i64 = 315_964_800;
/// `splice_command_length` where its writer did not know it.
const LENGTH_UNKNOWN: usize = 0xFFF;
const MASK: u64 = WRAP as u64 - 1;

/// When a command is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// It has no time, or several, or one of day.
    NoTime,
    /// At once.
    Immediate,
    /// A 33-bit time of the programme, 90 kHz.
    At(u64),
}

/// A section and when its command is due. Times of components stand in `source_pts`, 33 bits, not unwrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) splice: Splice,
    pub(super) when: When,
}

/// Reads a section.
///
/// # Errors
/// Where its CRC does not agree, or it cannot be what it says.
pub(super) fn parse(section: &[u8]) -> Result<Parsed, SectionError> {
    if crc32(section) != 0 {
        return Err(SectionError::Crc);
    }
    read(section).ok_or(SectionError::Form)
}

fn read(section: &[u8]) -> Option<Parsed> {
    let (body, _crc) = section.split_last_chunk::<4>()?;
    let mut bytes = Bytes(body);
    // The table's id and the length, by which the section was cut out; then `protocol_version`.
    if bytes.take(3)?.first() != Some(&TABLE_ID) || bytes.u8()? != 0 {
        return None;
    }
    let adjustment = bytes.u40()?;
    let (encrypted, algorithm, pts_adjustment) =
        (adjustment >> 39 == 1, (adjustment >> 33) as u8 & 0x3F, adjustment & MASK);
    let key = bytes.u8()?;
    let [a, b, c] = *bytes.take(3)?.first_chunk()?;
    let tier = u16::from(a) << 4 | u16::from(b >> 4);
    let length = usize::from(b & 0x0F) << 8 | usize::from(c);
    let section = section.to_vec();
    if encrypted {
        let command = SpliceCommand::Encrypted { algorithm, key };
        let splice = Splice { tier, pts_adjustment, command, descriptors: Vec::new(), section };
        return Some(Parsed { splice, when: When::NoTime });
    }
    let kind = bytes.u8()?;
    let (mut inside, after) = match length {
        // Then it ends where its syntax does.
        LENGTH_UNKNOWN => (bytes, None),
        _ => {
            let inside = Bytes(bytes.take(length)?);
            (inside, Some(bytes))
        }
    };
    let (command, when) = self::command(kind, &mut inside, pts_adjustment)?;
    // What stands behind a command within its length is for later versions of it.
    let mut rest = after.unwrap_or(inside);
    let length = usize::from(rest.u16()?);
    let descriptors = descriptors::parse(rest.take(length).unwrap_or(rest.0));
    Some(Parsed { splice: Splice { tier, pts_adjustment, command, descriptors, section }, when })
}

fn command(kind: u8, bytes: &mut Bytes<'_>, adjustment: u64) -> Option<(SpliceCommand, When)> {
    Some(match kind {
        0x00 => (SpliceCommand::Null, When::NoTime),
        0x04 => (schedule(bytes)?, When::NoTime),
        0x05 => insert(bytes, adjustment)?,
        0x06 => {
            let time = splice_time(bytes, adjustment)?;
            (SpliceCommand::TimeSignal, time.map_or(When::Immediate, When::At))
        }
        0x07 => (SpliceCommand::BandwidthReservation, When::NoTime),
        0xFF => {
            let identifier = bytes.u32()?;
            let data = core::mem::take(&mut bytes.0).to_vec();
            (SpliceCommand::Private { identifier, data }, When::NoTime)
        }
        kind => {
            bytes.0 = &[];
            (SpliceCommand::Unknown(kind), When::NoTime)
        }
    })
}

/// `splice_time()` (9.8.1); `Some(None)` where it says no time.
fn splice_time(bytes: &mut Bytes<'_>, adjustment: u64) -> Option<Option<u64>> {
    if bytes.0.first()? & 0x80 == 0 {
        bytes.u8()?;
        return Some(None);
    }
    Some(Some((bytes.u40()? & MASK).wrapping_add(adjustment) & MASK))
}

fn break_duration(bytes: &mut Bytes<'_>) -> Option<BreakDuration> {
    let value = bytes.u40()?;
    Some(BreakDuration { auto_return: value >> 39 == 1, ticks: value & MASK })
}

fn insert(bytes: &mut Bytes<'_>, adjustment: u64) -> Option<(SpliceCommand, When)> {
    let mut insert = SpliceInsert { event: bytes.u32()?, cancel: bytes.u8()? & 0x80 != 0, ..SpliceInsert::default() };
    if insert.cancel {
        return Some((SpliceCommand::Insert(insert), When::NoTime));
    }
    let flags = bytes.u8()?;
    insert.out_of_network = flags & 0x80 != 0;
    insert.immediate = flags & 0x10 != 0;
    let mut when = if insert.immediate { When::Immediate } else { When::NoTime };
    if flags & 0x40 != 0 {
        if !insert.immediate
            && let Some(time) = splice_time(bytes, adjustment)?
        {
            when = When::At(time);
        }
    } else {
        for _ in 0..bytes.u8()? {
            let tag = bytes.u8()?;
            let time = if insert.immediate { None } else { splice_time(bytes, adjustment)? };
            let source_pts = time.map(|time| time as i64);
            insert.components.push(SpliceComponent { tag, pts: None, source_pts });
        }
    }
    if flags & 0x20 != 0 {
        insert.duration = Some(break_duration(bytes)?);
    }
    insert.program = bytes.u16()?;
    insert.avail = bytes.u8()?;
    insert.avails_expected = bytes.u8()?;
    Some((SpliceCommand::Insert(insert), when))
}

fn schedule(bytes: &mut Bytes<'_>) -> Option<SpliceCommand> {
    let mut splices = Vec::new();
    for _ in 0..bytes.u8()? {
        let mut splice =
            ScheduledSplice { event: bytes.u32()?, cancel: bytes.u8()? & 0x80 != 0, ..ScheduledSplice::default() };
        if !splice.cancel {
            let flags = bytes.u8()?;
            splice.out_of_network = flags & 0x80 != 0;
            let utc = |bytes: &mut Bytes<'_>| Some(i64::from(bytes.u32()?) + UTC_SPLICE_EPOCH);
            if flags & 0x40 != 0 {
                splice.at = Some(utc(bytes)?);
            } else {
                for _ in 0..bytes.u8()? {
                    splice.components.push((bytes.u8()?, utc(bytes)?));
                }
            }
            if flags & 0x20 != 0 {
                splice.duration = Some(break_duration(bytes)?);
            }
            splice.program = bytes.u16()?;
            splice.avail = bytes.u8()?;
            splice.avails_expected = bytes.u8()?;
        }
        splices.push(splice);
    }
    Some(SpliceCommand::Schedule(splices))
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
