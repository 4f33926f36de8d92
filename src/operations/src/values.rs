//! How single words of an operation are read.

use std::fmt;

use clap::builder::PossibleValuesParser;
use domain::agent::Provider;
use domain::engage::TRIGGER_CHARS_MAX;

/// `None` is `auto`. A type of its own: clap takes a plain `Option` for "not given".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderChoice(pub Option<Provider>);

impl ProviderChoice {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
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

impl CpuMilli {
    /// Reads `2` or `1.5`, to thousandths.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
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

/// One of a few words, listed in the help; turned into what it names.
pub(crate) fn parse_enum<T: Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = &'static str>,
    parse: fn(&str) -> Option<T>,
) -> impl clap::builder::TypedValueParser<Value = T> {
    use clap::builder::TypedValueParser;
    PossibleValuesParser::new(words.into_iter().collect::<Vec<_>>())
        .try_map(move |it| parse(&it).ok_or("is not one of the words"))
}

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
