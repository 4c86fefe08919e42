//! How many bits each mantissa has: the parametric bit allocation (ETSI TS 102 366, 6.2).
//!
//! In: exponents and a channel's parameters. Out: a bit allocation pointer for each bin. All in whole numbers, as the
//! encoder did it: one that differs by one would lose the place in the frame.

use super::tables::{BAND_OF, BANDS, HEARING, HYBRID_POINTERS, LOG_ADD, POINTERS};

/// What is common to all channels of a block.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    /// `fscod`: 0 to 2.
    pub(super) rate_code: usize,
    /// By how many octaves the sample rate is reduced (`bsid` 9 and 10).
    pub(super) rate_shift: u32,
    pub(super) slow_decay: i32,
    pub(super) fast_decay: i32,
    pub(super) slow_gain: i32,
    pub(super) knee: i32,
    pub(super) floor: i32,
    /// `cplfleak` and `cplsleak`.
    pub(super) coupling_leak: (i32, i32),
}

/// What a channel has of its own.
#[derive(Clone, Debug)]
pub(super) struct Parameters {
    pub(super) start: usize,
    pub(super) end: usize,
    /// `((csnroffst − 15) << 4 + fsnroffst) << 2`.
    pub(super) snr_offset: i32,
    pub(super) fast_gain: i32,
    pub(super) is_lfe: bool,
    pub(super) hybrid: bool,
    /// `deltoffst`, `deltlen` and `deltba` of each segment.
    pub(super) delta: Vec<(u8, u8, u8)>,
}

/// The offset with which no bin has bits.
const NOTHING: i32 = -960;

/// Finds the pointers from `start` to `end`.
pub(super) fn allocate(common: &Common, channel: &Parameters, exponents: &[u8; 256], pointers: &mut [u8; 256]) {
    let (start, end) = (channel.start, channel.end.min(253));
    if start >= end {
        return;
    }
    if channel.snr_offset == NOTHING {
        return pointers[start..end].fill(0);
    }
    let (first, last) = (usize::from(BAND_OF[start]), usize::from(BAND_OF[end - 1]));
    let density = densities(exponents, start, end);
    let mut mask = excitation(common, channel, &density, first, last + 1);
    for band in first..=last {
        let below = common.knee - density[band];
        let excited = mask[band] + if below > 0 { below >> 2 } else { 0 };
        mask[band] = excited.max(i32::from(HEARING[common.rate_code.min(2)][band >> common.rate_shift]) << 4);
    }
    let mut band = first;
    for (offset, length, value) in &channel.delta {
        band += usize::from(*offset);
        let change = (i32::from(*value) - if *value >= 4 { 3 } else { 4 }) << 7;
        for _ in 0..*length {
            if let Some(mask) = mask.get_mut(band) {
                *mask += change;
            }
            band += 1;
        }
    }
    let table = if channel.hybrid { &HYBRID_POINTERS } else { &POINTERS };
    for band in first..=last {
        let mask = ((mask[band] - channel.snr_offset - common.floor).max(0) & 0x1fe0) + common.floor;
        let bins = usize::from(BANDS[band]).max(start)..usize::from(BANDS[band + 1]).min(end);
        for (pointer, exponent) in pointers[bins.clone()].iter_mut().zip(&exponents[bins]) {
            *pointer = table[((power(*exponent) - mask) >> 5).clamp(0, 63) as usize];
        }
    }
}

/// 6.2.2.1: the power of a bin, in 1/128 of 6 dB.
#[inline]
fn power(exponent: u8) -> i32 {
    3072 - (i32::from(exponent) << 7)
}

/// 6.2.2.2: the power of each band.
fn densities(exponents: &[u8; 256], start: usize, end: usize) -> [i32; 51] {
    let mut densities = [0; 51];
    let mut bin = start;
    while bin < end {
        let band = usize::from(BAND_OF[bin]);
        let until = usize::from(BANDS[band + 1]).min(end).max(bin + 1);
        let sum = exponents[bin + 1..until].iter().fold(power(exponents[bin]), |sum, exponent| {
            let (sum, next) = (sum.max(power(*exponent)), sum.min(power(*exponent)));
            sum + i32::from(LOG_ADD[((sum - next) >> 1).min(255) as usize])
        });
        densities[band] = sum;
        bin = until;
    }
    densities
}

/// 6.2.2.4: what each band hides of its neighbours above it.
fn excitation(common: &Common, channel: &Parameters, density: &[i32; 51], first: usize, end: usize) -> [i32; 51] {
    let mut excitation = [0; 51];
    let (gain, slow_gain) = (channel.fast_gain, common.slow_gain);
    let (mut fast, mut slow, mut begin) = (0, 0, first);
    if first == 0 {
        let mut low = 0;
        let compensated = |band: usize| !(channel.is_lfe && band == 6);
        for band in 0..2 {
            low = low_compensation(low, density[band], density[band + 1], band);
            excitation[band] = density[band] - gain - low;
        }
        begin = 7;
        for band in 2..7 {
            if compensated(band) {
                low = low_compensation(low, density[band], density[band + 1], band);
            }
            (fast, slow) = (density[band] - gain, density[band] - slow_gain);
            excitation[band] = fast - low;
            if compensated(band) && density[band] <= density[band + 1] {
                begin = band + 1;
                break;
            }
        }
        for band in begin..end.min(22) {
            if compensated(band) {
                low = low_compensation(low, density[band], density[band + 1], band);
            }
            fast = (fast - common.fast_decay).max(density[band] - gain);
            slow = (slow - common.slow_decay).max(density[band] - slow_gain);
            excitation[band] = slow.max(fast - low);
        }
        begin = 22;
    } else {
        fast = (common.coupling_leak.0 << 8) + 768;
        slow = (common.coupling_leak.1 << 8) + 768;
    }
    for band in begin..end {
        fast = (fast - common.fast_decay).max(density[band] - gain);
        slow = (slow - common.slow_decay).max(density[band] - slow_gain);
        excitation[band] = fast.max(slow);
    }
    excitation
}

fn low_compensation(low: i32, this: i32, next: i32, band: usize) -> i32 {
    match band {
        20.. => (low - 128).max(0),
        _ if this + 256 == next => {
            if band < 7 {
                384
            } else {
                320
            }
        }
        _ if this > next => (low - 64).max(0),
        _ => low,
    }
}
