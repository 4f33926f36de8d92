//! What is read back of a session that did something.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::agent::AgentGroup;
use domain::delivery::by_hand::{HostKey, Standing};
use domain::delivery::{PartKey, Verdict};
use domain::message::{Address, Admitted, Author, Body, InboundKind, Incoming};
use domain::outgoing::{Caps, TextLimit};
use domain::time::Timestamp;
use domain::trace::Rule;
use domain::{AgentName, MessageSeq, SessionId};

use super::*;
use crate::layout::Layout;
use crate::{CentralStore, RunnerStore, SessionContext, SessionStore, TurnEnd};

const NOW: Timestamp = Timestamp(1_000_000);

struct Rig {
    _dir: tempfile::TempDir,
    layout: Layout,
    id: SessionId,
    host: SessionStore,
}

fn central(layout: &Layout) -> CentralStore {
    CentralStore::open(&layout.central()).unwrap()
}

fn address() -> Address {
    Address { channel: "cli".into(), account: "local".into(), chat: "c".into(), thread: None }
}

/// One session with one message, `m1`.
fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let mut central = central(&layout);
    let andy = AgentName::parse("andy").unwrap();
    central.add_agent(&AgentGroup::new(andy.clone())).unwrap();
    let info = domain::message::ChatInfo { title: "Family".into(), is_group: true };
    central.ensure_chat(&address(), &info, None, NOW).unwrap();
    let id = central.create_session(&address(), &andy, NOW).unwrap();
    let paths = layout.session(id);
    std::fs::create_dir_all(paths.inbound_dir()).unwrap();
    std::fs::create_dir_all(paths.outbound_dir()).unwrap();
    let mut host = SessionStore::open(&layout, id).unwrap();
    let message = Incoming {
        from: address(),
        platform_id: "m1".into(),
        body: Body::new(Author::new("u", "Ann"), "hello"),
        ..Incoming::default()
    };
    let rule = Some(Rule { word: "mention".into(), detail: "member".into() });
    host.posting().insert(&[Admitted { message, kind: InboundKind::Chat, rule }], NOW).unwrap();
    Rig { _dir: dir, layout, id, host }
}

impl Rig {
    /// Answered with `text`, with a tool in between.
    fn answer(&mut self, text: &str) {
        let incarnation = self.host.posting().launch(NOW).unwrap();
        let paths = self.layout.session(self.id);
        let (inbound, outbound) = (paths.inbound_dir(), paths.outbound_dir());
        let mut runner = RunnerStore::open(&inbound, &outbound, incarnation).unwrap();
        let seq = MessageSeq(2);
        runner.claim(&[seq], NOW).unwrap();
        runner.tool_started(seq, "t1", "Bash\n", NOW).unwrap();
        runner.tool_ended("t1", true, Timestamp(NOW.0 + 70)).unwrap();
        runner.tool_ended("never begun", true, NOW).unwrap();
        runner.tool_started(seq, "t2", &"x".repeat(200), NOW).unwrap();
        let end = TurnEnd {
            messages: vec![seq],
            outcome: domain::message::Outcome::Answered,
            reason: String::new(),
            text: Some(text.to_owned()),
            cost: domain::cost::Cost::of_turn(31_000),
        };
        runner.end_turn(&end, &[], NOW).unwrap();
        let caps = Caps { text: TextLimit::chars(100), ..Caps::default() };
        let context = SessionContext {
            caps: Arc::new(BTreeMap::from([("cli".to_owned(), caps)])),
            ..SessionContext::default()
        };
        self.host.import(&context, NOW).unwrap();
    }

    fn finish(&mut self, verdict: &Verdict) {
        let key = PartKey("o1.0".into());
        self.host.claim_part(&key, NOW).unwrap().unwrap();
        self.host.conclude(&key, verdict, NOW).unwrap();
    }
}

/// A part of the host.
fn host_part(key: &str) -> crate::NewPart {
    crate::NewPart {
        key: PartKey(key.into()),
        to: address(),
        reply_to: String::new(),
        kind: crate::PartKind::Notice,
        content: crate::Draft::Text("lost".into()),
    }
}

