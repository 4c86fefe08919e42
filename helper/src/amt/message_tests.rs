use super::*;
use crate::reader::hex;
use proptest::prelude::*;

const MAC: Mac = Mac([0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6]);
const NONCE: u32 = 0xC0FF_EE01;
/// A General Query as relays send it: 36 bytes.
const QUERY: &str = "46c00024 00004000 01020413 00000000 e0000001 94040000 1101ec81 00000000 027d0000";
/// A join of 192.0.2.1 in 232.0.2.1: 44 bytes.
const REPORT: &str =
    "46c0002c 00004000 010203f6 00000000 e0000016 94040000 22002cfa 00000001 05000001 e8000201 c0000201";

fn golden(message: &Message<'_>, digits: &str, len: usize) {
    let bytes = hex(digits);
    assert_eq!(bytes.len(), len);
    assert_eq!(message.encode(), bytes);
    assert_eq!(Message::decode(&bytes).as_ref(), Ok(message));
}

#[test]
fn relay_discovery_bytes() {
    golden(&Message::RelayDiscovery { nonce: NONCE }, "01000000 c0ffee01", 8);
}

#[test]
fn relay_advertisement_bytes() {
    let advertisement = |relay: &str| Message::RelayAdvertisement { nonce: NONCE, relay: relay.parse().unwrap() };
    golden(&advertisement("198.51.100.7"), "02000000 c0ffee01 c6336407", 12);
    golden(&advertisement("2001:db8::7"), "02000000 c0ffee01 20010db8 00000000 00000000 00000007", 24);
}

#[test]
fn request_bytes() {
    golden(&Message::Request { flags: Protocol::Igmp.into(), nonce: NONCE }, "03000000 c0ffee01", 8);
    golden(&Message::Request { flags: Protocol::Mld.into(), nonce: NONCE }, "03010000 c0ffee01", 8);
    let flags = RequestFlags { ecn: true, ..Protocol::Mld.into() };
    golden(&Message::Request { flags, nonce: NONCE }, "03030000 c0ffee01", 8);
    let flags = RequestFlags { linux_p: true, ..RequestFlags::default() };
    golden(&Message::Request { flags, nonce: NONCE }, "03800000 c0ffee01", 8);
}

#[test]
fn membership_query_bytes() {
    let packet = hex(QUERY);
    let query = MembershipQuery { limit: false, mac: MAC, nonce: NONCE, packet: &packet, gateway: None };
    golden(&Message::MembershipQuery(query), &format!("0400 a1a2a3a4a5a6 c0ffee01 {QUERY}"), 48);

    let gateway = Some("203.0.113.5:49152".parse().unwrap());
    golden(
        &Message::MembershipQuery(MembershipQuery { gateway, ..query }),
        &format!("0401 a1a2a3a4a5a6 c0ffee01 {QUERY} c000 000000000000000000000000cb007105"),
        66,
    );
    let gateway = Some("[2001:db8::5]:49152".parse().unwrap());
    golden(
        &Message::MembershipQuery(MembershipQuery { gateway, limit: true, ..query }),
        &format!("0403 a1a2a3a4a5a6 c0ffee01 {QUERY} c000 20010db8000000000000000000000005"),
        66,
    );
}

#[test]
fn membership_update_bytes() {
    let packet = hex(REPORT);
    golden(
        &Message::MembershipUpdate { mac: MAC, nonce: NONCE, packet: &packet },
        &format!("0500 a1a2a3a4a5a6 c0ffee01 {REPORT}"),
        56,
    );
}

#[test]
fn multicast_data_bytes() {
    golden(&Message::MulticastData { packet: &[0x45, 0, 0, 20] }, "0600 45000014", 6);
}

#[test]
fn teardown_bytes() {
    golden(
        &Message::Teardown { mac: MAC, nonce: NONCE, gateway: "203.0.113.5:49152".parse().unwrap() },
        "0700 a1a2a3a4a5a6 c0ffee01 c000 000000000000000000000000cb007105",
        30,
    );
}

