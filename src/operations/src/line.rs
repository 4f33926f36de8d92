//! An operation in one line, as an agent writes it.

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

use crate::Operation;

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
    match Line::try_parse_from(words) {
        Ok(line) => Ok(line.operation),
        Err(err) if err.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(err.to_string())
        }
        Err(err) => Err(err.to_string().trim_end().to_owned()),
    }
}

/// The help for all operations, or for one like `wire` or `roles grant`.
#[must_use]
pub fn help(of: &[&str]) -> String {
    help_of(&mut definition(), of)
}

/// Every operation and its arguments.
pub(crate) fn definition() -> Command {
    let mut command = Line::command();
    command.build();
    command
}

fn help_of(command: &mut Command, of: &[&str]) -> String {
    if let Some((word, rest)) = of.split_first()
        && let Some(inner) = command.find_subcommand_mut(word)
    {
        return help_of(inner, rest);
    }
    command.render_long_help().to_string().trim_end().to_owned()
}

/// Splits at white space; quotes keep it together, a backslash takes the next character as it is,
/// in double quotes only before what means something there.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"'), '\\') if matches!(chars.peek(), Some('"' | '\\')) => {
                word.get_or_insert_default().extend(chars.next());
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("the line ends with a backslash; write what it is for".into()),
            },
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    match quote {
        Some(open) => Err(format!("a quote is not closed; end it with {open}")),
        None => {
            words.extend(word);
            Ok(words)
        }
    }
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
        assert!(matches!(parse_line("wire 3 andy --engage sticky"), Ok(Operation::Wire(_))));
        assert!(parse_line("fly").unwrap_err().contains("unrecognized subcommand"));
        assert!(parse_line("").unwrap_err().contains("Usage"));
        assert!(parse_line("roles grant x king").unwrap_err().contains("owner"));
        assert!(parse_line("wire --help").unwrap_err().contains("--same-conversation"));
        assert!(parse_line(&"x".repeat(5_000)).unwrap_err().contains("too long"));
    }

    #[test]
    fn the_definition_is_sound_and_its_help_names_every_operation() {
        Line::command().debug_assert();
        let text = help(&[]);
        for operation in
            ["chats", "wire", "unwire", "agents", "users", "roles", "members", "dropped"]
        {
            assert!(text.contains(operation), "{operation} is missing in\n{text}");
        }
        assert!(help(&["roles", "grant"]).contains("--agent"));
        assert!(help(&["nothing"]).contains("chats"));
    }
}
