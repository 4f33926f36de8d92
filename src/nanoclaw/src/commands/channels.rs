//! `nanoclaw channels`: accounts on messaging platforms. Their secrets go into the vault and come out for
//! the adapter alone.

pub(crate) mod expose;
mod fields;
mod giving;
mod steps;

use std::collections::BTreeSet;
use std::io;

use channel::{Need, Registration};
use domain::plain::shell_word;
use domain::texts::count;
use domain::time::Timestamp;
use operations::{Output, instant};
use serde_json::{Value, json};
use store::AccountRow;
use store::layout::Layout;

use self::expose::ExposeArgs;
use self::giving::AddArgs;
use crate::error::fail;
use crate::{admin, home};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ChannelsCommand {
    /// Show accounts, and the channels that this program has
    List,
    /// Connect an account, or give it something else; asks for what is missing
    #[command(after_help = "\
What the channel needs is asked for on the terminal, and checked with the platform before it takes the
place of what the account has. Secrets are not shown, never taken as an argument, and kept sealed in the
vault; no container ever sees them. What is not mentioned stays.

Without a terminal a single secret is read from the standard input; several fields as
lines of FIELD=VALUE, or as one JSON object, with --from-stdin.

Examples:
  nanoclaw channels add telegram
  pass show telegram | nanoclaw channels add telegram
  nanoclaw channels fields telegram                                 what it asks for
  nanoclaw channels add telegram --url api=http://127.0.0.1:8081    a Bot API server of your own")]
    #[command(alias = "set")]
    Add(AddArgs),
    /// Show what an account of a channel is asked for
    Fields { channel: String },
    /// Show or set how programs elsewhere reach the webhook door
    Expose(ExposeArgs),
    /// Disconnect an account and forget what it was given; chats and conversations stay
    Remove {
        channel: String,
        #[arg(long, value_name = "NAME", default_value = "main")]
        name: String,
        /// Every account of the channel
        #[arg(long, conflicts_with = "name")]
        all: bool,
    },
}

pub(super) async fn perform(command: ChannelsCommand, layout: &Layout) -> anyhow::Result<Output> {
    match command {
        ChannelsCommand::List => list(layout).await,
        ChannelsCommand::Fields { channel } => Ok(fields(find(&channel)?)),
        ChannelsCommand::Expose(args) => expose::expose(&args, layout).await,
        ChannelsCommand::Add(args) => giving::add(args, layout).await,
        ChannelsCommand::Remove { channel, name, all } => {
            let output =
                if all { remove_all(&channel, layout) } else { remove(&channel, &name, layout) };
            let output = output?;
            admin::reload(layout).await;
            Ok(output)
        }
    }
}

fn find(channel: &str) -> anyhow::Result<&'static Registration> {
    channel::registration(channel).ok_or_else(|| unknown(channel))
}

fn needs(registration: &Registration) -> Vec<Value> {
    let need = |need: &Need| {
        json!({
            "field": need.name, "what": need.what, "is_secret": need.is_secret, "is_optional": need.is_optional,
            "kind": match (need.is_secret, need.is_optional) {
                (true, false) => "secret",
                (true, true) => "secret, optional",
                (false, false) => "",
                (false, true) => "optional",
            },
        })
    };
    registration.needs.iter().map(need).collect()
}

fn fields(registration: &Registration) -> Output {
    Output::list(needs(registration), "field kind what", "it needs no account")
}

fn unknown(channel: &str) -> anyhow::Error {
    let there: Vec<&str> = channel::registrations().iter().map(|it| it.name).collect();
    let there = there.join(", ");
    let hint = format!(
        "it has {there}; `./nanoclaw.sh add {}` builds another one in, and `./nanoclaw.sh addons` shows \
         which there are",
        shell_word(channel)
    );
    fail(format!("this program has no channel `{channel}`"), hint)
}

fn remove_all(channel: &str, layout: &Layout) -> anyhow::Result<Output> {
    let mut accounts = home::central(layout)?.accounts()?;
    accounts.retain(|it| it.channel == channel);
    if accounts.is_empty() {
        let what = format!("there is no account of {channel}");
        return Err(fail(what, "see `nanoclaw channels list`"));
    }
    let (mut texts, mut all) = (Vec::new(), Vec::new());
    for account in accounts.iter().rev() {
        let removed = remove(channel, &account.name, layout)?;
        texts.extend(removed.text.lines().filter(|it| !it.ends_with(STAYS)).map(str::to_owned));
        all.push(removed.json);
    }
    Ok(Output::new(texts.join("\n"), json!(all)))
}

/// How the line about an account that is left ends.
const STAYS: &str = " stays, with what it was given";

