//! An audio block up to its mantissas (ETSI TS 102 366, 4.3.3 and E.1.2.4): what has changed since the one before.
//!
//! Refused: what no encoder may write (ranges that are none, exponents out of range), and enhanced coupling of E-AC-3,
//! which ffmpeg does not decode either.

use super::allocation::allocate;
use super::bits::Bits;
use super::channel::{BANDS, COUPLING, State};
use super::exponents;
use super::frame::Syntax;
use super::header::{Header, Kind};
use super::tables::{FAST_DECAY, FAST_GAIN, FLOOR, KNEE, SLOW_DECAY, SLOW_GAIN};

/// Reads a block's fields and allocates its bits; the mantissas are next.
pub(super) fn read(
    bits: &mut Bits<'_>,
    header: &Header,
    syntax: &mut Syntax,
    block: usize,
    state: &mut State,
) -> Option<()> {
    let mut reader = Reader { bits, header, full: header.full_channels(), block, enhanced: syntax.enhanced };
    if block == 0 {
        state.channels.iter_mut().for_each(|channel| channel.changed = true);
    }
    reader.flags(syntax, state);
    if syntax.enhanced && (block == 0 || reader.bits.flag()) {
        state.extension.in_use = reader.bits.flag();
        if state.extension.in_use {
            reader.extension(state)?;
        }
    }
    if !syntax.enhanced || !state.extension.in_use {
        state.extension.in_use = false;
        for channel in &mut state.channels {
            (channel.extended, channel.blends_known) = (false, false);
        }
    } else {
        reader.blends(state);
    }
    reader.coupling(syntax, state)?;
    let coupling = syntax.coupling[block];
    if coupling {
        reader.coordinates(state)?;
    }
    if header.mode == 2 {
        if syntax.enhanced && block == 0 || reader.bits.flag() {
            reader.rematrixing(coupling, state);
        } else if block == 0 {
            state.rematrixed = [false; 4];
        }
    }
    exponents::read(reader.bits, header, syntax, block, state)?;
    reader.allocation(syntax, coupling, state)?;
    let (first, last) = (usize::from(!coupling), reader.last());
    for channel in &mut state.channels[first..=last] {
        if std::mem::take(&mut channel.changed) {
            allocate(&state.common, &channel.parameters, &channel.exponents, &mut channel.pointers);
        }
    }
    if syntax.skips
        && let Some(length) = reader.bits.optional(9)
    {
        reader.bits.skip(length as usize * 8);
    }
    (!reader.bits.overrun()).then_some(())
}

struct Reader<'a, 'b> {
    bits: &'a mut Bits<'b>,
    header: &'a Header,
    full: usize,
    block: usize,
    enhanced: bool,
}

impl Reader<'_, '_> {
    /// The last channel: the low frequency effects, where there are some.
    fn last(&self) -> usize {
        self.full + usize::from(self.header.lfe)
    }

    fn flags(&mut self, syntax: &Syntax, state: &mut State) {
        let full = &mut state.channels[1..=self.full];
        if syntax.switches {
            full.iter_mut().for_each(|channel| channel.switched = self.bits.flag());
        }
        if syntax.dithers {
            full.iter_mut().for_each(|channel| channel.dithered = self.bits.flag());
        }
        for range in &mut state.range[..if self.header.mode == 0 { 2 } else { 1 }] {
            match self.bits.optional(8) {
                Some(code) => *range = dynamic_range(code),
                None if self.block == 0 => *range = 1.0,
                None => {}
            }
        }
    }

    /// `spxinu` is set: which channels are extended, from where to where.
    fn extension(&mut self, state: &mut State) -> Option<()> {
        for channel in &mut state.channels[1..=self.full] {
            channel.extended = self.header.mode == 1 || self.bits.flag();
        }
        let source = self.bits.get(2) as usize;
        // Above the seventh, the codes are two sub-bands apart.
        let subband = |code: usize| if code > 7 { 2 * code - 7 } else { code };
        let begin = subband(self.bits.get(3) as usize + 2);
        let end = subband(self.bits.get(3) as usize + 5);
        if begin >= end || source >= begin {
            return None;
        }
        let mut default = [false; BANDS];
        [8, 10, 12, 14, 16].iter().for_each(|joined| default[*joined] = true);
        let extension = &mut state.extension;
        let bin = |subband: usize| subband * 12 + 25;
        (extension.source, extension.begin, extension.end) = (bin(source), bin(begin), bin(end));
        extension.bands.read(self.bits, begin..end, true, (self.block == 0).then_some(default));
        Some(())
    }

