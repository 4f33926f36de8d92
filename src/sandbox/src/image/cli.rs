//! The Claude Code CLI: one pinned program, fetched by the user's own package tools.
//!
//! It is proprietary, so it is never part of what this project distributes; every install fetches
//! its own. npm's package and the Python kit's wheel hold the very same file.
//!
//! Invariant: a file is in the cache under its final name only if its hash was right. So its being
//! there is enough, and 380 MB need not be hashed at every start.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::command::{blocking, find, run, temporary};
use super::{ImageError, Program, Progress};

/// The version that the runner is tested with. Changes together with the hashes.
pub const VERSION: &str = "2.1.330";
/// The Python kit that holds [`VERSION`].
const KIT: &str = "claude-agent-sdk==0.2.187";

/// 175 MB; a slow line needs minutes.
const DOWNLOAD_MAX: Duration = Duration::from_secs(30 * 60);
const UNPACK_MAX: Duration = Duration::from_secs(5 * 60);

#[derive(Debug)]
struct Build {
    /// What an engine calls the processor, in its own and in the kernel's words.
    architectures: [&'static str; 2],
    package: &'static str,
    platform: &'static str,
    sha256: &'static str,
}

const BUILDS: [Build; 2] = [
    Build {
        architectures: ["x86_64", "amd64"],
        package: "@anthropic-ai/claude-code-linux-x64",
        platform: "manylinux_2_17_x86_64",
        sha256: "f390eaa0814e6a1bff74cbb47acb74cb9c89d30ced809fe0af5af00c7bfe8ebb",
    },
    Build {
        architectures: ["aarch64", "arm64"],
        package: "@anthropic-ai/claude-code-linux-arm64",
        platform: "manylinux_2_17_aarch64",
        sha256: "6016f90cac783e367fb1aa97c768a2efb94a0128a5b46b70fb3d8fcbbd9dd444",
    },
];

/// Fetches the CLI for the engine's processor into `cache`, unless it is there. Fails with
/// [`ImageError::ToolMissing`] without npm and pip.
pub async fn fetch(
    architecture: &str,
    cache: &Path,
    progress: Progress<'_>,
) -> Result<Program, ImageError> {
    let build = build_for(architecture)?;
    let cli = place(architecture, cache)?;
    if cli.path.is_file() {
        return Ok(cli);
    }
    progress(&format!("fetching Claude Code {VERSION} (175 MB)"));
    let folder = temporary(cache.to_owned()).await?;
    let file = if find("npm").is_some() {
        by_npm(build, folder.path()).await?
    } else {
        by_pip(build, folder.path()).await?
    };
    progress("checking what was fetched");
    keep(file, cli.path.clone(), build.sha256).await?;
    Ok(cli)
}

/// Where the CLI for that processor is kept, whether it is there or not.
pub fn place(architecture: &str, cache: &Path) -> Result<Program, ImageError> {
    let build = build_for(architecture)?;
    let path = cache.join(format!("claude-{VERSION}-{}", &build.sha256[..12]));
    Ok(Program { path, sha256: build.sha256.to_owned() })
}

fn build_for(architecture: &str) -> Result<&'static Build, ImageError> {
    let found = BUILDS.iter().find(|it| it.architectures.contains(&architecture));
    found.ok_or_else(|| {
        let what = format!("there is no Claude Code for the processor `{architecture}`");
        ImageError::Missing(what, "use an x86_64 or aarch64 engine")
    })
}

fn wrong_hash() -> ImageError {
    let what = "what was downloaded is not the expected program".to_owned();
    ImageError::Missing(what, "try again; if it happens twice, update NanoClaw")
}

/// Only downloads the package: its scripts are not run, and no Node.js is needed later.
async fn by_npm(build: &Build, folder: &Path) -> Result<PathBuf, ImageError> {
    let package = format!("{}@{VERSION}", build.package);
    // It prints the name of the archive.
    let archive =
        run("npm", &["pack", "--silent", "--json=false", &package], folder, DOWNLOAD_MAX).await?;
    run("tar", &["-xzf", archive.trim(), "package/claude"], folder, UNPACK_MAX).await?;
    Ok(folder.join("package/claude"))
}

async fn by_pip(build: &Build, folder: &Path) -> Result<PathBuf, ImageError> {
    let pip = run("python3", &["-m", "pip", "--version"], folder, DOWNLOAD_MAX).await;
    pip.map_err(|_| ImageError::ToolMissing("npm"))?;
    let install =
        ["-m", "pip", "install", "--quiet", "--no-user", "--no-deps", "--only-binary=:all:"];
    let args = [&install[..], &["--platform", build.platform, "--target", ".", KIT]].concat();
    run("python3", &args, folder, DOWNLOAD_MAX).await?;
    Ok(folder.join("claude_agent_sdk/_bundled/claude"))
}

/// Puts the file where it belongs if it is the right one. The temporary folder is within the cache,
/// so that the rename is atomic.
async fn keep(file: PathBuf, to: PathBuf, sha256: &'static str) -> Result<(), ImageError> {
    let kept = blocking("keep the downloaded program", move || {
        if sha256_of(&file)? != sha256 {
            return Ok(false);
        }
        fs::set_permissions(&file, Permissions::from_mode(0o755))?;
        fs::rename(&file, &to)?;
        Ok(true)
    });
    if kept.await? { Ok(()) } else { Err(wrong_hash()) }
}

/// Hex. Blocks, and is slow without optimisation.
pub(super) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut hash)?;
    Ok(format!("{:x}", hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_names_of_a_processor_are_known() {
        assert_eq!(build_for("aarch64").unwrap().sha256, build_for("arm64").unwrap().sha256);
        assert!(build_for("riscv64").unwrap_err().to_string().contains("no Claude Code for"));
    }

    #[tokio::test]
    async fn another_file_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "abc").unwrap();
        let refused = keep(from.clone(), to.clone(), BUILDS[0].sha256).await;
        assert_eq!(refused.unwrap_err().to_string(), wrong_hash().to_string());
        assert!(!to.exists());
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        keep(from, to.clone(), abc).await.unwrap();
        assert!(to.exists());
    }
}
