//! Which words the demo agent knows.

use domain::waits::WaitClass;

use super::tasks;

const WAIT_SECS_MAX: u64 = 600;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    Help,
    Wait(u64),
    Count,
    Crash,
    Draft(&'a str),
    /// The model fails so often; for how many seconds, it says for a limit only.
    Fail(WaitClass, u32, Option<u64>),
    /// Runs what gives no sign of life for so many seconds.
    Run(&'a str, u64),
    /// Says the text after so many seconds, without being asked again.
    Background(u64, &'a str),
    Who,
    Files,
    Context,
    Tool(ToolWord<'a>),
    Echo(&'a str),
}

/// What a model would use a tool for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ToolWord<'a> {
    Report(&'a str),
    /// To a name, a text.
    Send(&'a str, &'a str),
    /// With a name, a text.
    File(&'a str, &'a str),
    React(&'a str),
    /// A question and its options.
    Ask(&'a str, Vec<&'a str>),
    Admin(&'a str),
    /// The line for the host.
    Tasks(String),
    Remember(&'a str),
    Recall,
}

impl ToolWord<'_> {
    /// The tool that it would be.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Report(_) | Self::Send(..) => "send_message",
            Self::File(..) => "send_file",
            Self::React(_) => "add_reaction",
            Self::Ask(..) => "ask_user_question",
            Self::Admin(_) | Self::Tasks(_) => "nanoclaw",
            Self::Remember(_) => "Write",
            Self::Recall => "Read",
        }
    }
}

/// Reads a text; a leading `@name` is how a group says that the agent is meant.
pub(super) fn parse(text: &str) -> Word<'_> {
    let text = without_trigger(text.trim());
    known(text)
        .or_else(|| Some(Word::Tool(ToolWord::Tasks(tasks::parse(text)?))))
        .unwrap_or(Word::Echo(text))
}

fn known(text: &str) -> Option<Word<'_>> {
    let (word, rest) = split(text);
    let (first, more) = split(rest);
    Some(match (word.to_ascii_lowercase().as_str(), rest) {
        ("help", "") => Word::Help,
        ("count", "") => Word::Count,
        ("crash", "") => Word::Crash,
        ("who", "") => Word::Who,
        ("files", "") => Word::Files,
        ("context", "") => Word::Context,
        ("recall", "") => Word::Tool(ToolWord::Recall),
        (_, "") => return None,
        ("wait", _) => Word::Wait(first.parse().map(|it: u64| it.min(WAIT_SECS_MAX)).ok()?),
        ("draft", _) => Word::Draft(rest),
        ("limit", _) => Word::Fail(WaitClass::Limit, 1, Some(rest.parse().ok()?)),
        ("fail", _) => Word::Fail(WaitClass::parse(first)?, more.parse().ok()?, None),
        ("run", _) => Word::Run(first, more.parse().ok()?),
        ("background", _) if !more.is_empty() => Word::Background(first.parse().ok()?, more),
        ("report", _) => Word::Tool(ToolWord::Report(rest)),
        ("react", _) => Word::Tool(ToolWord::React(rest)),
        ("admin", _) => Word::Tool(ToolWord::Admin(rest)),
        ("remember", _) => Word::Tool(ToolWord::Remember(rest)),
        ("ask", _) => {
            let (question, options) = rest.split_at(rest.find('?')? + 1);
            let options = options.split('|').map(str::trim).filter(|it| !it.is_empty());
            Word::Tool(ToolWord::Ask(question, options.collect()))
        }
        // "send me" names no chat called "me".
        ("send", _) if ["me", "us"].iter().any(|it| it.eq_ignore_ascii_case(first)) => return None,
        ("send", _) if !more.is_empty() => Word::Tool(ToolWord::Send(first, more)),
        ("file", _) if !more.is_empty() => Word::Tool(ToolWord::File(first, more)),
        _ => return None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_told_from_small_talk() {
        for (text, word) in [
            ("Help", Word::Help),
            ("help me", Word::Echo("help me")),
            ("report all  well", Word::Tool(ToolWord::Report("all  well"))),
            ("report", Word::Echo("report")),
            ("wait 5 please", Word::Wait(5)),
            ("wait 9999", Word::Wait(600)),
            ("wait for it", Word::Echo("wait for it")),
            (" count ", Word::Count),
            ("crash", Word::Crash),
            ("ask so? a | b", Word::Tool(ToolWord::Ask("so?", vec!["a", "b"]))),
            ("ask me", Word::Echo("ask me")),
            ("send team hi there", Word::Tool(ToolWord::Send("team", "hi there"))),
            ("send team", Word::Echo("send team")),
            ("send me the news", Word::Echo("send me the news")),
            ("file a.txt x y", Word::Tool(ToolWord::File("a.txt", "x y"))),
            ("react 👍", Word::Tool(ToolWord::React("👍"))),
            ("admin chats list", Word::Tool(ToolWord::Admin("chats list"))),
            ("draft a b", Word::Draft("a b")),
            ("limit 60", Word::Fail(WaitClass::Limit, 1, Some(60))),
            ("limit me", Word::Echo("limit me")),
            ("fail billing 2", Word::Fail(WaitClass::Billing, 2, None)),
            ("fail me 2", Word::Echo("fail me 2")),
            ("run Bash 9", Word::Run("Bash", 9)),
            ("run to me", Word::Echo("run to me")),
            ("remember milk", Word::Tool(ToolWord::Remember("milk"))),
            ("recall", Word::Tool(ToolWord::Recall)),
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
