//! What a reader sees of a text: its formats are left out.
//!
//! Close enough to Discord's for what the checks send: what is not closed is shown as it is, and code
//! is shown as it was written.

/// Stands for an escaped sign until the marks are gone.
const ESCAPED: u32 = 0xe000;

/// The words without the marks. A backslash makes a sign of a mark.
pub(super) fn shown(text: &str) -> String {
    let mut hidden = String::new();
    let mut signs = text.chars().peekable();
    let mut is_code = false;
    while let Some(sign) = signs.next() {
        is_code ^= sign == '`';
        match signs.next_if(|it| sign == '\\' && !is_code && it.is_ascii_punctuation()) {
            Some(next) => hidden.extend(char::from_u32(ESCAPED + u32::from(next))),
            None => hidden.push(sign),
        }
    }
    let shown = without_marks(&hidden);
    let sign = |it: char| u32::from(it).checked_sub(ESCAPED).filter(|it| *it < 128);
    shown.chars().map(|it| sign(it).and_then(char::from_u32).unwrap_or(it)).collect()
}

fn without_marks(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split("```").enumerate() {
        let closed = text.matches("```").count() / 2 * 2;
        match at {
            _ if at > closed => out.push_str(&format!("```{piece}")),
            _ if at % 2 == 1 => out.push_str(code(piece)),
            _ => out.push_str(&prose(piece)),
        }
    }
    out
}

/// A block's first line is its language when nothing else is in it.
fn code(block: &str) -> &str {
    match block.split_once('\n') {
        Some((language, rest)) if !language.contains(' ') => rest,
        _ => block,
    }
}

fn prose(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split('`').enumerate() {
        let closed = text.matches('`').count() / 2 * 2;
        match at {
            _ if at > closed => out.push_str(&format!("`{piece}")),
            _ if at % 2 == 1 => out.push_str(piece),
            _ => out.push_str(&plain(piece)),
        }
    }
    out
}

fn plain(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let heads = ["# ", "## ", "### ", "> "];
        heads.iter().find_map(|it| line.strip_prefix(it)).unwrap_or(line)
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    for mark in ["**", "~~", "__", "||"] {
        let pairs = text.matches(mark).count() / 2 * 2;
        text = text.replacen(mark, "", pairs);
    }
    links(&emphasis(&text))
}

/// `*word*`, where the stars touch the word on its sides.
fn emphasis(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('*') {
        out.push_str(before);
        match after.split_once('*') {
            Some((inner, behind)) if !inner.is_empty() && inner.trim() == inner => {
                out.push_str(inner);
                rest = behind;
            }
            _ => {
                out.push('*');
                rest = after;
            }
        }
    }
    out + rest
}

/// `[words](https://address)`.
fn links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let link = after.split_once("](http");
        let link = link.and_then(|(words, url)| Some((words, url.split_once(')')?.1)));
        match link {
            Some((words, behind)) => {
                out.push_str(words);
                rest = behind;
            }
            None => {
                out.push('[');
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_left_out_and_what_is_none_stays() {
        assert_eq!(shown("# A\n> b **c** *d* ~~e~~ [f](https://g) `h_*i*`"), "A\nb c d e f h_*i*");
        assert_eq!(shown(r"\*a\* **b\_c** \\ `\*`"), r"*a* b_c \ \*");
        assert_eq!(shown("```rust\nlet **x**;\n```z"), "let **x**;\nz");
        for text in ["a **b", "a `b", "a [b](c", "x * y * z", "```open", "snake_case_name", "2 * 3"]
        {
            assert_eq!(shown(text), text);
        }
    }
}
