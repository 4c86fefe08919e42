//! What is said once in a frame of E-AC-3 for all its blocks (ETSI TS 102 366, E.1.2.3).
//!
//! Left out, as in ffmpeg: transient pre-noise processing, which softens what comes before a beat.

use super::bits::Bits;
use super::channel::{COUPLING, State};
use super::header::{Header, Kind};
use super::tables::{FAST_DECAY, FLOOR, KNEE, SLOW_DECAY, SLOW_GAIN};

/// Which fields the blocks have, and what holds for each of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Syntax {
    pub(super) enhanced: bool,
    /// `snroffststr`: said for the frame, for a block, for each channel of a block.
    pub(super) snr_strategy: u32,
    /// `blkswe`, `dithflage`, `bamode`, `frmfgaincode`, `dbaflde`, `skipflde`.
    pub(super) switches: bool,
    pub(super) dithers: bool,
    pub(super) allocates: bool,
    pub(super) fast_gains: bool,
    pub(super) deltas: bool,
    pub(super) skips: bool,
    /// `cplstre` and `cplinu` of each block.
    pub(super) coupling_said: [bool; 6],
    pub(super) coupling: [bool; 6],
}

impl Syntax {
    /// AC-3 says everything in every block.
    pub(super) fn plain(state: &mut State) -> Self {
        for channel in &mut state.channels {
            channel.parameters.hybrid = false;
            channel.attenuation = None;
        }
        state.leaks_known = true;
        Self {
            enhanced: false,
            snr_strategy: 2,
            switches: true,
            dithers: true,
            allocates: true,
            fast_gains: false,
            deltas: true,
            skips: true,
            coupling_said: [false; 6],
            coupling: [false; 6],
        }
    }

    /// Reads `audfrm`.
    pub(super) fn enhanced(bits: &mut Bits<'_>, header: &Header, state: &mut State) -> Option<Self> {
        let (full, blocks) = (header.full_channels(), header.blocks);
        let last = full + usize::from(header.lfe);
        let (strategies_said, hybrids) = if blocks == 6 { (bits.flag(), bits.flag()) } else { (true, false) };
        let snr_strategy = bits.get(2);
        let transients = bits.flag();
        let mut syntax = Self {
            enhanced: true,
            snr_strategy,
            switches: bits.flag(),
            dithers: bits.flag(),
            allocates: bits.flag(),
            fast_gains: bits.flag(),
            deltas: bits.flag(),
            skips: bits.flag(),
            coupling_said: [false; 6],
            coupling: [false; 6],
        };
        let attenuates = bits.flag();
        syntax.defaults(state, full);
        if header.mode > 1 {
            let mut in_use = false;
            for block in 0..blocks {
                syntax.coupling_said[block] = block == 0 || bits.flag();
                if syntax.coupling_said[block] {
                    in_use = bits.flag();
                }
                syntax.coupling[block] = in_use;
            }
        }
        syntax.exponent_strategies(bits, header, state, strategies_said);
        if header.kind == Kind::Independent && (blocks == 6 || bits.flag()) {
            bits.skip(5 * full);
        }
        syntax.hybrids(bits, state, last, hybrids);
        if snr_strategy == 0 {
            let coarse = (bits.get(6) as i32 - 15) << 4;
            let offset = (coarse + bits.get(4) as i32) << 2;
            state.channels.iter_mut().for_each(|channel| channel.parameters.snr_offset = offset);
        }
        for _ in 0..if transients { full } else { 0 } {
            bits.optional(18);
        }
        for channel in &mut state.channels[1..=full] {
            channel.attenuation = if attenuates { bits.optional(5) } else { None };
        }
        if blocks > 1 && bits.flag() {
            let words = header.length / 2;
            bits.skip((blocks - 1) * (4 + words.next_power_of_two().trailing_zeros() as usize));
        }
        (!bits.overrun()).then_some(syntax)
    }

