//! Which words the demo agent knows.

use domain::waits::WaitClass;

use super::tasks;
use crate::host_client::TaskLine;

const WAIT_SECS_MAX: u64 = 600;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Help,
    Report(&'a str),
    Wait(u64),
    Count,
    Crash,
    Draft(&'a str),
    /// Meets the limit of an account, once, for so many seconds.
    Limit(u64),
    /// The model fails so often.
    Fail(WaitClass, u32),
    /// Runs a tool that gives no sign of life for so many seconds.
    Run {
        tool: &'a str,
        secs: u64,
    },
    /// Says the text later, without being asked again.
    Background {
        secs: u64,
        text: &'a str,
    },
    /// Takes so many MiB of memory.
    Eat(usize),
    Ask {
        question: &'a str,
        options: Vec<&'a str>,
    },
    Send {
        name: &'a str,
        text: &'a str,
    },
    File {
        name: &'a str,
        text: &'a str,
    },
    React(&'a str),
    Admin(&'a str),
    Tasks(TaskLine),
    Who,
    Files,
    Context,
    Remember(&'a str),
    Recall,
    Echo(&'a str),
}

impl Word<'_> {
    /// Whether it ends a turn without an answer, or may: other messages must not fail for it.
    pub(super) fn fails_turn(&self) -> bool {
        matches!(self, Self::Crash | Self::Eat(_) | Self::Limit(_) | Self::Fail(..))
    }

    /// The tool that a model would use for it.
    pub(super) fn tool(&self) -> Option<&'static str> {
        match self {
            Self::Report(_) | Self::Send { .. } => Some("send_message"),
            Self::File { .. } => Some("send_file"),
            Self::React(_) => Some("add_reaction"),
            Self::Ask { .. } => Some("ask_user"),
            Self::Admin(_) => Some("nanoclaw"),
            Self::Tasks(line) => Some(line.tool()),
            Self::Remember(_) => Some("Write"),
            Self::Recall => Some("Read"),
            Self::Help
            | Self::Wait(_)
            | Self::Count
            | Self::Crash
            | Self::Draft(_)
            | Self::Who
            | Self::Files
            | Self::Context
            | Self::Limit(_)
            | Self::Fail(..)
            | Self::Run { .. }
            | Self::Background { .. }
            | Self::Eat(_)
            | Self::Echo(_) => None,
        }
    }
}

/// Reads a text; a leading `@name` is how a group says that the agent is meant.
pub(super) fn parse(text: &str) -> Word<'_> {
    let text = without_trigger(text.trim());
    let (word, rest) = split(text);
    let word = word.to_ascii_lowercase();
    let known = match (word.as_str(), rest) {
        ("help", "") => Some(Word::Help),
        ("count", "") => Some(Word::Count),
        ("crash", "") => Some(Word::Crash),
        ("who", "") => Some(Word::Who),
        ("files", "") => Some(Word::Files),
        ("context", "") => Some(Word::Context),
        ("recall", "") => Some(Word::Recall),
        (_, "") => None,
        ("report", rest) => Some(Word::Report(rest)),
        ("wait", rest) => {
            let secs = split(rest).0.parse().ok();
            secs.map(|it: u64| Word::Wait(it.min(WAIT_SECS_MAX)))
        }
        ("draft", rest) => Some(Word::Draft(rest)),
        ("limit", rest) => rest.parse().ok().map(Word::Limit),
        ("fail", rest) => named(rest)
            .and_then(|(class, times)| Some((WaitClass::parse(class)?, times.parse().ok()?)))
            .map(|(class, times)| Word::Fail(class, times)),
        ("run", rest) => {
            named(rest).and_then(|(tool, secs)| Some(Word::Run { tool, secs: secs.parse().ok()? }))
        }
        ("background", rest) => named(rest)
            .and_then(|(secs, text)| Some(Word::Background { secs: secs.parse().ok()?, text })),
        ("eat", rest) => rest.parse().ok().map(Word::Eat),
        ("ask", rest) => ask(rest),
        // "send me" names no chat called "me".
        ("send", rest) => named(rest)
            .filter(|(name, _)| !["me", "us"].contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, text)| Word::Send { name, text }),
        ("file", rest) => named(rest).map(|(name, text)| Word::File { name, text }),
        ("react", rest) => Some(Word::React(rest)),
        ("admin", rest) => Some(Word::Admin(rest)),
        ("remember", rest) => Some(Word::Remember(rest)),
        _ => None,
    };
    known.or_else(|| tasks::parse(text).map(Word::Tasks)).unwrap_or(Word::Echo(text))
}

fn without_trigger(text: &str) -> &str {
    let (first, rest) = split(text);
    let is_trigger = first.strip_prefix('@').is_some_and(|name| {
        let name = name.trim_end_matches([':', ',']);
        !name.is_empty() && name.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-'))
    });
    if is_trigger { rest } else { text }
}

fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn named(rest: &str) -> Option<(&str, &str)> {
    let (name, text) = split(rest);
    (!text.is_empty()).then_some((name, text))
}

fn ask(rest: &str) -> Option<Word<'_>> {
    let end = rest.find('?')? + 1;
    let options = rest[end..].split('|').map(str::trim).filter(|it| !it.is_empty()).collect();
    Some(Word::Ask { question: &rest[..end], options })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_told_from_small_talk() {
        for (text, word) in [
            ("Help", Word::Help),
            ("help me", Word::Echo("help me")),
            ("report all  well", Word::Report("all  well")),
            ("report", Word::Echo("report")),
            ("wait 5 please", Word::Wait(5)),
            ("wait 9999", Word::Wait(600)),
            ("wait for it", Word::Echo("wait for it")),
            (" count ", Word::Count),
            ("crash", Word::Crash),
            ("ask so? a | b", Word::Ask { question: "so?", options: vec!["a", "b"] }),
            ("ask me", Word::Echo("ask me")),
            ("send team hi there", Word::Send { name: "team", text: "hi there" }),
            ("send team", Word::Echo("send team")),
            ("send me the news", Word::Echo("send me the news")),
            ("file a.txt x y", Word::File { name: "a.txt", text: "x y" }),
            ("react 👍", Word::React("👍")),
            ("admin chats list", Word::Admin("chats list")),
            ("draft a b", Word::Draft("a b")),
            ("limit 60", Word::Limit(60)),
            ("limit me", Word::Echo("limit me")),
            ("fail billing 2", Word::Fail(WaitClass::Billing, 2)),
            ("fail me 2", Word::Echo("fail me 2")),
            ("run Bash 9", Word::Run { tool: "Bash", secs: 9 }),
            ("run to me", Word::Echo("run to me")),
            ("eat 64", Word::Eat(64)),
            ("eat well", Word::Echo("eat well")),
            ("remember milk", Word::Remember("milk")),
            ("recall", Word::Recall),
            ("who", Word::Who),
            ("files", Word::Files),
            ("context", Word::Context),
            ("", Word::Echo("")),
        ] {
            assert_eq!(parse(text), word, "{text}");
        }
    }

    #[test]
    fn who_is_meant_is_not_part_of_what_is_said() {
        for text in ["@andy count", "@Andy: count", "@andy_bot, count", " @andy   count"] {
            assert_eq!(parse(text), Word::Count, "{text}");
        }
        assert_eq!(parse("@andy"), Word::Echo(""));
        for text in ["a@b.c count", "@ count", "mail @andy"] {
            assert_eq!(parse(text), Word::Echo(text), "{text}");
        }
    }
}
