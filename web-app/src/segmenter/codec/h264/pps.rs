//! Picture parameter sets (ISO/IEC 14496-10, 7.3.2.2).

use super::unescape;
use crate::segmenter::bits::BitReader;

/// A picture parameter set, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::segmenter) struct Pps {
    pub(in crate::segmenter) id: u8,
    pub(in crate::segmenter) sps_id: u8,
    pub(super) bottom_field_pic_order: bool,
    /// What stands behind the flags that every slice header needs.
    pub(super) more: Option<PpsMore>,
}

/// The fields that tell where a slice header's later parts begin; not read where there are slice groups, which
/// only Baseline has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PpsMore {
    pub(super) cabac: bool,
    pub(super) num_ref_idx_default_active: [u32; 2],
    pub(super) weighted_pred: bool,
    pub(super) weighted_bipred_idc: u32,
    pub(super) deblocking_filter_control_present: bool,
    pub(super) redundant_pic_cnt_present: bool,
}

impl Pps {
    /// Reads a whole NAL unit.
    pub(in crate::segmenter) fn parse(nal_unit: &[u8]) -> Option<Self> {
        let plain = unescape(nal_unit.get(1..)?, 64);
        let mut r = BitReader::new(&plain);
        let id = u8::try_from(r.ue()?).ok()?;
        let sps_id = u8::try_from(r.ue()?).ok().filter(|id| *id < 32)?;
        let cabac = r.bit()?;
        let bottom_field_pic_order = r.bit()?;
        Some(Self { id, sps_id, bottom_field_pic_order, more: PpsMore::read(cabac, &mut r) })
    }
}

impl PpsMore {
    fn read(cabac: bool, r: &mut BitReader<'_>) -> Option<Self> {
        if r.ue()? != 0 {
            return None;
        }
        let num_ref_idx_default_active = [1 + r.ue().filter(|last| *last < 32)?, 1 + r.ue().filter(|last| *last < 32)?];
        let weighted_pred = r.bit()?;
        let weighted_bipred_idc = r.bits(2)?;
        for _ in 0..3 {
            r.se()?;
        }
        let deblocking_filter_control_present = r.bit()?;
        r.bit()?;
        let redundant_pic_cnt_present = r.bit()?;
        Some(Self {
            cabac,
            num_ref_idx_default_active,
            weighted_pred,
            weighted_bipred_idc,
            deblocking_filter_control_present,
            redundant_pic_cnt_present,
        })
    }
}
