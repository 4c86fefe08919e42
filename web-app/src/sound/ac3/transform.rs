//! From the spectrum to samples: the inverse transform, its window and the overlap (ETSI TS 102 366, 6.9.4).
//!
//! Both halves of what a block's inverse transform gives are symmetric, so 128 values of each are enough: those of
//! the first half are mixed with the kept half of the block before. They come out of a DCT-IV of 256 points, or, where
//! the block is switched, of two of 128 points; blocks of both kinds can be mixed by their halves.

use std::f64::consts::PI;

/// What a transform leaves: the first halves of both halves.
pub(super) struct Halves {
    pub(super) first: [f32; 128],
    pub(super) second: [f32; 128],
}

/// Tables for both lengths.
pub(super) struct Transform {
    long: Cosines,
    short: Cosines,
    window: [f32; 256],
}

impl Transform {
    pub(super) fn new() -> Self {
        Self { long: Cosines::new(256), short: Cosines::new(128), window: window() }
    }

    /// Adds what this spectrum gives.
    pub(super) fn add(&mut self, spectrum: &[f32; 256], switched: bool, halves: &mut Halves) {
        if switched {
            let mut part = [0.0; 128];
            let mut half = |parity: usize| {
                let values = spectrum.iter().skip(parity).step_by(2);
                part.iter_mut().zip(values).for_each(|(part, value)| *part = *value);
                self.short.transform(&mut part);
                part
            };
            let (first, second) = (half(0), half(1));
            halves.first.iter_mut().zip(first).for_each(|(sum, value)| *sum += value);
            halves.second.iter_mut().zip(second.iter().rev()).for_each(|(sum, value)| *sum -= value);
        } else {
            let mut values = *spectrum;
            self.long.transform(&mut values);
            halves.first.iter_mut().zip(&values[128..]).for_each(|(sum, value)| *sum += value);
            halves.second.iter_mut().zip(values[..128].iter().rev()).for_each(|(sum, value)| *sum -= value);
        }
    }

    /// The block's samples: its first half over what the block before has left, which becomes its second half.
    pub(super) fn overlap(&self, halves: &Halves, kept: &mut [f32; 128], samples: &mut [f32; 256]) {
        let (rising, falling) = self.window.split_at(128);
        let (left, right) = samples.split_at_mut(128);
        let windows = rising.iter().zip(falling.iter().rev());
        let outputs = left.iter_mut().zip(right.iter_mut().rev());
        for (((left, right), (rising, falling)), (first, before)) in
            outputs.zip(windows).zip(halves.first.iter().zip(kept.iter()))
        {
            *left = rising * first + falling * before;
            *right = rising * before - falling * first;
        }
        *kept = halves.second;
    }
}

/// 6.9.4.3: Kaiser and Bessel's, with alpha 5.
fn window() -> [f32; 256] {
    let bessel = |x: f64| (1..50).rev().fold(1.0, |sum, k| sum * x * x / (4.0 * f64::from(k * k)) + 1.0);
    let kaiser = |n: f64| bessel(5.0 * PI * (1.0 - (n / 128.0 - 1.0).powi(2)).max(0.0).sqrt());
    let total: f64 = (0..=256).map(|n| kaiser(f64::from(n))).sum();
    let mut sum = 0.0;
    std::array::from_fn(|n| {
        sum += kaiser(n as f64);
        (sum / total).sqrt() as f32
    })
}

type Complex = [f32; 2];

fn product(a: Complex, b: Complex) -> Complex {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// DCT-IV of one length, by a complex Fourier transform of half of it.
struct Cosines {
    /// exp(−iπ(8n + 1)/8N), before and after.
    twist: Vec<Complex>,
    /// exp(−2πin/(N/2)), for the first half.
    turns: Vec<Complex>,
    work: Vec<Complex>,
}

impl Cosines {
    fn new(length: usize) -> Self {
        let circle = |angle: f64| [angle.cos() as f32, -angle.sin() as f32];
        let half = length / 2;
        Self {
            twist: (0..half).map(|n| circle(PI * (8 * n + 1) as f64 / (8 * length) as f64)).collect(),
            turns: (0..half / 2).map(|n| circle(2.0 * PI * n as f64 / half as f64)).collect(),
            work: vec![[0.0; 2]; half],
        }
    }

    /// z\[m\] = Σ X\[k\] cos(π/N (m + ½)(k + ½)).
    fn transform(&mut self, values: &mut [f32]) {
        let length = values.len();
        let bits = self.work.len().trailing_zeros();
        for (n, twist) in self.twist.iter().enumerate() {
            let value = [values[2 * n], values[length - 1 - 2 * n]];
            self.work[n.reverse_bits() >> (usize::BITS - bits)] = product(value, *twist);
        }
        self.fourier();
        for (n, twist) in self.twist.iter().enumerate() {
            let [real, imaginary] = product(self.work[n], *twist);
            values[2 * n] = real;
            values[length - 1 - 2 * n] = -imaginary;
        }
    }

    /// In place, from bit-reversed order.
    fn fourier(&mut self) {
        let length = self.work.len();
        let mut size = 1;
        while size < length {
            let stride = length / (2 * size);
            for group in self.work.chunks_exact_mut(2 * size) {
                let (low, high) = group.split_at_mut(size);
                for ((low, high), turn) in low.iter_mut().zip(high).zip(self.turns.iter().step_by(stride)) {
                    let turned = product(*high, *turn);
                    *high = [low[0] - turned[0], low[1] - turned[1]];
                    *low = [low[0] + turned[0], low[1] + turned[1]];
                }
            }
            size *= 2;
        }
    }
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transform").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_transform_is_the_sum_of_cosines() {
        for length in [128_usize, 256] {
            let spectrum: Vec<f32> = (0..length).map(|k| ((k * 37 + 11) % 101) as f32 / 101.0 - 0.5).collect();
            let mut values = spectrum.clone();
            Cosines::new(length).transform(&mut values);
            for (m, value) in values.iter().enumerate() {
                let angle = |k: usize| PI / length as f64 * (m as f64 + 0.5) * (k as f64 + 0.5);
                let sum: f64 = spectrum.iter().enumerate().map(|(k, x)| f64::from(*x) * angle(k).cos()).sum();
                assert!((f64::from(*value) - sum).abs() < 1e-4, "{length} {m}: {value} and {sum}");
            }
        }
    }

    #[test]
    fn the_window_lets_overlapped_blocks_through_as_they_were() {
        let window = window();
        for n in 0..128 {
            assert!((window[n].powi(2) + window[255 - n].powi(2) - 1.0).abs() < 1e-6);
        }
    }
}
