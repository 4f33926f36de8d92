//! The operations on a real database.

mod admin_scope;
mod agents;
mod finding;
mod heartbeat;
mod tasks;
mod undoing;
mod wiring;

use domain::AgentName;
use domain::agent::{AdminScope, AgentGroup};
use domain::message::{Address, Author, ChatInfo};
use domain::people::{Handle, Role};
use domain::time::Timestamp;
use store::CentralStore;

use crate::{Caller, OperationError, Output, parse_line, perform};

const NOW: Timestamp = Timestamp(1_000);

/// Two agents, three people, four chats: the family's group with both agents, Ann's direct chat
/// and a club with `andy` and `ben`, and one that nobody is in.
struct World {
    dir: tempfile::TempDir,
    store: CentralStore,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut store = CentralStore::open(&dir.path().join("central.db")).unwrap();
        for name in ["andy", "ben"] {
            store.add_agent(&AgentGroup::new(agent(name))).unwrap();
        }
        let group = |title: &str| ChatInfo { title: title.into(), is_group: true };
        let direct = ChatInfo::default();
        store.ensure_chat(&at("-1"), &group("Our Family"), None, NOW).unwrap();
        store.ensure_chat(&at("7"), &direct, Some("7"), NOW).unwrap();
        store.ensure_chat(&at("-2"), &group("The Club"), None, NOW).unwrap();
        store.ensure_chat(&at("-3"), &group("Newcomers"), None, NOW).unwrap();
        let ann = store.add_person(&Handle::new("telegram", "7"), "Ann", NOW).unwrap();
        store.grant(ann, &Role::Owner).unwrap();
        let bob = store.add_person(&Handle::new("telegram", "8"), "Bob", NOW).unwrap();
        store.add_member(bob, &agent("andy")).unwrap();
        let cy = store.add_person(&Handle::new("telegram", "9"), "Cy", NOW).unwrap();
        store.add_member(cy, &agent("ben")).unwrap();
        let mut world = Self { dir, store };
        for line in [
            "chats connect 1 andy",
            "chats connect 1 ben",
            "chats connect 2 andy",
            "chats connect 3 ben",
        ] {
            world.fine(line);
        }
        let eve = Author::new("66", "Eve");
        for chat in ["-1", "-2"] {
            world.store.record_drop(&at(chat), &eve, "unknown-strict", NOW).unwrap();
        }
        world
    }

    fn run(&mut self, line: &str, caller: &Caller) -> Result<Output, OperationError> {
        let operation = parse_line(line).unwrap_or_else(|why| panic!("{line}: {why}"));
        perform(&operation, &mut self.store, caller, NOW)
    }

    #[track_caller]
    fn fine(&mut self, line: &str) -> Output {
        self.run(line, &Caller::Host).unwrap_or_else(|err| panic!("{line}: {err} {err:?}"))
    }

    /// The refusal, with what it says to do.
    #[track_caller]
    fn refused(&mut self, line: &str, caller: &Caller) -> String {
        let err = self.run(line, caller).map(|it| it.text).expect_err(line);
        assert!(!matches!(err, OperationError::Store(_)), "{err:?}");
        format!("{err}; {}", err.hint().unwrap_or_default())
    }
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

fn at(chat: &str) -> Address {
    let (channel, account) = ("telegram".into(), "main".into());
    Address { channel, account, chat: chat.into(), thread: None }
}

fn andy(admin_scope: AdminScope) -> Caller {
    Caller::Agent { group: agent("andy"), admin_scope }
}
