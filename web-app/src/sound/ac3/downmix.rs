//! To two channels, by the stream's own levels (ETSI TS 102 366, 6.8.2; E-AC-3: `lorocmixlev`, `lorosurmixlev`).
//!
//! As ffmpeg's decoder does it with `-downmix stereo`: Lo/Ro, all gains of an output together 1, so that nothing
//! clips; without the low frequency effects. One channel stays one, two stay two.

use super::header::Header;

/// +3, +1.5, 0, −1.5, −3, −4.5 and −6 dB, nothing, and −9 dB.
const LEVELS: [f32; 9] = [
    std::f32::consts::SQRT_2,
    1.189_207_1,
    1.0,
    0.840_896_4,
    std::f32::consts::FRAC_1_SQRT_2,
    0.594_603_6,
    0.5,
    0.0,
    0.353_553_4,
];

/// The gains of each full-bandwidth channel in each output.
pub(super) fn gains(header: &Header) -> [[f32; 5]; 2] {
    let centre = LEVELS[header.centre_level.min(8)];
    let surround = LEVELS[header.surround_level.min(8)];
    let one = surround * std::f32::consts::FRAC_1_SQRT_2;
    let (left, right) = ([1.0, 0.0], [0.0, 1.0]);
    let (both, left_back, right_back) = ([centre; 2], [surround, 0.0], [0.0, surround]);
    let channels: &[[f32; 2]] = match header.mode {
        1 => return [[1.0, 0.0, 0.0, 0.0, 0.0], [0.0; 5]],
        3 => &[left, both, right],
        4 => &[left, right, [one; 2]],
        5 => &[left, both, right, [one; 2]],
        6 => &[left, right, left_back, right_back],
        7 => &[left, both, right, left_back, right_back],
        _ => &[left, right],
    };
    let mut gains = [[0.0; 5]; 2];
    for (output, gains) in gains.iter_mut().enumerate() {
        let sum: f32 = channels.iter().map(|channel| channel[output]).sum();
        gains.iter_mut().zip(channels).for_each(|(gain, channel)| *gain = channel[output] / sum);
    }
    gains
}
