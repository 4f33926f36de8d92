//! What people read about approvals: cards for the approver, and notices for the requester.
//! Unknown users write names, titles and excerpts, which are shown as inline code.

use crate::AgentName;
use crate::people::Handle;
use crate::plain::{one_line, quoted};
use crate::question::Opt;

const NAME_CHARS_MAX: usize = 60;
const EXCERPT_CHARS_MAX: usize = 200;
const DETAIL_CHARS_MAX: usize = 300;
const DETAILS_MAX: usize = 12;

/// Somebody who wrote, as their platform describes them.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// What they call themselves.
    pub name: &'a str,
    pub handle: &'a Handle,
    pub excerpt: &'a str,
}

/// A chat, as its platform describes it.
#[derive(Clone, Copy, Debug)]
pub struct ChatLabel<'a> {
    pub channel: &'a str,
    pub title: &'a str,
    pub is_group: bool,
}

impl ChatLabel<'_> {
    fn shown(&self) -> String {
        let channel = quoted(self.channel, NAME_CHARS_MAX, "a channel");
        let title = quoted(self.title, NAME_CHARS_MAX, "");
        match (self.is_group, title.as_str()) {
            (true, "") => format!("a group on {channel}"),
            (true, title) => format!("the group {title} on {channel}"),
            (false, _) => format!("a direct chat on {channel}"),
        }
    }
}

impl Writer<'_> {
    fn shown(&self) -> String {
        let name = quoted(self.name, NAME_CHARS_MAX, "Someone without a name");
        format!("{name} ({})", quoted(&self.handle.to_string(), NAME_CHARS_MAX, "unknown"))
    }

    fn said(&self) -> String {
        format!("The message: {}", quoted(self.excerpt, EXCERPT_CHARS_MAX, "no text"))
    }
}

/// Asks whether an unknown user may talk to an agent.
#[must_use]
pub fn unknown_sender_card(
    agent: &AgentName,
    chat_label: &ChatLabel<'_>,
    writer: &Writer<'_>,
) -> String {
    format!(
        "{} wrote to `{agent}` in {}. I don't know them. May they talk to `{agent}`?\n{}\nThis \
         shares `{agent}`: anyone who talks to it can read its memory and files.",
        writer.shown(),
        chat_label.shown(),
        writer.said()
    )
}

/// Asks which agent a new chat belongs to.
#[must_use]
pub fn unknown_chat_card(chat_label: &ChatLabel<'_>, writer: &Writer<'_>) -> String {
    format!(
        "{} wrote to me in {}. No agent answers there yet. Which one should?\n{}\nA new agent \
         shares nothing. If you share an agent, everyone in that chat can read its memory \
         and files.",
        writer.shown(),
        chat_label.shown(),
        writer.said()
    )
}

/// Asks once more before an agent is shared. `question` is the text of the first card.
#[must_use]
pub fn share_card(agent: &AgentName, with: &str, question: &str) -> String {
    format!(
        "Share `{agent}` with {}? They'll be able to read its memory and files.\nThe question was: {}",
        quoted(with, NAME_CHARS_MAX, "an unknown user"),
        quoted(question, EXCERPT_CHARS_MAX, "no text")
    )
}

/// Asked before a pairing code is made that shares an agent.
#[must_use]
pub fn share_by_code(agent: &AgentName) -> String {
    format!(
        "Anyone who sends this code can talk to `{agent}` and read its memory and files. To \
         share nothing, make an agent first: `nanoclaw agents add NAME`, then `nanoclaw pair --role \
         member --agent NAME`."
    )
}

/// Asks whether an agent may change something. `command` is what it asked for, in its words;
/// `details` is everything that it would do, one line each.
#[must_use]
pub fn change_card(agent: &AgentName, command: &str, details: &[String]) -> String {
    let mut lines = vec![format!("`{agent}` wants to run {}. Allow it?", detail(command))];
    lines.extend(details.iter().take(DETAILS_MAX).map(|it| format!("- {}", detail(it))));
    if DETAILS_MAX < details.len() {
        lines.push(format!("- and {} more that do not fit here", details.len() - DETAILS_MAX));
    }
    lines.join("\n")
}

/// The approver must know when they do not see everything.
fn detail(text: &str) -> String {
    let hidden = one_line(text).chars().count().saturating_sub(DETAIL_CHARS_MAX);
    let shown = quoted(text, DETAIL_CHARS_MAX, "nothing");
    if hidden == 0 { shown } else { format!("{shown} ({hidden} more characters not shown)") }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Somebody wants to talk to an agent.
    Sender,
    /// A chat wants to be connected.
    Chat,
}

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Asked,
    Denied,
    Expired,
    /// There is nobody to ask, or nobody can be reached.
    NobodyReachable,
}

/// Notice for the requester. Says nothing about who decides.
#[must_use]
pub fn told(request: Request, news: News) -> &'static str {
    match request {
        Request::Sender => sender(news),
        Request::Chat => chat(news),
    }
}

fn sender(news: News) -> &'static str {
    match news {
        News::Asked => {
            "I don't know you yet, so I asked for permission to talk with you. I'll get to your \
             message once I have it."
        }
        News::Denied => "I'm not allowed to talk with you here.",
        News::Expired => {
            "Nobody decided whether I may talk with you, so I dropped your message. Write again \
             and I'll ask once more."
        }
        News::NobodyReachable => {
            "I don't know you yet, and I can't reach anyone who could let you in. Please tell my \
             owner that you wrote."
        }
    }
}

fn chat(news: News) -> &'static str {
    match news {
        News::Asked => {
            "This chat is new to me, so I asked for permission to answer here. I'll get to your \
             message once I have it."
        }
        News::Denied => "I'm not allowed to answer in this chat.",
        News::Expired => {
            "Nobody decided whether I may answer here, so I dropped your message. Write again and \
             I'll ask once more."
        }
        News::NobodyReachable => {
            "This chat is new to me, and I can't reach anyone who could let me answer. Please tell my \
             owner that you wrote."
        }
    }
}

/// The values of [`consent_options`].
pub const ALLOW: &str = "allow";
pub const REFUSE: &str = "refuse";

/// What [`change_card`] offers.
#[must_use]
pub fn consent_options() -> Vec<Opt> {
    vec![Opt::new("Allow", ALLOW), Opt::new("Refuse", REFUSE)]
}
