//! A tiny encoder of H.264 for what no encoder at hand makes: pictures of single fields (ISO/IEC 14496-10, Main profile,
//! CAVLC), of macroblocks that are skipped or stand there as they are (I_PCM). Exact to the bit, and small.

/// Macroblocks across; down there are two in a frame, one in a field.
const ACROSS: usize = 2;

/// Writes bits.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) -> &mut Self {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            self.used += 1;
        }
        self
    }

    fn ue(&mut self, value: u32) -> &mut Self {
        let bits = u32::BITS - (value + 1).leading_zeros();
        self.put(0, bits - 1).put(value + 1, bits)
    }

    /// The NAL unit with trailing bits and emulation prevention.
    fn unit(mut self, header: u8) -> Vec<u8> {
        self.put(1, 1);
        let mut unit = vec![header];
        let mut zeros = 0;
        for byte in self.bytes {
            if zeros >= 2 && byte <= 3 {
                unit.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            unit.push(byte);
        }
        unit
    }
}

/// How a picture is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Idr,
    /// Intra macroblocks alone.
    I,
    /// Its first macroblock is intra, the others are skipped.
    P,
}

/// What a picture is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    Frame,
    Top,
    Bottom,
}

/// A sequence parameter set of a picture of 32×32 pixels, or as many more across as `more` macroblocks have, 25 frames a
/// second; pictures may be frames or fields.
pub fn sps(id: u32, more: u32) -> Vec<u8> {
    let mut b = Bits::default();
    // Main profile, level 3; four bits of frame_num, six of the order count; two reference frames.
    b.put(77, 8).put(0, 8).put(30, 8).ue(id).ue(0).ue(0).ue(2).ue(2).put(0, 1);
    // frame_mbs_only 0, no MBAFF, direct_8x8_inference, no cropping.
    b.ue(ACROSS as u32 + more - 1).ue(0).put(0, 1).put(0, 1).put(1, 1).put(0, 1);
    // VUI: the timing alone, 50 fields a second.
    b.put(1, 1).put(0, 4).put(1, 1).put(1, 32).put(50, 32).put(1, 1).put(0, 4);
    b.unit(0x67)
}

/// A picture parameter set.
pub fn pps(id: u32, sps: u32) -> Vec<u8> {
    let mut b = Bits::default();
    b.ue(id).ue(sps).put(0, 2).ue(0).ue(0).ue(0).put(0, 3).ue(0).ue(0).ue(0);
    // The loop filter is turned off by slices.
    b.put(1, 1).put(0, 2);
    b.unit(0x68)
}

/// An access unit delimiter.
pub fn delimiter() -> Vec<u8> {
    vec![0x09, 0xF0]
}

/// A picture that is to be coded.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    pub kind: Kind,
    pub structure: Structure,
    pub reference: bool,
    pub frame_num: u32,
    pub order: u32,
    pub pps: u32,
    /// Macroblocks across beyond two.
    pub more: u32,
    /// What it looks like.
    pub shade: u8,
}

impl Picture {
    /// Its one slice.
    pub fn slice(&self) -> Vec<u8> {
        self.slice_with(None, &[])
    }

    /// The same, which refers to the picture whose number is so much less than its own, and discards those whose numbers
    /// are so much less.
    pub fn slice_with(&self, refers: Option<u32>, discards: &[u32]) -> Vec<u8> {
        let idr = self.kind == Kind::Idr;
        let mut b = Bits::default();
        b.ue(0).ue(if self.kind == Kind::P { 5 } else { 7 }).ue(self.pps).put(self.frame_num % 16, 4);
        match self.structure {
            Structure::Frame => b.put(0, 1),
            Structure::Top => b.put(0b10, 2),
            Structure::Bottom => b.put(0b11, 2),
        };
        if idr {
            b.ue(self.frame_num);
        }
        b.put(self.order % 64, 6);
        match refers {
            _ if self.kind != Kind::P => {}
            None => drop(b.put(0, 2)),
            Some(back) => drop(b.put(1, 2).ue(0).ue(back - 1).ue(3)),
        }
        if self.reference {
            b.put(0, if idr { 2 } else { u32::from(discards.is_empty()) });
        }
        if self.reference && !discards.is_empty() {
            b.put(1, 1);
            for back in discards {
                b.ue(1).ue(back - 1);
            }
            b.ue(0);
        }
        // slice_qp_delta, disable_deblocking_filter_idc.
        b.ue(0).ue(1);
        let rows = if self.structure == Structure::Frame { 2 } else { 1 };
        let count = (ACROSS + self.more as usize) * rows;
        if self.kind == Kind::P {
            // No skipped ones, then I_PCM, then all others skipped.
            b.ue(0).ue(30);
            self.samples(&mut b, 0);
            b.ue(count as u32 - 1);
        } else {
            for place in 0..count {
                b.ue(25);
                self.samples(&mut b, place as u8);
            }
        }
        b.unit(if idr { 5 } else { 1 } | u8::from(self.reference) << 5)
    }

    fn samples(&self, b: &mut Bits, place: u8) {
        while !b.used.is_multiple_of(8) {
            b.put(0, 1);
        }
        for at in 0..384u32 {
            b.put(u32::from(16 + (self.shade.wrapping_mul(7) ^ place.wrapping_mul(31)) % 100) + at % 16 * 6, 8);
        }
    }
}
