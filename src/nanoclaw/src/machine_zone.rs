//! The time zone of this machine, as far as it tells: what `TZ` says, else `/etc/timezone`, else where
//! the link `/etc/localtime` leads.

use std::path::Path;

use schedule::Zone;

/// Where zones lie on every system; what follows is the name of one.
const ZONEINFO: &str = "zoneinfo/";

/// Reads it from the machine; `None` where it tells nothing that is known.
pub(crate) fn read() -> Option<Zone> {
    let name = std::fs::read_to_string("/etc/timezone").ok();
    let link = std::fs::read_link("/etc/localtime").ok();
    pick(std::env::var("TZ").ok().as_deref(), name.as_deref(), link.as_deref())
}

/// The first of the three that names a zone.
fn pick(tz: Option<&str>, name: Option<&str>, link: Option<&Path>) -> Option<Zone> {
    let link = link.and_then(Path::to_str).filter(|it| it.contains(ZONEINFO));
    [tz, name, link].into_iter().flatten().find_map(named)
}

/// `Europe/Berlin`, `:Europe/Berlin`, `/usr/share/zoneinfo/Europe/Berlin`. What `TZ` may say by
/// itself, like `CET-1CEST`, is no zone that anybody else would understand.
fn named(text: &str) -> Option<Zone> {
    let text = text.trim().trim_start_matches(':');
    let name = text.rsplit_once(ZONEINFO).map_or(text, |it| it.1);
    let name = name.strip_prefix("posix/").or(name.strip_prefix("right/")).unwrap_or(name);
    Zone::parse(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_names_a_zone_counts() {
        let link = Path::new("../usr/share/zoneinfo/Asia/Tokyo");
        type Case<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a Path>, Option<&'a str>);
        let cases: [Case<'_>; 8] = [
            (Some("Europe/Berlin"), Some("UTC\n"), Some(link), Some("Europe/Berlin")),
            (Some(":/usr/share/zoneinfo/Europe/Berlin"), None, None, Some("Europe/Berlin")),
            (Some(""), Some("America/New_York\n"), Some(link), Some("America/New_York")),
            (Some("CET-1CEST"), None, Some(link), Some("Asia/Tokyo")),
            (None, None, Some(link), Some("Asia/Tokyo")),
            (None, None, Some(Path::new("/usr/share/zoneinfo/Etc/UTC")), Some("Etc/UTC")),
            (None, None, Some(Path::new("/somewhere/Asia/Tokyo")), None),
            (None, None, None, None),
        ];
        for (tz, name, link, want) in cases {
            let found = pick(tz, name, link);
            assert_eq!(found.as_ref().map(Zone::name), want, "{tz:?} {name:?} {link:?}");
        }
    }
}
