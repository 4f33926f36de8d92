//! Where this system gets its packages from, as its own package tool is set up.
//!
//! No mirror is named in this program: an image is made from wherever the host's own packages come
//! from.

use std::path::PathBuf;

use super::ImageError;
use super::command::blocking;

const OP: &str = "prepare the base image";

/// The keys of the distributions themselves. Sources signed by others bring foreign packages.
const OWN_KEYS: [&str; 2] = ["debian-archive-keyring", "ubuntu-archive-keyring"];

/// This system's release name, like `bookworm`; `None` where packages are not Debian's.
pub(super) async fn release() -> Result<Option<String>, ImageError> {
    let text = blocking(OP, || Ok(std::fs::read_to_string("/etc/os-release").unwrap_or_default()));
    Ok(codename(&text.await?))
}

fn codename(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|it| it.strip_prefix("VERSION_CODENAME="))?;
    let name = value.trim().trim_matches('"').to_owned();
    (!name.is_empty()).then_some(name)
}

/// Those of this system for a release; see [`of_release`].
pub(super) async fn of_this_system(suite: String) -> Result<Vec<String>, ImageError> {
    blocking(OP, move || {
        let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
        if let Ok(folder) = std::fs::read_dir("/etc/apt/sources.list.d") {
            files.extend(folder.filter_map(|it| Some(it.ok()?.path())));
        }
        files.sort();
        let read = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).ok()?;
            match path.extension()?.to_str()? {
                "list" => Some(of_release(lines(&text), &suite)),
                "sources" => Some(of_release(paragraphs(&text), &suite)),
                _ => None,
            }
        };
        Ok(files.into_iter().filter_map(read).flatten().collect())
    })
    .await
}

/// Those that belong to the release `suite` itself: the release, its updates and its security fixes, each
/// as one line in the form of [`lines`].
fn of_release(sources: Vec<Source>, suite: &str) -> Vec<String> {
    let wanted = [suite.to_owned(), format!("{suite}-updates"), format!("{suite}-security")];
    let is_own = |key: &String| OWN_KEYS.iter().any(|it| key.contains(it));
    let ours = |source: &Source| {
        source.signed_by.as_ref().is_none_or(is_own)
            && wanted.contains(&source.suite)
            && source.components.contains("main")
    };
    let line = |Source { uri, suite, components, signed_by }| {
        let signed = signed_by.map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
        format!("deb {signed}{uri} {suite} {components}")
    };
    sources.into_iter().filter(ours).map(line).collect()
}

#[derive(Debug)]
struct Source {
    uri: String,
    suite: String,
    components: String,
    signed_by: Option<String>,
}

/// Reads a `*.list`: one line per source.
fn lines(text: &str) -> Vec<Source> {
    text.lines().filter_map(line).collect()
}

/// `deb [signed-by=KEY arch=A] URI SUITE COMPONENT...`
fn line(text: &str) -> Option<Source> {
    let text = text.split('#').next()?.trim();
    let rest = text.strip_prefix("deb ")?.trim();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let signed_by = options.split_whitespace().find_map(|it| it.strip_prefix("signed-by="));
    Some(Source {
        uri: words.next()?.to_owned(),
        suite: words.next()?.to_owned(),
        components: words.collect::<Vec<_>>().join(" "),
        signed_by: signed_by.map(str::to_owned),
    })
}

/// Reads a `*.sources`: paragraphs of fields.
fn paragraphs(text: &str) -> Vec<Source> {
    // Comments may stand within a paragraph.
    let lines: Vec<_> = text.lines().filter(|it| !it.starts_with('#')).collect();
    lines.split(|it| it.trim().is_empty()).flat_map(paragraph).collect()
}

/// One paragraph names several addresses and suites; each pair of them is a source.
fn paragraph(lines: &[&str]) -> Vec<Source> {
    let field = |name: &str| {
        let (_, value) = lines
            .iter()
            .filter_map(|it| it.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    };
    let words = |name| field(name).unwrap_or_default().split_whitespace();
    if !words("Types").any(|it| it == "deb") || field("Enabled") == Some("no") {
        return Vec::new();
    }
    let source = |uri: &str, suite: &str| Source {
        uri: uri.to_owned(),
        suite: suite.to_owned(),
        components: words("Components").collect::<Vec<_>>().join(" "),
        // A key may stand in the field itself, over several lines; only a file can be passed on.
        signed_by: field("Signed-By").map(str::to_owned),
    };
    words("URIs").flat_map(|uri| words("Suites").map(move |suite| source(uri, suite))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_read() {
        let text = "Types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\n\
            Suites: trixie trixie-updates trixie-backports\nComponents: main contrib\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
            Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: trixie\nComponents: main\n";
        let key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
        assert_eq!(
            of_release(paragraphs(text), "trixie"),
            [
                format!("deb {key} http://mirror.example/debian trixie main contrib"),
                format!("deb {key} http://mirror.example/debian trixie-updates main contrib"),
            ]
        );
    }

    #[test]
    fn lines_are_read() {
        let text = "# deb http://old.example bookworm main\n\
            deb-src http://mirror.example/debian bookworm main\n\
            deb http://mirror.example/debian bookworm main # note\n\
            deb [arch=amd64] http://mirror.example/sec bookworm-security main\n";
        assert_eq!(
            of_release(lines(text), "bookworm"),
            [
                "deb http://mirror.example/debian bookworm main",
                "deb http://mirror.example/sec bookworm-security main"
            ]
        );
    }

    #[test]
    fn foreign_sources_are_left_out() {
        let text = "deb [signed-by=/etc/apt/keyrings/other.asc] http://a.example bookworm main\n\
            deb http://b.example bookworm-pgdg main\ndeb http://c.example bookworm stable\nbroken\n";
        assert_eq!(of_release(lines(text), "bookworm"), [""; 0]);
    }

    #[test]
    fn the_release_is_read() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n"), Some("bookworm".into()));
        assert_eq!(codename("VERSION_CODENAME=\"noble\"\n"), Some("noble".into()));
        assert_eq!(codename("ID=arch\n"), None);
    }
}
