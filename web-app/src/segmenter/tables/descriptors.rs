//! Descriptors (ISO/IEC 13818-1, 2.6; EN 300 468, 6; ATSC A/52, annex A): what a PMT says about its streams.
//!
//! In: a descriptor loop. Out: its descriptors, and what they say of language, purpose and pages. A descriptor that
//! runs over the loop's end ends it.

use crate::segmenter::output::{Role, TextPage};

/// Pages of one stream that are told.
const PAGES_MAX: usize = 128;

/// The descriptors of a loop: tag and body.
#[derive(Clone, Copy, Debug)]
pub(in crate::segmenter) struct Descriptors<'a>(pub(in crate::segmenter) &'a [u8]);

impl<'a> Iterator for Descriptors<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [tag, length, rest @ ..] = self.0 else { return None };
        let (body, after) = rest.split_at_checked(usize::from(*length))?;
        self.0 = after;
        Some((*tag, body))
    }
}

/// What the descriptors of a stream say for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::segmenter) struct Description {
    /// ISO 639-2 code, as it stands there.
    pub(in crate::segmenter) language: Option<String>,
    pub(in crate::segmenter) role: Option<Role>,
    pub(in crate::segmenter) pages: Vec<TextPage>,
    /// Access to it may be controlled (CA_descriptor).
    pub(in crate::segmenter) controlled: bool,
}

impl Description {
    /// Reads a stream's descriptor loop.
    pub(in crate::segmenter) fn of(descriptors: &[u8]) -> Self {
        let mut description = Self::default();
        let mut supplementary = None;
        for (tag, body) in Descriptors(descriptors) {
            match (tag, body) {
                // CA_descriptor.
                (0x09, _) => description.controlled = true,
                // ISO_639_language_descriptor: the first of several languages is told.
                (0x0A, [a, b, c, audio_type, ..]) => {
                    description.language = description.language.or_else(|| language([*a, *b, *c]));
                    description.role = description.role.or(by_audio_type(*audio_type));
                }
                // Teletext and VBI teletext.
                (0x46 | 0x56, _) => description.pages(body.as_chunks::<5>().0, |[_, _, _, kind, page]| {
                    let magazine = if kind & 7 == 0 { 8 } else { kind & 7 };
                    let [tens, units] = [page >> 4, page & 0x0F];
                    (kind >> 3, u16::from(magazine) * 100 + u16::from(tens) * 10 + u16::from(units))
                }),
                // Subtitling.
                (0x59, _) => description.pages(body.as_chunks::<8>().0, |[_, _, _, kind, high, low, ..]| {
                    (*kind, u16::from_be_bytes([*high, *low]))
                }),
                // AC-3 and Enhanced AC-3 of DVB: component_type, where it is there.
                (0x6A | 0x7A, [flags, component, ..]) if flags & 0x80 != 0 => {
                    description.role = description.role.or(by_service_type(component >> 3 & 7));
                }
                // AC-3 of ATSC: bsmod.
                (0x81, [_, _, modes, ..]) => {
                    description.role = description.role.or(by_service_type(modes >> 5));
                }
                // Enhanced AC-3 of ATSC: audio_service_type.
                (0xCC, [_, modes, ..]) => {
                    description.role = description.role.or(by_service_type(modes >> 3 & 7));
                }
                // AAC of DVB: AAC_type is a component_type (EN 300 468, table 26).
                (0x7C, [_, flags, kind, ..]) if flags & 0x80 != 0 => {
                    let role = match kind {
                        0x40 | 0x44 | 0x47 | 0x48 => Some(Role::AudioDescription),
                        0x41 | 0x45 => Some(Role::HearingImpaired),
                        0x42 | 0x46 => Some(Role::Other),
                        _ => None,
                    };
                    description.role = description.role.or(role);
                }
                // supplementary_audio_descriptor: more telling than what else there is.
                (0x7F, [0x06, flags, rest @ ..]) => {
                    supplementary = Some(match flags >> 2 & 0x1F {
                        0 => Role::Main,
                        1 => Role::AudioDescription,
                        2 => Role::HearingImpaired,
                        _ => Role::Other,
                    });
                    if let (1, Some(code)) = (flags & 1, rest.first_chunk::<3>()) {
                        description.language = language(*code).or(description.language);
                    }
                }
                _ => {}
            }
        }
        description.role = supplementary.or(description.role);
        if description.language.is_none() {
            description.language = description.pages.first().map(|page| page.language.clone());
        }
        description
    }

