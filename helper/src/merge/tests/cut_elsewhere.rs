//! Plain TS in datagrams that are cut elsewhere than at its packets.

use super::*;
use proptest::prelude::*;

/// Packets whose bytes are anything but sync bytes, so that each cut may look like RTP.
fn stream(seed: u64, packets: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Binary 10 in every other one.
        (state >> 56) as u8 | 0x80
    };
    (0..packets).flat_map(|_| std::iter::once(0x47).chain((1..188).map(|_| byte()).collect::<Vec<_>>())).collect()
}

#[test]
fn every_byte_of_it_comes_out_however_it_is_cut() {
    for length in [1472, 1316, 1400, 1328, 564, 1500] {
        for seed in 0..20 {
            let stream = stream(seed, 3000);
            let mut bench = Bench::new();
            let mut refused = 0;
            for (number, datagram) in stream.chunks(length).enumerate() {
                refused += usize::from(bench.push(ms(number as u64), A, datagram).is_err());
            }
            let out: Vec<u8> = bench.out.iter().flat_map(|out| out.ts.clone()).collect();
            assert_eq!(refused, 0, "{length}, {seed}");
            assert!(out == stream, "{length}, {seed}: {} of {} bytes", out.len(), stream.len());
        }
    }
}

proptest! {
    #![proptest_config(fewer())]

    #[test]
    fn the_place_is_found_again_after_a_loss(seed in any::<u64>(), lost in prop::collection::vec(20_usize..380, 1..20)) {
        let stream = stream(seed, 3000);
        let mut bench = Bench::new();
        let mut refused = 0;
        for (number, datagram) in stream.chunks(1472).enumerate().filter(|(number, _)| !lost.contains(number)) {
            refused += usize::from(bench.push(ms(number as u64), A, datagram).is_err());
        }
        // The first behind each loss may be taken for RTP: nothing tells it.
        prop_assert!(refused <= lost.len(), "{refused} of {}", lost.len());
    }

    #[test]
    fn rtp_is_never_taken_for_it(sequence in any::<u16>(), ssrc in any::<u32>(), seed in any::<u64>()) {
        let stream = stream(seed, 700);
        let mut bench = Bench::new();
        for (number, ts) in stream.chunks(7 * 188).enumerate() {
            let mut packet = vec![0x80, 33];
            packet.extend(sequence.wrapping_add(number as u16).to_be_bytes());
            packet.extend((number as u32 * 90).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend(ts);
            prop_assert_eq!(bench.push(ms(number as u64), A, &packet), Ok(()));
        }
        bench.run_until(ms(60_000));
        prop_assert_eq!(bench.out.iter().flat_map(|out| out.ts.clone()).collect::<Vec<_>>(), stream);
        prop_assert!(bench.merge.figures().is_rtp);
    }
}
