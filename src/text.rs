//! Hostile bytes as text, without loss.
//!
//! Names that a process can choose (comm, arguments, paths, cgroups) are bytes,
//! and JSON is UTF-8. The whole rule:
//!
//! - A byte that is not part of valid UTF-8 becomes `\xNN`, with two lower-case
//!   hexadecimal digits.
//! - A backslash becomes `\x5c` if an `x` follows, because that could be taken
//!   for such an escape.
//! - Everything else stays as it is, including control characters and other
//!   backslashes. Whoever writes the text escapes these in its own way: as JSON,
//!   [`escaped_json`] does.
//!
//! So ordinary names stay readable, and each `\xNN` in a text is one byte:
//! replacing them from left to right restores the bytes. systemd's own `\x2d`
//! in a unit's name therefore reads `\x5cx2d` in a path. Decode each value
//! alone: if a text ends with a backslash, the text after it could complete an
//! escape.

use std::{borrow::Cow, fmt::Write};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The length of one `\xNN`.
const ESCAPE: usize = 4;

/// Appends `bytes` to `out` by this module's rule. Allocates only to grow
/// `out`.
pub fn push_text(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((before, after)) = rest.split_once(r"\x") {
            out.push_str(before);
            out.push_str(r"\x5cx");
            rest = after;
        }
        out.push_str(rest);
        for &byte in chunk.invalid() {
            push_byte(out, byte);
        }
    }
}

fn push_byte(out: &mut String, byte: u8) {
    out.push_str(r"\x");
    for nibble in [byte >> 4, byte & 0xf] {
        out.extend(HEX.get(usize::from(nibble)).map(|&digit| char::from(digit)));
    }
}

/// Appends as many of `bytes` as fit into `limit` bytes of text, and never a
/// part of a character or of an escape. Returns how many of `bytes` that were.
pub fn push_text_within(out: &mut String, bytes: &[u8], limit: usize) -> usize {
    let (mut taken, mut room) = (0, limit);
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            let escape = character == '\\' && characters.peek() == Some(&'x');
            let width = if escape { ESCAPE } else { character.len_utf8() };
            let Some(left) = room.checked_sub(width) else {
                return taken;
            };
            room = left;
            taken += character.len_utf8();
            if escape {
                push_byte(out, b'\\')
            } else {
                out.push(character)
            }
        }
        for &byte in chunk.invalid() {
            let Some(left) = room.checked_sub(ESCAPE) else {
                return taken;
            };
            room = left;
            taken += 1;
            push_byte(out, byte);
        }
    }
    taken
}

/// `bytes` by this module's rule, borrowed if nothing has to change.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(plain) if !plain.contains(r"\x") => Cow::Borrowed(plain),
        _ => {
            let mut out = String::with_capacity(bytes.len().saturating_add(16));
            push_text(&mut out, bytes);
            Cow::Owned(out)
        }
    }
}

/// The bytes of a text that [`push_text`] has written. A `\x` without two
/// hexadecimal digits, which it never writes, stays as it is.
pub fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match rest {
            [b'\\', b'x', high, low, tail @ ..] => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high << 4 | low, tail)),
            _ => None,
        };
        let (byte, tail) = escaped.unwrap_or((first, after));
        out.push(byte);
        rest = tail;
    }
    out
}

