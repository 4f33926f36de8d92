//! Codes that prove who somebody is: shown on the host's terminal, sent to the bot.

use domain::history::EventKind;
use domain::message::Incoming;
use domain::pairing::{ALL_SPAN, Guesses, SENDER_SPAN};
use domain::people::Role;
use domain::words;
use serde_json::json;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::{Wiring, events};
use crate::central::prelude::*;
use crate::row::{enum_column, is_there, one, row, run, statements};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairingId(pub i64);

/// What a code makes of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum PairingRole {
    Owner,
    /// Of the pairing's agent, or of all without one.
    Admin,
    /// Of the pairing's agent; nothing without one.
    Member,
}

words!(PairingRole);
enum_column!(PairingRole);

/// What a code is to bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPairing {
    pub code: String,
    pub role: Option<PairingRole>,
    pub agent: Option<AgentName>,
    /// Connect the chat that the code is sent in to the agent.
    pub wires: bool,
    pub expires_at: Timestamp,
}

row!(NewPairing { code, role, agent, wires, expires_at });

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingRow {
    pub id: PairingId,
    pub pairing: NewPairing,
    pub created_at: Timestamp,
    /// Wrong codes that were sent while this one was open.
    pub wrong: u32,
    /// Used, given up, or no longer good.
    pub closed_at: Option<Timestamp>,
    /// The handle of its sender, as text.
    pub used_by: Option<String>,
    pub used_in: Option<ChatId>,
}

row!(PairingRow { id, pairing, created_at, wrong, closed_at, used_by, used_in });

const PAIRINGS: &str = "SELECT id, code, role, agent_group, wires, expires_at, created_at, wrong,
            closed_at, used_by, used_in
     FROM pairing";

row!(Guesses { by_sender, by_all });

statements! {
    pub fn pairing(id: PairingId) -> Option<PairingRow> = one("read a pairing",
        &format!("{PAIRINGS} WHERE id = ?1"), [id.0]);
    /// The codes that count at `now`, the oldest first.
    pub fn open_pairings(now: Timestamp) -> Vec<PairingRow> = list("list the pairings",
        &format!("{PAIRINGS} WHERE closed_at IS NULL AND created_at <= ?1 AND ?1 < expires_at
            ORDER BY id"), [now.0]);
    /// Wrong codes that were sent lately, by this sender and by all.
    pub fn guesses(by: &Handle, now: Timestamp) -> Guesses = only("count the wrong codes",
        "SELECT count(*) FILTER (WHERE handle = ?1), count(*) FILTER (WHERE ?3 < at)
            FROM pairing_guess WHERE ?2 < at",
        params![by.to_string(), (now - SENDER_SPAN).0, (now - ALL_SPAN).0]);
    /// Closes one code, or all that are open. Returns how many there were.
    pub fn close_pairings(id: Option<PairingId>, now: Timestamp) -> usize =
        run("close the pairings",
        "UPDATE pairing SET closed_at = ?2
            WHERE closed_at IS NULL AND (?1 IS NULL OR id = ?1)",
        params![id.map(|it| it.0), now.0]);
}

impl CentralStore {
    /// Opens a code. `None` when the same code is open; take another one.
    pub fn open_pairing(&mut self, new: &NewPairing, now: Timestamp) -> Result<Option<PairingId>> {
        let role = new.role.map(PairingRole::as_str);
        let agent = new.agent.as_ref().map(AgentName::as_str);
        self.change("open a pairing", |central| {
            let old =
                "UPDATE pairing SET closed_at = ?1 WHERE closed_at IS NULL AND expires_at <= ?1";
            run(&central.conn, old, [now.0])?;
            let said =
                [role.map(|it| format!(" --role {it}")), agent.map(|it| format!(" --agent {it}"))];
            let line = format!("pair{}", said.into_iter().flatten().collect::<String>());
            central.record_change(&line, "host", now)?;
            let sql = "INSERT INTO pairing (code, role, agent_group, wires, created_at, expires_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING RETURNING id";
            let NewPairing { code, wires, expires_at, .. } = new;
            let values = params![code, role, agent, wires, now.0, expires_at.0];
            Ok(one(&central.conn, sql, values)?)
        })
    }

    /// Counts a wrong code against its sender, and notes it with every open code.
    pub fn count_wrong(&mut self, by: &Handle, now: Timestamp) -> Result<()> {
        self.change("count a wrong code", |central| {
            let tx = &central.conn;
            tx.execute("DELETE FROM pairing_guess WHERE at <= ?1", [(now - SENDER_SPAN).0])?;
            let sql = "INSERT INTO pairing_guess (handle, at) VALUES (?1, ?2)";
            tx.execute(sql, params![by.to_string(), now.0])?;
            tx.execute("UPDATE pairing SET wrong = wrong + 1 WHERE closed_at IS NULL", [])?;
            Ok(())
        })
    }

    /// Uses a code that came with a message: marks it as used, makes its sender somebody, and connects
    /// the chat if it says so. All or nothing; `false` when it is not open at `now`.
    pub fn use_pairing(&mut self, id: PairingId, by: &Incoming, now: Timestamp) -> Result<bool> {
        self.change("use a pairing", |central| {
            let open = central.open_pairings(now)?.into_iter().find(|it| it.id == id);
            let Some(PairingRow { pairing, .. }) = open else { return Ok(false) };
            let handle = Handle::new(&by.from.channel, &by.body.sender.id);
            let person = central.add_person(&handle, &by.body.sender.name, now)?;
            central.grant_paired(&pairing, person)?;
            let peer = Some(handle.id.as_str());
            let chat = central.ensure_chat(&by.from, &by.body.chat, peer, now)?;
            let agent = pairing.agent.as_ref().map(AgentName::as_str);
            let sql = "SELECT 1 FROM wiring WHERE messaging_group = ?1 AND agent_group = ?2";
            let is_known = is_there(&central.conn, sql, params![chat.id.0, agent])?;
            let wired = pairing.agent.clone().filter(|_| pairing.wires && !is_known);
            if let Some(agent) = &wired {
                central.set_wiring(&Wiring::usual(chat.id, agent.clone(), chat.is_group))?;
            }
            let handle = handle.to_string();
            let sql = "UPDATE pairing SET closed_at = ?2, used_by = ?3, used_in = ?4 WHERE id = ?1";
            run(&central.conn, sql, params![id.0, now.0, handle, chat.id.0])?;
            let detail = json!({
                "role": pairing.role.map(PairingRole::as_str),
                "agent": agent,
                "chat": chat.id.to_string(),
                "wired": wired.is_some(),
            });
            let about = (None, Some(id.0));
            events::add(&central.conn, EventKind::Pairing, about, &handle, &detail, now)?;
            Ok(true)
        })
    }

    /// Makes somebody what a code says.
    fn grant_paired(&mut self, pairing: &NewPairing, person: PersonId) -> Result<()> {
        let agent = pairing.agent.as_ref();
        let role = match (pairing.role, agent) {
            (Some(PairingRole::Owner), _) => Role::Owner,
            (Some(PairingRole::Admin), of) => Role::Admin { of: of.cloned() },
            (Some(PairingRole::Member), Some(agent)) => {
                return self.add_member(person, agent).map(drop);
            }
            (Some(PairingRole::Member) | None, _) => return Ok(()),
        };
        self.grant(person, &role)?;
        // An admin of an agent is not kept from talking to it.
        self.forgive(person, agent)
    }
}
