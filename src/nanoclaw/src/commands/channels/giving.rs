//! `nanoclaw channels add`: what somebody gives an account. It is checked with the platform first, and takes
//! the place of what the account had in one commit, with the rest left as it is.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use channel::{
    Account, ChannelError, ExposeSecret, Fields, Me, Need, NoKeeper, Registration, SecretString,
    Shelf,
};
use domain::plain::chain;
use domain::time::{Clock, SystemClock};
use engine::protocol::{CONNECTING, ChannelStatus};
use operations::Output;
use serde_json::json;
use store::AccountRow;
use store::layout::Layout;
use tokio::time::{sleep, timeout};
use vault::platform::{Holder, check_field};
use vault::{SealedRow, Vault};

use super::find;
use super::steps::Terminal;
use crate::commands::vault::read_input;
use crate::error::{Hint, fail};
use crate::{admin, home, lock, rows, term};

/// How long a platform may take to say whether it takes the credentials.
const CHECK_MAX: Duration = Duration::from_secs(15);
/// How long somebody may take for what a platform wants done.
const ENROLL_MAX: Duration = Duration::from_secs(30 * 60);
/// How long the running host is watched while it connects with what is new.
const CONNECT_MAX: Duration = Duration::from_secs(10);

type Values = BTreeMap<String, SecretString>;

#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    channel: String,
    /// What to call the account here
    #[arg(long, value_name = "NAME", default_value = "main", value_parser = parse_account)]
    name: String,
    /// Where the platform is instead of its usual place; `NAME=` alone forgets that
    #[arg(long = "url", value_name = "NAME=URL", value_parser = parse_url)]
    urls: Vec<(String, String)>,
    /// A field that is no secret; `FIELD=` alone takes an optional one away
    #[arg(long, value_name = "FIELD=VALUE", value_parser = parse_field)]
    set: Vec<(String, String)>,
    /// Read fields from the standard input: lines of FIELD=VALUE, or one JSON object
    #[arg(long)]
    from_stdin: bool,
    /// Store it even if the platform cannot be reached to check it
    #[arg(long)]
    unchecked: bool,
}

