//! What a text that people read may hold.

use super::TEXT_LENGTH_MAX;

/// Why a text cannot be shown as it is.
pub fn problem(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("must not be empty".to_owned());
    }
    if text.chars().count() > TEXT_LENGTH_MAX {
        return Some(format!("has more than {TEXT_LENGTH_MAX} characters"));
    }
    if let Some(character) = hidden(text) {
        return Some(format!("has the hidden character {}", character.escape_unicode()));
    }
    markup(text).map(|tag| format!("has the markup {tag:?}; texts are shown as they are written"))
}

/// A character that is not seen, but changes what is: it moves a terminal's cursor, turns the direction of writing round,
/// or makes two names look alike. Line breaks are seen.
pub fn hidden(text: &str) -> Option<char> {
    text.chars().find(|character| match character {
        '\n' => false,
        // Marks and overrides of the writing direction, zero-width spaces, separators, the byte order mark, tags.
        '\u{061c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        character => character.is_control(),
    })
}

/// The beginning of something that a browser would take for a tag. Every page escapes it; a text that has one was written
/// for something else than being read.
fn markup(text: &str) -> Option<&str> {
    text.match_indices('<').map(|(at, _)| &text[at..]).find_map(|rest| {
        let next = rest.chars().nth(1)?;
        let tag = next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?');
        tag.then(|| &rest[..rest.floor_char_boundary(20)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::empty(" ", "empty")]
    #[case::script("<script>alert(1)</script>", "markup")]
    #[case::closing("a</td>", "markup")]
    #[case::comment("<!-- -->", "markup")]
    #[case::escape("\u{1b}[2J", "hidden")]
    #[case::bell("a\u{7}", "hidden")]
    #[case::right_to_left("fee\u{202e}fdp.exe", "hidden")]
    #[case::zero_width("area\u{200b}-fee", "hidden")]
    fn what_is_not_read_is_refused(#[case] text: &str, #[case] words: &str) {
        assert!(problem(text).is_some_and(|problem| problem.contains(words)), "{:?}", problem(text));
    }

    #[rstest]
    #[case("面积 < 100 m² 且 > 50 m²")]
    #[case("{area} × {price} = {value}")]
    #[case("two\nlines")]
    #[case("R&D, “quoted”, 1<2")]
    fn what_is_read_passes(#[case] text: &str) {
        assert_eq!(problem(text), None);
    }
}