fn remove(channel: &str, name: &str, layout: &Layout) -> anyhow::Result<Output> {
    let mut central = home::central(layout)?;
    let Some(row) = central.account(channel, name)? else {
        let what = format!("there is no account {channel}/{name}");
        return Err(fail(what, "see `nanoclaw channels list`"));
    };
    let line = format!("channels remove {channel} --name {name}");
    super::change(&mut central, &line, |it| it.remove_account(channel, name))?;
    let folders = layout.account(channel, name);
    match std::fs::remove_dir_all(&folders) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            crate::term::note(&format!("warning: {} stays: {err}", folders.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let mut text =
        format!("removed {channel}/{name} and what it was given; its chats and conversations stay");
    let mut waiting = central.waiting_parts()?.into_iter();
    let waiting = waiting.find(|it| it.0 == channel && it.1 == name).map_or(0, |it| it.2);
    if waiting != 0 {
        text += &format!("\n{} to deliver: sent when it is added again", count(waiting, "part"));
    }
    for other in central.accounts()?.iter().filter(|it| it.channel == channel) {
        text += &format!("\n{channel}/{}{STAYS}", other.name);
    }
    let json = json!({ "channel": channel, "name": name, "waiting_parts": waiting });
    let output = Output::new(text, json);
    let mut line = format!("channels add {channel} --name {name}");
    for (option, all) in [("url", row.urls), ("set", row.fields)] {
        for (key, value) in all {
            line += &format!(" --{option} {}", shell_word(&format!("{key}={value}")));
        }
    }
    Ok(output.undo(line))
}

/// Says so where an account is needed to send somewhere and is gone.
pub(crate) fn absent(channel: &str, account: &str, accounts: &[AccountRow]) -> Option<String> {
    let is_one = accounts.iter().any(|it| it.channel == channel && it.name == account);
    let is_always = channel::registration(channel).is_some_and(|it| !it.needs_account());
    let add = || format!("`nanoclaw channels add {channel} --name {account}`");
    (!is_one && !is_always).then(|| format!("there is no account {channel}/{account}; {}", add()))
}

async fn list(layout: &Layout) -> anyhow::Result<Output> {
    let central = home::central(layout)?;
    // Nothing is connected where no host answers.
    let status = admin::status(layout).await.ok().flatten();
    let connected = status.map(|it| it.channels).unwrap_or_default();
    let door = expose::note(layout).unwrap_or_default();
    let mut accounts = Vec::new();
    for account in central.accounts()? {
        let AccountRow { channel, name, urls, created_at, fields, me_id, me_name, .. } = account;
        let secrets = central.account_secrets(&channel, &name)?;
        let sealed = secrets.iter().filter_map(|it| it.name.rsplit('/').next());
        let given: BTreeSet<&str> = sealed.chain(fields.keys().map(String::as_str)).collect();
        let needs = channel::registration(&channel).map(|it| it.needs);
        let required = needs.unwrap_or_default().iter().filter(|it| !it.is_optional);
        let missing = required.map(|it| it.name).filter(|it| !given.contains(it));
        let missing: Vec<&str> = missing.collect();
        let is_this = |status: &&engine::protocol::ChannelStatus| {
            status.name == channel && status.account == name
        };
        let since = connected.iter().find(is_this).and_then(|it| it.since);
        let value = |field: &&str| match fields.get(*field) {
            Some(value) => format!("{field}={value}"),
            None => (*field).to_owned(),
        };
        let mut shown: Vec<String> = given.iter().map(value).collect();
        shown.extend(missing.iter().map(|it| format!("{it} is missing")));
        if needs.is_none() {
            shown.push("not in this program".to_owned());
        }
        accounts.push(json!({
            "channel": channel, "name": name, "urls": urls, "fields": given, "missing": missing,
            "plain": fields,
            "given": shown.join(", "), "me": { "id": me_id, "name": me_name },
            "webhook": door.url_of(&channel, &name), "is": channel::Me { id: me_id, name: me_name }.to_string(),
            "connected_at": since.map(|it| instant(Timestamp(it))), "created_at": instant(created_at),
        }));
    }
    let keys =
        "channel name is given=fields webhook urls connected_at=connected created_at=created";
    let accounts = Output::list(accounts, keys, "no account yet");
    let accounts = accounts.in_zone(&central.zone_for(None)?);
    // `nanoclaw.sh` reads name and needs_token.
    let value = |it: &&Registration| json!({ "name": it.name, "needs_token": it.needs_account(), "fields": needs(it) });
    let channels = channel::registrations().iter().map(value).collect();
    let channels = Output::list(channels, "name needs_token", "no channel is in this program");
    let text = format!("accounts\n{}\n\nchannels\n{}", accounts.text, channels.text);
    Ok(Output::new(text, json!({ "accounts": accounts.json, "channels": channels.json })))
}
