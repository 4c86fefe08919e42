//! Channels of AAC that no browser takes as they are told: they come out in a form that all take, or are refused once and by name.
#![cfg(not(target_arch = "wasm32"))]

mod segmenter_support;

use amt_web_app::segmenter::{Options, Track};
use segmenter_support::measure::crcs;
use segmenter_support::*;

/// Bits, most significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) -> &mut Self {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    fn align(&mut self) -> &mut Self {
        self.0.resize(self.0.len().next_multiple_of(8), false);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << (7 - at)).sum();
        self.0.chunks(8).map(byte).collect()
    }

    /// A program_config_element: kinds (0 SCE, 1 CPE) of front, side and back, and how many LFE.
    fn layout(&mut self, places: [&[u32]; 3], lfe: u32) -> &mut Self {
        self.put(5, 3).put(0, 4).put(1, 2).put(3, 4);
        for place in places {
            self.put(place.len() as u32, 4);
        }
        self.put(lfe, 2).put(0, 3).put(0, 4).put(0, 3);
        for (tag, kind) in places.concat().into_iter().enumerate() {
            self.put(kind, 1).put(tag as u32, 4);
        }
        for tag in 0..lfe {
            self.put(tag, 4);
        }
        self.align().put(0, 8)
    }

    /// A silent element of a kind (0 SCE, 1 CPE, 3 LFE).
    fn silent(&mut self, kind: u32, tag: u32) -> &mut Self {
        self.put(kind, 3).put(tag, 4);
        match kind {
            1 => self.put(1, 1).put(0, 11).put(0, 2).put(0, 11).put(0, 11),
            _ => self.put(0, 22),
        }
    }
}

/// ADTS of 48 kHz around a block; 1 Main, 2 LC, 3 SSR, 4 LTP.
fn adts(object_type: u8, block: &[u8]) -> Vec<u8> {
    let len = block.len() + 7;
    let mut frame = vec![0xFF, 0xF1, (object_type - 1) << 6 | 3 << 2, (len >> 11) as u8, (len >> 3) as u8];
    frame.extend([(len << 5) as u8 | 0x1F, 0xFC]);
    frame.extend_from_slice(block);
    frame
}

/// Two seconds of the clip's pictures with such frames beside them.
fn beside_pictures(frame: &[u8]) -> Vec<u8> {
    let clip = pes_packets(&fixture("clip"));
    let begin = clip.iter().find(|pes| pes.pid == AUDIO).and_then(|pes| pes.pts).unwrap();
    let mut all: Vec<Pes> = clip.into_iter().filter(|pes| pes.pid == VIDEO).collect();
    for index in 0..130 {
        all.push(Pes { pid: AUDIO, pts: Some(begin + index * 1920), dts: None, payload: frame.to_vec() });
    }
    all.sort_by_key(|pes| pes.dts.or(pes.pts));
    let mut muxer = Muxer::default();
    muxer.pat(&[(1, PMT)]);
    muxer.pmt(PMT, 1, 0, &[(0x1B, VIDEO), (0x0F, AUDIO)]);
    all.iter().for_each(|pes| muxer.pes(pes, Length::Declared));
    muxer.ts
}

/// What is said of the sound at the end.
fn note(run: &Run) -> Option<String> {
    run.programs.last().unwrap().streams.iter().find(|stream| stream.pid == AUDIO).unwrap().note.clone()
}

#[test]
fn a_layout_in_words_comes_out_as_the_channel_configuration_that_says_the_same() {
    let (sce, cpe): (&[u32], &[u32]) = (&[0], &[1]);
    for (front, side, back, lfe, configuration, channels) in [
        (sce, &[][..], &[][..], 0, 1, 1),
        (cpe, &[], &[], 0, 2, 2),
        (&[0, 1], &[], &[], 0, 3, 3),
        (&[0, 1], &[], sce, 0, 4, 4),
        (&[0, 1], cpe, &[], 0, 5, 5),
        (&[0, 1], &[], cpe, 1, 6, 6),
        (&[0, 1, 1], &[], cpe, 1, 7, 8),
        // With a silent centre in front.
        (cpe, &[], cpe, 0, 5, 5),
        (cpe, cpe, &[], 1, 6, 6),
    ] {
        let kinds = [front, side, back].concat();
        let mut bits = Bits::default();
        bits.layout([front, side, back], lfe);
        let told = bits.0.len() / 8;
        for (tag, kind) in kinds.iter().enumerate() {
            bits.silent(*kind, tag as u32);
        }
        for tag in 0..lfe {
            bits.silent(3, tag);
        }
        let block = bits.put(7, 3).align().bytes();
        let run = run(&beside_pictures(&adts(2, &block)));
        let init = run.init(Track::Audio);
        assert_eq!((&*init.codec, init.channels), ("mp4a.40.2", channels), "{kinds:?}");
        // The AudioSpecificConfig: LC, 48 kHz, the configuration, and nothing else.
        let specific = [5, 2, 0x11, 0x80 | configuration << 3, 6, 1, 2];
        assert!(init.data.windows(7).any(|bytes| bytes == specific), "{kinds:?}");
        assert!(run.audio.len() > 120 && run.faults.is_empty() && note(&run).is_none(), "{kinds:?} {:?}", run.faults);
        let silent_centre = configuration >= 5 && front == cpe;
        let size = block.len() - told + if silent_centre { 8 } else { 0 };
        assert!(run.audio.iter().all(|(sample, _)| sample.size as usize == size), "{kinds:?}");
    }
}

#[test]
fn what_no_browser_takes_is_refused_by_name_without_an_init_and_the_picture_plays() {
    let clean = run(&fixture("clip"));
    let two_and_lfe = Bits::default().layout([&[1], &[], &[]], 1).silent(1, 0).silent(3, 0).put(7, 3).align().bytes();
    let scalable = Bits::default().silent(1, 0).put(7, 3).align().bytes();
    let mut ssr = adts(3, &scalable);
    // Two channels.
    ssr[3] |= 2 << 6;
    for frame in [adts(2, &two_and_lfe), ssr] {
        for options in [go_on(), Options { make_up_pictures: true, ..Options::default() }] {
            let run = run_with(&beside_pictures(&frame), 1316, options);
            assert!(run.audio.is_empty() && run.inits.iter().all(|init| init.track == Track::Video));
            assert_eq!(crcs(&run.video), crcs(&clean.video));
            assert_eq!(run.faults.keys().collect::<Vec<_>>(), [&"not_taken"]);
            assert_eq!(note(&run).unwrap(), "The sound is in a format that browsers do not play.");
            // It is not said again and again.
            assert!(run.programs.len() <= 2, "{}", run.programs.len());
        }
    }
}
