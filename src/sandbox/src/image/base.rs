//! The image that the agent image is built on.
//!
//! Taken from where it is cheapest: the one the caller names; one that was made here before;
//! Debian's own, if it is there or a registry answers; else one made from the packages of this very
//! system, which needs nothing but what the host can do anyway.
//!
//! Invariant: what was made here is made again only when the list of packages or the recipe changed.

mod make;

use std::path::Path;
use std::time::Duration;

use bollard::query_parameters as q;
use futures_util::TryStreamExt;
use futures_util::future::ready;

use super::{ImageError, Progress, hash_of, inspected};
use crate::engine::{Engine, within};

/// What the Dockerfile builds on when nothing else is said: small, and the libc that most hosts'
/// programs can rely on.
pub const DEBIAN: &str = "debian:bookworm-slim";

/// The name of bases made here, with the release as tag.
const MADE: &str = "nanoclaw-base";
const LABEL_RECIPE: &str = "nanoclaw.recipe";

/// Goes up when [`make`] itself changes.
const RECIPE: &str = "1";

/// What agents are promised to find; the Dockerfile installs the same where it is missing.
const PACKAGES: [&str; 5] = ["ca-certificates", "git", "curl", "ripgrep", "python3"];

/// A registry that answers sends 30 MB in this time; one that is blocked often just hangs.
const PULL_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub name: String,
    pub id: String,
    /// Made here, from this system's packages and so with its libc.
    pub is_made: bool,
}

/// Finds, pulls or makes the base. Only `image` will do, if one is given. `extra` are packages beside
/// the usual ones in case it is made here, and `cache` has room for a temporary file of some 200 MB.
/// See [`ImageError`].
pub async fn ensure(
    engine: &Engine,
    image: Option<&str>,
    extra: &[&str],
    cache: &Path,
    progress: Progress<'_>,
) -> Result<Base, ImageError> {
    let made = format!("{MADE}:{}", make::release().await?.unwrap_or_else(|| "none".to_owned()));
    if image.is_none_or(|name| name == made)
        && recipe_of(engine, &made).await?.as_deref() == Some(&recipe(extra))
    {
        return found(engine, &made, true).await;
    }
    let wanted = image.unwrap_or(DEBIAN);
    if inspected(engine, wanted).await?.is_none() {
        progress(&format!("fetching the image {wanted}"));
        if !pull(engine, wanted).await? {
            if image.is_some_and(|name| name != DEBIAN && name != made) {
                return Err(ImageError::NoBase(wanted.to_owned()));
            }
            progress(
                "no registry answers: making a base image from this system's packages (a minute)",
            );
            make::make(engine, &made, extra, cache).await?;
            return found(engine, &made, true).await;
        }
    }
    found(engine, wanted, false).await
}

async fn found(engine: &Engine, name: &str, is_made: bool) -> Result<Base, ImageError> {
    let id = inspected(engine, name).await?.and_then(|it| it.id);
    let id = id.ok_or_else(|| ImageError::NoBase(name.to_owned()))?;
    Ok(Base { name: name.to_owned(), id, is_made })
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

async fn recipe_of(engine: &Engine, name: &str) -> Result<Option<String>, ImageError> {
    let labels = inspected(engine, name).await?.and_then(|it| it.config?.labels);
    Ok(labels.and_then(|mut it| it.remove(LABEL_RECIPE)))
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
