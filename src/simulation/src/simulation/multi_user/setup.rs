//! The host before anybody writes.

use std::time::Duration;

use domain::AgentName;
use domain::admission::Scope;
use domain::agent::AgentGroup;
use domain::engage::Engage;
use domain::message::ChatInfo;
use domain::people::{Handle, Role};
use domain::session_key::ChatId;
use store::{CentralStore, NewPairing, PairingRole, Wiring};

use super::expect::open_codes;
use super::people::{ANDY, Chat, HUB, Person};
use super::plan::{ANN_CODE, MultiUser, PLAZA};
use crate::host::World;
use crate::platform::{FakePlatform, NAME};
use crate::simulation::blank;

/// As long as one that is shown on the terminal.
const CODE_LIFE: Duration = Duration::from_secs(10 * 60);

pub(super) fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

pub(super) fn world(multi_user: &MultiUser) -> World {
    let mut world = World::with_notifications(multi_user.notifications);
    world.platform = if multi_user.plain { FakePlatform::plain() } else { FakePlatform::public() };
    blank::put(&world.layout());
    let mut central = central(&world);
    for name in [ANDY, HUB] {
        central.add_agent(&AgentGroup::new(agent(name))).unwrap();
    }
    for chat in [Chat::Family, Chat::Hall, Chat::Yard] {
        wire(&world, &mut central, chat);
    }
    let (plaza, plaza_chat) = PLAZA;
    let plaza_chat = known(&world, &mut central, plaza_chat, None);
    for name in [ANDY, HUB] {
        central.add_destination(&agent(name), plaza, plaza_chat).unwrap();
    }
    people(&world, &mut central, multi_user);
    open(&world, &mut central, multi_user);
    world
}

fn known(world: &World, central: &mut CentralStore, chat: Chat, peer: Option<&str>) -> ChatId {
    let info = if chat.is_group() {
        ChatInfo { title: chat.name().into(), is_group: true }
    } else {
        ChatInfo::default()
    };
    central.ensure_chat(&chat.address(), &info, peer, world.now()).unwrap().id
}

fn wire(world: &World, central: &mut CentralStore, chat: Chat) {
    let id = known(world, central, chat, None);
    for (name, mode) in chat.wired() {
        let mut wiring = Wiring::usual(id, agent(name), true);
        wiring.session_mode = *mode;
        assert!(wiring.scope == Scope::Known && wiring.engage == Engage::Mention);
        central.set_wiring(&wiring).unwrap();
    }
}

fn person(world: &World, central: &mut CentralStore, who: Person) -> domain::people::PersonId {
    central.add_person(&Handle::new(NAME, &who.id()), who.name(), world.now()).unwrap()
}

fn people(world: &World, central: &mut CentralStore, multi_user: &MultiUser) {
    let zed = person(world, central, Person::Zed);
    for name in [ANDY, HUB] {
        central.add_member(zed, &agent(name)).unwrap();
    }
    let eve = Handle::new(NAME, &Person::Eve.id());
    central.deny(&eve, Person::Eve.name(), &agent(ANDY)).unwrap();
    if multi_user.zoe_is_admin {
        let zoe = person(world, central, Person::Zoe);
        central.grant(zoe, &Role::Admin { of: Some(agent(HUB)) }).unwrap();
    }
    if multi_user.ann_is_owner {
        let ann = person(world, central, Person::Ann);
        central.grant(ann, &Role::Owner).unwrap();
        let chat = known(world, central, Chat::Ann, Some(&Person::Ann.id()));
        central.set_wiring(&Wiring::usual(chat, agent(ANDY), false)).unwrap();
    }
}

fn open(world: &World, central: &mut CentralStore, multi_user: &MultiUser) {
    for code in open_codes(multi_user) {
        let role = if code == ANN_CODE { PairingRole::Owner } else { PairingRole::Member };
        let pairing = NewPairing {
            code: code.into(),
            role: Some(role),
            agent: Some(agent(ANDY)),
            wires: true,
            expires_at: world.now() + CODE_LIFE,
        };
        central.open_pairing(&pairing, world.now()).unwrap();
    }
}
