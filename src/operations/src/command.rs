//! What each command, or family of commands, knows of itself.

use std::fmt::Debug;

use domain::time::Timestamp;
use store::CentralStore;

use crate::caller::Caller;
use crate::find::View;
use crate::output::Result;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) store: &'a mut CentralStore,
    /// What the caller sees.
    pub(crate) view: &'a View,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Timestamp,
}

/// A command with its arguments.
pub(crate) trait Command: Debug {
    /// Whether it changes anything.
    fn is_change(&self) -> bool;

    /// Whether an agent may ask for it that knows only of itself, which is all that `view` shows.
    fn check_own(&self, view: &View) -> Result<()>;

    /// Puts the numbers of what is meant in the place of names.
    fn resolve(&mut self, _store: &CentralStore, _view: &View) -> Result<()> {
        Ok(())
    }

    /// What it will do and what will be shared by it, in plain words, for the approver. Empty where
    /// nobody is asked.
    fn summary(&self, _store: &CentralStore, _view: &View) -> Result<String> {
        Ok(String::new())
    }

    fn run(&self, context: &mut Context<'_>) -> Result;
}
