//! The tables of the bit allocation (ETSI TS 102 366, 6.2.2 and E.3.3).

/// The first bin of each band, and the end of the last.
pub(super) const BANDS: [u8; 51] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 34,
    37, 40, 43, 46, 49, 55, 61, 67, 73, 79, 85, 97, 109, 121, 133, 157, 181, 205, 229, 253,
];

/// The band of a bin.
pub(super) const BAND_OF: [u8; 256] = {
    let mut table = [49; 256];
    let (mut bin, mut band) = (0, 0);
    while bin < 253 {
        if bin >= BANDS[band + 1] as usize {
            band += 1;
        }
        table[bin] = band as u8;
        bin += 1;
    }
    table
};

/// What the parameters of the bit allocation stand for.
pub(super) const SLOW_DECAY: [i32; 4] = [0x0f, 0x11, 0x13, 0x15];
pub(super) const FAST_DECAY: [i32; 4] = [0x3f, 0x53, 0x67, 0x7b];
pub(super) const SLOW_GAIN: [i32; 4] = [0x540, 0x4d8, 0x478, 0x410];
pub(super) const KNEE: [i32; 4] = [0x000, 0x700, 0x900, 0xb00];
pub(super) const FLOOR: [i32; 8] = [0x2f0, 0x2b0, 0x270, 0x230, 0x1f0, 0x170, 0x0f0, -0x800];
pub(super) const FAST_GAIN: [i32; 8] = [0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400];

/// What is added to the larger of two logarithms, by half their difference.
pub(super) const LOG_ADD: [u8; 256] = {
    // How many entries there are of each value, from 64 downwards.
    const RUNS: [u8; 65] = [
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 2,
        2, 2, 2, 2, 2, 2, 3, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 8, 8, 11, 14, 19, 32, 46,
    ];
    let mut table = [0; 256];
    let (mut index, mut value) = (0, 64);
    while value > 0 {
        let mut left = RUNS[64 - value];
        while left > 0 {
            table[index] = value as u8;
            index += 1;
            left -= 1;
        }
        value -= 1;
    }
    table
};

/// The hearing threshold of each band, by sample rate: 48, 44.1 and 32 kHz, in steps of 16.
#[rustfmt::skip]
pub(super) const HEARING: [[u8; 50]; 3] = [
    [
        0x4d, 0x4d, 0x44, 0x40, 0x3e, 0x3c, 0x3b, 0x3b, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a, 0x39, 0x39, 0x39, 0x38,
        0x38, 0x37, 0x37, 0x36, 0x36, 0x35, 0x35, 0x34, 0x34, 0x33, 0x32, 0x31, 0x30, 0x2f, 0x2f, 0x2f, 0x2f,
        0x30, 0x31, 0x34, 0x39, 0x3e, 0x42, 0x46, 0x49, 0x4a, 0x46, 0x44, 0x44, 0x52, 0x80, 0x84, 0x84,
    ],
    [
        0x4f, 0x4f, 0x46, 0x41, 0x3e, 0x3d, 0x3c, 0x3b, 0x3b, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a, 0x39, 0x39, 0x39,
        0x38, 0x38, 0x38, 0x37, 0x37, 0x36, 0x36, 0x35, 0x34, 0x34, 0x34, 0x31, 0x31, 0x30, 0x2f, 0x2f, 0x2f,
        0x30, 0x30, 0x32, 0x35, 0x39, 0x3e, 0x42, 0x45, 0x4a, 0x49, 0x46, 0x44, 0x48, 0x63, 0x84, 0x84,
    ],
    [
        0x58, 0x58, 0x4b, 0x45, 0x42, 0x3f, 0x3e, 0x3d, 0x3c, 0x3b, 0x3b, 0x3b, 0x3a, 0x3a, 0x3a, 0x3a, 0x3a,
        0x3a, 0x3a, 0x3a, 0x39, 0x39, 0x39, 0x39, 0x38, 0x38, 0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,
        0x30, 0x2f, 0x2f, 0x2f, 0x30, 0x31, 0x33, 0x35, 0x3c, 0x41, 0x47, 0x4a, 0x46, 0x44, 0x45, 0x4e,
    ],
];

/// Bit allocation pointers by the distance of signal and mask.
pub(super) const POINTERS: [u8; 64] = [
    0, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11,
    11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 14, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15,
];

/// The same for channels with the adaptive hybrid transform.
pub(super) const HYBRID_POINTERS: [u8; 64] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14,
    14, 14, 14, 15, 15, 15, 15, 16, 16, 16, 16, 17, 17, 17, 17, 18, 18, 18, 18, 18, 18, 18, 18, 19, 19, 19, 19, 19, 19,
    19, 19, 19,
];

/// Bits of a mantissa by its pointer, from 6 on.
pub(super) const MANTISSA_BITS: [u8; 16] = [0, 0, 0, 0, 0, 0, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16];

/// Bits of a word by its pointer, where the adaptive hybrid transform is used: of a vector below 8, of a scalar from
/// there on.
pub(super) const HYBRID_BITS: [u8; 20] = [0, 2, 3, 4, 5, 7, 8, 9, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16];
