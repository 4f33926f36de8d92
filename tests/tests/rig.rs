//! What scenarios about people and approvals begin with: a public platform, roles, codes, cards.

use std::time::Duration;

use domain::AgentName;
use domain::message::Author;
use domain::people::{Handle, Role};
use harness::host::World;
use harness::platform::{FakePlatform, NAME, Shown};
use store::{CentralStore, NewPairing, PairingRole};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn public() -> World {
    World::on(FakePlatform::public())
}

pub(crate) fn central(world: &World) -> CentralStore {
    CentralStore::open(&world.layout().central()).unwrap()
}

pub(crate) fn andy() -> AgentName {
    AgentName::parse("andy").unwrap()
}

pub(crate) fn by(id: &str, name: &str) -> Author {
    Author::new(id, name)
}

/// Makes somebody a person with a role.
pub(crate) fn grant(world: &World, id: &str, role: &Role) {
    let mut central = central(world);
    let person = central.add_person(&Handle::new(NAME, id), id, world.now()).unwrap();
    central.grant(person, role).unwrap();
}

pub(crate) fn shown_in(world: &World, chat: &str) -> Vec<Shown> {
    world.platform.shown().into_iter().filter(|it| it.to.chat == chat).collect()
}

/// The private chat of somebody, as the platform names it.
pub(crate) fn direct(id: &str) -> String {
    format!("dm-{id}")
}

/// Presses the button with this label on the last card in a chat.
pub(crate) fn press(world: &World, chat: &str, label: &str, who: Author) {
    let shown = shown_in(world, chat);
    let card = shown.iter().rev().find(|it| !it.buttons.is_empty()).unwrap();
    let button = card.buttons.iter().find(|it| it.label == label);
    let button = button.unwrap_or_else(|| panic!("no {label} in {:?}", card.buttons));
    world.platform.click(&card.id, &button.data, who);
}

pub(crate) fn open_code(world: &World, role: Option<PairingRole>) -> String {
    let pairing = NewPairing {
        code: "123456".into(),
        role,
        agent: Some(andy()),
        wires: true,
        expires_at: world.now() + 10 * MINUTE,
    };
    central(world).open_pairing(&pairing, world.now()).unwrap();
    pairing.code
}