#[test]
fn only_what_tells_of_another_loss_is_lost_without_a_word() {
    let mut rig = rig();
    let unreported = |key: &str| {
        let central = rig.host.central();
        central.say(&host_part(key), NOW).unwrap();
        let key = HostKey { session: None, part: PartKey(key.into()) };
        let dead = Verdict::Dead { why: "no".into() };
        central.claim_parts(std::slice::from_ref(&key), NOW).unwrap().remove(0).unwrap();
        central.conclude_parts(&[(key, dead)], NOW).unwrap();
        central.unreported_dead_letters(5).unwrap().map_or(0, |it| it.count)
    };
    assert_eq!(["dead.1", "undelivered.1.2", "q1.asked"].map(unreported), [0, 0, 1]);
}

#[test]
fn a_message_is_found_by_all_of_its_names_and_known_whole() {
    let mut rig = rig();
    rig.answer("hello back");
    rig.finish(&Verdict::Sent { platform_id: "p9".into() });
    let central = central(&rig.layout);
    let found = Found::Message(rig.id, MessageSeq(2));
    for name in ["last", "s1.2", "m1", "p9", "s1.o1.0"] {
        assert_eq!(central.find_message(&Naming::parse(name)).unwrap(), found, "{name}");
    }
    for name in ["s1.4", "s9.2", "m2", "s1.o3.0", "host.x"] {
        assert_eq!(central.find_message(&Naming::parse(name)).unwrap(), Found::Nothing, "{name}");
    }
    let facts = central.message_facts(rig.id, MessageSeq(2), NOW).unwrap().unwrap();
    assert_eq!(facts.message.rule.map(|it| it.word).as_deref(), Some("mention"));
    assert_eq!(facts.cost, domain::cost::Cost::of_turn(31_000));
    assert_eq!(facts.containers.len(), 1);
    assert_eq!(facts.containers[0].started_at, Some(NOW));
    let names: Vec<&str> = facts.tools.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Bash?", &"x".repeat(64)]);
    assert_eq!(facts.tools[0].end, Some((Timestamp(NOW.0 + 70), true)));
    assert_eq!(facts.parts.len(), 1);
    assert_eq!((facts.parts[0].standing, facts.parts[0].sent_at()), (Standing::Sent, Some(NOW)));
    assert!(facts.parts[0].chat.contains("Family"));
}

#[test]
fn an_unsolicited_part_of_the_host_is_found_by_its_key() {
    let mut rig = rig();
    let hello = host_part("hello");
    rig.host.central().say(&hello, NOW).unwrap();
    let found = central(&rig.layout).find_message(&Naming::parse("host.hello")).unwrap();
    let Found::Part(row) = found else { panic!("{found:?}") };
    assert_eq!(row.sent.key.to_string(), "host.hello");
}

#[test]
fn a_message_shows_its_own_requests_and_its_own_approval() {
    let rig = rig();
    let insert = |sql: &str| central(&rig.layout).conn.execute_batch(sql).unwrap();
    insert(
        "INSERT INTO request (session, seq, cause, form, text, asked_at)
         VALUES (1, 1, 2, 'admin', 'chats list', 5);
         INSERT INTO message (session, seq, channel, account, chat, platform_id, sender_id,
                              received_at, not_before, body)
         SELECT session, 4, channel, account, chat, 'm2', sender_id, received_at, not_before, body
         FROM message WHERE seq = 2;
         INSERT INTO messaging_group (id, channel, account, chat, active_at)
         SELECT 77, channel, account, 'elsewhere', 1 FROM messaging_group;
         INSERT INTO question (id, kind, messaging_group, requester, requester_name, text, options,
                               state, answer, asked_at, expires_at)
         VALUES (9, 'chat', 77, 'cli:u', 'Ann', 'May they?', '[]', 'answered', 'yes', 1, 2);
         INSERT INTO pending_message VALUES (9, 1, 'm1', '{}', 0);",
    );
    let facts =
        |seq| central(&rig.layout).message_facts(rig.id, MessageSeq(seq), NOW).unwrap().unwrap();
    assert_eq!((facts(2).questions.len(), facts(4).questions.len()), (1, 0));
    assert_eq!(facts(2).message.approval, None, "a message of that number waited in another chat");
    insert("UPDATE question SET messaging_group = 1 WHERE id = 9");
    assert_eq!(facts(2).message.approval.map(|it| it.question), Some(9));
}

