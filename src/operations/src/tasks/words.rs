//! Operations on tasks as lines that read back.

use super::operation::{AddArgs, EditArgs, PreviewArgs, TaskName, TasksOperation};
use crate::write::{Said, Words, said};

pub(crate) fn tasks(operation: &TasksOperation) -> Said {
    let words = Words::default();
    match operation {
        TasksOperation::List { agent, all } => {
            said("list", words.option("agent", agent.as_ref()).flag("all", *all))
        }
        TasksOperation::Show { task } => said("show", named(task)),
        TasksOperation::Add(it) => said("add", add(it)),
        TasksOperation::Edit(it) => said("edit", edit(it)),
        TasksOperation::Pause { task } => said("pause", named(task)),
        TasksOperation::Resume { task } => said("resume", named(task)),
        TasksOperation::Cancel { task } => said("cancel", named(task)),
        TasksOperation::Run { task } => said("run", named(task)),
        TasksOperation::History { task, limit } => {
            said("history", named(task).option("limit", Some(limit)))
        }
        TasksOperation::Preview(it) => said("preview", preview(it)),
        TasksOperation::Minimum { span } => said("minimum", words.may_say(span.as_ref())),
    }
}

fn named(task: &TaskName) -> Words {
    task.words.iter().fold(Words::default(), Words::say)
}

fn add(it: &AddArgs) -> Words {
    Words::default()
        .say(&it.when)
        .say(&it.prompt)
        .option("chat", it.chat.as_ref())
        .option("thread", it.thread.as_ref())
        .option("agent", it.agent.as_ref())
        .option("zone", it.zone.as_ref())
        .option("missed", it.missed)
        .option("script", it.script.as_ref())
        .option("session", it.session.as_ref())
}

fn edit(it: &EditArgs) -> Words {
    Words::default()
        .say(&it.task)
        .option("when", it.when.as_ref())
        .option("prompt", it.prompt.as_ref())
        .option("zone", it.zone.as_ref())
        .option("missed", it.missed)
        .option("script", it.script.as_ref())
}

fn preview(it: &PreviewArgs) -> Words {
    Words::default()
        .say(&it.when)
        .option("zone", it.zone.as_ref())
        .option("from", it.from.as_ref())
        .option("count", Some(it.count))
}
