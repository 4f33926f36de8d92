//! What an answer in the making reads like. The model may speak several times in a turn, with tools
//! in between; only what it says last is the answer, so each time starts over.

use domain::link::DRAFT_BYTES_MAX;

#[derive(Debug, Default)]
pub(super) struct DraftText {
    text: String,
    is_over: bool,
}

impl DraftText {
    /// What was said before a tool stays to be seen until there is something new.
    pub(super) fn begin(&mut self) {
        self.is_over = true;
    }

    /// Returns the whole text if it changed.
    pub(super) fn add(&mut self, more: &str) -> Option<&str> {
        if std::mem::take(&mut self.is_over) {
            self.text.clear();
        }
        // No reader sees more of it.
        if DRAFT_BYTES_MAX < self.text.len() {
            return None;
        }
        self.text.push_str(more);
        (!self.text.trim().is_empty()).then_some(self.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_the_model_speaks_starts_over() {
        let mut draft = DraftText::default();
        draft.begin();
        assert_eq!(draft.add("\n"), None);
        assert_eq!(draft.add("let me "), Some("\nlet me "));
        assert_eq!(draft.add("see"), Some("\nlet me see"));
        draft.begin();
        assert_eq!(draft.add("done"), Some("done"));
        let long = "x".repeat(DRAFT_BYTES_MAX);
        assert!(draft.add(&long).is_some_and(|it| DRAFT_BYTES_MAX < it.len()));
        assert_eq!(draft.add("y"), None);
    }
}
