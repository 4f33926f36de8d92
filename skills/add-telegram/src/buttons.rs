//! Buttons below a message.

use domain::outgoing::Button;
use serde::Serialize;

/// Labels up to this length share a row; a phone cuts longer ones.
const SHORT_CHARS_MAX: usize = 20;
const PER_ROW_MAX: usize = 3;

/// <https://core.telegram.org/bots/api#inlinekeyboardmarkup>
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Keyboard {
    inline_keyboard: Vec<Vec<Key>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Key {
    text: String,
    /// 1 to 64 bytes, as [`domain::outgoing::BUTTON_DATA_BYTES_MAX`] promises.
    callback_data: String,
}

/// `None` without buttons.
pub(crate) fn keyboard(buttons: &[Button]) -> Option<Keyboard> {
    let mut rows: Vec<Vec<Key>> = Vec::new();
    let mut open = false;
    for button in buttons {
        let key = Key { text: button.label.clone(), callback_data: button.data.clone() };
        let short = button.label.chars().count() <= SHORT_CHARS_MAX;
        match rows.last_mut() {
            Some(row) if open && short && row.len() < PER_ROW_MAX => row.push(key),
            Some(_) | None => rows.push(vec![key]),
        }
        open = short;
    }
    (!rows.is_empty()).then_some(Keyboard { inline_keyboard: rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(labels: &[&str]) -> Vec<usize> {
        let button = |it: &&str| Button { label: (*it).into(), data: "d".into() };
        let buttons: Vec<Button> = labels.iter().map(button).collect();
        keyboard(&buttons).map_or(vec![], |it| it.inline_keyboard.iter().map(Vec::len).collect())
    }

    #[test]
    fn short_buttons_share_a_row_and_long_ones_have_their_own() {
        let long = "a label of more than twenty characters";
        assert_eq!(rows(&[]), Vec::<usize>::new());
        assert_eq!(rows(&["a", "b", "c", "d"]), [3, 1]);
        assert_eq!(rows(&["a", long, "b", "c"]), [1, 1, 2]);
        assert_eq!(rows(&[long, long]), [1, 1]);
    }
}
