//! Whole stories on fixed facts.

use super::*;
use crate::cost::Cost;
use crate::delivery::PartKey;
use crate::delivery::by_hand::HostKey;
use crate::message::{Author, Body, Change, Outcome, Thread};
use crate::session::Launches;
use crate::texts::chat_name;
use crate::trace::{Asked, End, Fetching, Question, Tool, TraceContext};
use crate::waits::{ProviderWait, WaitClass};
use crate::{Incarnation, MessageSeq, SessionId};

const T0: Timestamp = Timestamp(1_000_000);

fn at(ms: i64) -> Timestamp {
    Timestamp(T0.0 + ms)
}

/// Seconds since the beginning, so that no test depends on a time zone.
fn clock(at: Timestamp) -> String {
    let ms = at.0 - T0.0;
    format!("T{:+}.{}", ms / 1_000, (ms % 1_000).abs() / 100)
}

fn text(facts: &Facts) -> String {
    let head = head(facts, clock).into_iter().map(|(what, fact)| format!("{what}: {fact}"));
    let story = story(facts).into_iter().map(|it| format!("{} {}", clock(it.0), it.1));
    let waits = waits(facts, clock).into_iter().map(|it| format!("waits: {it}"));
    head.chain(story).chain(waits).collect::<Vec<_>>().join("\n")
}

fn asked() -> Asked {
    Asked {
        session: SessionId(7),
        seq: MessageSeq(42),
        agent: "andy".into(),
        kind: InboundKind::Chat,
        body: Body {
            sender: Author::new("5", "Ann"),
            sent_at: Some(at(-1_000)),
            ..Body::default()
        },
        handle: "telegram:5".into(),
        chat: chat_name("Family", "-100", "telegram", None),
        platform_id: "4711".into(),
        received_at: T0,
        rule: Some(Rule { word: "mention".into(), detail: "member".into() }),
        approval: None,
        end: Some(End { outcome: Outcome::Answered, reason: String::new(), at: at(4_000) }),
        tries: 0,
        not_before: T0,
    }
}

fn taker(incarnation: i64, started: i64) -> Taker {
    Taker {
        incarnation: Incarnation(incarnation),
        started_at: Some(at(started)),
        ended_at: None,
        reason: String::new(),
        claimed_at: at(started + 900),
    }
}

fn sent() -> Sent {
    Sent {
        key: HostKey { session: Some(SessionId(7)), part: PartKey("o3.0".into()) },
        kind: "answer".into(),
        form: "text".into(),
        chat: chat_name("Family", "-100", "telegram", None),
        standing: Standing::Sent,
        held: false,
        tries: 0,
        misses: 0,
        was_uncertain: false,
        retry_at: Timestamp(0),
        created_at: Some(at(4_000)),
        claimed_at: Some(at(4_100)),
        changed_at: at(4_500),
        platform_id: "99".into(),
        reason: String::new(),
    }
}

fn facts() -> Facts {
    Facts {
        message: asked(),
        containers: vec![taker(3, 300)],
        tools: vec![Tool {
            name: "Bash".into(),
            started_at: at(1_500),
            end: Some((at(3_600), true)),
        }],
        parts: vec![sent()],
        files: vec![],
        questions: vec![],
        cost: None,
        context: TraceContext {
            now: at(60_000),
            host_runs: true,
            container: None,
            launches: Launches::default(),
            last_bad_reason: String::new(),
            stopped: None,
            wait: None,
            behind: None,
            asked_before: None,
            channel_trouble: None,
        },
    }
}

#[test]
fn answered_in_one_go() {
    let want = "\
message: s7.42 for andy: answered after 4 s
from: Ann (telegram:5) in \"Family\" (telegram:-100)
their id: 4711
stored: T+0.0, 1 s after it was sent
let in: the chat is wired to andy, and the message mentions the bot; its sender is a member
T+0.3 container 3 was started
T+1.2 container 3 took it, by its own word
T+1.5 tool Bash, by its own word: ok after 2 s
T+4.0 the host wrote down: answered
T+4.0 part s7.o3.0: answer (text) to \"Family\" (telegram:-100)
T+4.5 part s7.o3.0 is there as 99";
    assert_eq!(text(&facts()), want);
}

#[test]
fn a_task_needs_nobody_to_let_it_in() {
    let mut facts = facts();
    facts.message.rule = None;
    facts.message.platform_id = "task:t3:1000".into();
    assert!(text(&facts).contains("\nlet in: task t3 of its agent sent it\n"), "{}", text(&facts));
}

