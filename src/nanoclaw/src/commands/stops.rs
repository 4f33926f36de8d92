//! `nanoclaw agents stop` and `agents resume`, and `panic`.
//!
//! The stop is written down here before the host is asked, and where no host answers, containers are
//! killed from here: an emergency needs nobody's help.

use std::time::Duration;

use domain::AgentName;
use domain::stop::Scope;
use domain::texts;
use domain::time::{Clock, SystemClock};
use engine::protocol::{Request, Response, Resumed, StopStatus, Stopped};
use futures_util::future::join_all;
use operations::Output;
use sandbox::Sandbox;
use serde_json::json;
use store::CentralStore;
use store::layout::Layout;
use tokio::time::timeout;

use super::Report;
use crate::error::fail;
use crate::{admin, home, install, term};

/// Whom people are told.
const BY: &str = "the command line";
/// A host that does not answer within this is not waited for.
const HOST_WITHIN: Duration = Duration::from_secs(4);

/// Stops an agent, or all. Exits with a failure when something could not be stopped.
pub(super) async fn stop(scope: &Scope, layout: &Layout) -> anyhow::Result<Report> {
    let mut central = home::central(layout)?;
    known(scope, &central)?;
    let is_repeated = central.stops().is_ok_and(|stops| match scope {
        Scope::All => stops.all.is_some(),
        Scope::Agent(name) => stops.agents.contains_key(name),
    });
    let request = Request::Stop { agent: name(scope), by: BY.to_owned() };
    let asked = timeout(HOST_WITHIN, admin::ask(layout, &request)).await;
    // After the host was asked, which kills first: an agent may keep the disk busy.
    let written = central.stop(scope, BY, "", SystemClock.now());
    let (mut report, has_host) = match asked {
        Ok(Ok(Some(Response::Stopped(report)))) => (report, true),
        Ok(Ok(None)) => (kill_all(scope, &central, layout).await?, false),
        // Whatever is wrong with it, nothing may go on running.
        Ok(Ok(Some(_)) | Err(_)) | Err(_) => {
            let mut report = kill_all(scope, &central, layout).await?;
            let what = format!("the host did not answer within {} s", HOST_WITHIN.as_secs());
            report.trouble.push(format!("{what}; `nanoclaw status` says what it does"));
            (report, true)
        }
    };
    if let Err(err) = written {
        report.trouble.push(format!("the stop could not be written down: {err}"));
    }
    report.trouble.iter().for_each(|it| term::note(&format!("warning: {it}")));
    let json = json!({ "stopped": name(scope), "all": *scope == Scope::All, "report": report });
    let output = Output::new(text(scope, &report, is_repeated, has_host), json);
    Ok(Report { has_failed: !report.trouble.is_empty(), ..output.into() })
}

pub(super) async fn resume(scope: &Scope, layout: &Layout) -> anyhow::Result<Output> {
    let mut central = home::central(layout)?;
    known(scope, &central)?;
    let request = Request::Resume { agent: name(scope), by: BY.to_owned() };
    let (resumed, has_host) = match admin::ask(layout, &request).await? {
        Some(Response::Resumed(resumed)) => (resumed, true),
        Some(_) => return Err(admin::unexpected()),
        None => {
            let any = match scope {
                Scope::All => central.resume_all(BY, SystemClock.now())?,
                Scope::Agent(_) => central.resume(scope, BY, SystemClock.now())?,
            };
            let holds = StopStatus::of(&central.stops()?);
            (Resumed { any, holds, ..Resumed::default() }, false)
        }
    };
    let text = resumed_text(scope, &resumed, has_host);
    Ok(Output::new(text, json!({ "resumed": resumed.any, "report": resumed })))
}

fn known(scope: &Scope, central: &CentralStore) -> anyhow::Result<()> {
    match scope.agent() {
        Some(name) if !central.agent_names_taken()?.contains(name) => {
            let hint = "`nanoclaw agents list` shows who there is";
            Err(fail(format!("there is no agent `{name}`"), hint))
        }
        Some(_) | None => Ok(()),
    }
}

fn name(scope: &Scope) -> Option<String> {
    scope.agent().map(ToString::to_string)
}

/// Without a host: straight through the engine.
async fn kill_all(
    scope: &Scope,
    central: &CentralStore,
    layout: &Layout,
) -> anyhow::Result<Stopped> {
    let mut report = Stopped::default();
    let Some(sandbox) = install::sandbox(layout, central)? else { return Ok(report) };
    let listed = sandbox.list().await.unwrap_or_else(|err| {
        report.trouble.push(format!("{err}; what it runs cannot be stopped"));
        Vec::new()
    });
    let mut found = Vec::new();
    for id in listed {
        // Also what no row is known of, where all are stopped.
        let is_meant = match scope {
            Scope::All => true,
            Scope::Agent(name) => central.session(id)?.is_some_and(|it| it.agent == *name),
        };
        found.extend(is_meant.then_some(id));
    }
    let _ = join_all(found.iter().map(|it| sandbox.freeze(*it))).await;
    for killed in join_all(found.iter().map(|it| sandbox.kill(*it))).await {
        match killed {
            Ok(()) => report.killed += 1,
            Err(err) => report.trouble.push(err.to_string()),
        }
    }
    Ok(report)
}

