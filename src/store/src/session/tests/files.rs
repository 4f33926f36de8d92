//! Which files are fetched: those of messages for the agent, and a few of what is shown with one.

use domain::message::{Admitted, Attachment, FileKind};
use domain::people::Access;
use domain::trace::Rule;
use rusqlite::params;

use super::*;
use crate::row::list;

const MIB: u64 = 1024 * 1024;

fn file(source: &str, bytes: Option<u64>) -> Attachment {
    let (name, mime) = (String::from("a.png"), String::from("image/png"));
    let source = source.into();
    Attachment { kind: FileKind::Image, name, mime, bytes, source, is_quoted: true }
}

fn put(pair: &Pair, id: &str, kind: InboundKind, access: Access, file: Attachment) {
    let message = Incoming { files: vec![file], ..incoming(id) };
    let rule = Some(Rule { word: "mention".into(), detail: access.as_str().into() });
    pair.host.rows().insert(&[Admitted { message, kind, rule }], NOW).unwrap();
}

/// Sources of the files in a state, in their order.
fn sources(pair: &Pair, state: &str) -> Vec<String> {
    let sql = "SELECT source FROM attachment WHERE session = ?1 AND state = ?2 ORDER BY message";
    let rows = pair.host.rows();
    list(&rows.scope, sql, params![rows.scope.session, state]).unwrap()
}

#[test]
fn what_was_not_for_the_agent_is_fetched_when_it_is_shown_and_no_more_than_a_little() {
    let mut pair = pair();
    for n in 0..8 {
        let small = file(&format!("s{n}"), Some(MIB));
        put(&pair, &format!("c{n}"), InboundKind::Context, Access::Member, small);
    }
    let snapshot = pair.host.snapshot().unwrap();
    assert!(snapshot.file.is_none() && sources(&pair, "pending").is_empty());
    pair.say("m1");
    assert_eq!(sources(&pair, "pending"), ["s4", "s5", "s6", "s7"]);
    let shown = pair.host.rows().content().unwrap();
    assert!(format!("{shown:?}").contains("was not for you"), "{shown:?}");
    for (n, bytes) in [(0, Some(1)), (1, Some(10 * MIB)), (2, Some(10 * MIB)), (3, None)] {
        let large = file(&format!("l{n}"), bytes);
        put(&pair, &format!("d{n}"), InboundKind::Context, Access::Member, large);
    }
    pair.say("m2");
    assert_eq!(sources(&pair, "pending")[4..], ["l3"], "one of unknown size is all of them");
}

#[test]
fn an_unknown_user_has_only_so_much_fetched_within_an_hour() {
    let pair = pair();
    for n in 0..5 {
        for (who, access) in [("u", Access::Unknown), ("m", Access::Member)] {
            let large = file(&format!("{who}{n}"), Some(20 * MIB));
            let id = format!("{who}{n}");
            let mut message = Incoming { files: vec![large], ..incoming(&id) };
            message.body.sender.id = who.into();
            let rule = Some(Rule { word: "mention".into(), detail: access.as_str().into() });
            let admitted = Admitted { message, kind: InboundKind::Chat, rule };
            pair.host.rows().insert(&[admitted], NOW).unwrap();
        }
    }
    assert_eq!(sources(&pair, "failed"), ["u4"]);
}

#[test]
fn a_file_is_found_again_where_its_source_came_into_the_same_chat() {
    let mut pair = pair();
    put(&pair, "m1", InboundKind::Chat, Access::Member, file("s", Some(3)));
    let first = pair.host.snapshot().unwrap().file.unwrap().1;
    assert_eq!(pair.host.rows().same_file(&first).unwrap(), None);
    let (path, name, mime) = ("files/2/a.png".to_owned(), "a.png".into(), "image/png".into());
    let here = Fetched::Here { path: path.clone(), name, mime, bytes: 3 };
    assert!(pair.host.rows().fetched(&first, &here).unwrap());
    put(&pair, "m2", InboundKind::Chat, Access::Member, file("s", Some(3)));
    let second = pair.host.snapshot().unwrap().file.unwrap().1;
    assert_eq!(pair.host.rows().same_file(&second).unwrap(), Some(path));
    let elsewhere = Address { chat: "another".into(), ..second.from.clone() };
    let elsewhere = PendingFile { from: elsewhere, ..second };
    assert_eq!(pair.host.rows().same_file(&elsewhere).unwrap(), None);
}
