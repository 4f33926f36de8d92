//! `nanoclaw doctor`: prints what the checks found.

use std::process::ExitCode;

use serde_json::json;
use store::layout::Layout;

use crate::doctor::{self, Check, State};
use crate::term;

pub(super) async fn perform(as_json: bool, layout: &Layout) -> anyhow::Result<ExitCode> {
    let checks = doctor::examine(layout).await;
    let failed = checks.iter().filter(|it| it.state == State::Fail).count();
    if as_json {
        term::json(&json!({ "ok": failed == 0, "checks": checks }))?;
    } else {
        checks.iter().for_each(|it| term::out(&text(it)));
        let warned = checks.iter().filter(|it| it.state == State::Warn).count();
        term::out(&format!("{} checks: {failed} failed, {warned} to look at", checks.len()));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(check: &Check) -> String {
    let line = format!("{:<4}  {:<12}  {}", check.state.as_str(), check.name, check.detail);
    match &check.fix {
        Some(fix) => format!("{line}\n      {:<12}  fix: {fix}", ""),
        None => line,
    }
}
