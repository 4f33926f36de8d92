//! Connecting chats to agents: what is meant, what it shares with whom, and doing it.

use domain::AgentName;
use domain::admission::Ignored;
use domain::agent::AgentGroup;
use domain::engage::{Engage, check_pattern, trigger_of};
use domain::naming::agent_name_for;
use domain::session_key::SessionMode;
use serde_json::json;
use store::{CentralStore, ChatRow, Wired, Wiring};

use crate::caller::mine;
use crate::chats::{conversation, kind, unknown_users, when, wiring_value};
use crate::command::{Command, Context};
use crate::find::View;
use crate::output::{Output, Result, joined, refused};
use crate::values::NewAgent;
use crate::wire_args::{ContextChoice, UnwireArgs, When, WireArgs};

/// The channel whose chats connect themselves.
const TERMINAL: &str = "cli";

/// What a `wire` would do.
#[derive(Debug)]
struct Plan<'a> {
    chat: &'a ChatRow,
    /// The agent does not exist yet.
    is_new: bool,
    wired: Wired,
    /// How it is connected now.
    before: Option<Wiring>,
}

impl Command for WireArgs {
    fn is_change(&self) -> bool {
        !self.dry_run
    }

    fn check_own(&self, view: &View) -> Result<()> {
        mine(self.agent.as_ref(), view)
    }

    fn resolve(&mut self, store: &CentralStore, view: &View) -> Result<()> {
        match target(self, store, view)? {
            (agent, true) => self.own = Some(NewAgent(Some(agent))),
            (agent, false) => self.agent = Some(agent),
        }
        view.resolve_chat(&mut self.chat)
    }

    fn summary(&self, store: &CentralStore, view: &View) -> Result<String> {
        Ok(tell(&plan(self, store, view)?, view))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let Context { store, view, .. } = context;
        let plan = plan(self, store, view)?;
        let (wiring, chat) = (&plan.wired.wiring, plan.chat.id);
        let mut json = wiring_value(&plan.wired);
        json["new_agent"] = plan.is_new.into();
        if self.dry_run {
            return Ok(Output::new(tell(&plan, view), json));
        }
        let agent = &wiring.agent;
        if !plan.is_new {
            store.set_wiring(wiring)?;
        } else if !store.add_wired_agent(&AgentGroup::new(agent.clone()), wiring)? {
            return Err(refused(format!("`{agent}` was just added by somebody else"), "try again"));
        }
        let (now, undo) = match &plan.before {
            Some(before) => {
                (" differently now", format!("wire {chat} {agent} {}", options(before)))
            }
            None => ("", format!("unwire {chat} {agent}")),
        };
        let (label, brief) = (view.label(plan.chat), brief(&plan.wired));
        let text = format!("{label} is connected to {agent}{now}: {brief}");
        Ok(Output::new(text, json).undo(undo))
    }
}

impl Command for UnwireArgs {
    fn is_change(&self) -> bool {
        true
    }

    fn check_own(&self, view: &View) -> Result<()> {
        mine(self.agent.as_ref(), view)
    }

    fn resolve(&mut self, _store: &CentralStore, view: &View) -> Result<()> {
        self.agent = Some(unwired(self, view.chat(&self.chat)?, view)?.agent.clone());
        view.resolve_chat(&mut self.chat)
    }

    fn summary(&self, _store: &CentralStore, view: &View) -> Result<String> {
        let chat = view.chat(&self.chat)?;
        let agent = &unwired(self, chat, view)?.agent;
        Ok(format!(
            "{} is disconnected from the agent `{agent}`, which no longer answers there. What was \
             said stays stored.",
            view.label(chat)
        ))
    }

    fn run(&self, context: &mut Context<'_>) -> Result {
        let Context { store, view, .. } = context;
        let chat = view.chat(&self.chat)?;
        let wiring = unwired(self, chat, view)?;
        store.unwire(chat.id, &wiring.agent)?;
        let (label, agent) = (view.label(chat), &wiring.agent);
        let text = format!(
            "{label} is no longer connected to {agent}; its conversation and files stay, unused"
        );
        let json = json!({ "chat": chat.id.0, "agent": agent.as_str() });
        Ok(Output::new(text, json).undo(format!("wire {} {agent} {}", chat.id, options(wiring))))
    }
}