#[test]
fn answered_after_two_crashes() {
    let mut facts = facts();
    let died = |n, started, ended| Taker {
        ended_at: Some(at(ended)),
        reason: "it ran out of memory".into(),
        ..taker(n, started)
    };
    facts.containers = vec![died(1, -90_000, 2_000), died(2, 3_000, 5_000), taker(3, 7_000)];
    facts.containers[0].claimed_at = at(100);
    facts.tools[0].end = None;
    facts.message.end = Some(End { at: at(9_000), ..facts.message.end.unwrap() });
    facts.message.approval = Some(Approval { question: 12, by: "Zoe".into() });
    facts.message.body.sent_at = Some(at(-180_000));
    facts.parts.clear();
    let want = "\
message: s7.42 for andy: answered after 9 s
from: Ann (telegram:5) in \"Family\" (telegram:-100)
their id: 4711
stored: T+0.0, 3 min after it was sent, late
let in: the chat is wired to andy, and the message mentions the bot; its sender is a member; after Zoe said yes to question #12
T+0.1 container 1 took it, by its own word
T+1.5 tool Bash, by its own word: its end is not known
T+2.0 container 1 ended with it in hand: it ran out of memory
T+3.0 container 2 was started
T+3.9 container 2 took it, by its own word
T+5.0 container 2 ended with it in hand: it ran out of memory
T+7.0 container 3 was started
T+7.9 container 3 took it, by its own word
T+9.0 the host wrote down: answered";
    assert_eq!(text(&facts), want);
}

#[test]
fn waiting_for_a_back_off() {
    let mut facts = facts();
    facts.message.end = None;
    (facts.message.tries, facts.message.not_before) = (1, at(61_500));
    facts.containers = vec![Taker { ended_at: Some(at(2_000)), ..taker(1, 300) }];
    (facts.tools, facts.parts) = (vec![], vec![]);
    facts.context.behind = Some(MessageSeq(40));
    facts.context.launches =
        Launches { failures: 5, last_end: Some(at(50_000)), ..Launches::default() };
    facts.context.last_bad_reason = "the image is missing\nmore".into();
    facts.context.host_runs = false;
    let want = "\
message: s7.42 for andy: not answered for 1 min
from: Ann (telegram:5) in \"Family\" (telegram:-100)
their id: 4711
stored: T+0.0, 1 s after it was sent
let in: the chat is wired to andy, and the message mentions the bot; its sender is a member
T+0.3 container 1 was started
T+1.2 container 1 took it, by its own word
T+2.0 container 1 ended with it in hand
waits: no host runs; start it with `nanoclaw start`
waits: message s7.40 comes first
waits: the next try is at T+61.5; 1 failed
waits: the session is parked until T+650.0, after 5 failed starts: the image is missing";
    assert_eq!(text(&facts), want);
}

