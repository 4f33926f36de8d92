//! An operation as it is written: in one line, as an agent and people write and read it, and in JSON,
//! as it is stored.

use std::ffi::OsString;
use std::fmt;

use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory, FromArgMatches, Parser};
use domain::plain::{cut, shell_word};
use serde_json::{Map, Value};

use crate::{Operation, Result, refused};

/// Longer than any operation; a model that writes more is confused.
const LINE_BYTES_MAX: usize = 4_000;

/// What a task is to do may be a text of its own, and a script besides.
const TASKS_LINE_BYTES_MAX: usize = 32_000;

/// Administration of this host.
#[derive(Debug, Parser)]
#[command(name = "admin", no_binary_name = true, disable_version_flag = true)]
struct Line {
    #[command(subcommand)]
    operation: Operation,
}

/// Reads a line as a shell would split it. `nanoclaw` in front may be left out.
///
/// # Errors
/// When it is no operation; the text says why, or is the help that was asked for.
pub fn parse_line(line: &str) -> Result<Operation, String> {
    let first = line.split_whitespace().find(|it| *it != "nanoclaw");
    let max = if first == Some("tasks") { TASKS_LINE_BYTES_MAX } else { LINE_BYTES_MAX };
    if max < line.len() {
        return Err("that is too long for one command; say less, or split it".into());
    }
    let mut words = split(line)?;
    if words.first().is_some_and(|it| it == "nanoclaw") {
        words.remove(0);
    }
    let mut words = words.into_iter().map(OsString::from).collect();
    renamed(&mut words);
    let read = with_guesses(Line::command()).try_get_matches_from(words);
    let read = read.and_then(|it| Line::from_arg_matches(&it));
    read.map(|it| it.operation).map_err(|err| shortened(err).to_string().trim_end().to_owned())
}

/// Characters that an error shows of a wrong value.
const VALUE_CHARS_MAX: usize = 80;

/// The error without most of a long value: its reader looks for what is wrong with that.
pub fn shortened(mut err: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(value)) = err.get(ContextKind::InvalidValue) {
        let short = cut(value, VALUE_CHARS_MAX);
        err.insert(ContextKind::InvalidValue, ContextValue::String(short));
    }
    err
}

/// Commands of an earlier version, and what they are now; they work for one release.
const FORMER: [(&str, &str); 4] = [
    ("wire", "chats connect"),
    ("unwire", "chats disconnect"),
    ("stop-agent", "agents stop"),
    ("resume", "agents resume"),
];
/// Former commands of `users`, which showed a setting or set it, and its option.
const FORMER_SETTINGS: [(&str, &str); 3] =
    [("rename", "--name="), ("timezone", "--timezone="), ("quiet", "--quiet=")];

/// Puts present commands in the place of former ones.
pub fn renamed(words: &mut Vec<OsString>) {
    let is_option = |it: &OsString| it != "-" && it.as_encoded_bytes().starts_with(b"-");
    let is_home = |at: usize| 0 < at && words[at - 1] == "--home";
    let is_plain = |at: &usize| !is_option(&words[*at]) && !is_home(*at);
    let plain: Vec<usize> = (0..words.len()).filter(is_plain).collect();
    let word = |place: usize| plain.get(place).and_then(|at| words[*at].to_str());
    if let Some((_, now)) = FORMER.iter().find(|it| word(0) == Some(it.0)) {
        words.splice(plain[0]..=plain[0], now.split(' ').map(OsString::from));
    } else if word(0) == Some("users")
        && let Some((_, option)) = FORMER_SETTINGS.iter().find(|it| word(1) == Some(it.0))
    {
        let value = plain.get(3);
        words[plain[1]] = if value.is_some() { "set" } else { "show" }.into();
        if let Some(at) = value {
            let mut said = OsString::from(option);
            said.push(&words[*at]);
            words[*at] = said;
        }
    }
}

/// What people type for names of commands.
const GUESSES: [(&str, &str); 20] = [
    ("list", "ls"),
    ("show", "get info"),
    ("add", "new create grant"),
    ("create", "new add make"),
    ("set", "edit update change"),
    ("remove", "rm delete del cancel revoke drop"),
    ("agents", "agent"),
    ("approvals", "approval requests request"),
    ("backup", "backups"),
    ("channels", "channel"),
    ("destinations", "destination"),
    ("doctor", "check"),
    ("dropped", "ignored"),
    ("logs", "log"),
    ("members", "member"),
    ("roles", "role"),
    ("sessions", "session"),
    ("tasks", "task"),
    ("users", "user people person"),
    ("vault", "model models"),
];

/// Gives every command the names that people guess for it.
pub fn with_guesses(mut command: Command) -> Command {
    for sub in command.get_subcommands_mut() {
        let named = with_guesses(std::mem::take(sub));
        let guesses = GUESSES.iter().find(|it| it.0 == named.get_name()).map_or("", |it| it.1);
        *sub = named.aliases(guesses.split_whitespace());
    }
    command
}

