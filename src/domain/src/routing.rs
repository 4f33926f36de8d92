//! Decides which agents a message is for. A pure function over what the central database says.

use crate::AgentName;

/// What is to happen with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Goes to these agents, each in its own session for the chat.
    Engage(Vec<AgentName>),
    /// The chat is new and may wire itself: wire it to this agent, then engage.
    Wire(AgentName),
    /// The sender is told why not.
    Refuse(String),
}

/// What routing may look at.
#[derive(Clone, Debug)]
pub struct RouteView<'a> {
    /// The agent that the sender named, where a channel has that.
    pub asked: Option<&'a str>,
    /// The agents that the chat is wired to.
    pub wired: &'a [AgentName],
    /// Every agent there is.
    pub agents: &'a [AgentName],
    /// The channel is only open to the person who owns this host (the terminal).
    pub owner_only: bool,
}

/// Where a message goes. A chat that nobody wired is refused, except on the owner's own channel.
#[must_use]
pub fn route(view: &RouteView<'_>) -> Route {
    let asked = match view.asked.map(AgentName::parse) {
        None => None,
        Some(Ok(name)) if view.agents.contains(&name) => Some(name),
        Some(_) => return Route::Refuse(unknown_agent(view)),
    };
    if !view.wired.is_empty() {
        return match asked {
            Some(name) if !view.wired.contains(&name) => Route::Refuse(format!(
                "this chat belongs to {}, not to `{name}`",
                names(view.wired)
            )),
            Some(name) => Route::Engage(vec![name]),
            None => Route::Engage(view.wired.to_vec()),
        };
    }
    if !view.owner_only {
        return Route::Refuse("this chat is not connected to an agent".into());
    }
    match asked.or_else(|| default_agent(view.agents)) {
        Some(name) => Route::Wire(name),
        None => {
            Route::Refuse("there is no agent yet; add one with `nanoclaw agents add NAME`".into())
        }
    }
}

fn default_agent(agents: &[AgentName]) -> Option<AgentName> {
    let default = agents.iter().find(|it| it.as_str() == crate::agent::DEFAULT_AGENT);
    default.or(agents.first()).cloned()
}

fn unknown_agent(view: &RouteView<'_>) -> String {
    let asked = view.asked.unwrap_or_default();
    format!("there is no agent `{asked}`; there is {}", names(view.agents))
}

fn names(agents: &[AgentName]) -> String {
    let quoted: Vec<String> = agents.iter().map(|it| format!("`{it}`")).collect();
    if quoted.is_empty() { "none".into() } else { quoted.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(names: &[&str]) -> Vec<AgentName> {
        names.iter().map(|it| AgentName::parse(it).unwrap()).collect()
    }

    fn check(asked: Option<&str>, wired: &[&str], owner_only: bool) -> Route {
        let (wired, agents) = (agents(wired), agents(&["abby", "andy"]));
        route(&RouteView { asked, wired: &wired, agents: &agents, owner_only })
    }

    #[test]
    fn a_new_chat_of_the_owner_wires_itself_to_the_named_or_the_default_agent() {
        assert_eq!(check(None, &[], true), Route::Wire(agents(&["andy"])[0].clone()));
        assert_eq!(check(Some("Abby"), &[], true), Route::Wire(agents(&["abby"])[0].clone()));
        assert!(
            matches!(check(Some("bob"), &[], true), Route::Refuse(why) if why.contains("`abby`, `andy`"))
        );
    }

    #[test]
    fn a_new_chat_of_anybody_else_is_refused() {
        assert!(matches!(check(None, &[], false), Route::Refuse(_)));
    }

    #[test]
    fn a_wired_chat_reaches_all_its_agents_or_the_one_that_was_named() {
        let both = ["abby", "andy"];
        assert_eq!(check(None, &both, true), Route::Engage(agents(&both)));
        assert_eq!(check(Some("andy"), &both, false), Route::Engage(agents(&["andy"])));
        assert!(matches!(check(Some("abby"), &["andy"], true), Route::Refuse(_)));
    }
}
