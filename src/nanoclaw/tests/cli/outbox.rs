//! What is on its way, what was given up, and what became of a message; without a host.

use domain::delivery::{PartKey, Verdict};
use domain::message::{Address, Admitted, Author, Body, ChatInfo, InboundKind, Incoming, Outcome};
use domain::time::Timestamp;
use domain::trace::Rule;
use domain::{AgentName, MessageSeq};
use store::layout::Layout;
use store::{RunnerStore, SessionContext, SessionStore, TurnEnd};

use crate::Home;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn key() -> PartKey {
    PartKey("o1.0".into())
}

/// Ann's "hello" in a group, answered; returns the session's databases.
fn answered(home: &Home) -> SessionStore {
    home.run(&["outbox", "list"]).fine();
    let mut central = home.store();
    let from =
        Address { channel: "cli".into(), account: "local".into(), chat: "c".into(), thread: None };
    let info = ChatInfo { title: "Family".into(), is_group: true };
    central.ensure_chat(&from, &info, None, NOW).unwrap();
    let id = central.create_session(&from, &AgentName::parse("andy").unwrap(), NOW).unwrap();
    let paths = Layout::new(home.path()).session(id);
    std::fs::create_dir_all(paths.inbound_dir()).unwrap();
    std::fs::create_dir_all(paths.outbound_dir()).unwrap();
    let mut host = SessionStore::open(&Layout::new(home.path()), id).unwrap();
    let sender = Author::new("u", "Ann\u{1b}[2J");
    let body = Body { chat: info, ..Body::new(sender, "hello") };
    let message = Incoming { from, platform_id: "m1".into(), body, ..Incoming::default() };
    let rule = Some(Rule { word: "mention".into(), detail: "member".into() });
    host.posting().insert(&[Admitted { message, kind: InboundKind::Chat, rule }], NOW).unwrap();
    let incarnation = host.posting().launch(NOW).unwrap();
    let (inbound, outbound) = (paths.inbound_dir(), paths.outbound_dir());
    let mut runner = RunnerStore::open(&inbound, &outbound, incarnation).unwrap();
    let messages = vec![MessageSeq(2)];
    runner.claim(&messages, NOW).unwrap();
    let text = Some("the answer is much longer than what a list has room for".to_owned());
    let end =
        TurnEnd { messages, outcome: Outcome::Answered, reason: String::new(), text, cost: None };
    runner.end_turn(&end, &[], NOW).unwrap();
    host.import(&SessionContext::default(), NOW).unwrap();
    host
}

fn conclude(host: &mut SessionStore, verdict: &Verdict) {
    host.claim_part(&key(), NOW).unwrap().unwrap();
    host.conclude(&key(), verdict, NOW).unwrap();
}

#[test]
fn an_outbox_without_anything_says_so_and_wrong_keys_are_explained() {
    let home = Home::new();
    assert!(home.run(&["outbox", "list"]).fine().contains("nothing waits"));
    assert_eq!(home.run(&["outbox", "list", "--json"]).json(), serde_json::json!([]));
    home.run(&["outbox", "show", "s9.o1.0"]).refused(1, "there is no part s9.o1.0");
    home.run(&["outbox", "show", "nonsense"]).refused(64, "a key reads like");
    home.run(&["outbox", "retry"]).refused(64, "KEY");
    home.run(&["outbox", "retry", "s9.o1.0"]).refused(1, "there is no such part");
    assert!(home.run(&["outbox", "retry", "--all-dead"]).fine().contains("nothing was given up"));
    let help = home.run(&["outbox", "list", "--help"]).fine();
    assert!(help.contains("uncertain"), "{help}");
}

#[test]
fn a_dead_part_is_listed_sent_again_and_dropped() {
    let home = Home::new();
    let mut host = answered(&home);
    conclude(&mut host, &Verdict::Dead { why: "the bot was blocked".into() });
    drop(host);
    let list = home.run(&["outbox", "list", "--dead"]).fine();
    for part in ["s1.o1.0", "dead", "andy", "Family", "the bot was blocked", "…"] {
        assert!(list.contains(part), "{part} is missing in\n{list}");
    }
    assert!(!list.contains("room for"), "{list}");
    let info = ChatInfo { title: "Other".into(), is_group: true };
    let at =
        Address { channel: "cli".into(), account: "local".into(), chat: "d".into(), thread: None };
    let family = Address { chat: "c".into(), ..at.clone() };
    home.store().ensure_chat(&at, &info, None, NOW).unwrap();
    let chats = home.store().chats().unwrap();
    let number = chats.iter().find(|it| it.address == family).unwrap().id.to_string();
    for chat in ["family", "cli:c", "c", number.as_str()] {
        let list = home.run(&["outbox", "list", "--chat", chat, "--json"]).json();
        assert_eq!((&list[0]["key"], &list[0]["cause"]), (&"s1.o1.0".into(), &"s1.2".into()));
    }
    for chat in ["other", "d"] {
        let none = home.run(&["outbox", "list", "--chat", chat, "--json"]).json();
        assert_eq!(none, serde_json::json!([]));
    }
    home.run(&["outbox", "list", "--chat", "nobody"]).refused(1, "there is no chat `nobody`");
    assert!(home.run(&["outbox", "show", "s1.o1.0"]).fine().contains("room for"));
    let text = home.run(&["outbox", "retry", "--all-dead"]).fine();
    assert!(text.contains("s1.o1.0 is sent again"), "{text}");
    assert!(!home.store().awake().unwrap().is_empty(), "the next host finds it");
    let list = home.run(&["outbox", "list", "--json"]).json();
    assert_eq!(list[0]["state"], "ready");
    let text = home.run(&["outbox", "remove", "s1.o1.0"]).fine();
    assert!(text.contains("was dropped") && text.contains("the answer is"), "{text}");
    home.run(&["outbox", "remove", "s1.o1.0"]).refused(1, "it was given up already");
    let said = home.run(&["outbox", "remove", "s1.o1.0", "--json"]);
    assert_eq!(said.code, 1);
    assert_eq!(said.json()[0]["why"], "it was given up already");
}

#[test]
fn a_message_tells_its_story_by_any_of_its_names() {
    let home = Home::new();
    home.run(&["why", "last"]).refused(1, "there is no message `last`");
    let mut host = answered(&home);
    conclude(&mut host, &Verdict::Sent { platform_id: "p9".into() });
    drop(host);
    home.run(&["timezone", "Asia/Tokyo"]).fine();
    for name in ["last", "s1.2", "m1", "p9", "s1.o1.0"] {
        let text = home.run(&["why", name]).fine();
        for part in [
            "s1.2 for andy: answered",
            "Family",
            "the message mentions the bot; its sender is a member",
            "container 1 took it, by its own word",
            "part s1.o1.0 is there as p9",
            "Wed 15 Nov 2023 07:13:20 JST",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert!(!text.contains("room for"), "not what was said: {text}");
    }
    let story = home.run(&["why", "last", "--json"]).json();
    assert_eq!(
        (&story["message"], &story["rule"]["word"], &story["parts"][0]["platform_id"]),
        (&"s1.2".into(), &"mention".into(), &"p9".into())
    );
    assert_eq!(story["host_runs"], false);
    home.run(&["why", "s1.4"]).refused(1, "there is no message `s1.4`");
    assert!(home.run(&["why", "--help"]).fine().contains("the newest message"));
}
