//! The AMTRELAY record (RFC 8777, 4): which relay has the multicast of a source.
//!
//! In goes the RDATA of a record of type 260; out comes a [`Record`]. Dropped by name: a type that is not
//! defined, a relay field that does not fit its type, and a domain name that is compressed or none.

use crate::reader::{Reader, Truncated};
use std::fmt;
use std::net::IpAddr;

/// The type code of AMTRELAY (4.1).
pub const TYPE: u16 = 260;
/// The longest domain name on the wire, its root label included (RFC 1035, 3.1).
const MAX_NAME: usize = 255;
/// The longest label; the two bits above it would make a compressed name (RFC 1035, 4.1.4).
const MAX_LABEL: u8 = 63;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Lower ones are to be tried first (4.2.1).
    pub precedence: u8,
    /// The D bit: a Request may go to the relay without a Relay Discovery before it (4.2.2).
    pub discovery_optional: bool,
    /// Where the relay is.
    pub relay: Relay,
}

/// The relay of a record (4.2.3, 4.2.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Relay {
    /// Type 0: no relay is to be used for this source.
    None,
    /// Types 1 and 2.
    Address(IpAddr),
    /// Type 3.
    Name(Name),
}

/// A domain name as it stands on the wire, not compressed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(Vec<u8>);

/// Why RDATA is no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends before its fields do.
    #[error("truncated")]
    Truncated,
    /// The relay field goes on after its end.
    #[error("trailing bytes")]
    Trailing,
    /// A type from 4 up, which is not to be considered (4.2.3).
    #[error("undefined relay type {0}")]
    Type(u8),
    /// The domain name is compressed, which is not allowed (4.2.3).
    #[error("a compressed domain name")]
    Compressed,
    /// The domain name is longer than any can be, or only the root.
    #[error("no usable domain name")]
    Name,
}

impl From<Truncated> for Malformed {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl Record {
    /// Reads RDATA (4.2).
    ///
    /// # Errors
    /// What makes it no record.
    pub fn decode(rdata: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(rdata);
        let precedence = reader.u8()?;
        let kind = reader.u8()?;
        let relay = match kind & 0x7F {
            0 => Relay::None,
            1 => Relay::Address(reader.ipv4()?.into()),
            2 => Relay::Address(reader.ipv6()?.into()),
            3 => Relay::Name(Name::decode(&mut reader)?),
            other => return Err(Malformed::Type(other)),
        };
        if reader.len() > 0 {
            return Err(Malformed::Trailing);
        }
        Ok(Self { precedence, discovery_optional: kind & 0x80 != 0, relay })
    }

    /// Writes RDATA (4.2).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, relay) = match &self.relay {
            Relay::None => (0, Vec::new()),
            Relay::Address(IpAddr::V4(address)) => (1, address.octets().to_vec()),
            Relay::Address(IpAddr::V6(address)) => (2, address.octets().to_vec()),
            Relay::Name(name) => (3, name.0.clone()),
        };
        let mut rdata = vec![self.precedence, kind | u8::from(self.discovery_optional) << 7];
        rdata.extend(relay);
        rdata
    }
}

impl Name {
    /// The bytes on the wire, from the first length to the root label.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut wire = Vec::new();
        loop {
            let len = reader.u8()?;
            if len > MAX_LABEL {
                return Err(Malformed::Compressed);
            }
            wire.push(len);
            wire.extend(reader.slice(len.into())?);
            if wire.len() > MAX_NAME {
                return Err(Malformed::Name);
            }
            if len == 0 {
                break;
            }
        }
        if wire.len() == 1 { Err(Malformed::Name) } else { Ok(Self(wire)) }
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (&len, tail) = rest.split_first().filter(|(len, _)| **len > 0)?;
            let (label, tail) = tail.split_at_checked(len.into())?;
            rest = tail;
            Some(label)
        })
    }
}

