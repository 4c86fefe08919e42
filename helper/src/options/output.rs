//! Where `receive` puts the transport stream.

use std::path::PathBuf;
use std::str::FromStr;

/// `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// `-`
    Stdout,
    /// A file, written anew.
    File(PathBuf),
    /// Datagrams as they came, to this `HOST:PORT`.
    Udp(String),
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Ok(Self::Stdout);
        }
        let Some(place) = text.strip_prefix("udp://") else {
            return Ok(Self::File(text.into()));
        };
        let place = place.trim_end_matches('/').trim_start_matches('@');
        match place.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => {
                Ok(Self::Udp(place.to_owned()))
            }
            _ => Err("expected something like udp://127.0.0.1:3000".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_apart() {
        assert_eq!("-".parse(), Ok(Output::Stdout));
        assert_eq!("a.ts".parse(), Ok(Output::File("a.ts".into())));
        assert_eq!("udp://127.0.0.1:3000".parse(), Ok(Output::Udp("127.0.0.1:3000".into())));
        assert_eq!("udp://@[::1]:3000".parse(), Ok(Output::Udp("[::1]:3000".into())));
        assert!("udp://127.0.0.1".parse::<Output>().is_err());
    }
}
