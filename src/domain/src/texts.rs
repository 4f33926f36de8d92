//! All that people read in chats, and what `nanoclaw why` tells: a file for each concern, a function or a constant for
//! each sentence. To find one, search this folder for its words; a new one goes to the file of its concern.
//!
//! Nothing here decides what is said when. Elsewhere are errors, refusals of a command, labels of buttons, `--help`, what
//! operations answer, the reasons that rows keep, and what only models read.

pub mod access;
pub mod approval;
pub mod asides;
pub mod commands;
pub mod dead_letters;
pub mod greeting;
pub mod notices;
pub mod pairing;
pub mod questions;
pub mod stop;
pub mod tasks;
pub mod trouble;
pub mod waits;
pub mod why;

/// `1 message`, `2 messages`.
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub fn list(items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    match items.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// A chat as people know it: its title, or else its id, and where it is.
pub fn chat_name(title: &str, chat: &str, channel: &str, thread: Option<&str>) -> String {
    let thread = thread.map(|it| format!(", thread {it}")).unwrap_or_default();
    match title {
        "" => format!("{channel}:{chat}{thread}"),
        title => format!("\"{title}\" ({channel}:{chat}{thread})"),
    }
}

/// A clause, such as the text of an error, as a sentence of its own.
pub fn sentence(clause: &str) -> String {
    let mut chars = clause.chars();
    let first: String = chars.next().map(|it| it.to_uppercase().collect()).unwrap_or_default();
    let end = if clause.ends_with(['?', '.']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together() {
        assert_eq!([0, 1, 2].map(|it| count(it, "part")), ["0 parts", "1 part", "2 parts"]);
        let all = ["a", "b", "c"];
        assert_eq!([0, 1, 2, 3].map(|it| list(&all[..it])), ["", "a", "a and b", "a, b and c"]);
        assert_eq!([sentence("not 8"), sentence("8?")], ["Not 8.", "8?"]);
    }
}
