//! `nanoclaw pair`: a code that proves that its sender was let in by the user at this
//! terminal.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use domain::AgentName;
use domain::agent::DEFAULT_AGENT;
use domain::pairing::{CODE_LIFE, Code};
use domain::texts::pairing;
use domain::time::{Clock, SystemClock};
use operations::Output;
use serde_json::json;
use store::layout::Layout;
use store::{CentralStore, NewPairing, PairingId, PairingRole, PairingRow};
use tokio::time::sleep;

use crate::error::{TIMEOUT, end, fail};
use crate::{install, lock, term};

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Draws of a code before it is given up that one is free.
const DRAWS_MAX: u32 = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  nanoclaw pair                             you, on your phone: prints a code to send to the bot
  nanoclaw pair --role member --agent andy  somebody else, who may then talk to andy
  nanoclaw pair --no-wire                   makes you known, connects no chat")]
pub(crate) struct PairArgs {
    /// An owner may do and decide everything, an admin administers an agent or all, a member may talk
    /// to an agent [default: owner while there is none, then member]
    #[arg(long, alias = "as", value_parser = PossibleValuesParser::new(PairingRole::ALL.map(PairingRole::as_str))
        .try_map(|it| it.parse::<PairingRole>()))]
    role: Option<PairingRole>,
    /// The agent that the chat is connected to [default: the first one]
    #[arg(long, value_name = "NAME")]
    agent: Option<AgentName>,
    /// Do not connect the chat that the code is sent in
    #[arg(long)]
    no_wire: bool,
    /// Name this channel in the instructions
    #[arg(long, value_name = "CHANNEL")]
    channel: Option<String>,
    /// Print the code and do not wait for its use
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn perform(
    args: &PairArgs,
    as_json: bool,
    yes: bool,
    layout: &Layout,
) -> anyhow::Result<Output> {
    let mut central = super::central(layout, false)?;
    let accounts = central.accounts()?;
    if let Some(channel) = &args.channel
        && !accounts.iter().any(|it| it.channel == *channel)
    {
        let add = format!("add one with `nanoclaw channels add {channel}`");
        let hint = format!("{add}; `nanoclaw channels list` shows all");
        return Err(fail(format!("there is no account of `{channel}`"), hint));
    }
    let role = role(args.role, &central)?;
    let agent = agent(args.agent.as_ref(), role, &central)?;
    // A member shares the agent with those who use it already.
    if let (PairingRole::Member, Some(agent)) = (role, &agent)
        && central.wirings()?.iter().any(|it| it.wiring.agent == *agent)
    {
        term::agree(&pairing::shares(agent), yes, "Share it?")?;
    }
    let (id, pairing) = open(&mut central, role, agent, !args.no_wire)?;
    let (code, ends) = (&pairing.code, pairing.expires_at);
    let json = json!({ "id": id.0, "code": code, "role": role.as_str(), "expires_at_ms": ends });
    let output = Output::new(instructions(&pairing, role, args.channel.as_deref()), json);
    if !args.no_wait {
        // With --json the standard output is for the result alone.
        if as_json { term::note(&output.text) } else { term::out(&output.text) }
    }
    if lock::holder(layout).is_none() {
        term::note("note: no host runs, so nobody hears it yet; start one with `nanoclaw start`");
    }
    if accounts.is_empty() {
        term::note(
            "note: no messenger is connected yet: add one, as in `./nanoclaw.sh add telegram` \
             (`./nanoclaw.sh addons` lists them)",
        );
    }
    if args.no_wait { Ok(output) } else { wait(id, &central).await }
}

/// What the code makes of its sender: the first one is the owner, later ones are guests.
fn role(asked: Option<PairingRole>, central: &CentralStore) -> anyhow::Result<PairingRole> {
    if asked.is_none() && central.has_owner()? {
        term::note(
            "note: there is an owner already, so this code makes a member, who may talk to the \
             agent; say --role owner for more",
        );
        return Ok(PairingRole::Member);
    }
    Ok(asked.unwrap_or(PairingRole::Owner))
}

