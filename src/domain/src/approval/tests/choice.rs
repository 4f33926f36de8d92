//! What the cards about unknown users and chats offer.

use super::super::*;
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
