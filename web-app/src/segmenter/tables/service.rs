//! Service information: names of the services (SDT; EN 300 468, 5.2.3; in ATSC the virtual channel table, A/65, 6.3)
//! and what is on (EIT present/following, EN 300 468, 5.2.4).
//!
//! In: payloads of the PIDs that these tables always have. Out: what they say of the actual transport stream. Other
//! streams' tables, and schedules over days, are left out.

use super::descriptors::{Descriptors, language};
use super::psi::{Section, SectionError, Sections};
use super::text;
use crate::segmenter::map::Map;
use crate::segmenter::output::{Event, ProgramEntry, Schedule};

/// SDT, EIT and, in ATSC, PSIP.
pub(in crate::segmenter) const PIDS: [u16; 3] = [0x11, 0x12, 0x1FFB];

/// Services whose names are kept.
const SERVICES_MAX: usize = 512;
/// Modified Julian Date of 1 January 1970.
const MJD_OF_EPOCH: i64 = 40_587;
const SECONDS_A_DAY: i64 = 86_400;

/// A service as the SDT describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Service {
    name: Option<String>,
    provider: Option<String>,
    service_type: Option<u8>,
    scrambled: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::segmenter) struct Services {
    sections: [Sections; PIDS.len()],
    services: Map<u16, Service>,
    /// Of the programme that is played.
    schedule: Option<Schedule>,
    playing: Option<u16>,
}

/// What a packet told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Told {
    /// A table that is what it should be.
    pub(in crate::segmenter) table: bool,
    /// A service is another, or is called otherwise.
    pub(in crate::segmenter) names: bool,
    /// What is on is something else.
    pub(in crate::segmenter) schedule: bool,
}

impl Services {
    /// What is on in the programme that is played, once that is known.
    pub(in crate::segmenter) const fn schedule(&self) -> Option<&Schedule> {
        self.schedule.as_ref()
    }

    /// Another programme is played; whether what was on is not on any more.
    pub(in crate::segmenter) fn follow(&mut self, playing: Option<u16>) -> bool {
        if self.playing == playing {
            return false;
        }
        self.playing = playing;
        let program = playing.unwrap_or_default();
        self.schedule.as_mut().is_some_and(|schedule| {
            *schedule = Schedule { program, ..Schedule::default() };
            true
        })
    }

    /// Fills in what the SDT says of a programme.
    pub(in crate::segmenter) fn describe(&self, entry: &mut ProgramEntry) {
        if let Some(service) = self.services.get(entry.number) {
            entry.name.clone_from(&service.name);
            entry.provider.clone_from(&service.provider);
            entry.service_type = service.service_type;
            entry.scrambled |= service.scrambled;
        }
    }

    /// Packets are missing on a PID; whether it is one of service information.
    pub(in crate::segmenter) fn lost(&mut self, pid: u16) -> bool {
        let index = PIDS.iter().position(|known| *known == pid);
        if let Some(sections) = index.and_then(|index| self.sections.get_mut(index)) {
            sections.reset();
        }
        index.is_some()
    }

    /// Takes a payload of one of [`PIDS`].
    pub(in crate::segmenter) fn take(
        &mut self,
        pid: u16,
        payload: &[u8],
        start: bool,
        fault: &mut impl FnMut(SectionError),
    ) -> Told {
        let mut told = Told::default();
        let Some(index) = PIDS.iter().position(|known| *known == pid) else { return told };
        let mut sections = core::mem::take(&mut self.sections[index]);
        sections.push(payload, start, &mut |bytes| {
            let table = match *bytes {
                [0x42, ..] if pid == 0x11 => 0x42,
                // Those of other services are not worth a look at their CRC.
                [0x4E, _, _, high, low, ..] if self.playing == Some(u16::from_be_bytes([high, low])) => 0x4E,
                [table @ (0xC8 | 0xC9), ..] if pid == 0x1FFB => table,
                _ => return,
            };
            match Section::parse(bytes, table) {
                Ok(Some(section)) if section.current => {
                    told.table = true;
                    match table {
                        0x42 => told.names |= self.take_sdt(section.body),
                        0x4E => told.schedule |= self.take_eit(&section),
                        _ => told.names |= self.take_channels(section.body),
                    }
                }
                Ok(_) => {}
                Err(error) => fault(error),
            }
        });
        self.sections[index] = sections;
        told
    }

    fn keep(&mut self, number: u16, service: Service) -> bool {
        let known = self.services.get(number);
        if known == Some(&service) || known.is_none() && self.services.len() >= SERVICES_MAX {
            return false;
        }
        self.services.insert(number, service);
        true
    }

    fn take_sdt(&mut self, body: &[u8]) -> bool {
        let mut changed = false;
        let mut rest = body.get(3..).unwrap_or_default();
        while let Some((&[a, b, _, c, d], after)) = rest.split_first_chunk::<5>() {
            let Some((descriptors, after)) = after.split_at_checked(usize::from(u16::from_be_bytes([c & 0x0F, d])))
            else {
                break;
            };
            rest = after;
            let mut service = Service { scrambled: c & 0x10 != 0, ..Service::default() };
            for (tag, body) in Descriptors(descriptors) {
                // service_descriptor (6.2.33).
                if tag == 0x48
                    && let Some((service_type, body)) = body.split_first()
                    && let Some((provider, body)) = counted(body)
                {
                    service.service_type = Some(*service_type);
                    service.provider = said(text::decode(provider));
                    service.name = counted(body).and_then(|(name, _)| said(text::decode(name)));
                }
            }
            changed |= self.keep(u16::from_be_bytes([a, b]), service);
        }
        changed
    }

