//! NAL units behind start codes: taken apart and put together.

/// A byte stream's NAL units, without start codes and the zeros behind them.
pub fn nal_units(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut starts: Vec<usize> =
        (0..stream.len().saturating_sub(3)).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    starts.push(stream.len());
    let unit = |pair: &[usize]| {
        let bytes = &stream[pair[0] + 3..pair[1]];
        let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        bytes[..bytes.len() - zeros].to_vec()
    };
    starts.windows(2).map(unit).collect()
}

/// NAL units as a byte stream.
pub fn byte_stream<'a>(units: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    units.into_iter().flat_map(|unit| [&[0, 0, 0, 1], unit].concat()).collect()
}

/// Takes a byte stream's NAL units of one type out.
pub fn without_nal(stream: &[u8], kind: u8) -> Vec<u8> {
    let mut starts: Vec<usize> =
        (0..stream.len().saturating_sub(3)).filter(|at| stream[*at..].starts_with(&[0, 0, 1])).collect();
    starts.push(stream.len());
    let mut kept = Vec::new();
    for pair in starts.windows(2) {
        if stream[pair[0] + 3] & 0x1F != kind {
            kept.extend_from_slice(&stream[pair[0]..pair[1]]);
        }
    }
    kept
}
