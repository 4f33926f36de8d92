//! Which files may be sent, on real folders.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use domain::Incarnation;
use domain::agent::Provider;
use domain::time::SystemClock;
use store::{NoGate, RunnerStore};

use super::*;
use crate::Config;
use crate::notifier::Notifier;

struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["work/sub", "in/files/2", "elsewhere"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["work/a.txt", "work/sub/b.txt", "in/files/2/c.txt", "elsewhere/secret"] {
            fs::write(at(file), file).unwrap();
        }
        fs::write(at("work/empty"), "").unwrap();
        symlink(at("elsewhere/secret"), at("work/link")).unwrap();
        symlink(at("elsewhere"), at("work/folder")).unwrap();
        Self { dir }
    }

    fn copy(&self, path: &str, name: Option<&str>) -> Result<String, ToolError> {
        let roots = ["work", "in"].map(|it| self.dir.path().join(it));
        copy(&roots[0].join(path), &roots, name, &self.out(), "7")
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }
}

#[test]
fn a_file_is_copied_into_a_folder_of_its_own() {
    let disk = Disk::new();
    let elsewhere = disk.dir.path().join("in/files/2/c.txt").display().to_string();
    for (path, name, expected) in [
        ("a.txt", None, "7-1/a.txt"),
        ("./sub/../sub/b.txt", None, "7-2/b.txt"),
        ("a.txt", Some("../../report.txt"), "7-3/report.txt"),
        (elsewhere.as_str(), Some(" "), "7-4/c.txt"),
    ] {
        let copied = disk.copy(path, name).unwrap();
        assert_eq!(copied, expected);
        let text = fs::read_to_string(disk.out().join(copied)).unwrap();
        assert!(text.ends_with(".txt"), "{text}");
    }
}

#[test]
fn what_lies_outside_or_behind_a_link_is_not_sent() {
    let disk = Disk::new();
    let refused = |path: &str| disk.copy(path, None).unwrap_err().to_string();
    for (path, words) in [
        ("/etc/hostname", "is outside"),
        ("../elsewhere/secret", "is outside"),
        ("sub/../../elsewhere/secret", "is outside"),
        ("link", "is a link"),
        ("folder/secret", "is a link"),
        ("nothing", "does not exist"),
        ("a.txt/b", "is a link or lies behind one"),
        ("sub", "is no plain file"),
        (".", "is no plain file"),
        ("empty", "is empty"),
    ] {
        let err = refused(path);
        assert!(err.contains(words), "{path}: {err}");
    }
    assert!(!disk.out().exists(), "nothing is left behind");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let disk = Disk::new();
    let path = disk.dir.path().join("work/pipe");
    rustix::fs::mknodat(CWD, &path, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
    let err = disk.copy("pipe", None).unwrap_err().to_string();
    assert!(err.contains("is no plain file"), "{err}");
}

#[test]
fn a_file_that_is_too_large_is_refused_by_its_size() {
    let disk = Disk::new();
    let path = disk.dir.path().join("work/large");
    File::create(path).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
    let err = disk.copy("large", None).unwrap_err().to_string();
    assert!(err.contains(&(FILE_BYTES_MAX + 1).to_string()), "{err}");
}

#[tokio::test]
async fn a_caption_that_is_too_long_is_refused_with_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let (config, at) = (Config::new(Incarnation(1), Provider::Demo), dir.path().to_path_buf());
    let store = RunnerStore::shared(at.clone(), at, config.incarnation, Arc::new(NoGate));
    let host_client =
        HostClient::new(store, Arc::new(SystemClock), Arc::<Notifier>::default(), config);
    let caption = Some("x".repeat(TEXT_BYTES_MAX + 1));
    let file = FileToSend { path: "a.txt".into(), caption, ..FileToSend::default() };
    let err = host_client.send_file(file).await.unwrap_err().to_string();
    assert!(err.contains(&(TEXT_BYTES_MAX + 1).to_string()), "{err}");
    for paths in [vec![], vec!["a.txt".to_owned(); FILES_MAX + 1]] {
        let count = paths.len();
        let file = FileToSend { paths, ..FileToSend::default() };
        let err = host_client.send_file(file).await.unwrap_err().to_string();
        assert!(err.contains(&format!("1 to 16 files in `paths`, not {count}")), "{err}");
    }
}