fn plan<'a>(args: &WireArgs, store: &CentralStore, view: &'a View) -> Result<Plan<'a>> {
    let chat = view.chat(&args.chat)?;
    let (agent, is_new) = target(args, store, view)?;
    let known = view.agents.iter().find(|it| it.name == agent);
    let trigger = trigger_of(&agent, known.and_then(|it| it.trigger.as_deref()));
    let before = view.wired_in(chat.id).find(|it| it.wiring.agent == agent);
    let before = before.map(|it| it.wiring.clone());
    let base = before.clone().unwrap_or_else(|| Wiring::usual(chat.id, agent, chat.is_group));
    let wiring = changed(args, base)?;
    Ok(Plan { chat, is_new, wired: Wired { wiring, trigger }, before })
}

/// The agent that is meant, and whether it has to be made.
fn target(args: &WireArgs, store: &CentralStore, view: &View) -> Result<(AgentName, bool)> {
    match &args.own {
        Some(name) => Ok((new_agent(name.0.as_ref(), view.chat(&args.chat)?, store)?, true)),
        None => Ok((view.agent_or_only(args.agent.as_ref())?.name.clone(), false)),
    }
}

/// A name for the agent of a chat that nobody had before: an earlier one would bring its memory.
fn new_agent(name: Option<&AgentName>, chat: &ChatRow, store: &CentralStore) -> Result<AgentName> {
    let taken = store.agent_names_taken()?;
    match name {
        Some(name) if taken.contains(name) => Err(refused(
            format!("`{name}` is or was another agent, with its own memory"),
            format!("choose another name; to share that agent say `wire {} {name}`", chat.id),
        )),
        Some(name) => Ok(name.clone()),
        None => Ok(agent_name_for(&chat.title, &taken)),
    }
}

/// The wiring with what was said; the rest stays as it is.
fn changed(args: &WireArgs, mut wiring: Wiring) -> Result<Wiring> {
    if let Some(engage) = engage(args)? {
        wiring.engage = engage;
    }
    let modes = [
        (args.same_conversation, SessionMode::AgentShared),
        (args.per_thread, SessionMode::PerThread),
        (args.own_conversation, SessionMode::Shared),
    ];
    if let Some((_, mode)) = modes.into_iter().find(|it| it.0) {
        wiring.session_mode = mode;
    }
    wiring.scope = args.scope.unwrap_or(wiring.scope);
    wiring.ignored = args.context.map_or(wiring.ignored, ContextChoice::ignored);
    wiring.priority = args.priority.unwrap_or(wiring.priority);
    Ok(wiring)
}

fn engage(args: &WireArgs) -> Result<Option<Engage>> {
    let pattern = match (args.engage, &args.pattern) {
        (None, None) => return Ok(None),
        (Some(When::Always), None) => return Ok(Some(Engage::Pattern(".".into()))),
        (Some(When::Mention), None) => return Ok(Some(Engage::Mention)),
        (Some(When::Sticky), None) => return Ok(Some(Engage::MentionSticky)),
        (Some(When::Pattern), None) => {
            return Err(refused("no pattern given", "give one with `--pattern RE`"));
        }
        (Some(When::Always | When::Mention | When::Sticky), Some(pattern)) => {
            return Err(refused(
                format!("the pattern `{pattern}` needs `--engage pattern`"),
                "drop `--pattern`, or use `--engage pattern`",
            ));
        }
        (Some(When::Pattern) | None, Some(pattern)) => pattern,
    };
    match check_pattern(pattern) {
        Ok(()) => Ok(Some(Engage::Pattern(pattern.clone()))),
        Err(bad) => Err(refused(
            bad.to_string(),
            "see https://docs.rs/regex/latest/regex/#syntax, or use `--engage mention`",
        )),
    }
}

/// What happens and what is shared, in plain words.
fn tell(plan: &Plan<'_>, view: &View) -> String {
    let wiring = &plan.wired.wiring;
    let (chat, agent) = (plan.chat, &wiring.agent);
    let new = if plan.is_new { "the new agent" } else { "the agent" };
    let operation =
        if plan.before.is_some() { "stays connected to" } else { "will be connected to" };
    let mut lines = vec![
        format!("{} ({}) {operation} {new} `{agent}`.", view.label(chat), kind(chat)),
        format!("Shared: {}", shared(plan, view)),
        format!("It answers {}; {}.", when(&plan.wired), context(wiring.ignored)),
        format!("People whom it does not know: {}.", unknown_users(chat.policy)),
    ];
    let others: Vec<&AgentName> =
        view.wired_in(chat.id).map(|it| &it.wiring.agent).filter(|it| *it != agent).collect();
    if !others.is_empty() {
        lines.push(format!("In this chat is also: {}.", joined(others)));
    }
    lines.join("\n")
}

