//! What commands in a chat are for, and what those who give them read.

use super::sentence;
use crate::command::Command;
use crate::people::Access;
use crate::quiet::Hours;

/// Told an unknown user instead of ending other people's work.
pub const NOTHING_OF_YOURS: &str =
    "You can use `/stop` only while I work for you and nobody else. Ask somebody I know.";

pub const TASKS: &str = "`/tasks` shows what is scheduled. `/tasks pause 3` is about one task, and so are \
    `resume`, `remove`, `run`, `show` and `history`; words of its text will do instead of the number. \
    `/tasks set 3 --when 9:30` moves it, `/tasks add \"every weekday at 9\" \"say what is on today\"` \
    adds one. Or just tell me.";
pub const NO_ZONE: &str = "You have no time zone of your own; `/timezone CITY` sets it, like \
    `/timezone Europe/Berlin`.";
pub const NO_QUIET_HOURS: &str = "You have no quiet hours. `/quiet 22:00-7:00` sets some.";
pub const NEVER_QUIET: &str =
    "This terminal gets no unsolicited messages, so there is nothing to hold back.";

pub fn summary(command: Command) -> &'static str {
    match command {
        Command::Stop => "stop what I am doing",
        Command::New => "start a new conversation",
        Command::Compact => "shorten what I remember of this conversation",
        Command::Context => "show how full my context is",
        Command::Cost => "show what this conversation used",
        Command::Status => "show what I am doing",
        Command::Tasks => "show what is scheduled, and change it",
        Command::Panic => "stop every agent on this host until `/resume`",
        Command::Resume => "let me work again after I was stopped",
        Command::Timezone => "show or set your time zone, like `/timezone Europe/Berlin`",
        Command::Quiet => "show or set your quiet hours, like `/quiet 22:00-7:00`",
        Command::Help => "show this list",
    }
}

pub fn help(access: Access, is_direct: bool) -> String {
    let may = |it: &Command| it.denied(access, is_direct).is_none();
    let line = |it: Command| format!("\n- `/{}`: {}", it.as_str(), summary(it));
    let lines: String = Command::ALL.into_iter().filter(may).map(line).collect();
    format!("Just write to me. I also understand:{lines}")
}

/// The answer to `/timezone`. `is_own`: set, not the default. `is_person`: not the terminal asks.
pub fn zone(zone: &str, time: &str, is_own: bool, is_person: bool) -> String {
    let whose = match (is_own, is_person) {
        (true, _) => format!("Your time zone is {zone}, set by you; `/timezone -` undoes that."),
        (false, true) => {
            format!("Your time zone is {zone}, the default; `/timezone CITY` sets your own.")
        }
        (false, false) => format!(
            "The time zone of this install is {zone}. It counts for everybody who has set none; \
             `/timezone CITY` changes it."
        ),
    };
    format!("{whose} It is {time} there.")
}

/// The answer to `/quiet`. `until` is when they end, while they are on.
pub fn quiet_hours(hours: Hours, zone: &str, until: Option<&str>) -> String {
    let on = until.map(|it| format!(" They are on until {it}.")).unwrap_or_default();
    format!(
        "Your quiet hours are {hours} ({zone}).{on} Until they end, I hold back what you didn't ask for \
         in our private chat, but not answers, questions that need you, or errors. `/quiet off` ends \
         that."
    )
}

/// The answer to `/tasks` with words that are no operation.
pub fn not_understood(why: &str) -> String {
    format!("I don't understand that. {}\n{TASKS}", sentence(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_exactly_what_may_be_used() {
        let unknown_user = help(Access::Unknown, true);
        assert!(
            unknown_user.contains("- `/stop`: ") && !unknown_user.contains("/new"),
            "{unknown_user}"
        );
        let member = help(Access::Member, true);
        assert!(member.contains("`/new`") && !member.contains("/panic"), "{member}");
        let owner = help(Access::Owner, false);
        assert!(Command::ALL.iter().all(|it| owner.contains(&format!("`/{}`", it.as_str()))));
    }
}
