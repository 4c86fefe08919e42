//! What PAT and PMT say (ISO/IEC 13818-1, 2.4.4.3 and 2.4.4.8), and the services' names from the SDT (ETSI EN 300
//! 468, 5.2.3). In: whole sections whose CRC agrees. Out: values, or nothing where a section does not fit itself.

use super::codec::{self, Codec};
use super::text;
use crate::reader::{Reader, Truncated};

pub(super) const PAT: u8 = 0x00;
pub(super) const CAT: u8 = 0x01;
pub(super) const PMT: u8 = 0x02;
/// The SDT of this transport stream.
pub(super) const SDT: u8 = 0x42;
const SERVICE_DESCRIPTOR: u8 = 0x48;

/// A section with the long header (2.4.4.11).
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    /// The PAT's and SDT's transport stream, the PMT's program.
    pub(super) extension: u16,
    pub(super) version: u8,
    /// It holds now, and not only next.
    pub(super) current: bool,
    pub(super) number: u8,
    pub(super) last_number: u8,
    body: &'a [u8],
}

/// A program as a PMT describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProgramMap {
    pub(super) pcr_pid: u16,
    pub(super) streams: Vec<Stream>,
}

/// A stream as a PMT describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) pid: u16,
    pub(super) stream_type: u8,
    pub(super) codec: Codec,
}

/// A service as an SDT names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) id: u16,
    pub(super) provider: String,
    pub(super) name: String,
}

impl<'a> Section<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<8>()?;
        let (body, _crc) = rest.split_last_chunk::<4>()?;
        (header[1] & 0x80 != 0).then(|| Self {
            extension: u16::from_be_bytes([header[3], header[4]]),
            version: header[5] >> 1 & 0x1F,
            current: header[5] & 1 == 1,
            number: header[6],
            last_number: header[7],
            body,
        })
    }

    /// A PAT's programs and the PIDs of their PMTs, without program 0, the network's own.
    pub(super) fn programs(&self) -> Vec<(u16, u16)> {
        let entries = self.body.as_chunks::<4>().0.iter();
        let pairs = entries.map(|[a, b, c, d]| (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]) & 0x1FFF));
        pairs.filter(|(program, _)| *program != 0).collect()
    }

    /// A PMT's program; streams after a malformed entry are left out.
    pub(super) fn program_map(&self) -> Option<ProgramMap> {
        let mut reader = Reader::new(self.body);
        let pcr_pid = reader.u16().ok()? & 0x1FFF;
        let length = usize::from(reader.u16().ok()? & 0x0FFF);
        reader.slice(length).ok()?;
        let mut streams = Vec::new();
        while let Ok(stream) = stream(&mut reader) {
            streams.push(stream);
        }
        Some(ProgramMap { pcr_pid, streams })
    }

    /// An SDT's services that have a name.
    pub(super) fn services(&self) -> Vec<Service> {
        let mut services = Vec::new();
        let mut reader = Reader::new(self.body);
        // The original network, and a reserved byte.
        let Ok([_, _, _]) = reader.take() else { return services };
        while let Ok(service) = service(&mut reader) {
            services.extend(service);
        }
        services
    }
}

/// Descriptors: tag and body, as far as they fit.
pub(super) fn descriptors(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        let [tag, length] = reader.take().ok()?;
        Some((tag, reader.slice(length.into()).ok()?))
    })
}

fn stream(reader: &mut Reader<'_>) -> Result<Stream, Truncated> {
    let stream_type = reader.u8()?;
    let pid = reader.u16()? & 0x1FFF;
    let length = usize::from(reader.u16()? & 0x0FFF);
    let codec = codec::of(stream_type, reader.slice(length)?);
    Ok(Stream { pid, stream_type, codec })
}

fn service(reader: &mut Reader<'_>) -> Result<Option<Service>, Truncated> {
    let id = reader.u16()?;
    let _event_information = reader.u8()?;
    let length = usize::from(reader.u16()? & 0x0FFF);
    let mut names = descriptors(reader.slice(length)?).filter(|(tag, _)| *tag == SERVICE_DESCRIPTOR);
    let named = names.next().and_then(|(_, body)| {
        let mut reader = Reader::new(body);
        let _service_type = reader.u8().ok()?;
        let mut next = || {
            let length = reader.u8().ok()?;
            reader.slice(length.into()).ok().map(text::decode)
        };
        Some(Service { id, provider: next()?, name: next()? })
    });
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::super::codec::Kind;
    use super::super::test_stream::section;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn program_0_is_the_network_and_no_program() {
        let bytes = section(PAT, 9, &[0, 0, 0xE0, 16, 0, 7, 0xE1, 0]);
        let pat = Section::parse(&bytes).unwrap();
        assert_eq!((pat.extension, pat.current, pat.programs()), (9, true, vec![(7, 0x100)]));
    }

    #[test]
    fn a_program_map_is_read_up_to_what_does_not_fit() {
        let body = [0xE1, 0, 0xF0, 2, 5, 0, 0x1B, 0xE1, 0, 0xF0, 0, 0x0F, 0xE1, 1, 0xF0, 99, 0];
        let bytes = section(PMT, 7, &body);
        let map = Section::parse(&bytes).unwrap().program_map().unwrap();
        assert_eq!(map.pcr_pid, 0x100);
        let [stream] = &map.streams[..] else { panic!("{map:?}") };
        assert_eq!((stream.pid, stream.codec.kind, stream.codec.name), (0x100, Kind::Video, "H.264"));
    }

    #[test]
    fn a_service_has_its_name_and_its_provider() {
        let body =
            [&[0, 1, 0xFF, 0, 7, 0xFC, 0x80, 12, 0x48, 10, 1, 3][..], b"ARD", &[4], b"Das ", &[0, 8, 0xFC, 0x80, 0]]
                .concat();
        let bytes = section(SDT, 1, &body);
        let services = Section::parse(&bytes).unwrap().services();
        assert_eq!(services, [Service { id: 7, provider: "ARD".into(), name: "Das".into() }]);
    }

    proptest! {
        #[test]
        fn any_body_reads_without_panic(table_id: u8, body in proptest::collection::vec(any::<u8>(), 0..240)) {
            let bytes = section(table_id, 1, &body);
            let section = Section::parse(&bytes).unwrap();
            let _ = (section.programs(), section.program_map(), section.services());
            let _ = Section::parse(&body);
        }
    }
}