/// As in a zone file (4.3.1), where a byte that could be mistaken is written by its number (RFC 1035, 5.1).
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => write!(f, "\\{}", char::from(byte))?,
                    0x21..=0x7E => write!(f, "{}", char::from(byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

/// The presentation format without the type's name (4.3.1), like `10 0 1 203.0.113.15`.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.precedence, u8::from(self.discovery_optional))?;
        match &self.relay {
            Relay::None => write!(f, "0 ."),
            Relay::Address(IpAddr::V4(address)) => write!(f, "1 {address}"),
            Relay::Address(IpAddr::V6(address)) => write!(f, "2 {address}"),
            Relay::Name(name) => write!(f, "3 {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::hex;
    use proptest::prelude::*;

    fn golden(digits: &str, presentation: &str) {
        let rdata = hex(digits);
        let record = Record::decode(&rdata).unwrap();
        assert_eq!(record.to_string(), presentation);
        assert_eq!(record.encode(), rdata);
    }

    #[test]
    fn the_examples_of_the_rfc() {
        golden("0a 01 cb00710f", "10 0 1 203.0.113.15");
        golden("0a 02 20010db8 00000000 00000000 0000000f", "10 0 2 2001:db8::f");
        // The RFC's own bytes lack the root label that a wire-encoded name ends with (RFC 1035, 3.1).
        golden("80 83 09616d7472656c617973 076578616d706c65 03636f6d 00", "128 1 3 amtrelays.example.com.");
        golden("ff 00", "255 0 0 .");
        golden("00 80", "0 1 0 .");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let decode = |digits: &str| Record::decode(&hex(digits));
        for short in ["", "0a", "0a01", "0a01cb0071", "0a0220010db8", "0a03", "0a0303616263"] {
            assert_eq!(decode(short), Err(Malformed::Truncated), "{short}");
        }
        for long in ["0a00 00", "0a01cb00710f00", "0a03016100 00"] {
            assert_eq!(decode(long), Err(Malformed::Trailing), "{long}");
        }
        assert_eq!(decode("0a04 00000000"), Err(Malformed::Type(4)));
        assert_eq!(decode("0aff"), Err(Malformed::Type(127)));
        assert_eq!(decode("0a03 c00c"), Err(Malformed::Compressed));
        assert_eq!(decode("0a03 0161 c00c"), Err(Malformed::Compressed));
        assert_eq!(decode("0a03 00"), Err(Malformed::Name));
        let label = format!("3f{}", "61".repeat(63));
        assert!(decode(&format!("0a03 {}{}00", label.repeat(3), format_args!("3d{}", "61".repeat(61)))).is_ok());
        assert_eq!(decode(&format!("0a03 {}00", label.repeat(4))), Err(Malformed::Name));
    }

    #[test]
    fn a_name_is_written_so_that_nothing_can_be_mistaken() {
        let record = Record::decode(&hex("0003 04 612e0a5c 02 c3bc 00")).unwrap();
        assert_eq!(record.to_string(), r"0 0 3 a\.\010\\.\195\188.");
    }

    fn relay() -> impl Strategy<Value = Relay> {
        let label = prop::collection::vec(any::<u8>(), 1..=63);
        let name = prop::collection::vec(label, 1..=3).prop_map(|labels| {
            let mut wire: Vec<u8> =
                labels.into_iter().flat_map(|label| [vec![label.len() as u8], label].concat()).collect();
            wire.push(0);
            Relay::Name(Name(wire))
        });
        prop_oneof![Just(Relay::None), any::<IpAddr>().prop_map(Relay::Address), name]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(precedence: u8, discovery_optional: bool, relay in relay()) {
            let record = Record { precedence, discovery_optional, relay };
            prop_assert_eq!(Record::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn any_bytes_make_a_record_that_says_the_same_or_a_reason(
            rdata in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                // Types that exist, and labels that fit, more often than chance has them.
                (any::<u8>(), 0u8..5, prop::collection::vec(0u8..4, 0..20))
                    .prop_map(|(precedence, kind, rest)| [vec![precedence, kind], rest].concat()),
            ]
        ) {
            if let Ok(record) = Record::decode(&rdata) {
                prop_assert_eq!(record.encode(), rdata);
                prop_assert!(record.to_string().is_ascii());
            }
        }
    }
}