/// With which chats this one would share what.
fn shared(plan: &Plan<'_>, view: &View) -> String {
    let wiring = &plan.wired.wiring;
    let agent = &wiring.agent;
    let peers: Vec<&Wired> = view
        .wired
        .iter()
        .filter(|it| it.wiring.agent == *agent && it.wiring.chat != wiring.chat)
        .collect();
    let named = |wired: &[&Wired]| {
        let labels = wired.iter().filter_map(|it| view.chat_by_id(it.wiring.chat));
        joined(labels.map(|it| view.label(it)))
    };
    if plan.is_new {
        return format!("nothing. `{agent}` has a workspace, memory and conversation of its own.");
    }
    let alone = format!(
        "nothing so far. Chats that are connected to `{agent}` later share its workspace and memory"
    );
    if wiring.session_mode != SessionMode::AgentShared {
        let apart = conversation(wiring.session_mode);
        return match peers.is_empty() {
            true => format!("{alone}; this one keeps {apart}."),
            false => format!(
                "workspace and memory of `{agent}` with {}. What is said here can come up there, and \
                 the other way round; it keeps {apart}.",
                named(&peers)
            ),
        };
    }
    let (same, rest): (Vec<&Wired>, Vec<&Wired>) =
        peers.into_iter().partition(|it| it.wiring.session_mode == SessionMode::AgentShared);
    let mut text = match same.is_empty() {
        true => format!("{alone}, and the conversation of all that are connected this way."),
        false => format!(
            "workspace, memory and the conversation itself with {}. Everybody there can learn \
             everything that is said here, and the other way round.",
            named(&same)
        ),
    };
    if !rest.is_empty() {
        text.push_str(&format!(" Workspace and memory also with {}.", named(&rest)));
    }
    text
}

fn context(ignored: Ignored) -> &'static str {
    match ignored {
        Ignored::Drop => "it never sees the other messages",
        Ignored::Accumulate => "the other messages are kept and shown to it with the next one",
    }
}

fn brief(wired: &Wired) -> String {
    format!("{}, {}", when(wired), conversation(wired.wiring.session_mode))
}

/// The options that bring a wiring back.
fn options(wiring: &Wiring) -> String {
    let engage = match &wiring.engage {
        Engage::Pattern(pattern) if matches!(&**pattern, "" | ".") => "--engage always".to_owned(),
        Engage::Pattern(pattern) => format!("--pattern='{}'", pattern.replace('\'', r"'\''")),
        Engage::Mention => "--engage mention".to_owned(),
        Engage::MentionSticky => "--engage sticky".to_owned(),
    };
    let mode = match wiring.session_mode {
        SessionMode::Shared => "--own-conversation",
        SessionMode::PerThread => "--per-thread",
        SessionMode::AgentShared => "--same-conversation",
    };
    let rest = match wiring.ignored {
        Ignored::Drop => "drop",
        Ignored::Accumulate => "keep",
    };
    let (scope, priority) = (wiring.scope.as_str(), wiring.priority);
    format!("{engage} {mode} --scope {scope} --context {rest} --priority {priority}")
}

/// The wiring that an `unwire` means.
fn unwired<'a>(args: &UnwireArgs, chat: &ChatRow, view: &'a View) -> Result<&'a Wiring> {
    let all: Vec<&Wiring> = view.wired_in(chat.id).map(|it| &it.wiring).collect();
    let label = view.label(chat);
    let connected = joined(all.iter().map(|it| &it.agent));
    let found = match (&args.agent, &all[..]) {
        (Some(agent), _) => all.iter().find(|it| it.agent == *agent).copied().ok_or_else(|| {
            refused(
                format!("{label} is not connected to {agent}"),
                format!("it is connected to: {connected}"),
            )
        }),
        (None, [one]) => Ok(*one),
        (None, []) => {
            Err(refused(format!("{label} is connected to no agent"), "see `nanoclaw chats list`"))
        }
        (None, [..]) => Err(refused(
            format!("{label} is connected to several agents"),
            format!("say which one: {connected}"),
        )),
    }?;
    if chat.address.channel == TERMINAL && all.len() == 1 {
        let hint = format!(
            "connect another one first with `nanoclaw wire {0} AGENT`, or close the chat with \
             `nanoclaw chats set {0} --deny`",
            chat.id
        );
        return Err(refused("a chat of the terminal always has an agent", hint));
    }
    Ok(found)
}
