//! Cuts a text into parts that a platform accepts, at the most sensible place within reach.

/// Cuts `text` into parts of at most `chars_max` characters: at a blank line, else at a line end,
/// else at a space, else anywhere. Nothing but the white space at a cut is dropped.
///
/// # Panics
/// Never; `chars_max` below 1 counts as 1.
#[must_use]
pub fn split(text: &str, chars_max: usize) -> Vec<String> {
    let chars_max = chars_max.max(1);
    let mut parts = Vec::new();
    let mut rest = text.trim_end();
    while let Some(window) = longer_than(rest, chars_max) {
        let cut = best_cut(window);
        let (part, tail) = rest.split_at(cut);
        if !part.trim().is_empty() {
            parts.push(part.trim_end().to_owned());
        }
        rest = tail.trim_start_matches(['\n', ' ']);
    }
    if !rest.is_empty() || parts.is_empty() {
        parts.push(rest.to_owned());
    }
    parts
}

/// The first `chars_max` characters, if there are more than that.
fn longer_than(text: &str, chars_max: usize) -> Option<&str> {
    let (end, _) = text.char_indices().nth(chars_max)?;
    Some(&text[..end])
}

/// A cut in the first half would make many small parts, so only the second half is searched.
fn best_cut(window: &str) -> usize {
    let half = window.len() / 2;
    ["\n\n", "\n", " "]
        .iter()
        .find_map(|mark| window.rfind(mark).filter(|&at| half < at))
        .unwrap_or(window.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_the_most_sensible_place() {
        assert_eq!(split("short", 10), ["short"]);
        assert_eq!(split("one two three", 8), ["one two", "three"]);
        assert_eq!(split("a b c\nd e f", 8), ["a b c", "d e f"]);
        assert_eq!(split("abcdef", 4), ["abcd", "ef"]);
        assert_eq!(split("äöüß€", 2), ["äö", "üß", "€"]);
        assert_eq!(split("", 4), [""]);
    }

    #[test]
    fn nothing_but_white_space_is_lost() {
        let text = "Lorem ipsum dolor\n\nsit amet, consectetur\nadipiscing elit ".repeat(20);
        let squeeze = |s: &str| s.split_whitespace().collect::<String>();
        for chars_max in 1..60 {
            let parts = split(&text, chars_max);
            assert!(parts.iter().all(|it| it.chars().count() <= chars_max));
            assert_eq!(squeeze(&parts.concat()), squeeze(&text), "{chars_max}");
        }
    }
}
