//! Several users, groups and agents: access requests, an approver, a code that is used, chats that
//! are connected. The host is stopped where the plan says and started again from its files; the laws
//! say who is answered, who is not, and what is in the database afterwards.
//!
//! The plan alone decides what becomes of every message ([`expect`]): each unknown user and
//! each new chat has one decision that waits for them, whenever they ask.

mod approver;
mod expect;
mod fixed;
mod laws;
mod people;
mod plan;
mod random;
mod script;
mod seen;
mod setup;

pub use self::people::{Chat, Person};
pub use self::plan::{ApproverDecision, Called, MultiUser, Post, Subject, Word};
use self::script::Script;
use super::{Lives, Report, on_paused_clock};

/// Runs one plan on a runtime of its own, whose clock is paused.
pub fn run(multi_user: &MultiUser) -> Report {
    on_paused_clock(async {
        let world = setup::world(multi_user);
        world.engine.crash_next_runner(multi_user.runner_crash);
        let mut script = Script::new(multi_user);
        let lives =
            Lives { crashes: &multi_user.host_crashes, jitter: multi_user.jitter, mailboxes: None };
        let (mut report, came_to_rest) =
            lives.live(&world, async || script.play(&world).await).await;
        report.violations = laws::check(&world, multi_user, came_to_rest);
        report
    })
}
