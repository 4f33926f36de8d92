//! What is left in folders at the end of a run: nothing but what something still needs. What a kill of
//! the host leaves is pruned some day, and so is the link folder of a start or a stop that an engine gave no
//! answer about: the container may run.

use std::fs;
use std::path::Path;

use domain::SessionId;

use super::plan::{Fault, Plan};
use crate::host::World;

/// Every folder with something left in it, in words.
pub(super) fn check(world: &World, plan: &Plan) -> Vec<String> {
    let is_down = |it: &(_, Fault)| matches!(it.1, Fault::EngineDown | Fault::BadStart);
    if !plan.host_crashes.is_empty() || plan.faults.iter().any(is_down) {
        return vec![];
    }
    world.sessions().into_iter().flat_map(|it| of_session(world, it)).collect()
}

fn of_session(world: &World, session: SessionId) -> Vec<String> {
    let paths = world.layout().session(session);
    let open = world.engine.incarnation(session).map(|it| it.to_string());
    let links = names(&paths.links()).into_iter().filter(|it| Some(it) != open.as_ref());
    let mut broken: Vec<String> =
        links.map(|it| format!("{session} has the link folder {it} left")).collect();
    let copies = names(&paths.sending()).into_iter();
    broken.extend(copies.map(|it| format!("{session} has the copy {it} left")));
    broken
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect()
}
