//! What a chat wants told of an event, in the words of who reads it: `{workflow_run.name}: {status}`.

use serde_json::Value;

/// Of one value, so that the others are still shown.
const VALUE_BYTES_MAX: usize = 1024;

/// A template with the event's values in it: each `{path.to.0.value}` is what is there, or nothing.
pub(crate) fn filled(template: &str, value: &Value) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let path = after.split_once('}').filter(|it| is_path(it.0));
        rest = match path {
            Some((path, behind)) => {
                text += &shown(value.pointer(&format!("/{}", path.trim().replace('.', "/"))));
                behind
            }
            None => {
                text.push('{');
                after
            }
        };
    }
    text + rest
}

fn is_path(text: &str) -> bool {
    let text = text.trim();
    let plain = |it: char| it.is_alphanumeric() || matches!(it, '.' | '_' | '-' | '$' | '@' | ':');
    !text.is_empty() && text.chars().all(plain)
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let kept = text.floor_char_boundary(VALUE_BYTES_MAX);
    let more = if kept < text.len() { "…" } else { "" };
    format!("{}{more}", &text[..kept])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_path_is_what_the_event_has_there_or_nothing() {
        let value = json!({
            "repository": { "full_name": "acme/door" }, "runs": [{ "id": 7, "ok": false }],
            "none": null, "list": [1, 2],
        });
        for (template, want) in [
            ("{repository.full_name}: {runs.0.id}", "acme/door: 7"),
            ("{ runs.0.ok } {list}", "false [1,2]"),
            ("[{none}{missing.at.all}{runs.9.id}]", "[]"),
            ("as {it is}, {\"json\": 1} {} {", "as {it is}, {\"json\": 1} {} {"),
            ("{runs.0.id", "{runs.0.id"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(filled(template, &value), want, "{template}");
        }
    }

    #[test]
    fn a_value_is_not_a_template_and_a_long_one_is_cut() {
        let value = json!({ "a": "{b}", "b": "secret", "long": "ä".repeat(VALUE_BYTES_MAX) });
        assert_eq!(filled("{a}", &value), "{b}");
        let long = filled("{long}{b}", &value);
        assert!(long.ends_with("ä…secret") && long.len() < VALUE_BYTES_MAX + 20, "{long}");
    }
}
