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

use super::cli::sha256_of;
use super::command::{blocking, run};
use super::{Base, Context, ImageError, Program, Progress, build_context};
use crate::engine::{ASK_MAX, Engine, asked};

/// Major and minor version of a GNU libc.
type Libc = (u32, u32);

/// What [`super::base::DEBIAN`] has. An image that the user chose is taken to be no older.
const BOOKWORM: Libc = (2, 36);

/// What of the sources a build reads. Named one by one: beside them may lie data and secrets.
const SOURCES: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", "src", "actors", "container", "tests", "migrations", "skills"];

const BUILT: &str = "/agent-runner";

/// Some megabytes from a local engine.
const COPY_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Debug)]
pub struct RunnerInputs {
    /// The program that was built on this host.
    pub binary: PathBuf,
    /// The sources, for a build in a container.
    pub workspace: PathBuf,
    /// The text of `container/builder.Dockerfile`.
    pub builder_dockerfile: String,
}

const OP: &str = "prepare the runner";

/// Whether the program that was built on this host runs in the image, by the libcs of the host (`None`:
/// it has another, or is no Linux) and of the image, and by whether both have the same processor.
fn fits(host: Option<Libc>, image: Libc, same_processor: bool) -> bool {
    host.is_some_and(|it| it <= image) && same_processor
}

/// Finds or builds the runner for `base`.
pub async fn ensure(
    engine: &Engine,
    inputs: &RunnerInputs,
    base: &Base,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<Program, ImageError> {
    let host = host_libc().await;
    let image = host.filter(|_| base.is_made).unwrap_or(BOOKWORM);
    let processor = engine.info().await?.architecture;
    let path = if fits(host, image, processor == std::env::consts::ARCH) {
        inputs.binary.clone()
    } else {
        build(engine, inputs, cache, progress).await?
    };
    if !path.is_file() {
        return Err(ImageError::Missing(
            "there is no runner to put into the image".to_owned(),
            "build it with `cargo build --release -p agent-runner`",
        ));
    }
    let program = path.clone();
    let sha256 = blocking(OP, move || sha256_of(&program)).await?;
    Ok(Program { path, sha256 })
}

/// Asks the system; a system without a GNU libc does not know the question.
async fn host_libc() -> Option<Libc> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let asked = run("getconf", &["GNU_LIBC_VERSION"], Path::new("/"), ASK_MAX).await;
    parse_libc(&asked.ok()?)
}

/// Reads `glibc 2.36`.
fn parse_libc(text: &str) -> Option<Libc> {
    let version = text.trim().strip_prefix("glibc ")?;
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Builds from the sources, once for each state of them, into `cache`.
/// Fails with [`ImageError::Step`] when it does not compile or its dependencies cannot be fetched.
pub async fn build(
    engine: &Engine,
    inputs: &RunnerInputs,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, ImageError> {
    let context = context(inputs);
    let sources = context.clone();
    let hash = blocking(OP, move || {
        let mut hash = Sha256::new();
        sources.write(&mut hash)?;
        Ok(format!("{:x}", hash.finalize()))
    })
    .await?;
    let path = cache.join(format!("agent-runner-{}", &hash[..12]));
    if path.is_file() {
        return Ok(path);
    }
    progress("building the agent runner in a container (some minutes)");
    let tag = format!("nanoclaw-runner:{}", &hash[..12]);
    build_context(engine, context, &tag, &Default::default(), "default", progress).await?;
    let archive = copy_out(engine, &tag).await?;
    let to = path.clone();
    blocking(OP, move || unpack(&archive, &to)).await?;
    Ok(path)
}

fn context(inputs: &RunnerInputs) -> Context {
    let all = SOURCES.map(|it| (format!("workspace/{it}"), inputs.workspace.join(it)));
    let there = all.iter().filter(|it| it.1.exists());
    there.fold(Context::new(&inputs.builder_dockerfile), |all, it| all.add(&it.0, &it.1))
}

/// Reads the program out of an image, as a tar. The container is never started.
async fn copy_out(engine: &Engine, image: &str) -> Result<Vec<u8>, ImageError> {
    let client = engine.client().await?;
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec![BUILT.to_owned()]),
        ..ContainerCreateBody::default()
    };
    let op = "copy the runner out of its build";
    let created = client.create_container(None::<q::CreateContainerOptions>, body);
    let id = asked(op, ASK_MAX, created).await?.id;
    let options = q::DownloadFromContainerOptionsBuilder::new().path(BUILT).build();
    let pieces = client.download_from_container(&id, Some(options));
    let copied = asked(op, COPY_MAX, pieces.try_collect::<Vec<_>>()).await;
    let forced = q::RemoveContainerOptionsBuilder::new().force(true).build();
    asked(op, ASK_MAX, client.remove_container(&id, Some(forced))).await?;
    Ok(copied?.concat())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_or_equal_libc_fits() {
        assert!(fits(Some((2, 36)), BOOKWORM, true));
        assert!(fits(Some((2, 31)), BOOKWORM, true));
        assert!(!fits(Some((2, 39)), BOOKWORM, true));
        assert!(fits(Some((2, 9)), BOOKWORM, true));
        assert!(!fits(Some((2, 36)), BOOKWORM, false));
        assert!(!fits(None, BOOKWORM, true));
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
