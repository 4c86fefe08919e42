//! Exponents: the coarse spectrum of each channel (ETSI TS 102 366, 4.3.3 and 6.1).
//!
//! In: differences, three in a word, each for one, two or four bins. Out: an exponent for each bin. Refused: those beyond
//! 0 to 24, and bandwidths beyond the last bin.

use super::bits::Bits;
use super::channel::{COUPLING, State};
use super::frame::Syntax;
use super::header::Header;

/// `D45`: an exponent for each four bins.
const FOUR_BINS: u8 = 3;

/// Reads exponent strategies, bandwidths and exponents of a block, where it has new ones.
pub(super) fn read(
    bits: &mut Bits<'_>,
    header: &Header,
    syntax: &Syntax,
    block: usize,
    state: &mut State,
) -> Option<()> {
    let full = header.full_channels();
    let (first, last) = (usize::from(!syntax.coupling[block]), full + usize::from(header.lfe));
    if !syntax.enhanced {
        for (index, channel) in state.channels.iter_mut().enumerate().take(last + 1).skip(first) {
            channel.strategies[block] = bits.get(if index > full { 1 } else { 2 }) as u8;
        }
    }
    let coupling_start = state.channels[COUPLING].parameters.start;
    let mut resized = false;
    for channel in &mut state.channels[1..=full] {
        if channel.strategies[block] == 0 {
            continue;
        }
        let before = channel.parameters.end;
        channel.parameters.start = 0;
        channel.parameters.end = if channel.coupled {
            coupling_start
        } else if channel.extended {
            state.extension.begin
        } else {
            let code = bits.get(6) as usize;
            (code <= 60).then_some(code * 3 + 73)?
        };
        resized |= channel.parameters.end != before;
    }
    let lfe = &mut state.channels[full + 1].parameters;
    lfe.is_lfe = header.lfe;
    if header.lfe {
        (lfe.start, lfe.end) = (0, 7);
    }
    for channel in &mut state.channels[1..=full] {
        channel.parameters.is_lfe = false;
    }
    for (index, channel) in state.channels.iter_mut().enumerate().take(last + 1).skip(first) {
        channel.changed |= resized;
        let strategy = channel.strategies[block];
        if strategy == 0 {
            continue;
        }
        channel.changed = true;
        let bins = channel.bins();
        let absolute = bits.get(4) as u8;
        let repeat = if strategy == FOUR_BINS { 4 } else { usize::from(strategy) };
        if index == COUPLING {
            let exponents = channel.exponents.get_mut(bins)?;
            differences(bits, absolute << 1, repeat, exponents)?;
            continue;
        }
        channel.exponents[0] = absolute;
        let exponents = channel.exponents.get_mut(bins.start + 1..bins.end)?;
        differences(bits, absolute, repeat, exponents)?;
        if index <= full {
            bits.skip(2);
        }
    }
    Some(())
}

/// 6.1.3: exponents as differences, three in seven bits, each for one, two or four bins.
fn differences(bits: &mut Bits<'_>, absolute: u8, repeat: usize, exponents: &mut [u8]) -> Option<()> {
    let mut exponent = i32::from(absolute);
    for group in exponents.chunks_mut(3 * repeat) {
        let code = bits.get(7) as i32;
        if code >= 125 {
            return None;
        }
        let steps = [code / 25, code / 5 % 5, code % 5];
        // A group is whole in the stream, also where it goes beyond the last bin.
        for (index, step) in steps.iter().enumerate() {
            exponent += step - 2;
            if !(0..=24).contains(&exponent) {
                return None;
            }
            let bins = group.iter_mut().skip(index * repeat).take(repeat);
            bins.for_each(|bin| *bin = exponent as u8);
        }
    }
    Some(())
}
