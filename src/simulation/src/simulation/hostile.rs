//! A session whose runner is in hostile hands, and the law about it: the host comes to rest, each of its
//! messages ends and something is told about it in its chat, and nothing that it wrote is seen anywhere
//! else. For everybody else the usual laws hold.

use channel::Part;
use domain::SessionId;
use domain::message::Outcome;
use domain::outgoing::Content;

use super::laws::{answers, stop_told};
use super::plan::{Plan, Post};
use super::tasks::central;
use crate::engine::HOSTILE_MARK;
use crate::host::World;
use crate::platform::name;
use crate::rng::Rng;

/// One in so many plans has one.
const ONE_IN: u64 = 6;

/// The session, if it comes to so many, and the seed of what its runners do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hostile {
    pub session: SessionId,
    pub seed: u64,
}

pub(super) fn random(rng: &mut Rng, seed: u64) -> Option<Hostile> {
    let session = SessionId(1 + i64::try_from(rng.below(3)).unwrap_or(0));
    (rng.below(ONE_IN) == 0).then_some(Hostile { session, seed })
}

/// The chat of that session, once there is one.
pub(super) fn chat(world: &World, plan: &Plan) -> Option<String> {
    let hostile = plan.hostile?;
    let row = central(world).session(hostile.session).unwrap()?;
    row.chat.map(|it| name(&it))
}

/// Whether something was said about a message where it was written. What it says is the runner's.
pub(super) fn is_told(post: &Post, outcome: Option<Outcome>, sent: &[Part]) -> bool {
    let tells = |it: &Part| name(&it.to) == post.chat && answers(it, &post.id);
    sent.iter().any(tells) || outcome.is_some_and(|it| stop_told(&post.chat, it, sent))
}

/// Every law that was broken about it, in words.
pub(super) fn check(world: &World, plan: &Plan, sent: &[Part]) -> Vec<String> {
    let Some((hostile, chat)) = plan.hostile.zip(chat(world, plan)) else { return vec![] };
    let own = format!("{}.", hostile.session);
    let is_its = |it: &&Part| it.key.starts_with(&own) || it.content.text().contains(HOSTILE_MARK);
    let strays = sent.iter().filter(is_its).filter(|it| name(&it.to) != chat);
    let mut broken: Vec<String> =
        strays.map(|it| format!("{} of a hostile runner went to {:?}", it.key, it.to)).collect();
    let files = world.platform.shown().into_iter().flat_map(|it| it.files);
    let foreign = files.filter(|it| !it.1.starts_with(HOSTILE_MARK.as_bytes()));
    broken.extend(foreign.map(|it| format!("{} was taken from where it may not", it.0)));
    let edits = |it: &&Part| matches!(it.content, Content::Edit { .. });
    let changed = sent.iter().filter(edits).filter(|it| !it.key.starts_with(&own));
    broken.extend(changed.map(|it| format!("{} changed what was said", it.key)));
    broken
}