/// How an agent, or all, are called in a sentence and in `nanoclaw agents resume`.
fn called(agent: Option<&str>) -> (&str, &str) {
    agent.map_or(("every agent", "--all"), |name| (name, name))
}

fn text(scope: &Scope, report: &Stopped, is_repeated: bool, has_host: bool) -> String {
    let (who, undo) = called(scope.agent().map(AgentName::as_str));
    let done =
        if is_repeated { format!("{who} is stopped already") } else { format!("stopped {who}") };
    let mut lines = vec![format!("{done}; containers killed: {}", report.killed)];
    // What a conversation came to was told by the stop that ended it.
    for session in report.sessions.iter().filter(|it| !is_repeated || !it.answered) {
        let said = match (session.answered, texts::stop::report(&session.stop_report)) {
            (false, _) => "busy; it sets its work aside later".to_owned(),
            (true, Some(text)) => text,
            (true, None) => continue,
        };
        lines.push(format!("  {} {} {}: {said}", session.id, session.agent, session.chat));
    }
    if !has_host {
        lines.push("no host runs: what is not sent yet is voided when it starts".to_owned());
    }
    lines.push(format!("new messages are kept; go on with `nanoclaw agents resume {undo}`"));
    lines.join("\n")
}

fn resumed_text(scope: &Scope, resumed: &Resumed, has_host: bool) -> String {
    let (who, _) = called(scope.agent().map(AgentName::as_str));
    let mut lines = vec![match resumed.any {
        true => format!("resumed {who}"),
        false if *scope == Scope::All => "nothing to resume: no agent is stopped".to_owned(),
        false if resumed.holds.iter().any(|it| it.agent.is_none()) => {
            format!("nothing to resume: {who} was not stopped by name")
        }
        false => format!("nothing to resume: {who} is not stopped"),
    }];
    let is_meant = |agent: &str| resumed.any && scope.agent().is_none_or(|it| it.as_str() == agent);
    let waiting = resumed.waiting.iter().filter(|it| is_meant(it.0));
    lines.extend(waiting.map(|(agent, n)| format!("  {agent}: {n} waiting")));
    if !has_host {
        lines.push("no host runs; start it with `nanoclaw start`".to_owned());
    }
    for hold in &resumed.holds {
        let ((who, undo), by) = (called(hold.agent.as_deref()), &hold.by);
        lines.push(format!("still stopped by {by}: {who} (`nanoclaw agents resume {undo}`)"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use domain::stop::StopReport;
    use engine::protocol::StoppedSession;

    use super::*;

    #[test]
    fn a_stop_says_what_happened_where_and_how_to_undo_it() {
        let session = StoppedSession {
            id: "s1".into(),
            agent: "andy".into(),
            chat: "cli:terminal".into(),
            answered: true,
            stop_report: StopReport { aside: 1, voided: 2, sent_here: 1, ..StopReport::default() },
        };
        let stop_report = StopReport::default();
        let quiet = StoppedSession { id: "s2".into(), stop_report, ..session.clone() };
        let busy = StoppedSession { id: "s3".into(), answered: false, ..quiet.clone() };
        let sessions = vec![session, quiet, busy];
        let report = Stopped { killed: 2, sessions, trouble: Vec::new() };
        let again = text(&Scope::All, &report, true, true);
        assert!(
            again.starts_with("every agent is stopped already") && again.contains("s3"),
            "{again}"
        );
        assert!(!again.contains("cancelled"), "{again}");
        let text = text(&Scope::All, &report, false, true);
        for part in ["killed: 2", "s1 andy cli:terminal: 1 message cancelled", "s3", "resume --all"]
        {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains("s2"), "{text}");
    }

    #[test]
    fn a_resume_of_what_is_not_stopped_says_so_and_counts_nothing() {
        let waiting = [("andy".to_owned(), 2), ("ben".to_owned(), 1)].into();
        let mut resumed = Resumed { any: false, waiting, holds: Vec::new() };
        let andy = Scope::Agent(AgentName::parse("andy").unwrap());
        assert_eq!(resumed_text(&andy, &resumed, true), "nothing to resume: andy is not stopped");
        let text = resumed_text(&Scope::All, &resumed, true);
        assert_eq!(text, "nothing to resume: no agent is stopped");
        resumed.any = true;
        let text = resumed_text(&andy, &resumed, true);
        assert_eq!(text, "resumed andy\n  andy: 2 waiting");
    }
}
