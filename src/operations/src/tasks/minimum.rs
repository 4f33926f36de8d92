//! How often a task may come at most.

use std::time::Duration;

use domain::AgentName;
use domain::agent::{MODEL_CREDENTIAL, Provider};
use domain::task::{parse_span, span};
use serde_json::json;
use store::{CentralStore, StoreError};

use crate::output::{Output, Result, refused};

/// The setting that holds it, as a span; empty or absent for what follows from the provider.
const SETTING: &str = "tasks.minimum";
/// Each time costs a turn of a model.
const WITH_MODEL: Duration = Duration::from_secs(5 * 60);
const WITHOUT_MODEL: Duration = Duration::from_secs(60);
/// A rule that comes each second would leave no time for anything else.
const LEAST: Duration = Duration::from_secs(10);

/// The least distance between two times of a task of this agent.
pub(super) fn least(store: &CentralStore, agent: &AgentName) -> Result<Duration, StoreError> {
    if let Some(set) = setting(store)? {
        return Ok(set);
    }
    let has_credential = store.secret(MODEL_CREDENTIAL)?.is_some();
    let provider = store.agent(agent)?.map(|it| it.effective_provider(has_credential));
    Ok(match provider {
        Some(Provider::Demo) => WITHOUT_MODEL,
        Some(Provider::Claude) | None => WITH_MODEL,
    })
}

fn setting(store: &CentralStore) -> Result<Option<Duration>, StoreError> {
    Ok(store.setting(SETTING)?.and_then(|it| parse_span(&it)))
}

/// Shows it, or sets it.
pub(super) fn perform(to: Option<&str>, store: &CentralStore) -> Result {
    let before = setting(store)?;
    let word = |it: Option<Duration>| it.map_or_else(|| "default".to_owned(), span);
    let Some(to) = to else { return Ok(told(before)) };
    let new = match to.trim() {
        "default" => None,
        text => Some(parse_span(text).filter(|it| LEAST <= *it).ok_or_else(|| {
            refused(
                format!("`{text}` is no span that a task can have"),
                format!("say something like 90s, 5m or 1h, at least {}, or `default`", span(LEAST)),
            )
        })?),
    };
    store.set_setting(SETTING, &new.map_or_else(String::new, span))?;
    Ok(told(new).hint(format!("undo with `nanoclaw tasks minimum {}`", word(before))))
}

fn told(minimum: Option<Duration>) -> Output {
    let text = match minimum {
        Some(minimum) => format!("two times of a task are at least {} apart", span(minimum)),
        None => format!(
            "two times of a task are at least {} apart, {} without a model (the default)",
            span(WITH_MODEL),
            span(WITHOUT_MODEL)
        ),
    };
    Output::new(text, json!({ "minimum": minimum.map(span) }))
}
