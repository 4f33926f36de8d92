//! Why the host itself gave something up, as the rows say it. Statements tell such rows from others by
//! these words, so they stay as they are once they were stored.

/// Somebody stopped the agent, or this turn.
pub(crate) const STOPPED: &str = "stopped";
/// Its chat cannot be written to.
pub(crate) const LEFT: &str = "the bot is not in this chat any more";
/// Somebody dropped a part with `nanoclaw outbox remove`.
pub(crate) const DROPPED_BY_HAND: &str = "dropped by hand";
/// A line that says that work goes on, which was not sent before the answer was there.
pub(crate) const OVERTAKEN: &str = "the answer was there first";
