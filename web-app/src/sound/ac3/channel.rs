//! What is known of each channel of a frame, and of its bands: most of it stays until the stream says it anew.

use super::allocation::{Common, Parameters};
use super::bits::Bits;
use super::noise::Noise;

/// The coupling channel, five of full bandwidth, and the low frequency effects behind the last of these.
pub(super) const CHANNELS: usize = 7;
/// The place of the coupling channel.
pub(super) const COUPLING: usize = 0;
/// Bands of coupling at most, and of spectral extension.
pub(super) const BANDS: usize = 18;

/// A channel.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) exponents: [u8; 256],
    pub(super) pointers: [u8; 256],
    pub(super) parameters: Parameters,
    /// The pointers have to be found anew.
    pub(super) changed: bool,
    /// `chexpstr` of each block: 0 where the exponents stay.
    pub(super) strategies: [u8; 6],
    /// `chincpl`.
    pub(super) coupled: bool,
    /// `chinspx`.
    pub(super) extended: bool,
    /// `blksw`.
    pub(super) switched: bool,
    /// `dithflag`.
    pub(super) dithered: bool,
    /// Its coupling coordinates have come in this frame.
    pub(super) coordinates_known: bool,
    pub(super) coordinates: [f32; BANDS],
    /// Its coordinates of spectral extension have come in this frame.
    pub(super) blends_known: bool,
    /// What is mixed of noise and of the signal in each band that is extended.
    pub(super) blends: [(f32, f32); BANDS],
    /// `spxattencod`.
    pub(super) attenuation: Option<u32>,
    /// With the adaptive hybrid transform, the mantissas of all blocks.
    pub(super) hybrid: Vec<[f32; 6]>,
    /// The spectrum of this block.
    pub(super) spectrum: [f32; 256],
}

impl Channel {
    fn new() -> Self {
        let parameters = Parameters {
            start: 0,
            end: 0,
            snr_offset: 0,
            fast_gain: 0,
            is_lfe: false,
            hybrid: false,
            delta: Vec::new(),
        };
        Self {
            exponents: [0; 256],
            pointers: [0; 256],
            parameters,
            changed: true,
            strategies: [0; 6],
            coupled: false,
            extended: false,
            switched: false,
            dithered: false,
            coordinates_known: false,
            coordinates: [0.0; BANDS],
            blends_known: false,
            blends: [(0.0, 0.0); BANDS],
            attenuation: None,
            hybrid: Vec::new(),
            spectrum: [0.0; 256],
        }
    }

    /// The bins that it has itself.
    pub(super) fn bins(&self) -> std::ops::Range<usize> {
        self.parameters.start..self.parameters.end
    }
}

/// Everything that stays from block to block.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) channels: Vec<Channel>,
    pub(super) common: Common,
    pub(super) noise: Noise,
    pub(super) coupling: Bands,
    /// `phsflginu`, and `phsflg` of each band.
    pub(super) phases_in_use: bool,
    pub(super) phases: [bool; BANDS],
    /// The coupling channel's leaks have come in this frame.
    pub(super) leaks_known: bool,
    pub(super) extension: Extension,
    pub(super) rematrixed: [bool; 4],
    /// `dynrng`, as a factor; of the first programme and of the second.
    pub(super) range: [f32; 2],
}

impl Default for State {
    fn default() -> Self {
        Self {
            channels: vec![Channel::new(); CHANNELS],
            common: Common::default(),
            noise: Noise::default(),
            coupling: Bands::default(),
            phases_in_use: false,
            phases: [false; BANDS],
            leaks_known: false,
            extension: Extension::default(),
            rematrixed: [false; 4],
            range: [1.0; 2],
        }
    }
}

/// Spectral extension (E.3.6).
#[derive(Clone, Debug, Default)]
pub(super) struct Extension {
    /// `spxinu`.
    pub(super) in_use: bool,
    /// The first bin that is copied from.
    pub(super) source: usize,
    /// The first bin that is made, and the one behind the last.
    pub(super) begin: usize,
    pub(super) end: usize,
    pub(super) bands: Bands,
}

/// Sub-bands of 12 bins put together to bands.
#[derive(Clone, Debug, Default)]
pub(super) struct Bands {
    /// Whether a sub-band belongs to the band of the one before.
    structure: [bool; BANDS],
    sizes: Vec<usize>,
}

impl Bands {
    /// Reads `cplbndstrc` or `spxbndstrc` for these sub-bands, of 18 at most: in AC-3 it is always there, in E-AC-3 a
    /// flag tells; without, `default` counts from the frame's first block on.
    pub(super) fn read(
        &mut self,
        bits: &mut Bits<'_>,
        subbands: std::ops::Range<usize>,
        enhanced: bool,
        default: Option<[bool; BANDS]>,
    ) {
        if let Some(default) = default {
            self.structure = default;
        }
        let explicit = !enhanced || bits.flag();
        self.sizes.clear();
        self.sizes.push(12);
        for joined in self.structure.iter_mut().take(subbands.end).skip(subbands.start + 1) {
            if explicit {
                *joined = bits.flag();
            }
            match self.sizes.last_mut() {
                Some(size) if *joined => *size += 12,
                _ => self.sizes.push(12),
            }
        }
    }

    /// Bins of each band.
    pub(super) fn sizes(&self) -> &[usize] {
        &self.sizes
    }
}
