//! The settings of an agent: what can be set, what is shown, and what the machine allows.

use std::fmt;

use crate::output::{label, shown};
use crate::prelude::*;
use domain::agent::{AdminScope, AgentGroup, FILE_PLACEHOLDER, MODEL_CREDENTIAL, Provider};
use domain::engage::{TRIGGER_CHARS_MAX, trigger_of};
use domain::plain::shell_word;
use store::StoreError;

#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// `claude`, `demo` (no model), or `auto`: claude once the vault holds a credential
    #[arg(long, value_name = "PROVIDER", value_parser = ProviderChoice::parse)]
    pub provider: Option<ProviderChoice>,
    /// The model's name; '' is the provider's default
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The image to run in; '' is the one that this install built
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// The memory limit of a container
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(64..))]
    pub memory: Option<u32>,
    /// The processor limit of a container, like 1.5
    #[arg(long, value_name = "CPUS", value_parser = CpuMilli::parse)]
    pub cpus: Option<CpuMilli>,
    /// How many processes a container may have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(16..=4_194_304))]
    pub pids: Option<u32>,
    /// What its folders may take on the disk: the workspace, and what one conversation keeps
    #[arg(long, value_name = "GIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub disk: Option<u32>,
    /// What it answers to in a text; '' is @ and its name
    #[arg(long, value_name = "TEXT", value_parser = trigger)]
    pub trigger: Option<String>,
    /// What its administration tool may see, and ask for: nothing, what concerns itself, everything
    #[arg(long, value_name = "SCOPE", alias = "reach",
          value_parser = parse_enum(AdminScope::ALL.map(AdminScope::as_str), AdminScope::parse))]
    pub admin_scope: Option<AdminScope>,
    /// The command that turns speech into text, run in its container for each recording, with {file}
    /// for the recording's path; what it prints is the text. `none`: the agent hears nothing
    #[arg(long, value_name = "COMMAND", value_parser = Transcribe::parse)]
    pub transcribe: Option<Transcribe>,
}

impl AgentSettings {
    /// The agent with what was given; the rest stays as it is.
    pub(super) fn applied(&self, mut agent: AgentGroup) -> AgentGroup {
        let set = |field: &mut Option<String>, text: &Option<String>| {
            if let Some(text) = text {
                *field = Some(text.trim().to_owned()).filter(|it| !it.is_empty());
            }
        };
        set(&mut agent.model, &self.model);
        set(&mut agent.image, &self.image);
        set(&mut agent.trigger, &self.trigger);
        agent.provider = self.provider.map_or(agent.provider, |it| it.0);
        if let Some(Transcribe(command)) = &self.transcribe {
            agent.transcribe.clone_from(command);
        }
        agent.admin_scope = self.admin_scope.unwrap_or(agent.admin_scope);
        let limits = &mut agent.resources;
        limits.memory_mib = self.memory.unwrap_or(limits.memory_mib);
        limits.cpu_milli = self.cpus.map_or(limits.cpu_milli, |it| it.0);
        limits.pids = self.pids.unwrap_or(limits.pids);
        limits.disk_gib = self.disk.unwrap_or(limits.disk_gib);
        agent
    }

    /// Refuses limits that the machine cannot give. Says so where nobody knows the machine.
    pub(super) fn check(&self, name: &AgentName, store: &CentralStore) -> Result<Option<&str>> {
        if self.cpus.is_none() && self.memory.is_none() {
            return Ok(None);
        }
        let kept = store.setting(MACHINE)?.and_then(|it| serde_json::from_str(&it).ok());
        let Some(Machine { cpus: cpus_max, memory_mib: memory_max }) = kept else {
            return Ok(Some(
                "the container engine did not say what its machine has; an agent that is given \
                 more than that does not start",
            ));
        };
        if let Some(cpus) = self.cpus.filter(|it| cpus_max.saturating_mul(1_000) < it.0) {
            let what = format!("{name} cannot have {cpus} processors: the machine has {cpus_max}");
            return Err(refused(what, format!("say `--cpus {cpus_max}` or less")));
        }
        if let Some(mib) = self.memory.filter(|it| memory_max < *it) {
            return Err(refused(
                format!("{name} cannot have {mib} MiB of memory: the machine has {memory_max} MiB"),
                "say less with `--memory`, and leave some to the system",
            ));
        }
        Ok(None)
    }

