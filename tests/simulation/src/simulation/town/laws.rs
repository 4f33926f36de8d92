//! What must hold after every run, whatever happened in it.

mod decided;
mod shown;
mod stored;

use super::plan::Town;
use super::seen::Seen;
use crate::host::World;

/// Every law that the run broke, in words.
pub(super) fn check(world: &World, town: &Town, came_to_rest: bool) -> Vec<String> {
    let mut broken = Vec::new();
    if !came_to_rest {
        broken.push("it did not come to rest".to_owned());
    }
    let town = &town.as_seen(world);
    let seen = Seen::new(world);
    broken.extend(stored::check(world, town, &seen));
    broken.extend(shown::check(town, &seen));
    broken.extend(decided::check(town, &seen));
    broken
}
