//! Splice descriptors (ANSI/SCTE 35, 10).

use amt_shared::clock::WRAP;

use crate::segmenter::metadata::bytes::Bytes;
use crate::segmenter::output::{
    DeliveryRestrictions, Segmentation, SpliceAudio, SpliceDescriptor, SpliceDescriptorContent, Upid,
};

/// `CUEI`: the standard's own descriptors.
const CUEI: u32 = u32::from_be_bytes(*b"CUEI");
const MASK: u64 = WRAP as u64 - 1;
/// `MID()`: several UPIDs.
const MID: u8 = 0x0D;

/// Reads a loop of descriptors; one that runs over its end is left out.
pub(super) fn parse(bytes: &[u8]) -> Vec<SpliceDescriptor> {
    let mut bytes = Bytes(bytes);
    let mut descriptors = Vec::new();
    while let Some((tag, identifier, body)) = next(&mut bytes) {
        let content = if identifier == CUEI { content(tag, Bytes(body)) } else { None };
        let content = content.unwrap_or_else(|| SpliceDescriptorContent::Other(body.to_vec()));
        descriptors.push(SpliceDescriptor { tag, identifier, content });
    }
    descriptors
}

fn next<'a>(bytes: &mut Bytes<'a>) -> Option<(u8, u32, &'a [u8])> {
    let tag = bytes.u8()?;
    let length = bytes.u8()?;
    let mut body = Bytes(bytes.take(usize::from(length))?);
    // One that is too short for an identifier has none.
    Some((tag, body.u32().unwrap_or(0), body.0))
}

fn content(tag: u8, mut bytes: Bytes<'_>) -> Option<SpliceDescriptorContent> {
    Some(match tag {
        0x00 => SpliceDescriptorContent::Avail(bytes.u32()?),
        0x01 => {
            let preroll = bytes.u8()?;
            let count = bytes.u8()? >> 5;
            let tones = bytes.take(count.into())?.iter().map(|tone| char::from(*tone)).collect();
            SpliceDescriptorContent::Dtmf { preroll, tones }
        }
        0x02 => SpliceDescriptorContent::Segmentation(segmentation(bytes)?),
        0x03 => SpliceDescriptorContent::Time {
            tai_seconds: bytes.u48()?,
            tai_nanoseconds: bytes.u32()?,
            utc_offset: bytes.u16()?,
        },
        0x04 => {
            let count = bytes.u8()? >> 4;
            let mut tracks = Vec::new();
            for _ in 0..count {
                let tag = bytes.u8()?;
                let language = bytes.take(3)?.iter().map(|letter| char::from(*letter)).collect();
                let flags = bytes.u8()?;
                let (mode, channels, full) = (flags >> 5, flags >> 1 & 0x0F, flags & 1 == 1);
                tracks.push(SpliceAudio { tag, language, mode, channels, full });
            }
            SpliceDescriptorContent::Audio(tracks)
        }
        _ => return None,
    })
}

fn segmentation(mut bytes: Bytes<'_>) -> Option<Segmentation> {
    let mut told = Segmentation { event: bytes.u32()?, cancel: bytes.u8()? & 0x80 != 0, ..Segmentation::default() };
    if told.cancel {
        return Some(told);
    }
    let flags = bytes.u8()?;
    if flags & 0x20 == 0 {
        told.restrictions = Some(DeliveryRestrictions {
            web_allowed: flags & 0x10 != 0,
            no_regional_blackout: flags & 0x08 != 0,
            archive_allowed: flags & 0x04 != 0,
            devices: flags & 0x03,
        });
    }
    if flags & 0x80 == 0 {
        for _ in 0..bytes.u8()? {
            told.components.push((bytes.u8()?, bytes.u40()? & MASK));
        }
    }
    if flags & 0x40 != 0 {
        told.duration = Some(bytes.u40()?);
    }
    told.upid_type = bytes.u8()?;
    let length = bytes.u8()?;
    told.upids = upids(told.upid_type, bytes.take(length.into())?);
    told.type_id = bytes.u8()?;
    told.number = bytes.u8()?;
    told.expected = bytes.u8()?;
    // Written by newer equipment only.
    if matches!(told.type_id, 0x30 | 0x32 | 0x34 | 0x36 | 0x38 | 0x3A | 0x44 | 0x46) {
        told.sub_segment = bytes.u8().zip(bytes.u8());
    }
    Some(told)
}

fn upids(kind: u8, data: &[u8]) -> Vec<Upid> {
    if data.is_empty() {
        return Vec::new();
    }
    let whole = || vec![Upid { kind, data: data.to_vec() }];
    if kind != MID {
        return whole();
    }
    let mut bytes = Bytes(data);
    let mut upids = Vec::new();
    while let Some((kind, length)) = bytes.u8().zip(bytes.u8()) {
        let Some(data) = bytes.take(length.into()) else { return whole() };
        upids.push(Upid { kind, data: data.to_vec() });
    }
    upids
}
