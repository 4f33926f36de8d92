//! `nanoclaw channels`: accounts on messaging platforms. Tokens go into the vault and come out for
//! the adapter alone.

use std::collections::BTreeMap;

use channel::Registration;
use chrono::DateTime;
use domain::time::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};
use store::AccountRow;
use store::layout::Layout;
use vault::Secret;
use vault::platform::Holder;

use super::vault::read_secret;
use crate::args::ChannelsCommand;
use crate::error::{Hint, fail};
use crate::{admin, home, lock, rows, term};

/// Channels that are part of this project, linked in or not.
const OURS: [&str; 3] = ["discord", "telegram", "webhook"];

pub(super) async fn perform(command: ChannelsCommand, layout: &Layout) -> anyhow::Result<()> {
    match command {
        ChannelsCommand::List { json } => return list(json, layout).await,
        ChannelsCommand::Add { channel, name, urls, json } => {
            let urls = urls.into_iter().collect();
            let row = AccountRow { channel, name, urls, created_at: SystemClock.now() };
            add(row, json, layout).await?;
        }
        ChannelsCommand::Remove { channel, name, json } => {
            remove(&channel, &name, json, layout).await?;
        }
    }
    admin::reload(layout).await;
    Ok(())
}

fn holder(row: &AccountRow) -> Holder<'_> {
    Holder { channel: &row.channel, account: &row.name, urls: &row.urls }
}

/// The addresses of an account that is there already. Another token leaves them as they are.
fn known_urls(
    channel: &str,
    name: &str,
    layout: &Layout,
) -> anyhow::Result<BTreeMap<String, String>> {
    let accounts = home::central(layout)?.accounts()?;
    let there = accounts.into_iter().find(|it| it.channel == channel && it.name == name);
    Ok(there.map(|it| it.urls).unwrap_or_default())
}

async fn add(mut row: AccountRow, as_json: bool, layout: &Layout) -> anyhow::Result<()> {
    let registration = channel::registration(&row.channel).ok_or_else(|| unknown(&row.channel))?;
    if row.urls.is_empty() {
        row.urls = known_urls(&row.channel, &row.name, layout)?;
    }
    let (channel, name) = (&row.channel, &row.name);
    let Some(what) = registration.caps.credential else {
        return Err(fail(
            format!("`{channel}` needs no account"),
            "it is connected whenever the host runs",
        ));
    };
    let input = read_secret(&format!("{what} (not shown): "))?;
    let token = Secret::from_input(input).hint(format!(
        "paste {what} alone, or pipe it in: `command | nanoclaw channels add {channel}`"
    ))?;
    // The token first: an account without one would be reported as broken at once.
    rows::vault(layout)?.add_token(holder(&row), &token, row.created_at).await?;
    let is_new = home::central(layout)?.whole("an account", |central| {
        central.record_change(
            &format!("channels add {channel} --name {name}"),
            "host",
            row.created_at,
        )?;
        central.put_account(&row)
    })?;
    if as_json {
        return term::json(&json!({ "channel": channel, "name": name, "is_new": is_new }));
    }
    let verb = if is_new { "added" } else { "renewed" };
    term::out(&format!("{verb} {channel}/{name}; its token is sealed in the vault"));
    let next = match (home::central(layout)?.has_owner()?, lock::holder(layout)) {
        (true, _) => "`nanoclaw status` shows whether it is connected",
        (false, Some(_)) => "make yourself the owner with `nanoclaw pair`",
        (false, None) => {
            "start the host with `nanoclaw start`, then make yourself the owner with `nanoclaw pair`"
        }
    };
    term::note(&format!("hint: {next}"));
    Ok(())
}

fn unknown(channel: &str) -> anyhow::Error {
    let there: Vec<&str> = channel::registrations().iter().map(|it| it.name).collect();
    if OURS.contains(&channel) {
        return fail(
            format!("this program was built without `{channel}`"),
            format!("build it in with `./nanoclaw.sh add {channel}`"),
        );
    }
    fail(
        format!("there is no channel `{channel}`"),
        format!(
            "this program has {}; others come with `./nanoclaw.sh add CHANNEL`",
            there.join(", ")
        ),
    )
}

async fn remove(channel: &str, name: &str, as_json: bool, layout: &Layout) -> anyhow::Result<()> {
    let mut central = home::central(layout)?;
    let there = central.whole("an account", |central| {
        let there = central.remove_account(channel, name)?;
        if there {
            let line = format!("channels remove {channel} --name {name}");
            central.record_change(&line, "host", SystemClock.now())?;
        }
        Ok::<_, store::StoreError>(there)
    })?;
    drop(central);
    let urls = BTreeMap::new();
    let of = Holder { channel, account: name, urls: &urls };
    let had_token = rows::vault(layout)?.remove_token(of).await?;
    if !there && !had_token {
        return Err(fail(
            format!("there is no account {channel}/{name}"),
            "see `nanoclaw channels list`",
        ));
    }
    if as_json {
        return term::json(&json!({ "channel": channel, "name": name }));
    }
    term::out(&format!("removed {channel}/{name} and its token; its chats and conversations stay"));
    term::note(&format!("hint: undo with `nanoclaw channels add {channel} --name {name}`"));
    Ok(())
}

async fn list(as_json: bool, layout: &Layout) -> anyhow::Result<()> {
    let accounts = home::central(layout)?.accounts()?;
    let vault = rows::vault(layout)?;
    let mut shown: Vec<(AccountRow, bool)> = Vec::new();
    for row in accounts {
        let has_token = vault.has_token(holder(&row)).await?;
        shown.push((row, has_token));
    }
    let registrations = channel::registrations();
    if as_json {
        return term::json(&value(&registrations, &shown));
    }
    let mut table =
        vec![["CHANNEL", "ACCOUNT", "TOKEN", "SINCE", "ADDRESS"].map(str::to_owned).to_vec()];
    let linked = |it: &AccountRow| registrations.iter().any(|one| one.name == it.channel);
    for (row, has_token) in &shown {
        let token = match (linked(row), has_token) {
            (false, _) => "not in this program",
            (true, true) => "sealed",
            (true, false) => "missing",
        };
        let urls: Vec<String> =
            row.urls.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let (channel, name) = (row.channel.clone(), row.name.clone());
        table.push(vec![channel, name, token.to_owned(), since(row.created_at), urls.join(" ")]);
    }
    let unlisted = |it: &&&Registration| shown.iter().all(|(row, _)| row.channel != it.name);
    for channel in registrations.iter().filter(unlisted) {
        let state = if channel.caps.credential.is_some() { "no account" } else { "needs none" };
        table.push(vec![channel.name.to_owned(), "-".to_owned(), state.to_owned()]);
    }
    term::out(&term::table(&table));
    Ok(())
}

fn value(registrations: &[&Registration], shown: &[(AccountRow, bool)]) -> Value {
    let account = |(row, has_token): &(AccountRow, bool)| {
        json!({
            "channel": row.channel,
            "name": row.name,
            "urls": row.urls,
            "has_token": has_token,
            "created_at": since(row.created_at),
        })
    };
    let channel = |it: &&Registration| json!({ "name": it.name, "needs_token": it.caps.credential.is_some() });
    json!({
        "accounts": shown.iter().map(account).collect::<Vec<_>>(),
        "channels": registrations.iter().map(channel).collect::<Vec<_>>(),
    })
}

fn since(at: Timestamp) -> String {
    let at = DateTime::from_timestamp_millis(at.0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
