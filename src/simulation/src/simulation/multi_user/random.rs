//! A random plan; the same seed gives the same one.

use std::collections::BTreeSet;
use std::time::Duration;

use super::people::{ANDY, Chat, HUB, Person};
use super::plan::{
    ANN_CODE, ApproverDecision, Called, DRINKS, FAY_CODE, MultiUser, Post, Subject, WRONG_CODE,
    Word,
};
use crate::engine::LinkFault;
use crate::platform::{FetchFault, SendFault};
use crate::rng::Rng;
use crate::simulation::Fault;

/// Most messages are written within this.
const SCRIPT_MS: u64 = 40_000;
/// Codes are sent before this, and the clock is not set before they were.
const CODES_MS: u64 = 4_000;
/// Wrong codes, fewer than close the right ones.
const WRONG_MAX: u64 = 3;

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    let index = rng.below(u64::try_from(from.len()).unwrap_or(1));
    from[usize::try_from(index).unwrap_or(0)]
}

fn one_in(rng: &mut Rng, n: u64) -> bool {
    rng.below(n) == 0
}

impl MultiUser {
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let rng = &mut rng;
        let plain = one_in(rng, 4);
        let ann_is_owner = !one_in(rng, 3);
        let zoe_is_admin = !plain && one_in(rng, 3);
        let mut multi_user = Self {
            plain,
            ann_is_owner,
            zoe_is_admin,
            posts: vec![],
            decisions: decisions(rng, plain),
            faults: faults(rng),
            host_crashes: (0..rng.below(5)).map(|_| 1 + rng.below(400)).collect(),
            runner_crash: if one_in(rng, 4) { 1 + rng.below(24) } else { 0 },
            notifications: !one_in(rng, 5),
            jitter: if one_in(rng, 3) { 0 } else { 1 + seed },
            real_day: one_in(rng, 16),
            turned_away: BTreeSet::new(),
        };
        multi_user.posts = posts(rng, &multi_user);
        multi_user
    }
}

