//! A transport stream that never ends: PAT, PMT and video on PID 0x101, with right continuity counters.

/// Packets in one datagram.
const PACKETS: usize = 7;

#[derive(Default)]
pub(crate) struct Stream {
    datagrams: u32,
    video: u8,
    tables: u8,
}

impl Stream {
    /// Datagrams from one random access point to the next.
    pub(crate) const INTERVAL: u32 = 50;

    /// The next datagram. Every [`INTERVAL`](Self::INTERVAL)th begins with PAT and PMT and a random access point.
    pub(crate) fn datagram(&mut self) -> Vec<u8> {
        let mut ts = Vec::with_capacity(PACKETS * 188);
        if self.datagrams.is_multiple_of(Self::INTERVAL) {
            let pat = [0, 0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE1, 0, 1, 2, 3, 4];
            ts.extend(packet([0x40, 0x00], self.tables, &pat));
            let pmt = [0, 2, 0xB0, 18, 0, 1, 0xC1, 0, 0, 0xE1, 1, 0xF0, 0, 27, 0xE1, 1, 0xF0, 0, 1, 2, 3, 4];
            ts.extend(packet([0x41, 0x00], self.tables, &pmt));
            self.tables += 1;
            ts.extend(self.random_access());
        }
        while ts.len() < PACKETS * 188 {
            let number = self.datagrams.to_be_bytes();
            ts.extend(packet([0x01, 0x01], self.video, &number));
            self.video += 1;
            self.video &= 0x0F;
        }
        self.tables &= 0x0F;
        self.datagrams += 1;
        ts
    }

    fn random_access(&mut self) -> Vec<u8> {
        let mut packet = packet([0x41, 0x01], self.video, &[1, 0x40, 0, 0, 1, 0xE0, 0, 0, 0x80, 0, 0]);
        packet[3] |= 0x20;
        self.video = (self.video + 1) & 0x0F;
        packet
    }
}

fn packet(pid: [u8; 2], counter: u8, rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x47, pid[0], pid[1], 0x10 | counter & 0x0F];
    packet.extend(rest);
    packet.resize(188, 0xFF);
    packet
}

/// Whether TS begins with the packet of a random access point.
pub(crate) fn begins_with_random_access(ts: &[u8]) -> bool {
    ts.first_chunk::<188>()
        .and_then(|packet| amt_shared::ts::Packet::parse(packet).ok())
        .is_some_and(|packet| packet.starts_video_random_access())
}
