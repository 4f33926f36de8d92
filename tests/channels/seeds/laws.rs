//! What must hold after every run, whatever happened in it.

use std::fmt::Write as _;

use domain::message::Outcome;
use harness::conformance::{TestChat, Visible};

use super::plan::PLACES;
use crate::ann::{answers, is_marked};

/// What the chats of an account are told when messages may have got lost.
const MAY_BE_MISSING: &str = "may have missed messages sent then";

/// What Ann wrote.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) n: usize,
    pub(super) place: TestChat,
    /// The platform's.
    pub(super) id: String,
    /// The platform will never tell the bot.
    pub(super) is_forgotten: bool,
}

/// What a run left behind.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Everything was answered in time, whenever the host was let alone.
    pub(super) at_rest: bool,
    pub(super) posted: Vec<Posted>,
    /// Of the bot, in the order in which the platform took it.
    pub(super) visible: Vec<Visible>,
    pub(super) outcomes: Vec<(String, Option<Outcome>)>,
    pub(super) kills: usize,
    /// See [`super::plan::Plan::hidden_by_strikes`].
    pub(super) hidden_by_strikes: (usize, usize),
    pub(super) was_away: bool,
}

impl Posted {
    pub(super) fn answers<'a>(&self, visible: &'a [Visible]) -> impl Iterator<Item = &'a Visible> {
        let place = self.place.clone();
        answers(visible, self.n).filter(move |it| it.place == place)
    }

    /// It was answered, or its chat was told that it may be missing.
    pub(super) fn is_met(&self, visible: &[Visible]) -> bool {
        let told = || visible.iter().any(|it| it.place.chat == self.place.chat && tells_of_gap(it));
        self.answers(visible).next().is_some() || (self.is_forgotten && told())
    }
}

fn tells_of_gap(shown: &Visible) -> bool {
    shown.text.contains(MAY_BE_MISSING)
}

impl Record {
    /// The same thing, shown: all that answers a message, and all that one chat was told of the gap.
    fn things(&self) -> Vec<(String, Vec<&Visible>)> {
        let of_post = |post: &Posted| {
            (format!("the answer to {}", post.n), post.answers(&self.visible).collect::<Vec<_>>())
        };
        let mut things: Vec<_> = self.posted.iter().map(of_post).collect();
        let gaps: Vec<_> = self.visible.iter().filter(|it| tells_of_gap(it)).collect();
        let mut chats: Vec<_> = gaps.iter().map(|it| &it.place.chat).collect();
        chats.sort_unstable();
        chats.dedup();
        for chat in chats {
            let here = gaps.iter().copied().filter(|it| it.place.chat == *chat).collect();
            things.push((format!("the gap in chat {chat}"), here));
        }
        things
    }

    /// How often people saw something again. One message may answer several.
    pub(super) fn repeats(&self) -> usize {
        let things = self.things();
        let again = things.iter().flat_map(|it| it.1.iter().skip(1));
        let mut again: Vec<*const Visible> = again.map(|it| std::ptr::from_ref(*it)).collect();
        again.sort_unstable();
        again.dedup();
        again.len()
    }

    pub(super) fn gaps_told(&self) -> usize {
        self.visible.iter().filter(|it| tells_of_gap(it)).count()
    }

    /// What each chat saw, and what the host has written down.
    pub(super) fn shown(&self) -> String {
        let mut text = String::new();
        let mut places: Vec<&TestChat> = Vec::new();
        for place in self.posted.iter().map(|it| &it.place) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for place in places {
            let _ = writeln!(text, "chat {} thread {:?}", place.chat, place.thread);
            for posted in self.posted.iter().filter(|it| it.place == *place) {
                let lost = if posted.is_forgotten { ", and the bot is not told" } else { "" };
                let _ = writeln!(text, "  Ann: number {} ({}){lost}", posted.n, posted.id);
            }
            for shown in self.visible.iter().filter(|it| it.place == *place) {
                let _ = writeln!(text, "  bot: {:?} ({})", shown.text, shown.id);
            }
        }
        let _ = writeln!(text, "outcomes {:?}\n{} kills", self.outcomes, self.kills);
        text
    }
}

/// Every law that the run broke, in words.
pub(super) fn check(record: &Record) -> Vec<String> {
    let mut broken = Vec::new();
    if !record.at_rest {
        broken.push("it did not come to rest".to_owned());
    }
    broken.extend(silence(record));
    broken.extend(outcomes(record));
    broken.extend(strays(record));
    broken.extend(repeats(record));
    broken.extend(order(record));
    broken
}

fn silence(record: &Record) -> Vec<String> {
    let unmet = record.posted.iter().filter(|it| !it.is_met(&record.visible));
    unmet.map(|it| format!("number {} was met with silence", it.n)).collect()
}

/// Each message that the platform delivered ends once, and nothing else does.
fn outcomes(record: &Record) -> Vec<String> {
    let mut broken = Vec::new();
    for posted in &record.posted {
        let ends = record.outcomes.iter().filter(|it| it.0 == posted.id);
        let ends: Vec<_> = ends.map(|it| it.1).collect();
        match ends[..] {
            [Some(Outcome::Answered)] => {}
            [] if posted.is_forgotten => {}
            _ => broken.push(format!("number {} ended as {ends:?}", posted.n)),
        }
    }
    let ours = |id: &str| record.posted.iter().any(|it| it.id == id);
    let strange = record.outcomes.iter().filter(|it| !ours(&it.0));
    broken.extend(strange.map(|it| format!("nobody wrote {}", it.0)));
    broken
}

/// The bot says nothing but answers, each where its message was written, and what is missing.
fn strays(record: &Record) -> Vec<String> {
    let wanted = |shown: &Visible| {
        let answers = |it: &Posted| it.answers(std::slice::from_ref(shown)).next().is_some();
        record.posted.iter().any(answers) || (record.was_away && tells_of_gap(shown))
    };
    let strays = record.visible.iter().filter(|it| !wanted(it));
    strays.map(|it| format!("nobody asked in {} for {:?}", it.place.chat, it.text)).collect()
}

/// What is seen again says so, and nothing is for which nothing went wrong.
fn repeats(record: &Record) -> Vec<String> {
    let mut broken = Vec::new();
    for (what, shown) in record.things() {
        let unmarked = shown.iter().filter(|it| !is_marked(it)).count();
        if 1 < unmarked {
            broken.push(format!("{what} was shown {unmarked} times without saying so"));
        }
    }
    // Whatever ends a host or all connections hides at most what each chat is being sent then.
    let (answers, connections) = record.hidden_by_strikes;
    let excuses = (record.kills + connections) * PLACES + answers;
    if excuses < record.repeats() {
        broken.push(format!("{} repeats, for {excuses} excuses", record.repeats()));
    }
    broken
}

/// In each place, messages are answered in the order in which they were written.
fn order(record: &Record) -> Vec<String> {
    let first = |post: &Posted| {
        let shown = post.answers(&record.visible).next()?;
        record.visible.iter().position(|it| it.id == shown.id && it.place == shown.place)
    };
    let mut broken = Vec::new();
    for (at, early) in record.posted.iter().enumerate() {
        for late in record.posted[at + 1..].iter().filter(|it| it.place == early.place) {
            if first(early).zip(first(late)).is_some_and(|(early, late)| late < early) {
                broken.push(format!("number {} was answered before {}", late.n, early.n));
            }
        }
    }
    broken
}
