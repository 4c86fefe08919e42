//! At which ports pages may use relays that nobody typed.

use std::ops::RangeInclusive;
use std::str::FromStr;

/// UDP ports, besides the one that relays have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayPorts(Vec<RangeInclusive<u16>>);

impl RelayPorts {
    /// Whether this port is among them.
    #[must_use]
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
}

impl FromStr for RelayPorts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write ports and ranges of ports, like 2268,5000-5010";
        let port = |text: &str| text.trim().parse::<u16>().ok().filter(|port| *port != 0);
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some(port(first)?..=port(last)?).filter(|range| !range.is_empty())
        };
        text.split(',').map(range).collect::<Option<_>>().map(Self).ok_or(FORM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges_are_taken_and_nothing_else() {
        let ports: RelayPorts = "2268, 5000-5010,65535".parse().unwrap();
        assert!([2268, 5000, 5010, 65535].iter().all(|port| ports.contains(*port)));
        assert!(![2267, 4999, 5011, 53].iter().any(|port| ports.contains(*port)));
        for wrong in ["", "0", "65536", "5010-5000", "5000-", "all", "1,,2"] {
            assert!(wrong.parse::<RelayPorts>().is_err(), "{wrong}");
        }
    }
}
