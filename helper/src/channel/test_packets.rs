//! Transport packets for tests.

use amt_shared::ts::PACKET_LEN;

fn packet(header: [u8; 4], rest: &[u8]) -> Vec<u8> {
    let mut packet = [&header[..], rest].concat();
    packet.resize(PACKET_LEN, 0xFF);
    packet
}

/// A packet in the middle of a video frame, PID 0x101.
pub(crate) fn video(counter: u8) -> Vec<u8> {
    packet([0x47, 0x01, 0x01, 0x10 | counter & 0x0F], &[])
}

/// A packet with which a video frame begins that can be decoded on its own.
pub(crate) fn random_access(counter: u8) -> Vec<u8> {
    packet([0x47, 0x41, 0x01, 0x30 | counter & 0x0F], &[1, 0x40, 0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0])
}

/// A PAT with the network's table and one program.
pub(crate) fn pat(counter: u8, pmt_pid: u16) -> Vec<u8> {
    let [high, low] = pmt_pid.to_be_bytes();
    let section = [0, 0, 0xB0, 17, 0, 1, 0xC1, 0, 0, 0, 0, 0xE0, 0x10, 0, 1, 0xE0 | high, low, 1, 2, 3, 4];
    packet([0x47, 0x40, 0, 0x10 | counter & 0x0F], &section)
}

/// A PMT with H.264 on PID 0x101.
pub(crate) fn pmt(counter: u8, pid: u16) -> Vec<u8> {
    pmt_of(counter, pid, &[(0x1B, 0x101)])
}

/// A PMT with streams of these types and PIDs.
pub(crate) fn pmt_of(counter: u8, pid: u16, streams: &[(u8, u16)]) -> Vec<u8> {
    let [high, low] = pid.to_be_bytes();
    let mut section = vec![0, 2, 0xB0, 13 + 5 * streams.len() as u8, 0, 1, 0xC1, 0, 0, 0xE1, 1, 0xF0, 0];
    for (stream_type, pid) in streams {
        let [high, low] = pid.to_be_bytes();
        section.extend([*stream_type, 0xE0 | high, low, 0xF0, 0]);
    }
    section.extend([1, 2, 3, 4]);
    packet([0x47, 0x40 | high, low, 0x10 | counter & 0x0F], &section)
}

/// A packet with which a PES packet begins, without `random_access_indicator`.
pub(crate) fn pes(pid: u16, stream_id: u8, elementary: &[u8]) -> Vec<u8> {
    let [high, low] = pid.to_be_bytes();
    packet([0x47, 0x40 | high, low, 0x10], &[&[0, 0, 1, stream_id, 0, 0, 0x80, 0, 0], elementary].concat())
}