/// Reads `api=http://127.0.0.1:8081`.
fn parse_url(text: &str) -> Result<(String, String), String> {
    let (name, url) = text.split_once('=').ok_or("write it as NAME=URL, like api=https://…")?;
    if url.is_empty() {
        return Ok((name.trim().to_owned(), String::new()));
    }
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

fn parse_field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as FIELD=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Lines of `FIELD=VALUE`, or a JSON object of texts.
fn parse_fields(input: &str) -> anyhow::Result<Vec<(String, String)>> {
    if input.trim_start().starts_with('{') {
        // The error of the parser could show a value.
        let parsed: Result<BTreeMap<String, String>, _> = serde_json::from_str(input);
        let why = |err: serde_json::Error| {
            fail(
                format!(
                    "the JSON is not an object of texts (line {}, column {})",
                    err.line(),
                    err.column()
                ),
                "write it as {\"FIELD\": \"VALUE\"}",
            )
        };
        return Ok(parsed.map_err(why)?.into_iter().collect());
    }
    let lines = input.lines().enumerate().filter(|it| !it.1.trim().is_empty());
    let field = |(at, line): (usize, &str)| {
        let what = || format!("line {} of the standard input has no `=`", at + 1);
        parse_field(line).map_err(|_| fail(what(), "write each as FIELD=VALUE, or all as JSON"))
    };
    lines.map(field).collect()
}

pub(super) async fn add(args: AddArgs, layout: &Layout) -> anyhow::Result<Output> {
    let registration = find(&args.channel)?;
    let (channel, name) = (registration.name, args.name.as_str());
    if !registration.needs_account() {
        let hint = "it is connected whenever the host runs";
        return Err(fail(format!("`{channel}` needs no account"), hint));
    }
    let mut given = given(registration, &args)?;
    let now = SystemClock.now();
    let known = home::make(layout)?.sealed_account(channel, name)?;
    let vault = rows::vault(layout)?;
    let is_new = known.is_none();
    let (was, sealed) = known.unwrap_or_else(|| (AccountRow::new(channel, name, now), vec![]));
    let stored = stored(&vault, &was, &sealed);
    let mut row = AccountRow { renewed_at: now, ..was.clone() };
    row.urls.extend(args.urls.iter().cloned());
    row.urls.retain(|_, url| !url.is_empty());
    let is_mentioned = !given.is_empty() || !args.urls.is_empty();
    let kept = if is_mentioned { stored.clone() } else { Values::new() };
    complete(registration, (&row, &stored, kept), &mut given, &args, layout).await?;
    let mut values = stored;
    values.extend(given.clone());
    values.retain(|_, value| !value.expose_secret().is_empty());
    let account = account(&row, values.clone(), layout);
    let me = check(registration, &account, is_new, args.unchecked).await?;
    (row.me_id, row.me_name) = (me.id.clone(), me.name.clone());
    let change =
        Change { registration, was: &was, sealed: &sealed, values: &values, given: &given };
    let renewed_at = change.store(&vault, &mut row, layout)?;
    admin::reload(layout).await;
    let status = settled(channel, name, renewed_at, layout).await;
    let verb = if is_new { "added" } else { "renewed" };
    let text = format!("{verb} {channel}/{name}; its secrets are sealed in the vault");
    told(text, &was, &row, is_new, status.as_ref(), layout)
}

/// What is said of it at the end.
fn told(
    mut text: String,
    was: &AccountRow,
    row: &AccountRow,
    is_new: bool,
    status: Option<&ChannelStatus>,
    layout: &Layout,
) -> anyhow::Result<Output> {
    let me = |it: &AccountRow| Me { id: it.me_id.clone(), name: it.me_name.clone() };
    let (before, now) = (me(was), me(row));
    if !now.id.is_empty() {
        text += &format!("\nits platform knows it as {now}");
    }
    let is_other = !before.id.is_empty() && !now.id.is_empty() && before.id != now.id;
    if is_other {
        text += &format!("\nbefore it was {before}: it begins at the present of the new one");
    }
    text += &match status {
        Some(status) if status.connected => "\nconnected".to_owned(),
        Some(status) => format!("\nnot connected: {}", status.why.as_deref().unwrap_or("not yet")),
        None => String::new(),
    };
    let json = json!({
        "channel": row.channel, "name": row.name, "is_new": is_new, "is_other": is_other,
        "me": { "id": now.id, "name": now.name }, "connected": status.map(|it| it.connected),
    });
    let next = match (home::central(layout)?.has_owner()?, lock::holder(layout)) {
        (true, _) => "`nanoclaw status` shows whether it is connected",
        (false, Some(_)) => "make yourself the owner with `nanoclaw pair`",
        (false, None) => {
            "start the host with `nanoclaw start`, then make yourself the owner with `nanoclaw pair`"
        }
    };
    Ok(Output::new(text, json).hint(next))
}

/// What was mentioned; an empty value takes an optional field away.
fn given(registration: &Registration, args: &AddArgs) -> anyhow::Result<Values> {
    let channel = registration.name;
    let mut all = args.set.clone();
    let is_secret =
        |name: &str| registration.needs.iter().any(|it| it.name == name && it.is_secret);
    if let Some((name, _)) = all.iter().find(|it| is_secret(&it.0)) {
        let hint = "pipe `FIELD=VALUE` in with --from-stdin: others can read arguments";
        return Err(fail(format!("{name} is a secret, which is not taken as an argument"), hint));
    }
    if args.from_stdin {
        all.extend(parse_fields(&read_input()?)?);
    }
    let mut values = Values::new();
    for (name, value) in all {
        let Some(need) = registration.needs.iter().find(|it| it.name == name) else {
            let known: Vec<&str> = registration.needs.iter().map(|it| it.name).collect();
            let hint =
                format!("it has {}; see `nanoclaw channels fields {channel}`", known.join(", "));
            return Err(fail(format!("{channel} has no field `{name}`"), hint));
        };
        let value = SecretString::from(value);
        if !(need.is_optional && value.expose_secret().is_empty()) {
            judge(need, &value).hint(format!("it is {}", need.what))?;
        }
        values.insert(name, value);
    }
    Ok(values)
}

/// Whether a value can be that field at all.
pub(super) fn judge(need: &Need, value: &SecretString) -> anyhow::Result<()> {
    let text = value.expose_secret();
    let why = check_field(value).map_err(|err| err.to_string());
    why.and_then(|()| (need.check)(text).map_err(str::to_owned))
        .map_err(|why| anyhow::anyhow!("this is no {}: {why}", need.name))
}

/// What an account has by now. What does not open is as good as missing.
fn stored(vault: &Vault, row: &AccountRow, sealed: &[SealedRow]) -> Values {
    let AccountRow { channel, name, urls, fields, .. } = row;
    let mut values =
        vault.open_fields(Holder { channel, account: name, urls }, sealed).unwrap_or_else(|err| {
            term::note(&format!("warning: {}; what it had is replaced", chain(&err)));
            Values::new()
        });
    values.extend(fields.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    values
}

/// Gets what is missing: by the platform's own way and by asking, or from the standard input.
async fn complete(
    registration: &'static Registration,
    (row, stored, kept): (&AccountRow, &Values, Values),
    given: &mut Values,
    args: &AddArgs,
    layout: &Layout,
) -> anyhow::Result<()> {
    let is_there = |it: &&Need| given.contains_key(it.name) || kept.contains_key(it.name);
    let missing: Vec<&Need> =
        registration.needs.iter().filter(|it| !it.is_optional && !is_there(it)).collect();
    let channel = registration.name;
    if !io::stdin().is_terminal() || args.from_stdin {
        match missing[..] {
            [] => return Ok(()),
            [need] if need.is_secret && !args.from_stdin => {
                let value = SecretString::from(read_input()?.trim_end_matches(['\r', '\n']));
                let hint = format!(
                    "pipe {} alone: `command | nanoclaw channels add {channel}`",
                    need.what
                );
                judge(need, &value).hint(hint)?;
                given.insert(need.name.to_owned(), value);
                return Ok(());
            }
            _ => {
                let names: Vec<&str> = missing.iter().map(|it| it.name).collect();
                let hint =
                    "run it on a terminal, or pipe lines of FIELD=VALUE in with --from-stdin";
                return Err(fail(format!("missing: {}", names.join(", ")), hint));
            }
        }
    }
    if missing.is_empty() && !(given.is_empty() && args.urls.is_empty()) {
        return Ok(());
    }
    let mut steps = Terminal::new(given, kept, stored);
    let mut known = stored.clone();
    known.extend(given.clone());
    let account = account(row, known, layout);
    let enrolled = timeout(ENROLL_MAX, registration.adapter.enroll(&account, &mut steps)).await;
    let enrolled = enrolled.context("it took longer than half an hour")?;
    steps.take(enrolled.map_err(|err| refused(channel, &err, true))?);
    for need in registration.needs {
        steps.get(need)?;
    }
    *given = steps.into_given();
    Ok(())
}

fn account(row: &AccountRow, values: Values, layout: &Layout) -> Account {
    let dir = layout.account(&row.channel, &row.name);
    Account {
        run_dir: layout.run(),
        fields: Fields::new(values, Arc::new(NoKeeper)),
        shelf: Shelf::new(Arc::new(NoKeeper), &dir),
        urls: row.urls.clone(),
        ..Account::new(&row.name)
    }
}

fn refused(channel: &str, err: &ChannelError, is_new: bool) -> anyhow::Error {
    let rest = if is_new { "" } else { "; the account goes on with what it has" };
    let hint = match err {
        ChannelError::Unreachable(_) => "try again later, or store it as it is with --unchecked",
        ChannelError::Unauthorized(_) | ChannelError::Misconfigured(_) => "mend what it says",
    };
    fail(
        format!("{channel} was asked, and {}", chain(err)),
        format!("{hint}; nothing was changed{rest}"),
    )
}

/// Whom the platform knows by what was given.
async fn check(
    registration: &Registration,
    account: &Account,
    is_new: bool,
    may_be_unreachable: bool,
) -> anyhow::Result<Me> {
    let late = || ChannelError::Unreachable("it took too long".into());
    let checked = timeout(CHECK_MAX, registration.adapter.check(account)).await;
    match checked.unwrap_or_else(|_| Err(late())) {
        Ok(me) => Ok(me),
        Err(err @ ChannelError::Unreachable(_)) if may_be_unreachable => {
            term::note(&format!("warning: it was not checked: {}", chain(&err)));
            Ok(Me::default())
        }
        Err(err) => Err(refused(registration.name, &err, is_new)),
    }
}

/// What an account had, and what it is to have.
struct Change<'a> {
    registration: &'static Registration,
    was: &'a AccountRow,
    sealed: &'a [SealedRow],
    values: &'a Values,
    /// Of the values those that somebody gave now.
    given: &'a Values,
}

impl Change<'_> {
    /// Everything in one commit: a host that reads meanwhile sees the old account or the new one. Returns when it
    /// counts as renewed.
    fn store(&self, vault: &Vault, row: &mut AccountRow, layout: &Layout) -> anyhow::Result<i64> {
        let needs = self.registration.needs;
        let is_secret = |name: &str| needs.iter().any(|it| it.name == name && it.is_secret);
        let plain = self.values.iter().filter(|it| !is_secret(it.0));
        let fields = plain.map(|(name, value)| (name.clone(), value.expose_secret().to_owned()));
        row.fields = fields.collect();
        let of = Holder { channel: &row.channel, account: &row.name, urls: &row.urls };
        let mut secrets = Vec::new();
        for (name, value) in self.values.iter().filter(|it| is_secret(it.0)) {
            // Others may be renewed by the running host at this moment, and are left alone.
            if self.given.contains_key(name) || self.was.urls != row.urls {
                secrets.push(vault.seal_field(of, name, value, row.renewed_at)?);
            }
        }
        let stays = |row: &str| self.values.keys().any(|it| row == of.name(it));
        let gone = self.sealed.iter().map(|it| it.name.as_str()).filter(|it| !stays(it));
        let gone: Vec<&str> = gone.collect();
        let line = format!("channels add {} --name {}", row.channel, row.name);
        let mut central = home::central(layout)?;
        crate::commands::change(&mut central, &line, |central| {
            secrets.iter().try_for_each(|secret| central.put_secret(secret))?;
            gone.iter().try_for_each(|name| central.remove_secret(name).map(drop))?;
            central.put_account(row)
        })?;
        let stored = central.account(&row.channel, &row.name)?;
        Ok(stored.map_or(0, |it| it.renewed_at.0))
    }
}

