//! How far Discord was read, as the host stores it.
//!
//! One line, five fields between semicolons:
//! `1;<newest>;<chat>,<chat>;<group>:<from>,..;<sequence>,<session>,<url>`
//! - the format's number;
//! - the newest message that was committed; ids order by time over all channels;
//! - private chats, the latest last: Discord does not list them for a bot;
//! - groups of channels that are not caught up yet, and from where. A group is a server, or 0 for
//!   the private chats. Without them the newest id would hide what a server that was not there yet
//!   has to tell;
//! - the session of the gateway, the last event of it that was committed, and where to resume it:
//!   for some minutes Discord replays what came after, presses of buttons too, which nothing else
//!   brings back.

use std::collections::BTreeMap;

use reqwest::Url;

use crate::wire::Id;

/// The group of all private chats; no server has this id.
pub(crate) const DIRECT: Id = Id(0);

const FORMAT: &str = "1";
/// Each costs a request when a session begins.
const CHATS_MAX: usize = 100;
/// Events of different servers may overtake each other, so catching up begins a little before the
/// newest one. In the unit of ids, 2^22 per millisecond; the host knows again what it has already.
const OVERLAP: u64 = 2_000 << 22;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) newest: Id,
    chats: Vec<Id>,
    behind: BTreeMap<Id, Id>,
    session: Option<Session>,
}

/// A session of the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        let mut fields = text.split(';');
        if fields.next() != Some(FORMAT) {
            return None;
        }
        let newest = Id::parse(fields.next()?)?;
        let chats = items(fields.next()?).map(Id::parse).collect::<Option<_>>()?;
        let pair = |item: &str| {
            let (group, from) = item.split_once(':')?;
            Some((Id::parse(group)?, Id::parse(from)?))
        };
        let behind = items(fields.next()?).map(pair).collect::<Option<_>>()?;
        let session = match fields.next()? {
            "" => None,
            text => Some(Session::parse(text)?),
        };
        fields.next().is_none().then_some(Self { newest, chats, behind, session })
    }

    pub(crate) fn to_text(&self) -> String {
        let chats: Vec<_> = self.chats.iter().map(Id::to_string).collect();
        let behind: Vec<_> = self.behind.iter().map(|(at, from)| format!("{at}:{from}")).collect();
        let session = self.session.as_ref().map(Session::to_text).unwrap_or_default();
        format!("{FORMAT};{};{};{};{session}", self.newest, chats.join(","), behind.join(","))
    }

    /// Nothing was read yet, so nothing can have been missed.
    pub(crate) fn is_new(&self) -> bool {
        self.newest == Id::default()
    }

    pub(crate) fn saw(&mut self, message: Id) {
        self.newest = self.newest.max(message);
    }

    pub(crate) fn saw_direct(&mut self, chat: Id) {
        if self.chats.last() == Some(&chat) {
            return;
        }
        self.chats.retain(|it| *it != chat);
        self.chats.push(chat);
        let over = self.chats.len().saturating_sub(CHATS_MAX);
        self.chats.drain(..over);
    }

    pub(crate) fn chats(&self) -> &[Id] {
        &self.chats
    }

    /// The session to resume. What it replays does not help a group that was behind already.
    pub(crate) fn resumable(&self) -> Option<&Session> {
        self.session.as_ref().filter(|_| self.behind.is_empty())
    }

    pub(crate) fn forget_session(&mut self) {
        self.session = None;
    }

    /// An event of the session was taken.
    pub(crate) fn passed(&mut self, sequence: u64) {
        if let Some(session) = &mut self.session {
            session.sequence = session.sequence.max(sequence);
        }
    }

    /// A session begins that knows nothing of what was before; these are the servers in it.
    pub(crate) fn begin(&mut self, session: Session, servers: &[Id]) {
        self.session = Some(session).filter(Session::is_writable);
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

    /// Nothing is left to catch up.
    pub(crate) fn is_abreast(&self) -> bool {
        self.behind.is_empty()
    }

    /// From where a group must be caught up, if it must.
    pub(crate) fn behind(&self, group: Id) -> Option<Id> {
        self.behind.get(&group).copied()
    }

    /// Everything of a group up to this message was taken.
    pub(crate) fn advance(&mut self, group: Id, to: Id) {
        if let Some(from) = self.behind.get_mut(&group) {
            *from = to.max(*from);
        }
    }

    pub(crate) fn caught_up(&mut self, group: Id) {
        self.behind.remove(&group);
    }
}

