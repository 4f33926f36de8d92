//! The time zone of this machine: what `TZ` says, else what the system is set to.

use schedule::Zone;

/// `None` where the machine tells nothing that is known.
pub(crate) fn read() -> Option<Zone> {
    let set = std::env::var("TZ").ok();
    named(set.as_deref()).or_else(|| named(iana_time_zone::get_timezone().ok().as_deref()))
}

/// `Europe/Berlin`, `:Europe/Berlin`, `/usr/share/zoneinfo/Europe/Berlin`. What `TZ` may hold
/// without a name, like `CET-1CEST`, is no zone that anybody else would understand.
fn named(text: Option<&str>) -> Option<Zone> {
    let text = text?.trim().trim_start_matches(':');
    Zone::parse(text.rsplit_once("zoneinfo/").map_or(text, |it| it.1)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_variable_says_is_a_zone_or_nothing() {
        for (text, want) in [
            ("Europe/Berlin", Some("Europe/Berlin")),
            (":/usr/share/zoneinfo/Europe/Berlin", Some("Europe/Berlin")),
            ("America/New_York\n", Some("America/New_York")),
            ("", None),
            ("CET-1CEST", None),
            ("/somewhere/Asia/Tokyo", None),
        ] {
            assert_eq!(named(Some(text)).as_ref().map(Zone::name), want, "{text:?}");
        }
        assert_eq!(named(None), None);
    }
}