    fn take_eit(&mut self, section: &Section<'_>) -> bool {
        let event = section.body.get(6..).and_then(event);
        let schedule = self.schedule.get_or_insert_default();
        let before = schedule.clone();
        schedule.program = section.extension;
        match section.number {
            0 => schedule.present = event,
            1 => schedule.following = event,
            _ => {}
        }
        *schedule != before
    }

    fn take_channels(&mut self, body: &[u8]) -> bool {
        let mut changed = false;
        let mut rest = body.get(2..).unwrap_or_default();
        while let Some((channel, after)) = rest.split_first_chunk::<32>() {
            let word = |at: usize| u16::from_be_bytes([channel[at], channel[at + 1]]);
            let Some(after) = after.get(usize::from(word(30) & 0x03FF)..) else { break };
            rest = after;
            let units = channel[..14].as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            let name: String = char::decode_utf16(units.take_while(|unit| *unit != 0)).filter_map(Result::ok).collect();
            let service = Service {
                name: said(name.chars().filter(|read| !read.is_control()).collect::<String>().trim().to_owned()),
                provider: None,
                // A/65, table 6.7, as EN 300 468 numbers them.
                service_type: match word(26) & 0x3F {
                    2 => Some(1),
                    3 => Some(2),
                    _ => None,
                },
                scrambled: word(26) & 0x2000 != 0,
            };
            // Program 0 and 0xFFFF: not on air, or analogue.
            if !matches!(word(24), 0 | 0xFFFF) {
                changed |= self.keep(word(24), service);
            }
        }
        changed
    }
}

fn said(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// Bytes that their number stands before, and what follows; fewer where fewer are there.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    Some(rest.split_at_checked(usize::from(*length)).unwrap_or((rest, &[])))
}

/// Two decimal digits.
fn bcd(byte: u8) -> Option<u32> {
    let (tens, units) = (u32::from(byte >> 4), u32::from(byte & 0x0F));
    (tens < 10 && units < 10).then_some(tens * 10 + units)
}

/// Hours, minutes, seconds, as seconds.
fn clock([hours, minutes, seconds]: [u8; 3]) -> Option<u32> {
    Some((bcd(hours)? * 60 + bcd(minutes)?) * 60 + bcd(seconds)?)
}

/// The first event of a section.
fn event(bytes: &[u8]) -> Option<Event> {
    let (&[a, b, day_high, day_low, h, m, s, hours, minutes, seconds, c, d], rest) = bytes.split_first_chunk::<12>()?;
    let descriptors = rest.get(..usize::from(u16::from_be_bytes([c & 0x0F, d]))).unwrap_or(rest);
    let day = i64::from(u16::from_be_bytes([day_high, day_low])) - MJD_OF_EPOCH;
    let mut event = Event {
        id: u16::from_be_bytes([a, b]),
        start: clock([h, m, s]).map(|time| day * SECONDS_A_DAY + i64::from(time)),
        duration: clock([hours, minutes, seconds]),
        ..Event::default()
    };
    let mut extended = String::new();
    for (tag, body) in Descriptors(descriptors) {
        match (tag, body) {
            // short_event_descriptor (6.2.37): the first of several languages is told.
            (0x4D, [x, y, z, texts @ ..]) if event.language.is_none() => {
                event.language = Some(language([*x, *y, *z]).unwrap_or_default());
                if let Some((name, rest)) = counted(texts) {
                    event.name = text::decode(name);
                    event.text = counted(rest).map(|(text, _)| text::decode(text)).unwrap_or_default();
                }
            }
            // extended_event_descriptor (6.2.15), in the order of their numbers.
            (0x4E, [_, x, y, z, texts @ ..]) if extends(&event, [*x, *y, *z]) => {
                let Some((mut items, rest)) = counted(texts) else { continue };
                while let Some((what, after)) = counted(items) {
                    let Some((says, after)) = counted(after) else { break };
                    items = after;
                    let (what, says) = (text::decode(what), text::decode(says));
                    extended.push_str(if extended.is_empty() { "" } else { "\n" });
                    extended.push_str(&what);
                    extended.push_str(if what.is_empty() || says.is_empty() { "" } else { ": " });
                    extended.push_str(&says);
                }
                if let Some((more, _)) = counted(rest) {
                    extended.push_str(&text::decode(more));
                }
            }
            _ => {}
        }
    }
    if !event.text.is_empty() && !extended.is_empty() {
        event.text.push('\n');
    }
    event.text.push_str(&extended);
    event.language = event.language.filter(|code| !code.is_empty());
    Some(event)
}

fn extends(event: &Event, code: [u8; 3]) -> bool {
    event.language.is_none() || event.language == language(code)
}

#[cfg(all(test, not(target_arch = "wasm32")))]
#[path = "service_tests.rs"]
mod tests;