/// Splits at white space; quotes keep it together, a backslash takes the next character as it is,
/// in double quotes only before what means something there.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = match quote {
            None => true,
            Some(open) => open == '"' && matches!(chars.peek(), Some('"' | '\\')),
        };
        match (quote, c) {
            (_, '\\') if escapes => {
                let next = chars.next();
                let next = next.ok_or("the line ends with a backslash; write what it is for")?;
                word.get_or_insert_default().push(next);
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a quote is not closed; end it with {open}"));
    }
    words.extend(word);
    Ok(words)
}

impl Operation {
    /// As it is stored until somebody agrees to it.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] gives. Anything else is an error, as of another version.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|err| {
            refused(format!("the stored change cannot be read: {err}"), "ask for it again")
        })
    }

    /// The line of a stored operation, or why it cannot be read.
    pub fn line_of(json: &str) -> String {
        Self::from_json(json).map_or_else(|err| err.to_string(), |it| it.to_string())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = self.to_json();
        let (noun, family) = variant(&json);
        let (verb, args) = variant(&family["operation"]);
        let mut values = Map::from_iter([("json".to_owned(), family["json"].clone())]);
        flatten(args, &mut values);
        let mut definition = Line::command();
        definition.build();
        let command = definition.find_subcommand(noun).and_then(|it| it.find_subcommand(verb));
        let (mut plain, mut options) = (Vec::new(), Vec::new());
        for arg in command.into_iter().flat_map(Command::get_arguments) {
            match (arg.get_long(), values.get(arg.get_id().as_str())) {
                (_, None | Some(Value::Null | Value::Bool(false))) => {}
                (Some(long), Some(Value::Bool(true))) => options.push(format!("--{long}")),
                (Some(long), Some(value)) => {
                    options.push(shell_word(&format!("--{long}={}", text(value))));
                }
                (None, Some(Value::Array(all))) => plain.extend(all.iter().map(text)),
                (None, Some(value)) => plain.push(text(value)),
            }
        }
        // Behind `--`, nothing is taken for an option.
        let is_odd = plain.iter().any(|it| it.starts_with('-'));
        let plain = plain.iter().map(|it| shell_word(it));
        let line = [noun, verb].map(str::to_owned).into_iter();
        let line: Vec<String> = match is_odd {
            true => line.chain(options).chain(["--".to_owned()]).chain(plain).collect(),
            false => line.chain(plain).chain(options).collect(),
        };
        f.write_str(&line.join(" "))
    }
}

/// The name of an enum's variant in JSON, and its fields.
fn variant(json: &Value) -> (&str, &Value) {
    let entry = json.as_object().and_then(|it| it.iter().next());
    entry.map_or((json.as_str().unwrap_or_default(), &Value::Null), |it| (it.0, it.1))
}

fn flatten(json: &Value, values: &mut Map<String, Value>) {
    for (name, value) in json.as_object().into_iter().flatten() {
        match value.is_object() {
            true => flatten(value, values),
            false => drop(values.insert(name.clone(), value.clone())),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_does() {
        let words = |line| split(line).unwrap();
        assert_eq!(words("  a  b\tc "), ["a", "b", "c"]);
        assert_eq!(words("wire 'Our family' --own"), ["wire", "Our family", "--own"]);
        assert_eq!(words(r#"a"b c"d 'e"f' "#), ["ab cd", "e\"f"]);
        assert_eq!(words(r#""a\"b\\c\d" 'x\y' p\ q"#), ["a\"b\\c\\d", "x\\y", "p q"]);
        assert_eq!(words("--model ''"), ["--model", ""]);
        assert!(words("").is_empty());
        assert!(split("'a").unwrap_err().contains("not closed"));
        assert!(split("a\\").is_err());
    }

    #[test]
    fn an_operation_is_read_and_a_wrong_one_is_explained() {
        assert!(matches!(parse_line("nanoclaw chats list"), Ok(Operation::Chats(_))));
        assert!(matches!(parse_line("wire 3 andy --engage sticky"), Ok(Operation::Chats(_))));
        assert!(parse_line("fly").unwrap_err().contains("unrecognized subcommand"));
        assert!(parse_line("").unwrap_err().contains("Usage"));
        assert!(parse_line("roles add x king").unwrap_err().contains("owner"));
        assert!(parse_line("chats connect --help").unwrap_err().contains("--same-conversation"));
        assert!(parse_line(&"x".repeat(5_000)).unwrap_err().contains("too long"));
    }

    #[test]
    fn former_commands_mean_the_same_with_options_between() {
        let now = |line: &str| {
            let mut words = line.split(' ').map(OsString::from).collect();
            renamed(&mut words);
            words.join(&OsString::from(" ")).into_string().unwrap()
        };
        assert_eq!(now("--home d wire 3 andy"), "--home d chats connect 3 andy");
        assert_eq!(now("users rename Anna Ann"), "users set Anna --name=Ann");
        assert_eq!(now("users rename --home d Anna Ann"), "users set --home d Anna --name=Ann");
        assert_eq!(now("users quiet ann"), "users show ann");
    }

    #[test]
    fn the_definition_is_sound_and_its_help_names_every_operation() {
        with_guesses(Line::command()).debug_assert();
        let text = parse_line("--help").unwrap_err();
        for operation in ["chats", "agents", "users", "roles", "members", "dropped"] {
            assert!(text.contains(operation), "{operation} is missing in\n{text}");
        }
        assert!(parse_line("help roles add").unwrap_err().contains("--agent"));
    }
}
