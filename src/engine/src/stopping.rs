//! Carries out orders to stop and to resume, in the caller's task: it waits behind no mailbox. First the gate
//! closes; then the order is written down, again and again on a full disk, while containers are killed and
//! the sessions void what is not sent. What a crash leaves undone, the sessions find in the database and do.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::SessionId;
use domain::plain::chain;
use domain::stop::Scope;
use futures_util::future::{join, join_all};
use store::{CentralStore, SessionRow};
use tokio::time::timeout;
use tracing::{info, warn};

use crate::Result;
use crate::host::{Host, Wake};
use crate::protocol::{Resumed, StopStatus, Stopped, StoppedSession};

/// Deadline for freezing: a container that hangs must not delay the kill of the others.
const FREEZE_WITHIN: Duration = Duration::from_secs(1);
/// Deadline for one answer of the engine, which kills and removes within it.
const ENGINE_WITHIN: Duration = Duration::from_secs(20);
/// Wait before a stop that could not be written down is tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// How long the sender of `/stop` waits for the engine before the rest goes on.
const KILL_WITHIN: Duration = Duration::from_secs(2);

/// Stops an agent, or all, until somebody resumes. Never fails: what could not be done is in the
/// answer.
pub async fn stop(host: &Host, scope: &Scope, by: &str, why: &str) -> Stopped {
    warn!(?scope, by, why, "stopping");
    host.stops.close(scope, by, why, host.clock.now());
    let write = async { (write_down(host).await, set_aside(host, scope).await) };
    // No kill waits for the disk, which an agent may keep busy, and no chat for the engine.
    let ((written, sessions), killed) = join(write, kill_all(host, scope)).await;
    let mut report = Stopped { killed: 0, sessions, trouble: Vec::new() };
    if let Err(err) = written {
        let err = chain(&err);
        report.trouble.push(format!(
            "the stop holds, but could not be written down, so that a restart of the host would end \
             it; the host tries again: {err}"
        ));
    }
    for killed in killed {
        match killed {
            Ok(()) => report.killed += 1,
            Err(why) => report.trouble.push(why),
        }
    }
    report
}

/// Writes down every stop that is not yet. What fails is tried again.
pub(crate) async fn write_down(host: &Host) -> Result<()> {
    let _order = host.stops.orders.lock().await;
    let unwritten = host.stops.unwritten();
    if unwritten.is_empty() {
        return Ok(());
    }
    let scopes: Vec<Scope> = unwritten.iter().map(|it| it.0.clone()).collect();
    let write = move |central: &mut CentralStore| {
        for (scope, stop) in &unwritten {
            central.stop(scope, &stop.by, &stop.why, stop.at)?;
        }
        central.stops()
    };
    let written = host.central.write("a stop order", write).await.inspect_err(|err| {
        warn!(why = chain(err), "a stop is not written down yet");
        host.wake(Wake::DueAt(host.clock.now() + WRITE_AGAIN));
    });
    host.stops.confirm_written(&scopes, written?);
    Ok(())
}

/// Every container of those who are stopped: first none of them runs on, then each is killed.
async fn kill_all(host: &Host, scope: &Scope) -> Vec<Result<(), String>> {
    let found = match timeout(ENGINE_WITHIN, host.sandbox.list()).await {
        Ok(Ok(found)) => found,
        Ok(Err(err)) => return vec![Err(chain(&err))],
        Err(_) => return vec![Err("the container engine did not list its containers".into())],
    };
    let found = match scope {
        Scope::All => found,
        Scope::Agent(name) => {
            let read = move |central: &mut CentralStore| {
                found.into_iter().map(|id| central.session(id)).collect::<Result<Vec<_>, _>>()
            };
            let rows = match host.central.read(read).await {
                Ok(rows) => rows.into_iter().flatten().filter(|it| it.agent == *name),
                Err(err) => return vec![Err(chain(&err))],
            };
            rows.map(|it| it.id).collect()
        }
    };
    // One that cannot be frozen is killed all the same.
    let freeze = |id: &SessionId| timeout(FREEZE_WITHIN, host.sandbox.freeze(*id));
    let _ = join_all(found.iter().map(freeze)).await;
    join_all(found.into_iter().map(|id| async move {
        match timeout(ENGINE_WITHIN, host.sandbox.kill(id)).await {
            Ok(killed) => killed.map_err(|err| format!("{id}: {}", chain(&err))),
            Err(_) => Err(format!("{id}: the container engine did not kill it in time")),
        }
    }))
    .await
}

