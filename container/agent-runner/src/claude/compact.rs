//! The words for what came of `/compact`.

const SHORTENED: &str = "I have shortened our conversation.";
const NOT_SHORTENED: &str =
    "I could not shorten our conversation. Try `/compact` again, or begin a new one with `/new`.";
const NOTHING_TO_SHORTEN: &str = "There is nothing to shorten yet.";

/// What the CLI made of `/compact`, of which its own words say nothing.
pub(super) fn shortened(compacted: Option<bool>, words: String) -> String {
    match compacted {
        Some(true) => SHORTENED.to_owned(),
        Some(false) => NOT_SHORTENED.to_owned(),
        None if words.trim().is_empty() => NOTHING_TO_SHORTEN.to_owned(),
        None => words,
    }
}
