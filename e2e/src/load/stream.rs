//! A transport stream made for counting: right continuity counters, tables, random access points; no picture.

/// Transport packets in a datagram.
pub const PACKETS: usize = 7;
/// Bytes of a datagram's payload.
pub const PAYLOAD: usize = PACKETS * PACKET;

const PACKET: usize = 188;
const VIDEO: [u8; 2] = [0x01, 0x01];
/// Bytes at the beginning of a packet that differ from one to the next.
const HEAD: usize = 32;

/// Multicast Data messages (RFC 7450, 5.1.6) with the stream in them, one after the other.
pub struct Stream {
    /// AMT, IPv4 and UDP header: the same for all, as the inner UDP checksum is left out.
    headers: Vec<u8>,
    interval: u64,
    datagrams: u64,
    video: u8,
    tables: u8,
}

impl Stream {
    /// A stream with a random access point every `interval` datagrams. `headers` stand before each payload.
    #[must_use]
    pub fn new(headers: Vec<u8>, interval: u64) -> Self {
        Self { headers, interval: interval.max(1), datagrams: 0, video: 0, tables: 0 }
    }

    /// A message to be [filled](Self::fill).
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let mut message = self.headers.clone();
        message.resize(self.headers.len() + PAYLOAD, 0xFF);
        message
    }

    /// Makes `message` the next one.
    pub fn fill(&mut self, message: &mut [u8]) {
        let begins = self.datagrams.is_multiple_of(self.interval);
        self.datagrams += 1;
        for (index, packet) in message[self.headers.len()..].chunks_exact_mut(PACKET).enumerate() {
            match index {
                0 if begins => self.table(packet, [0x40, 0], &PAT),
                1 if begins => {
                    self.table(packet, [0x41, 0], &PMT);
                    self.tables = (self.tables + 1) & 0x0F;
                }
                2 if begins => self.video(packet, 0x41, 0x30, &RANDOM_ACCESS),
                _ => self.video(packet, VIDEO[0], 0x10, &[]),
            }
        }
    }

    fn table(&self, packet: &mut [u8], pid: [u8; 2], section: &[u8]) {
        write(packet, [0x47, pid[0], pid[1], 0x10 | self.tables], section);
    }

    fn video(&mut self, packet: &mut [u8], high: u8, control: u8, rest: &[u8]) {
        write(packet, [0x47, high, VIDEO[1], control | self.video], rest);
        self.video = (self.video + 1) & 0x0F;
    }
}

/// One programme, its PMT on PID 0x100.
const PAT: [u8; 17] = [0, 0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE1, 0, 1, 2, 3, 4];
/// H.264 on PID 0x101.
const PMT: [u8; 22] = [0, 2, 0xB0, 18, 0, 1, 0xC1, 0, 0, 0xE1, 1, 0xF0, 0, 27, 0xE1, 1, 0xF0, 0, 1, 2, 3, 4];
/// An adaptation field with `random_access_indicator`, and the beginning of a PES packet.
const RANDOM_ACCESS: [u8; 11] = [1, 0x40, 0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0];

fn write(packet: &mut [u8], header: [u8; 4], rest: &[u8]) {
    packet[..HEAD].fill(0xFF);
    packet[..4].copy_from_slice(&header);
    packet[4..4 + rest.len()].copy_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use amt_shared::ts::{Continuity, ContinuityTracker, Packet};

    #[test]
    fn counters_follow_each_other_and_random_access_points_come_as_often_as_asked() {
        let mut stream = Stream::new(vec![6, 0], 5);
        let mut message = stream.message();
        let mut trackers = [ContinuityTracker::default(); 0x102];
        let mut random = Vec::new();
        for datagram in 0..40 {
            stream.fill(&mut message);
            assert_eq!((message.len(), &message[..2]), (2 + PAYLOAD, &[6, 0][..]));
            for packet in message[2..].as_chunks::<PACKET>().0 {
                let packet = Packet::parse(packet).unwrap();
                assert_eq!(trackers[usize::from(packet.pid())].check(&packet), Continuity::Expected);
                random.extend(packet.starts_video_random_access().then_some(datagram));
            }
        }
        assert_eq!(random, [0, 5, 10, 15, 20, 25, 30, 35]);
    }
}