/// Has every session that may have something to do void it, and say what had gone out.
async fn set_aside(host: &Host, scope: &Scope) -> Vec<StoppedSession> {
    let mut rows = host.central.read(|it: &mut CentralStore| it.awake()).await.unwrap_or_default();
    rows.retain(|it| scope.concerns(&it.agent));
    let now = host.clock.now();
    let orders: Vec<_> = rows.iter().map(|it| (it.id, host.stops.order(&it.agent))).collect();
    let apply = move |central: &mut CentralStore| {
        let reports = orders
            .into_iter()
            .map(|(id, order)| order.map(|it| central.rows(id).apply_stop(&it, now)).transpose());
        reports.collect::<Result<Vec<_>, _>>()
    };
    let reports = host.central.write("the stop of a session", apply).await.unwrap_or_else(|err| {
        warn!(why = chain(&err), "the sessions follow on their own");
        vec![None; rows.len()]
    });
    let stopped = rows.iter().zip(reports).map(|(row, stop_report)| StoppedSession {
        id: row.id.to_string(),
        agent: row.agent.to_string(),
        chat: row.shares(),
        answered: stop_report.is_some(),
        stop_report: stop_report.unwrap_or_default(),
    });
    let stopped = stopped.collect();
    for row in rows {
        host.wake(Wake::Session(row, None));
    }
    stopped
}

/// Lets those go on whose stop has one of these scopes. Other stops hold on.
/// Fails when it could not be written down; then nothing has changed.
pub async fn resume(host: &Host, scopes: &[Scope], by: &str) -> Result<Resumed> {
    let (asked, by, now) = (scopes.to_vec(), by.to_owned(), host.clock.now());
    let write = move |central: &mut CentralStore| {
        let mut any = false;
        for scope in &asked {
            any |= central.resume(scope, &by, now)?;
        }
        Ok((any, central.stops()?))
    };
    let (any, stops) = {
        let _order = host.stops.orders.lock().await;
        let (any, stops) = host.central.write("a resume", write).await?;
        (host.stops.confirm_written(scopes, stops.clone()) || any, stops)
    };
    info!(?scopes, "resumed");
    host.wake(Wake::Sessions);
    host.wake(Wake::Outbox);
    // Slots that came meanwhile have waited.
    host.wake_tasks();
    let count = |central: &mut CentralStore| {
        let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
        for row in central.awake()? {
            let count = central.rows(row.id).counts()?.waiting;
            if count != 0 {
                *waiting.entry(row.agent.to_string()).or_default() += count as u64;
            }
        }
        Ok(waiting)
    };
    let waiting = host.central.read(count).await.unwrap_or_else(|err| {
        warn!(why = chain(&err), "the waiting messages are not counted");
        BTreeMap::new()
    });
    Ok(Resumed { any, waiting, holds: StopStatus::of(&stops) })
}

/// Kills what a turn that is ended runs. The session does it too; this is only sooner.
pub(crate) async fn kill(host: &Host, row: &SessionRow) {
    let kill = async {
        let _ = host.sandbox.freeze(row.id).await;
        host.sandbox.kill(row.id).await
    };
    if let Ok(Err(err)) = timeout(KILL_WITHIN, kill).await {
        warn!(why = chain(&err), "left to the session");
    }
}
