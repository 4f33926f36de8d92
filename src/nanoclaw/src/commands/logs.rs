//! `nanoclaw logs`: the end of the host's log.

use std::io;
use std::time::Duration;

use anyhow::Context;
use store::layout::Layout;
use tokio::time::sleep;

use crate::error::fail;
use crate::logfile::{self, Follow};
use crate::term;

const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) async fn perform(follow: bool, lines: usize, layout: &Layout) -> anyhow::Result<()> {
    let path = layout.host_log();
    // From before the tail is read, so that nothing falls between the two.
    let mut new = Follow::new(&path);
    match logfile::tail(&path, lines) {
        Ok(text) => term::out_piece(&text),
        Err(err) if err.kind() == io::ErrorKind::NotFound && follow => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let home = layout.home().display();
            return Err(fail(
                format!("there is no log: no host ran on {home} yet"),
                "start one with `nanoclaw start`",
            ));
        }
        Err(err) => {
            return Err(err).with_context(|| format!("could not read {}", path.display()));
        }
    }
    while follow && !term::has_failed() {
        let more = new.more().with_context(|| format!("could not read {}", path.display()))?;
        term::out_piece(&more);
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