    /// E.3.6.4.1 and E.3.6.4.2: how much of noise and of the signal is in each extended band.
    fn blends(&mut self, state: &mut State) {
        for channel in &mut state.channels[1..=self.full] {
            if !channel.extended {
                channel.blends_known = false;
                continue;
            }
            if channel.blends_known && !self.bits.flag() {
                continue;
            }
            channel.blends_known = true;
            let blend = self.bits.get(5) as f32 / 32.0;
            let coarse = self.bits.get(2) * 3;
            let mut bin = state.extension.begin;
            for (blends, size) in channel.blends.iter_mut().zip(state.extension.bands.sizes()) {
                let centre = (bin + size / 2) as f32 / state.extension.end as f32;
                let ratio = (centre - blend).clamp(0.0, 1.0);
                bin += size;
                let (exponent, mantissa) = (self.bits.get(4), self.bits.get(2));
                let mantissa = if exponent == 15 { mantissa * 2 } else { mantissa + 4 };
                let coordinate = mantissa as f32 * 4.0 * power_of_half(exponent + coarse);
                *blends = ((3.0 * ratio).sqrt() * coordinate, (1.0 - ratio).sqrt() * coordinate);
            }
        }
    }

    fn coupling(&mut self, syntax: &mut Syntax, state: &mut State) -> Option<()> {
        if !self.enhanced {
            let said = self.bits.flag();
            syntax.coupling_said[self.block] = said;
            syntax.coupling[self.block] = match (said, self.block.checked_sub(1)) {
                (true, _) => self.bits.flag(),
                (false, Some(before)) => syntax.coupling[before],
                (false, None) => return None,
            };
        }
        if !syntax.coupling_said[self.block] {
            return Some(());
        }
        state.channels.iter_mut().for_each(|channel| channel.changed = true);
        if !syntax.coupling[self.block] {
            for channel in &mut state.channels {
                (channel.coupled, channel.coordinates_known) = (false, false);
            }
            state.leaks_known = !self.enhanced;
            state.phases_in_use = false;
            return Some(());
        }
        if self.header.mode < 2 || self.enhanced && self.bits.flag() {
            return None;
        }
        for channel in &mut state.channels[1..=self.full] {
            channel.coupled = self.enhanced && self.header.mode == 2 || self.bits.flag();
        }
        if self.header.mode == 2 {
            state.phases_in_use = self.bits.flag();
        }
        let begin = self.bits.get(4) as usize;
        let end = match state.extension.in_use {
            true => (state.extension.begin.checked_sub(37)?) / 12,
            false => self.bits.get(4) as usize + 3,
        };
        if begin >= end {
            return None;
        }
        let parameters = &mut state.channels[COUPLING].parameters;
        (parameters.start, parameters.end) = (begin * 12 + 37, end * 12 + 37);
        let mut default = [false; BANDS];
        [8, 10, 11, 13, 14, 15, 16, 17].iter().for_each(|joined| default[*joined] = true);
        state.coupling.read(self.bits, begin..end, self.enhanced, (self.block == 0).then_some(default));
        Some(())
    }

    /// 6.4.3.
    fn coordinates(&mut self, state: &mut State) -> Option<()> {
        let mut said = false;
        for channel in &mut state.channels[1..=self.full] {
            if !channel.coupled {
                channel.coordinates_known = false;
                continue;
            }
            if (self.enhanced && !channel.coordinates_known) || self.bits.flag() {
                channel.coordinates_known = true;
                said = true;
                let coarse = self.bits.get(2) * 3;
                for coordinate in channel.coordinates.iter_mut().take(state.coupling.sizes().len()) {
                    let (exponent, mantissa) = (self.bits.get(4), self.bits.get(4));
                    let mantissa = if exponent == 15 { mantissa * 2 } else { mantissa + 16 };
                    // In 1/32, times 8.
                    *coordinate = mantissa as f32 / 4.0 * power_of_half(exponent + coarse);
                }
            } else if self.block == 0 {
                return None;
            }
        }
        if self.header.mode == 2 && said {
            for phase in state.phases.iter_mut().take(state.coupling.sizes().len()) {
                *phase = state.phases_in_use && self.bits.flag();
            }
        }
        Some(())
    }

