//! `nanoclaw channels`: accounts on messaging platforms. Tokens go into the vault and come out for
//! the adapter alone.

use std::collections::BTreeMap;

use channel::Registration;
use domain::plain::shell_word;
use domain::time::{Clock, SystemClock};
use operations::{Output, instant};
use serde_json::json;
use store::layout::Layout;
use store::{AccountRow, CentralStore, StoreError};
use vault::Secret;
use vault::platform::Holder;

use super::vault::read_secret;
use crate::error::{Hint, fail};
use crate::{admin, home, lock, rows};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ChannelsCommand {
    /// Show accounts, and the channels that this program has
    List,
    /// Connect an account; asks for its token
    #[command(after_help = "\
The token is asked for on the terminal and not shown, or read from the standard input. It is kept
sealed in the vault, and no container ever sees it.

Examples:
  nanoclaw channels add telegram
  pass show telegram | nanoclaw channels add telegram
  nanoclaw channels add telegram --url api=http://127.0.0.1:8081    a Bot API server of your own")]
    #[command(alias = "set")]
    Add {
        channel: String,
        /// What to call the account here
        #[arg(long, value_name = "NAME", default_value = "main", value_parser = parse_account)]
        name: String,
        /// Where the platform is instead of its usual place; without it, an account keeps what it has
        #[arg(long = "url", value_name = "NAME=URL", value_parser = parse_url)]
        urls: Vec<(String, String)>,
    },
    /// Disconnect an account and forget its token; chats and conversations stay
    Remove {
        channel: String,
        #[arg(long, value_name = "NAME", default_value = "main")]
        name: String,
    },
}

/// Reads `api=http://127.0.0.1:8081`.
fn parse_url(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write it as NAME=URL, like api=https://…")?;
    // A socket's address is judged as that of a page: encrypted, or on this machine.
    let as_page = url.replacen("ws", "http", usize::from(url.starts_with("ws")));
    vault::BaseUrl::parse(&as_page).map_err(|err| err.to_string())?;
    Ok((name.trim().to_owned(), url.trim().trim_end_matches('/').to_owned()))
}

/// A name that is safe in a command line and in the vault.
fn parse_account(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = !text.is_empty() && text.len() <= 32 && text.chars().all(plain);
    fits.then(|| text.to_owned()).ok_or_else(|| "take 1 to 32 letters, digits, `-`, `_`".to_owned())
}

pub(super) async fn perform(command: ChannelsCommand, layout: &Layout) -> anyhow::Result<Output> {
    let output = match command {
        ChannelsCommand::List => return list(layout).await,
        ChannelsCommand::Add { channel, name, urls } => {
            let urls = urls.into_iter().collect();
            let row = AccountRow { channel, name, urls, created_at: SystemClock.now() };
            add(row, layout).await?
        }
        ChannelsCommand::Remove { channel, name } => remove(&channel, &name, layout).await?,
    };
    admin::reload(layout).await;
    Ok(output)
}

fn holder(row: &AccountRow) -> Holder<'_> {
    Holder { channel: &row.channel, account: &row.name, urls: &row.urls }
}

fn find(
    channel: &str,
    name: &str,
    central: &CentralStore,
) -> Result<Option<AccountRow>, StoreError> {
    let mut accounts = central.accounts()?.into_iter();
    Ok(accounts.find(|it| it.channel == channel && it.name == name))
}

