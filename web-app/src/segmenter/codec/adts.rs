//! AAC in ADTS (ISO/IEC 14496-3, 1.A.2.2).
//!
//! In: frames with their headers. Out: raw data blocks. Several in a frame are split where the header tells their
//! places, which it does when it has a CRC; else they go out as one unit of their length together, and decoders read
//! one behind the other. Dropped: CRCs, which cover too little to be worth it; and a channel layout (a
//! program_config_element at the start of a block), as a channel configuration says the same or it is not played. Of two
//! mono sounds in one stream (dual mono) one comes out, as mono.

use super::aac::{AacConfig, PCE, rate};
use super::aac_block::two_mono;
use super::aac_layout::Layout;
use super::framer::{AccessUnit, Framer, Look};
use crate::segmenter::audio::config::{AudioConfig, Form};
use crate::segmenter::bits::{BitReader, BitWriter};
use crate::segmenter::output::FaultReason;

/// Shortest header.
const HEADER_MIN: usize = 7;

/// An ADTS header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    /// 1 Main, 2 LC, 3 SSR, 4 LTP.
    object_type: u8,
    rate_index: u8,
    channel_configuration: u8,
    /// A CRC follows the header, and each block where there are several.
    crc: bool,
    /// Raw data blocks in the frame: 1 to 4.
    blocks: usize,
    /// Of header and frame.
    frame_len: usize,
}

impl Header {
    /// Reads a header; `None` where there is none.
    #[inline]
    fn parse(bytes: &[u8; HEADER_MIN]) -> Option<Self> {
        let &[sync, second, third, fourth, fifth, sixth, seventh] = bytes;
        // Syncword, either standard's id, and layer 0.
        if sync != 0xFF || second & 0xF6 != 0xF0 {
            return None;
        }
        let header = Self {
            object_type: (third >> 6) + 1,
            rate_index: third >> 2 & 0x0F,
            channel_configuration: (third & 1) << 2 | fourth >> 6,
            crc: second & 1 == 0,
            blocks: usize::from(seventh & 3) + 1,
            frame_len: usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5),
        };
        (rate(header.rate_index).is_some() && header.frame_len > header.len()).then_some(header)
    }

    /// Of the header with its CRC and the places of blocks (adts_header_error_check).
    const fn len(&self) -> usize {
        if self.crc { HEADER_MIN + 2 * self.blocks } else { HEADER_MIN }
    }

    /// What frames in a row have in common.
    fn key(&self) -> u32 {
        u32::from_be_bytes([1, self.object_type, self.rate_index, self.channel_configuration])
    }
}

/// Reads ADTS.
#[derive(Debug, Default)]
pub(super) struct Adts {
    /// What the configuration was made of: the header's key, and the layout as it stands in the frame.
    made_of: (u32, Vec<u8>),
    config: Option<AudioConfig>,
    /// Of two mono sounds the second is wanted.
    second: bool,
    /// A block that is not given as it stands in the frame.
    written: Vec<u8>,
}

impl Adts {
    /// Makes the configuration, where it is another one; tells how many bytes of the first block are to be dropped.
    fn configure(&mut self, header: &Header, block: &[u8]) -> Option<usize> {
        let mut layout = None;
        let mut length = 0;
        let mut two = false;
        if header.channel_configuration == 0 {
            let mut bits = BitReader::new(block);
            if bits.bits(3) == Some(PCE) {
                let read = Layout::read(&mut bits, 0)?;
                two = read.is_two_mono();
                layout = Some(read);
                length = bits.position() / 8;
            } else if self.made_of.0 == header.key() {
                two = self.of_two().is_some();
            } else {
                // What the channels are is not known yet, but for what goes without saying in Japan.
                two_mono(block, rate(header.rate_index)?)?;
                two = true;
            }
        }
        let stood = block.get(..length)?;
        let wanted = two.then_some(self.second);
        let known = self.made_of.0 == header.key() && (stood.is_empty() || self.made_of.1 == stood);
        if !known || self.config.is_none() || self.of_two() != wanted {
            let Header { object_type, rate_index, channel_configuration, .. } = *header;
            let aac = match wanted {
                Some(second) => AacConfig::one_of_two(object_type, rate_index, second),
                None => AacConfig::new(object_type, rate_index, channel_configuration, layout.as_ref()),
            }?;
            if !known || !stood.is_empty() {
                self.made_of = (header.key(), stood.to_vec());
            }
            self.config =
                Some(AudioConfig { sample_rate: aac.sample_rate, channels: aac.channels, form: Form::Aac(aac) });
        }
        Some(length)
    }

    /// See [`AacConfig::of_two`].
    fn of_two(&self) -> Option<bool> {
        self.config.as_ref()?.of_two()
    }
}

