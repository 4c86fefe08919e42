//! The adaptive hybrid transform (ETSI TS 102 366, E.3.4): steady sounds, transformed once more over six blocks.
//!
//! In: the words that stand in a frame's first block. Out: the mantissas of each block. A bin is a vector of a codebook
//! or six scalars, which may be scaled by a gain ("gain-adaptive quantisation").

use super::bits::Bits;
use super::channel::Channel;
use super::noise::Noise;
use super::tables::HYBRID_BITS;
use std::f32::consts::PI;

/// Codebooks of 4, 8, 16, 32, 128, 256 and 512 vectors, one behind the other (E.4): six numbers of 16 bits each, the
/// lower byte first.
const VECTORS: &[u8] = include_bytes!("vector_quantisers.bin");

/// Reads all mantissas of a channel.
pub(super) fn read(bits: &mut Bits<'_>, channel: &mut Channel, noise: &mut Noise) {
    let bins = channel.bins();
    let mode = bits.get(2);
    // Up to here, gains are said.
    let end = if mode < 2 { 12 } else { 17 };
    let has_gain = |pointer: u8| mode != 0 && (8..end).contains(&pointer);
    let mut gains = Vec::with_capacity(bins.len());
    let count = channel.pointers[bins.clone()].iter().filter(|pointer| has_gain(**pointer)).count();
    while gains.len() < count {
        match mode {
            1 | 2 => gains.push(bits.get(1) << (mode - 1)),
            _ => {
                let group = bits.get(5).min(26);
                gains.extend([group / 9, group / 3 % 3, group % 3]);
            }
        }
    }
    let mut gains = gains.into_iter();
    channel.hybrid.resize(256, [0.0; 6]);
    for bin in bins {
        let pointer = channel.pointers[bin].min(19);
        let mut values = match pointer {
            0 => std::array::from_fn(|_| (noise.next() & 0x7f_ffff) as i32 - 0x40_0000),
            1..8 => vector(pointer, bits.get(u32::from(HYBRID_BITS[usize::from(pointer)]))),
            _ => {
                let gain = if has_gain(pointer) { gains.next().unwrap_or_default() } else { 0 };
                std::array::from_fn(|_| scalar(bits, pointer, gain))
            }
        }
        .map(|value: i32| value as f32);
        inverse(&mut values);
        channel.hybrid[bin] = values;
    }
}

fn vector(pointer: u8, index: u32) -> [i32; 6] {
    let before = [0, 4, 12, 28, 60, 188, 444][usize::from(pointer) - 1];
    let vectors = VECTORS.as_chunks().0;
    std::array::from_fn(|block| {
        let number = vectors.get((before + index as usize) * 6 + block).copied().unwrap_or_default();
        i32::from(i16::from_le_bytes(number)) << 8
    })
}

/// E.3.4.4: a scalar, in 24 bits; `gain` is the logarithm of the factor.
fn scalar(bits: &mut Bits<'_>, pointer: u8, gain: u32) -> i32 {
    let length = u32::from(HYBRID_BITS[usize::from(pointer)]);
    let short = length - gain;
    let value = bits.signed(short);
    if gain != 0 && value == -(1 << (short - 1)) {
        // Too large for its short word, so a long one follows, which begins where the short one ends.
        let long = length - (2 - gain);
        return remapped((bits.signed(long) << (24 - long)) as f32, length, gain) as i32;
    }
    let value = value << (24 - length);
    if gain != 0 {
        return value;
    }
    // Evenly around 0: 2^n − 1 levels reach as far as 2^n do.
    let levels = (1_i64 << length) - 1;
    (i64::from(value) * (levels + 1) / levels) as i32
}

/// E.3.4.4.2: the values beyond what a short word can say, spread evenly over the rest of the range. The constants of
/// the standard's table are these fractions, in 16 bits.
fn remapped(value: f32, length: u32, gain: u32) -> f32 {
    let power = |exponent: u32| (1_u32 << exponent) as f32;
    let (levels, step, missing) = match gain {
        1 => (power(length - 1) - 1.0, 0.5, power(length - 1) - 3.0),
        _ => (power(length) - 1.0, 0.25, power(length) - 7.0),
    };
    let offset = if value >= 0.0 { step } else { -step * missing / levels };
    value - value * (power(length - 2) - 1.0) / levels + offset * power(23)
}

/// The inverse DCT of six points over the blocks.
fn inverse(values: &mut [f32; 6]) {
    let spectrum = *values;
    for (block, value) in values.iter_mut().enumerate() {
        let waves = spectrum
            .iter()
            .enumerate()
            .skip(1)
            .map(|(k, x)| x * std::f32::consts::SQRT_2 * (PI * k as f32 * (2 * block + 1) as f32 / 12.0).cos());
        *value = spectrum[0] + waves.sum::<f32>();
    }
}
