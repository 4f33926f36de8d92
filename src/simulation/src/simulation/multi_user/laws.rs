//! What must hold after every run, whatever happened in it.

mod decided;
mod shown;
mod stored;

use super::plan::MultiUser;
use super::seen::Seen;
use crate::host::World;

/// Every law that the run broke, in words.
pub(super) fn check(world: &World, multi_user: &MultiUser, came_to_rest: bool) -> Vec<String> {
    let mut broken = Vec::new();
    if !came_to_rest {
        broken.push("it did not come to rest".to_owned());
    }
    let multi_user = &multi_user.as_seen(world);
    let seen = Seen::new(world);
    broken.extend(stored::check(world, multi_user, &seen));
    broken.extend(shown::check(multi_user, &seen));
    broken.extend(decided::check(multi_user, &seen));
    broken.extend(world.platform.over_pace());
    broken
}
