//! The agent runner as a program that runs in the image.
//!
//! A program that was built on this host runs in the image if the image's libc is not older. Where
//! it is, or where this host is no Linux, the runner is built in a container.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters as q;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::base::{Base, Origin};
use super::cli::sha256_of;
use super::command::Tool;
use super::{BuildRequest, Context, ImageError, Progress, build_context, hex};
use crate::engine::{ASK_MAX, Engine, failed, within};

/// Major and minor version of a GNU libc.
pub type Libc = (u32, u32);

/// What [`super::base::DEBIAN`] has. An image that the user chose is taken to be no older.
const BOOKWORM: Libc = (2, 36);

/// What of the sources a build reads. Named one by one: beside them may lie data and secrets.
const SOURCE_FILES: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
const SOURCE_FOLDERS: [&str; 6] = ["src", "actors", "container", "tests", "migrations", "skills"];

/// Where the builder leaves the program.
const BUILT: &str = "/agent-runner";

/// Some megabytes from a local engine.
const COPY_MAX: Duration = Duration::from_secs(60);

/// Where a runner can come from.
#[derive(Clone, Debug)]
pub struct RunnerInputs {
    /// The program that was built on this host.
    pub binary: PathBuf,
    /// The sources, for a build in a container.
    pub workspace: PathBuf,
    /// The text of `container/builder.Dockerfile`.
    pub builder_dockerfile: String,
}

/// A runner that fits the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    pub path: PathBuf,
    /// Hex.
    pub sha256: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Take the program that was built on this host.
    Take,
    /// Build one in a container.
    Build,
}

/// Decides by the libcs of the host (`None`: it has another, or is no Linux) and of the image, and
/// by whether both have the same processor.
#[must_use]
pub fn plan(host: Option<Libc>, image: Libc, same_processor: bool) -> Plan {
    match host {
        Some(host) if host <= image && same_processor => Plan::Take,
        Some(_) | None => Plan::Build,
    }
}

/// Finds or builds the runner for `base`.
///
/// # Errors
/// [`ImageError::NoRunner`] when the host's program is the right one and not there.
pub async fn ensure(
    engine: &Engine,
    inputs: &RunnerInputs,
    base: &Base,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<Runner, ImageError> {
    let host = host_libc().await;
    let image = match base.origin {
        Origin::Made => host.unwrap_or(BOOKWORM),
        Origin::Found | Origin::Pulled => BOOKWORM,
    };
    let processor = engine.info().await?.architecture;
    let path = match plan(host, image, processor == std::env::consts::ARCH) {
        Plan::Take => inputs.binary.clone(),
        Plan::Build => build(engine, inputs, cache, progress).await?,
    };
    if !path.is_file() {
        return Err(ImageError::NoRunner);
    }
    let program = path.clone();
    let sha256 = blocking(move || sha256_of(&program)).await?;
    Ok(Runner { path, sha256 })
}

/// Asks the system; a system without a GNU libc does not know the question.
async fn host_libc() -> Option<Libc> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let args = ["GNU_LIBC_VERSION"];
    let folder = Path::new("/");
    let asked = Tool { program: "getconf", args: &args, folder, limit: ASK_MAX }.run().await;
    parse_libc(&asked.ok()?)
}

/// Reads `glibc 2.36`.
fn parse_libc(text: &str) -> Option<Libc> {
    let version = text.trim().strip_prefix("glibc ")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Builds from the sources, once for each state of them, into `cache`.
///
/// # Errors
/// [`ImageError::Step`] when it does not compile or its dependencies cannot be fetched.
pub async fn build(
    engine: &Engine,
    inputs: &RunnerInputs,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, ImageError> {
    let context = context(inputs);
    let hash = hash_of_sources(context.clone()).await?;
    let path = cache.join(format!("agent-runner-{}", &hash[..12]));
    if path.is_file() {
        return Ok(path);
    }
    progress("building the agent runner in a container (some minutes)");
    let tag = format!("nanoclaw-runner:{}", &hash[..12]);
    let order = BuildRequest { tag: &tag, args: &Default::default(), network: "default" };
    build_context(engine, context, &order, progress).await?;
    let archive = copy_out(engine, &tag).await?;
    let to = path.clone();
    blocking(move || unpack(&archive, &to)).await?;
    Ok(path)
}

fn context(inputs: &RunnerInputs) -> Context {
    let at = |name: &str| inputs.workspace.join(name);
    let start = Context::new(&inputs.builder_dockerfile);
    let files = SOURCE_FILES.into_iter().filter(|it| at(it).is_file());
    let with_files = files.fold(start, |all, it| all.file(&format!("workspace/{it}"), &at(it)));
    let folders = SOURCE_FOLDERS.into_iter().filter(|it| at(it).is_dir());
    folders.fold(with_files, |all, it| all.folder(&format!("workspace/{it}"), &at(it)))
}

async fn hash_of_sources(context: Context) -> Result<String, ImageError> {
    blocking(move || {
        let mut hash = Sha256::new();
        context.write(&mut hash)?;
        Ok(hex(&hash.finalize()))
    })
    .await
}

/// Reads the program out of an image, as a tar. The container is never started.
async fn copy_out(engine: &Engine, image: &str) -> Result<Vec<u8>, ImageError> {
    let client = engine.client().await?;
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec![BUILT.to_owned()]),
        ..ContainerCreateBody::default()
    };
    let op = failed("copy the runner out of its build");
    let created = client.create_container(None::<q::CreateContainerOptions>, body);
    let id = within(ASK_MAX, created).await.map_err(&op)?.id;
    let options = q::DownloadFromContainerOptionsBuilder::new().path(BUILT).build();
    let copied = client.download_from_container(&id, Some(options)).try_fold(
        Vec::new(),
        |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        },
    );
    let copied = within(COPY_MAX, copied).await;
    let forced = q::RemoveContainerOptionsBuilder::new().force(true).build();
    within(ASK_MAX, client.remove_container(&id, Some(forced))).await.map_err(&op)?;
    Ok(copied.map_err(&op)?)
}

/// Puts the one file of the archive in place, whole or not at all. Blocks.
fn unpack(archive: &[u8], to: &Path) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut tar = tar::Archive::new(archive);
    let mut entry = tar.entries()?.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    io::copy(&mut entry, &mut file)?;
    file.as_file().set_permissions(Permissions::from_mode(0o755))?;
    file.persist(to)?;
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ImageError> {
    let op = "prepare the runner";
    spawn_blocking(work).await.map_err(ImageError::io(op))?.map_err(ImageError::io(op))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_or_equal_libc_fits() {
        assert_eq!(plan(Some((2, 36)), BOOKWORM, true), Plan::Take);
        assert_eq!(plan(Some((2, 31)), BOOKWORM, true), Plan::Take);
        assert_eq!(plan(Some((2, 39)), BOOKWORM, true), Plan::Build);
        assert_eq!(plan(Some((2, 9)), BOOKWORM, true), Plan::Take);
        assert_eq!(plan(Some((2, 36)), BOOKWORM, false), Plan::Build);
        assert_eq!(plan(None, BOOKWORM, true), Plan::Build);
    }

    #[test]
    fn the_systems_answer_is_read() {
        assert_eq!(parse_libc("glibc 2.36\n"), Some((2, 36)));
        assert_eq!(parse_libc("musl"), None);
    }

    #[test]
    fn a_built_program_is_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut archive = Vec::new();
        Context::new("program").write(&mut archive).unwrap();
        let to = folder.path().join("cache/runner");
        unpack(&archive, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "program");
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(unpack(&[], &to).is_err());
    }
}