#[test]
fn what_holds_up_a_message_is_read_of_its_session() {
    let rig = rig();
    let insert = |sql: &str| central(&rig.layout).conn.execute_batch(sql).unwrap();
    insert(
        "INSERT INTO message (session, seq, channel, account, chat, platform_id, sender_id,
                              received_at, not_before, body)
         SELECT session, 4, channel, account, chat, 'm2', sender_id, received_at, not_before, body
         FROM message WHERE seq = 2;
         INSERT INTO request (session, seq, cause, form, text, asked_at)
         VALUES (1, 1, 2, 'question', 'red or blue?', 5);
         UPDATE message SET wait = '{\"class\":\"network\",\"since\":1000000,\"until\":1060000,
             \"count\":1,\"known\":false}' WHERE seq = 2;",
    );
    let context = |now: i64| {
        central(&rig.layout)
            .message_facts(rig.id, MessageSeq(4), Timestamp(now))
            .unwrap()
            .unwrap()
            .context
    };
    let found = context(NOW.0);
    assert_eq!(found.behind, Some(MessageSeq(2)));
    assert_eq!(found.asked_before.map(|it| it.asked_at), Some(Timestamp(5)));
    assert_eq!(found.wait.map(|it| it.until), Some(Timestamp(1_060_000)));
    assert_eq!((context(1_060_000).wait, found.stopped), (None, None), "it is over");
    let andy = domain::stop::Scope::Agent(AgentName::parse("andy").unwrap());
    let stop = |scope, by: &str| central(&rig.layout).stop(scope, by, "", NOW).unwrap();
    stop(&andy, "Ann");
    assert_eq!(context(NOW.0).stopped, Some(("Ann".into(), "andy".into())));
    stop(&domain::stop::Scope::All, "Zoe");
    assert_eq!(context(NOW.0).stopped, Some(("Zoe".into(), "--all".into())));
    insert("UPDATE message SET outcome = 'answered', ended_at = 9 WHERE seq = 2");
    assert_eq!(context(NOW.0).asked_before, None, "nobody waits for that any more");
}

#[test]
fn what_was_given_up_is_listed_and_what_was_dropped_on_purpose_is_not() {
    let mut rig = rig();
    rig.answer("hello back");
    assert_eq!(central(&rig.layout).parts(PartFilter::Unsent).unwrap().len(), 1);
    assert_eq!(central(&rig.layout).parts(PartFilter::Dead).unwrap(), []);
    rig.finish(&Verdict::Dead { why: "no".into() });
    let dead = central(&rig.layout).parts(PartFilter::Dead).unwrap();
    assert_eq!((dead.len(), dead[0].sent.key.to_string().as_str()), (1, "s1.o1.0"));
    let unreported = rig.host.central().unreported_dead_letters(5).unwrap().unwrap();
    assert_eq!((unreported.count, unreported.newest[0].1.key.as_str()), (1, "s1.o1.0"));
    let word = host_part("dead.1");
    rig.host.central().report_dead_letters(&word, unreported.newest_at, NOW).unwrap();
    assert_eq!(rig.host.central().unreported_dead_letters(5).unwrap(), None);
    let keys = [HostKey { session: Some(SessionId(1)), part: PartKey("o1.0".into()) }];
    let order = |it: &mut Rig, order| it.host.central().order_parts(&keys, order, NOW).unwrap();
    use domain::delivery::by_hand::Order::{Drop, Retry};
    assert!(order(&mut rig, Retry)[0].is_ok());
    assert!(order(&mut rig, Drop)[0].is_ok());
    assert!(order(&mut rig, Drop)[0].is_err());
    let done = rig.host.central().events(false, 9).unwrap();
    assert_eq!(done.len(), 2, "what was refused is no event: {done:?}");
    let of_agent = |it: &PartRow| it.agent == "andy";
    assert!(!central(&rig.layout).parts(PartFilter::Unsent).unwrap().iter().any(of_agent));
    assert_eq!(
        central(&rig.layout)
            .parts(PartFilter::All)
            .unwrap()
            .iter()
            .filter(|it| of_agent(it))
            .count(),
        1
    );
    let unreported = rig.host.central().unreported_dead_letters(5).unwrap();
    assert_eq!(unreported, None, "who dropped it knows");
}

#[test]
fn the_agent_is_told_of_a_dead_part_before_its_next_message() {
    let mut rig = rig();
    rig.answer("hello back");
    rig.finish(&Verdict::Dead { why: "blocked".into() });
    let facts = central(&rig.layout).message_facts(rig.id, MessageSeq(4), NOW).unwrap().unwrap();
    assert_eq!(facts.message.kind, InboundKind::Context);
    assert_eq!(facts.message.rule.map(|it| it.detail).as_deref(), Some("o1.0"));
    assert_eq!(rig.host.snapshot().unwrap().waiting, [], "it starts nothing");
}