/// Whether a terminal, or a program that shows or splits text, might obey a
/// character instead of showing it: controls, what turns the direction of text,
/// what ends a line or takes no room.
pub const fn is_steering(character: char) -> bool {
    character.is_ascii_control()
        || matches!(
            character,
            '\u{80}'..='\u{9f}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// JSON in which what [`is_steering`] is escaped; none if nothing has to change.
/// JSON itself asks for the controls below U+0020 only. It still means the same.
pub fn escaped_json(json: &str) -> Option<String> {
    const DELETE: u8 = 0x7f;
    if json.is_ascii() && !json.as_bytes().contains(&DELETE) || !json.contains(is_steering) {
        return None;
    }
    let mut out = String::with_capacity(json.len().saturating_add(64));
    for character in json.chars() {
        if is_steering(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(character);
        }
    }
    Some(out)
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pushed(bytes: &[u8]) -> String {
        let mut out = String::new();
        push_text(&mut out, bytes);
        out
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for plain in [
            "",
            "nginx",
            "größe 🦀",
            "a\tb\n\0\u{1b}[2J\"",
            r"C:\dir\",
            r"\\",
            "\u{fffd}",
        ] {
            assert_eq!(pushed(plain.as_bytes()), plain);
            assert!(matches!(text(plain.as_bytes()), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn bytes_that_are_no_utf8_are_written_in_hexadecimal() {
        assert_eq!(pushed(b"\xff"), r"\xff");
        assert_eq!(pushed(b"a\x80\xfeb"), r"a\x80\xfeb");
        assert_eq!(pushed("caf\u{e9}".as_bytes()), "café");
        assert_eq!(pushed(b"cut \xf0\x9f\xa6"), r"cut \xf0\x9f\xa6");
        assert_eq!(pushed(b"\xed\xa0\x80"), r"\xed\xa0\x80");
    }

    #[test]
    fn a_backslash_is_escaped_only_where_an_x_follows() {
        assert_eq!(pushed(br"\xff"), r"\x5cxff");
        assert_eq!(pushed(br"dev-disk\x2d1.device"), r"dev-disk\x5cx2d1.device");
        assert_eq!(pushed(br"\\x\n\X41"), r"\\x5cx\n\X41");
        assert_eq!(pushed(b"\\\xff"), r"\\xff");
        assert_eq!(decode(r"\\xff"), b"\\\xff");
    }

    #[test]
    fn a_text_nobody_wrote_by_the_rule_is_read_without_panic() {
        assert_eq!(decode(r"\x"), br"\x");
        assert_eq!(decode(r"\x4"), br"\x4");
        assert_eq!(decode(r"\xg0\xFF"), b"\\xg0\xff");
    }

    #[test]
    fn json_has_no_character_that_steers_whoever_shows_it() {
        let name = "a\u{7f}\u{85}\u{9b}2J\u{202e}\u{2028}\u{e0041}ö🦀\n";
        let json = escaped_json(&serde_json::to_string(name).unwrap()).unwrap();
        assert_eq!(
            json,
            r#""a\u007f\u0085\u009b2J\u202e\u2028\udb40\udc41ö🦀\n""#
        );
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
        assert_eq!(escaped_json(r#"{"comm":"größe \n"}"#), None);
    }

    fn tricky() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\\".to_vec()),
            Just(b"x".to_vec()),
            Just(b"\\x".to_vec()),
            Just(b"5c".to_vec()),
            Just("é🦀".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..3),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn decoding_gives_the_bytes_back(bytes in tricky()) {
            prop_assert_eq!(decode(&pushed(&bytes)), bytes.as_slice());
            prop_assert_eq!(text(&bytes), pushed(&bytes));
        }

        #[test]
        fn utf8_without_an_escape_in_it_is_unchanged(plain in "\\PC*|[a-z\\\\\\x00-\\x1f]*") {
            prop_assume!(!plain.contains(r"\x"));
            prop_assert_eq!(pushed(plain.as_bytes()), plain);
        }

        #[test]
        fn a_cut_text_is_the_longest_that_fits_and_decodes_to_what_was_taken(
            bytes in tricky(), limit in 0usize..60
        ) {
            let mut cut = String::from("kept");
            let taken = push_text_within(&mut cut, &bytes, limit);
            let cut = cut.strip_prefix("kept").unwrap();
            prop_assert!(cut.len() <= limit);
            prop_assert!(pushed(&bytes).starts_with(cut));
            prop_assert_eq!(decode(cut), &bytes[..taken]);
            prop_assert!(taken == bytes.len() || cut.len() + 4 > limit);
        }

        #[test]
        fn escaped_json_means_the_same(name in "\\PC*|[\u{0}-\u{2ff}\u{2000}-\u{20ff}\u{e0000}-\u{e00ff}]*") {
            let plain = serde_json::to_string(&name).unwrap();
            let json = escaped_json(&plain).unwrap_or(plain);
            prop_assert!(!json.contains(is_steering));
            prop_assert!(json.len() <= name.len() * 6 + 2);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
        }

        #[test]
        fn a_text_is_at_most_four_times_as_long_as_its_bytes(bytes in tricky()) {
            prop_assert!(pushed(&bytes).len() <= bytes.len() * 4);
        }
    }
}
