//! What agents ask of the host: a question to a person, a look at or a change of the administration; and
//! for whom they ask, where they want something of tasks (`domain::task::rights`).

use std::sync::Arc;
use std::time::Duration;

use domain::approval::{APPROVAL_LIFE, consent_options, question_life};
use domain::people::{Access, Handle, access};
use domain::question::{Opt, validate};
use domain::task::FireKey;
use domain::task::rights::Who;
use domain::texts;
use domain::time::Timestamp;
use domain::{AgentName, OutSeq, SessionId};
use operations::{Asker, Caller, Operation, OperationError};
use store::{Asked, CentralStore, Put, Question, QuestionKind, Request, SessionRow};

use crate::Result;
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
pub async fn forward_request(host: &Arc<Host>, row: &SessionRow, seq: OutSeq) -> Result<()> {
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

fn refused(text: String) -> Result<RequestOutcome> {
    Ok(RequestOutcome::Answer { ok: false, text })
}

fn ask(
    central: &CentralStore,
    row: &SessionRow,
    request: &Request,
    options: &[String],
    timeout: Duration,
) -> Result<RequestOutcome> {
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

fn question(central: &CentralStore, row: &SessionRow, request: &Request) -> Result<Question> {
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
) -> Result<RequestOutcome> {
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
        let asker = asker(host, central, row, request)?;
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
fn caller(central: &CentralStore, row: &SessionRow) -> Result<Option<Caller>> {
    let found = central.agent(&row.agent)?;
    Ok(found.map(|it| Caller::Agent { group: it.name, admin_scope: it.admin_scope }))
}

/// Makes a change that somebody allowed, as far as the agent may still ask for it. Part of one write.
pub(super) fn carry_out(
    central: &mut CentralStore,
    session: SessionId,
    payload: &str,
    now: Timestamp,
) -> Result<(bool, String)> {
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
) -> Result<(bool, String)> {
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

/// For whom the agent of a session asks; `None` when the chat is gone.
fn asker(
    host: &Host,
    central: &CentralStore,
    row: &SessionRow,
    request: &Request,
) -> Result<Option<Asker>> {
    let caps = host.caps_of(&request.from);
    // Only the owner of this host writes there.
    let is_owners = caps.owner_only;
    // Programs write there, which hear nothing back.
    let is_mute = !is_owners && caps.mute;
    let Some(chat) = central.chat(&request.from)? else { return Ok(None) };
    // An agent can name any message of its session as the cause. Only the user being answered lends
    // it their rights.
    let is_task = request.cause.starts_with(FireKey::PREFIX);
    let is_attended = request.is_cause_open && !is_task && !is_mute;
    let who = if is_task {
        owner(central, request, &row.agent, is_owners)?
    } else if !is_attended {
        Who::Agent
    } else {
        // Empty where a platform does not say who wrote; nobody is known by that.
        let handle = Handle::parse(&request.sender_id)
            .unwrap_or_else(|| Handle::new(&request.from.channel, &request.sender_id));
        let known = central.standing(&handle)?;
        let access = if is_owners {
            Access::Owner
        } else {
            access(known.as_ref().map(|it| &it.1), &row.agent)
        };
        let person = known.map(|it| it.0);
        Who::Person { person, handle, access, is_direct: !chat.is_group }.lent_to_an_agent()
    };
    Ok(Some(Asker {
        agent: row.agent.clone(),
        session: row.id,
        chat: chat.id,
        thread: request.from.thread.clone(),
        who,
        is_attended,
        key: key(row, request),
        at: request.asked_at,
    }))
}

/// Names a request, so that a host that crashes in the middle does it once. What a later attempt
/// at the turn repeats does not come here; with a runner that does not say which attempt it makes,
/// the same words for the same message are the same request.
fn key(row: &SessionRow, request: &Request) -> String {
    // FNV-1a; an agent that looks for two lines of one sum gains a task less.
    let sum = request.text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let number = if request.is_counted { format!(".{}", request.seq) } else { String::new() };
    format!("{}.{}.{sum:016x}{number}", row.id, request.cause_seq)
}

/// Whose task it is that runs.
fn owner(
    central: &CentralStore,
    request: &Request,
    agent: &AgentName,
    is_owners: bool,
) -> Result<Who> {
    let task =
        FireKey::parse(&request.cause).map(|it| central.task(it.task)).transpose()?.flatten();
    let task = task.map(|it| it.task).filter(|it| it.agent == *agent);
    let Some((person, Some(handle))) = task.map(|it| (it.owner, it.owner_handle)) else {
        return Ok(Who::Agent);
    };
    let standing = person.map(|it| central.standing_of(it)).transpose()?;
    let access = if is_owners && handle.channel == request.from.channel {
        Access::Owner
    } else {
        access(standing.as_ref(), agent)
    };
    Ok(Who::for_a_task(person, handle, access))
}
