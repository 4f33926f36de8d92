//! An operation as it is stored, in JSON, and as people read it: a line that [`crate::parse_line`]
//! reads back.

use std::fmt;

use clap::Command;
use domain::plain::shell_word;
use serde_json::{Map, Value};

use crate::Operation;
use crate::line::definition;
use crate::output::{Result, refused};

impl Operation {
    /// As it is stored until somebody agrees to it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_json`] gives, and nothing besides.
    ///
    /// # Errors
    /// When it is anything else, as after another version of this program wrote it.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|err| {
            refused(format!("the stored change cannot be read: {err}"), "ask for it again")
        })
    }

    /// The line of a stored operation, or why it cannot be read.
    #[must_use]
    pub fn line_of(json: &str) -> String {
        Self::from_json(json).map_or_else(|err| err.to_string(), |it| it.to_string())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (definition, mut values) = (definition(), Map::new());
        let (mut line, mut plain, mut options) = (Vec::new(), Vec::new(), Vec::new());
        let command = gather(&definition, &self.to_json(), &mut line, &mut values);
        for arg in command.get_arguments() {
            match (arg.get_long(), values.get(arg.get_id().as_str())) {
                (_, None | Some(Value::Null | Value::Bool(false))) => {}
                (Some(long), Some(Value::Bool(true))) => options.push(format!("--{long}")),
                (Some(long), Some(value)) => {
                    options.push(shell_word(&format!("--{long}={}", text(value))));
                }
                (None, Some(Value::Array(all))) => plain.extend(all.iter().map(text)),
                (None, Some(value)) => plain.push(text(value)),
            }
        }
        // Behind `--`, nothing is taken for an option.
        let is_odd = plain.iter().any(|it| it.starts_with('-'));
        let plain: Vec<String> = plain.iter().map(|it| shell_word(it)).collect();
        match is_odd {
            true => line.extend(options.into_iter().chain(["--".to_owned()]).chain(plain)),
            false => line.extend(plain.into_iter().chain(options)),
        }
        f.write_str(&line.join(" "))
    }
}

/// Follows the names of commands in an operation's JSON, and collects the values of the last one.
fn gather<'a>(
    command: &'a Command,
    json: &Value,
    line: &mut Vec<String>,
    values: &mut Map<String, Value>,
) -> &'a Command {
    let enter = |name: &str, line: &mut Vec<String>| {
        let found = command.find_subcommand(name);
        line.extend(found.map(|it| it.get_name().to_owned()));
        found
    };
    if let Some(found) = json.as_str().and_then(|name| enter(name, line)) {
        return found;
    }
    let mut last = command;
    for (name, value) in json.as_object().into_iter().flatten() {
        if let Some(found) = enter(name, line) {
            last = gather(found, value, line, values);
        } else if value.is_object() || name == "operation" {
            last = gather(command, value, line, values);
        } else {
            values.insert(name.clone(), value.clone());
        }
    }
    last
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
