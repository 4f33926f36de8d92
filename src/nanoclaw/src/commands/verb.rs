//! Administration: chats, wirings, agents, people. What it does is in the crate `verbs`, which the
//! agents' own tool shares.

use std::path::Path;

use anyhow::Context;
use domain::time::{Clock, SystemClock};
use sandbox::engine::Engine;
use store::CentralStore;
use store::layout::Layout;
use verbs::{AgentsVerb, ApprovalsVerb, Caller, Family, Machine, Verb, VerbError};

use crate::error::Hint;
use crate::{admin, home, install, term};

pub(super) async fn perform(verb: &Verb, layout: &Layout) -> anyhow::Result<()> {
    let mut central = home::central(layout)?;
    // Before the first agent of one's own there is the default one.
    install::ensure_defaults(&central)?;
    agree(verb, &central)?;
    if let Some(machine) = machine_for(verb).await {
        machine.keep(&central)?;
    }
    let verb = &with_script(verb)?;
    let done = verbs::perform(verb, &mut central, &Caller::Host, SystemClock.now());
    drop(central);
    let output = hinted(done)?;
    if verb.wants_json() {
        term::json(&output.json)?;
    } else {
        term::out(&output.text);
        if let Some(hint) = &output.hint {
            term::note(&format!("hint: {hint}"));
        }
    }
    if verb.is_change() {
        admin::reload(layout).await;
    }
    Ok(())
}

/// The engine's machine, if limits of a container are about to change and the engine answers.
async fn machine_for(verb: &Verb) -> Option<Machine> {
    let Verb::Agents(Family {
        verb: AgentsVerb::Add { settings, .. } | AgentsVerb::Set { settings, .. },
        ..
    }) = verb
    else {
        return None;
    };
    if settings.cpus.is_none() && settings.memory.is_none() {
        return None;
    }
    let info = Engine::new(None).info().await.ok()?;
    Some(Machine { cpus: info.cpus?, memory_mib: info.memory_mib? })
}

/// Whoever sits here may name a file in the place of a script.
fn with_script(verb: &Verb) -> anyhow::Result<Verb> {
    let mut verb = verb.clone();
    let script = if let Verb::Tasks(it) = &mut verb { it.verb.script_mut() } else { None };
    if let Some(text) = script
        && is_path(text)
    {
        *text = std::fs::read_to_string(text.as_str())
            .with_context(|| format!("cannot read the script {text}"))
            .hint("name a file with a bash script, or give the script itself")?;
    }
    Ok(verb)
}

/// A file that is there, or one word that can only be meant as one.
fn is_path(script: &str) -> bool {
    let is_word = !script.contains(char::is_whitespace);
    let looks_so = is_word && (script.contains('/') || script.ends_with(".sh"));
    looks_so || (!script.contains('\n') && Path::new(script).is_file())
}

/// Shows what will be shared, and asks whether it may.
fn agree(verb: &Verb, central: &CentralStore) -> anyhow::Result<()> {
    if let Verb::Wire(args) = verb {
        if args.dry_run {
            return Ok(());
        }
        let what = hinted(verbs::describe(verb, central, &Caller::Host))?;
        return term::agree(&what, args.yes, "Connect them?");
    }
    if let Verb::Approvals(Family { verb: ApprovalsVerb::Answer { yes, .. }, .. }) = verb
        && let Some(what) = hinted(verbs::shares(verb, central))?
    {
        return term::agree(&what, *yes, "Share it?");
    }
    Ok(())
}

fn hinted<T>(done: Result<T, VerbError>) -> anyhow::Result<T> {
    done.or_else(|err| match err.hint().map(str::to_owned) {
        Some(hint) => Err(err).hint(hint),
        None => Err(err.into()),
    })
}