fn decisions(rng: &mut Rng, plain: bool) -> Vec<ApproverDecision> {
    let consent = [Some("allow"), Some("allow"), Some("refuse"), None];
    let subjects: [(Subject, &[Option<&'static str>]); 12] = [
        (Subject::Sender(Person::Bob, ANDY), &consent),
        (Subject::Sender(Person::Fred, ANDY), &consent),
        (Subject::Sender(Person::Fred, HUB), &consent),
        (Subject::Sender(Person::Cat, ANDY), &consent),
        (Subject::Sender(Person::Cat, HUB), &consent),
        (Subject::Sender(Person::Dan, ANDY), &consent),
        (Subject::Sender(Person::Dan, HUB), &consent),
        (
            Subject::Chat(Chat::Club),
            &[Some("connect:andy"), Some("connect:hub"), Some("refuse"), None],
        ),
        (Subject::Chat(Chat::Gus), &[Some("connect:andy"), Some("new:gus"), Some("refuse"), None]),
        (Subject::Chat(Chat::Eve), &[Some("connect:hub"), Some("refuse"), None]),
        (Subject::Change, &consent),
        (Subject::Agent, &[Some(DRINKS[0]), Some(DRINKS[1]), None]),
    ];
    // A number alone does not say which question it answers, so the same one answers all.
    let plain_yes = !one_in(rng, 4);
    let decision = |(about, values): (Subject, &[Option<&'static str>])| {
        let value = match about {
            _ if !plain => pick(rng, values),
            Subject::Agent => plain_yes.then_some(DRINKS[0]),
            Subject::Chat(_) => plain_yes.then_some("connect:andy"),
            Subject::Sender(..) | Subject::Change => plain_yes.then_some("allow"),
        };
        let after = [200, 900, 2_500, 6_000, 20_000, 700_000];
        let mut decision = ApproverDecision::new(about, value, pick(rng, &after) + rng.below(400));
        decision.twice = one_in(rng, 4) && (!plain || about != Subject::Agent);
        decision.unknown_first = one_in(rng, 4);
        decision
    };
    subjects.into_iter().map(decision).collect()
}

fn posts(rng: &mut Rng, multi_user: &MultiUser) -> Vec<Post> {
    let mut posts = Vec::new();
    codes(rng, multi_user, &mut posts);
    for _ in 0..4 + rng.below(14) {
        posts.push(post(rng, multi_user));
    }
    posts.sort_by_key(|it| it.at);
    upon_decisions(rng, multi_user, &mut posts);
    for (n, post) in posts.iter_mut().enumerate() {
        post.id = format!("{}{n:02}", post.by.id());
    }
    posts
}

fn blank(at: u64, by: Person, chat: Chat, word: Word) -> Post {
    let at = Duration::from_millis(at);
    let upon = None;
    Post { at, upon, id: String::new(), chat, thread: None, by, called: Called::Nobody, word }
}

/// Codes come first, in an order that says which of them are right.
fn codes(rng: &mut Rng, multi_user: &MultiUser, posts: &mut Vec<Post>) {
    let mut at = rng.below(300);
    let mut next = |rng: &mut Rng| {
        at += 1 + rng.below(600);
        at
    };
    let fay = one_in(rng, 3);
    if !multi_user.ann_is_owner || fay {
        for _ in 0..rng.below(WRONG_MAX) {
            posts.push(blank(next(rng), Person::Eve, Chat::Eve, Word::Code(WRONG_CODE)));
        }
    }
    if fay {
        posts.push(blank(next(rng), Person::Fay, Chat::Fay, Word::Code(FAY_CODE)));
    }
    if !multi_user.ann_is_owner {
        posts.push(blank(next(rng), Person::Ann, Chat::Ann, Word::Code(ANN_CODE)));
    }
    if one_in(rng, 3) {
        posts.push(blank(next(rng), Person::Eve, Chat::Eve, Word::Code(ANN_CODE)));
    }
    if fay {
        posts.push(blank(next(rng), Person::Fay, Chat::Fay, Word::Say));
    }
}

/// The requester writes again just when it is decided about them.
fn upon_decisions(rng: &mut Rng, multi_user: &MultiUser, posts: &mut Vec<Post>) {
    let subjects = [
        (Subject::Sender(Person::Bob, ANDY), Person::Bob, Chat::Family),
        (Subject::Sender(Person::Fred, ANDY), Person::Fred, Chat::Hall),
        (Subject::Chat(Chat::Club), Person::Cat, Chat::Club),
        (Subject::Chat(Chat::Club), Person::Ann, Chat::Club),
        (Subject::Chat(Chat::Gus), Person::Gus, Chat::Gus),
    ];
    for (about, by, chat) in subjects {
        // In the hall andy has to be asked about.
        let calls = |it: &Post| !matches!(it.called, Called::Nobody | Called::One(HUB));
        let here = |it: &Post| it.by == by && it.chat == chat;
        let asks_for_access = |it: &&Post| here(it) && (calls(it) || by == Person::Gus);
        let first_post = posts.iter().find(asks_for_access).cloned();
        let wanted = multi_user.decided(about).is_some() && !one_in(rng, 3);
        if let Some(first_post) = first_post.filter(|_| wanted) {
            for _ in 0..1 + rng.below(3) {
                let within = pick(rng, &[100, 500]);
                let at = Duration::from_millis(rng.below(within));
                let word = Word::Say;
                let again = Post { at, upon: Some(about), word, ..first_post.clone() };
                posts.push(again);
            }
        }
    }
}

fn post(rng: &mut Rng, multi_user: &MultiUser) -> Post {
    let at = CODES_MS + rng.below(SCRIPT_MS - CODES_MS);
    let (by, chat) = pick(
        rng,
        &[
            (Person::Ann, Chat::Ann),
            (Person::Ann, Chat::Family),
            (Person::Ann, Chat::Club),
            (Person::Zed, Chat::Family),
            (Person::Zed, Chat::Hall),
            (Person::Zed, Chat::Hall),
            (Person::Zed, Chat::Yard),
            (Person::Zoe, Chat::Hall),
            (Person::Bob, Chat::Family),
            (Person::Bob, Chat::Family),
            (Person::Fred, Chat::Hall),
            (Person::Fred, Chat::Hall),
            (Person::Cat, Chat::Club),
            (Person::Dan, Chat::Club),
            (Person::Gus, Chat::Gus),
            (Person::Eve, Chat::Family),
        ],
    );
    // Where a number answers all, Eve may come to andy by another door.
    let elsewhere =
        (by == Person::Zoe && !multi_user.zoe_is_admin) || (by == Person::Eve && multi_user.plain);
    if elsewhere {
        return blank(at, Person::Ann, Chat::Ann, Word::Say);
    }
    let word = word(rng, by, chat);
    let mut post = blank(at, by, chat, word);
    if chat == Chat::Hall && !multi_user.plain {
        post.thread = pick(rng, &[None, Some("t1"), Some("t2")]);
    }
    if chat.is_group() && !post.is_command() {
        post.called = called(rng, multi_user, &post);
    }
    post
}

fn word(rng: &mut Rng, by: Person, chat: Chat) -> Word {
    let known = matches!(by, Person::Ann | Person::Zed);
    match rng.below(16) {
        0 | 1 => Word::Report,
        2 => Word::Wait(1 + u32::try_from(rng.below(4)).unwrap_or(0)),
        3 => Word::Wait(20),
        4 => Word::Draft(9),
        5 | 6 => Word::Files(1 + u32::try_from(rng.below(2)).unwrap_or(0)),
        7 => Word::Context,
        8 | 9 if chat != Chat::Club => Word::Ask,
        10 if known && matches!(chat, Chat::Family | Chat::Ann) => Word::Admin(ANDY),
        10 if known && chat == Chat::Yard => Word::Admin(HUB),
        11 if known && chat != Chat::Club => Word::Send,
        12 if known && chat != Chat::Club => Word::Stop,
        13 if known && chat != Chat::Club => Word::Status,
        _ => Word::Say,
    }
}

fn called(rng: &mut Rng, multi_user: &MultiUser, post: &Post) -> Called {
    // A context message is a talk among people, not an order that another agent could take.
    if post.word == Word::Say && post.by != Person::Eve && one_in(rng, 3) {
        return Called::Nobody;
    }
    let here: &[&'static str] = match post.chat {
        Chat::Hall if post.by == Person::Zoe => return Called::One(HUB),
        Chat::Hall => &[ANDY, HUB],
        Chat::Yard => &[HUB],
        Chat::Ann | Chat::Fay | Chat::Eve | Chat::Gus | Chat::Family | Chat::Club => &[ANDY],
    };
    let one = Called::One(pick(rng, here));
    let mentions = !multi_user.plain && (post.chat == Chat::Club || one_in(rng, 2));
    if mentions { Called::All } else { one }
}

fn faults(rng: &mut Rng) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    for _ in 0..rng.below(7) {
        let at = Duration::from_millis(CODES_MS + 5_000 + rng.below(SCRIPT_MS));
        let early = Duration::from_millis(rng.below(SCRIPT_MS));
        match rng.below(13) {
            0 => faults.push((early, Fault::KillContainers)),
            1 => {
                faults.push((early, Fault::EngineDown));
                let back = early + Duration::from_millis(rng.below(120_000));
                faults.push((back, Fault::EngineBack));
            }
            2..=4 => {
                let sends = [
                    SendFault::Unreachable,
                    SendFault::Throttled,
                    SendFault::AnswerLost,
                    SendFault::Hangs,
                ];
                faults.push((early, Fault::Send(pick(rng, &sends))));
            }
            5 => faults.push((early, Fault::BadStart)),
            6 => {
                let hour = 3_600_000;
                faults.push((at, Fault::ClockJump(pick(rng, &[-hour, hour]))));
            }
            7 => faults.push((early, Fault::RunnerCrash(1 + rng.below(24)))),
            8 => {
                let fetches = [FetchFault::Unreachable, FetchFault::Gone];
                faults.push((early, Fault::Fetch(pick(rng, &fetches))));
            }
            9 => faults.push((early, Fault::BreakLinks)),
            10 => {
                let how = pick(rng, &[LinkFault::Lost, LinkFault::Torn]);
                faults.push((early, Fault::Notification(how)));
            }
            11 => {
                let full = Duration::from_millis(1 + rng.below(60_000));
                faults.push((at, Fault::DiskFull(full)));
            }
            _ => faults.push((early, Fault::Disconnect)),
        }
    }
    faults.sort_by_key(|it| it.0);
    faults
}
