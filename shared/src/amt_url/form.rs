//! The forms of an address, and the parameters that each may have.
//!
//! Besides `amt://` there is what other players and people write for a group: `udp://@GROUP:PORT` and
//! `rtp://@GROUP:PORT` (VLC, and FFmpeg without the `@`), or the group alone, as a list of channels has it. The channel is
//! the same, so it is taken as if `amt://` stood there. Their own parameters, like `pkt_size`, say nothing to us and are
//! passed over; FFmpeg's `sources` names the source.

use super::{Host, UrlError};
use crate::nearest::nearest;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// No more of an unknown name is repeated to the reader.
const NAME_SHOWN: usize = 32;

/// A parameter of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Relay,
    Timeout,
    Source,
    Multicast,
    Second,
}

const PARAMETERS: [(&str, Parameter); 5] = [
    ("relay", Parameter::Relay),
    ("timeout", Parameter::Timeout),
    ("source", Parameter::Source),
    ("multicast", Parameter::Multicast),
    ("second", Parameter::Second),
];

/// Who wrote the address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `amt://`
    Amt,
    /// `udp://` or `rtp://`: what other players read.
    Player,
    /// No scheme.
    Bare,
}

impl Form {
    /// The form of this text, and what stands behind its scheme.
    pub(super) fn of(text: &str) -> Result<(Self, &str), UrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            // An address begins with a digit or a bracket; anything else was not meant for one.
            let address = text.starts_with(|first: char| first.is_ascii_digit() || first == '[');
            return if address { Ok((Self::Bare, text)) } else { Err(UrlError::Scheme) };
        };
        match scheme.to_ascii_lowercase().as_str() {
            "amt" => Ok((Self::Amt, rest)),
            "udp" | "rtp" => Ok((Self::Player, rest)),
            _ => Err(UrlError::Scheme),
        }
    }

    /// Whether the group in its place can be one of this form.
    pub(super) fn check(self, group: Option<&Host>) -> Result<(), UrlError> {
        match group {
            Some(Host::Name(_)) | None if self == Self::Bare => Err(UrlError::Scheme),
            _ => Ok(()),
        }
    }

    /// The parameters behind the `?`, with their values.
    pub(super) fn parameters(self, query: &str) -> impl Iterator<Item = Result<(Parameter, String), UrlError>> {
        let mut seen: Vec<&'static str> = Vec::new();
        query.split('&').filter(|written| !written.is_empty()).filter_map(move |written| {
            let (given, value) = written.split_once('=').unwrap_or((written, ""));
            let lower = given.to_ascii_lowercase();
            let wanted = if self == Self::Player && lower == "sources" { "source" } else { &lower };
            let Some(&(name, parameter)) = PARAMETERS.iter().find(|(name, _)| *name == wanted) else {
                return (self != Self::Player).then(|| Err(unknown(given)));
            };
            if seen.contains(&name) {
                return Some(Err(UrlError::RepeatedParameter(name)));
            }
            seen.push(name);
            let value = percent_decoded(value).trim().to_owned();
            Some(if value.is_empty() { Err(UrlError::EmptyParameter(name)) } else { Ok((parameter, value)) })
        })
    }
}

fn unknown(given: &str) -> UrlError {
    UrlError::UnknownParameter {
        given: given.chars().take(NAME_SHOWN).collect(),
        nearest: nearest(given, PARAMETERS.map(|(name, _)| name)),
    }
}

/// What to write instead of an unknown parameter.
pub(super) fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || format!("The parameters are {}.", PARAMETERS.map(|(name, _)| name).join(", ")),
        |name| format!("Did you mean “{name}”?"),
    )
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |i: usize| tail.get(i).and_then(|b| char::from(*b).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