    /// What holds where the frame leaves it out.
    fn defaults(&self, state: &mut State, full: usize) {
        for (index, channel) in state.channels.iter_mut().enumerate() {
            channel.coordinates_known = false;
            channel.blends_known = false;
            if !self.switches {
                channel.switched = false;
            }
            if !self.dithers {
                channel.dithered = (1..=full).contains(&index);
            }
        }
        state.leaks_known = false;
        if !self.allocates {
            let common = &mut state.common;
            (common.slow_decay, common.fast_decay) = (SLOW_DECAY[2], FAST_DECAY[1]);
            (common.slow_gain, common.knee, common.floor) = (SLOW_GAIN[1], KNEE[2], FLOOR[7]);
        }
    }

    fn exponent_strategies(&self, bits: &mut Bits<'_>, header: &Header, state: &mut State, said: bool) {
        let (full, blocks) = (header.full_channels(), header.blocks);
        if said {
            for block in 0..blocks {
                let first = if self.coupling[block] { COUPLING } else { 1 };
                for channel in &mut state.channels[first..=full] {
                    channel.strategies[block] = bits.get(2) as u8;
                }
            }
        } else {
            let first = if self.coupling.contains(&true) { COUPLING } else { 1 };
            for channel in &mut state.channels[first..=full] {
                channel.strategies = frame_strategies(bits.get(5));
            }
        }
        if header.lfe {
            for strategy in &mut state.channels[full + 1].strategies[..blocks] {
                *strategy = bits.get(1) as u8;
            }
        }
    }

    /// E.3.4.2: only channels whose exponents stay for the whole frame can be transformed once more over its blocks.
    fn hybrids(&self, bits: &mut Bits<'_>, state: &mut State, last: usize, said: bool) {
        let coupled = self.coupling == [true; 6] && !self.coupling_said[1..].contains(&true);
        for (index, channel) in state.channels.iter_mut().enumerate() {
            let steady = channel.strategies[1..] == [0; 5] && (index != COUPLING || coupled);
            channel.parameters.hybrid = said && index <= last && steady && bits.flag();
        }
    }
}

/// `frmcplexpstr` and `frmchexpstr`: the strategies of six blocks by one code.
fn frame_strategies(code: u32) -> [u8; 6] {
    const STRATEGIES: [[u8; 6]; 32] = [
        [1, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 3],
        [1, 0, 0, 0, 2, 0],
        [1, 0, 0, 0, 3, 3],
        [2, 0, 0, 2, 0, 0],
        [2, 0, 0, 2, 0, 3],
        [2, 0, 0, 3, 2, 0],
        [2, 0, 0, 3, 3, 3],
        [2, 0, 1, 0, 0, 0],
        [2, 0, 2, 0, 0, 3],
        [2, 0, 2, 0, 2, 0],
        [2, 0, 2, 0, 3, 3],
        [2, 0, 3, 2, 0, 0],
        [2, 0, 3, 2, 0, 3],
        [2, 0, 3, 3, 2, 0],
        [2, 0, 3, 3, 3, 3],
        [3, 1, 0, 0, 0, 0],
        [3, 1, 0, 0, 0, 3],
        [3, 2, 0, 0, 2, 0],
        [3, 2, 0, 0, 3, 3],
        [3, 2, 0, 2, 0, 0],
        [3, 2, 0, 2, 0, 3],
        [3, 2, 0, 3, 2, 0],
        [3, 2, 0, 3, 3, 3],
        [3, 3, 1, 0, 0, 0],
        [3, 3, 2, 0, 0, 3],
        [3, 3, 2, 0, 2, 0],
        [3, 3, 2, 0, 3, 3],
        [3, 3, 3, 2, 0, 0],
        [3, 3, 3, 2, 0, 3],
        [3, 3, 3, 3, 2, 0],
        [3, 3, 3, 3, 3, 3],
    ];
    STRATEGIES[code as usize & 31]
}
