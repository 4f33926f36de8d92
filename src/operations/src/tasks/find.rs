//! Which task is meant: by number, or by words of what is to be done and when.

use std::collections::HashSet;

use domain::plain::{cut, one_line};
use domain::task::{TaskId, TaskState};
use store::TaskRow;

use super::TaskContext;
use super::operation::TaskName;
use crate::find::some;
use crate::output::{Result, not_found, refused};

/// How much of a text tells tasks apart.
const EXCERPT_CHARS: usize = 60;
/// Words that say nothing about which one is meant.
const FILLERS: [&str; 8] = ["the", "a", "my", "our", "task", "reminder", "job", "to"];

/// The task of that name, as far as the caller may see it.
pub(super) fn find(name: &TaskName, context: &TaskContext<'_>) -> Result<TaskRow> {
    find_text(&name.words.join(" "), context)
}

pub(super) fn find_text(text: &str, context: &TaskContext<'_>) -> Result<TaskRow> {
    let list = format!("see `{} list`", context.prefix());
    let missing = || not_found(format!("there is no task `{}`", one_line(text)), &list);
    if let Some(id) = number(text) {
        return context.store.task(id)?.filter(|it| context.sees(it)).ok_or_else(missing);
    }
    let rows = context.store.tasks(None)?;
    let fits = words(text);
    let fits = |row: &&TaskRow| {
        // `the Monday briefing` is one that comes on Mondays, whatever its text says.
        let when = row.task.rule.words(&row.task.zone);
        let all = words(&format!("{} {when}", row.task.prompt));
        !fits.is_empty() && context.lists(row) && fits.iter().all(|word| all.contains(word))
    };
    let (over, live): (Vec<&TaskRow>, Vec<&TaskRow>) =
        rows.iter().filter(fits).partition(|it| is_over(it.state));
    let candidate = |it: &&TaskRow| format!("{} ({})", it.id, excerpt(it));
    match (&live[..], over.last()) {
        ([one], _) => Ok((*one).clone()),
        // Who asks once more for the end of a task hears that it has ended.
        ([], Some(last)) => Ok((*last).clone()),
        ([], None) => Err(missing()),
        (many, _) => Err(refused(
            format!("several tasks fit `{}`", one_line(text)),
            format!("say which one: {}", some(many.iter().map(candidate))),
        )),
    }
}

/// Whether a task is behind us.
pub(super) fn is_over(state: TaskState) -> bool {
    match state {
        TaskState::Done | TaskState::Cancelled => true,
        TaskState::Active | TaskState::Paused | TaskState::Failing => false,
    }
}

/// What is to be done, on one short line.
pub(super) fn excerpt(row: &TaskRow) -> String {
    cut(&one_line(&row.task.prompt), EXCERPT_CHARS)
}

/// `3`, `t3`, `#3`, `task 3`.
pub(super) fn number(text: &str) -> Option<TaskId> {
    let text = text.trim().to_lowercase();
    let text = text.strip_prefix("task ").unwrap_or(&text).trim();
    let digits = text.trim_start_matches(['t', '#']);
    let plain = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(TaskId)).flatten()
}

fn words(text: &str) -> HashSet<String> {
    let words = text.split(|it: char| !it.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|it| !it.is_empty() && !FILLERS.contains(&it.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for text in ["3", "t3", "T3", "#3", "task 3", " Task t3 "] {
            assert_eq!(number(text), Some(TaskId(3)), "{text}");
        }
        for text in ["", "t", "three", "3 and 4", "-3", "99999999999999999999"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
