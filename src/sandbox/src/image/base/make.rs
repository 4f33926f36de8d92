//! Makes a base image out of the packages of this very system.
//!
//! Invariants
//! - Nothing of this host stays in the image: no mirror, host name, resolver or log.
//! - Only a whole tree becomes an image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::body_try_stream;
use bollard::query_parameters as q;
use futures_util::TryStreamExt;
use futures_util::future::{join, ready};

use super::super::ImageError;
use super::super::command::{blocking, find, run, temporary};
use super::super::pipe::pipe;
use super::super::sources::{lines, of_release, paragraphs};
use super::{LABEL_RECIPE, packages, recipe, split_tag};
use crate::engine::{Engine, failed, within};

/// Takes 40 to 60 s; a browser adds 400 MB of packages.
const MAKE_MAX: Duration = Duration::from_secs(20 * 60);
/// Takes 3 s.
const IMPORT_MAX: Duration = Duration::from_secs(5 * 60);

const OP: &str = "prepare the base image";

pub(super) async fn make(
    engine: &Engine,
    name: &str,
    extra: &[&str],
    cache: &Path,
) -> Result<(), ImageError> {
    let Some(suite) = release().await? else { return Err(ImageError::NoSources) };
    let sources = host_sources(suite.clone()).await?;
    if sources.is_empty() {
        return Err(ImageError::NoSources);
    }
    let folder = temporary(cache.to_owned()).await?;
    bootstrap(folder.path(), &suite, &sources, &packages(extra)).await?;
    import(engine, &folder.path().join(TREE), name, &recipe(extra)).await
}

const TREE: &str = "tree.tar";

/// Removes from the tree (`$1`) all that tells of this host, and what only takes space.
const SCRUB: &str = "rm -rf \"$1\"/etc/apt/sources.list \"$1\"/etc/apt/sources.list.d/* \
    \"$1\"/var/lib/apt/lists/* \"$1\"/var/cache/apt/* \"$1\"/etc/hosts \"$1\"/etc/resolv.conf \
    \"$1\"/etc/hostname \"$1\"/etc/machine-id \"$1\"/var/log/*";

async fn bootstrap(
    folder: &Path,
    suite: &str,
    sources: &[String],
    packages: &str,
) -> Result<(), ImageError> {
    if find("mmdebstrap").is_none() {
        return Err(ImageError::ToolMissing("mmdebstrap"));
    }
    let tree = folder.join(TREE).to_string_lossy().into_owned();
    let include = format!("--include={packages}");
    let scrub = format!("--customize-hook={SCRUB}");
    let mut args = vec![
        "--quiet",
        "--variant=minbase",
        &include,
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        &scrub,
        suite,
        &tree,
    ];
    args.extend(sources.iter().map(String::as_str));
    if rustix::process::geteuid().is_root() {
        return run("mmdebstrap", &args, folder, MAKE_MAX).await.map(drop);
    }
    // Asking for a password is the setup's business; nobody sits here.
    let allowed = run("sudo", &["-n", "true"], folder, MAKE_MAX).await;
    allowed.map_err(|_| ImageError::NeedsRoot)?;
    args.splice(0..0, ["-n", "mmdebstrap"]);
    run("sudo", &args, folder, MAKE_MAX).await.map(drop)
}

/// Only a whole tree becomes an image: the tool has ended well, and a read error breaks the upload.
async fn import(engine: &Engine, tree: &Path, name: &str, recipe: &str) -> Result<(), ImageError> {
    let (repo, tag) = split_tag(name);
    let changes = vec![format!("LABEL {LABEL_RECIPE}={recipe}"), "CMD [\"/bin/bash\"]".to_owned()];
    let options = q::CreateImageOptionsBuilder::new().from_src("-").repo(repo).tag(tag);
    let options = options.changes(changes).build();
    let tree = tree.to_owned();
    let (body, writing) = pipe(move |out| {
        std::io::copy(&mut std::fs::File::open(tree)?, out)?;
        Ok(())
    });
    let client = engine.client().await?;
    let request = client.create_image(Some(options), Some(body_try_stream(body)), None);
    let importing = within(IMPORT_MAX, request.try_for_each(|_| ready(Ok(()))));
    let (imported, written) = join(importing, writing).await;
    imported.map_err(failed("import the base image"))?;
    written
}

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

async fn host_sources(suite: String) -> Result<Vec<String>, ImageError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read() {
        assert_eq!(codename("ID=debian\nVERSION_CODENAME=bookworm\n"), Some("bookworm".into()));
        assert_eq!(codename("VERSION_CODENAME=\"noble\"\n"), Some("noble".into()));
        assert_eq!(codename("ID=arch\n"), None);
    }
}