async fn add(mut row: AccountRow, layout: &Layout) -> anyhow::Result<Output> {
    let registration = channel::registration(&row.channel).ok_or_else(|| unknown(&row.channel))?;
    if row.urls.is_empty() {
        // Another token leaves the addresses of an account as they are.
        let known = find(&row.channel, &row.name, &home::make(layout)?)?;
        row.urls = known.map(|it| it.urls).unwrap_or_default();
    }
    let (channel, name) = (&row.channel, &row.name);
    let Some(what) = registration.needs.first().map(|it| it.what) else {
        let hint = "it is connected whenever the host runs";
        return Err(fail(format!("`{channel}` needs no account"), hint));
    };
    let input = read_secret(&format!("{what} (not shown): "))?;
    let token = Secret::from_input(input).hint(format!(
        "paste {what} alone, or pipe it in: `command | nanoclaw channels add {channel}`"
    ))?;
    home::make(layout)?;
    // The token first: an account without one would be reported as broken at once.
    rows::vault(layout)?.add_token(holder(&row), &token, row.created_at).await?;
    let line = format!("channels add {channel} --name {name}");
    let is_new = super::change(&mut home::central(layout)?, &line, |it| it.put_account(&row))?;
    let verb = if is_new { "added" } else { "renewed" };
    let text = format!("{verb} {channel}/{name}; its token is sealed in the vault");
    let output = Output::new(text, json!({ "channel": channel, "name": name, "is_new": is_new }));
    let next = match (home::central(layout)?.has_owner()?, lock::holder(layout)) {
        (true, _) => "`nanoclaw status` shows whether it is connected",
        (false, Some(_)) => "make yourself the owner with `nanoclaw pair`",
        (false, None) => {
            "start the host with `nanoclaw start`, then make yourself the owner with `nanoclaw pair`"
        }
    };
    Ok(output.hint(next))
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

async fn remove(channel: &str, name: &str, layout: &Layout) -> anyhow::Result<Output> {
    let mut central = home::central(layout)?;
    let row = find(channel, name, &central)?;
    if row.is_some() {
        let line = format!("channels remove {channel} --name {name}");
        super::change(&mut central, &line, |it| it.remove_account(channel, name))?;
    }
    drop(central);
    let of = Holder { channel, account: name, urls: &BTreeMap::new() };
    let had_token = rows::vault(layout)?.remove_token(of).await?;
    if row.is_none() && !had_token {
        let what = format!("there is no account {channel}/{name}");
        return Err(fail(what, "see `nanoclaw channels list`"));
    }
    let text = format!("removed {channel}/{name} and its token; its chats and conversations stay");
    let output = Output::new(text, json!({ "channel": channel, "name": name }));
    let mut line = format!("channels add {channel} --name {name}");
    for (kind, url) in row.map(|it| it.urls).unwrap_or_default() {
        line += &format!(" --url {}", shell_word(&format!("{kind}={url}")));
    }
    Ok(output.undo(line))
}

async fn list(layout: &Layout) -> anyhow::Result<Output> {
    let (vault, registrations) = (rows::vault(layout)?, channel::registrations());
    let (known, mut accounts) = (home::central(layout)?.accounts()?, Vec::new());
    for account in known {
        let has_token = vault.has_token(holder(&account)).await?;
        let AccountRow { channel, name, urls, created_at } = account;
        let token = match (registrations.iter().any(|it| it.name == channel), has_token) {
            (false, _) => "not in this program",
            (true, true) => "sealed",
            (true, false) => "missing",
        };
        accounts.push(json!({
            "channel": channel, "name": name, "urls": urls, "has_token": has_token, "token": token,
            "created_at": instant(created_at),
        }));
    }
    let accounts = Output::list(accounts, "channel name token urls created_at", "no account yet");
    let accounts = accounts.in_zone(&home::central(layout)?.zone_for(None)?);
    // `nanoclaw.sh` reads these two.
    let value = |it: &&Registration| json!({ "name": it.name, "needs_token": it.needs_account() });
    let channels = registrations.iter().map(value).collect();
    let channels = Output::list(channels, "name needs_token", "no channel is in this program");
    let text = format!("accounts\n{}\n\nchannels\n{}", accounts.text, channels.text);
    Ok(Output::new(text, json!({ "accounts": accounts.json, "channels": channels.json })))
}

#[cfg(test)]
mod tests {
    use super::parse_url;

    #[test]
    fn a_token_is_sent_encrypted_or_to_this_machine() {
        for good in
            ["api=https://bots.example/", "gateway=wss://x.example", "api=http://127.0.0.1:9"]
        {
            assert!(parse_url(good).is_ok(), "{good}");
        }
        for bad in ["https://x", "api=http://x.example", "gateway=ws://x.example", "api=ftp://x"] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
    }
}