/// How the running host fares with what is new; `None` where none runs.
async fn settled(
    channel: &str,
    name: &str,
    renewed_at: i64,
    layout: &Layout,
) -> Option<ChannelStatus> {
    let watch = async {
        loop {
            let status = admin::status(layout).await.ok()??;
            let mut all = status.channels.into_iter();
            let found = all.find(|it| it.name == channel && it.account == name);
            let is_settled = |status: &ChannelStatus| {
                renewed_at <= status.fields_of && status.why.as_deref() != Some(CONNECTING)
            };
            if let Some(status) = found.filter(is_settled) {
                return Some(status);
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    let late = || Some(ChannelStatus { why: Some(CONNECTING.into()), ..ChannelStatus::default() });
    timeout(CONNECT_MAX, watch).await.unwrap_or_else(|_| late())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn fields_come_as_lines_or_as_json_and_an_error_shows_no_value() {
        let two = vec![("a".to_owned(), "x=y".to_owned()), ("b".to_owned(), "z".to_owned())];
        assert_eq!(parse_fields("a=x=y\n\n b = z \n").unwrap(), two);
        assert_eq!(parse_fields(r#" {"a": "x=y", "b": "z"}"#).unwrap(), two);
        for (bad, says) in [("a=b\nhush", "line 2"), (r#"{"a": ["hush"]}"#, "column")] {
            let err = parse_fields(bad).unwrap_err();
            assert!(format!("{err:#}").contains(says), "{err:#}");
            assert!(!format!("{err:?}").contains("hush"), "{err:?}");
        }
    }
}
