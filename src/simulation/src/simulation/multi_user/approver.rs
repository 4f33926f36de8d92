//! The approver: sees a card, waits, presses a button or types a number. Outlives the
//! host, like everybody outside.

use std::collections::BTreeSet;

use domain::approval::asked_by;
use domain::message::{Address, Author};
use domain::question::QuestionId;
use store::{QuestionKind, QuestionRow};
use tokio::time::Instant;

use super::people::{Chat, Person};
use super::plan::{ApproverDecision, MultiUser, Subject};
use super::setup::central;
use crate::host::World;
use crate::platform::TestMessage;

/// What numbers are typed as: the beginning of the platform's ids.
pub(super) const TYPED: &str = "typed-";

#[derive(Debug, Default)]
pub(super) struct Approver {
    /// Questions that somebody looked at.
    seen: BTreeSet<QuestionId>,
    /// The next one first.
    due: Vec<(Instant, Press)>,
    parts_seen: usize,
    typed: usize,
}

#[derive(Clone, Debug)]
struct Press {
    question: QuestionId,
    /// What it decides; `None` for one that comes too late or from somebody who may not.
    decides: Option<Subject>,
    /// The platform's key of the card.
    card: String,
    at: Address,
    index: usize,
    by: Author,
}

/// The question whose card a part is.
pub(super) fn card_of(key: &str) -> Option<QuestionId> {
    let (id, ordinal) = key.strip_prefix("host.q")?.split_once('.')?;
    ordinal.parse::<usize>().ok()?;
    id.parse().ok().map(QuestionId)
}

/// What a question is about; `None` for what was never planned.
pub(super) fn subject(row: &QuestionRow, chat: Option<Chat>) -> Option<Subject> {
    let agents = [super::people::ANDY, super::people::HUB];
    match row.question.kind {
        QuestionKind::Sender => {
            let agent = row.question.agent.as_ref().map(ToString::to_string)?;
            let known = agents.into_iter().chain(["gus", "club"]).find(|it| *it == agent)?;
            Some(Subject::Sender(Person::of_handle(&row.question.requester)?, known))
        }
        QuestionKind::Chat => chat.map(Subject::Chat),
        QuestionKind::Change => Some(Subject::Change),
        QuestionKind::Agent => Some(Subject::Agent),
    }
}

impl Approver {
    pub(super) fn is_idle(&self) -> bool {
        self.due.is_empty()
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|it| it.0)
    }

    /// Looks for cards that nobody has looked at.
    pub(super) fn look(&mut self, world: &World, multi_user: &MultiUser) {
        let sent = world.platform.sent();
        let new = sent.get(self.parts_seen..).unwrap_or_default();
        self.parts_seen = sent.len();
        for part in new {
            let Some(id) = card_of(&part.key) else { continue };
            if !self.seen.insert(id) {
                continue;
            }
            let central = central(world);
            let row = central.question(id).unwrap().unwrap();
            let chat = row.question.chat.and_then(|it| central.chat_by_id(it).unwrap());
            let chat = chat.and_then(|it| Chat::of(&it.address));
            let decision = subject(&row, chat).and_then(|it| multi_user.decision(it));
            if let Some(decision) = decision {
                self.plan(decision, &row, (&part.key, &part.to), multi_user.plain);
            }
        }
        self.due.sort_by_key(|it| it.0);
    }

    fn plan(
        &mut self,
        decision: &ApproverDecision,
        row: &QuestionRow,
        (card, at): (&str, &Address),
        plain: bool,
    ) {
        let options = &row.question.options;
        let Some(index) = options.iter().position(|it| Some(it.value.as_str()) == decision.value)
        else {
            return;
        };
        let other = (index + 1) % options.len();
        let by = decider(row, at).author();
        let press = |index, by: &Author, decides| Press {
            question: row.id,
            decides,
            card: card.to_owned(),
            at: at.clone(),
            index,
            by: by.clone(),
        };
        let when = Instant::now() + decision.after;
        if decision.unknown_first && !plain {
            self.due.push((when, press(other, &Person::Eve.author(), None)));
        }
        if row.question.kind != QuestionKind::Agent
            && let Some(first) = asked_by(options, index)
        {
            self.due.push((when, press(first, &by, None)));
        }
        self.due.push((when, press(index, &by, Some(decision.about))));
        if decision.twice {
            let again = if plain { index } else { other };
            self.due.push((when + decision.after / 2, press(again, &by, None)));
        }
    }

    /// Presses what is due; returns what that decides.
    pub(super) fn press(&mut self, world: &World, plain: bool) -> Vec<Subject> {
        let mut decided = Vec::new();
        while self.next().is_some_and(|it| it <= Instant::now()) {
            let (_, press) = self.due.remove(0);
            decided.extend(press.decides);
            if plain {
                self.typed += 1;
                let id = format!("{TYPED}{:02}", self.typed);
                let code = central(world).card_code(press.question).unwrap();
                let answer = format!("{code} {}", press.index + 1);
                let message = TestMessage::new(&press.at.chat, &id, &answer);
                let message = message.by(&press.by.id, &press.by.name);
                let is_group = Chat::of(&press.at).is_some_and(Chat::is_group);
                let title = press.at.chat.clone();
                world.platform.write(if is_group { message.in_group(&title) } else { message });
            } else {
                let shown = world.platform.shown();
                let ours =
                    |id: &str| id.strip_prefix("p-").is_some_and(|it| copy_of(it, &press.card));
                let card = shown.iter().rev().find(|it| ours(&it.id)).unwrap();
                let data = format!("q:{}:{}", press.question, press.index);
                world.platform.click(&card.id, &data, press.by);
            }
        }
        decided
    }
}

/// Whether an id of the platform is of this part, shown once or again.
pub(super) fn copy_of(id: &str, key: &str) -> bool {
    id.strip_prefix(key).is_some_and(|it| it.is_empty() || it.starts_with('-'))
}

/// Who answers a card: the reader of that chat, or the user who led an agent to ask.
fn decider(row: &QuestionRow, at: &Address) -> Person {
    let in_private = |person: &Person| {
        at.chat == format!("{}-chat", person.id()) || at.chat == format!("dm-{}", person.id())
    };
    match row.question.kind {
        QuestionKind::Agent => Person::of_handle(&row.question.requester).unwrap(),
        QuestionKind::Sender | QuestionKind::Chat | QuestionKind::Change => {
            Person::ALL.into_iter().find(in_private).unwrap()
        }
    }
}
