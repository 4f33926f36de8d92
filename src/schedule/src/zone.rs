//! Time zones by their names in the IANA database, which is compiled in.

use std::fmt;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use strsim::levenshtein;

/// How many names are offered for one that is unknown.
const NEAR_MAX: usize = 3;
/// From how many wrong letters on a name is no typing error any more.
const TYPOS_MAX: usize = 3;
/// Longer than any name of a zone; what is longer still is not compared with each.
const NAME_BYTES_MAX: usize = 64;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// There is no such zone. The text says which ones were perhaps meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{name}`; {}", hint(.near))]
pub struct UnknownZone {
    pub name: String,
    /// The nearest names, the best first.
    pub near: Vec<String>,
}

impl Zone {
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Finds a zone by its name, in upper or lower case, with spaces or underscores.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let asked = name.trim().replace(' ', "_");
        if asked.eq_ignore_ascii_case("utc") {
            return Ok(Self::utc());
        }
        // The database has an entry that stands for "not known".
        let known = !asked.eq_ignore_ascii_case("etc/unknown");
        match ZONES.get(&asked).ok().filter(|_| known) {
            Some(zone) => Ok(Self(zone)),
            None => Err(UnknownZone { name: name.trim().to_owned(), near: near(&asked) }),
        }
    }

    /// As [`Self::parse`]; the last part of a name, which is mostly a city, is enough where only one zone has it.
    pub fn find(text: &str) -> Result<Self, UnknownZone> {
        let asked = text.trim().replace(' ', "_");
        let is_there =
            |name: &str| name.rsplit_once('/').is_some_and(|it| it.1.eq_ignore_ascii_case(&asked));
        Self::parse(text).or_else(|unknown| {
            let names: Vec<String> = names().filter(|it| is_there(it)).collect();
            match names.as_slice() {
                [] => Err(unknown),
                [one] => Self::parse(one),
                _ => {
                    Err(UnknownZone { near: names.into_iter().take(NEAR_MAX).collect(), ..unknown })
                }
            }
        })
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    pub(crate) fn rules(&self) -> &TimeZone {
        &self.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

domain::as_text!(Zone);

fn hint(near: &[String]) -> String {
    if near.is_empty() {
        return "zones are called like `Europe/Berlin` or `America/New_York`".to_owned();
    }
    let names: Vec<String> = near.iter().map(|it| format!("`{it}`")).collect();
    format!("did you mean {}?", names.join(" or "))
}

fn names() -> impl Iterator<Item = String> {
    ZONES.available().map(|it| it.as_str().to_owned())
}

/// Names that resemble this one, as a whole or in their last part (the city).
fn near(asked: &str) -> Vec<String> {
    if NAME_BYTES_MAX < asked.len() {
        return vec![];
    }
    let asked = asked.to_ascii_lowercase();
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let mut found: Vec<(usize, String)> = names()
        .filter_map(|name| {
            let lower = name.to_ascii_lowercase();
            let by_city =
                levenshtein(&city(&asked), &city(&lower)) + usize::from(asked.contains('/'));
            let typos = levenshtein(&asked, &lower).min(by_city);
            let plausible = typos <= TYPOS_MAX && typos * 2 < asked.len();
            plausible.then_some((typos, name))
        })
        .collect();
    found.sort();
    found.into_iter().take(NEAR_MAX).map(|it| it.1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_in_any_case() {
        for text in ["Europe/Berlin", " europe/berlin ", "EUROPE/BERLIN"] {
            assert_eq!(Zone::parse(text).unwrap().name(), "Europe/Berlin");
        }
        assert_eq!(Zone::parse("america/new york").unwrap().name(), "America/New_York");
        assert_eq!(Zone::parse("utc").unwrap(), Zone::utc());
        assert_eq!(Zone::utc().name(), "UTC");
    }

    #[test]
    fn a_city_is_enough_where_it_is_the_only_one() {
        for (text, name) in [
            ("berlin", "Europe/Berlin"),
            ("New York", "America/New_York"),
            ("europe/berlin", "Europe/Berlin"),
            ("utc", "UTC"),
        ] {
            assert_eq!(Zone::find(text).unwrap().name(), name);
        }
        let several = Zone::find("Indianapolis").unwrap_err();
        assert!(several.near.iter().any(|it| it == "America/Indiana/Indianapolis"), "{several}");
        assert_eq!(Zone::find("berln").unwrap_err().near[0], "Europe/Berlin");
        assert!(Zone::find("").is_err());
    }

    #[test]
    fn a_typing_error_gets_the_nearest_names() {
        let near = |text: &str| Zone::parse(text).unwrap_err().near;
        assert_eq!(near("Europe/Berln")[0], "Europe/Berlin");
        assert_eq!(near("berlin")[0], "Europe/Berlin");
        assert_eq!(near("Kolkatta")[0], "Asia/Kolkata");
        assert_eq!(near("America/NewYork")[0], "America/New_York");
        assert_eq!(near("xyzzyxyzzy"), Vec::<String>::new());
        assert_eq!(near(&"x".repeat(10_000)), Vec::<String>::new());
        for bad in ["", "../../etc/passwd", "Etc/Unknown"] {
            assert!(Zone::parse(bad).is_err(), "{bad}");
        }
        let text = Zone::parse("Europe/Berln").unwrap_err().to_string();
        assert!(
            text.starts_with("there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`")
        );
    }
}
