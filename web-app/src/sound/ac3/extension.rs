//! Spectral extension (ETSI TS 102 366, E.3.6): the highest part of a spectrum, made from a copy of what is below it,
//! noise, and a level for each band.

use super::channel::{BANDS, State};
use super::header::Header;

/// Extends the channels that want it. Their spectra are already scaled by the dynamic range: the noise goes by them.
pub(super) fn extend(header: &Header, state: &mut State) {
    let State { channels, extension, noise, .. } = state;
    if !extension.in_use {
        return;
    }
    let (source, begin) = (extension.source, extension.begin);
    let sizes = extension.bands.sizes();
    let (from, wraps) = copies(source, begin, sizes);
    for channel in channels[1..=header.full_channels()].iter_mut().filter(|channel| channel.extended) {
        for (index, from) in from.iter().enumerate() {
            channel.spectrum[begin + index] = channel.spectrum[*from];
        }
        let mut bin = begin;
        let mut levels = [0.0; BANDS];
        for (level, size) in levels.iter_mut().zip(sizes) {
            let power: f32 = channel.spectrum[bin..bin + size].iter().map(|value| value * value).sum();
            *level = (power / *size as f32).sqrt();
            bin += size;
        }
        if let Some(code) = channel.attenuation {
            notch(&mut channel.spectrum, code, begin, sizes, &wraps);
        }
        let mut bin = begin;
        for ((size, level), (noisy, clean)) in sizes.iter().zip(levels).zip(channel.blends) {
            for value in &mut channel.spectrum[bin..bin + size] {
                let random = noise.next() as i32 as f32 / -2_147_483_648.0;
                *value = *value * clean + random * level * noisy;
            }
            bin += size;
        }
    }
}

/// E.3.6.4.1: where each bin is copied from, and in which bands the copy begins anew.
fn copies(source: usize, begin: usize, sizes: &[usize]) -> (Vec<usize>, [bool; BANDS]) {
    let mut from = Vec::with_capacity(256);
    let mut wraps = [false; BANDS];
    let mut bin = source;
    for (band, size) in sizes.iter().enumerate() {
        let whole = bin + size <= begin;
        wraps[band] = band == 0 || !whole;
        if !whole {
            bin = source;
        }
        for _ in 0..*size {
            if bin == begin {
                bin = source;
            }
            from.push(bin);
            bin += 1;
        }
    }
    (from, wraps)
}

/// E.3.6.4.2.3: softens the borders, where the copy does not go on from what is below.
fn notch(spectrum: &mut [f32; 256], code: u32, begin: usize, sizes: &[usize], wraps: &[bool; BANDS]) {
    let gain = |step: u32| 2.0_f32.powf(-((code + 1) as f32) * step as f32 / 15.0);
    let gains = [gain(1), gain(2), gain(3), gain(2), gain(1)];
    let mut bin = begin - 2;
    for (size, wraps) in sizes.iter().zip(wraps) {
        if *wraps {
            spectrum[bin..bin + 5].iter_mut().zip(gains).for_each(|(value, gain)| *value *= gain);
        }
        bin += size;
    }
}
