//! How single words of an operation are read.

use clap::builder::PossibleValuesParser;
use domain::agent::Provider;
use domain::engage::TRIGGER_CHARS_MAX;

/// `None` is `auto`. A type of its own: clap takes a plain `Option` for "not given".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderChoice(pub Option<Provider>);

/// A word that calls an agent; empty for its name.
pub(crate) fn trigger(text: &str) -> Result<String, String> {
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

pub(crate) fn provider(text: &str) -> Result<ProviderChoice, String> {
    match text {
        "auto" => Ok(ProviderChoice(None)),
        text => Provider::parse(text)
            .map(|it| ProviderChoice(Some(it)))
            .ok_or_else(|| "choose `claude`, `demo` or `auto`".to_owned()),
    }
}

/// Reads `2` or `1.5`, to thousandths.
pub(crate) fn cpus(text: &str) -> Result<CpuMilli, String> {
    let wrong = || "write a number like `2` or `0.5`, at least 0.05".to_owned();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || 4 < whole.len() || 3 < part.len() || !digits(whole) || !digits(part) {
        return Err(wrong());
    }
    let milli: u32 = format!("{whole}{part:0<3}").parse().map_err(|_not_a_number| wrong())?;
    if milli < 50 { Err(wrong()) } else { Ok(CpuMilli(milli)) }
}

/// `1.5` for 1500.
pub(crate) fn cpus_text(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// One of a few words, listed in the help; turned into what it names.
pub(crate) fn parse_enum<T: Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = &'static str>,
    parse: fn(&str) -> Option<T>,
) -> impl clap::builder::TypedValueParser<Value = T> {
    use clap::builder::TypedValueParser;
    let unknown = || "is not one of the words".to_owned();
    PossibleValuesParser::new(words.into_iter().collect::<Vec<_>>())
        .try_map(move |it| parse(&it).ok_or_else(unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_read_to_thousandths() {
        for (text, milli) in
            [("2", 2000), ("1.5", 1500), ("0.05", 50), ("0.125", 125), ("1.", 1000)]
        {
            assert_eq!(cpus(text), Ok(CpuMilli(milli)), "{text}");
        }
        for text in ["", ".5", "-1", "1e3", "0", "0.01", "1.2345", "99999", "1,5"] {
            assert!(cpus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn processors_are_written_as_they_are_typed() {
        assert_eq!([2000, 1500, 50, 1125].map(cpus_text), ["2", "1.5", "0.05", "1.125"]);
    }
}
