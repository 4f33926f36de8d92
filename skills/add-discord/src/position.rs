//! How far Discord was read, as the host stores it.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::wire::Id;

/// The group of all private chats; no server has this id.
pub(crate) const DIRECT: Id = Id(0);

/// Private chats, each of which costs a request when a session begins, and servers.
const KEPT_MAX: usize = 100;
/// Events of different servers may overtake each other, so catching up begins a little before the newest one. In
/// the unit of ids, 2^22 per millisecond; the host knows again what it has already.
const OVERLAP: u64 = 2_000 << 22;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The newest message that was committed; ids order by time over all channels.
    pub(crate) newest: Id,
    /// Private chats, the latest last: Discord does not list them for a bot.
    pub(crate) chats: Vec<Id>,
    /// Servers that the bot was taken out of, the latest last: it may be in one of them again when a session
    /// begins, and nothing else tells that it was not.
    #[serde(default)]
    pub(crate) left: Vec<Id>,
    /// Groups of channels that are not caught up yet, and from where. A group is a server or [`DIRECT`]. Without
    /// them the newest id would hide what a server that was not there yet has to tell.
    pub(crate) behind: BTreeMap<Id, Id>,
    /// For some minutes Discord replays what came after, presses of buttons too, which nothing else brings back.
    pub(crate) session: Option<Session>,
}

/// A session of the gateway, and where to resume it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) url: String,
    /// The number of the last event that was taken.
    pub(crate) sequence: u64,
}

impl Position {
    /// `None` for what this program did not write.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let position: Self = serde_json::from_str(text).ok()?;
        position.session.as_ref().is_none_or(|it| is_websocket(&it.url)).then_some(position)
    }

    /// Ids and texts always serialise.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Nothing was read yet, so nothing can have been missed.
    pub(crate) fn is_new(&self) -> bool {
        self.newest == Id::default()
    }

    pub(crate) fn saw(&mut self, message: Id) {
        self.newest = self.newest.max(message);
    }

    pub(crate) fn saw_direct(&mut self, chat: Id) {
        keep(&mut self.chats, chat);
    }

    pub(crate) fn leave(&mut self, server: Id) {
        self.behind.remove(&server);
        keep(&mut self.left, server);
    }

    /// The session to resume. What it replays does not help a group that was behind already.
    pub(crate) fn resumable(&self) -> Option<&Session> {
        self.session.as_ref().filter(|_| self.behind.is_empty())
    }

    /// An event of the session was taken.
    pub(crate) fn passed(&mut self, sequence: u64) {
        if let Some(session) = &mut self.session {
            session.sequence = session.sequence.max(sequence);
        }
    }

    /// A session begins that knows nothing of what was before; these are the servers in it.
    pub(crate) fn begin(&mut self, session: Session, servers: &[Id]) {
        self.session = Some(session).filter(|it| is_websocket(&it.url));
        self.behind.retain(|group, _| *group == DIRECT || servers.contains(group));
        if self.is_new() {
            return;
        }
        let from = Id(self.newest.0.saturating_sub(OVERLAP));
        for group in servers.iter().chain([&DIRECT]) {
            // A group that was not caught up by the last session either stays where it is.
            self.behind.entry(*group).or_insert(from);
        }
    }

    /// Everything of a group up to this message was taken.
    pub(crate) fn advance(&mut self, group: Id, to: Id) {
        if let Some(from) = self.behind.get_mut(&group) {
            *from = to.max(*from);
        }
    }
}

/// Puts the latest last and forgets the oldest.
fn keep(all: &mut Vec<Id>, latest: Id) {
    all.retain(|it| *it != latest);
    all.push(latest);
    let over = all.len().saturating_sub(KEPT_MAX);
    all.drain(..over);
}

