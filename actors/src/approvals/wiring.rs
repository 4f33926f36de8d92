//! Connects a chat to the agent that somebody chose for it.

use domain::AgentName;
use domain::agent::AgentGroup;
use domain::approval::ChatChoice;
use domain::naming::agent_name_for;
use domain::session_key::ChatId;
use store::{CentralStore, StoreError, Wiring};

/// Wires a chat as somebody chose; returns the agent. One that was to be new is never an agent
/// that others use, or that was removed: by now its name may be taken, and it gets another one.
pub(super) fn wire(
    central: &mut CentralStore,
    chat: ChatId,
    choice: &ChatChoice,
) -> Result<Option<AgentName>, StoreError> {
    let Some(found) = central.chat_by_id(chat)? else { return Ok(None) };
    let wired = central.wirings_of(chat)?;
    let agent = match choice {
        ChatChoice::Refuse => return Ok(None),
        ChatChoice::Connect(agent) if wired.iter().any(|it| it.wiring.agent == *agent) => {
            return Ok(Some(agent.clone()));
        }
        ChatChoice::Connect(agent) => agent.clone(),
        // Somebody wired the chat to an agent meanwhile.
        ChatChoice::New(_) if !wired.is_empty() => return Ok(None),
        ChatChoice::New(wanted) => {
            let taken = central.agent_names_taken()?;
            match taken.contains(wanted) {
                true => agent_name_for(wanted.as_str(), &taken),
                false => wanted.clone(),
            }
        }
    };
    // A removed agent of that name would be there again; its name counts as taken above.
    central.add_agent(&AgentGroup::new(agent.clone()))?;
    central.set_wiring(&Wiring::usual(chat, agent.clone(), found.is_group))?;
    Ok(Some(agent))
}
