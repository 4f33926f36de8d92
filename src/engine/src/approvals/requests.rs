//! What agents ask of the host: a question to a person, a look at or a change of the administration.

use std::sync::Arc;
use std::time::Duration;

use domain::approval::{APPROVAL_LIFE, consent_options, question_life};
use domain::question::{Opt, validate};
use domain::texts;
use domain::time::Timestamp;
use domain::{OutSeq, SessionId};
use operations::{Caller, Operation, OperationError};
use store::{Asked, CentralStore, Put, Question, QuestionKind, Request, SessionRow, StoreError};

use super::tasks;
use crate::host::{Host, Wake};

enum RequestOutcome {
    /// Somebody is asked; its answer comes later.
    Ask(Box<Question>),
    /// It has the answer of this one, which was or will be carried out.
    Repeat(OutSeq),
    Answer {
        ok: bool,
        text: String,
    },
}

/// The title of a question of an agent; its text says all.
const TITLE: &str = "A question";
const TOO_MANY: &str =
    "too many of the changes that you asked for wait for an admin; ask again when some are decided";

const REMOVED: &str = "this agent was removed";

/// Does what an agent asked for, or asks somebody about it. All of it is one commit, so that a host
/// that stops afterwards does nothing twice.
pub async fn forward_request(
    host: &Arc<Host>,
    row: &SessionRow,
    seq: OutSeq,
) -> Result<(), StoreError> {
    let id = row.id;
    let request = host.central.read(move |central| central.rows(id).request(seq)).await?;
    let operation = match &request.what {
        Asked::Admin => operations::parse_line(&request.text),
        Asked::Question { .. } => Err("it is a question".to_owned()),
    };
    let is_task = |it: &Operation| matches!(it, Operation::Tasks(_)) && it.is_change();
    let is_task_change = operation.as_ref().is_ok_and(is_task);
    let (shared, row, now) = (Arc::clone(host), row.clone(), host.clock.now());
    let work = move |central: &mut CentralStore| match &request.what {
        Asked::Question { options, timeout } => ask(central, &row, &request, options, *timeout),
        Asked::Admin => match &operation {
            Ok(operation) => administer(&shared, central, &row, (&request, operation), now),
            Err(why) => refused(why.clone()),
        },
    };
    // What changes nothing is found out beside the writer.
    let known = if is_task_change { None } else { Some(host.central.read(work.clone()).await?) };
    let keep = move |central: &mut CentralStore| {
        // A stop was faster.
        if central.rows(id).answer_of(seq)?.is_some() {
            return Ok(());
        }
        match known.map_or_else(|| work(central), Ok)? {
            RequestOutcome::Ask(question) => match central.ask(&question)? {
                Put::New(_) | Put::Joined(_) => central.rows(id).request_forwarded(seq),
                Put::Full => central.rows(id).answer(seq, false, TOO_MANY),
            },
            RequestOutcome::Repeat(first) => central.rows(id).repeated(seq, first),
            RequestOutcome::Answer { ok, text } => central.rows(id).answer(seq, ok, &text),
        }
    };
    host.central.write("a request", keep).await?;
    host.wake_approvals();
    if is_task_change {
        // It may be due before anything that was.
        host.wake(Wake::Everything);
    }
    Ok(())
}

fn refused(text: String) -> Result<RequestOutcome, StoreError> {
    Ok(RequestOutcome::Answer { ok: false, text })
}

fn ask(
    central: &CentralStore,
    row: &SessionRow,
    request: &Request,
    options: &[String],
    timeout: Duration,
) -> Result<RequestOutcome, StoreError> {
    let options: Vec<Opt> = options.iter().map(|it| Opt::new(it, it)).collect();
    if let Err(why) = validate(TITLE, &request.text, &options) {
        return refused(why.to_string());
    }
    let life = question_life(Some(timeout).filter(|it| !it.is_zero()));
    Ok(RequestOutcome::Ask(Box::new(Question {
        kind: QuestionKind::Agent,
        text: request.text.clone(),
        options,
        expires_at: request.asked_at + life,
        ..question(central, row, request)?
    })))
}

