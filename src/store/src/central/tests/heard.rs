//! Signs of life, and what is said about the time without any.

use std::time::Duration;

use domain::continuity::{Gap, TOLD_WITHIN};
use domain::people::Role;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn told(store: &CentralStore) -> Vec<String> {
    let sql = "SELECT account || '/' || chat FROM part ORDER BY id";
    crate::row::list(&store.conn, sql, []).unwrap()
}

/// A chat of the account `main` of telegram that is wired to andy.
fn wired(store: &mut CentralStore, chat: &str, now: Timestamp) -> Address {
    let here = at("telegram", chat);
    store.ensure_chat(&here, &ChatInfo::default(), Some(chat), now).unwrap();
    store.wire(&here, &agent("andy"), now).unwrap();
    here
}

#[test]
fn the_last_sign_of_life_wins_unless_the_clock_was_set_back() {
    let (_dir, store) = store();
    assert_eq!(store.heard("telegram", "main").unwrap(), None);
    let heard = |at: i64, now: i64| {
        store.set_heard("telegram", "main", Timestamp(at), Timestamp(now)).unwrap();
        store.heard("telegram", "main").unwrap().unwrap().0
    };
    assert_eq!([heard(5, 5), heard(9, 9), heard(7, 10)], [5, 9, 9]);
    assert_eq!(heard(3, 4), 3, "9 lies ahead of a clock that says 4");
    assert_eq!(store.heard("telegram", "other").unwrap(), None);
}

#[test]
fn a_gap_is_told_once_in_each_chat_that_is_wired_and_was_active() {
    let (_dir, mut store) = store_with(&["andy"]);
    let old = wired(&mut store, "old", NOW);
    let now = NOW + TOLD_WITHIN + HOUR;
    wired(&mut store, "1", now);
    wired(&mut store, "2", now);
    let denied = wired(&mut store, "3", now);
    let id = store.chat(&denied).unwrap().unwrap().id;
    store.set_denied(id, Some(now)).unwrap();
    store.ensure_chat(&at("telegram", "unwired"), &ChatInfo::default(), Some("x"), now).unwrap();
    let elsewhere = Address { account: "other".into(), ..at("telegram", "9") };
    store.wire(&elsewhere, &agent("andy"), now).unwrap();

    store.set_heard("telegram", "main", now, now).unwrap();
    let back = now + HOUR;
    assert_eq!(store.close_gap("telegram", "main", Gap::Unknown, back).unwrap(), Some(now));
    assert_eq!(told(&store), ["main/1", "main/2"]);
    assert_eq!(store.heard("telegram", "main").unwrap(), Some(back));
    // The same connection again, as after a crash right behind the commit.
    assert_eq!(store.close_gap("telegram", "main", Gap::Unknown, back).unwrap(), None);
    assert_eq!(told(&store).len(), 2);

    // Something is accepted there again, so the next gap is told there, too.
    store.ensure_chat(&old, &ChatInfo::default(), Some("old"), back).unwrap();
    store.close_gap("telegram", "main", Gap::Unknown, back + HOUR).unwrap();
    assert_eq!(told(&store), ["main/1", "main/2", "main/old", "main/1", "main/2"]);
}

#[test]
fn what_is_covered_or_never_began_is_not_told() {
    let (_dir, mut store) = store_with(&["andy"]);
    wired(&mut store, "1", NOW);
    store.close_gap("telegram", "main", Gap::Unknown, NOW).unwrap();
    for gap in [Gap::None, Gap::Backfilled(9)] {
        let later = store.heard("telegram", "main").unwrap().unwrap() + HOUR;
        assert_eq!(store.close_gap("telegram", "main", gap, later).unwrap(), None);
        assert_eq!(store.heard("telegram", "main").unwrap(), Some(later));
    }
    assert_eq!(told(&store), Vec::<String>::new());
}

#[test]
fn owners_hear_elsewhere_and_once_that_an_account_is_locked_out() {
    let (_dir, mut store) = store_with(&["andy"]);
    let ann = store.add_person(&telegram("1"), "Ann", NOW).unwrap();
    store.grant(ann, &Role::Owner).unwrap();
    wired(&mut store, "1", NOW);
    let other = Address { account: "other".into(), ..at("telegram", "1") };
    let locked = |store: &mut CentralStore| {
        store.say_locked_out("telegram", "main", ("locked-out", "no"), NOW).unwrap();
        told(store)
    };
    assert_eq!(locked(&mut store), Vec::<String>::new(), "there is nothing but the closed account");
    store.ensure_chat(&other, &ChatInfo::default(), Some("1"), NOW).unwrap();
    assert_eq!(locked(&mut store), ["other/1"]);
    assert_eq!(locked(&mut store).len(), 1);
    store.set_heard("telegram", "main", NOW + HOUR, NOW + HOUR).unwrap();
    assert_eq!(locked(&mut store).len(), 2, "it was well in between");
}
