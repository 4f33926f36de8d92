//! Laws broken on purpose, to show that the checker sees it. All of them are in the doubles; the
//! program that is checked is the real one.

/// One thing that goes wrong in a run as if the program had this flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// A part is shown twice.
    SendTwice,
    /// A part counts as sent and is not shown.
    SendNothing,
    /// A part goes to another chat.
    SendElsewhere,
    /// What may be a repetition does not say so.
    ForgetUncertain,
    /// The second part of a chat overtakes the first.
    SwapParts,
    /// An event is left out of its batch.
    DropEvent,
    /// A batch is acknowledged when it is handed out, before anything is stored.
    AcknowledgeEarly,
    /// After a kill, the disk has forgotten the messages that had no outcome.
    ForgetMessages,
    /// The runner never ends a turn.
    NeverRelease,
    /// The host never takes a reply over.
    NeverImport,
    /// The end of a sending is never written down.
    NeverConclude,
    /// Senders are told that nothing was stored.
    RefuseAll,
    /// Nobody knows of the quiet hours.
    ForgetQuiet,
    /// Commits are not synced, and every kill is a power cut.
    SyncNothing,
}

impl Mutation {
    pub const ALL: [Self; 14] = [
        Self::SendTwice,
        Self::SendNothing,
        Self::SendElsewhere,
        Self::ForgetUncertain,
        Self::SwapParts,
        Self::DropEvent,
        Self::AcknowledgeEarly,
        Self::ForgetMessages,
        Self::NeverRelease,
        Self::NeverImport,
        Self::NeverConclude,
        Self::RefuseAll,
        Self::ForgetQuiet,
        Self::SyncNothing,
    ];

    /// The write that never succeeds.
    pub(crate) fn refused(self) -> Option<&'static str> {
        match self {
            Self::NeverRelease => Some("the end of a turn"),
            Self::NeverImport => Some("a reply"),
            Self::NeverConclude => Some("the end of a part"),
            Self::SendTwice
            | Self::SendNothing
            | Self::SendElsewhere
            | Self::ForgetUncertain
            | Self::SwapParts
            | Self::DropEvent
            | Self::AcknowledgeEarly
            | Self::ForgetMessages
            | Self::RefuseAll
            | Self::ForgetQuiet
            | Self::SyncNothing => None,
        }
    }
}