impl Framer for Adts {
    fn sync(&self) -> u8 {
        0xFF
    }

    fn look(&self, bytes: &[u8]) -> Look {
        let Some(header) = bytes.first_chunk() else { return Look::Short };
        Header::parse(header).map_or(Look::Nothing, |header| Look::Frame { len: header.frame_len, key: header.key() })
    }

    fn take(&mut self, frame: &[u8], give: &mut dyn FnMut(AccessUnit<'_>)) -> Result<(), FaultReason> {
        let damaged = FaultReason::DamagedAudio;
        let header = frame.first_chunk().and_then(Header::parse).ok_or(damaged)?;
        let data = frame.get(header.len()..).ok_or(damaged)?;
        let drop = self.configure(&header, data).ok_or(FaultReason::NotDecodable)?;
        let Some(config) = &self.config else { return Err(FaultReason::NotDecodable) };
        let Form::Aac(aac) = &config.form else { return Err(FaultReason::NotDecodable) };
        let samples = aac.frame_samples();
        let as_it_stands = aac.prefix().is_empty() && aac.of_two().is_none();
        if header.blocks == 1 || !header.crc {
            let mut data = data.get(drop..).ok_or(damaged)?;
            if !as_it_stands {
                if header.blocks > 1 {
                    // Where the others begin is not known.
                    return Err(FaultReason::NotTaken);
                }
                data = rewritten(&mut self.written, aac, data).ok_or(damaged)?;
            }
            give(AccessUnit { config, samples: samples * header.blocks as u32, data });
            return Ok(());
        }
        // The blocks begin at 0 and at the places told; a CRC stands behind each.
        let places = frame.get(HEADER_MIN..).unwrap_or_default().as_chunks::<2>().0.iter();
        let mut starts = [0; 5];
        for (start, place) in starts.iter_mut().skip(1).zip(places.take(header.blocks - 1)) {
            *start = usize::from(u16::from_be_bytes(*place));
        }
        starts[header.blocks] = data.len();
        let mut blocks = [&[][..]; 4];
        for (index, block) in blocks.iter_mut().enumerate().take(header.blocks) {
            let end = starts[index + 1].checked_sub(2).ok_or(damaged)?;
            let start = starts[index] + if index == 0 { drop } else { 0 };
            *block = data.get(start..end).filter(|block| !block.is_empty()).ok_or(damaged)?;
        }
        for data in blocks.iter().take(header.blocks) {
            let data = if as_it_stands { data } else { rewritten(&mut self.written, aac, data).unwrap_or_default() };
            if !data.is_empty() {
                give(AccessUnit { config, samples, data });
            }
        }
        Ok(())
    }

    fn choose(&mut self, second: bool) {
        self.second = second;
    }
}

/// A block in the form that its configuration says; `None` where it is not what that was made of.
fn rewritten<'a>(written: &'a mut Vec<u8>, aac: &AacConfig, data: &[u8]) -> Option<&'a [u8]> {
    written.clear();
    match aac.of_two() {
        Some(second) => {
            let place = two_mono(data, aac.sample_rate)?.into_iter().nth(usize::from(second))?;
            let mut from = BitReader::new(data);
            from.skip(place.start);
            let mut bits = BitWriter::default();
            bits.copy(&mut from, place.len())?;
            // ID_END.
            bits.put(7, 3);
            *written = bits.finish();
        }
        None => {
            written.extend_from_slice(aac.prefix());
            written.extend_from_slice(data);
        }
    }
    Some(written)
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_reads_back() {
        // 48 kHz stereo LC, 300 bytes, no CRC.
        let header = Header::parse(&[0xFF, 0xF1, 0x4C, 0x80, 0x25, 0x9F, 0xFC]).unwrap();
        assert_eq!((header.object_type, header.rate_index, header.channel_configuration), (2, 3, 2));
        assert_eq!((header.len(), header.frame_len, header.blocks), (7, 300, 1));
        // MPEG-2, with CRC and four blocks.
        let header = Header::parse(&[0xFF, 0xF8, 0x4C, 0x80, 0x25, 0x9F, 0xFF]).unwrap();
        assert_eq!((header.len(), header.blocks), (15, 4));
    }

    proptest! {
        #[test]
        fn any_frame_is_taken_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 7..200)) {
            bytes[0] = 0xFF;
            bytes[1] = 0xF0 | bytes[1] & 9;
            let mut adts = Adts::default();
            let length = bytes.len();
            let mut total = 0;
            let _ = adts.take(&bytes, &mut |unit| total += unit.data.len());
            prop_assert!(total <= length + 4 * 8);
        }
    }
}
