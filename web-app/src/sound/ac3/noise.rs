//! Noise in place of mantissas of no bits (ETSI TS 102 366, 6.3.4), and in extended spectra (E.3.6.4).
//!
//! The standard leaves the generator open. This one (additive lagged Fibonacci, lags 24 and 55; Knuth, The Art of
//! Computer Programming, 3.2.2) draws the numbers that ffmpeg draws, from the same seed: so a stream that is decoded
//! from the same frame on is the same down to its noise, and can be compared.

/// A generator of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Noise {
    state: [u32; 64],
    index: usize,
}

impl Default for Noise {
    fn default() -> Self {
        let mut state = [0; 64];
        state[8..].copy_from_slice(&SEED);
        Self { state, index: 0 }
    }
}

impl Noise {
    /// The next number, of 32 random bits.
    #[inline]
    pub(super) fn next(&mut self) -> u32 {
        let lagged = |lag: usize| self.state[(self.index + 64 - lag) % 64];
        let value = lagged(24).wrapping_add(lagged(55));
        self.state[self.index] = value;
        self.index = (self.index + 1) % 64;
        value
    }

    /// A mantissa of 24 bits, evenly between -0.707 and 0.707.
    #[inline]
    pub(super) fn mantissa(&mut self) -> i32 {
        (((self.next() >> 8) * 181) >> 8) as i32 - 5_931_008
    }
}

/// MD5 of the seed 0, chained: the first eight numbers are 0.
#[rustfmt::skip]
const SEED: [u32; 56] = [
    0x3b376b5e, 0xf56be763, 0xcba2a7fc, 0x9751b2c7, 0x5b1fe69a, 0x860b05af, 0x2b2650ca, 0x92a97fb0,
    0x7315e8eb, 0x8b6287a3, 0x2ddbd8b3, 0x1d098ca2, 0x6a65b478, 0xc9b22db4, 0x9637fbcf, 0xd4427934,
    0xb390e2b5, 0x92a84d32, 0x2110b086, 0x25a9182f, 0x239295f1, 0xc6f846f7, 0x5c5b3a51, 0xe6a7ba34,
    0xd6597325, 0xa537e3df, 0xcb80e534, 0xeaecf2dc, 0x9bbb6bd1, 0x2ea8bd11, 0x8c06ce60, 0x6859af1d,
    0xf159f64e, 0xc213bd06, 0x2a5d7785, 0xe621dc54, 0xb8cb9a8e, 0xe6a491f8, 0x85d7df25, 0x917d9aee,
    0xb156c513, 0x5bd929dd, 0xf6a9dab1, 0xc3ec5f2a, 0x5215230d, 0xe2b677d7, 0x701e36e7, 0x5405e2c7,
    0xddcb3ae2, 0x95b866ea, 0x1eb13c9a, 0x346646c2, 0x8ba48526, 0xb325e9bf, 0x29f07d49, 0xc986cf38,
];
