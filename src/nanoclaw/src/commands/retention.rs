//! `nanoclaw keep`: how long things are kept.

use actors::host::settings::RETENTION;
use domain::retention::{Retention, age, parse_age};
use domain::time::{Clock, SystemClock};
use serde_json::json;
use store::layout::Layout;

use crate::args::KeepArgs;
use crate::error::fail;
use crate::{home, term};

pub(super) fn perform(args: &KeepArgs, layout: &Layout) -> anyhow::Result<()> {
    const HINT: &str = "see `nanoclaw keep --help`";
    let mut central = home::central(layout)?;
    let mut rule = Retention::from_setting(central.setting(RETENTION)?.as_deref());
    let read = |text: &String| parse_age(text).map_err(|err| fail(err.to_string(), HINT));
    if let Some(text) = &args.messages {
        rule.messages = read(text)?;
    }
    if let Some(text) = &args.machinery {
        rule.machinery = read(text)?;
    }
    if args.messages.is_some() || args.machinery.is_some() {
        rule = rule.checked().map_err(|err| fail(err.to_string(), HINT))?;
        let line =
            format!("keep --messages {} --machinery {}", age(rule.messages), age(rule.machinery));
        central.whole("how long things are kept", |central| {
            central.set_setting(RETENTION, &rule.to_setting())?;
            central.record_change(&line, "host", SystemClock.now())
        })?;
    }
    let (messages, machinery) = (age(rule.messages), age(rule.machinery));
    if args.json {
        return term::json(&json!({ "messages": messages, "machinery": machinery }));
    }
    term::out(&format!("messages and what was sent: {messages}"));
    term::out(&format!("files of messages, launches, settled questions: {machinery}"));
    term::out("what is unfinished is kept; removed is what is older, within a week");
    Ok(())
}
