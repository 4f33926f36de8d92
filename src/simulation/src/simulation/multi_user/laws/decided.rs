//! What people were asked, and what followed.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::AgentName;
use domain::approval::{ALLOW, ChatChoice, asked_by};
use domain::people::Handle;
use store::{QuestionKind, QuestionRow, QuestionState};

use super::super::approver::{TYPED, copy_of, subject};
use super::super::expect::{Code, code, open_codes};
use super::super::people::Person;
use super::super::plan::{ANN_CODE, FAY_CODE, MultiUser, PIDS, Subject, Word};
use super::super::seen::Seen;
use crate::simulation::Fault;

pub(super) fn check(multi_user: &MultiUser, seen: &Seen) -> Vec<String> {
    let mut broken = Vec::new();
    let mut count: BTreeMap<Subject, usize> = BTreeMap::new();
    for row in &seen.questions {
        let about = subject(row, seen.chat_of(row));
        if let Some(about) = about {
            *count.entry(about).or_default() += 1;
        }
        let found = state(multi_user, row, about)
            .or_else(|| followed(seen, row))
            .or_else(|| told(seen, row))
            .or_else(|| cards(multi_user, seen, row));
        broken.extend(found.map(|why| format!("question {} ({about:?}): {why}", row.id)));
    }
    for (about, n) in count.into_iter().filter(|it| 1 < it.1) {
        if matches!(about, Subject::Sender(..) | Subject::Chat(_)) {
            broken.push(format!("{about:?} was asked {n} times"));
        }
    }
    broken.extend(typed(multi_user, seen));
    broken.extend(codes(multi_user, seen));
    broken.extend(let_in(multi_user, seen));
    broken
}

/// One final state, the one that an approver chose first.
fn state(multi_user: &MultiUser, row: &QuestionRow, about: Option<Subject>) -> Option<String> {
    let Some(about) = about else { return Some("nobody could have asked that".to_owned()) };
    if !row.settled {
        return Some(format!("is not settled: {:?}", row.state));
    }
    let wanted = multi_user.decided(about);
    let jumps = multi_user.faults.iter().any(|it| matches!(it.1, Fault::ClockJump(_)));
    // What an agent asks is open for five minutes.
    let late = multi_user.decision(about).is_some_and(|it| Duration::from_secs(240) < it.after);
    let may_expire = row.question.kind == QuestionKind::Agent && (jumps || late);
    match &row.state {
        QuestionState::Open => Some("is still open".to_owned()),
        QuestionState::Expired if wanted.is_none() || may_expire => None,
        QuestionState::Expired => Some("expired, and somebody answered".to_owned()),
        QuestionState::Answered { value, .. } if Some(value.as_str()) == wanted => None,
        QuestionState::Answered { value, by } => {
            Some(format!("was answered with {value:?} by {by}, not {wanted:?}"))
        }
    }
}

/// What is in the database is what was decided.
fn followed(seen: &Seen, row: &QuestionRow) -> Option<String> {
    let central = &seen.central;
    let question = &row.question;
    let value = match &row.state {
        QuestionState::Answered { value, .. } => Some(value.as_str()),
        QuestionState::Open | QuestionState::Expired => None,
    };
    match question.kind {
        QuestionKind::Sender => {
            let handle = Handle::parse(&question.requester)?;
            let agent = question.agent.clone()?;
            let is_member = is_member(seen, &handle, &agent);
            let is_denied = central.is_denied(&handle, &agent).unwrap();
            let wanted = (value == Some(ALLOW), value.is_some_and(|it| it != ALLOW));
            ((is_member, is_denied) != wanted)
                .then(|| format!("member, denied: {:?}, not {wanted:?}", (is_member, is_denied)))
        }
        QuestionKind::Chat => {
            let chat = central.chat_by_id(question.chat?).unwrap()?;
            let wirings = central.wirings_of(chat.id).unwrap();
            let wired: Vec<&AgentName> = wirings.iter().map(|it| &it.wiring.agent).collect();
            let (chosen, denied) = match value.and_then(ChatChoice::parse) {
                Some(ChatChoice::Connect(agent) | ChatChoice::New(agent)) => (Some(agent), false),
                Some(ChatChoice::Refuse) => (None, true),
                None => (None, false),
            };
            let good =
                wired == chosen.iter().collect::<Vec<_>>() && chat.denied_at.is_some() == denied;
            (!good).then(|| format!("wired to {wired:?}, denied: {:?}", chat.denied_at))
        }
        QuestionKind::Change => {
            let agent = central.agent(question.agent.as_ref()?).unwrap()?;
            let changed = agent.resources.pids == PIDS;
            // A stop answers what waits; what is allowed after it is not made.
            let (session, seq) = question.session?;
            let answer = central.rows(session).answer_of(seq).unwrap();
            let was_stopped = answer.is_some_and(|it| it == (false, "stopped".to_owned()));
            let wanted = value == Some(ALLOW) && !was_stopped;
            (changed != wanted).then(|| format!("changed: {changed}, not {wanted}"))
        }
        QuestionKind::Agent => None,
    }
}