/// The agent that the code is about: the named one, else the default one. An admin is one of all
/// agents unless one was named.
fn agent(
    asked: Option<&AgentName>,
    role: PairingRole,
    central: &CentralStore,
) -> anyhow::Result<Option<AgentName>> {
    let names: Vec<AgentName> = central.agents()?.into_iter().map(|it| it.name).collect();
    match asked {
        Some(name) if names.contains(name) => Ok(Some(name.clone())),
        Some(name) => {
            Err(fail(format!("there is no agent `{name}`"), "see `nanoclaw agents list`"))
        }
        None if role == PairingRole::Admin => Ok(None),
        None => Ok(names.iter().find(|it| it.as_str() == DEFAULT_AGENT).or(names.first()).cloned()),
    }
}

fn open(
    central: &mut CentralStore,
    role: PairingRole,
    agent: Option<AgentName>,
    wires: bool,
) -> anyhow::Result<(PairingId, NewPairing)> {
    let now = SystemClock.now();
    for _ in 0..DRAWS_MAX {
        // Each of the million codes is equally likely, as far as 2^32 draws can tell.
        let number = u32::from_str_radix(&install::random_hex(4)?, 16)?;
        let pairing = NewPairing {
            code: Code::from_random(number).to_string(),
            role: Some(role),
            agent: agent.clone(),
            wires: wires && agent.is_some(),
            expires_at: now + CODE_LIFE,
        };
        if let Some(id) = central.open_pairing(&pairing, now)? {
            return Ok((id, pairing));
        }
    }
    Err(fail("no free code was found", "wait until the codes that are open have expired"))
}

fn instructions(pairing: &NewPairing, role: PairingRole, channel: Option<&str>) -> String {
    let minutes = CODE_LIFE.as_secs() / 60;
    let bot = channel.map_or_else(|| "the bot".to_owned(), |it| format!("the {it} bot"));
    let agent = pairing.agent.as_ref();
    let of = agent.filter(|_| role != PairingRole::Owner).map(|it| format!(" of {it}"));
    let mut lines = vec![
        format!("send {} to {bot} in a private chat within {minutes} minutes", pairing.code),
        format!("its sender becomes {}{}", role.as_str(), of.unwrap_or_default()),
    ];
    if let Some(agent) = agent.filter(|_| pairing.wires) {
        lines.push(format!("the chat that it is sent in is connected to {agent}"));
    }
    lines.join("\n")
}

async fn wait(id: PairingId, central: &CentralStore) -> anyhow::Result<Output> {
    const AGAIN: &str = "get another one with `nanoclaw pair`";
    loop {
        let row = central.pairing(id)?.ok_or_else(|| fail("the code is gone", AGAIN))?;
        if row.used_by.is_some() {
            return used(&row, central);
        }
        if term::has_failed() {
            central.close_pairings(Some(id), SystemClock.now())?;
            return Err(fail("the code could not be shown, so it was closed", AGAIN));
        }
        if row.closed_at.is_some() {
            return Err(fail("the code was closed: too many wrong ones were sent", AGAIN));
        }
        let now = SystemClock.now();
        if now < row.created_at || row.pairing.expires_at <= now {
            return Err(end(TIMEOUT, "nobody sent the code in time", AGAIN));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn used(row: &PairingRow, central: &CentralStore) -> anyhow::Result<Output> {
    let handle = row.used_by.as_deref().unwrap_or_default();
    let chat = row.used_in.map(|it| central.chat_by_id(it)).transpose()?.flatten().map(|it| it.id);
    let role = row.pairing.role.map(PairingRole::as_str);
    let agent = row.pairing.agent.as_ref().map(AgentName::as_str);
    let wired = agent.filter(|_| row.pairing.wires);
    let mut text = format!("{handle} is {} now", role.unwrap_or("known"));
    if let (Some(chat), Some(agent)) = (chat, wired) {
        text += &format!("\nchat {chat} is connected to {agent}; say hello there");
    }
    let (chat, wired) = (chat.map(|it| it.0), wired.is_some());
    let json =
        json!({ "user": handle, "role": role, "agent": agent, "chat": chat, "wired": wired });
    let output = Output::new(text, json);
    Ok(match (role, agent) {
        (Some("member"), Some(agent)) => output.undo(format!("members remove {handle} {agent}")),
        (_, _) => output,
    })
}
