//! `nanoclaw pair`: a code that proves that its sender was let in by the user at this
//! terminal.

use std::process::ExitCode;
use std::time::Duration;

use domain::AgentName;
use domain::agent::DEFAULT_AGENT;
use domain::approval;
use domain::time::{Clock, SystemClock, Timestamp};
use serde_json::json;
use store::layout::Layout;
use store::{CentralStore, NewPairing, PairingId, PairingRole, PairingRow};
use tokio::time::sleep;

use crate::args::{PairArgs, PairRole};
use crate::error::fail;
use crate::{home, install, lock, term};

/// How long a code is good for.
const GOOD_FOR: Duration = Duration::from_secs(10 * 60);
/// How often the database is looked at while somebody waits here.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Draws of a code before it is given up that one is free.
const DRAWS_MAX: u32 = 20;

pub(super) async fn perform(args: PairArgs, layout: &Layout) -> anyhow::Result<ExitCode> {
    let mut central = home::central(layout)?;
    install::ensure_defaults(&central)?;
    let accounts = central.accounts()?;
    if let Some(channel) = &args.channel
        && !accounts.iter().any(|it| it.channel == *channel)
    {
        return Err(fail(
            format!("there is no account of `{channel}`"),
            format!(
                "add one with `nanoclaw channels add {channel}`; `nanoclaw channels list` shows all"
            ),
        ));
    }
    let role = role(args.role, &central)?;
    let agent = agent(args.agent.as_ref(), role, &central)?;
    if let Some(what) = shares(role, agent.as_ref(), &central)? {
        term::agree(&what, args.yes, "Share it?")?;
    }
    let (id, pairing) = open(&mut central, role, agent, !args.no_wire)?;
    if args.json && args.no_wait {
        let ends = pairing.expires_at.0;
        let role = role.as_str();
        term::json(
            &json!({ "id": id.0, "code": pairing.code, "role": role, "expires_at_ms": ends }),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    instruct(&pairing, role, &args, layout);
    if accounts.is_empty() {
        term::note(
            "note: no messenger is connected yet: add one with `./nanoclaw.sh add telegram`, then \
             `nanoclaw channels add telegram`",
        );
    }
    if args.no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    wait(id, &central, args.json).await
}

/// What the code makes of its sender: the first one is the owner, later ones are guests.
fn role(asked: Option<PairRole>, central: &CentralStore) -> anyhow::Result<PairingRole> {
    Ok(match asked {
        Some(PairRole::Owner) => PairingRole::Owner,
        Some(PairRole::Admin) => PairingRole::Admin,
        Some(PairRole::Member) => PairingRole::Member,
        None if central.has_owner()? => {
            term::note(
                "note: there is an owner already, so this code makes a member, who may talk to the \
                 agent; say --role owner for more",
            );
            PairingRole::Member
        }
        None => PairingRole::Owner,
    })
}

/// The agent that the code is about: the named one, else the default one. An admin is one of all
/// agents unless one was named.
fn agent(
    asked: Option<&AgentName>,
    role: PairingRole,
    central: &CentralStore,
) -> anyhow::Result<Option<AgentName>> {
    let agents = central.agents()?;
    if let Some(name) = asked {
        return match agents.iter().any(|it| it.name == *name) {
            true => Ok(Some(name.clone())),
            false => Err(fail(format!("there is no agent `{name}`"), "see `nanoclaw agents list`")),
        };
    }
    let default = agents.iter().find(|it| it.name.as_str() == DEFAULT_AGENT).or(agents.first());
    match role {
        PairingRole::Owner | PairingRole::Member => Ok(default.map(|it| it.name.clone())),
        PairingRole::Admin => Ok(None),
    }
}

/// What a member shares with those who use the agent already; `None` where nobody does.
fn shares(
    role: PairingRole,
    agent: Option<&AgentName>,
    central: &CentralStore,
) -> anyhow::Result<Option<String>> {
    let Some(agent) = agent.filter(|_| role == PairingRole::Member) else { return Ok(None) };
    let is_used = central.wirings()?.iter().any(|it| it.wiring.agent == *agent);
    Ok(is_used.then(|| approval::share_by_code(agent)))
}

fn open(
    central: &mut CentralStore,
    role: PairingRole,
    agent: Option<AgentName>,
    wires: bool,
) -> anyhow::Result<(PairingId, NewPairing)> {
    let now = SystemClock.now();
    for _ in 0..DRAWS_MAX {
        let pairing = NewPairing {
            code: six_digits()?,
            role: Some(role),
            agent: agent.clone(),
            wires: wires && agent.is_some(),
            expires_at: now + GOOD_FOR,
        };
        if let Some(id) = central.open_pairing(&pairing, now)? {
            return Ok((id, pairing));
        }
    }
    Err(fail("no free code was found", "wait until the codes that are open have expired"))
}

/// Each of the million codes is equally likely, as far as 2^32 draws can tell.
fn six_digits() -> anyhow::Result<String> {
    let number = u32::from_str_radix(&install::random_hex(4)?, 16)?;
    Ok(format!("{:06}", number % 1_000_000))
}

fn instruct(pairing: &NewPairing, role: PairingRole, args: &PairArgs, layout: &Layout) {
    let minutes = GOOD_FOR.as_secs() / 60;
    let bot =
        args.channel.as_ref().map_or_else(|| "the bot".to_owned(), |it| format!("the {it} bot"));
    let code = &pairing.code;
    // With --json the standard output is for the result alone.
    let say = if args.json { term::note } else { term::out };
    say(&format!("send {code} to {bot} in a private chat within {minutes} minutes"));
    let of = |agent: &AgentName| format!(" of {agent}");
    let of = pairing.agent.as_ref().filter(|_| role != PairingRole::Owner).map(of);
    say(&format!("its sender becomes {}{}", role.as_str(), of.unwrap_or_default()));
    if let Some(agent) = pairing.agent.as_ref().filter(|_| pairing.wires) {
        say(&format!("the chat that it is sent in is connected to {agent}"));
    }
    if lock::holder(layout).is_none() {
        term::note("note: no host runs, so nobody hears it yet; start one with `nanoclaw start`");
    }
}

async fn wait(id: PairingId, central: &CentralStore, as_json: bool) -> anyhow::Result<ExitCode> {
    loop {
        let row = central.pairing(id)?.ok_or_else(|| given_up("the code is gone"))?;
        if row.used_by.is_some() {
            tell(&row, central, as_json)?;
            return Ok(ExitCode::SUCCESS);
        }
        if term::has_failed() {
            central.close_pairings(Some(id), SystemClock.now())?;
            return Err(given_up("the code could not be shown, so it was closed"));
        }
        if row.closed_at.is_some() {
            return Err(given_up("the code was closed: too many wrong ones were sent"));
        }
        if is_over(&row, SystemClock.now()) {
            return Err(given_up("nobody sent the code in time"));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn given_up(what: &str) -> anyhow::Error {
    fail(what, "get another one with `nanoclaw pair`")
}

fn is_over(row: &PairingRow, now: Timestamp) -> bool {
    now < row.created_at || row.pairing.expires_at <= now
}

fn tell(row: &PairingRow, central: &CentralStore, as_json: bool) -> anyhow::Result<()> {
    let handle = row.used_by.as_deref().unwrap_or_default();
    let chat = row.used_in.map(|it| central.chat_by_id(it)).transpose()?.flatten();
    let role = row.pairing.role.map(PairingRole::as_str);
    let agent = row.pairing.agent.as_ref().map(AgentName::as_str);
    let wired = agent.filter(|_| row.pairing.wires);
    if as_json {
        return term::json(&json!({
            "user": handle,
            "role": role,
            "agent": agent,
            "chat": chat.as_ref().map(|it| it.id.0),
            "wired": wired.is_some(),
        }));
    }
    term::out(&format!("{handle} is {} now", role.unwrap_or("known")));
    if let (Some("member"), Some(agent)) = (role, agent) {
        term::note(&format!("hint: undo with `nanoclaw members remove {handle} {agent}`"));
    }
    if let (Some(chat), Some(agent)) = (chat, wired) {
        term::out(&format!("chat {} is connected to {agent}; say hello there", chat.id));
    }
    Ok(())
}
