//! A random town; the same seed gives the same one.

use std::collections::BTreeSet;
use std::time::Duration;

use super::places::{ANDY, Chat, HUB, Person};
use super::plan::{
    ANN_CODE, Called, DRINKS, Decision, FAY_CODE, Post, Subject, Town, WRONG_CODE, Word,
};
use crate::dice::Dice;
use crate::engine::LinkFault;
use crate::platform::{FetchFault, SendFault};
use crate::simulation::Fault;

/// What is written within this is what the town is about.
const SCRIPT_MS: u64 = 40_000;
/// Codes are sent before this, and the clock is not set before they were.
const CODES_MS: u64 = 4_000;
/// Wrong codes, fewer than close the right ones.
const WRONG_MAX: u64 = 3;

fn pick<T: Copy>(dice: &mut Dice, from: &[T]) -> T {
    let index = dice.below(u64::try_from(from.len()).unwrap_or(1));
    from[usize::try_from(index).unwrap_or(0)]
}

fn one_in(dice: &mut Dice, n: u64) -> bool {
    dice.below(n) == 0
}

impl Town {
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let dice = &mut dice;
        let plain = one_in(dice, 4);
        let ann_is_owner = !one_in(dice, 3);
        let zoe_is_admin = !plain && one_in(dice, 3);
        let mut town = Self {
            plain,
            ann_is_owner,
            zoe_is_admin,
            posts: vec![],
            decisions: decisions(dice, plain),
            faults: faults(dice),
            host_crashes: (0..dice.below(5)).map(|_| 1 + dice.below(400)).collect(),
            runner_crash: if one_in(dice, 4) { 1 + dice.below(24) } else { 0 },
            doorbells: !one_in(dice, 5),
            jitter: if one_in(dice, 3) { 0 } else { 1 + seed },
            real_day: one_in(dice, 16),
            turned_away: BTreeSet::new(),
        };
        town.posts = posts(dice, &town);
        town
    }
}