#[test]
fn waiting_for_a_platform() {
    let mut facts = facts();
    facts.containers.clear();
    facts.tools.clear();
    facts.context.channel_trouble = Some("no route".into());
    facts.parts = vec![
        Sent { standing: Standing::Unsent, tries: 2, retry_at: at(3_600_000), ..sent() },
        Sent {
            key: HostKey { session: Some(SessionId(7)), part: PartKey("o3.1".into()) },
            standing: Standing::Ready,
            changed_at: at(4_000),
            ..sent()
        },
        Sent {
            key: HostKey { session: Some(SessionId(7)), part: PartKey("o3.2".into()) },
            standing: Standing::Ready,
            held: true,
            ..sent()
        },
    ];
    let text = text(&facts);
    for line in [
        "T+4.5 part s7.o3.0 did not get through (2 times told to wait)",
        "waits: part s7.o3.0 is sent again at T+3600.0; its channel is not connected: no route",
        "waits: part s7.o3.1 waits for its turn; its channel is not connected: no route",
        "part s7.o3.2 is held for the quiet hours of its reader",
        "waits: part s7.o3.2 is held for the quiet hours of its reader",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[test]
fn waiting_for_people_and_files() {
    let mut facts = facts();
    facts.message.end = None;
    (facts.tools, facts.parts) = (vec![], vec![]);
    facts.files = vec![Fetching {
        name: "plan.pdf".into(),
        state: "pending".into(),
        tries: 2,
        retry_at: at(70_000),
        reason: String::new(),
    }];
    facts.questions =
        vec![Question { id: Some(9), is_change: false, asked_at: at(5_000), answered: false }];
    let found = waits(&facts, clock);
    assert_eq!(
        found,
        [
            "plan.pdf is being fetched, tried 2 times, next at T+70.0",
            "a person has to answer question #9, asked 55 s ago",
            "container 3 works on it, since 58 s",
        ]
    );
    (facts.files, facts.questions, facts.containers) = (vec![], vec![], vec![]);
    assert_eq!(waits(&facts, clock), ["a container is started next"]);
    facts.context.container = Some(("busy".into(), "no image".into()));
    assert_eq!(waits(&facts, clock), ["its container is busy: no image"]);
}

#[test]
fn the_first_reason_is_what_holds_it_up() {
    let mut facts = facts();
    facts.message.end = None;
    (facts.tools, facts.parts) = (vec![], vec![]);
    let (since, until) = (at(30_000), at(90_000));
    facts.context.wait =
        Some(ProviderWait { class: WaitClass::Network, since, until, count: 1, known: false });
    assert_eq!(
        waits(&facts, clock),
        ["the model cannot be reached; the next try is at T+90.0"],
        "its container gave it back"
    );
    facts.context.behind = Some(MessageSeq(40));
    assert_eq!(waits(&facts, clock)[1..], ["message s7.40 comes first"]);
    facts.containers.clear();
    facts.context.wait = None;
    facts.context.asked_before =
        Some(Question { id: Some(9), is_change: false, asked_at: at(5_000), answered: false });
    assert_eq!(
        waits(&facts, clock),
        ["a person has to answer question #9, asked 55 s ago", "message s7.40 comes first"]
    );
    facts.context.stopped = Some(("Ann".into(), "andy".into()));
    assert_eq!(
        waits(&facts, clock),
        ["Ann stopped andy; `nanoclaw agents resume andy` lets it go on"]
    );
}

#[test]
fn a_dead_letter() {
    let mut facts = facts();
    (facts.containers, facts.tools) = (vec![], vec![]);
    facts.parts = vec![Sent {
        standing: Standing::Dead,
        reason: "the bot was blocked".into(),
        was_uncertain: true,
        ..sent()
    }];
    let text = text(&facts);
    let line = "T+4.5 part s7.o3.0 was given up: the bot was blocked, perhaps more than once";
    assert!(text.ends_with(line), "{text}");
}

#[test]
fn what_a_turn_cost_is_said_where_it_is_known() {
    let mut facts = facts();
    assert!(!text(&facts).contains("cost"));
    facts.cost = Cost::of_turn(31_000);
    assert!(text(&facts).contains("\ncost: $0.03, by the word of its container\n"));
}

#[test]
fn context_messages() {
    let mut facts = facts();
    facts.message.kind = InboundKind::Context;
    facts.message.rule = Some(Rule { word: "context".into(), detail: "member".into() });
    facts.message.body.sent_at = None;
    facts.message.end = Some(End { outcome: Outcome::Silent, reason: "context".into(), at: T0 });
    (facts.containers, facts.tools, facts.parts) = (vec![], vec![], vec![]);
    let want = "\
message: s7.42 for andy: background, which starts nothing
from: Ann (telegram:5) in \"Family\" (telegram:-100)
their id: 4711
stored: T+0.0; its platform does not say when it was sent
let in: the chat is wired to andy, and the message is only background for it; its sender is a member";
    assert_eq!(text(&facts), want);
}

#[test]
fn what_was_heard_and_read_is_told_in_one_line_each() {
    let mut facts = facts();
    let file = |name: &str| Fetching {
        name: name.into(),
        state: "here".into(),
        tries: 0,
        retry_at: Timestamp(0),
        reason: String::new(),
    };
    facts.files = vec![file("voice\u{202e}-1.ogg"), file("bill.pdf"), file("scan.pdf")];
    let text_of = |file, is_speech, text: Result<&str, &str>| FileText {
        file,
        is_speech,
        text: text.map(str::to_owned).map_err(str::to_owned),
    };
    facts.message.body.file_texts = vec![
        text_of(0, true, Ok("call me\nat\u{1b}[2J nine")),
        text_of(1, false, Ok(&"x".repeat(5_000))),
        text_of(2, false, Err("it has no text")),
        // A container can say so of a file that there is not.
        text_of(70, true, Ok("boo")),
    ];
    let told = text(&facts);
    assert!(told.contains("\nheard: \"call me at [2J nine\" in voice-1.ogg\n"), "{told}");
    let short = format!("\nread: \"{}…\" in bill.pdf\n", "x".repeat(199));
    assert!(told.contains(&short), "{told}");
    assert!(told.contains("\nread: nothing: it has no text in scan.pdf\n"), "{told}");
    assert!(told.contains("\nheard: \"boo\" in a file\n"), "{told}");
}

#[test]
fn what_a_platform_says_beside_the_words_is_told() {
    let mut facts = facts();
    assert!(!text(&facts).contains("\nwhat: "));
    let body = &mut facts.message.body;
    body.change = Some(Change::Edited { of: "4710".into() });
    body.forwarded_from = Some("Eve".into());
    body.thread = Some(Thread { title: "Trips".into(), root: String::new() });
    body.unread = Some("a checklist".into());
    body.sender.kind = AuthorKind::Shared;
    let want = "\nwhat: edited: message 4710; forwarded from Eve; in the thread \"Trips\"; could not be read: \
                a checklist; written by an account of several people\n";
    assert!(text(&facts).contains(want), "{}", text(&facts));
}
