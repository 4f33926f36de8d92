//! Commands that people give in a chat, as `/status`: which there are, and who may give them. What is no command of ours
//! is a text like any other. The host carries them out at once, whatever the agent is doing, unless it says otherwise.

use crate::people::Access;

crate::words! {
    pub enum Command {
        Stop,
        /// For the runner, between two turns; so is [`Self::Compact`].
        New,
        Compact,
        /// The agent's CLI knows this one and [`Self::Cost`] by their names; they are passed on as they stand, as turns of
        /// their own (<https://docs.anthropic.com/en/docs/claude-code/slash-commands>).
        Context,
        Cost,
        Status,
        Tasks,
        Panic,
        Resume,
        Timezone,
        Quiet,
        Help,
    }
}

impl Command {
    /// What its sender is told who may not give it. `is_direct` says that nobody else is in the chat.
    pub fn denied(self, access: Access, is_direct: bool) -> Option<String> {
        let (who, ask, is_met) = match self {
            Self::Stop | Self::Status | Self::Tasks | Self::Help => return None,
            Self::New | Self::Compact | Self::Context | Self::Cost if !is_direct => {
                ("In a group, only my admins", " Ask one of them.", access.is_admin())
            }
            Self::New
            | Self::Compact
            | Self::Context
            | Self::Cost
            | Self::Timezone
            | Self::Quiet => ("Only users I know", " Ask my owner.", access.is_known()),
            Self::Resume => ("Only my admins", " Ask one of them.", access.is_admin()),
            Self::Panic => ("Only my owner", "", access == Access::Owner),
        };
        (!is_met).then(|| format!("{who} can use `/{}`.{ask}", self.as_str()))
    }
}

pub fn argument(text: &str) -> &str {
    text.trim().split_once(char::is_whitespace).map_or("", |it| it.1.trim())
}

/// The command that a text begins with, in any case. Adapters take the bot's name off `/name@bot`.
pub fn parse(text: &str) -> Option<Command> {
    let name = text.split_whitespace().next()?.strip_prefix('/')?;
    Command::ALL.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(name))
}

/// Whether a text is what people send first, who press a platform's button to begin, with or without the payload of
/// a link. It is a greeting and no task.
pub fn is_greeting(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|it| it.eq_ignore_ascii_case("/start"))
}

/// Whether a text is a command that names its bot, as `/help@bot`: one of ours is named without.
pub fn is_for_another_bot(text: &str) -> bool {
    let first = text.split_whitespace().next().and_then(|it| it.strip_prefix('/'));
    let is_name = |it: &str| !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || c == '_');
    first.and_then(|it| it.split_once('@')).is_some_and(|it| is_name(it.0) && is_name(it.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_first_word_is_a_command() {
        for (text, want) in [
            ("/stop", Command::Stop),
            ("/Stop", Command::Stop),
            ("  /new\nwhat now", Command::New),
            ("/compact keep the names", Command::Compact),
            ("/help", Command::Help),
        ] {
            assert_eq!(parse(text), Some(want), "{text}");
        }
        for text in [
            "",
            "stop",
            "/",
            "/ stop",
            "//stop",
            "/stopp",
            "/sto",
            "/stop!",
            "/stop/now",
            "/etc/passwd",
            "/login",
            "please /stop",
            "／stop",
            "/new-idea",
            "/stop@bot",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for command in Command::ALL {
            assert_eq!(parse(&format!("/{}", command.as_str())), Some(command));
        }
    }

    #[test]
    fn a_greeting_is_no_command_and_one_that_names_a_bot_is_for_that() {
        for text in ["/start", " /Start ", "/start abc-123", "/start\nhello"] {
            assert!(is_greeting(text) && parse(text).is_none() && !is_for_another_bot(text));
        }
        for text in ["", "start", "/starter", "please /start", "/start@other_bot"] {
            assert!(!is_greeting(text), "{text}");
        }
        for text in ["/help@other_bot", "/start@other_bot now", " /new@B2"] {
            assert!(is_for_another_bot(text), "{text}");
        }
        for text in ["/help", "/help @bot", "help@bot", "/etc/a@b", "/a@b.example", "/@bot", ""] {
            assert!(!is_for_another_bot(text), "{text}");
        }
    }

    #[test]
    fn an_argument_is_what_follows() {
        assert_eq!(argument(" /timezone  new york "), "new york");
        assert_eq!(argument("/quiet\noff"), "off");
        assert_eq!(argument("/quiet"), "");
    }

    #[test]
    fn what_concerns_everybody_needs_an_admin_or_a_direct_chat() {
        for command in Command::ALL {
            for access in Access::ALL {
                let free = matches!(
                    command,
                    Command::Stop | Command::Status | Command::Tasks | Command::Help
                );
                let is = |direct| command.denied(access, direct).is_none();
                if let Command::Panic | Command::Resume = command {
                    let may = access == Access::Owner
                        || (command == Command::Resume && access.is_admin());
                    assert_eq!((is(false), is(true)), (may, may), "{command:?} {access:?}");
                    continue;
                }
                let own = matches!(command, Command::Timezone | Command::Quiet);
                let everywhere = free || access.is_admin() || (own && access.is_known());
                assert_eq!(is(false), everywhere, "{command:?} {access:?}");
                assert_eq!(is(true), free || access.is_known(), "{command:?} {access:?}");
            }
        }
        let denied = Command::New.denied(Access::Member, false);
        assert!(
            denied.is_some_and(|it| it.starts_with("In a group, only my admins can use `/new`."))
        );
    }
}
