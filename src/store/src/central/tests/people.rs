//! People, what they were granted and refused.

use domain::people::{Access, Role, access};

use super::*;

#[test]
fn a_person_has_several_handles_and_each_is_one_persons() {
    let (_dir, mut store) = store();
    let (here, there) = (telegram("1"), Handle::new("discord", "1"));
    let ann = store.add_person(&here, "Ann", NOW).unwrap();
    assert_eq!(store.add_person(&here, "Annabel", NOW).unwrap(), ann, "known already");
    assert_eq!(store.person(ann).unwrap().unwrap().name, "Ann");
    assert_eq!(store.person_of(&there).unwrap(), None, "same number, other channel");

    let bob = store.add_person(&telegram("2"), "", NOW).unwrap();
    assert_eq!(store.link(ann, &there).unwrap(), Linked::Yes);
    assert_eq!(store.link(ann, &there).unwrap(), Linked::Already);
    assert_eq!(store.link(bob, &there).unwrap(), Linked::Anothers(ann));
    assert_eq!(store.link(domain::people::PersonId(99), &telegram("3")).unwrap(), Linked::NoPerson);
    assert_eq!(store.handles_of(ann).unwrap(), [there.clone(), here.clone()]);
    assert_eq!(store.people().unwrap().iter().map(|it| it.handles.len()).sum::<usize>(), 3);

    assert_eq!(store.unlink(&here).unwrap(), Unlinked::Yes(ann));
    assert_eq!(store.unlink(&there).unwrap(), Unlinked::OnlyOne(ann));
    assert_eq!(store.unlink(&here).unwrap(), Unlinked::NoHandle);
    store.add_person(&telegram("2"), "Bob", NOW).unwrap();
    assert_eq!(store.person(bob).unwrap().unwrap().name, "Bob", "a name that was missing");
    assert!(store.rename_person(bob, "Robert").unwrap());
    assert_eq!(store.remove_person(bob).unwrap(), Removed::Yes);
    assert_eq!(store.remove_person(bob).unwrap(), Removed::NotThere);
    assert_eq!(store.person_of(&telegram("2")).unwrap(), None);
}

#[test]
fn the_last_owner_stays() {
    let (_dir, mut store) = store();
    assert!(!store.has_owner().unwrap());
    let ann = store.add_person(&telegram("1"), "Ann", NOW).unwrap();
    let bob = store.add_person(&telegram("2"), "Bob", NOW).unwrap();
    assert!(store.grant(ann, &Role::Owner).unwrap());
    assert!(!store.grant(ann, &Role::Owner).unwrap(), "there is only one of it");
    assert!(store.has_owner().unwrap());
    assert_eq!(store.revoke(ann, &Role::Owner).unwrap(), Removed::LastOwner);
    assert_eq!(store.remove_person(ann).unwrap(), Removed::LastOwner);
    assert_eq!(store.revoke(bob, &Role::Owner).unwrap(), Removed::NotThere);

    store.grant(bob, &Role::Owner).unwrap();
    assert_eq!(store.revoke(ann, &Role::Owner).unwrap(), Removed::Yes);
    assert_eq!(store.remove_person(ann).unwrap(), Removed::Yes);
    assert_eq!(store.remove_person(bob).unwrap(), Removed::LastOwner);
}

#[test]
fn a_role_of_one_agent_is_told_apart_from_that_of_all() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let ann = store.add_person(&telegram("1"), "Ann", NOW).unwrap();
    let of = |name: Option<&str>| Role::Admin { of: name.map(agent) };
    assert!(store.grant(ann, &of(Some("andy"))).unwrap());
    assert!(!store.grant(ann, &of(Some("andy"))).unwrap());
    let access_to = |store: &CentralStore, name| {
        access(store.standing(&telegram("1")).unwrap().map(|it| it.1).as_ref(), &agent(name))
    };
    assert_eq!(access_to(&store, "andy"), Access::Admin);
    assert_eq!(access_to(&store, "ben"), Access::Unknown);
    assert_eq!(store.revoke(ann, &of(None)).unwrap(), Removed::NotThere);
    store.grant(ann, &of(None)).unwrap();
    assert_eq!(access_to(&store, "ben"), Access::Admin);
    assert_eq!(store.revoke(ann, &of(Some("andy"))).unwrap(), Removed::Yes);
    assert_eq!(store.roles().unwrap().len(), 1);
    assert!(store.grant(ann, &of(Some("eve"))).is_err(), "no such agent");
    assert_eq!(store.standing(&telegram("9")).unwrap(), None);
}

#[test]
fn a_denial_holds_until_somebody_makes_them_a_member() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let eve = telegram("66");
    store.deny(&eve, "Eve", &agent("andy")).unwrap();
    store.deny(&eve, "Eve", &agent("andy")).unwrap();
    store.deny(&eve, "Eve", &agent("ben")).unwrap();
    assert!(store.is_denied(&eve, &agent("andy")).unwrap());
    assert_eq!(store.denials().unwrap().len(), 2);

    let id = store.add_person(&eve, "Eve", NOW).unwrap();
    assert!(store.add_member(id, &agent("andy")).unwrap());
    assert!(!store.add_member(id, &agent("andy")).unwrap());
    assert!(!store.is_denied(&eve, &agent("andy")).unwrap());
    assert!(store.is_denied(&eve, &agent("ben")).unwrap());
    assert_eq!(store.standing(&eve).unwrap().unwrap().1.member_of, [agent("andy")]);
    assert_eq!(store.members().unwrap()[0].name, "Eve");
    assert!(store.remove_member(id, &agent("andy")).unwrap());
    assert!(!store.remove_member(id, &agent("andy")).unwrap());
}

#[test]
fn those_who_may_decide_come_with_every_handle() {
    let (_dir, mut store) = store_with(&["andy", "ben"]);
    let ann = store.add_person(&telegram("1"), "Ann", NOW).unwrap();
    let bob = store.add_person(&telegram("2"), "Bob", NOW).unwrap();
    store.link(ann, &Handle::new("discord", "d1")).unwrap();
    store.grant(bob, &Role::Admin { of: Some(agent("andy")) }).unwrap();
    store.grant(ann, &Role::Owner).unwrap();
    let who = |of: Option<&str>| -> Vec<(String, usize)> {
        let of = of.map(agent);
        let rows = store.approver_candidates(of.as_ref()).unwrap();
        rows.into_iter().map(|it| (it.0.name, it.1.len())).collect()
    };
    assert_eq!(who(Some("andy")), [("Bob".to_owned(), 1), ("Ann".to_owned(), 2)]);
    assert_eq!(who(Some("ben")), [("Ann".to_owned(), 2)]);
    assert_eq!(who(None), [("Ann".to_owned(), 2)]);
}
