//! Frames of FLAC (RFC 9639, section 9) around samples that were decoded: what every browser takes in MP4.
//!
//! In: up to two channels of 16-bit samples. Out: one frame with exactly these. Each channel is written by whichever
//! costs least: as a constant, with a fixed predictor and Rice codes, or as it is. Left out: linear prediction and
//! stereo decorrelation, which would save bytes that never leave the machine, and STREAMINFO, which stands in the
//! initialisation segment.
//!
//! An own writer and not the crate `flacenc`: that one thinks in whole signals of blocks of one size; here each frame is
//! as long as the one that was decoded, and the next may have another length.

/// Rice parameters of 4 bits: 15 is the escape code.
const RICE_MAX: u32 = 14;
const BITS: u32 = 16;
/// Sixteen partitions at most: finer ones cost more than they save in frames of these lengths.
const PARTITION_ORDER_MAX: u32 = 4;

/// Writes frames that follow each other.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Samples of each channel so far: the number of the next frame's first one.
    position: u64,
    residual: Vec<u32>,
}

impl Writer {
    /// One frame with these samples. All channels have as many, between 16 and 65 535; there are one or two of them.
    #[must_use]
    pub(super) fn frame(&mut self, sample_rate: u32, channels: &[&[i16]]) -> Vec<u8> {
        let samples = channels.first().map_or(0, |channel| channel.len());
        let mut bits = Bits { data: Vec::with_capacity(16 + samples * channels.len() * 2), held: 0, count: 0 };
        self.header(&mut bits, sample_rate, channels.len(), samples);
        for channel in channels {
            self.subframe(&mut bits, channel);
        }
        bits.align();
        let crc = crc16(&bits.data);
        bits.put(crc.into(), 16);
        self.position = (self.position + samples as u64) & 0xf_ffff_ffff;
        bits.data
    }

    /// RFC 9639, 9.1: variable block size, so that a frame is numbered by its first sample and any length may follow.
    fn header(&self, bits: &mut Bits, sample_rate: u32, channels: usize, samples: usize) {
        bits.put(0b111_1111_1111_1100 << 1 | 1, 16);
        let rate_code = match sample_rate {
            8_000 => 0b0100,
            16_000 => 0b0101,
            22_050 => 0b0110,
            24_000 => 0b0111,
            32_000 => 0b1000,
            44_100 => 0b1001,
            48_000 => 0b1010,
            _ => 0b1101,
        };
        bits.put(0b0111 << 4 | rate_code, 8);
        bits.put((channels.max(1) as u32 - 1) << 4 | 0b100 << 1, 8);
        coded_number(bits, self.position);
        bits.put((samples.max(1) as u32 - 1) & 0xffff, 16);
        if rate_code == 0b1101 {
            bits.put(sample_rate & 0xffff, 16);
        }
        let crc = crc8(&bits.data);
        bits.put(crc.into(), 8);
    }

    /// RFC 9639, 9.2.
    fn subframe(&mut self, bits: &mut Bits, samples: &[i16]) {
        let first = samples.first().copied().unwrap_or_default();
        if samples.iter().all(|sample| *sample == first) {
            bits.put(0b0000_0000, 8);
            return bits.put(u32::from(first as u16), BITS);
        }
        let order = best_order(samples);
        self.predict(samples, order);
        let partition_order = partition_order(samples.len(), order);
        let parameters = parameters(&self.residual, samples.len() >> partition_order, order);
        let verbatim = BITS as u64 * samples.len() as u64;
        if order as u64 * u64::from(BITS) + 6 + parameters.iter().map(|(_, cost)| cost).sum::<u64>() >= verbatim {
            bits.put(0b0000_0010, 8);
            samples.iter().for_each(|sample| bits.put(u32::from(*sample as u16), BITS));
            return;
        }
        bits.put(0b001_000 << 1 | (order as u32) << 1, 8);
        samples.iter().take(order).for_each(|sample| bits.put(u32::from(*sample as u16), BITS));
        bits.put(partition_order, 6);
        let mut rest = self.residual.as_slice();
        for (index, (parameter, _)) in parameters.iter().enumerate() {
            let length = (samples.len() >> partition_order) - if index == 0 { order } else { 0 };
            let (partition, behind) = rest.split_at(length.min(rest.len()));
            rest = behind;
            bits.put(*parameter, 4);
            partition.iter().for_each(|value| bits.rice(*value, *parameter));
        }
    }