impl Session {
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.splitn(3, ',');
        let sequence = fields.next()?.parse().ok()?;
        let session = Self { sequence, id: fields.next()?.into(), url: fields.next()?.into() };
        Some(session).filter(Self::is_writable)
    }

    fn to_text(&self) -> String {
        format!("{},{},{}", self.sequence, self.id, self.url)
    }

    /// Discord's have none of the marks that the text is made of.
    fn is_writable(&self) -> bool {
        let url = Url::parse(&self.url);
        let websocket = url.is_ok_and(|it| it.scheme().starts_with("ws") && it.has_host());
        websocket && !self.id.contains([',', ';']) && !self.url.contains([',', ';'])
    }
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|it| !it.is_empty())
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
        position.caught_up(DIRECT);
        position.passed(9);
        assert_eq!(Position::parse(&position.to_text()), Some(position.clone()));
        let from = LATE.0 - OVERLAP;
        assert_eq!(
            position.to_text(),
            format!("1;{LATE};6,5;1:{from},2:{from};9,s1,wss://gateway.example:443/x")
        );
        assert_eq!(Position::parse(""), Some(Position::default()));
    }

    #[test]
    fn foreign_text_is_not_taken_for_a_position() {
        for text in [
            "x",
            "2;1;;;",
            "1;1;;;;",
            "1;1;a;;",
            "1;1;;3;",
            "1;;;;",
            "1;1",
            "1;1;;;x",
            "1;1;;;1,s",
            "1;1;;;1,s,http://x",
        ] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_server_that_was_never_caught_up_keeps_its_place() {
        let mut position = Position::default();
        position.saw(LATE);
        position.begin(session(), &[Id(1), Id(2)]);
        let from = position.behind(Id(1)).unwrap();
        position.caught_up(Id(2));
        position.saw(Id(LATE.0 + (60_000 << 22)));
        position.begin(session(), &[Id(1), Id(2), Id(3)]);
        assert_eq!(position.behind(Id(1)), Some(from));
        assert!(from < position.behind(Id(2)).unwrap());
        let later = Id(LATE.0 + (70_000 << 22));
        position.advance(Id(2), later);
        position.advance(Id(9), LATE);
        assert_eq!((position.behind(Id(2)), position.behind(Id(9))), (Some(later), None));
        position.begin(session(), &[Id(3)]);
        assert_eq!(position.behind(Id(1)), None, "the bot is not in that server any more");
    }

    #[test]
    fn the_first_session_has_nothing_to_catch_up() {
        let mut position = Position::default();
        position.begin(session(), &[Id(1)]);
        assert_eq!((position.behind(Id(1)), position.behind(DIRECT)), (None, None));
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
        position.caught_up(DIRECT);
        position.caught_up(Id(1));
        assert_eq!(position.resumable().map(|it| it.sequence), Some(1));
        position.forget_session();
        assert_eq!(position.resumable(), None);
        position.begin(Session { id: "a;b".into(), ..session() }, &[]);
        assert_eq!(position.resumable(), None, "it could not be written");
    }

    #[test]
    fn only_the_latest_private_chats_are_kept() {
        let mut position = Position::default();
        (1..=150).for_each(|id| position.saw_direct(Id(id)));
        assert_eq!(position.chats().len(), CHATS_MAX);
        assert_eq!(position.chats().last(), Some(&Id(150)));
    }
}
