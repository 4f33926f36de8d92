//! What waits for somebody's answer.

use domain::approval::second_option;
use domain::plain::one_line;
use domain::question::{Opt, QuestionId};
use domain::texts::approval::result;
use store::{QuestionKind, QuestionRow, QuestionState};

use crate::prelude::*;
use crate::{Caller, Operation};

#[derive(Clone, Debug, PartialEq, Eq, Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ApprovalsOperation {
    /// Show what waits for an answer, and the last answers
    List,
    /// Show one question, in full
    Show {
        /// Its number
        id: String,
    },
    /// Answer a question from the terminal of the host
    Answer {
        /// Its number
        id: String,
        /// One of the answers that `approvals show` lists
        answer: String,
    },
}

impl Command for ApprovalsOperation {
    fn right(&self) -> Right<'_> {
        match self {
            Self::List | Self::Show { .. } => Right::Look(None),
            Self::Answer { .. } => Right::People((
                "no agent answers what people were asked",
                "wait for them; `approvals list` shows whom",
            )),
        }
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let view = context.view;
        match self {
            Self::List => {
                let mut all = context.store.questions()?;
                all.retain(|it| is_seen(it, view));
                let values = all.iter().map(|it| value(it, view)).collect();
                let keys = "id state answer asked_for=requester text asked";
                let output = Output::list(values, keys, "nobody was asked anything");
                let open = all.iter().find(|it| it.state == QuestionState::Open);
                let hint = open.filter(|_| view.own.is_none()).map(|row| {
                    let id = row.id;
                    format!(
                        "`nanoclaw approvals show {id}` tells all of it; answer with \
                         `nanoclaw approvals answer {id} ANSWER`"
                    )
                });
                Ok(Output { hint, ..output })
            }
            Self::Show { id } => {
                let row = find(id, context.store, view)?;
                let keys = "id kind state answer answered_by requester requester_name agent asked \
                     asked_at expires_at answers line";
                let mut output = Output::record(value(&row, view), keys);
                // An agent wrote some of it; a terminal must not obey it.
                for line in std::iter::once("").chain(row.question.text.lines()) {
                    output.text.push_str(&format!("\n{}", one_line(line)));
                }
                let is_open = row.state == QuestionState::Open && view.own.is_none();
                let hint = || format!("answer with `nanoclaw approvals answer {} ANSWER`", row.id);
                Ok(Output { hint: is_open.then(hint), ..output })
            }
            Self::Answer { id, answer } => {
                let row = find(id, context.store, view)?;
                let Opt { value, label } = &row.question.options[option(&row, answer)?];
                let by = context.caller.text();
                if !context.store.answer_question(row.id, value, &by, None, context.now)? {
                    let what = format!("question {} is closed already", row.id);
                    return Err(refused(what, format!("see `nanoclaw approvals show {}`", row.id)));
                }
                let json = json!({ "id": row.id.0, "answer": value });
                Ok(Output::new(result(row.matter(), value, label), json))
            }
        }
    }
}

/// What an answer to a question shares, as people are asked before it is given; `None` for every
/// other operation and answer. Fails when there is no such question.
pub fn shares(operation: &Operation, store: &CentralStore) -> Result<Option<String>> {
    let Operation::Approvals(family) = operation else { return Ok(None) };
    let ApprovalsOperation::Answer { id, answer } = &family.operation else { return Ok(None) };
    let view = &View::new(store, &Caller::Host)?;
    let row = find(id, store, view)?;
    let chat = row.question.chat.and_then(|it| view.chat_by_id(it));
    let title = chat.map_or("", |it| it.title.as_str());
    Ok(row.share_text(title, option(&row, answer)?))
}

/// The place of the option that a text names. On a card some lead to a second one; here they mean
/// what that one offers.
fn option(row: &QuestionRow, text: &str) -> Result<usize> {
    let says = |it: &Opt| [&it.value, &it.label].iter().any(|one| one.eq_ignore_ascii_case(text));
    let Some(found) = row.question.options.iter().position(says) else {
        let what = format!("`{text}` is no answer to question {}", row.id);
        return Err(refused(what, format!("answer with one of: {}", joined(answers(row)))));
    };
    Ok(second(row, found).unwrap_or(found))
}

/// The option that one of a card of ours leads to.
fn second(row: &QuestionRow, at: usize) -> Option<usize> {
    let is_ours = row.question.kind != QuestionKind::Agent;
    second_option(&row.question.options, at).filter(|_| is_ours)
}

/// What can be answered.
fn answers(row: &QuestionRow) -> impl Iterator<Item = &String> {
    let all = row.question.options.iter().enumerate();
    all.filter(move |it| second(row, it.0).is_none()).map(|it| &it.1.value)
}

fn find(id: &str, store: &CentralStore, view: &View) -> Result<QuestionRow> {
    let missing =
        || not_found(format!("there is no question `{id}`"), "see `nanoclaw approvals list`");
    let number = id.trim().parse().ok().map(QuestionId);
    let row = number.map(|it| store.question(it)).transpose()?.flatten();
    row.filter(|it| is_seen(it, view)).ok_or_else(missing)
}

fn is_seen(row: &QuestionRow, view: &View) -> bool {
    view.own.is_none() || row.question.agent == view.own
}

fn value(row: &QuestionRow, view: &View) -> Value {
    let question = &row.question;
    let (state, answer, by) = match &row.state {
        QuestionState::Open => ("open", None, None),
        QuestionState::Answered { value, by } => ("answered", Some(value), Some(by)),
        QuestionState::Expired => ("expired", None, None),
    };
    let asked = row.cards.iter().map(|card| match card.person {
        Some(person) => view.who_is(person),
        None => format!("{}:{}", card.to.channel, card.to.chat),
    });
    let has_change = !question.payload.is_empty();
    json!({
        "id": row.id.0, "kind": question.kind.as_str(), "agent": question.agent,
        "chat": question.chat.filter(|it| view.chat_by_id(*it).is_some()).map(|it| it.0),
        "requester": question.requester, "requester_name": question.requester_name,
        "asked_for": named(&question.requester_name, &question.requester), "text": question.text,
        "change": serde_json::from_str::<Value>(&question.payload).ok(),
        "line": has_change.then(|| Operation::line_of(&question.payload)),
        "options": question.options, "answers": answers(row).collect::<Vec<_>>(), "state": state,
        "answer": answer, "answered_by": by, "asked": asked.collect::<Vec<_>>(),
        "asked_at": instant(question.asked_at), "expires_at": instant(question.expires_at),
    })
}
