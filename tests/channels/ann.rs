//! A whole host that is connected to a double, and Ann, who writes to it.

use std::time::Duration;

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::message::{Address, ChatInfo};
use domain::people::Handle;
use harness::conformance::{Double, Post, TestChat, Visible};
use harness::host::World;
use store::{AccountRow, CentralStore, Wiring};

/// Far above what a loaded machine takes for any single step.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// What people see before something that they may have seen already.
const MARK: &str = "(possibly a repeat)";

/// A host that is connected to the double. Andy answers Ann in private, and in the group when he is
/// mentioned.
pub(super) fn world(double: &dyn Double) -> World {
    let account = double.account();
    let mut world = World::new();
    world.engine.slow_down(Duration::ZERO);
    world.others = vec![double.registration()];
    world.credential = account.fields.get("token").unwrap().clone();
    let mut central = CentralStore::open(&world.layout().central()).unwrap();
    let (channel, now) = (double.registration().name.to_owned(), world.now());
    let row = AccountRow { urls: account.urls, ..AccountRow::new(&channel, &account.name, now) };
    central.put_account(&row).unwrap();
    let andy = AgentName::parse("andy").unwrap();
    central.add_agent(&AgentGroup::new(andy.clone())).unwrap();
    let [(id, name), _] = double.people();
    let ann = central.add_person(&Handle::new(&channel, &id), &name, now).unwrap();
    central.add_member(ann, &andy).unwrap();
    let places = double.places();
    for (place, peer) in [(places.direct, Some(&*id)), (places.group, None)] {
        let (channel, account) = (channel.clone(), account.name.clone());
        let at = Address { channel, account, chat: place.chat, thread: None };
        let info = ChatInfo { is_group: place.is_group, ..ChatInfo::default() };
        let chat = central.ensure_chat(&at, &info, peer, now).unwrap().id;
        central.set_wiring(&Wiring::usual(chat, andy.clone(), place.is_group)).unwrap();
    }
    world
}

/// Ann writes her message of this number; returns its id.
pub(super) async fn says(double: &dyn Double, place: &TestChat, n: usize) -> String {
    let post = Post::plain(double, place, &format!("number {n}"));
    double.post(Post { mention: place.is_group, ..post }).await
}

/// What answers her message of this number, the oldest first.
pub(super) fn answers(visible: &[Visible], n: usize) -> impl Iterator<Item = &Visible> {
    let said = format!("number {n}\"");
    visible.iter().filter(move |it| it.text.contains(&said))
}

/// It says itself that it may be a repeat.
pub(super) fn is_marked(shown: &Visible) -> bool {
    shown.text.contains(MARK)
}
