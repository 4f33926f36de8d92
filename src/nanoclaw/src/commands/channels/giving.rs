//! `nanoclaw channels add`: what somebody gives an account. It is checked with the platform first, and takes
//! the place of what the account had in one commit, with the rest left as it is.

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
use vault::platform::Holder;
use vault::{SealedRow, Vault};

use super::expose::note;
use super::fields::{Values, given, judge, parse_account, parse_field, parse_url};
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

/// An account, and what it is to have.
struct Giving<'a> {
    args: &'a AddArgs,
    layout: &'a Layout,
    registration: &'static Registration,
    vault: Vault,
    is_new: bool,
    was: AccountRow,
    row: AccountRow,
    sealed: Vec<SealedRow>,
    /// What it has by now. What does not open is as good as missing.
    stored: Values,
}

pub(super) async fn add(args: AddArgs, layout: &Layout) -> anyhow::Result<Output> {
    let registration = find(&args.channel)?;
    if !registration.needs_account() {
        let hint = "it is connected whenever the host runs";
        return Err(fail(format!("`{}` needs no account", registration.name), hint));
    }
    let given = given(registration, &args.set, args.from_stdin)?;
    let mut giving = Giving::new(registration, &args, layout)?;
    let given = giving.complete(given).await?;
    let mut values = giving.stored.clone();
    values.extend(given.clone());
    values.retain(|_, value| !value.expose_secret().is_empty());
    let me = giving.check(values.clone()).await?;
    (giving.row.me_id, giving.row.me_name) = (me.id, me.name);
    let renewed_at = giving.store(&values, &given)?;
    admin::reload(layout).await;
    let status = giving.settled(renewed_at).await;
    giving.told(&given, status.as_ref())
}

impl<'a> Giving<'a> {
    fn new(
        registration: &'static Registration,
        args: &'a AddArgs,
        layout: &'a Layout,
    ) -> anyhow::Result<Self> {
        let (channel, name, now) = (registration.name, args.name.as_str(), SystemClock.now());
        let known = home::make(layout)?.sealed_account(channel, name)?;
        let (vault, is_new) = (rows::vault(layout)?, known.is_none());
        let (was, sealed) = known.unwrap_or_else(|| (AccountRow::new(channel, name, now), vec![]));
        let of = Holder { channel, account: name, urls: &was.urls };
        let mut stored = vault.open_fields(of, &sealed).unwrap_or_else(|err| {
            term::note(&format!("warning: {}; what it had is replaced", chain(&err)));
            Values::new()
        });
        let plain = was.fields.iter();
        stored.extend(plain.map(|(name, value)| (name.clone(), value.as_str().into())));
        let mut row = AccountRow { renewed_at: now, ..was.clone() };
        row.urls.extend(args.urls.iter().cloned());
        row.urls.retain(|_, url| !url.is_empty());
        Ok(Self { args, layout, registration, vault, is_new, was, row, sealed, stored })
    }

    /// Gets what is missing: by the platform's own way and by asking, or from the standard input.
    async fn complete(&self, mut given: Values) -> anyhow::Result<Values> {
        let needs = self.registration.needs;
        let is_mentioned = !given.is_empty() || !self.args.urls.is_empty();
        let kept = if is_mentioned { self.stored.clone() } else { Values::new() };
        let is_there = |it: &&Need| given.contains_key(it.name) || kept.contains_key(it.name);
        let missing: Vec<&Need> =
            needs.iter().filter(|it| !it.is_optional && !is_there(it)).collect();
        if self.args.from_stdin || !io::stdin().is_terminal() {
            given.extend(self.piped(&missing)?);
            return Ok(given);
        }
        if missing.is_empty() && is_mentioned {
            return Ok(given);
        }
        let mut known = self.stored.clone();
        known.extend(given.clone());
        let account = self.account(known);
        let mut steps = Terminal { given, kept, stored: self.stored.clone(), drawn: 0 };
        let enroll = self.registration.adapter.enroll(&account, &mut steps);
        let enrolled = timeout(ENROLL_MAX, enroll).await;
        let enrolled = enrolled.context("it took longer than half an hour")?;
        steps.given.extend(enrolled.map_err(|err| self.refused(&err))?);
        let asked = needs.iter().try_for_each(|need| steps.get(need).map(drop));
        asked.hint("nothing was changed; run it again")?;
        Ok(steps.given)
    }

