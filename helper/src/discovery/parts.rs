//! Which places relays are looked for in.

use std::str::FromStr;

/// What `--discovery` names. All by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Relays that the URL, `--relay` or `AMT_RELAY` name.
    pub named: bool,
    /// AMTRELAY records of the source (RFC 8777, 2.2).
    pub dns: bool,
    /// DNS-SD on the local network and in its domains (RFC 8777, 3.1.2).
    pub dns_sd: bool,
    /// The anycast addresses (RFC 7450, 7.1).
    pub anycast: bool,
}

impl Parts {
    /// Everything.
    pub const ALL: Self = Self { named: true, dns: true, dns_sd: true, anycast: true };
    /// Nothing.
    pub const NONE: Self = Self { named: false, dns: false, dns_sd: false, anycast: false };

    /// Whether relays are looked for that nobody named.
    #[must_use]
    pub const fn beyond_named(self) -> bool {
        self.dns || self.dns_sd || self.anycast
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self::ALL
    }
}

/// Parts separated by commas, or `all`, or `none`.
impl FromStr for Parts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        match words.as_slice() {
            ["all"] => return Ok(Self::ALL),
            ["none"] => return Ok(Self::NONE),
            _ => {}
        }
        words.into_iter().try_fold(Self::NONE, |parts, word| match word {
            "named" => Ok(Self { named: true, ..parts }),
            "dns" => Ok(Self { dns: true, ..parts }),
            "dns-sd" => Ok(Self { dns_sd: true, ..parts }),
            "anycast" => Ok(Self { anycast: true, ..parts }),
            _ => Err("expected any of named, dns, dns-sd and anycast, separated by commas; or all, or none".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discovery_takes_parts_all_or_none() {
        assert_eq!("all".parse(), Ok(Parts::ALL));
        assert_eq!("named,dns,dns-sd,anycast".parse(), Ok(Parts::ALL));
        assert_eq!(" anycast , named".parse(), Ok(Parts { dns: false, dns_sd: false, ..Parts::ALL }));
        assert_eq!("none".parse(), Ok(Parts::NONE));
        for wrong in ["", "named,", "all,dns", "none,dns", "carrier-pigeon", "DNS"] {
            assert!(wrong.parse::<Parts>().is_err(), "{wrong}");
        }
    }
}
