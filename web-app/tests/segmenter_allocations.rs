//! What the segmenter asks of the allocator: nothing for a packet, a little for a segment.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_shared::ts::PACKET_LEN;
use amt_web_app::segmenter::{Options, Output, Segmenter};
use segmenter_support::{AUDIO, VIDEO, fixture, packets, pid};

/// Packets in which the jump back to the stream's beginning is over.
const SETTLED: usize = 80;

/// What the page asks for, by either choice of the viewer.
const AS_THE_PAGE: [bool; 2] = [true, false];

/// Each packet of the stream with its allocations and the segments that it completes. The segmenter has been through the
/// stream before, so that its buffers have their sizes.
fn of_each_packet(name: &str, wait_for_random_access: bool) -> Vec<([u8; PACKET_LEN], u64, usize)> {
    let stream = packets(&fixture(name));
    let options = Options { wait_for_random_access, make_up_pictures: true, ..Options::default() };
    let mut segmenter = Segmenter::new(options);
    let mut take = |packet: &[u8; PACKET_LEN]| {
        let mut given = 0;
        let allocations = allocation_counter::measure(|| segmenter.push(packet, 0)).count_total;
        while let Some(output) = segmenter.poll() {
            given += usize::from(matches!(output, Output::Media(_)));
        }
        (*packet, allocations, given)
    };
    for packet in &stream {
        take(packet);
    }
    stream.iter().map(take).skip(SETTLED).collect()
}

fn streams() -> impl Iterator<Item = (&'static str, bool)> {
    ["clip", "open_gop", "sliced", "hevc"].into_iter().flat_map(|name| AS_THE_PAGE.map(|wait| (name, wait)))
}

/// Where a PES packet begins, parameter sets may be read anew: those are left out here.
#[test]
fn a_packet_that_goes_on_with_picture_or_sound_and_completes_nothing_allocates_nothing() {
    for (name, wait) in streams() {
        let packets = of_each_packet(name, wait);
        let goes_on = |packet: &[u8; PACKET_LEN]| matches!(pid(packet), VIDEO | AUDIO) && packet[1] & 0x40 == 0;
        let idle = packets.iter().filter(|(packet, _, given)| goes_on(packet) && *given == 0);
        assert!(idle.clone().count() > 50, "{name}");
        let allocations: u64 = idle.map(|(_, allocations, _)| allocations).sum();
        assert_eq!(allocations, 0, "{name}");
    }
}

#[test]
fn a_segment_takes_a_handful_of_allocations() {
    for (name, wait) in streams() {
        let packets = of_each_packet(name, wait).into_iter().filter(|(.., given)| *given > 0);
        let (allocations, segments) = packets.fold((0, 0), |sum, packet| (sum.0 + packet.1, sum.1 + packet.2));
        assert!(allocations <= 4 * segments as u64, "{name}: {allocations} for {segments} segments");
    }
}
