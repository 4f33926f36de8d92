//! Connecting chats to agents: what is meant, what it shares with whom, and doing it.

use domain::admission::{Ignored, Scope};
use domain::agent::AgentGroup;
use domain::engage::{Engage, check_pattern, trigger_of};
use domain::naming::agent_name_for;
use domain::session_key::SessionMode;
use store::{ChatRow, Wired, Wiring};

use crate::chats::wiring::{Plan, brief, options, tell, wiring_value};
use crate::prelude::*;

/// When an agent handles a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Every message
    Always,
    /// Messages that mention it
    Mention,
    /// Messages that mention it, and what follows them
    Sticky,
    /// Messages in which --pattern is found
    Pattern,
}

/// What happens to messages that an agent does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextChoice {
    /// The agent never sees them
    Drop,
    /// The agent sees them with the next message that it answers
    Keep,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[command(after_help = "\
Three ways to connect a chat, from nothing shared to everything:
  nanoclaw chats connect CHAT --own                      an agent of its own
  nanoclaw chats connect CHAT andy                       andy's workspace and memory
  nanoclaw chats connect CHAT andy --same-conversation   also the conversation

What is not said stays as it is; at first a chat with one person is answered always, a group when
the agent is mentioned by people it knows, with the rest kept for background.

Examples:
  nanoclaw chats connect telegram:-1001234 andy --engage sticky
  nanoclaw chats connect 3 andy --pattern '(?i)^(todo|buy)\\b' --context drop")]
pub struct ConnectArgs {
    #[arg(help = CHAT)]
    pub chat: String,
    /// The agent [default: the only one that there is]
    #[arg(conflicts_with = "own")]
    pub agent: Option<AgentName>,
    /// Make a new agent for it, called NAME [default: after the chat's title]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    pub own: Option<String>,
    /// One conversation with all other chats of the agent that are connected so
    #[arg(long, conflicts_with_all = ["own", "per_thread", "own_conversation"])]
    pub same_conversation: bool,
    /// A conversation for each thread, where the chat has threads (the default in groups)
    #[arg(long, conflicts_with = "own_conversation")]
    pub per_thread: bool,
    /// One conversation for this chat, all its threads (the default with one person)
    #[arg(long)]
    pub own_conversation: bool,
    /// Which messages the agent answers
    #[arg(long, value_name = "WHEN")]
    pub engage: Option<When>,
    /// Messages in which this regular expression is found
    #[arg(long, value_name = "RE")]
    pub pattern: Option<String>,
    /// Whose messages a public chat gives it: everybody's, or those of people it knows
    #[arg(long, value_name = "WHO",
          value_parser = parse_enum(Scope::ALL.map(Scope::as_str), Scope::parse))]
    pub scope: Option<Scope>,
    /// What happens to the other messages
    #[arg(long, value_name = "HOW", alias = "overheard")]
    pub context: Option<ContextChoice>,
    /// The order among several agents; the highest comes first
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub priority: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisconnectArgs {
    #[arg(help = CHAT)]
    pub chat: String,
    /// The agent [default: the only one that it is connected to]
    pub agent: Option<AgentName>,
}

/// The channel whose chats connect themselves.
const TERMINAL: &str = "cli";

impl ConnectArgs {
    pub(super) fn prepare(
        &mut self,
        store: &CentralStore,
        view: &View,
        host: &View,
    ) -> Result<String> {
        match target(self, store, view)? {
            (agent, true) => self.own = Some(agent.to_string()),
            (agent, false) => self.agent = Some(agent),
        }
        view.resolve_chat(&mut self.chat, host)?;
        Ok(tell(&plan(self, store, host)?, host))
    }

    pub(super) fn run(&self, context: &mut Context<'_>) -> Result {
        let Context { store, view, .. } = context;
        let plan = plan(self, store, view)?;
        let (wiring, chat) = (&plan.wired.wiring, plan.chat.id);
        let mut json = wiring_value(&plan.wired);
        json["new_agent"] = plan.is_new.into();
        let agent = &wiring.agent;
        if !plan.is_new {
            store.set_wiring(wiring)?;
        } else if !store.add_wired_agent(&AgentGroup::new(agent.clone()), wiring)? {
            return Err(refused(format!("`{agent}` was just added by somebody else"), "try again"));
        }
        let undo = match &plan.before {
            Some(before) => format!("chats connect {chat} {agent} {}", options(before)),
            None => format!("chats disconnect {chat} {agent}"),
        };
        let (label, how) = (view.label(plan.chat), brief(&plan.wired));
        let mut text = format!("{label} is connected to {agent}: {how}");
        let (address, needs_all) = (&plan.chat.address, wiring.engage.pattern().is_some());
        if plan.chat.is_group
            && needs_all
            && !store.hears_all(&address.channel, &address.account)?
        {
            text += &hears_too_little(&address.channel, &address.account);
            json["hears_only_when_meant"] = true.into();
        }
        Ok(Output::new(text, json).undo(undo))
    }
}

/// A rule that waits for messages which the platform does not show.
fn hears_too_little(channel: &str, account: &str) -> String {
    format!(
        "\nwarning: {channel}/{account} is shown only messages that mention it or reply to it, so it gets no \
         others. On Telegram that is its privacy mode: send /setprivacy to @BotFather, choose Disable, then \
         remove the bot from the group and add it again. Else use `--engage mention`."
    )
}

impl DisconnectArgs {
    pub(super) fn prepare(&mut self, view: &View, host: &View) -> Result<String> {
        let agent = unwired(self, view.chat(&self.chat)?, view)?.agent.clone();
        let chat = view.resolve_chat(&mut self.chat, host)?;
        let text = format!(
            "{chat} is disconnected from the agent `{agent}`, which no longer answers there. What was \
             said stays stored."
        );
        self.agent = Some(agent);
        Ok(text)
    }

    pub(super) fn run(&self, context: &mut Context<'_>) -> Result {
        let view = context.view;
        let chat = view.chat(&self.chat)?;
        let wiring = unwired(self, chat, view)?;
        context.store.unwire(chat.id, &wiring.agent)?;
        let (label, agent) = (view.label(chat), &wiring.agent);
        let text = format!(
            "{label} is no longer connected to {agent}; its conversation and files stay, unused"
        );
        let json = json!({ "chat": chat.id.0, "agent": agent });
        let undo = format!("chats connect {} {agent} {}", chat.id, options(wiring));
        Ok(Output::new(text, json).undo(undo))
    }
}

fn plan<'a>(args: &ConnectArgs, store: &CentralStore, view: &'a View) -> Result<Plan<'a>> {
    let chat = view.chat(&args.chat)?;
    let (agent, is_new) = target(args, store, view)?;
    let known = view.agents.iter().find(|it| it.name == agent);
    let trigger = trigger_of(&agent, known.and_then(|it| it.trigger.as_deref()));
    let before = view.wired_in(chat.id).map(|it| &it.wiring).find(|it| it.agent == agent);
    let usual = || Wiring::usual(chat.id, agent, chat.is_group);
    let wiring = changed(args, before.cloned().unwrap_or_else(usual))?;
    Ok(Plan { chat, is_new, wired: Wired { wiring, trigger }, before })
}