    /// The command that takes back what was given.
    pub(super) fn undo(&self, old: &AgentGroup) -> String {
        let (was, text) = (&old.resources, |it: &Option<String>| it.clone().unwrap_or_default());
        let all = [
            ("provider", self.provider.map(|_| ProviderChoice(old.provider).to_string())),
            ("model", self.model.as_ref().map(|_| text(&old.model))),
            ("image", self.image.as_ref().map(|_| text(&old.image))),
            ("memory", self.memory.map(|_| was.memory_mib.to_string())),
            ("cpus", self.cpus.map(|_| CpuMilli(was.cpu_milli).to_string())),
            ("pids", self.pids.map(|_| was.pids.to_string())),
            ("disk", self.disk.map(|_| was.disk_gib.to_string())),
            ("trigger", self.trigger.as_ref().map(|_| text(&old.trigger))),
            ("admin-scope", self.admin_scope.map(|_| old.admin_scope.as_str().to_owned())),
            (
                "transcribe",
                self.transcribe.as_ref().map(|_| Transcribe(old.transcribe.clone()).to_string()),
            ),
        ];
        let given = all.into_iter().filter_map(|(name, was)| Some(format!("--{name}={}", was?)));
        given.fold(format!("agents set {}", old.name), |line, it| line + " " + &shell_word(&it))
    }
}

/// The setting that keeps what the machine of the containers has.
const MACHINE: &str = "machine";

/// The machine that containers run on, as the engine said last. An agent that is given more never starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub cpus: u32,
    pub memory_mib: u32,
}

impl Machine {
    /// Keeps what the engine said, for changes that are made while nobody can ask it.
    pub fn keep(self, store: &CentralStore) -> Result<(), StoreError> {
        store.set_setting(MACHINE, &json!(self).to_string())
    }
}

/// What people see of an agent.
pub(super) const SHOWN: &str = "name provider effective_provider model image memory_mib cpus pids disk_gib \
     trigger admin_scope transcribe stopped_by";

pub(super) fn differences(old: &AgentGroup, new: &AgentGroup) -> Vec<String> {
    let (old, new) = (settings(old), settings(new));
    let text = |of: &Value, key: &str| match of[key].is_null() {
        true => "default".to_owned(),
        false => shown(of, key),
    };
    let differs = SHOWN.split(' ').filter(|it| old[*it] != new[*it]);
    differs.map(|it| format!("{} {} → {}", label(it), text(&old, it), text(&new, it))).collect()
}

fn settings(agent: &AgentGroup) -> Value {
    json!({
        "name": agent.name, "provider": ProviderChoice(agent.provider), "model": agent.model,
        "image": agent.image, "memory_mib": agent.resources.memory_mib,
        "cpus": CpuMilli(agent.resources.cpu_milli), "pids": agent.resources.pids,
        "disk_gib": agent.resources.disk_gib,
        "trigger": trigger_of(&agent.name, agent.trigger.as_deref()),
        "admin_scope": agent.admin_scope.as_str(),
        "transcribe": Transcribe(agent.transcribe.clone()),
    })
}

/// The settings, and what follows from them and from the rest of the host.
pub(super) fn value(agent: &AgentGroup, store: &CentralStore) -> Result<Value> {
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let mut json = settings(agent);
    json["effective_provider"] = agent.effective_provider(has_credential).as_str().into();
    json["stopped_by"] = store.stops()?.of(&agent.name).map(|it| it.by.clone()).into();
    Ok(json)
}

/// `None` is `auto`. A type of its own: clap takes a plain `Option` for "not given".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderChoice(pub Option<Provider>);

