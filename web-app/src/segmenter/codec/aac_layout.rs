//! A program_config_element (ISO/IEC 14496-3, 4.5.2.1): the channels of AAC in words.
//!
//! In: the bits. Out: the elements that frames consist of, and the channel configuration that says the same (table 1.19),
//! where there is one, or would with a silent centre in front. No browser takes the words.

use super::aac::{CPE, LFE, SCE};
use crate::segmenter::bits::BitReader;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// An element's kind and tag.
    elements: Vec<(u32, u32)>,
    ordinary: Option<Ordinary>,
}

/// How a layout is told by a channel configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ordinary {
    pub(super) configuration: u8,
    /// A single_channel_element is to be put before the others.
    pub(super) silent_centre: bool,
}

impl Ordinary {
    /// Just this configuration.
    pub(super) const fn plain(configuration: u8) -> Self {
        Self { configuration, silent_centre: false }
    }
}

impl Layout {
    /// Reads one from behind its element's kind; it is aligned from `origin` on.
    pub(super) fn read(from: &mut BitReader<'_>, origin: usize) -> Option<Self> {
        // Tag, object type, sampling rate.
        from.bits(10)?;
        let counts = [from.bits(4)?, from.bits(4)?, from.bits(4)?, from.bits(2)?, from.bits(3)?, from.bits(4)?];
        let [front, side, back, lfe, associated, coupling] = counts;
        for bits in [4, 4, 3] {
            if from.bit()? {
                from.bits(bits)?;
            }
        }
        let mut elements = Vec::new();
        for _ in 0..front + side + back {
            elements.push((from.bits(1)?, from.bits(4)?));
        }
        for _ in 0..lfe {
            elements.push((LFE, from.bits(4)?));
        }
        from.bits(4 * associated)?;
        for _ in 0..coupling {
            from.bits(5)?;
        }
        let past = (from.position() - origin) % 8;
        from.bits((8 - past as u32) % 8)?;
        let comment = from.bits(8)?;
        for _ in 0..comment {
            from.bits(8)?;
        }
        let around = |[front, side, back, lfe]: [u32; 4]| (front, side + back, lfe);
        let [front, side, back, lfe, ..] = counts;
        let kinds: Vec<u32> = elements.iter().map(|(kind, _)| *kind).collect();
        let centre = Ordinary { silent_centre: true, configuration: 0 };
        let ordinary = match (around([front, side, back, lfe]), &kinds[..]) {
            ((1, 0, 0), [SCE]) => Some(Ordinary::plain(1)),
            ((1, 0, 0), [CPE]) => Some(Ordinary::plain(2)),
            ((2, 0, 0), [SCE, CPE]) => Some(Ordinary::plain(3)),
            ((2, 1, 0), [SCE, CPE, SCE]) => Some(Ordinary::plain(4)),
            ((2, 1, 0), [SCE, CPE, CPE]) => Some(Ordinary::plain(5)),
            ((2, 1, 1), [SCE, CPE, CPE, LFE]) => Some(Ordinary::plain(6)),
            ((3, 1, 1), [SCE, CPE, CPE, CPE, LFE]) => Some(Ordinary::plain(7)),
            ((1, 1, 0), [CPE, CPE]) => Some(Ordinary { configuration: 5, ..centre }),
            ((1, 1, 1), [CPE, CPE, LFE]) => Some(Ordinary { configuration: 6, ..centre }),
            _ => None,
        };
        Some(Self { elements, ordinary: ordinary.filter(|_| associated + coupling == 0) })
    }

    pub(super) fn elements(&self) -> Vec<(u32, u32)> {
        self.elements.clone()
    }

    /// Whether it says two mono sounds, or two channels without a word on what they are.
    pub(super) fn is_two_mono(&self) -> bool {
        matches!(self.elements[..], [(SCE, _), (SCE, _)])
    }

    /// How a channel configuration says the same.
    pub(super) const fn ordinary(&self) -> Option<Ordinary> {
        self.ordinary
    }
}
