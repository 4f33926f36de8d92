//! `nanoclaw status`: the running host as people and programs read it.

use std::process::ExitCode;
use std::time::Duration;

use actors::admin::protocol::Status;
use domain::time::about;
use serde_json::{Value, json};
use store::layout::Layout;

use crate::admin::{self, Unanswered};
use crate::term;

pub(super) async fn perform(as_json: bool, layout: &Layout) -> anyhow::Result<ExitCode> {
    match admin::status(layout).await {
        Ok(status) if as_json => {
            let mut value = serde_json::to_value(&*status)?;
            if let Value::Object(fields) = &mut value {
                fields.insert("running".into(), true.into());
                fields.insert("client_version".into(), env!("CARGO_PKG_VERSION").into());
            }
            term::json(&value)?;
        }
        Ok(status) => term::out(&text(&status)),
        Err(Unanswered::NotRunning) if as_json => {
            term::json(&json!({ "running": false }))?;
            return Ok(ExitCode::FAILURE);
        }
        Err(err) => return Err(err.into_error(layout)),
    }
    Ok(ExitCode::SUCCESS)
}

fn text(status: &Status) -> String {
    let mut parts = vec![head(status)];
    if !status.stops.is_empty() {
        parts.push(section("stopped", ["AGENT", "BY", "UNDO"], stops(status)));
    }
    parts.push(section("actors", ["NAME", "STATE", "RESTARTS"], actors(status)));
    parts.push(section("channels", ["CHANNEL", "STATE", "HEARD", "WHY"], channels(status)));
    if status.sessions.is_empty() {
        parts.push("sessions\n  none is awake".to_owned());
    } else {
        let columns = ["ID", "AGENT", "CHAT", "CONTAINER", "WAITING", "UNDELIVERED", "WHY"];
        parts.push(section("sessions", columns, sessions(status)));
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
    [
        format!("host        {}{other}, pid {}, up {}", status.version, status.pid, up(status)),
        format!("home        {}", status.home),
        format!("engine      {engine}"),
        format!("containers  {} of at most {}", status.containers_running, status.containers_max),
        format!("sessions    {awake} awake, {} known", status.sessions_known),
        format!("queues      {waiting} waiting for an answer, {undelivered} to deliver"),
        format!("refused     {} requests of agents", status.refused_requests),
    ]
    .join("\n")
}

fn section<const N: usize>(name: &str, columns: [&str; N], rows: Vec<[String; N]>) -> String {
    let head = columns.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(head).chain(rows.into_iter().map(Into::into)).collect();
    let lines: Vec<_> = term::table(&rows).lines().map(|line| format!("  {line}")).collect();
    format!("{name}\n{}", lines.join("\n"))
}

fn actors(status: &Status) -> Vec<[String; 3]> {
    let row = |actor: &actors::admin::protocol::ActorStatus| {
        let state = if actor.running { "running" } else { "stopped" };
        [actor.name.clone(), state.to_owned(), actor.restarts.to_string()]
    };
    status.actors.iter().map(row).collect()
}

/// `HEARD` is when the platform gave its last sign of life.
fn channels(status: &Status) -> Vec<[String; 4]> {
    let row = |channel: &actors::admin::protocol::ChannelStatus| {
        let state = match (channel.connected, channel.quiet) {
            (true, false) => "connected",
            (true, true) => "silent",
            (false, _) => "disconnected",
        };
        let ago = |secs| format!("{} ago", about(Duration::from_secs(secs)));
        [
            format!("{}/{}", channel.name, channel.account),
            state.to_owned(),
            channel.silent_seconds.map_or_else(|| "never".to_owned(), ago),
            channel.why.clone().unwrap_or_default(),
        ]
    };
    status.channels.iter().map(row).collect()
}

fn stops(status: &Status) -> Vec<[String; 3]> {
    let row = |stop: &actors::admin::protocol::StopStatus| {
        let who = stop.agent.clone().unwrap_or_else(|| "every agent".to_owned());
        let undo = stop.agent.as_deref().unwrap_or("--all");
        [who, stop.by.clone(), format!("nanoclaw resume {undo}")]
    };
    status.stops.iter().map(row).collect()
}

fn sessions(status: &Status) -> Vec<[String; 7]> {
    let row = |session: &actors::admin::protocol::SessionStatus| {
        [
            session.id.clone(),
            session.agent.clone(),
            session.chat.clone(),
            session.container.clone(),
            session.waiting.to_string(),
            session.undelivered.to_string(),
            session.why.clone().unwrap_or_default(),
        ]
    };
    status.sessions.iter().map(row).collect()
}

/// `3 d 4 h`, `4 h 5 min`, `5 min`, `12 s`.
fn up(status: &Status) -> String {
    let (minutes, hours, days) =
        (status.up_seconds / 60, status.up_seconds / 3600, status.up_seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", status.up_seconds),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use actors::admin::protocol::{ActorStatus, ChannelStatus, Engine, SessionStatus, StopStatus};

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
        let text = text(&status);
        for part in [
            "0.0.1",
            "restart",
            "1 h 1 min",
            "telegram/main",
            "silent",
            "1 min ago",
            "does not answer: refused",
            "router",
            "parked",
            "3 waiting",
            "flaps",
            "nanoclaw resume --all",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
