//! Sample entries of sound (ISO/IEC 14496-14: `mp4a`) and the initialisation segments with them.

use super::init;
use crate::segmenter::codec::aac::AacConfig;

/// The initialisation segment of an AAC track.
pub(in crate::segmenter) fn audio_init(config: AacConfig) -> Vec<u8> {
    init(config.sample_rate(), b"soun", (0, 0), |w| {
        w.boxed(b"mp4a", |w| {
            w.zeros(6).u16(1).zeros(8).u16(config.channels()).u16(16).zeros(4);
            // 16.16: rates above 65 535 do not fit and are told by the configuration alone.
            w.u32(u16::try_from(config.sample_rate()).map_or(0, |rate| u32::from(rate) << 16));
            w.full(b"esds", 0, 0, |w| {
                let specific = config.audio_specific_config();
                let length = specific.len() as u8;
                // ES_Descriptor, DecoderConfigDescriptor (AAC, audio stream), DecoderSpecificInfo, SLConfigDescriptor.
                w.u8(3).u8(3 + 2 + 13 + 2 + length + 3).u16(1).u8(0);
                w.u8(4).u8(13 + 2 + length).u8(0x40).u8(0x15).zeros(3).u32(0).u32(0);
                w.u8(5).u8(length).bytes(&specific);
                w.u8(6).u8(1).u8(2);
            });
        });
    })
}
