//! What crosses between the worker's module and the decoders' module: two memories, with a copy each way.
//!
//! The decoders' module offers a function in the global scope, [`FACTORY`]: with a codec's name it gives an object that
//! has `decode(frame, output)` and `reset()`. `decode` writes into `output`, which is the worker's own memory, and gives
//! how many bytes it has written; 0 where the frame cannot be decoded. They are a head, and behind it the FLAC.

use crate::segmenter::Flac;

/// The name of the function in the global scope.
pub const FACTORY: &str = "soundDecoder";
/// The longest output. A frame of FLAC is hardly longer than its samples, and 12 288 samples of two channels are the
/// most that an access unit of sound can stand for.
pub const OUTPUT_MAX: usize = 64 * 1024;

const HEAD: usize = 12;

/// The head of what crosses.
#[must_use]
pub fn head(flac: &Flac) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&flac.sample_rate.to_le_bytes());
    head[4..8].copy_from_slice(&flac.samples.to_le_bytes());
    head[8..10].copy_from_slice(&flac.channels.to_le_bytes());
    head
}

/// What has crossed; `None` where that is nothing.
#[must_use]
pub fn flac(output: &[u8]) -> Option<Flac> {
    let (head, data) = output.split_first_chunk::<HEAD>()?;
    let [rate, samples, rest] = head.as_chunks::<4>().0 else { return None };
    let channels = u16::from_le_bytes([rest[0], rest[1]]);
    let (sample_rate, samples) = (u32::from_le_bytes(*rate), u32::from_le_bytes(*samples));
    Some(Flac { sample_rate, channels, samples, data: data.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let sent = Flac { sample_rate: 48_000, channels: 2, samples: 1536, data: vec![1, 2, 3] };
        let bytes = [head(&sent).as_slice(), &sent.data].concat();
        assert_eq!(flac(&bytes), Some(sent));
        assert_eq!(flac(&[]), None);
    }
}