    /// The residuals of the fixed predictor of this order (RFC 9639, 9.2.5), folded to unsigned.
    fn predict(&mut self, samples: &[i16], order: usize) {
        self.residual.clear();
        let mut differences = Differences::default();
        self.residual.extend(samples.iter().enumerate().filter_map(|(index, sample)| {
            let residual = differences.next(*sample)[order];
            (index >= order).then_some((residual << 1 ^ residual >> 31) as u32)
        }));
    }
}

/// The finite differences of orders 0 to 4: the residuals of the fixed predictors.
#[derive(Default)]
struct Differences([i32; 5]);

impl Differences {
    fn next(&mut self, sample: i16) -> [i32; 5] {
        let mut value = i32::from(sample);
        for last in &mut self.0 {
            let difference = value - *last;
            *last = value;
            value = difference;
        }
        self.0
    }
}

/// The order whose residuals are smallest in sum.
fn best_order(samples: &[i16]) -> usize {
    let mut sums = [0_u64; 5];
    let mut differences = Differences::default();
    for (index, sample) in samples.iter().enumerate() {
        let values = differences.next(*sample);
        if index >= 4 {
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += u64::from(value.unsigned_abs()));
        }
    }
    sums.iter().enumerate().min_by_key(|(_, sum)| **sum).map_or(0, |(order, _)| order)
}

/// As many partitions as the length can be divided into, each longer than the predictor's warm-up.
fn partition_order(samples: usize, order: usize) -> u32 {
    let mut partition_order = samples.trailing_zeros().min(PARTITION_ORDER_MAX);
    while partition_order > 0 && samples >> partition_order <= order.max(16) {
        partition_order -= 1;
    }
    partition_order
}

/// The Rice parameter of each partition, and its cost in bits.
fn parameters(residual: &[u32], partition: usize, order: usize) -> Vec<(u32, u64)> {
    let cost = |values: &[u32]| {
        let (sum, length) = (values.iter().map(|value| u64::from(*value)).sum::<u64>(), values.len() as u64);
        let mut parameter = 0;
        while parameter < RICE_MAX && length << (parameter + 1) <= sum {
            parameter += 1;
        }
        (parameter, 4 + length * u64::from(parameter + 1) + (sum >> parameter))
    };
    let (first, rest) = residual.split_at(partition.saturating_sub(order).min(residual.len()));
    std::iter::once(first).chain(rest.chunks(partition.max(1))).map(cost).collect()
}

/// RFC 9639, 9.1.5: a number in the manner of UTF-8, up to 36 bits.
fn coded_number(bits: &mut Bits, number: u64) {
    if number < 0x80 {
        return bits.put(number as u32, 8);
    }
    let mut following = 1;
    while following < 6 && number >> (following * 5 + 6) != 0 {
        following += 1;
    }
    let marker = 0xff_u32 << (7 - following) & 0xff;
    bits.put(marker & !(1 << (6 - following)) | ((number >> (6 * following)) as u32 & (0x3f >> following)), 8);
    for index in (0..following).rev() {
        bits.put(0x80 | (number >> (6 * index)) as u32 & 0x3f, 8);
    }
}

/// Bits to bytes, most significant first.
struct Bits {
    data: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    /// At most 32 bits; those above are 0.
    fn put(&mut self, value: u32, bits: u32) {
        self.held = self.held << bits | u64::from(value);
        self.count += bits;
        while self.count >= 8 {
            self.count -= 8;
            self.data.push((self.held >> self.count) as u8);
        }
    }

    /// The quotient as so many 0 bits and a 1, then the remainder.
    fn rice(&mut self, value: u32, parameter: u32) {
        let mut quotient = value >> parameter;
        while quotient > 16 {
            let zeros = quotient.min(32);
            self.put(0, zeros);
            quotient -= zeros;
        }
        self.put(1 << parameter | value & ((1 << parameter) - 1), quotient + 1 + parameter);
    }

    fn align(&mut self) {
        let missing = (8 - self.count % 8) % 8;
        self.put(0, missing);
    }
}

const CRC8: [u8; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut crc, mut bit) = (index as u8, 0);
        while bit < 8 {
            crc = crc << 1 ^ if crc & 0x80 != 0 { 0x07 } else { 0 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// RFC 9639, 9.1.8.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| CRC8[usize::from(crc ^ byte)])
}

const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let (mut crc, mut bit) = ((index as u16) << 8, 0);
        while bit < 8 {
            crc = crc << 1 ^ if crc & 0x8000 != 0 { 0x8005 } else { 0 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

/// The CRC of a whole frame (RFC 9639, 9.3), which AC-3 has too (ETSI TS 102 366, 6.10): of bytes that end with
/// their own, it is 0.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| crc << 8 ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)])
}