    /// A secret that came alone through the standard input. What comes there is taken, or refused, and never left
    /// unread: its sender would believe that the former secret is not good any more.
    fn piped(&self, missing: &[&Need]) -> anyhow::Result<Option<(String, SecretString)>> {
        let input = if self.args.from_stdin { String::new() } else { read_input()? };
        let value = SecretString::from(input.trim());
        let secrets = self.registration.needs.iter().filter(|it| it.is_secret);
        let need = match (missing, &secrets.collect::<Vec<_>>()[..]) {
            ([], _) if value.expose_secret().is_empty() => return Ok(None),
            ([], [need]) => *need,
            ([need], _) if need.is_secret && !self.args.from_stdin => *need,
            (missing, _) => {
                let names: Vec<&str> = missing.iter().map(|it| it.name).collect();
                let what = match names[..] {
                    [] => "it is not known which field was piped in".to_owned(),
                    _ => format!("missing: {}", names.join(", ")),
                };
                let hint =
                    "run it on a terminal, or pipe lines of FIELD=VALUE in with --from-stdin";
                return Err(fail(what, hint));
            }
        };
        let alone = format!("pipe {} alone", need.what);
        let command = format!("`command | nanoclaw channels add {}`", self.registration.name);
        judge(need, &value).hint(format!("{alone}: {command}"))?;
        Ok(Some((need.name.to_owned(), value)))
    }

    fn account(&self, values: Values) -> Account {
        let dir = self.layout.account(&self.row.channel, &self.row.name);
        Account {
            run_dir: self.layout.run(),
            fields: Fields::new(values, Arc::new(NoKeeper)),
            shelf: Shelf::new(Arc::new(NoKeeper), &dir),
            urls: self.row.urls.clone(),
            ..Account::new(&self.row.name)
        }
    }

    fn refused(&self, err: &ChannelError) -> anyhow::Error {
        let rest = if self.is_new { "" } else { "; the account goes on with what it has" };
        let hint = match err {
            ChannelError::Unreachable(_) => {
                "try again later, or store it as it is with --unchecked"
            }
            ChannelError::Unauthorized(_) | ChannelError::Misconfigured(_) => "mend what it says",
        };
        let what = format!("{}: {}", self.registration.name, chain(err));
        fail(what, format!("{hint}; nothing was changed{rest}"))
    }

    /// Whom the platform knows by what was given.
    async fn check(&self, values: Values) -> anyhow::Result<Me> {
        let account = self.account(values);
        let late = || ChannelError::Unreachable("it took too long".into());
        let checked = timeout(CHECK_MAX, self.registration.adapter.check(&account)).await;
        match checked.unwrap_or_else(|_| Err(late())) {
            Ok(me) => Ok(me),
            Err(err @ ChannelError::Unreachable(_)) if self.args.unchecked => {
                term::note(&format!("warning: it was not checked: {}", chain(&err)));
                Ok(Me::default())
            }
            Err(err) => Err(self.refused(&err)),
        }
    }

    /// Everything in one commit: a host that reads meanwhile sees the old account or the new one. Returns when it
    /// counts as renewed.
    fn store(&mut self, values: &Values, given: &Values) -> anyhow::Result<i64> {
        let needs = self.registration.needs;
        let is_secret = |name: &str| needs.iter().any(|it| it.name == name && it.is_secret);
        let (secret, plain): (Values, Values) =
            values.clone().into_iter().partition(|it| is_secret(&it.0));
        let plain = plain.into_iter().map(|(name, value)| (name, value.expose_secret().to_owned()));
        self.row.fields = plain.collect();
        let row = &self.row;
        let of = Holder { channel: &row.channel, account: &row.name, urls: &row.urls };
        // Others may be renewed by the running host at this moment, and are left alone.
        let is_new = |name: &str| given.contains_key(name) || self.was.urls != row.urls;
        let secrets = secret.iter().filter(|it| is_new(it.0));
        let secrets =
            secrets.map(|(name, value)| self.vault.seal_field(of, name, value, row.renewed_at));
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        let stays = |row: &str| values.keys().any(|it| row == of.name(it));
        let mut gone = self.sealed.iter().map(|it| it.name.as_str()).filter(|it| !stays(it));
        let line = format!("channels add {} --name {}", row.channel, row.name);
        let mut central = home::central(self.layout)?;
        crate::commands::change(&mut central, &line, |central| {
            secrets.iter().try_for_each(|secret| central.put_secret(secret))?;
            gone.try_for_each(|name| central.remove_secret(name).map(drop))?;
            central.put_account(row)
        })?;
        let stored = central.account(&row.channel, &row.name)?;
        Ok(stored.map_or(0, |it| it.renewed_at.0))
    }

