//! The word that calls an agent. Everyone who may write in a chat chooses the text, so the work is
//! bounded by its length.

use crate::AgentName;

/// The longest word; a few words, as in `hey andy`.
pub const TRIGGER_CHARS_MAX: usize = 64;

/// What calls an agent: the word that was chosen for it, else `@` and its name.
#[must_use]
pub fn trigger_of(agent: &AgentName, custom: Option<&str>) -> String {
    match custom.map(str::trim) {
        Some(word) if !word.is_empty() => word.to_owned(),
        Some(_) | None => format!("@{agent}"),
    }
}

/// Whether a text says the word: in any case, and alone. `@andy` is in "ask @Andy, please", and
/// is not in "@andyx", "@andy-2", "mail@andy.com".
#[must_use]
pub fn says_trigger(text: &str, trigger: &str) -> bool {
    let trigger = trigger.trim();
    let word: Vec<char> = trigger.chars().flat_map(fold).collect();
    if word.is_empty() || trigger.chars().nth(TRIGGER_CHARS_MAX).is_some() {
        return false;
    }
    // Each with where the character that it comes from starts, since one may become several.
    let folded: Vec<(char, usize)> =
        text.char_indices().flat_map(|(at, c)| fold(c).map(move |it| (it, at))).collect();
    let start = |index: usize| folded.get(index).map_or(text.len(), |it| it.1);
    folded.windows(word.len()).enumerate().any(|(index, window)| {
        let (from, to) = (start(index), start(index + word.len()));
        window.iter().map(|it| &it.0).eq(&word)
            && (index == 0 || start(index - 1) != from)
            && window.last().is_some_and(|it| it.1 != to)
            && starts_fresh(&text[..from], trigger)
            && ends_there(&text[to..], trigger)
    })
}

/// Upper case first, so that letters that differ only in lower case meet: final and other sigma.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase)
}

/// Whether the trigger does not go on a word, an address or a name.
fn starts_fresh(before: &str, trigger: &str) -> bool {
    let mut back = before.chars().rev();
    let Some(last) = back.next() else { return true };
    if !trigger.chars().any(is_word) {
        return true;
    }
    if is_word(last) {
        return false;
    }
    let joins = trigger.starts_with(is_word) && matches!(last, '-' | '.' | '@');
    !(joins && back.next().is_some_and(is_word))
}

/// Whether the trigger does not go on behind it, as in `@andy-2` and `andy.com`.
fn ends_there(behind: &str, trigger: &str) -> bool {
    let mut ahead = behind.chars();
    let Some(next) = ahead.next() else { return true };
    if !trigger.ends_with(is_word) {
        return true;
    }
    if is_word(next) {
        return false;
    }
    !(matches!(next, '-' | '.') && ahead.next().is_some_and(is_word))
}

/// Letters and digits of scripts that put spaces between words. Others run on, so that a name is
/// followed by a letter more often than not; there every place may begin and end a word.
fn is_word(c: char) -> bool {
    (c.is_alphanumeric() || c == '_') && !runs_on(c)
}

/// South-east Asian and East Asian scripts (<https://www.unicode.org/reports/tr14/#SA>,
/// <https://www.unicode.org/reports/tr14/#ID>), and Hangul, which joins particles to names.
fn runs_on(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}'
            | '\u{1000}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{1100}'..='\u{11ff}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}
