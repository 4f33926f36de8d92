//! A town of people, groups and agents: strangers knock, an approver decides, a code is used, chats
//! are connected. The host is stopped where the plan says and started again from its files; the laws
//! say who is answered, who is not, and what is in the database afterwards.
//!
//! What must become of every message follows from the plan alone ([`expect`]): each stranger and each
//! new chat has one decision that waits for them, whenever they knock.

mod approver;
mod expect;
mod fixed;
mod laws;
mod places;
mod plan;
mod random;
mod script;
mod seen;
mod setup;

pub use self::places::{Chat, Person};
pub use self::plan::{Called, Decision, Post, Subject, Town, Word};
use self::script::Script;
use super::{Lives, Report, on_paused_clock};

/// Runs one plan on a runtime of its own, whose clock is paused.
#[must_use]
pub fn run(town: &Town) -> Report {
    on_paused_clock(async {
        let world = setup::world(town);
        world.engine.crash_next_runner(town.runner_crash);
        let mut script = Script::new(town);
        let lives = Lives { crashes: &town.host_crashes, jitter: town.jitter, mailboxes: None };
        let (mut report, came_to_rest) =
            lives.live(&world, async || script.play(&world).await).await;
        report.violations = laws::check(&world, town, came_to_rest);
        report
    })
}
