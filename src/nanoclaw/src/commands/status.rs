//! `nanoclaw` alone: how things are in a few sentences, and what to do next; and `nanoclaw status`: the
//! running host in full.

use std::collections::HashSet;
use std::time::Duration;

use domain::agent::MODEL_CREDENTIAL;
use domain::task::TaskState;
use domain::texts::count;
use domain::time::about;
use engine::protocol::{SessionStatus, Status, StopStatus};
use operations::{Output, table};
use serde_json::{Value, json};
use store::layout::Layout;
use store::{CentralStore, QuestionState};

use super::Report;
use crate::{admin, doctor, home, install};

/// More than a few steps are no next step.
const STEPS_MAX: usize = 3;

pub(super) async fn perform(as_json: bool, layout: &Layout) -> anyhow::Result<Report> {
    let Some(status) = admin::status(layout).await? else {
        let output = Output::new("", json!({ "running": false }));
        let report = Report { has_failed: true, ..output.into() };
        return if as_json { Ok(report) } else { Err(admin::no_host(layout)) };
    };
    let (text, mut value) = (text(&status), json!(status));
    value["running"] = true.into();
    value["client_version"] = env!("CARGO_PKG_VERSION").into();
    Ok(Output::new(text, value).into())
}

fn text(status: &Status) -> String {
    let section = |name: &str, rows: Value, keys| {
        let rows = rows.as_array().cloned().unwrap_or_default();
        format!("{name}\n{}", Output::list(rows, keys, "none").text).replace('\n', "\n  ")
    };
    let mut parts = vec![head(status)];
    if !status.stops.is_empty() {
        let who = |it: &StopStatus| it.agent.clone().unwrap_or_else(|| "every agent".to_owned());
        let stops =
            status.stops.iter().map(|it| json!({ "agent": who(it), "by": it.by })).collect();
        parts.push(section("stops", stops, "agent by"));
        let undo = "undo with `nanoclaw agents resume AGENT`, or `nanoclaw agents resume --all`";
        parts.push(undo.to_owned());
    }
    let keys = "name account connected me quiet silent_seconds why";
    parts.push(section("actors", json!(status.actors), "name running restarts"));
    parts.push(section("channels", json!(status.channels), keys));
    let keys = "id agent chat container waiting undelivered why";
    parts.push(section("sessions", json!(status.sessions), keys));
    parts.join("\n\n")
}

/// Messages that wait for an answer, and parts that wait for delivery.
fn queues(sessions: &[SessionStatus]) -> (u64, u64) {
    let waiting = sessions.iter().map(|it| it.waiting).sum();
    (waiting, sessions.iter().map(|it| it.undelivered).sum())
}

fn head(status: &Status) -> String {
    let mine = env!("CARGO_PKG_VERSION");
    let other = match status.version == mine {
        true => String::new(),
        false => format!(" (this program is {mine}; `nanoclaw restart` brings them together)"),
    };
    let engine = match (&status.engine.reachable, &status.engine.why) {
        (true, _) => "answers".to_owned(),
        (false, Some(why)) => format!("does not answer: {why}"),
        (false, None) => "does not answer".to_owned(),
    };
    let (waiting, undelivered) = queues(&status.sessions);
    let awake = status.sessions.len();
    let up = about(Duration::from_secs(status.up_seconds));
    [
        format!("host        {}{other}, pid {}, up {up}", status.version, status.pid),
        format!("home        {}", status.home),
        format!("engine      {engine}"),
        format!("containers  {} of at most {}", status.containers_running, status.containers_max),
        format!("sessions    {awake} awake, {} known", status.sessions_known),
        format!("queues      {waiting} waiting for an answer, {undelivered} to deliver"),
        format!("refused     {} requests of agents", status.refused_requests),
    ]
    .join("\n")
}

pub(super) async fn overview(layout: &Layout) -> anyhow::Result<Output> {
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
    // Without it nothing that is sealed opens, and no host starts.
    let is_key_lost = !layout.vault_key().is_file() && !central.secrets()?.is_empty();
    if is_key_lost {
        text += " `vault.key` is lost, which opens what the vault holds.";
    }
    let has_image = central.setting(install::IMAGE)?.is_some();
    let steps = [
        (!has_image, "nanoclaw image build", "makes what agents run in"),
        (is_key_lost, "nanoclaw doctor", "says how to mend the vault"),
        (!is_key_lost && matches!(status, Ok(None)), "nanoclaw start", "starts the host"),
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
    let row = |it: &&(bool, &str, &str)| ["next:", it.1, it.2].map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = steps.iter().map(row).collect();
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
        if channel.hears_only_when_meant {
            text += " It is shown only messages that mean it.";
        }
    }
    if !status.engine.reachable {
        text += " The container engine does not answer: `nanoclaw doctor`.";
    }
    text
}

fn counts(
    central: &CentralStore,
    status: Option<&Status>,
    questions: usize,
) -> anyhow::Result<String> {
    let chats: HashSet<_> = central.wirings()?.into_iter().map(|it| it.wiring.chat).collect();
    let tasks = central.tasks(None)?;
    let tasks = tasks.iter().filter(|it| it.state == TaskState::Active).count();
    let (waiting, undelivered) = status.map_or((0, 0), |it| queues(&it.sessions));
    let (waiting, undelivered) = (usize::try_from(waiting)?, usize::try_from(undelivered)?);
    let waits = [(waiting, "message"), (undelivered, "answer"), (questions, "question")];
    let waits = waits.into_iter().filter(|it| it.0 != 0).map(|it| count(it.0, it.1));
    let waits = waits.reduce(|all, it| format!("{all}, {it}")).unwrap_or("nothing".to_owned());
    let (chats, tasks) = (count(chats.len(), "chat"), count(tasks, "task"));
    Ok(format!(" {chats}, {tasks}; waiting: {waits}."))
}

#[cfg(test)]
mod tests {
    use engine::protocol::{ActorStatus, ChannelStatus, Engine};

    use super::*;

    #[test]
    fn everything_is_in_the_text() {
        let status = Status {
            version: "0.0.1".into(),
            pid: 7,
            up_seconds: 3_700,
            home: "/x".into(),
            engine: Engine { reachable: false, why: Some("refused".into()) },
            actors: vec![ActorStatus { name: "router".into(), running: true, restarts: 2 }],
            channels: vec![ChannelStatus {
                name: "telegram".into(),
                account: "main".into(),
                connected: true,
                why: None,
                silent_seconds: Some(75),
                quiet: true,
                me: Some("@bot (id 7)".into()),
                ..ChannelStatus::default()
            }],
            sessions: vec![SessionStatus {
                id: "s1".into(),
                agent: "andy".into(),
                chat: "cli/terminal".into(),
                container: "parked".into(),
                linked: true,
                waiting: 3,
                undelivered: 1,
                why: Some("flaps".into()),
            }],
            sessions_known: 9,
            containers_running: 0,
            containers_max: 4,
            refused_requests: 5,
            stops: vec![StopStatus { agent: None, by: "Ann".into(), why: String::new(), at: 1 }],
        };
        let text = text(&status);
        for part in [
            "0.0.1",
            "restart",
            "up 1 h",
            "telegram  main     yes        @bot (id 7)  yes    75",
            "does not answer: refused",
            "router",
            "parked",
            "3 waiting",
            "flaps",
            "every agent  Ann",
            "nanoclaw agents resume --all",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
