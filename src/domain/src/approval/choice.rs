//! What the cards about unknown users and chats offer: the safest first. Sharing an agent takes two
//! steps, since everyone who talks to an agent can read what it remembers.
//!
//! The options of a question are stored in one list: those that its card shows, then those that only
//! a second card offers, which asks whether an agent is really to be shared.

use crate::AgentName;
use crate::question::Opt;

pub const ALLOW: &str = "allow";
pub const REFUSE: &str = "refuse";
/// A card offers no more agents; the others can be connected with the command line.
const AGENTS_MAX: usize = 8;
/// Stands before the value that a second card asks about.
const ASK: &str = "ask:";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChatChoice {
    Connect(AgentName),
    New(AgentName),
    Refuse,
}

impl ChatChoice {
    /// The value of the option; a `:` is in no agent's name.
    pub fn value(&self) -> String {
        match self {
            Self::Connect(agent) => format!("connect:{agent}"),
            Self::New(agent) => format!("new:{agent}"),
            Self::Refuse => REFUSE.to_owned(),
        }
    }

    pub fn parse(value: &str) -> Option<Self> {
        match value.split_once(':') {
            Some(("connect", agent)) => AgentName::parse(agent).ok().map(Self::Connect),
            Some(("new", agent)) => AgentName::parse(agent).ok().map(Self::New),
            Some(_) => None,
            None => (value == REFUSE).then_some(Self::Refuse),
        }
    }
}

pub fn chat_options(agents: &[AgentName], new_name: &AgentName) -> Vec<Opt> {
    let shared = || agents.iter().take(AGENTS_MAX);
    let value = |it: &AgentName| ChatChoice::Connect(it.clone()).value();
    let new = ChatChoice::New(new_name.clone()).value();
    let mut options =
        vec![Opt::new(format!("New agent `{new_name}`"), new), Opt::new("Refuse", REFUSE)];
    let first = |it: &AgentName| Opt::new(format!("Share {it}…"), format!("{ASK}{}", value(it)));
    options.extend(shared().map(first));
    options.extend(shared().map(|it| Opt::new(format!("Yes, share {it}"), value(it))));
    options
}

pub fn sender_options() -> Vec<Opt> {
    vec![
        Opt::new("Refuse", REFUSE),
        Opt::new("Allow…", format!("{ASK}{ALLOW}")),
        Opt::new("Yes, allow", ALLOW),
    ]
}

pub fn consent_options() -> Vec<Opt> {
    vec![Opt::new("Allow", ALLOW), Opt::new("Refuse", REFUSE)]
}

pub fn first_options(options: &[Opt]) -> &[Opt] {
    let is_second = |it: &Opt| options.iter().any(|ask| asks_about(ask) == Some(&it.value));
    let first = options.iter().position(is_second).unwrap_or(options.len());
    &options[..first]
}

/// The place of the option that a second card asks about, where this one only asks for that card.
pub fn second_option(options: &[Opt], index: usize) -> Option<usize> {
    let wanted = asks_about(options.get(index)?)?;
    options.iter().position(|it| it.value == wanted)
}

/// The option of the first card that leads to this one; `None` where it is on the first card.
pub fn asked_by(options: &[Opt], index: usize) -> Option<usize> {
    let value = &options.get(index)?.value;
    options.iter().position(|ask| asks_about(ask) == Some(value))
}

/// With their places: those that share nothing, then the one that was asked for.
pub fn second_options(options: &[Opt], wanted: usize) -> Vec<(usize, &Opt)> {
    let first = first_options(options).len();
    let is_offered = |(index, option): &(usize, &Opt)| {
        *index == wanted || (*index < first && asks_about(option).is_none())
    };
    options.iter().enumerate().filter(is_offered).collect()
}

fn asks_about(option: &Opt) -> Option<&str> {
    option.value.strip_prefix(ASK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::validate;

    fn agent(name: &str) -> AgentName {
        AgentName::parse(name).unwrap()
    }

    #[test]
    fn a_new_chat_gets_an_agent_of_its_own_or_nothing_first() {
        let agents: Vec<AgentName> = (0..12).map(|n| agent(&format!("a{n}"))).collect();
        let options = chat_options(&agents, &agent("family-chat"));
        let first: Vec<&str> = first_options(&options).iter().map(|it| it.value.as_str()).collect();
        assert_eq!(first[..3], ["new:family-chat", "refuse", "ask:connect:a0"]);
        assert_eq!((first.len(), options.len()), (10, 18));
        assert_eq!(validate("New chat", "Which one?", &options), Ok(()));
        for option in options.iter().filter(|it| asks_about(it).is_none()) {
            assert_eq!(ChatChoice::parse(&option.value).unwrap().value(), option.value);
        }
        for bad in ["", "connect:", "connect:../x", "allow", "new", "refuse:x", "ask:connect:a0"] {
            assert_eq!(ChatChoice::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_shares_an_agent_is_on_a_second_card_alone() {
        let chat = chat_options(&[agent("andy"), agent("abby")], &agent("eve"));
        for (options, ask, second, offered) in [
            (&chat, 3, 5, vec![0, 1, 5]),
            (&chat, 2, 4, vec![0, 1, 4]),
            (&sender_options(), 1, 2, vec![0, 2]),
        ] {
            assert_eq!(second_option(options, ask), Some(second));
            assert_eq!(asked_by(options, second), Some(ask));
            assert_eq!((second_option(options, 0), asked_by(options, 0)), (None, None));
            assert!(first_options(options).len() <= second);
            let places: Vec<usize> =
                second_options(options, second).into_iter().map(|it| it.0).collect();
            assert_eq!(places, offered);
        }
        let drinks = [Opt::new("Tea", "tea"), Opt::new("Coffee", "coffee")];
        assert_eq!(first_options(&drinks), drinks);
        assert_eq!((second_option(&drinks, 0), asked_by(&drinks, 7)), (None, None));
    }
}
