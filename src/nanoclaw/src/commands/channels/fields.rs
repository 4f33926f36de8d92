//! The fields of an account as they are typed and piped in, and whether a value can be one.

use std::collections::BTreeMap;

use channel::{ExposeSecret, Need, Registration, SecretString};
use vault::platform::check_field;

use crate::commands::vault::read_input;
use crate::error::{Hint, fail};

pub(super) type Values = BTreeMap<String, SecretString>;

/// Reads `api=http://127.0.0.1:8081`.
pub(super) fn parse_url(text: &str) -> Result<(String, String), String> {
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
pub(super) fn parse_account(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = !text.is_empty() && text.len() <= 32 && text.chars().all(plain);
    fits.then(|| text.to_owned()).ok_or_else(|| "take 1 to 32 letters, digits, `-`, `_`".to_owned())
}

pub(super) fn parse_field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as FIELD=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Lines of `FIELD=VALUE`, or a JSON object of texts.
fn parse_fields(input: &str) -> anyhow::Result<Vec<(String, String)>> {
    if input.trim_start().starts_with('{') {
        // The error of the parser could show a value.
        let parsed: Result<BTreeMap<String, String>, _> = serde_json::from_str(input);
        let parsed = parsed.map_err(|err| {
            let place = format!("line {}, column {}", err.line(), err.column());
            let what = format!("the JSON is not an object of texts ({place})");
            fail(what, "write it as {\"FIELD\": \"VALUE\"}")
        });
        return Ok(parsed?.into_iter().collect());
    }
    let lines = input.lines().enumerate().filter(|it| !it.1.trim().is_empty());
    let field = |(at, line): (usize, &str)| {
        let what = || format!("line {} of the standard input has no `=`", at + 1);
        parse_field(line).map_err(|_| fail(what(), "write each as FIELD=VALUE, or all as JSON"))
    };
    lines.map(field).collect()
}

/// What was mentioned; an empty value takes an optional field away.
pub(super) fn given(
    registration: &Registration,
    set: &[(String, String)],
    from_stdin: bool,
) -> anyhow::Result<Values> {
    let (channel, needs) = (registration.name, registration.needs);
    let find = |name: &str| needs.iter().find(|it| it.name == name);
    let mut all = set.to_vec();
    if let Some((name, _)) = all.iter().find(|it| find(&it.0).is_some_and(|it| it.is_secret)) {
        let hint = "pipe `FIELD=VALUE` in with --from-stdin: others can read arguments";
        return Err(fail(format!("{name} is a secret, which is not taken as an argument"), hint));
    }
    if from_stdin {
        all.extend(parse_fields(&read_input()?)?);
    }
    let mut values = Values::new();
    for (name, value) in all {
        let Some(need) = find(&name) else {
            let known: Vec<&str> = needs.iter().map(|it| it.name).collect();
            let known = known.join(", ");
            let hint = format!("it has {known}; see `nanoclaw channels fields {channel}`");
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