fn decisions(dice: &mut Dice, plain: bool) -> Vec<Decision> {
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
    let plain_yes = !one_in(dice, 4);
    let decision = |(about, values): (Subject, &[Option<&'static str>])| {
        let value = match about {
            _ if !plain => pick(dice, values),
            Subject::Agent => plain_yes.then_some(DRINKS[0]),
            Subject::Chat(_) => plain_yes.then_some("connect:andy"),
            Subject::Sender(..) | Subject::Change => plain_yes.then_some("allow"),
        };
        let after = [200, 900, 2_500, 6_000, 20_000, 700_000];
        let mut decision = Decision::new(about, value, pick(dice, &after) + dice.below(400));
        decision.twice = one_in(dice, 4) && (!plain || about != Subject::Agent);
        decision.stranger_first = one_in(dice, 4);
        decision
    };
    subjects.into_iter().map(decision).collect()
}

fn posts(dice: &mut Dice, town: &Town) -> Vec<Post> {
    let mut posts = Vec::new();
    codes(dice, town, &mut posts);
    for _ in 0..4 + dice.below(14) {
        posts.push(post(dice, town));
    }
    posts.sort_by_key(|it| it.at);
    upon_decisions(dice, town, &mut posts);
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
fn codes(dice: &mut Dice, town: &Town, posts: &mut Vec<Post>) {
    let mut at = dice.below(300);
    let mut next = |dice: &mut Dice| {
        at += 1 + dice.below(600);
        at
    };
    let fay = one_in(dice, 3);
    if !town.ann_is_owner || fay {
        for _ in 0..dice.below(WRONG_MAX) {
            posts.push(blank(next(dice), Person::Eve, Chat::Eve, Word::Code(WRONG_CODE)));
        }
    }
    if fay {
        posts.push(blank(next(dice), Person::Fay, Chat::Fay, Word::Code(FAY_CODE)));
    }
    if !town.ann_is_owner {
        posts.push(blank(next(dice), Person::Ann, Chat::Ann, Word::Code(ANN_CODE)));
    }
    if one_in(dice, 3) {
        posts.push(blank(next(dice), Person::Eve, Chat::Eve, Word::Code(ANN_CODE)));
    }
    if fay {
        posts.push(blank(next(dice), Person::Fay, Chat::Fay, Word::Say));
    }
}

/// Whoever knocked writes again just when it is decided about them.
fn upon_decisions(dice: &mut Dice, town: &Town, posts: &mut Vec<Post>) {
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
        let knocks = |it: &&Post| here(it) && (calls(it) || by == Person::Gus);
        let knock = posts.iter().find(knocks).cloned();
        let wanted = town.decided(about).is_some() && !one_in(dice, 3);
        if let Some(knock) = knock.filter(|_| wanted) {
            for _ in 0..1 + dice.below(3) {
                let within = pick(dice, &[100, 500]);
                let at = Duration::from_millis(dice.below(within));
                let word = Word::Say;
                let again = Post { at, upon: Some(about), word, ..knock.clone() };
                posts.push(again);
            }
        }
    }
}

fn post(dice: &mut Dice, town: &Town) -> Post {
    let at = CODES_MS + dice.below(SCRIPT_MS - CODES_MS);
    let (by, chat) = pick(
        dice,
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
    let elsewhere = (by == Person::Zoe && !town.zoe_is_admin) || (by == Person::Eve && town.plain);
    if elsewhere {
        return blank(at, Person::Ann, Chat::Ann, Word::Say);
    }
    let word = word(dice, by, chat);
    let mut post = blank(at, by, chat, word);
    if chat == Chat::Hall && !town.plain {
        post.thread = pick(dice, &[None, Some("t1"), Some("t2")]);
    }
    if chat.is_group() && !post.is_command() {
        post.called = called(dice, town, &post);
    }
    post
}

fn word(dice: &mut Dice, by: Person, chat: Chat) -> Word {
    let known = matches!(by, Person::Ann | Person::Zed);
    match dice.below(16) {
        0 | 1 => Word::Report,
        2 => Word::Wait(1 + u32::try_from(dice.below(4)).unwrap_or(0)),
        3 => Word::Wait(20),
        4 => Word::Draft(9),
        5 | 6 => Word::Files(1 + u32::try_from(dice.below(2)).unwrap_or(0)),
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

fn called(dice: &mut Dice, town: &Town, post: &Post) -> Called {
    // What is overheard is a talk among people, not an order that another agent could take.
    if post.word == Word::Say && post.by != Person::Eve && one_in(dice, 3) {
        return Called::Nobody;
    }
    let here: &[&'static str] = match post.chat {
        Chat::Hall if post.by == Person::Zoe => return Called::One(HUB),
        Chat::Hall => &[ANDY, HUB],
        Chat::Yard => &[HUB],
        Chat::Ann | Chat::Fay | Chat::Eve | Chat::Gus | Chat::Family | Chat::Club => &[ANDY],
    };
    let one = Called::One(pick(dice, here));
    let mentions = !town.plain && (post.chat == Chat::Club || one_in(dice, 2));
    if mentions { Called::All } else { one }
}

fn faults(dice: &mut Dice) -> Vec<(Duration, Fault)> {
    let mut faults = Vec::new();
    for _ in 0..dice.below(7) {
        let at = Duration::from_millis(CODES_MS + 5_000 + dice.below(SCRIPT_MS));
        let early = Duration::from_millis(dice.below(SCRIPT_MS));
        match dice.below(13) {
            0 => faults.push((early, Fault::KillContainers)),
            1 => {
                faults.push((early, Fault::EngineDown));
                let back = early + Duration::from_millis(dice.below(120_000));
                faults.push((back, Fault::EngineBack));
            }
            2..=4 => {
                let sends = [
                    SendFault::Unreachable,
                    SendFault::Throttled,
                    SendFault::AnswerLost,
                    SendFault::Hangs,
                ];
                faults.push((early, Fault::Send(pick(dice, &sends))));
            }
            5 => faults.push((early, Fault::BadStart)),
            6 => {
                let hour = 3_600_000;
                faults.push((at, Fault::ClockJump(pick(dice, &[-hour, hour]))));
            }
            7 => faults.push((early, Fault::RunnerCrash(1 + dice.below(24)))),
            8 => {
                let fetches = [FetchFault::Unreachable, FetchFault::Gone];
                faults.push((early, Fault::Fetch(pick(dice, &fetches))));
            }
            9 => faults.push((early, Fault::BreakLinks)),
            10 => {
                let how = pick(dice, &[LinkFault::Lost, LinkFault::Torn]);
                faults.push((early, Fault::Ring(how)));
            }
            11 => {
                let full = Duration::from_millis(1 + dice.below(60_000));
                faults.push((at, Fault::DiskFull(full)));
            }
            _ => faults.push((early, Fault::Disconnect)),
        }
    }
    faults.sort_by_key(|it| it.0);
    faults
}