/// An address that the websocket's library takes without complaint.
pub(crate) fn is_websocket(url: &str) -> bool {
    Url::parse(url).is_ok_and(|it| matches!(it.scheme(), "ws" | "wss") && it.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: Id = Id(900_000_000_000_000_000);

    fn session() -> Session {
        Session { id: "s1".into(), url: "wss://gateway.example:443/x".into(), sequence: 1 }
    }

    #[test]
    fn it_reads_back() {
        let mut position = Position::default();
        position.saw(LATE);
        position.saw(Id(7));
        position.saw_direct(Id(5));
        position.saw_direct(Id(6));
        position.saw_direct(Id(5));
        position.begin(session(), &[Id(1), Id(2)]);
        position.behind.remove(&DIRECT);
        position.passed(9);
        assert_eq!(Position::parse(&position.to_text()), Some(position.clone()));
        assert_eq!((position.newest, &position.chats[..]), (LATE, &[Id(6), Id(5)][..]));
        assert_eq!(position.behind.get(&Id(2)).copied(), Some(Id(LATE.0 - OVERLAP)));
        assert_eq!(Position::parse(""), Some(Position::default()));
    }

    #[test]
    fn foreign_text_is_not_taken_for_a_position() {
        let begun = r#"{"newest":1,"chats":[],"behind":{},"session":"#;
        let http = format!(r#"{begun}{{"id":"s","url":"http://x","sequence":1}}}}"#);
        for text in ["x", "1", "{}", begun, &format!("{begun}1}}"), &http] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_server_that_was_never_caught_up_keeps_its_place() {
        let mut position = Position::default();
        position.saw(LATE);
        position.begin(session(), &[Id(1), Id(2)]);
        let from = position.behind.get(&Id(1)).copied().unwrap();
        position.behind.remove(&Id(2));
        position.saw(Id(LATE.0 + (60_000 << 22)));
        position.begin(session(), &[Id(1), Id(2), Id(3)]);
        assert_eq!(position.behind.get(&Id(1)).copied(), Some(from));
        assert!(from < position.behind.get(&Id(2)).copied().unwrap());
        let later = Id(LATE.0 + (70_000 << 22));
        position.advance(Id(2), later);
        position.advance(Id(9), LATE);
        assert_eq!(
            (position.behind.get(&Id(2)).copied(), position.behind.get(&Id(9)).copied()),
            (Some(later), None)
        );
        position.begin(session(), &[Id(3)]);
        assert_eq!(
            position.behind.get(&Id(1)).copied(),
            None,
            "the bot is not in that server any more"
        );
    }

    #[test]
    fn the_first_session_has_nothing_to_catch_up() {
        let mut position = Position::default();
        position.begin(session(), &[Id(1)]);
        assert_eq!(
            (position.behind.get(&Id(1)).copied(), position.behind.get(&DIRECT).copied()),
            (None, None)
        );
    }

    #[test]
    fn a_session_is_resumed_unless_a_group_was_behind_before_it() {
        let mut position = Position::default();
        assert_eq!(position.resumable(), None);
        position.begin(session(), &[Id(1)]);
        position.passed(5);
        assert_eq!(position.resumable().map(|it| it.sequence), Some(5));
        position.saw(LATE);
        position.begin(session(), &[Id(1)]);
        assert_eq!(position.resumable(), None);
        position.behind.remove(&DIRECT);
        position.behind.remove(&Id(1));
        assert_eq!(position.resumable().map(|it| it.sequence), Some(1));
        position.session = None;
        assert_eq!(position.resumable(), None);
        position.begin(Session { url: "http://x".into(), ..session() }, &[]);
        assert_eq!(position.resumable(), None, "it is no websocket");
    }

    #[test]
    fn only_the_latest_private_chats_are_kept() {
        let mut position = Position::default();
        (1..=150).for_each(|id| position.saw_direct(Id(id)));
        assert_eq!(position.chats.len(), KEPT_MAX);
        assert_eq!(position.chats.last(), Some(&Id(150)));
    }
}
