//! `nanoclaw timezone`: in whose time things are meant that nobody says otherwise about.

use domain::time::{Clock, SystemClock};
use schedule::{Zone, local};
use serde_json::json;
use store::layout::Layout;

use crate::args::TimezoneArgs;
use crate::error::fail;
use crate::{home, install, term};

pub(super) fn perform(args: &TimezoneArgs, layout: &Layout) -> anyhow::Result<()> {
    let mut central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    let before = central.install_zone()?.unwrap_or_else(Zone::utc);
    let zone = match &args.zone {
        None => before.clone(),
        Some(text) => {
            const HINT: &str = "see `nanoclaw timezone --help`";
            let zone = Zone::find(text).map_err(|err| fail(err.to_string(), HINT))?;
            central.whole("a time zone", |central| {
                central.set_install_zone(&zone)?;
                central.record_change(&format!("timezone {zone}"), "host", SystemClock.now())
            })?;
            zone
        }
    };
    let now = local(SystemClock.now(), &zone);
    if args.json {
        return term::json(&json!({ "zone": zone.name(), "now": now }));
    }
    term::out(&format!("{zone}; it is {now} there"));
    if args.zone.is_some() {
        term::note(&format!("hint: undo with `nanoclaw timezone {before}`"));
    }
    Ok(())
}
