//! Character tables (EN 300 468, annex A; ISO 6937, ISO/IEC 8859): what the bytes from 0xA0 up mean.

/// The upper half of a table: 96 characters, U+FFFD where nothing is defined.
pub(super) struct Upper(&'static str);

impl Upper {
    /// The default table of DVB, ISO 6937 with the euro sign, without the accents at 0xC0 to 0xCF.
    pub(super) const DEFAULT: Self = Self(ISO_6937);

    /// The part of ISO/IEC 8859; `None` for one that there is not.
    pub(super) const fn of_iso_8859(part: u8) -> Option<Self> {
        Some(Self(match part {
            1 => LATIN_1,
            2 => LATIN_2,
            3 => LATIN_3,
            4 => LATIN_4,
            5 => CYRILLIC,
            6 => ARABIC,
            7 => GREEK,
            8 => HEBREW,
            9 => LATIN_5,
            10 => LATIN_6,
            11 => THAI,
            13 => LATIN_7,
            14 => LATIN_8,
            15 => LATIN_9,
            _ => return None,
        }))
    }

    /// What a byte from 0xA0 up means.
    pub(super) fn char(&self, byte: u8) -> char {
        self.0.chars().nth(usize::from(byte.saturating_sub(0xA0))).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

/// A letter with the accent that ISO 6937 writes before it; where there is no such letter, the letter and the accent
/// as a combining character. `None` where the byte is no accent.
pub(super) fn accented(accent: u8, letter: u8) -> Option<(char, Option<char>)> {
    let (combining, plain, letters) = match accent {
        0xC1 => ('\u{300}', "aeiouAEIOU", "àèìòùÀÈÌÒÙ"),
        0xC2 => ('\u{301}', "aceilnorsuyzACEILNORSUYZ", "áćéíĺńóŕśúýźÁĆÉÍĹŃÓŔŚÚÝŹ"),
        0xC3 => ('\u{302}', "aceghijosuwyACEGHIJOSUWY", "âĉêĝĥîĵôŝûŵŷÂĈÊĜĤÎĴÔŜÛŴŶ"),
        0xC4 => ('\u{303}', "ainouAINOU", "ãĩñõũÃĨÑÕŨ"),
        0xC5 => ('\u{304}', "aeiouAEIOU", "āēīōūĀĒĪŌŪ"),
        0xC6 => ('\u{306}', "aegiouAEGIOU", "ăĕğĭŏŭĂĔĞĬŎŬ"),
        0xC7 => ('\u{307}', "cegzCEGIZ", "ċėġżĊĖĠİŻ"),
        0xC8 => ('\u{308}', "aeiouyAEIOUY", "äëïöüÿÄËÏÖÜŸ"),
        0xCA => ('\u{30A}', "auAU", "åůÅŮ"),
        0xCB => ('\u{327}', "cgklnrstCGKLNRST", "çģķļņŗşţÇĢĶĻŅŖŞŢ"),
        0xCD => ('\u{30B}', "ouOU", "őűŐŰ"),
        0xCE => ('\u{328}', "aeiuAEIU", "ąęįųĄĘĮŲ"),
        0xCF => ('\u{30C}', "cdelnrstzCDELNRSTZ", "čďěľňřšťžČĎĚĽŇŘŠŤŽ"),
        _ => return None,
    };
    let letter = char::from(letter);
    Some(match plain.chars().position(|known| known == letter).and_then(|index| letters.chars().nth(index)) {
        Some(composed) => (composed, None),
        None => (letter, Some(combining)),
    })
}

/// ISO 6937; 0xA4 is the euro sign.
const ISO_6937: &str = "\
    \u{A0}¡¢£€¥\u{FFFD}§¤‘“«←↑→↓°±²³×µ¶·÷’”»¼½¾¿\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}―¹®©™♪¬¦\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{FFFD}⅛⅜⅝⅞ΩÆĐªĦ\u{FFFD}ĲĿŁØŒºÞŦŊŉĸæđðħıĳŀłøœßþŧŋ\u{AD}";
/// ISO/IEC 8859-1.
const LATIN_1: &str = "\
    \u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øù\
    úûüýþÿ";
/// ISO/IEC 8859-2.
const LATIN_2: &str = "\
    \u{A0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{AD}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řů\
    úűüýţ˙";
/// ISO/IEC 8859-3.
const LATIN_3: &str = "\
    \u{A0}Ħ˘£¤\u{FFFD}Ĥ§¨İŞĞĴ\u{AD}\u{FFFD}Ż°ħ²³´µĥ·¸ışğĵ½\u{FFFD}żÀÁÂ\u{FFFD}ÄĊĈÇÈÉÊËÌÍÎÏ\u{FFFD}ÑÒÓÔĠÖ\
    ×ĜÙÚÛÜŬŜßàáâ\u{FFFD}äċĉçèéêëìíîï\u{FFFD}ñòóôġö÷ĝùúûüŭŝ˙";
/// ISO/IEC 8859-4.
const LATIN_4: &str = "\
    \u{A0}ĄĸŖ¤ĨĻ§¨ŠĒĢŦ\u{AD}Ž¯°ą˛ŗ´ĩļˇ¸šēģŧŊžŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎĪĐŅŌĶÔÕÖ×ØŲÚÛÜŨŪßāáâãäåæįčéęëėíîīđņōķôõö÷øų\
    úûüũū˙";
/// ISO/IEC 8859-5.
const CYRILLIC: &str = "\
    \u{A0}ЁЂЃЄЅІЇЈЉЊЋЌ\u{AD}ЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя№ёђѓєѕіїјљ\
    њћќ§ўџ";
/// ISO/IEC 8859-6.
const ARABIC: &str = "\
    \u{A0}\u{FFFD}\u{FFFD}\u{FFFD}¤\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}،\u{AD}\
    \u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{61B}\u{FFFD}\u{FFFD}\u{FFFD}\u{61F}\u{FFFD}\u{621}\u{622}\u{623}\u{624}\u{625}\u{626}\
    \u{627}\u{628}\u{629}\u{62A}\u{62B}\u{62C}\u{62D}\u{62E}\u{62F}\u{630}\u{631}\u{632}\u{633}\u{634}\
    \u{635}\u{636}\u{637}\u{638}\u{639}\u{63A}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{640}\u{641}\
    \u{642}\u{643}\u{644}\u{645}\u{646}\u{647}\u{648}\u{649}\u{64A}\u{64B}\u{64C}\u{64D}\u{64E}\u{64F}\
    \u{650}\u{651}\u{652}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}";
/// ISO/IEC 8859-7.
const GREEK: &str = "\
    \u{A0}‘’£€₯¦§¨©ͺ«¬\u{AD}\u{FFFD}―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u{FFFD}ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλ\
    μνξοπρςστυφχψωϊϋόύώ\u{FFFD}";
/// ISO/IEC 8859-8.
const HEBREW: &str = "\
    \u{A0}\u{FFFD}¢£¤¥¦§¨©×«¬\u{AD}®¯°±²³´µ¶·¸¹÷»¼½¾\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\
    \u{FFFD}\u{FFFD}‗\u{5D0}\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}\u{5D9}\u{5DA}\
    \u{5DB}\u{5DC}\u{5DD}\u{5DE}\u{5DF}\u{5E0}\u{5E1}\u{5E2}\u{5E3}\u{5E4}\u{5E5}\u{5E6}\u{5E7}\u{5E8}\
    \u{5E9}\u{5EA}\u{FFFD}\u{FFFD}\u{200E}\u{200F}\u{FFFD}";
/// ISO/IEC 8859-9.
const LATIN_5: &str = "\
    \u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øù\
    úûüışÿ";
/// ISO/IEC 8859-10.
const LATIN_6: &str = "\
    \u{A0}ĄĒĢĪĨĶ§ĻĐŠŦŽ\u{AD}ŪŊ°ąēģīĩķ·ļđšŧž―ūŋĀÁÂÃÄÅÆĮČÉĘËĖÍÎÏÐŅŌÓÔÕÖŨØŲÚÛÜÝÞßāáâãäåæįčéęëėíîïðņōóôõöũøų\
    úûüýþĸ";
/// ISO/IEC 8859-11.
const THAI: &str = "\
    \u{A0}กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯะ\u{E31}าำ\u{E34}\u{E35}\u{E36}\u{E37}\u{E38}\
    \u{E39}\u{E3A}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}฿เแโใไๅๆ\u{E47}\u{E48}\u{E49}\u{E4A}\u{E4B}\u{E4C}\
    \u{E4D}\u{E4E}๏๐๑๒๓๔๕๖๗๘๙๚๛\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}";
/// ISO/IEC 8859-13.
const LATIN_7: &str = "\
    \u{A0}”¢£¤„¦§Ø©Ŗ«¬\u{AD}®Æ°±²³“µ¶·ø¹ŗ»¼½¾æĄĮĀĆÄÅĘĒČÉŹĖĢĶĪĻŠŃŅÓŌÕÖ×ŲŁŚŪÜŻŽßąįāćäåęēčéźėģķīļšńņóōõö÷ųł\
    śūüżž’";
/// ISO/IEC 8859-14.
const LATIN_8: &str = "\
    \u{A0}Ḃḃ£ĊċḊ§Ẁ©ẂḋỲ\u{AD}®ŸḞḟĠġṀṁ¶ṖẁṗẃṠỳẄẅṡÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏŴÑÒÓÔÕÖṪØÙÚÛÜÝŶßàáâãäåæçèéêëìíîïŵñòóôõöṫøù\
    úûüýŷÿ";
/// ISO/IEC 8859-15.
const LATIN_9: &str = "\
    \u{A0}¡¢£€¥Š§š©ª«¬\u{AD}®¯°±²³Žµ¶·ž¹º»ŒœŸ¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øù\
    úûüýþÿ";