impl ProviderChoice {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match (text, Provider::parse(text)) {
            ("auto", _) => Ok(Self(None)),
            (_, Some(provider)) => Ok(Self(Some(provider))),
            (_, None) => Err("choose `claude`, `demo` or `auto`"),
        }
    }
}

impl fmt::Display for ProviderChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.map_or("auto", Provider::as_str))
    }
}

domain::as_text!(ProviderChoice);

/// The longest command for speech: the card that asks an owner for it shows 300 characters of a line, which names the
/// former one too.
const TRANSCRIBE_CHARS_MAX: usize = 140;

/// A command that turns speech into text; `None` is `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcribe(Option<String>);

impl Transcribe {
    fn parse(text: &str) -> Result<Self, String> {
        let (text, file) = (text.trim(), FILE_PLACEHOLDER);
        if text == "none" {
            return Ok(Self(None));
        }
        if text.is_empty() {
            return Err("give a command, or `none` for no command".to_owned());
        }
        if !text.contains(file) {
            return Err(format!(
                "say where the recording goes with {file}, as in `transcribe {file}`"
            ));
        }
        if text.replace(file, "").chars().all(|c| matches!(c, '"' | '\'' | ' ')) {
            return Err(format!("name the program too, as in `transcribe {file}`"));
        }
        if let Some(other) = placeholders(text).find(|it| *it != file) {
            return Err(format!(
                "only {file} is filled in, and not {other}; if that is the shell's, write a space \
                 behind its bracket"
            ));
        }
        if text.contains(char::is_control) || text.chars().nth(TRANSCRIBE_CHARS_MAX).is_some() {
            return Err(format!(
                "give one line of at most {TRANSCRIBE_CHARS_MAX} characters; put more into a script in \
                 the agent's workspace, and name that"
            ));
        }
        Ok(Self(Some(text.to_owned())))
    }
}

/// What looks as if it were to be filled in: names in brackets. The shell's own variables are none.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| {
        let name = text[at + 1..].split_once('}')?.0;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        (is_name && !text[..at].ends_with('$')).then(|| &text[at..at + name.len() + 2])
    })
}

impl fmt::Display for Transcribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("none"))
    }
}

domain::as_text!(Transcribe);

/// A word that calls an agent; empty for its name.
fn trigger(text: &str) -> Result<String, String> {
    if text.chars().nth(TRIGGER_CHARS_MAX).is_some() {
        return Err(format!("choose at most {TRIGGER_CHARS_MAX} characters"));
    }
    if text.contains(char::is_control) {
        return Err("choose a word of one line".to_owned());
    }
    Ok(text.to_owned())
}

/// Thousandths of a processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuMilli(pub u32);

impl CpuMilli {
    /// Reads `2` or `1.5`, to thousandths.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let wrong = "write a number like `2` or `0.5`, at least 0.05";
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && whole.len() <= 4 && part.len() <= 3;
        if !fits || !digits(whole) || !digits(part) {
            return Err(wrong);
        }
        let milli: u32 = format!("{whole}{part:0<3}").parse().map_err(|_not_a_number| wrong)?;
        if milli < 50 { Err(wrong) } else { Ok(Self(milli)) }
    }
}

/// `1.5` for 1500.
impl fmt::Display for CpuMilli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

domain::as_text!(CpuMilli);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_to_thousandths() {
        for (text, milli) in [("2", 2000), ("1.5", 1500), ("0.05", 50), ("0.125", 125)] {
            assert_eq!(CpuMilli::parse(text), Ok(CpuMilli(milli)), "{text}");
            assert_eq!(CpuMilli(milli).to_string(), text);
        }
        assert_eq!(CpuMilli::parse("1."), Ok(CpuMilli(1000)));
        for text in ["", ".5", "-1", "1e3", "0", "0.01", "1.2345", "99999", "1,5"] {
            assert!(CpuMilli::parse(text).is_err(), "{text}");
        }
    }
}
