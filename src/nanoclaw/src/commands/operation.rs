//! Administration: chats, wirings, agents, people. What it does is in the crate `operations`, which the
//! agents' own tool shares.

use std::path::Path;

use anyhow::Context;
use domain::time::{Clock, SystemClock};
use operations::{
    AgentsOperation, Caller, ChatsOperation, Family, Machine, Operation, OperationError,
    TasksOperation,
};
use sandbox::engine::Engine;
use store::CentralStore;
use store::layout::Layout;

use super::{Report, stops};
use crate::error::{Hint, fail};
use crate::{home, lock, term};

pub(super) async fn perform(
    operation: &Operation,
    yes: bool,
    dry_run: bool,
    layout: &Layout,
) -> anyhow::Result<Report> {
    // These take more than a change of what is stored.
    if let Operation::Agents(family) = operation
        && let AgentsOperation::Stop(args) | AgentsOperation::Resume(args) = &family.operation
    {
        if dry_run {
            return Err(super::untried());
        }
        if matches!(family.operation, AgentsOperation::Stop(_)) {
            return stops::stop(&args.scope(), layout).await;
        }
        return stops::resume(&args.scope(), layout).await.map(Report::from);
    }
    let mut central = if dry_run {
        // The usual things that every install has are a change too.
        home::central(layout)?
    } else {
        super::central(layout, operation.is_change())?
    };
    has_template(operation, &central)?;
    let now = SystemClock.now();
    if dry_run && operation.is_change() {
        let operation = &with_script(operation)?;
        let told = operations::rehearse(operation, &mut central, &Caller::Host, now);
        return Ok(hinted(told)?.into());
    }
    agree(operation, yes, &central)?;
    if let Some(machine) = machine_for(operation).await {
        machine.keep(&central)?;
    }
    let operation = &with_script(operation)?;
    let done = operations::perform(operation, &mut central, &Caller::Host, now);
    drop(central);
    let mut output = hinted(done)?;
    let is_run =
        matches!(operation, Operation::Tasks(Family { operation: TasksOperation::Run(_), .. }));
    if is_run && lock::holder(layout).is_none() {
        output.text.push_str("\nno host runs; it waits until `nanoclaw start`");
    }
    Ok(Report { reloads: operation.is_change(), ..output.into() })
}

/// Events have a template, and only where programs post are messages events.
fn has_template(operation: &Operation, central: &CentralStore) -> anyhow::Result<()> {
    let Operation::Chats(Family { operation: ChatsOperation::Set { chat, template, .. }, .. }) =
        operation
    else {
        return Ok(());
    };
    // Who tells to take one away is told nothing.
    let Some(_) = template.as_deref().filter(|it| *it != "-") else { return Ok(()) };
    let chat = hinted(operations::find_chat(chat, central))?;
    let channel = &chat.address.channel;
    if channel::registration(channel).is_some_and(|it| !it.caps.mute) {
        return Err(fail(
            format!(
                "chat {} takes no template: people write on {channel}, and no program",
                chat.id
            ),
            "give one to a chat of a webhook, like `nanoclaw chats set webhook:ci --template …`",
        ));
    }
    Ok(())
}

/// The engine's machine, if limits of a container are about to change and the engine answers.
async fn machine_for(operation: &Operation) -> Option<Machine> {
    let Operation::Agents(Family {
        operation: AgentsOperation::Add { settings, .. } | AgentsOperation::Set { settings, .. },
        ..
    }) = operation
    else {
        return None;
    };
    if settings.cpus.is_none() && settings.memory.is_none() {
        return None;
    }
    let info = Engine::new(None).info().await.ok()?;
    Some(Machine { cpus: info.cpus?, memory_mib: info.memory_mib? })
}

/// The user at this terminal may name a file in the place of a script.
fn with_script(operation: &Operation) -> anyhow::Result<Operation> {
    let mut operation = operation.clone();
    if let Operation::Tasks(family) = &mut operation
        && let Some(text) = family.operation.script_mut()
        && is_path(text)
    {
        *text = std::fs::read_to_string(text.as_str())
            .with_context(|| format!("cannot read the script {text}"))
            .hint("name a file with a bash script, or give the script itself")?;
    }
    Ok(operation)
}

/// A file that is there, or a bare name that can only be meant as one. A missing path with a slash is
/// a command: the script runs in the container, where the path may exist.
fn is_path(script: &str) -> bool {
    let is_bare = !script.contains(|c: char| c == '/' || c.is_whitespace());
    (is_bare && script.ends_with(".sh")) || (!script.contains('\n') && Path::new(script).is_file())
}

/// Shows what will be shared, and asks whether it may.
fn agree(operation: &Operation, yes: bool, central: &CentralStore) -> anyhow::Result<()> {
    if let Operation::Chats(Family { operation: ChatsOperation::Connect(_), .. }) = operation {
        let change = hinted(operations::prepare(operation, central, &Caller::Host))?;
        return term::agree(&change.text, yes, "Connect them?");
    }
    match hinted(operations::shares(operation, central))? {
        Some(what) => term::agree(&what, yes, "Share it?"),
        None => Ok(()),
    }
}

pub(super) fn hinted<T>(done: Result<T, OperationError>) -> anyhow::Result<T> {
    done.or_else(|err| match err.hint().map(str::to_owned) {
        Some(hint) => Err(err).hint(hint),
        None => Err(err.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::is_path;

    #[test]
    fn a_path_in_the_container_is_a_script_and_a_bare_name_is_a_file() {
        assert!(is_path("check.sh"));
        let scripts = ["/workspace/check.sh", "./check.sh", "bash check.sh", "true", "a\nb.sh"];
        assert_eq!(scripts.map(is_path), [false; 5]);
    }
}