    /// How the running host fares with what is new; `None` where none runs.
    async fn settled(&self, renewed_at: i64) -> Option<ChannelStatus> {
        let is_ours =
            |it: &ChannelStatus| it.name == self.row.channel && it.account == self.row.name;
        let is_settled = |status: &ChannelStatus| {
            renewed_at <= status.fields_of && status.why.as_deref() != Some(CONNECTING)
        };
        let watch = async {
            loop {
                let status = admin::status(self.layout).await.ok()??;
                let found = status.channels.into_iter().find(is_ours).filter(is_settled);
                if found.is_some() {
                    return found;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let why = Some(CONNECTING.into());
        let late = || Some(ChannelStatus { why, ..ChannelStatus::default() });
        timeout(CONNECT_MAX, watch).await.unwrap_or_else(|_| late())
    }

    /// The fields and addresses that have another value now.
    fn changed<'b>(&'b self, given: &'b Values) -> Vec<&'b str> {
        let text = |it: &SecretString| it.expose_secret().to_owned();
        let fields =
            given.keys().filter(|it| self.stored.get(*it).map(text) != given.get(*it).map(text));
        let urls = self.args.urls.iter().map(|it| &it.0);
        let urls = urls.filter(|it| self.was.urls.get(*it) != self.row.urls.get(*it));
        fields.chain(urls).map(String::as_str).collect()
    }

    /// What is said of it at the end.
    fn told(&self, given: &Values, status: Option<&ChannelStatus>) -> anyhow::Result<Output> {
        let AccountRow { channel, name, .. } = &self.row;
        let me = |it: &AccountRow| Me { id: it.me_id.clone(), name: it.me_name.clone() };
        let (before, now) = (me(&self.was), me(&self.row));
        let verb = if self.is_new { "added" } else { "renewed" };
        let changed = self.changed(given);
        let mut text = format!("{verb} {channel}/{name}; its secrets are sealed in the vault");
        if !self.is_new {
            let changed = changed.join(", ");
            let changed = if changed.is_empty() { "nothing" } else { changed.as_str() };
            text += &format!("\nchanged: {changed}; the rest stays");
        }
        if !now.id.is_empty() {
            text += &format!("\nits platform knows it as {now}");
        }
        let is_other = !before.id.is_empty() && !now.id.is_empty() && before.id != now.id;
        if is_other {
            text += &format!("\nbefore it was {before}: it begins at the present of the new one");
        }
        let url = note(self.layout).and_then(|note| note.url_of(channel, name));
        text += &url.map(|url| format!("\nsenders reach it at {url}")).unwrap_or_default();
        text += &match status {
            Some(status) if status.connected => "\nconnected".to_owned(),
            Some(status) => {
                format!("\nnot connected: {}", status.why.as_deref().unwrap_or("not yet"))
            }
            None => String::new(),
        };
        let json = json!({
            "channel": channel, "name": name, "is_new": self.is_new, "is_other": is_other,
            "changed": changed, "me": { "id": now.id, "name": now.name }, "connected": status.map(|it| it.connected),
            "why": status.and_then(|status| status.why.as_deref()),
        });
        let pair = "make yourself the owner with `nanoclaw pair`";
        let next = match (home::central(self.layout)?.has_owner()?, lock::holder(self.layout)) {
            (true, _) => "`nanoclaw status` shows whether it is connected".to_owned(),
            (false, Some(_)) => pair.to_owned(),
            (false, None) => format!("start the host with `nanoclaw start`, then {pair}"),
        };
        Ok(Output::new(text, json).hint(next))
    }
}
