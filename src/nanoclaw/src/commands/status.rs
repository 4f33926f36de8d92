//! `nanoclaw status` and `nanoclaw doctor`: the running host, and what is wrong, for people and programs.

use std::time::Duration;

use domain::time::about;
use engine::protocol::Status;
use operations::{Output, table};
use serde_json::{Value, json};
use store::layout::Layout;

use super::Report;
use crate::admin;
use crate::doctor::{self, State};

pub(super) async fn perform(as_json: bool, layout: &Layout) -> anyhow::Result<Report> {
    let Some(status) = admin::status(layout).await? else {
        let output = Output::new("", json!({ "running": false }));
        let report = Report { has_failed: true, ..output.into() };
        return if as_json { Ok(report) } else { Err(admin::no_host(layout)) };
    };
    let mut value = json!(status);
    let text = text(&status, &value);
    value["running"] = true.into();
    value["client_version"] = env!("CARGO_PKG_VERSION").into();
    Ok(Output::new(text, value).into())
}

fn text(status: &Status, value: &Value) -> String {
    let mut value = value.clone();
    for stop in value["stops"].as_array_mut().into_iter().flatten() {
        if stop["agent"].is_null() {
            stop["agent"] = "every agent".into();
        }
    }
    let section = |name: &str, keys| {
        let rows = value[name].as_array().cloned().unwrap_or_default();
        format!("{name}\n{}", Output::list(rows, keys, "none").text).replace('\n', "\n  ")
    };
    let mut parts = vec![
        head(status),
        section("actors", "name running restarts"),
        section("channels", "name account connected quiet silent_seconds why"),
        section("sessions", "id agent chat container waiting undelivered why"),
    ];
    if !status.stops.is_empty() {
        parts.insert(1, section("stops", "agent by"));
        parts.insert(
            2,
            "undo with `nanoclaw agents resume AGENT`, or `nanoclaw agents resume --all`"
                .to_owned(),
        );
    }
    parts.join("\n\n")
}

fn head(status: &Status) -> String {
    let mine = env!("CARGO_PKG_VERSION");
    let other = if status.version == mine {
        String::new()
    } else {
        format!(" (this program is {mine}; `nanoclaw restart` brings them together)")
    };
    let engine = match (&status.engine.reachable, &status.engine.why) {
        (true, _) => "answers".to_owned(),
        (false, Some(why)) => format!("does not answer: {why}"),
        (false, None) => "does not answer".to_owned(),
    };
    let waiting: u64 = status.sessions.iter().map(|it| it.waiting).sum();
    let undelivered: u64 = status.sessions.iter().map(|it| it.undelivered).sum();
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

/// `nanoclaw doctor`: what the checks found.
pub(super) async fn check(layout: &Layout) -> anyhow::Result<Report> {
    let checks = doctor::examine(layout).await;
    let count = |state: State| checks.iter().filter(|it| it.state == state).count();
    let (failed, warned) = (count(State::Fail), count(State::Warn));
    let mut rows = Vec::new();
    for check in &checks {
        rows.push([check.state.as_str(), check.name, &check.detail].map(str::to_owned).to_vec());
        if let Some(fix) = &check.fix {
            rows.push(vec![String::new(), String::new(), format!("fix: {fix}")]);
        }
    }
    let sum = format!("{} checks: {failed} failed, {warned} to look at", checks.len());
    let text = format!("{}\n{sum}", table(&rows));
    let output = Output::new(text, json!({ "ok": failed == 0, "checks": checks }));
    Ok(Report { has_failed: failed != 0, ..output.into() })
}

#[cfg(test)]
mod tests {
    use engine::protocol::{ActorStatus, ChannelStatus, Engine, SessionStatus, StopStatus};

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
        let text = text(&status, &json!(status));
        for part in [
            "0.0.1",
            "restart",
            "up 1 h",
            "telegram  main     yes        yes    75",
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
