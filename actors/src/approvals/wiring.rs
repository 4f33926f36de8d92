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
    let wired: Vec<AgentName> =
        central.wirings_of(chat)?.into_iter().map(|it| it.wiring.agent).collect();
    match choice {
        ChatChoice::Refuse => Ok(None),
        ChatChoice::Connect(agent) => {
            if !wired.contains(agent) {
                central.add_agent(&AgentGroup::new(agent.clone()))?;
                let wiring = Wiring::usual(chat, agent.clone(), found.is_group);
                central.set_wiring(&wiring)?;
            }
            Ok(Some(agent.clone()))
        }
        ChatChoice::New(wanted) => {
            if !wired.is_empty() {
                // Somebody wired the chat to an agent meanwhile.
                return Ok(None);
            }
            let taken = central.agent_names_taken()?;
            let name = match taken.contains(wanted) {
                true => agent_name_for(wanted.as_str(), &taken),
                false => wanted.clone(),
            };
            let wiring = Wiring::usual(chat, name.clone(), found.is_group);
            central.add_wired_agent(&AgentGroup::new(name.clone()), &wiring)?;
            Ok(Some(name))
        }
    }
}
