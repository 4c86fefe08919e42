//! The spectrum of a block: mantissas, coupling and rematrixing (ETSI TS 102 366, 6.3 to 6.5).

use super::bits::Bits;
use super::channel::{COUPLING, Channel, State};
use super::header::Header;
use super::hybrid;
use super::noise::Noise;
use super::tables::MANTISSA_BITS;

/// The first bins of the bands that can be rematrixed, and the end of the last.
const REMATRIXING: [usize; 5] = [13, 25, 37, 61, 253];

/// Reads the mantissas of a block and makes the spectrum of each channel.
pub(super) fn read(bits: &mut Bits<'_>, header: &Header, block: usize, state: &mut State) {
    let last = header.full_channels() + usize::from(header.lfe);
    let State { channels, noise, .. } = state;
    let mut groups = Groups::default();
    let mut coupling_read = false;
    channels.iter_mut().for_each(|channel| channel.spectrum.fill(0.0));
    for index in 1..=last {
        let dithered = channels[index].dithered && index <= header.full_channels();
        mantissas(bits, block, &mut channels[index], dithered, noise, &mut groups);
        // The coupling channel's come right behind those of the first channel that is coupled.
        if channels[index].coupled && !coupling_read && index <= header.full_channels() {
            coupling_read = true;
            mantissas(bits, block, &mut channels[COUPLING], true, noise, &mut groups);
        }
    }
    if coupling_read {
        uncouple(header, state);
    }
    if header.mode == 2 {
        rematrix(state);
    }
}

/// Mantissas of which several share a word.
#[derive(Default)]
struct Groups {
    threes: Group,
    fives: Group,
    elevens: Group,
}

#[derive(Default)]
struct Group {
    values: [i32; 3],
    left: usize,
}

impl Group {
    /// The next of `COUNT` values of so many levels in a word.
    #[inline]
    fn next<const COUNT: usize>(&mut self, bits: &mut Bits<'_>, length: u32, levels: u32) -> i32 {
        if self.left == 0 {
            let mut word = bits.get(length);
            for value in &mut self.values[..COUNT] {
                *value = level(word % levels, levels);
                word /= levels;
            }
            self.left = COUNT;
        }
        self.left -= 1;
        self.values[self.left]
    }
}

/// 6.3.3: evenly spaced levels around 0, as a fraction of 2^23.
#[inline]
fn level(code: u32, levels: u32) -> i32 {
    (2 * code as i32 - (levels as i32 - 1)) * (1 << 23) / levels as i32
}

fn mantissas(
    bits: &mut Bits<'_>,
    block: usize,
    channel: &mut Channel,
    dithered: bool,
    noise: &mut Noise,
    groups: &mut Groups,
) {
    let bins = channel.bins();
    if channel.parameters.hybrid {
        if block == 0 {
            hybrid::read(bits, channel, noise);
        }
        for bin in bins {
            let mantissa = channel.hybrid.get(bin).map_or(0.0, |blocks| blocks[block.min(5)]);
            channel.spectrum[bin] = mantissa * scale(channel.exponents[bin]);
        }
        return;
    }
    let spectrum = channel.spectrum[bins.clone()].iter_mut();
    for ((value, pointer), exponent) in
        spectrum.zip(&channel.pointers[bins.clone()]).zip(&channel.exponents[bins.clone()])
    {
        let mantissa = match *pointer {
            0 if dithered => noise.mantissa(),
            0 => 0,
            1 => groups.threes.next::<3>(bits, 5, 3),
            2 => groups.fives.next::<3>(bits, 7, 5),
            3 => level(bits.get(3), 7),
            4 => groups.elevens.next::<2>(bits, 7, 11),
            5 => level(bits.get(4), 15),
            pointer => {
                let length = u32::from(MANTISSA_BITS[usize::from(pointer & 15)]);
                bits.signed(length) << (24 - length)
            }
        };
        *value = mantissa as f32 * scale(*exponent);
    }
}

/// What a mantissa of 2^23 stands for.
#[inline]
fn scale(exponent: u8) -> f32 {
    f32::from_bits((127 - 23 - u32::from(exponent.min(24))) << 23)
}

/// 6.4.4: coupled channels have the coupling channel's bins, scaled by band.
fn uncouple(header: &Header, state: &mut State) {
    let (coupling, channels) = state.channels.split_at_mut(1);
    let Some(coupling) = coupling.first() else { return };
    let mut begin = coupling.parameters.start;
    for (band, size) in state.coupling.sizes().iter().enumerate() {
        let end = (begin + size).min(256);
        for (index, channel) in channels[..header.full_channels()].iter_mut().enumerate() {
            if !channel.coupled {
                continue;
            }
            let turned = index == 1 && header.mode == 2 && state.phases[band];
            let coordinate = if turned { -channel.coordinates[band] } else { channel.coordinates[band] };
            for bin in begin..end {
                // Noise is of the channel: 6.3.4.
                let silent = coupling.pointers[bin] == 0 && !channel.dithered;
                channel.spectrum[bin] = if silent { 0.0 } else { coupling.spectrum[bin] * coordinate };
            }
        }
        begin = end;
    }
}

/// 6.5.4.
fn rematrix(state: &mut State) {
    let [_, left, right, ..] = state.channels.as_mut_slice() else { return };
    let end = left.parameters.end.min(right.parameters.end);
    for (band, _) in state.rematrixed.iter().enumerate().filter(|(_, rematrixed)| **rematrixed) {
        for bin in REMATRIXING[band]..REMATRIXING[band + 1].min(end) {
            let (sum, difference) = (left.spectrum[bin], right.spectrum[bin]);
            left.spectrum[bin] = sum + difference;
            right.spectrum[bin] = sum - difference;
        }
    }
}