fn question(
    central: &CentralStore,
    row: &SessionRow,
    request: &Request,
) -> Result<Question, StoreError> {
    Ok(Question {
        kind: QuestionKind::Change,
        agent: Some(row.agent.clone()),
        chat: central.chat(&request.from)?.map(|it| it.id),
        thread: request.from.thread.clone(),
        session: Some((row.id, request.seq)),
        requester: request.sender_id.clone(),
        requester_name: request.sender_name.clone(),
        text: String::new(),
        options: Vec::new(),
        payload: String::new(),
        asked_at: request.asked_at,
        expires_at: request.asked_at + APPROVAL_LIFE,
    })
}

fn administer(
    host: &Host,
    central: &mut CentralStore,
    row: &SessionRow,
    (request, operation): (&Request, &Operation),
    now: Timestamp,
) -> Result<RequestOutcome, StoreError> {
    let is_task = matches!(operation, Operation::Tasks(_));
    // In a card, a line of a value would look like one of ours.
    if !is_task && request.text.contains(char::is_control) {
        return refused("the command has more than one line; write it in one".into());
    }
    // Who only looks wants to see what is there now.
    if let Some(first) = request.repeats.filter(|_| operation.is_change()) {
        return Ok(RequestOutcome::Repeat(first));
    }
    // Nobody has to agree to what is done about tasks: what they may do follows from whom they work
    // for, not from what they may administer.
    let (caller, gone) = if is_task {
        let asker = tasks::asker(host, central, row, request)?;
        (asker.map(Caller::Chat), "this chat is not known here any more")
    } else {
        (caller(central, row)?, REMOVED)
    };
    let Some(caller) = caller else { return refused(gone.to_owned()) };
    if is_task || !operation.is_change() {
        let (ok, text) = run(operation, central, &caller, now)?;
        return Ok(RequestOutcome::Answer { ok, text });
    }
    let change = match operations::prepare(operation, central, &caller) {
        Ok(change) => change,
        Err(OperationError::Store(err)) => return Err(err),
        Err(why) => return refused(explain(&why)),
    };
    let details: Vec<String> = change.text.lines().map(str::to_owned).collect();
    Ok(RequestOutcome::Ask(Box::new(Question {
        agent: change.concerns,
        text: texts::approval::change(&row.agent, &change.operation.to_string(), &details),
        options: consent_options(),
        // With numbers for names: what was allowed is what is done, whatever is renamed meanwhile.
        payload: change.operation.to_json().to_string(),
        ..question(central, row, request)?
    })))
}

/// Whom the agent of a session is to the administration; `None` when there is none any more.
fn caller(central: &CentralStore, row: &SessionRow) -> Result<Option<Caller>, StoreError> {
    let found = central.agent(&row.agent)?;
    Ok(found.map(|it| Caller::Agent { group: it.name, admin_scope: it.admin_scope }))
}

/// Makes a change that somebody allowed, as far as the agent may still ask for it. Part of one write.
pub(super) fn carry_out(
    central: &mut CentralStore,
    session: SessionId,
    payload: &str,
    now: Timestamp,
) -> Result<(bool, String), StoreError> {
    let operation = match Operation::from_json(payload) {
        Ok(operation) => operation,
        Err(why) => return Ok((false, explain(&why))),
    };
    let asks = central.session(session)?;
    match asks.map(|it| caller(central, &it)).transpose()?.flatten() {
        Some(caller) => run(&operation, central, &caller, now),
        None => Ok((false, REMOVED.to_owned())),
    }
}

/// Does what an operation says, or explains why not. Part of one write, or of a read if it only looks.
pub(crate) fn run(
    operation: &Operation,
    central: &mut CentralStore,
    caller: &Caller,
    now: Timestamp,
) -> Result<(bool, String), StoreError> {
    match operations::perform(operation, central, caller, now) {
        Ok(output) => Ok((true, output.render(operation.wants_json()))),
        Err(OperationError::Store(err)) => Err(err),
        Err(err) => Ok((false, explain(&err))),
    }
}

fn explain(err: &OperationError) -> String {
    match err.hint() {
        Some(hint) => format!("{err}; {hint}"),
        None => err.to_string(),
    }
}
