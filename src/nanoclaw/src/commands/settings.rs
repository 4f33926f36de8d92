//! `nanoclaw keep` and `nanoclaw timezone`: how long things are kept, and in whose time things are meant that nobody
//! says otherwise about.

use domain::retention::{Retention, parse_age};
use domain::task::span;
use domain::time::{Clock, SystemClock};
use engine::host::settings::RETENTION;
use operations::Output;
use schedule::{Zone, local};
use serde_json::json;
use store::layout::Layout;

use crate::error::Hint;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ages are written as 30d, 52w or 2y. What is unfinished is always kept. Old rows are removed in small
steps while the host runs: daily where something happens, weekly elsewhere.

Example:
  nanoclaw keep --messages 2y --machinery 7d     without options the rule is shown")]
pub(crate) struct KeepArgs {
    /// Messages, and what was sent [usually 365d, at least 30d]
    #[arg(long, value_name = "AGE")]
    pub(super) messages: Option<String>,
    /// Files of messages, launches, settled questions [usually 30d, at least 1d]
    #[arg(long, value_name = "AGE")]
    pub(super) machinery: Option<String>,
}

pub(super) fn keep(args: &KeepArgs, layout: &Layout) -> anyhow::Result<Output> {
    const HINT: &str = "see `nanoclaw keep --help`";
    let is_change = args.messages.is_some() || args.machinery.is_some();
    let mut central = super::central(layout, is_change)?;
    let mut rule = Retention::from_setting(central.setting(RETENTION)?.as_deref());
    for (asked, age) in
        [(&args.messages, &mut rule.messages), (&args.machinery, &mut rule.machinery)]
    {
        if let Some(text) = asked {
            *age = parse_age(text).hint(HINT)?;
        }
    }
    let (messages, machinery) = (span(rule.messages), span(rule.machinery));
    if is_change {
        rule = rule.checked().hint(HINT)?;
        let line = format!("keep --messages {messages} --machinery {machinery}");
        super::change(&mut central, &line, |it| it.set_setting(RETENTION, &rule.to_setting()))?;
    }
    let rule = json!({ "messages": messages, "machinery": machinery });
    Ok(Output::record(rule, "messages machinery").hint(HINT))
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
It counts for everybody who has none of their own. The first start takes over that of the machine.

Examples:
  nanoclaw timezone Europe/Berlin       or a city: nanoclaw timezone berlin
  nanoclaw users set ann --timezone Asia/Tokyo    somebody who lives elsewhere")]
pub(crate) struct TimezoneArgs {
    /// A zone, or a city
    pub(super) zone: Option<String>,
}

pub(super) fn timezone(args: &TimezoneArgs, layout: &Layout) -> anyhow::Result<Output> {
    let mut central = super::central(layout, args.zone.is_some())?;
    let before = central.install_zone()?.unwrap_or_else(Zone::utc);
    let zone = match &args.zone {
        None => before.clone(),
        Some(text) => Zone::find(text).hint("see `nanoclaw timezone --help`")?,
    };
    let now = local(SystemClock.now(), &zone);
    let shown = json!({ "zone": zone.name(), "now": now });
    let output = Output::new(format!("{zone}; it is {now} there"), shown);
    if args.zone.is_none() {
        return Ok(output);
    }
    super::change(&mut central, &format!("timezone {zone}"), |it| it.set_install_zone(&zone))?;
    Ok(output.undo(format!("timezone {before}")))
}
