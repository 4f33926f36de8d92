//! For whom an agent asks that wants something of tasks, and so what it may do (`domain::task::rights`).

use domain::AgentName;
use domain::people::{Access, Handle, access};
use domain::task::FireKey;
use domain::task::rights::Who;
use operations::Asker;
use store::{CentralStore, Request, SessionRow, StoreError};

use crate::host::Host;

/// For whom the agent of a session asks; `None` when the chat is gone.
pub(super) fn asker(
    host: &Host,
    central: &CentralStore,
    row: &SessionRow,
    request: &Request,
) -> Result<Option<Asker>, StoreError> {
    let caps = host.caps_of(&request.from.channel);
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
) -> Result<Who, StoreError> {
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