/// The agent that is meant, and whether it has to be made.
fn target(args: &ConnectArgs, store: &CentralStore, view: &View) -> Result<(AgentName, bool)> {
    let chat = view.chat(&args.chat)?;
    let Some(own) = &args.own else {
        return Ok((view.agent_or_only(args.agent.as_ref())?.name.clone(), false));
    };
    let taken = store.agent_names_taken()?;
    if own.is_empty() {
        return Ok((agent_name_for(&chat.title, &taken), true));
    }
    let name = AgentName::parse(own).or_refuse("choose another name")?;
    // An earlier agent of that name would bring its memory.
    if taken.contains(&name) {
        return Err(refused(
            format!("`{name}` is or was another agent, with its own memory"),
            format!(
                "choose another name; to share that agent say `chats connect {} {name}`",
                chat.id
            ),
        ));
    }
    Ok((name, true))
}

/// The wiring with what was said; the rest stays as it is.
fn changed(args: &ConnectArgs, mut wiring: Wiring) -> Result<Wiring> {
    if let Some(engage) = engage(args)? {
        wiring.engage = engage;
    }
    wiring.session_mode = match (args.same_conversation, args.per_thread, args.own_conversation) {
        (true, _, _) => SessionMode::AgentShared,
        (_, true, _) => SessionMode::PerThread,
        (_, _, true) => SessionMode::Shared,
        (false, false, false) => wiring.session_mode,
    };
    wiring.scope = args.scope.unwrap_or(wiring.scope);
    wiring.ignored = match args.context {
        Some(ContextChoice::Drop) => Ignored::Drop,
        Some(ContextChoice::Keep) => Ignored::Accumulate,
        None => wiring.ignored,
    };
    wiring.priority = args.priority.unwrap_or(wiring.priority);
    Ok(wiring)
}

fn engage(args: &ConnectArgs) -> Result<Option<Engage>> {
    Ok(Some(match (args.engage, &args.pattern) {
        (None, None) => return Ok(None),
        (Some(When::Always), None) => Engage::Pattern(".".into()),
        (Some(When::Mention), None) => Engage::Mention,
        (Some(When::Sticky), None) => Engage::MentionSticky,
        (Some(When::Pattern) | None, Some(pattern)) => {
            let hint = "see https://docs.rs/regex/latest/regex/#syntax, or use `--engage mention`";
            check_pattern(pattern).or_refuse(hint)?;
            Engage::Pattern(pattern.clone())
        }
        (Some(When::Pattern), None) => {
            return Err(refused("no pattern given", "give one with `--pattern RE`"));
        }
        (Some(When::Always | When::Mention | When::Sticky), Some(pattern)) => {
            let what = format!("the pattern `{pattern}` needs `--engage pattern`");
            return Err(refused(what, "drop `--pattern`, or use `--engage pattern`"));
        }
    }))
}

/// The wiring that is to go.
fn unwired<'a>(args: &DisconnectArgs, chat: &ChatRow, view: &'a View) -> Result<&'a Wiring> {
    let all: Vec<&Wiring> = view.wired_in(chat.id).map(|it| &it.wiring).collect();
    let is_meant = |it: &&&Wiring| args.agent.as_ref().is_none_or(|agent| it.agent == *agent);
    let meant: Vec<&Wiring> = all.iter().filter(is_meant).copied().collect();
    let [found] = meant[..] else {
        let label = view.label(chat);
        let what = match &args.agent {
            Some(agent) => format!("{label} is not connected to {agent}"),
            None if all.is_empty() => format!("{label} is not connected to any agent"),
            None => format!("{label} is connected to several agents"),
        };
        let connected = joined(all.iter().map(|it| &it.agent));
        let hint = match all.is_empty() {
            true => format!("there is nothing to take back; `nanoclaw chats show {}`", chat.id),
            false => format!("name one that it is connected to: {connected}"),
        };
        return Err(refused(what, hint));
    };
    if chat.address.channel == TERMINAL && all.len() == 1 {
        let hint = format!(
            "connect another one first with `nanoclaw chats connect {0} AGENT`, or close the chat with \
             `nanoclaw chats set {0} --deny`",
            chat.id
        );
        return Err(refused("a chat of the terminal always has an agent", hint));
    }
    Ok(found)
}
