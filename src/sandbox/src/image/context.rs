//! A build context: the Dockerfile and what it copies, as a tar.
//!
//! Invariant: the same files give the same bytes (no times, no owners), so that the engine's layer
//! cache finds them again.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tar::{Builder, Header, HeaderMode};

#[derive(Clone, Debug)]
pub struct Context {
    dockerfile: String,
    entries: Vec<(String, PathBuf)>,
}

impl Context {
    pub fn new(dockerfile: &str) -> Self {
        Self { dockerfile: dockerfile.to_owned(), entries: Vec::new() }
    }

    /// Adds a program under `name`; or a folder and all below it, but for links and what no build reads
    /// (`target`, `.git`).
    pub fn add(mut self, name: &str, path: &Path) -> Self {
        self.entries.push((name.to_owned(), path.to_owned()));
        self
    }

    /// Writes the tar. Blocks.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut tar = Builder::new(out);
        tar.mode(HeaderMode::Deterministic);
        tar.sparse(false);
        let mut header = Header::new_gnu();
        header.set_size(self.dockerfile.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "Dockerfile", self.dockerfile.as_bytes())?;
        for (name, path) in &self.entries {
            append_path(&mut tar, name, path)?;
        }
        tar.into_inner()?.flush()
    }
}

fn append_path(tar: &mut Builder<&mut dyn Write>, name: &str, path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return tar.append_path_with_name(path, name);
    }
    let mut entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (child, kind) = (entry.file_name(), entry.file_type()?);
        if child != "target" && child != ".git" && (kind.is_dir() || kind.is_file()) {
            append_path(tar, &format!("{name}/{}", child.to_string_lossy()), &entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_context_is_reproducible_and_leaves_build_output_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src/deep")).unwrap();
        fs::create_dir_all(dir.path().join("src/target")).unwrap();
        fs::write(dir.path().join("src/target/x"), "big").unwrap();
        fs::write(dir.path().join("src/deep/lib.rs"), "a").unwrap();
        let context = Context::new("FROM x\n").add("src", &dir.path().join("src"));
        let (mut one, mut two) = (Vec::new(), Vec::new());
        context.write(&mut one).unwrap();
        fs::write(dir.path().join("src/deep/lib.rs"), "a").unwrap();
        context.write(&mut two).unwrap();
        assert_eq!(one, two);
        let mut tar = tar::Archive::new(one.as_slice());
        let names = tar.entries().unwrap().map(|it| it.unwrap().path().unwrap().into_owned());
        let expected = ["Dockerfile", "src/deep/lib.rs"].map(PathBuf::from);
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }
}
