//! What waits for somebody's answer.

use clap::Subcommand;
use domain::approval::{result, second_option};
use domain::plain::one_line;
use domain::question::{Opt, QuestionId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{CentralStore, QuestionKind, QuestionRow, QuestionState};

use crate::Operation;
use crate::caller::Caller;
use crate::command::{Command, Context};
use crate::find::View;
use crate::output::{Output, Result, instant, joined, listed, not_found, refused};

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
        /// Share an agent without being asked
        #[arg(long, short)]
        yes: bool,
    },
}

impl Command for ApprovalsOperation {
    fn is_change(&self) -> bool {
        matches!(self, Self::Answer { .. })
    }

    fn check_own(&self, _view: &View) -> Result<()> {
        Ok(())
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let view = context.view;
        match self {
            Self::List => list(context.store, view),
            Self::Show { id } => Ok(show(&find(id, context.store, view)?, view)),
            Self::Answer { id, answer, .. } => {
                self::answer(&find(id, context.store, view)?, answer, context)
            }
        }
    }
}

/// How much of a question a list shows.
const TEXT_CHARS_MAX: usize = 60;

fn list(store: &CentralStore, view: &View) -> Result {
    let all: Vec<QuestionRow> =
        store.questions()?.into_iter().filter(|it| is_seen(it, view)).collect();
    let row = |row: &QuestionRow| {
        let first = row.question.text.lines().next().unwrap_or_default();
        let text = domain::plain::cut(first, TEXT_CHARS_MAX);
        [row.id.to_string(), state(row), requester(row), asked(row, view), text]
    };
    let rows = all.iter().map(row).collect();
    let text = listed(["ID", "STATE", "FROM", "ASKED", "WHAT"], rows, "nobody was asked anything");
    let output = Output::new(text, Value::Array(all.iter().map(|it| value(it, view)).collect()));
    let open = all.iter().find(|it| it.state == QuestionState::Open);
    Ok(match open.filter(|_| view.own.is_none()) {
        Some(row) => output.hint(format!(
            "`nanoclaw approvals show {0}` tells all of it; answer with `nanoclaw approvals answer {0} ANSWER`",
            row.id
        )),
        None => output,
    })
}

fn show(row: &QuestionRow, view: &View) -> Output {
    let question = &row.question;
    let mut lines = vec![
        format!("id       {}", row.id),
        format!("kind     {}", question.kind.as_str()),
        format!("state    {}", state(row)),
        format!("from     {}", requester(row)),
        format!("agent    {}", question.agent.as_ref().map_or("-", |it| it.as_str())),
        format!("asked    {} ({})", asked(row, view), instant(question.asked_at)),
        format!("expires  {}", instant(question.expires_at)),
        format!("answers  {}", joined(answers(row))),
    ];
    if !question.payload.is_empty() {
        lines.push(format!("change   {}", one_line(&Operation::line_of(&question.payload))));
    }
    // An agent wrote some of it; a terminal must not obey it.
    lines.push(String::new());
    lines.extend(question.text.lines().map(one_line));
    let output = Output::new(lines.join("\n"), value(row, view));
    match row.state {
        QuestionState::Open if view.own.is_none() => {
            output.hint(format!("answer with `nanoclaw approvals answer {} ANSWER`", row.id))
        }
        QuestionState::Open | QuestionState::Answered { .. } | QuestionState::Expired => output,
    }
}

fn answer(row: &QuestionRow, text: &str, context: &mut Context<'_>) -> Result {
    let Context { store, view, now, .. } = context;
    let option = &row.question.options[option(row, text)?];
    if !store.answer_question(row.id, &option.value, &view.by, None, *now)? {
        return Err(refused(
            format!("question {} is closed already", row.id),
            format!("see `nanoclaw approvals show {}`", row.id),
        ));
    }
    let json = json!({ "id": row.id.0, "answer": option.value });
    Ok(Output::new(result(row.matter(), &option.value, &option.label), json))
}

/// What an answer to a question shares, as people are asked before it is given; `None` for every
/// other operation and answer.
///
/// # Errors
/// When there is no such question, or the database fails.
pub fn shares(operation: &Operation, store: &CentralStore) -> Result<Option<String>> {
    let Operation::Approvals(family) = operation else { return Ok(None) };
    let ApprovalsOperation::Answer { id, answer, .. } = &family.operation else { return Ok(None) };
    let view = &View::new(store, &Caller::Host)?;
    let row = find(id, store, view)?;
    let chat = row.question.chat.and_then(|it| view.chat_by_id(it));
    let title = chat.map_or("", |it| it.title.as_str());
    Ok(row.share_text(title, option(&row, answer)?))
}

/// The place of the option that a text names. On a card some lead to a second one; here they mean
/// what that one offers.
fn option(row: &QuestionRow, text: &str) -> Result<usize> {
    let options = &row.question.options;
    let says = |it: &Opt| [&it.value, &it.label].iter().any(|one| one.eq_ignore_ascii_case(text));
    let Some(found) = options.iter().position(says) else {
        return Err(refused(
            format!("`{text}` is no answer to question {}", row.id),
            format!("answer with one of: {}", joined(answers(row))),
        ));
    };
    let is_agents = row.question.kind == QuestionKind::Agent;
    Ok(second_option(options, found).filter(|_| !is_agents).unwrap_or(found))
}

/// What can be answered.
fn answers(row: &QuestionRow) -> impl Iterator<Item = &String> {
    let options = &row.question.options;
    let is_agents = row.question.kind == QuestionKind::Agent;
    let is_final = move |at: &usize| is_agents || second_option(options, *at).is_none();
    (0..options.len()).filter(is_final).map(|at| &options[at].value)
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

fn state(row: &QuestionRow) -> String {
    match &row.state {
        QuestionState::Open => "open".to_owned(),
        QuestionState::Answered { value, by } => format!("{value} (by {by})"),
        QuestionState::Expired => "expired".to_owned(),
    }
}

fn requester(row: &QuestionRow) -> String {
    let (name, handle) = (&row.question.requester_name, &row.question.requester);
    match (name.is_empty(), handle.is_empty()) {
        (true, true) => "-".to_owned(),
        (true, false) => handle.clone(),
        (false, true) => name.clone(),
        (false, false) => format!("{name} ({handle})"),
    }
}

/// Who was asked.
fn asked(row: &QuestionRow, view: &View) -> String {
    joined(row.cards.iter().map(|card| match card.person {
        Some(person) => view.who_is(person),
        None => format!("{}:{}", card.to.channel, card.to.chat),
    }))
}

fn value(row: &QuestionRow, view: &View) -> Value {
    let question = &row.question;
    let (state, answer, by) = match &row.state {
        QuestionState::Open => ("open", None, None),
        QuestionState::Answered { value, by } => ("answered", Some(value), Some(by)),
        QuestionState::Expired => ("expired", None, None),
    };
    let option = |it: &Opt| json!({ "label": it.label, "value": it.value });
    json!({
        "id": row.id.0,
        "kind": question.kind.as_str(),
        "agent": question.agent.as_ref().map(|it| it.as_str()),
        "chat": question.chat.filter(|it| view.chat_by_id(*it).is_some()).map(|it| it.0),
        "requester": question.requester,
        "requester_name": question.requester_name,
        "text": question.text,
        "change": serde_json::from_str::<Value>(&question.payload).ok(),
        "options": question.options.iter().map(option).collect::<Vec<_>>(),
        "state": state,
        "answer": answer,
        "answered_by": by,
        "asked_at": instant(question.asked_at),
        "expires_at": instant(question.expires_at),
    })
}
