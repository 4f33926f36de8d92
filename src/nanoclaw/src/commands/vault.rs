//! `nanoclaw vault`: credentials in, never out.

use std::io::{self, IsTerminal, Read};

use anyhow::Context;
use domain::time::{Clock, SystemClock};
use operations::{Output, instant};
use serde_json::{Value, json};
use store::layout::Layout;
use vault::{BaseUrl, Credential, MODEL_CREDENTIAL, Secret};

use crate::error::{CONVERT, Hint, fail};
use crate::{admin, home, lock, rows, term};

/// Read from the standard input; more than any credential has.
const INPUT_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum VaultCommand {
    /// Store a credential; `anthropic` is the model's
    #[command(after_help = "\
The value is asked for on the terminal and not shown, or read from the standard input. It is
never taken as an argument, where other users and the shell's history could see it.

Examples:
  nanoclaw vault add
  pass show anthropic | nanoclaw vault add anthropic
  nanoclaw vault add anthropic --base-url https://gateway.example/llm")]
    #[command(alias = "set")]
    Add {
        #[arg(default_value = MODEL_CREDENTIAL)]
        name: String,
        /// Where the credential is sent instead of the Anthropic API; an endpoint that speaks alike
        #[arg(long, value_name = "URL", value_parser = BaseUrl::parse)]
        base_url: Option<BaseUrl>,
    },
    /// Show what is stored, without any value
    List,
    /// Forget a credential
    Remove {
        #[arg(default_value = MODEL_CREDENTIAL)]
        name: String,
    },
    /// Forget all credentials and tokens if `vault.key` is lost, with the host stopped; then enter them again
    Reset,
}

pub(super) async fn perform(
    command: VaultCommand,
    yes: bool,
    layout: &Layout,
) -> anyhow::Result<Output> {
    let output = match command {
        VaultCommand::List => return list(layout).await,
        VaultCommand::Reset => return reset(yes, layout),
        VaultCommand::Add { name, base_url } => add(&name, base_url, layout).await?,
        VaultCommand::Remove { name } => remove(&name, layout).await?,
    };
    admin::reload(layout).await;
    Ok(output)
}

async fn add(name: &str, base_url: Option<BaseUrl>, layout: &Layout) -> anyhow::Result<Output> {
    if name != MODEL_CREDENTIAL {
        return Err(vault::VaultError::UnknownName(name.to_owned()))
            .hint(format!("`nanoclaw vault add {MODEL_CREDENTIAL}`"));
    }
    let input = read_secret(&format!("value of `{name}` (not shown): "))?;
    let stored = add_model_credential(input, base_url.unwrap_or_default(), layout).await?;
    let (kind, url) = (stored.kind.as_str(), &stored.base_url);
    let text = format!("stored `{name}` ({kind}) for {url}; agents never see it");
    Ok(Output::new(text, value(&stored)))
}

pub(crate) async fn add_model_credential(
    input: String,
    base_url: BaseUrl,
    layout: &Layout,
) -> anyhow::Result<Credential> {
    let secret = Secret::from_input(input).hint(format!(
        "paste the key alone, or pipe it in: `command | nanoclaw vault add {MODEL_CREDENTIAL}`"
    ))?;
    home::make(layout)?;
    let vault = rows::vault(layout)?;
    Ok(vault.add(MODEL_CREDENTIAL, secret, base_url, SystemClock.now()).await?)
}

/// Asks on the terminal without showing what is typed, or reads the standard input.
fn read_secret(prompt: &str) -> anyhow::Result<String> {
    if io::stdin().is_terminal() {
        return term::ask_unseen(prompt);
    }
    read_input()
}

/// The whole standard input.
pub(super) fn read_input() -> anyhow::Result<String> {
    io::read_to_string(io::stdin().take(INPUT_BYTES_MAX))
        .context("the standard input could not be read as text")
        .hint(CONVERT)
}

fn value(credential: &Credential) -> Value {
    json!({
        "name": credential.name, "kind": credential.kind.as_str(),
        "base_url": credential.base_url.as_str(), "created_at": instant(credential.created_at),
    })
}

async fn list(layout: &Layout) -> anyhow::Result<Output> {
    let all = rows::vault(layout)?.list().await?.iter().map(value).collect();
    let none = "the vault is empty; `nanoclaw vault add anthropic` gives the agents a model";
    let zone = home::central(layout)?.zone_for(None)?;
    Ok(Output::list(all, "name kind base_url created_at", none).in_zone(&zone))
}

async fn remove(name: &str, layout: &Layout) -> anyhow::Result<Output> {
    if !rows::vault(layout)?.remove(name).await? {
        return Err(fail(format!("the vault holds no `{name}`"), "see `nanoclaw vault list`"));
    }
    let text = format!("removed `{name}`; agents set to `auto` use the demo provider from now on");
    Ok(Output::new(text, json!({ "name": name })))
}

/// For a key that is lost: nothing that it sealed opens again. The next credential gets a new key.
fn reset(yes: bool, layout: &Layout) -> anyhow::Result<Output> {
    // A running host would seal with the key that it remembers.
    let _lock = lock::take_alone(layout)
        .hint("stop the host with `nanoclaw stop`, then run `nanoclaw vault reset` again")?;
    let mut central = home::central(layout)?;
    let names: Vec<String> = central.secrets()?.into_iter().map(|it| it.name).collect();
    let all = names.join(", ");
    if !names.is_empty() {
        term::agree(&format!("this forgets for good: {all}"), yes, "Forget it?")?;
        super::change(&mut central, "vault reset", |central| {
            names.iter().try_for_each(|it| central.remove_secret(it).map(drop))
        })?;
    }
    // Nothing is sealed with it any more.
    let key = layout.vault_key();
    match std::fs::rename(&key, key.with_extension("key.old")) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        moved => moved.context("the old key of the vault could not be moved away")?,
    }
    let json = json!({ "forgotten": names });
    if names.is_empty() {
        return Ok(Output::new("the vault is empty: there is nothing to forget", json));
    }
    let again = names.iter().map(|name| match name.split('/').collect::<Vec<_>>()[..] {
        [_, channel, account, _] => format!("`nanoclaw channels add {channel} --name {account}`"),
        _ => format!("`nanoclaw vault add {name}`"),
    });
    let mut again: Vec<String> = again.collect();
    again.dedup();
    let again = again.join(", ");
    let output = Output::new(format!("forgotten: {all}"), json);
    Ok(output.hint(format!("enter them again with {again}; then run `nanoclaw start`")))
}
