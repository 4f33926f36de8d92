//! `nanoclaw` alone: how things are in a few sentences, and what to do next.

use std::collections::HashSet;
use std::time::Duration;

use domain::agent::MODEL_CREDENTIAL;
use domain::task::TaskState;
use domain::time::about;
use engine::protocol::Status;
use operations::{Output, table};
use serde_json::json;
use store::layout::Layout;
use store::{CentralStore, QuestionState};

use crate::{admin, doctor, home};

/// More than a few steps are no next step.
const STEPS_MAX: usize = 3;

pub(super) async fn perform(layout: &Layout) -> anyhow::Result<Output> {
    if !layout.central().is_file() {
        let text = format!("{} is not set up yet.", layout.home().display());
        let steps = [(true, "nanoclaw setup", "installs what is missing, then opens a chat")];
        return Ok(shown(&text, &steps, false));
    }
    let (central, status) = (home::central(layout)?, admin::status(layout).await);
    let (accounts, model) = (central.accounts()?, central.secret(MODEL_CREDENTIAL)?);
    let questions = central.questions()?;
    let questions = questions.iter().filter(|it| it.state == QuestionState::Open).count();
    let mut text = match &status {
        Ok(Some(status)) => running(status),
        Ok(None) => "The host does not run.".to_owned(),
        Err(err) => format!("The host does not answer: {err:#}."),
    };
    if accounts.is_empty() {
        text += " No messenger is connected.";
    }
    text += &counts(&central, status.as_ref().ok().and_then(Option::as_deref), questions)?;
    text += if model.is_some() { " The agents have a model." } else { " Demo agent, no model." };
    let has_account = !accounts.is_empty();
    let steps = [
        (matches!(status, Ok(None)), "nanoclaw start", "starts the host"),
        (status.is_err(), "nanoclaw restart", "starts the host again"),
        (!central.stops()?.is_empty(), "nanoclaw agents resume --all", "ends all stops of agents"),
        (questions != 0, "nanoclaw approvals list", "shows what waits for your answer"),
        (!has_account, "nanoclaw channels add telegram", "connects a messenger"),
        (has_account && !central.has_owner()?, "nanoclaw pair", "makes you the owner"),
        (model.is_none(), "nanoclaw vault add", "gives the agents a model"),
        (!doctor::has_backup(&central)?, "nanoclaw backup create FILE", "none was verified yet"),
        (true, "nanoclaw chat", "talks to the agent"),
    ];
    Ok(shown(&text, &steps, true))
}

fn shown(text: &str, steps: &[(bool, &str, &str)], is_set_up: bool) -> Output {
    let steps: Vec<_> = steps.iter().filter(|it| it.0).take(STEPS_MAX).collect();
    let next: Vec<&str> = steps.iter().map(|it| it.1).collect();
    let json = json!({ "set_up": is_set_up, "text": text, "next": next });
    let rows: Vec<Vec<String>> =
        steps.iter().map(|it| vec!["next:".to_owned(), it.1.to_owned(), it.2.to_owned()]).collect();
    Output::new(format!("{text}\n\n{}", table(&rows)), json)
        .hint("`nanoclaw status` tells more, `nanoclaw --help` lists the commands")
}

/// What only a running host knows.
fn running(status: &Status) -> String {
    let mut text = format!("Running for {}.", about(Duration::from_secs(status.up_seconds)));
    for channel in status.channels.iter().filter(|it| it.name != "cli") {
        let state = if channel.connected { "is connected" } else { "is not connected" };
        let why = channel.why.as_ref().map(|it| format!(": {it}")).unwrap_or_default();
        text += &format!(" {}/{} {state}{why}.", channel.name, channel.account);
    }
    if !status.engine.reachable {
        text += " The container engine does not answer: `nanoclaw doctor`.";
    }
    text
}

/// What there is, and what waits.
fn counts(
    central: &CentralStore,
    status: Option<&Status>,
    questions: usize,
) -> anyhow::Result<String> {
    let count = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
    let chats: HashSet<_> = central.wirings()?.into_iter().map(|it| it.wiring.chat).collect();
    let tasks = central.tasks(None)?;
    let tasks = tasks.iter().filter(|it| it.state == TaskState::Active).count();
    let sessions = status.map_or(&[][..], |it| &it.sessions);
    let waiting: u64 = sessions.iter().map(|it| it.waiting).sum();
    let undelivered: u64 = sessions.iter().map(|it| it.undelivered).sum();
    let mut waits = vec![
        count(usize::try_from(waiting)?, "message"),
        count(usize::try_from(undelivered)?, "answer"),
        count(questions, "question"),
    ];
    waits.retain(|it| !it.starts_with("0 "));
    let waits = if waits.is_empty() { "nothing".to_owned() } else { waits.join(", ") };
    let (chats, tasks) = (count(chats.len(), "chat"), count(tasks, "task"));
    Ok(format!(" {chats}, {tasks}; waiting: {waits}."))
}
