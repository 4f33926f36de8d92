//! Makes what others wrote safe to show inside a text of ours: names, titles, excerpts.

pub const ELLIPSIS: char = '…';

/// One line: white space and control characters become single spaces; characters that are invisible or
/// turn the writing direction are dropped, since they make a text look like another one.
pub fn one_line(text: &str) -> String {
    let shown: String = text
        .chars()
        .filter(|&c| !is_invisible(c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text for a terminal: without control characters, except line ends and tabs, and without those
/// that turn the writing direction of what follows.
pub fn for_a_terminal(text: &str) -> String {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|&c| matches!(c, '\n' | '\t') || !(c.is_control() || turns(c))).collect()
}

/// At most `chars_max` characters; what is longer ends with an [`ELLIPSIS`], which counts.
pub fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    let mut short = kept.trim_end().to_owned();
    if 0 < chars_max {
        short.push(ELLIPSIS);
    }
    short
}

/// Shows what somebody else wrote inside a Markdown text: on one line, cut, as inline code that nothing in
/// it can end (<https://spec.commonmark.org/0.31.2/#code-spans>). `otherwise` stands for an empty text.
pub fn quoted(text: &str, chars_max: usize, otherwise: &str) -> String {
    let tame = cut(&one_line(&text.replace('`', "'")), chars_max);
    if tame.is_empty() { otherwise.to_owned() } else { format!("`{tame}`") }
}

/// A word of a command line that a shell, and the host, take for this one word.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:./@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Unicode format characters without a shape: direction marks and overrides, joiners of zero width,
/// the byte order mark, soft hyphens, tags and fillers
/// (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>).
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

pub fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    let mut text = err.to_string();
    for cause in std::iter::successors(err.source(), |it| it.source()).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_joined_and_tricks_are_dropped() {
        assert_eq!(one_line(" a\n\tb \r\n c\u{0}d "), "a b c d");
        assert_eq!(one_line("fdp.\u{202e}exe\u{200b}"), "fdp.exe");
        assert_eq!(one_line(" \n\u{feff}"), "");
        assert_eq!(one_line("Zoë 小明 👍"), "Zoë 小明 👍");
    }

    #[test]
    fn a_terminal_is_told_nothing_but_text() {
        assert_eq!(for_a_terminal("a\u{1b}]0;x\u{7}\tb\r\nc\u{9b}2J\u{202e}d"), "a]0;x\tb\nc2Jd");
        assert_eq!(for_a_terminal("👩\u{200d}🚀 né"), "👩\u{200d}🚀 né");
    }

    #[test]
    fn what_is_too_long_ends_with_an_ellipsis() {
        assert_eq!(cut("12345", 5), "12345");
        assert_eq!(cut("123456", 5), "1234…");
        assert_eq!(cut("123 56789", 5), "123…");
        assert_eq!(cut("äöüß", 2), "ä…");
        assert_eq!(cut("ab", 0), "");
    }

    #[test]
    fn a_quoted_text_cannot_leave_its_quotes() {
        assert_eq!(quoted("Alice", 20, "somebody"), "`Alice`");
        assert_eq!(
            quoted("`*bold* [x](https://e.org)\n# h", 50, ""),
            "`'*bold* [x](https://e.org) # h`"
        );
        assert_eq!(quoted(" \u{200b}", 20, "somebody"), "somebody");
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_stays_one_short_code_span(text in ".{0,200}", max in 1_usize..80) {
            let shown = quoted(&text, max, "somebody");
            if shown != "somebody" {
                let inner = shown.strip_prefix('`').and_then(|it| it.strip_suffix('`')).unwrap();
                prop_assert!(!inner.contains('`') && !inner.contains('\n'));
                prop_assert!(!inner.chars().any(|c| c.is_control() || is_invisible(c)));
                prop_assert!(inner.chars().count() <= max && !inner.trim().is_empty());
            }
        }
    }
}
