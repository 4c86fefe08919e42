//! Sample entries of sound (ISO/IEC 14496-14: `mp4a`; ETSI TS 102 366, annex F: `ac-3`, `ec-3`; `Opus` and `fLaC` by the
//! documents of their authors) and the initialisation segments with them.

use super::{Writer, init};
use crate::segmenter::audio::config::{AudioConfig, Form};
use crate::segmenter::codec::ac3::Ac3Config;

/// MPEG-4 audio (ISO/IEC 14496-1, table 5).
const OBJECT_TYPE_AAC: u8 = 0x40;
/// Most bytes of an AudioSpecificConfig that the one-byte lengths around it leave room for.
const SPECIFIC_MAX: usize = 127 - 3 - 2 - 13 - 2 - 3;
/// Longest block of FLAC: no frame that is decoded here is longer, and no silence.
const FLAC_BLOCK_MAX: u16 = 4608;

/// The initialisation segment of a sound track.
pub(in crate::segmenter) fn audio_init(config: &AudioConfig) -> Vec<u8> {
    init(config.sample_rate, b"soun", (0, 0), &mut |w| match &config.form {
        Form::Aac(aac) => {
            entry(w, b"mp4a", config, &|w| elementary_stream(w, OBJECT_TYPE_AAC, aac.audio_specific_config()));
        }
        Form::Mpeg(mpeg) => {
            entry(w, b"mp4a", config, &|w| elementary_stream(w, mpeg.object_type_indication(), &[]));
        }
        Form::Ac3(Ac3Config { enhanced: false, specific, .. }) => {
            entry(w, b"ac-3", config, &|w| {
                w.boxed(b"dac3", |w| {
                    w.bytes(specific);
                });
            });
        }
        Form::Ac3(Ac3Config { enhanced: true, specific, .. }) => {
            entry(w, b"ec-3", config, &|w| {
                w.boxed(b"dec3", |w| {
                    w.bytes(specific);
                });
            });
        }
        Form::Opus(opus) => {
            entry(w, b"Opus", config, &|w| {
                w.boxed(b"dOps", |w| {
                    w.bytes(&opus.specific());
                });
            });
        }
        Form::Flac => entry(w, b"fLaC", config, &|w| flac_specific(w, config)),
    })
}

/// AudioSampleEntry (14496-12, 12.2.3) with the boxes of its codec.
fn entry(w: &mut Writer, name: &[u8; 4], config: &AudioConfig, boxes: &dyn Fn(&mut Writer)) {
    w.boxed(name, |w| {
        w.zeros(6).u16(1).zeros(8).u16(config.channels).u16(16).zeros(4);
        // 16.16: rates above 65 535 do not fit and are told by the configuration alone.
        w.u32(u16::try_from(config.sample_rate).map_or(0, |rate| u32::from(rate) << 16));
        boxes(w);
    });
}

/// The box `esds` (14496-14, 6.7.2), with DecoderSpecificInfo where there is any.
fn elementary_stream(w: &mut Writer, object_type_indication: u8, specific: &[u8]) {
    // The lengths fit one byte each: seven bits.
    let specific = specific.get(..specific.len().min(SPECIFIC_MAX)).unwrap_or_default();
    let length = specific.len() as u8;
    let info = if specific.is_empty() { 0 } else { 2 + length };
    w.full(b"esds", 0, 0, |w| {
        // ES_Descriptor, DecoderConfigDescriptor (an audio stream), DecoderSpecificInfo, SLConfigDescriptor.
        w.u8(3).u8(3 + 2 + 13 + info + 3).u16(1).u8(0);
        w.u8(4).u8(13 + info).u8(object_type_indication).u8(0x15).zeros(3).u32(0).u32(0);
        if info > 0 {
            w.u8(5).u8(length).bytes(specific);
        }
        w.u8(6).u8(1).u8(2);
    });
}

/// The box `dfLa` (Encapsulation of FLAC in ISO Base Media File Format, 3.3.2) with STREAMINFO (RFC 9639, 8.2).
fn flac_specific(w: &mut Writer, config: &AudioConfig) {
    w.full(b"dfLa", 0, 0, |w| {
        // The last metadata block, of type 0, 34 bytes long; shortest and longest block, frame sizes unknown.
        w.u32(0x8000_0000 | 34).u16(16).u16(FLAC_BLOCK_MAX).zeros(6);
        // 20 bits of rate, 3 of channels - 1, 5 of bits - 1, and the high 4 of an unknown length; then no checksum.
        w.u32(config.sample_rate << 12 | u32::from(config.channels.saturating_sub(1) & 7) << 9 | 15 << 4);
        w.u32(0).zeros(16);
    });
}