fn is_member(seen: &Seen, handle: &Handle, agent: &AgentName) -> bool {
    let standing = seen.central.standing(handle).unwrap();
    standing.is_some_and(|it| it.1.member_of.contains(agent))
}

/// The requester hears once that somebody was asked, and once the result.
fn told(seen: &Seen, row: &QuestionRow) -> Option<String> {
    if !matches!(row.question.kind, QuestionKind::Sender | QuestionKind::Chat) {
        return None;
    }
    let let_in = match &row.state {
        QuestionState::Answered { value, .. } => value == ALLOW || value.contains(':'),
        QuestionState::Open | QuestionState::Expired => false,
    };
    let place = seen.chat_of(row)?.name();
    let elsewhere = |part: &&channel::Part| {
        let about = part.key.strip_prefix(&format!("host.q{}.", row.id));
        about.is_some_and(|it| matches!(it, "asked" | "told" | "nobody")) && part.to.chat != place
    };
    if let Some(part) = seen.sent.iter().find(elsewhere) {
        return Some(format!("{} went to {}", part.key, part.to.chat));
    }
    if !seen.said(row.id, "asked") {
        return Some("nobody told the requester".to_owned());
    }
    let told = seen.said(row.id, "told");
    (told == let_in).then(|| format!("how it ended was told: {told}"))
}

/// Every card was shown, and ends without buttons and with what became of it.
fn cards(multi_user: &MultiUser, seen: &Seen, row: &QuestionRow) -> Option<String> {
    if row.cards.is_empty() {
        // A clock that jumps over its end, or behind its beginning, before it is put leaves nothing to put.
        let open_for = row.question.expires_at.0 - row.question.asked_at.0;
        let jumped = |it: &(_, Fault)| matches!(it.1, Fault::ClockJump(ms) if open_for <= ms.abs());
        let is_over = row.state == QuestionState::Expired && multi_user.faults.iter().any(jumped);
        return (!is_over).then(|| "nobody was asked".to_owned());
    }
    let end = match &row.state {
        QuestionState::Answered { .. } => "Decided by",
        QuestionState::Open | QuestionState::Expired => "Expired",
    };
    for card in row.cards.iter().filter(|it| !it.lost) {
        let key = format!("host.{}", card.part.0);
        let copies = |key: &str| {
            let of = |id: &str| id.strip_prefix("p-").is_some_and(|it| copy_of(it, key));
            seen.shown.iter().rev().find(|it| of(&it.id)).cloned()
        };
        let Some(shown) = copies(&key) else {
            return Some(format!("{key} was not shown"));
        };
        let ended = if multi_user.plain { copies(&format!("{key}.end")) } else { Some(shown) };
        let Some(ended) = ended else {
            return Some(format!("{key} has no end"));
        };
        if !ended.buttons.is_empty() || !ended.text.contains(end) {
            return Some(format!("{key} ends as {:?} with {:?}", ended.text, ended.buttons));
        }
    }
    None
}

fn has_second(seen: &Seen, row: &QuestionRow) -> bool {
    seen.central.second_of(row.id).unwrap().is_some()
}

