//! What agents ask of the host: a question to a person, a look at or a change of the administration.

use domain::approval::{APPROVAL_LIFE, question_life};
use domain::approval::{change_card, consent_options};
use domain::question::{Opt, validate};
use domain::time::Timestamp;
use domain::{OutSeq, SessionId};
use operations::{Caller, Operation};
use store::{Asked, CentralStore, Question, QuestionKind, Request, SessionRow, StoreError};

use super::ApprovalMessage;
use crate::host::Host;
use crate::sweep::SweepMessage;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    /// Its answer comes later.
    Kept,
    /// It has the answer of this one, which was or will be carried out.
    Repeats(OutSeq),
    Answered {
        ok: bool,
        text: String,
    },
}

/// The title of a question of an agent; its text says all.
const TITLE: &str = "A question";

/// Passes on what an agent asked for. Doing it again changes nothing.
pub(crate) async fn forward_request(
    host: &Host,
    row: &SessionRow,
    request: Request,
) -> Result<RequestOutcome, StoreError> {
    match request.what.clone() {
        Asked::Question { options, timeout } => {
            let options: Vec<Opt> = options.iter().map(|it| Opt::new(it, it)).collect();
            if let Err(why) = validate(TITLE, &request.text, &options) {
                return Ok(RequestOutcome::Answered { ok: false, text: why.to_string() });
            }
            let life = question_life(Some(timeout).filter(|it| !it.is_zero()));
            let question = Question {
                kind: QuestionKind::Agent,
                text: request.text.clone(),
                options,
                expires_at: request.asked_at + life,
                ..question(row, &request)
            };
            keep(host, question, request).await
        }
        Asked::Admin => administer(host, row, request).await,
    }
}

fn question(row: &SessionRow, request: &Request) -> Question {
    Question {
        kind: QuestionKind::Change,
        agent: Some(row.agent.clone()),
        chat: None,
        thread: request.from.thread.clone(),
        session: Some((row.id, request.seq)),
        requester: request.sender_id.clone(),
        requester_name: request.sender_name.clone(),
        text: String::new(),
        options: Vec::new(),
        payload: String::new(),
        asked_at: request.asked_at,
        expires_at: request.asked_at + APPROVAL_LIFE,
    }
}

async fn keep(
    host: &Host,
    question: Question,
    request: Request,
) -> Result<RequestOutcome, StoreError> {
    let ask = move |central: &mut CentralStore| {
        let chat = central.chat(&request.from)?.map(|it| it.id);
        central.ask(&Question { chat, ..question })
    };
    host.central.write("a question", ask).await?;
    host.peers.approvals.cast(ApprovalMessage::Look);
    Ok(RequestOutcome::Kept)
}

async fn administer(
    host: &Host,
    row: &SessionRow,
    request: Request,
) -> Result<RequestOutcome, StoreError> {
    let refused = |text: String| Ok(RequestOutcome::Answered { ok: false, text });
    let operation = match operations::parse_line(&request.text) {
        Ok(operation) => operation,
        Err(why) => return refused(why),
    };
    // In a card, a line of a value would look like one of ours.
    if !matches!(operation, Operation::Tasks(_)) && request.text.contains(char::is_control) {
        return refused("the command has more than one line; write it in one".into());
    }
    // Who only looks wants to see what is there now.
    if let Some(first) = request.repeats.filter(|_| operation.is_change()) {
        return Ok(RequestOutcome::Repeats(first));
    }
    if let Operation::Tasks(_) = operation {
        return super::tasks::perform(host, row, &request, operation).await;
    }
    let asks = row.clone();
    let found = host.central.read(move |central| caller(central, &asks)).await?;
    let Some(caller) = found else {
        return refused("this agent was removed".into());
    };
    let now = host.clock.now();
    if !operation.is_change() {
        let look = move |central: &mut CentralStore| run(&operation, central, &caller, now);
        let (ok, text) = host.central.read(look).await?;
        return Ok(RequestOutcome::Answered { ok, text });
    }
    let prepared = host
        .central
        .read(move |central| Ok(operations::prepare(&operation, central, &caller)))
        .await?;
    let change = match prepared {
        Ok(change) => change,
        Err(operations::OperationError::Store(err)) => return Err(err),
        Err(why) => return refused(explain(&why)),
    };
    let details: Vec<String> = change.text.lines().map(str::to_owned).collect();
    let text = change_card(&row.agent, &change.operation.to_string(), &details);
    let question = Question {
        agent: change.concerns,
        text,
        options: consent_options(),
        // With numbers for names: what was allowed is what is done, whatever is renamed meanwhile.
        payload: change.operation.to_json().to_string(),
        ..question(row, &request)
    };
    keep(host, question, request).await
}

/// Whom the agent of a session is to the administration; `None` when there is none any more.
fn caller(central: &CentralStore, row: &SessionRow) -> Result<Option<Caller>, StoreError> {
    let found = central.agent(&row.agent)?;
    Ok(found.map(|it| Caller::Agent { group: it.name, admin_scope: it.admin_scope }))
}

/// Makes a change that somebody allowed, as far as the agent may still ask for it. Its answer is part
/// of the same commit, so that a host that stops afterwards doesn't make the change again.
pub(super) async fn carry_out(
    host: &Host,
    row: &SessionRow,
    seq: OutSeq,
    payload: &str,
) -> Result<(bool, String), StoreError> {
    let operation = match Operation::from_json(payload) {
        Ok(operation) => operation,
        Err(why) => return Ok((false, explain(&why))),
    };
    let (row, now) = (row.clone(), host.clock.now());
    let change = move |central: &mut CentralStore| {
        answer_once(central, row.id, seq, |central| match caller(central, &row)? {
            Some(caller) => run(&operation, central, &caller, now),
            None => Ok((false, "this agent was removed".into())),
        })
    };
    let done = host.central.write("a change", change).await?;
    // Agents, chats and accounts may be others now.
    host.peers.sweep.cast(SweepMessage::Now);
    Ok(done)
}

/// Does what a request asks for and stores the answer; does nothing for a request that has its answer.
/// Part of one write.
pub(super) fn answer_once(
    central: &mut CentralStore,
    session: SessionId,
    seq: OutSeq,
    work: impl FnOnce(&mut CentralStore) -> Result<(bool, String), StoreError>,
) -> Result<(bool, String), StoreError> {
    if let Some(answer) = central.rows(session).answer_of(seq)? {
        return Ok(answer);
    }
    let (ok, text) = work(central)?;
    central.rows(session).answer(seq, ok, &text)?;
    Ok((ok, text))
}

pub(super) fn run(
    operation: &Operation,
    central: &mut CentralStore,
    caller: &Caller,
    now: Timestamp,
) -> Result<(bool, String), StoreError> {
    match operations::perform(operation, central, caller, now) {
        Ok(output) => Ok((true, output.render(operation.wants_json()))),
        Err(operations::OperationError::Store(err)) => Err(err),
        Err(err) => Ok((false, explain(&err))),
    }
}

fn explain(err: &operations::OperationError) -> String {
    match err.hint() {
        Some(hint) => format!("{err}; {hint}"),
        None => err.to_string(),
    }
}