    /// 6.5.2: coupling, or an extension, takes bands away.
    fn rematrixing(&mut self, coupling: bool, state: &mut State) {
        let bands = match state.channels[COUPLING].parameters.start {
            37 if coupling => 2,
            ..=61 if coupling => 3,
            _ if !coupling && state.extension.in_use && state.extension.begin <= 61 => 3,
            _ => 4,
        };
        state.rematrixed = [false; 4];
        state.rematrixed[..bands].iter_mut().for_each(|rematrixed| *rematrixed = self.bits.flag());
    }

    /// Bit allocation parameters (6.2.1).
    fn allocation(&mut self, syntax: &Syntax, coupling: bool, state: &mut State) -> Option<()> {
        let (first, last) = (usize::from(!coupling), self.last());
        let common = &mut state.common;
        common.rate_code = self.header.rate_code;
        common.rate_shift = self.header.rate_shift;
        let channels = &mut state.channels[first..=last];
        if syntax.allocates {
            if self.bits.flag() {
                common.slow_decay = SLOW_DECAY[self.bits.get(2) as usize] >> common.rate_shift;
                common.fast_decay = FAST_DECAY[self.bits.get(2) as usize] >> common.rate_shift;
                common.slow_gain = SLOW_GAIN[self.bits.get(2) as usize];
                common.knee = KNEE[self.bits.get(2) as usize];
                common.floor = FLOOR[self.bits.get(3) as usize];
                channels.iter_mut().for_each(|channel| channel.changed = true);
            } else if self.block == 0 {
                return None;
            }
        }
        let offsets = syntax.snr_strategy != 0 && (self.enhanced && self.block == 0 || self.bits.flag());
        if !self.enhanced && self.block == 0 && !offsets {
            return None;
        }
        if offsets {
            let coarse = (self.bits.get(6) as i32 - 15) << 4;
            let mut fine = 0;
            for (index, channel) in channels.iter_mut().enumerate() {
                if index == 0 || syntax.snr_strategy == 2 {
                    fine = self.bits.get(4) as i32;
                }
                set(&mut channel.parameters.snr_offset, (coarse + fine) << 2, &mut channel.changed);
                if !self.enhanced {
                    let gain = FAST_GAIN[self.bits.get(3) as usize];
                    set(&mut channel.parameters.fast_gain, gain, &mut channel.changed);
                }
            }
        }
        if self.enhanced {
            let said = syntax.fast_gains && self.bits.flag();
            for channel in channels.iter_mut() {
                let gain = FAST_GAIN[if said { self.bits.get(3) as usize } else { 4 }];
                set(&mut channel.parameters.fast_gain, gain, &mut channel.changed);
            }
        }
        if self.header.kind == Kind::Independent {
            self.bits.optional(10);
        }
        if coupling {
            if !state.leaks_known || self.bits.flag() {
                common.coupling_leak = (self.bits.get(3) as i32, self.bits.get(3) as i32);
                state.channels[COUPLING].changed = true;
            } else if !self.enhanced && self.block == 0 {
                return None;
            }
            state.leaks_known = true;
        }
        self.deltas(syntax, first, state)
    }

    /// `deltbaie` and what follows.
    fn deltas(&mut self, syntax: &Syntax, first: usize, state: &mut State) -> Option<()> {
        if !(syntax.deltas && self.bits.flag()) {
            if self.block == 0 {
                state.channels.iter_mut().for_each(|channel| channel.parameters.delta.clear());
            }
            return Some(());
        }
        let channels = &mut state.channels[first..=self.full];
        let mut modes = [0; super::channel::CHANNELS];
        for (mode, channel) in modes.iter_mut().zip(channels.iter_mut()) {
            *mode = self.bits.get(2);
            channel.changed = true;
        }
        for (mode, channel) in modes.iter().zip(channels) {
            match mode {
                1 => {
                    channel.parameters.delta.clear();
                    for _ in 0..self.bits.get(3) + 1 {
                        let segment = (self.bits.get(5) as u8, self.bits.get(4) as u8, self.bits.get(3) as u8);
                        channel.parameters.delta.push(segment);
                    }
                }
                2 => channel.parameters.delta.clear(),
                3 => return None,
                _ => {}
            }
        }
        Some(())
    }
}

fn set(value: &mut i32, new: i32, changed: &mut bool) {
    *changed |= std::mem::replace(value, new) != new;
}

/// 6.7.1.
fn dynamic_range(code: u32) -> f32 {
    let octaves = (code as i8 >> 5) + 1;
    (32 + (code & 31)) as f32 / 64.0 * 2.0_f32.powi(octaves.into())
}

/// 2 to the power of minus this.
fn power_of_half(exponent: u32) -> f32 {
    f32::from_bits((127 - exponent.min(126)) << 23)
}