#[test]
fn reserved_bits_are_ignored() {
    for (set, clear) in [
        ("01ffffff c0ffee01", "01000000 c0ffee01"),
        ("02ffffff c0ffee01 c6336407", "02000000 c0ffee01 c6336407"),
        ("037cffff c0ffee01", "03000000 c0ffee01"),
        ("04fc a1a2a3a4a5a6 c0ffee01", "0400 a1a2a3a4a5a6 c0ffee01"),
        ("05ff a1a2a3a4a5a6 c0ffee01", "0500 a1a2a3a4a5a6 c0ffee01"),
        ("06ff 45", "0600 45"),
    ] {
        assert_eq!(Message::decode(&hex(set)), Message::decode(&hex(clear)));
        assert_eq!(Message::decode(&hex(set)).unwrap().encode(), hex(clear));
    }
}

#[test]
fn other_versions_and_types_are_refused_by_name() {
    assert_eq!(Message::decode(&hex("13000000 c0ffee01")), Err(Malformed::Version));
    for kind in [0, 8, 15] {
        assert_eq!(Message::decode(&[kind; 30]), Err(Malformed::Type));
    }
    assert_eq!(Message::decode(&[]), Err(Malformed::Length));
}

#[test]
fn every_length_but_the_right_ones_is_refused() {
    let zeros = |kind: u8, len: usize| {
        let mut bytes = vec![0; len];
        bytes[0] = kind;
        Message::decode(&bytes).map(drop)
    };
    let taken = |kind| (1..100).filter(|len| zeros(kind, *len).is_ok()).collect::<Vec<_>>();
    assert_eq!(taken(RELAY_DISCOVERY), [8]);
    assert_eq!(taken(RELAY_ADVERTISEMENT), [12, 24]);
    assert_eq!(taken(REQUEST), [8]);
    assert_eq!(taken(MEMBERSHIP_QUERY), (12..100).collect::<Vec<_>>());
    assert_eq!(taken(MEMBERSHIP_UPDATE), (12..100).collect::<Vec<_>>());
    assert_eq!(taken(MULTICAST_DATA), (2..100).collect::<Vec<_>>());
    assert_eq!(taken(TEARDOWN), [30]);
    // With the G flag, the gateway's endpoint must be there.
    let mut query = vec![0; 29];
    query[..2].copy_from_slice(&[MEMBERSHIP_QUERY, G_FLAG]);
    assert_eq!(Message::decode(&query), Err(Malformed::Length));
    query.push(0);
    assert!(Message::decode(&query).is_ok());
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..200)
}

proptest! {
    #[test]
    fn every_message_reads_back(
        kind in 1_u8..=7, nonce: u32, mac: [u8; 6], packet in packets(), limit: bool, mld: bool,
        address: IpAddr, port: u16, with_gateway: bool,
    ) {
        // No gateway is in 0.0.0.0/8, nor behind an IPv4-compatible address.
        prop_assume!(gateway_fields(SocketAddr::new(address, 0))[2..14] != [0; 12] || matches!(address, IpAddr::V4(v4) if v4.octets()[0] != 0));
        let endpoint = SocketAddr::new(address, port);
        let mac = Mac(mac);
        let message = match kind {
            1 => Message::RelayDiscovery { nonce },
            2 => Message::RelayAdvertisement { nonce, relay: address },
            3 => Message::Request { flags: RequestFlags { p: mld, ecn: nonce & 1 == 0, linux_p: nonce & 2 == 0 }, nonce },
            4 => Message::MembershipQuery(MembershipQuery {
                limit, mac, nonce, packet: &packet, gateway: with_gateway.then_some(endpoint),
            }),
            5 => Message::MembershipUpdate { mac, nonce, packet: &packet },
            6 => Message::MulticastData { packet: &packet },
            _ => Message::Teardown { mac, nonce, gateway: endpoint },
        };
        let bytes = message.encode();
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
    }

    #[test]
    fn any_bytes_are_a_message_or_a_named_error(mut bytes in packets(), kind in 0_u8..=16, flags: u8) {
        if bytes.len() > 1 {
            bytes[0] = kind;
            bytes[1] = flags;
        }
        if let Ok(message) = Message::decode(&bytes) {
            // Whatever was read, an endpoint's bytes above all, goes out again as it came.
            let again = message.encode();
            prop_assert_eq!(again.len(), bytes.len());
            prop_assert_eq!(Message::decode(&again), Ok(message));
            if matches!(message, Message::Teardown { .. } | Message::MembershipQuery { .. }) {
                prop_assert_eq!(&again[2..], &bytes[2..]);
            }
        }
    }
}
