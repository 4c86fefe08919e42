//! Sample entries of sound (ISO/IEC 14496-14: `mp4a`) and the initialisation segments with them.

use super::{Writer, init};
use crate::segmenter::audio_config::{AudioConfig, Form};
use crate::segmenter::codec::aac::AacConfig;

/// The initialisation segment of a sound track.
pub(in crate::segmenter) fn audio_init(config: &AudioConfig) -> Vec<u8> {
    init(config.sample_rate, b"soun", (0, 0), |w| match &config.form {
        Form::Aac(aac) => entry(w, b"mp4a", config, |w| elementary_stream(w, *aac)),
    })
}

/// AudioSampleEntry (14496-12, 12.2.3) with the boxes of its codec.
fn entry(w: &mut Writer, name: &[u8; 4], config: &AudioConfig, boxes: impl FnOnce(&mut Writer)) {
    w.boxed(name, |w| {
        w.zeros(6).u16(1).zeros(8).u16(config.channels).u16(16).zeros(4);
        // 16.16: rates above 65 535 do not fit and are told by the configuration alone.
        w.u32(u16::try_from(config.sample_rate).map_or(0, |rate| u32::from(rate) << 16));
        boxes(w);
    });
}

/// The box `esds` (14496-14, 6.7.2).
fn elementary_stream(w: &mut Writer, config: AacConfig) {
    w.full(b"esds", 0, 0, |w| {
        let specific = config.audio_specific_config();
        let length = specific.len() as u8;
        // ES_Descriptor, DecoderConfigDescriptor (AAC, audio stream), DecoderSpecificInfo, SLConfigDescriptor.
        w.u8(3).u8(3 + 2 + 13 + 2 + length + 3).u16(1).u8(0);
        w.u8(4).u8(13 + 2 + length).u8(0x40).u8(0x15).zeros(3).u32(0).u32(0);
        w.u8(5).u8(length).bytes(&specific);
        w.u8(6).u8(1).u8(2);
    });
}
