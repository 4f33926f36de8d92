//! What the sender of a pairing code is told, and the owner before a code shares an agent.

use crate::AgentName;
use crate::pairing::Attempt;

/// What the sender is told; `None` leaves the message to everything else.
pub fn answer(attempt: Attempt) -> Option<&'static str> {
    Some(match attempt {
        Attempt::NotACode => return None,
        Attempt::Wrong { left: 0 } => {
            "That's not the code, and you've sent too many wrong ones. Wait an hour, or use the \
             terminal."
        }
        Attempt::Busy => "I just got too many wrong codes. Wait a minute, then send yours again.",
        Attempt::Wrong { .. } => "That's not the code. Send the six digits shown in the terminal.",
        Attempt::Paired { .. } => "Paired. You can write to me now.",
    })
}

/// Follows [`answer`] for a user who was just paired: which time zone counts for them.
pub fn zone(zone: &str) -> String {
    format!("Your time zone is {zone}. If that's wrong, send `/timezone CITY`.")
}

/// Shown before a code is made that shares an agent.
pub fn shares(agent: &AgentName) -> String {
    format!(
        "Anyone who sends this code can talk to `{agent}` and read its memory and files. To share \
         nothing, make an agent first: `nanoclaw agents add NAME`, then `nanoclaw pair --role \
         member --agent NAME`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_what_to_do() {
        assert_eq!(answer(Attempt::NotACode), None);
        for left in [0, 3] {
            assert!(answer(Attempt::Wrong { left }).is_some_and(|text| text.contains("terminal")));
        }
        assert!(answer(Attempt::Paired { id: 1 }).is_some());
    }
}
