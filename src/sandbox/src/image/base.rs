//! The image that the agent image is built on.
//!
//! Taken from where it is cheapest: the one the caller names; one that was made here before;
//! Debian's own, if it is there or a registry answers; else one made from the packages of this very
//! system, which needs nothing but what the host can do anyway.
//!
//! Invariants
//! - What was made here is made again only when the list of packages or the recipe changed.
//! - Nothing of this host stays in an image that was made: no mirror, host name, resolver or log.
//! - Only a whole tree becomes an image.

use std::path::Path;
use std::time::Duration;

use bollard::body_try_stream;
use bollard::query_parameters as q;
use futures_util::TryStreamExt;
use futures_util::future::{join, ready};

use super::command::{find, run, temporary};
use super::context::pipe;
use super::sources::{of_this_system, release};
use super::{ImageError, Progress, hash_of, inspected};
use crate::engine::{Engine, failed, within};

/// What the Dockerfile builds on when nothing else is said: small, and the libc that most hosts'
/// programs can rely on.
pub const DEBIAN: &str = "debian:bookworm-slim";

/// The name of bases made here, with the release as tag.
const MADE: &str = "nanoclaw-base";
const LABEL_RECIPE: &str = "nanoclaw.recipe";

/// Goes up when [`make`] itself changes.
const RECIPE: &str = "1";

/// What agents are promised to find; the Dockerfile installs the same where it is missing.
const PACKAGES: [&str; 6] =
    ["ca-certificates", "git", "curl", "ripgrep", "python3", "poppler-utils"];

/// A registry that answers sends 30 MB in this time; one that is blocked often just hangs.
const PULL_MAX: Duration = Duration::from_secs(60);

/// Takes 40 to 60 s; a browser adds 400 MB of packages.
const MAKE_MAX: Duration = Duration::from_secs(20 * 60);
/// Takes 3 s.
const IMPORT_MAX: Duration = Duration::from_secs(5 * 60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub name: String,
    pub id: String,
    /// Made here, from this system's packages and so with its libc.
    pub is_made: bool,
}

/// Finds, pulls or makes the base. Only `image` will do, if one is given. `extra` are packages beside
/// the usual ones in case it is made here, and `cache` has room for a temporary file of some 200 MB.
pub async fn ensure(
    engine: &Engine,
    image: Option<&str>,
    extra: &[&str],
    cache: &Path,
    progress: Progress<'_>,
) -> Result<Base, ImageError> {
    let made = format!("{MADE}:{}", release().await?.unwrap_or_else(|| "none".to_owned()));
    let earlier = inspected(engine, &made).await?;
    let made_by = earlier.and_then(|it| it.config?.labels?.remove(LABEL_RECIPE));
    if image.is_none_or(|name| name == made) && made_by == Some(recipe(extra)) {
        return found(engine, &made, true).await;
    }
    let wanted = image.unwrap_or(DEBIAN);
    if inspected(engine, wanted).await?.is_none() {
        progress(&format!("fetching the image {wanted}"));
        if !pull(engine, wanted).await? {
            if image.is_some_and(|name| name != DEBIAN && name != made) {
                return Err(no_base(wanted));
            }
            progress(
                "no registry answers: making a base image from this system's packages (a minute)",
            );
            make(engine, &made, extra, cache).await?;
            return found(engine, &made, true).await;
        }
    }
    found(engine, wanted, false).await
}

async fn found(engine: &Engine, name: &str, is_made: bool) -> Result<Base, ImageError> {
    let id = inspected(engine, name).await?.and_then(|it| it.id);
    Ok(Base { name: name.to_owned(), id: id.ok_or_else(|| no_base(name))?, is_made })
}

fn no_base(image: &str) -> ImageError {
    let what = format!("the base image `{image}` is not there and cannot be fetched");
    ImageError::Missing(what, "give an image that exists, or none")
}

/// Whether it could be had. That a registry refuses or does not answer is no error here.
async fn pull(engine: &Engine, image: &str) -> Result<bool, ImageError> {
    let (name, tag) = split_tag(image);
    let client = engine.client().await?;
    let options = q::CreateImageOptionsBuilder::new().from_image(name).tag(tag).build();
    let pulled = client.create_image(Some(options), None, None);
    Ok(within(PULL_MAX, pulled.try_for_each(|_| ready(Ok(())))).await.is_ok())
}

/// `name:tag`, where a colon before a slash belongs to a port. Without a tag: the latest.
fn split_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Tells whether a base that was made here is still what would be made now.
fn recipe(extra: &[&str]) -> String {
    hash_of([RECIPE, &packages(extra)])
}

fn packages(extra: &[&str]) -> String {
    [&PACKAGES[..], extra].concat().join(",")
}

/// Makes a base out of the packages of this very system.
async fn make(engine: &Engine, name: &str, extra: &[&str], cache: &Path) -> Result<(), ImageError> {
    let suite = release().await?.unwrap_or_default();
    let sources = of_this_system(suite.clone()).await?;
    if suite.is_empty() || sources.is_empty() {
        return Err(ImageError::Missing(
            "this system's package sources are not known".to_owned(),
            "pull `debian:bookworm-slim` where a registry can be reached, then try again",
        ));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(split_tag("debian:bookworm-slim"), ("debian", "bookworm-slim"));
        assert_eq!(split_tag("local:5000/x"), ("local:5000/x", "latest"));
        assert_eq!(split_tag("local:5000/x:1"), ("local:5000/x", "1"));
    }

    #[test]
    fn further_packages_change_the_recipe() {
        assert_ne!(recipe(&[]), recipe(&["nodejs"]));
    }
}
