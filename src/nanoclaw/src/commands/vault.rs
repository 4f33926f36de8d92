//! `nanoclaw vault`: credentials in, never out.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;
use chrono::DateTime;
use domain::time::{Clock, SystemClock};
use serde_json::json;
use store::layout::Layout;
use vault::{BaseUrl, Credential, MODEL_CREDENTIAL, Secret};

use crate::args::VaultCommand;
use crate::error::{Hint, fail};
use crate::{admin, home, lock, rows, term};

/// Read from the standard input; more than any credential has.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

pub(super) async fn perform(command: VaultCommand, layout: &Layout) -> anyhow::Result<()> {
    match command {
        VaultCommand::List { json } => return list(json, layout).await,
        VaultCommand::Add { name, base_url } => add(&name, base_url, layout).await?,
        VaultCommand::Remove { name } => remove(&name, layout).await?,
        VaultCommand::Reset { yes } => return reset(yes, layout),
    }
    admin::reload(layout).await;
    Ok(())
}

async fn add(name: &str, base_url: Option<BaseUrl>, layout: &Layout) -> anyhow::Result<()> {
    if name != MODEL_CREDENTIAL {
        return Err(vault::VaultError::UnknownName(name.to_owned()))
            .hint(format!("`nanoclaw vault add {MODEL_CREDENTIAL}`"));
    }
    let input = read_secret(&format!("value of `{name}` (not shown): "))?;
    let secret = Secret::from_input(input).hint(format!(
        "paste the key alone, or pipe it in: `command | nanoclaw vault add {name}`"
    ))?;
    let stored = put(name, secret, base_url.unwrap_or_default(), layout).await?;
    term::out(&format!(
        "stored `{name}` ({}) for {}; agents never see it",
        stored.kind.as_str(),
        stored.base_url
    ));
    Ok(())
}

async fn put(
    name: &str,
    secret: Secret,
    base_url: BaseUrl,
    layout: &Layout,
) -> anyhow::Result<Credential> {
    let vault = rows::vault(layout)?;
    Ok(vault.add(name, secret, base_url, SystemClock.now()).await?)
}

/// For the setup: stores what was typed as the model's credential.
pub(crate) async fn add_model_credential(
    input: String,
    layout: &Layout,
) -> anyhow::Result<Credential> {
    put(MODEL_CREDENTIAL, Secret::from_input(input)?, BaseUrl::default(), layout).await
}

/// Asks on the terminal without showing what is typed, or reads the standard input.
pub(super) fn read_secret(prompt: &str) -> anyhow::Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).context("the terminal could not be read");
    }
    let mut input = String::new();
    io::stdin()
        .take(INPUT_BYTES_MAX)
        .read_to_string(&mut input)
        .context("the standard input could not be read as text")?;
    Ok(input)
}

async fn list(as_json: bool, layout: &Layout) -> anyhow::Result<()> {
    let all = rows::vault(layout)?.list().await?;
    if as_json {
        let value = |credential: &Credential| {
            json!({
                "name": credential.name,
                "kind": credential.kind.as_str(),
                "base_url": credential.base_url.as_str(),
                "created_at": created(credential),
            })
        };
        return term::json(&all.iter().map(value).collect::<Vec<_>>());
    }
    if all.is_empty() {
        term::out("the vault is empty; `nanoclaw vault add anthropic` gives the agents a model");
        return Ok(());
    }
    let mut rows = vec![["NAME", "KIND", "SENT TO", "SINCE"].map(str::to_owned).to_vec()];
    for credential in &all {
        let (name, kind) = (credential.name.clone(), credential.kind.as_str().to_owned());
        rows.push(vec![name, kind, credential.base_url.to_string(), created(credential)]);
    }
    term::out(&term::table(&rows));
    Ok(())
}

async fn remove(name: &str, layout: &Layout) -> anyhow::Result<()> {
    if !rows::vault(layout)?.remove(name).await? {
        return Err(fail(format!("the vault holds no `{name}`"), "see `nanoclaw vault list`"));
    }
    term::out(&format!("removed `{name}`; agents set to `auto` use the demo provider from now on"));
    Ok(())
}

/// For a key that is lost: nothing that it sealed opens again. The next credential gets a new key.
fn reset(yes: bool, layout: &Layout) -> anyhow::Result<()> {
    // A running host would seal with the key that it remembers.
    let _lock = lock::take(layout)
        .hint("stop the host with `nanoclaw stop`, then run `nanoclaw vault reset` again")?;
    let mut central = home::central(layout)?;
    let names: Vec<String> = central.secrets()?.into_iter().map(|it| it.name).collect();
    if names.is_empty() {
        move_key(layout)?;
        term::out("the vault is empty: there is nothing to forget");
        return Ok(());
    }
    let all = names.join(", ");
    term::agree(&format!("this forgets for good: {all}"), yes, "Forget it?")?;
    central.whole("a reset", |central| {
        names.iter().try_for_each(|it| central.remove_secret(it).map(drop))?;
        central.record_change("vault reset", "host", SystemClock.now())
    })?;
    move_key(layout)?;
    let again = names.iter().map(|name| match name.split('/').collect::<Vec<_>>()[..] {
        [_, channel, account] => format!("`nanoclaw channels add {channel} --name {account}`"),
        _ => format!("`nanoclaw vault add {name}`"),
    });
    term::out(&format!("forgotten: {all}"));
    let again = again.collect::<Vec<_>>().join(", ");
    term::note(&format!("hint: enter them again with {again}; then run `nanoclaw start`"));
    Ok(())
}

/// Nothing is sealed with it any more.
fn move_key(layout: &Layout) -> anyhow::Result<()> {
    let key = layout.vault_key();
    match std::fs::rename(&key, key.with_extension("key.old")) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved.context("the old key of the vault could not be moved away"),
    }
}

fn created(credential: &Credential) -> String {
    let at = DateTime::from_timestamp_millis(credential.created_at.0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
