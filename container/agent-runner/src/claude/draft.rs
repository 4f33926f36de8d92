//! What an answer in the making reads like. The model may speak several times in a turn, with tools
//! in between; only what it says last is the answer, so each time starts over.

use domain::link::DRAFT_BYTES_MAX;

use super::frames::Drafted;

#[derive(Debug, Default)]
pub(super) struct DraftText {
    text: String,
    is_over: bool,
}

impl DraftText {
    /// Takes in more; returns the whole text if it changed. What was said before a tool stays to be
    /// seen until there is something new.
    pub(super) fn take(&mut self, more: Drafted) -> Option<&str> {
        match more {
            Drafted::Begin => {
                self.is_over = true;
                None
            }
            Drafted::More(text) => {
                if std::mem::take(&mut self.is_over) {
                    self.text.clear();
                }
                // No reader sees more of it.
                if DRAFT_BYTES_MAX < self.text.len() {
                    return None;
                }
                self.text.push_str(&text);
                (!self.text.trim().is_empty()).then_some(self.text.as_str())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_the_model_speaks_starts_over() {
        let mut draft = DraftText::default();
        let more = |text: &str| Drafted::More(text.to_owned());
        assert_eq!(draft.take(Drafted::Begin), None);
        assert_eq!(draft.take(more("\n")), None);
        assert_eq!(draft.take(more("let me ")), Some("\nlet me "));
        assert_eq!(draft.take(more("see")), Some("\nlet me see"));
        assert_eq!(draft.take(Drafted::Begin), None);
        assert_eq!(draft.take(more("done")), Some("done"));
        let long = "x".repeat(DRAFT_BYTES_MAX);
        assert!(draft.take(more(&long)).is_some_and(|it| DRAFT_BYTES_MAX < it.len()));
        assert_eq!(draft.take(more("y")), None);
    }
}
