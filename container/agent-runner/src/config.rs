//! What the runner is told at its start. The binary reads it from the environment that the host
//! gave the container; tests build it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::agent::Provider;
use domain::time::backoff;
use domain::{AgentName, Incarnation, inside};
use tokio::process::Command;

#[derive(Clone, Debug)]
pub struct Config {
    pub inbound_dir: PathBuf,
    pub outbound_dir: PathBuf,
    /// Below it lie the received files, where the agent can read them.
    pub received_dir: PathBuf,
    pub workspace: PathBuf,
    /// What the agent's CLI keeps between turns.
    pub home: PathBuf,
    pub incarnation: Incarnation,
    pub provider: Provider,
    /// `None` leaves the choice to the provider.
    pub model: Option<String>,
    pub agent_name: String,
    /// How often the inbound database is looked at when no notification comes.
    pub poll_interval: Duration,
    /// Whether to keep a notify stream open at all.
    pub notifications: bool,
    /// How long a model request waits for a link that is down. A restart of the host fits in.
    pub link_patience: Duration,
    pub claude_bin: PathBuf,
    /// The user of the agent's programs; `None` is the runner's own, for tests.
    pub agent_uid: Option<u32>,
    /// More environment for the agent's CLI; tests use it.
    pub extra_env: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("the environment variable {0} is missing")]
    Missing(&'static str),
    #[error("the environment variable {name} has the value `{value}`, which means nothing")]
    Invalid { name: &'static str, value: String },
}

impl Config {
    /// The defaults of a container.
    pub fn new(incarnation: Incarnation, provider: Provider) -> Self {
        Self {
            inbound_dir: inside::IN.into(),
            outbound_dir: inside::OUT.into(),
            received_dir: Path::new(inside::FILES).parent().unwrap_or(Path::new("/")).into(),
            workspace: inside::WORKSPACE.into(),
            home: inside::HOME.into(),
            incarnation,
            provider,
            model: None,
            agent_name: domain::agent::DEFAULT_AGENT.to_owned(),
            poll_interval: Duration::from_secs(5),
            notifications: true,
            link_patience: Duration::from_secs(10),
            claude_bin: inside::CLAUDE.into(),
            agent_uid: None,
            extra_env: vec![],
        }
    }

    /// A program of the agent, in its workspace and as its user; it keeps the group, through which the
    /// workspace is shared.
    pub(crate) fn agent_command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.workspace);
        if let Some(uid) = self.agent_uid {
            command.uid(uid);
        }
        command
    }

    /// Reads the environment through `var`. A variable that the host always sets must mean something.
    pub fn from_env(var: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let incarnation = required(&var, "NANOCLAW_INCARNATION", |it| it.parse().ok())?;
        let provider = required(&var, "NANOCLAW_PROVIDER", Provider::parse)?;
        let agent = required(&var, inside::AGENT_ENV, |it| AgentName::parse(it).ok())?;
        let is_user = |it: &u32| 0 < *it;
        let uid = required(&var, inside::AGENT_UID_ENV, |it| it.parse().ok().filter(is_user))?;
        let mut config = Self::new(Incarnation(incarnation), provider);
        config.agent_uid = Some(uid);
        config.agent_name = agent.to_string();
        config.model = var("NANOCLAW_MODEL").filter(|it| !it.is_empty());
        Ok(config)
    }
}

/// How long to wait after so many failed writes or lost streams in a row.
pub(crate) fn retry_wait(failures: u32) -> Duration {
    backoff(Duration::from_millis(200), Duration::from_secs(5), failures)
}

fn required<T>(
    var: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    let value = var(name).ok_or(ConfigError::Missing(name))?;
    parse(&value).ok_or(ConfigError::Invalid { name, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_env(|name| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_hosts_environment_is_understood() {
        let given = config(&[
            ("NANOCLAW_INCARNATION", "7"),
            ("NANOCLAW_PROVIDER", "claude"),
            ("NANOCLAW_AGENT", "andy"),
            ("NANOCLAW_AGENT_UID", "60700"),
            ("NANOCLAW_MODEL", ""),
        ])
        .unwrap();
        assert_eq!((given.incarnation, given.provider), (Incarnation(7), Provider::Claude));
        assert_eq!((given.model, given.outbound_dir), (None, PathBuf::from(inside::OUT)));
        assert_eq!(given.received_dir.join("files"), Path::new(inside::FILES));
    }

    /// Without the user the agent would be the runner.
    #[test]
    fn the_agents_user_is_required_and_never_root() {
        let with = |uid: &str| {
            config(&[
                ("NANOCLAW_INCARNATION", "7"),
                ("NANOCLAW_PROVIDER", "claude"),
                ("NANOCLAW_AGENT", "andy"),
                ("NANOCLAW_AGENT_UID", uid),
            ])
        };
        assert_eq!(with("60700").unwrap().agent_uid, Some(60_700));
        for uid in ["0", "", "agent"] {
            assert!(matches!(with(uid), Err(ConfigError::Invalid { .. })), "{uid}");
        }
    }

    #[test]
    fn a_missing_or_strange_variable_is_named() {
        assert_eq!(config(&[]).unwrap_err(), ConfigError::Missing("NANOCLAW_INCARNATION"));
        let strange = config(&[("NANOCLAW_INCARNATION", "7"), ("NANOCLAW_PROVIDER", "parrot")]);
        assert!(strange.unwrap_err().to_string().contains("`parrot`"));
    }
}
