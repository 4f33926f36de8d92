//! What the host says in parentheses in the place of what an agent wrote, or beside it.

/// In the place of an answer where an agent gave none; the runner writes it.
pub const NOTHING_SAID: &str = "(The agent finished without saying anything.)";
/// Where an agent wrote more than can wait to be sent.
pub const TOO_MUCH: &str = "(I wrote more than can be sent. What came after this was left out.)";
/// Below a text that was cut.
pub const TOO_LONG: &str = "(The rest is too long to be sent.)";

/// The file that a very long answer is in.
pub const WHOLE: &str = "answer.md";
/// Below the beginning of such an answer.
pub const IN_A_FILE: &str = "(This is the beginning. The whole answer is in the file answer.md.)";

/// Of a file that came with what was not for the agent, and of one of an unknown user who sent a lot of them.
pub const NOT_FETCHED: &str = "it came with a message that was not for you";
pub const TOO_MANY_BYTES: &str = "its sender, who has no access, sent too much within an hour";

/// Above an answer that goes to another chat, since its own takes none.
pub fn about_event(channel: &str, chat: &str) -> String {
    format!("(About an event from {channel}:{chat}, which takes no answers.)")
}

/// In the place of a message for a destination that was not granted.
pub fn not_allowed(destination: &str) -> String {
    let name: String = destination.chars().filter(|it| !it.is_control()).take(64).collect();
    format!("(I wanted to write to \"{name}\", but I'm not allowed to.)")
}

pub fn no_file(why: &str) -> String {
    format!("(A file couldn't be sent: {why}.)")
}