/// Each number that was typed answered one question, or was a message like any other: never both.
fn typed(multi_user: &MultiUser, seen: &Seen) -> Option<String> {
    if !multi_user.plain {
        return None;
    }
    let answered = |it: &&QuestionRow| matches!(it.state, QuestionState::Answered { .. });
    let answered = seen.questions.iter().filter(answered).count();
    let mut stored: Vec<&str> = seen
        .sessions
        .iter()
        .flat_map(|it| it.stored.iter().map(|it| it.0.as_str()))
        .filter(|it| it.starts_with(TYPED))
        .collect();
    stored.sort_unstable();
    stored.dedup();
    let decisions = |row: &&QuestionRow| {
        let about = subject(row, seen.chat_of(row)).and_then(|it| multi_user.decision(it));
        !row.cards.is_empty() && about.is_some_and(|it| it.value.is_some())
    };
    let decided: Vec<_> = seen.questions.iter().filter(decisions).collect();
    let twice = |row: &&&QuestionRow| {
        let about = subject(row, seen.chat_of(row)).and_then(|it| multi_user.decision(it));
        about.is_some_and(|it| it.twice)
    };
    let typed = decided.len() + decided.iter().filter(twice).count();
    let seconds = seen.questions.iter().filter(|it| has_second(seen, it)).count();
    let first_of_two = |row: &&&QuestionRow| {
        let about = subject(row, seen.chat_of(row)).and_then(|it| multi_user.decision(it));
        about.and_then(|it| it.value).is_some_and(|value| {
            let options = &row.question.options;
            let at = options.iter().position(|it| it.value == value);
            at.is_some_and(|at| asked_by(options, at).is_some())
        })
    };
    let typed = typed + decided.iter().filter(first_of_two).count();
    (typed != answered + seconds + stored.len()).then(|| {
        format!(
            "{typed} numbers were typed, {answered} answered a question, {seconds} asked for a \
             second card, {stored:?} were stored"
        )
    })
}

/// A code works once, for who sent it first, and wrong ones are counted once.
fn codes(multi_user: &MultiUser, seen: &Seen) -> Vec<String> {
    let mut broken = Vec::new();
    let used = |who: Person, word| {
        multi_user.posts.iter().any(|it| it.by == who && it.word == Word::Code(word))
    };
    for (number, word) in (1..).zip(open_codes(multi_user)) {
        let row = seen.central.pairing(store::PairingId(number)).unwrap();
        let Some(row) = row else { continue };
        let who = if word == ANN_CODE { Person::Ann } else { Person::Fay };
        if used(who, word) && row.used_by != Some(who.handle()) {
            broken.push(format!("{who:?}'s code was used by {:?}", row.used_by));
        }
        let before = multi_user.posts.iter().take_while(|it| it.word != Word::Code(word));
        let wrong = before.filter(|it| code(multi_user, it) == Some(Code::Wrong)).count();
        if usize::try_from(row.wrong).unwrap_or(0) != wrong {
            broken.push(format!("{who:?}'s code saw {} wrong ones, not {wrong}", row.wrong));
        }
    }
    broken
}

/// Nobody is anything that nobody made them.
fn let_in(multi_user: &MultiUser, seen: &Seen) -> Vec<String> {
    let owners = seen.central.roles().unwrap().into_iter();
    let owners: Vec<String> =
        owners.filter(|it| it.role == domain::people::Role::Owner).map(|it| it.name).collect();
    let ann = multi_user.ann_is_owner
        || multi_user.posts.iter().any(|it| it.word == Word::Code(ANN_CODE));
    let fay = open_codes(multi_user).contains(&FAY_CODE);
    let members = seen.central.members().unwrap();
    let mut broken = Vec::new();
    if owners != Vec::from_iter(ann.then(|| "Ann".to_owned())) {
        broken.push(format!("owners are {owners:?}"));
    }
    for member in members {
        let asked = |row: &QuestionRow| {
            let requester = Person::of_handle(&row.question.requester);
            matches!(row.state, QuestionState::Answered { .. })
                && requester.is_some_and(|who| who.name() == member.name)
        };
        let known = member.name == "Zed"
            || (fay && member.name == "Fay")
            || seen.questions.iter().any(asked);
        if !known {
            broken.push(format!("{} is a member of {}", member.name, member.agent));
        }
    }
    broken
}
