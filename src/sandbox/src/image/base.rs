//! The image that the agent image is built on.
//!
//! Taken from where it is cheapest: the one the caller names; one that was made here before;
//! Debian's own, if it is there or a registry answers; else one made from the packages of this very
//! system, which needs nothing but what the host can do anyway.
//!
//! Invariant: what was made here is made again only when the list of packages or the recipe changed.

mod make;

use std::path::PathBuf;
use std::time::Duration;

use bollard::query_parameters as q;

use super::progress::follow_create;
use super::{ImageError, Progress, hash_of, image_id};
use crate::engine::{ASK_MAX, Engine, failed, status, within};

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

/// What the base shall be.
#[derive(Clone, Debug)]
pub struct BaseInputs {
    /// Only this one will do.
    pub image: Option<String>,
    /// Packages beside the usual ones, in case the base is made here.
    pub extra: Vec<String>,
    /// For a temporary file of some 200 MB.
    pub cache: PathBuf,
}

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub name: String,
    pub id: String,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was on this machine.
    Found,
    Pulled,
    /// Made here, from this system's packages and so with its libc.
    Made,
}

/// Finds, pulls or makes the base.
///
/// # Errors
/// See [`ImageError`].
pub async fn ensure(
    engine: &Engine,
    inputs: &BaseInputs,
    progress: Progress<'_>,
) -> Result<Base, ImageError> {
    let made = format!("{MADE}:{}", make::release().await?.unwrap_or_else(|| "none".to_owned()));
    let named = inputs.image.as_deref();
    if named.is_none_or(|name| name == made)
        && recipe_of(engine, &made).await?.as_deref() == Some(&recipe(&inputs.extra))
    {
        return found(engine, &made, Origin::Made).await;
    }
    let wanted = named.unwrap_or(DEBIAN);
    if image_id(engine, wanted).await?.is_some() {
        return found(engine, wanted, Origin::Found).await;
    }
    progress(&format!("fetching the image {wanted}"));
    if pull(engine, wanted).await? {
        return found(engine, wanted, Origin::Pulled).await;
    }
    if named.is_some_and(|name| name != DEBIAN && name != made) {
        return Err(ImageError::NoBase(wanted.to_owned()));
    }
    progress("no registry answers: making a base image from this system's packages (a minute)");
    make::make(engine, &made, inputs).await?;
    found(engine, &made, Origin::Made).await
}

async fn found(engine: &Engine, name: &str, origin: Origin) -> Result<Base, ImageError> {
    let id = image_id(engine, name).await?;
    let id = id.ok_or_else(|| ImageError::NoBase(name.to_owned()))?;
    Ok(Base { name: name.to_owned(), id, origin })
}

/// Whether it could be had. That a registry refuses or does not answer is no error here.
async fn pull(engine: &Engine, image: &str) -> Result<bool, ImageError> {
    let (name, tag) = split_tag(image);
    let client = engine.client().await?;
    let options = q::CreateImageOptionsBuilder::new().from_image(name).tag(tag).build();
    let pulled = follow_create(client.create_image(Some(options), None, None));
    Ok(within(PULL_MAX, pulled).await.is_ok())
}

/// `name:tag`, where a colon before a slash belongs to a port. Without a tag: the latest.
fn split_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

/// Tells whether a base that was made here is still what would be made now.
fn recipe(extra: &[String]) -> String {
    hash_of([RECIPE, &packages(extra)])
}

fn packages(extra: &[String]) -> String {
    let all: Vec<_> = PACKAGES.into_iter().chain(extra.iter().map(String::as_str)).collect();
    all.join(",")
}

async fn recipe_of(engine: &Engine, name: &str) -> Result<Option<String>, ImageError> {
    let client = engine.client().await?;
    match within(ASK_MAX, client.inspect_image(name)).await {
        Ok(image) => {
            Ok(image.config.and_then(|it| it.labels).and_then(|mut it| it.remove(LABEL_RECIPE)))
        }
        Err(err) if status(&err) == Some(404) => Ok(None),
        Err(err) => Err(failed("inspect the image")(err).into()),
    }
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
        assert_ne!(recipe(&[]), recipe(&["nodejs".to_owned()]));
    }
}
