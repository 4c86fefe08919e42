//! The parameter sets of an H.264 stream (ISO/IEC 14496-10, 7.4.1.2.1): the last of each id.

use std::collections::BTreeMap;

use super::codec::h264::{Pps, Sps};

/// A parameter set longer than this is none.
const UNIT_MAX: usize = 4096;

#[derive(Debug)]
struct Entry<T> {
    set: T,
    unit: Vec<u8>,
    /// A PPS whose SPS has changed since it came.
    stale: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ParameterSets {
    sps: BTreeMap<u8, Entry<Sps>>,
    pps: BTreeMap<u8, Entry<Pps>>,
    /// Counts changes of any byte of any set.
    pub(super) generation: u64,
}

impl ParameterSets {
    /// Takes an SPS NAL unit; `false` where it cannot be used.
    pub(super) fn take_sps(&mut self, unit: &[u8]) -> bool {
        let Some(sps) = Some(unit).filter(|unit| unit.len() <= UNIT_MAX).and_then(Sps::parse) else { return false };
        let id = sps.id;
        if self.sps.get(&id).is_none_or(|known| known.unit != unit) {
            self.generation += 1;
            self.sps.insert(id, Entry { set: sps, unit: unit.to_vec(), stale: false });
            for entry in self.pps.values_mut().filter(|entry| entry.set.sps_id == id) {
                entry.stale = true;
            }
        }
        true
    }

    /// Takes a PPS NAL unit; `false` where it cannot be used.
    pub(super) fn take_pps(&mut self, unit: &[u8]) -> bool {
        let Some(pps) = Some(unit).filter(|unit| unit.len() <= UNIT_MAX).and_then(Pps::parse) else { return false };
        match self.pps.get_mut(&pps.id) {
            Some(known) if known.unit == unit => known.stale = false,
            _ => {
                self.generation += 1;
                self.pps.insert(pps.id, Entry { set: pps, unit: unit.to_vec(), stale: false });
            }
        }
        true
    }

    /// The sets that a slice with this `pic_parameter_set_id` uses.
    pub(super) fn of_slice(&self, pps_id: u8) -> Option<(&Sps, &Pps)> {
        let pps = &self.pps.get(&pps_id)?.set;
        Some((self.sps(pps.sps_id)?, pps))
    }

    pub(super) fn sps(&self, id: u8) -> Option<&Sps> {
        Some(&self.sps.get(&id)?.set)
    }

    /// The NAL units of all SPS.
    pub(super) fn sps_units(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.sps.values().map(|entry| &entry.unit[..])
    }

    /// The NAL units of all PPS, but those left over from an SPS that has changed, where there are others.
    pub(super) fn pps_units(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let any_fresh = self.pps.values().any(|entry| !entry.stale);
        self.pps.values().filter(move |entry| !(entry.stale && any_fresh)).map(|entry| &entry.unit[..])
    }
}