    fn pages<const N: usize>(&mut self, entries: &[[u8; N]], read: impl Fn(&[u8; N]) -> (u8, u16)) {
        for entry in entries {
            let (Some(code), true) = (entry.first_chunk::<3>(), self.pages.len() < PAGES_MAX) else { return };
            let (kind, page) = read(entry);
            self.pages.push(TextPage { language: language(*code).unwrap_or_default(), kind, page });
        }
    }
}

/// An ISO 639-2 code; `None` where it is none.
pub(in crate::segmenter) fn language(code: [u8; 3]) -> Option<String> {
    // Some write two letters and a space or a zero.
    let letters: String =
        code.iter().take_while(|byte| byte.is_ascii_alphabetic()).map(|byte| char::from(*byte)).collect();
    (letters.len() >= 2).then_some(letters)
}

fn by_audio_type(audio_type: u8) -> Option<Role> {
    match audio_type {
        0x01 => Some(Role::CleanEffects),
        0x02 => Some(Role::HearingImpaired),
        0x03 => Some(Role::AudioDescription),
        0x80 => Some(Role::Main),
        0x82..=0x84 => Some(Role::Other),
        _ => None,
    }
}

/// `bsmod` of AC-3 (A/52, table 5.7); complete main sound is not told: nearly all say it.
fn by_service_type(service_type: u8) -> Option<Role> {
    match service_type {
        0 => None,
        1 => Some(Role::CleanEffects),
        2 => Some(Role::AudioDescription),
        3 => Some(Role::HearingImpaired),
        _ => Some(Role::Other),
    }
}

// proptest is there on the host only.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn languages_and_purposes_are_read_wherever_they_stand() {
        for (bytes, language, role) in [
            (&[0x0A, 4, b'e', b'n', b'g', 0][..], Some("eng"), None),
            (&[0x0A, 8, b'd', b'e', b'u', 3, b'e', b'n', b'g', 0], Some("deu"), Some(Role::AudioDescription)),
            (&[0x52, 1, 7, 0x0A, 4, b'f', b'r', b'a', 2], Some("fra"), Some(Role::HearingImpaired)),
            (&[0x6A, 2, 0x80, 0x42 | 2 << 3], None, Some(Role::AudioDescription)),
            (&[0x7A, 2, 0x80, 0xC0], None, None),
            (&[0x6A, 1, 0], None, None),
            (&[0x81, 3, 0x08, 0x38, 0x6F], None, Some(Role::HearingImpaired)),
            (
                &[0x0A, 4, b'n', b'a', b'r', 0, 0x7F, 5, 0x06, 0x87, b'e', b'n', b'g'],
                Some("eng"),
                Some(Role::AudioDescription),
            ),
            (&[0x7C, 3, 0x50, 0x80, 0x41], None, Some(Role::HearingImpaired)),
            (&[0x0A, 4, 0, 0, 0, 1], None, Some(Role::CleanEffects)),
        ] {
            let description = Description::of(bytes);
            assert_eq!((description.language.as_deref(), description.role), (language, role), "{bytes:x?}");
        }
    }

    #[test]
    fn pages_are_numbered_as_on_the_screen() {
        let teletext = Description::of(&[0x56, 10, b'd', b'e', b'u', 0x09, 0x00, b'd', b'e', b'u', 0x10, 0x88]);
        let page = |kind, page| TextPage { language: "deu".into(), kind, page };
        assert_eq!(teletext.pages, [page(1, 100), page(2, 888)]);
        assert_eq!(teletext.language.as_deref(), Some("deu"));
        let subtitles = Description::of(&[0x59, 8, b'd', b'e', b'u', 0x14, 1, 2, 3, 4]);
        assert_eq!(subtitles.pages, [page(0x14, 0x102)]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Description::of(&bytes).pages.len() <= PAGES_MAX);
        }
    }
}
