//! Verbs about tasks as lines that read back.

use super::verb::{AddArgs, EditArgs, PreviewArgs, TaskName, TasksVerb};
use crate::write::{Said, Words, said};

pub(crate) fn tasks(verb: &TasksVerb) -> Said {
    let words = Words::default();
    match verb {
        TasksVerb::List { agent, all } => {
            said("list", words.option("agent", agent.as_ref()).flag("all", *all))
        }
        TasksVerb::Show { task } => said("show", named(task)),
        TasksVerb::Add(it) => said("add", add(it)),
        TasksVerb::Edit(it) => said("edit", edit(it)),
        TasksVerb::Pause { task } => said("pause", named(task)),
        TasksVerb::Resume { task } => said("resume", named(task)),
        TasksVerb::Cancel { task } => said("cancel", named(task)),
        TasksVerb::Run { task } => said("run", named(task)),
        TasksVerb::History { task, limit } => {
            said("history", named(task).option("limit", Some(limit)))
        }
        TasksVerb::Preview(it) => said("preview", preview(it)),
        TasksVerb::Minimum { span } => said("minimum", words.may_say(span.as_ref())),
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
