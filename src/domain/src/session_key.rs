//! Which messages of an agent share one conversation.

use crate::AgentName;
pub use crate::ids::ChatId;

crate::words! {
    pub enum SessionMode {
        Shared,
        /// One session for every thread of a chat.
        PerThread,
        /// Everything of all chats that are wired this way.
        AgentShared,
    }
}

/// Names one conversation with one agent. Equal keys mean the same session.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey {
    pub agent: AgentName,
    /// `None` where all chats share.
    pub chat: Option<ChatId>,
    /// `None` where all threads share, and for what is in no thread.
    pub thread: Option<String>,
}

pub fn session_key(
    mode: SessionMode,
    agent: &AgentName,
    chat: ChatId,
    thread: Option<&str>,
) -> SessionKey {
    let chat = (mode != SessionMode::AgentShared).then_some(chat);
    let thread = thread.filter(|_| mode == SessionMode::PerThread);
    SessionKey { agent: agent.clone(), chat, thread: thread.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every message that differs in agent, chat or thread from the others.
    fn messages() -> Vec<(AgentName, ChatId, Option<&'static str>)> {
        let mut all = Vec::new();
        for agent in ["andy", "abby"] {
            for chat in [1, 2] {
                for thread in [None, Some("a"), Some("b")] {
                    all.push((AgentName::parse(agent).unwrap(), ChatId(chat), thread));
                }
            }
        }
        all
    }

    #[test]
    fn two_messages_share_a_session_exactly_when_the_mode_says_so() {
        for mode in SessionMode::ALL {
            for (agent1, chat1, thread1) in messages() {
                for (agent2, chat2, thread2) in messages() {
                    let share = agent1 == agent2
                        && match mode {
                            SessionMode::Shared => chat1 == chat2,
                            SessionMode::PerThread => chat1 == chat2 && thread1 == thread2,
                            SessionMode::AgentShared => true,
                        };
                    let one = session_key(mode, &agent1, chat1, thread1);
                    let other = session_key(mode, &agent2, chat2, thread2);
                    assert_eq!(one == other, share, "{mode:?}: {one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn modes_read_back() {
        for mode in SessionMode::ALL {
            assert_eq!(SessionMode::parse(mode.as_str()), Some(mode));
        }
    }
}
