//! Programs of these tests stand for those that understand speech and read PDFs; a real `pdftotext` runs in
//! the tests of the image.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use domain::Incarnation;
use domain::agent::Provider;

use super::*;

struct Rig {
    dir: tempfile::TempDir,
    config: Config,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(Incarnation(1), Provider::Demo);
        (config.workspace, config.home) = (dir.path().into(), dir.path().join("home"));
        fs::create_dir(&config.home).unwrap();
        Self { dir, config }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// A program that is found by its name, and no other than the shell.
    fn program(&mut self, name: &str, script: &str) {
        let folder = self.dir.path().join("bin");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), script).unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        let _ = symlink("/bin/sh", folder.join("sh"));
        self.config.extra_env = vec![("PATH".to_owned(), folder.to_string_lossy().into_owned())];
    }

    async fn read(&self, kind: Kind, command: Option<&str>, path: &Path) -> Result<String, String> {
        let until = Instant::now() + ALL_TIME_MAX;
        let reader = Reader { config: &self.config, command, room: MESSAGE_BYTES_MAX, until };
        let found = reader.read(kind, path, ".heard-2-0").await;
        let left = fs::read_dir(&self.config.home).unwrap().count();
        assert_eq!(left, 0, "nothing stays in the home");
        found
    }

    async fn heard(&self, command: &str, path: &Path) -> Result<String, String> {
        self.read(Kind::Speech, Some(command), path).await
    }
}

#[tokio::test]
async fn what_the_command_prints_is_what_was_said() {
    let rig = Rig::new();
    let voice = rig.file("voice-1.ogg", "call me\n\tat nine\u{1b}[2J\u{0}\n\n");
    assert_eq!(rig.heard("cat {file}", &voice).await.unwrap(), "call me\n\tat nine[2J");
    assert_eq!(rig.heard("basename {file}", &voice).await.unwrap(), ".heard-2-0.ogg");
    assert_eq!(rig.heard("printf '\\344 {file}' >&2", &voice).await.unwrap_err(), NO_SPEECH);
    assert_eq!(rig.read(Kind::Speech, None, &voice).await.unwrap_err(), NO_COMMAND);
}

#[tokio::test]
async fn no_name_of_a_file_means_anything_to_a_shell() {
    let rig = Rig::new();
    let names =
        ["it's.ogg", "a b;touch pwned.ogg", "$(touch pwned)`touch pwned`", "-rf", "\"\n", "x.o$g"];
    for name in names {
        let voice = rig.file(name, "hello");
        for command in
            ["cat {file}", "cat \"{file}\"", "cat '{file}'", "sh -c \"cat {file}\"", "cat<{file}"]
        {
            assert_eq!(rig.heard(command, &voice).await.unwrap(), "hello", "{name} {command}");
        }
    }
    assert!(!rig.dir.path().join("pwned").exists());
}

#[tokio::test]
async fn a_command_that_fails_says_why() {
    let rig = Rig::new();
    let voice = rig.file("voice.ogg", "");
    let why = rig.heard("echo said; echo no model >&2; exit 3; {file}", &voice).await;
    assert_eq!(why.unwrap_err(), "its program ended with exit status: 3: no model");
    let why = rig.heard("whisper-of-no-machine {file}", &voice).await.unwrap_err();
    assert!(why.contains("127") && why.contains("not found"), "{why}");
    let why = rig.heard("head -c 5000 /dev/zero | tr '\\0' x >&2; false {file}", &voice).await;
    assert!(why.unwrap_err().chars().count() <= REASON_CHARS_MAX);
}

#[tokio::test]
async fn only_the_beginning_of_a_long_text_is_kept() {
    let rig = Rig::new();
    let voice = rig.file("voice.ogg", "");
    let text = rig.heard("yes wörd {file}", &voice).await.unwrap();
    let rest = "\n(The rest is left out.)";
    assert!(text.starts_with("wörd") && text.ends_with(rest), "{text}");
    let length = text.len() - rest.len();
    assert!((FILE_BYTES_MAX - 200..=FILE_BYTES_MAX).contains(&length), "{length}");
    let why = rig.heard("cat /dev/zero {file}", &voice).await.unwrap_err();
    assert!(why.contains("more than 1 MiB"), "{why}");
    let until = Instant::now() + ALL_TIME_MAX;
    let reader = Reader { config: &rig.config, command: Some("cat {file}"), room: 0, until };
    assert_eq!(reader.read(Kind::Speech, &voice, ".heard-2-1").await.unwrap_err(), NO_ROOM);
}

/// The clock jumps to the end of the wait while the program sleeps.
#[tokio::test(start_paused = true)]
async fn a_command_that_takes_too_long_is_ended() {
    let rig = Rig::new();
    let voice = rig.file("voice.ogg", "");
    let begin = Instant::now();
    let (command, until) = (Some("echo said; sleep 600; {file}"), begin + ALL_TIME_MAX);
    let reader = Reader { config: &rig.config, command, room: 9, until };
    for link in [".heard-2-1", ".heard-2-2", ".heard-2-3"] {
        assert_eq!(reader.read(Kind::Speech, &voice, link).await.unwrap_err(), NO_TIME);
    }
    let waited = begin.elapsed();
    assert!((60..62).contains(&waited.as_secs()), "{waited:?} for three recordings");
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_killed() {
    let rig = Rig::new();
    let voice = rig.file("voice.ogg", "");
    let text = rig.heard("(sleep 1; touch mark) & echo said {file}", &voice).await.unwrap();
    assert!(text.starts_with("said "), "{text}");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!rig.dir.path().join("mark").exists());
}

#[tokio::test]
async fn a_pdf_is_read_with_little_memory() {
    let mut rig = Rig::new();
    let pdf = rig.file("it's -1.pdf", "%PDF-1.4");
    rig.program("pdftotext", "#!/bin/sh\nulimit -v\nfor arg; do echo \"[$arg]\"; done\n");
    let text = rig.read(Kind::Pdf, None, &pdf).await.unwrap();
    let want = format!("1048576\n[-enc]\n[UTF-8]\n[-nopgbrk]\n[{}]\n[-]", pdf.display());
    assert_eq!(text, want);
    rig.program("pdftotext", "#!/bin/sh\necho\n");
    assert_eq!(rig.read(Kind::Pdf, None, &pdf).await.unwrap_err(), NO_TEXT);
    fs::remove_file(rig.dir.path().join("bin/pdftotext")).unwrap();
    let why = rig.read(Kind::Pdf, None, &pdf).await.unwrap_err();
    assert!(why.contains("pdftotext") && why.contains("not found"), "{why}");
}

#[test]
fn recordings_and_pdfs_are_told_by_what_they_are() {
    for (of, mime, want) in [
        (FileKind::Document, "application/pdf", Some(Kind::Pdf)),
        (FileKind::Document, "audio/mpeg", Some(Kind::Speech)),
        (FileKind::Voice, "", Some(Kind::Speech)),
        (FileKind::Audio, "application/octet-stream", Some(Kind::Speech)),
        (FileKind::Document, "text/plain", None),
        (FileKind::Image, "image/png", None),
        (FileKind::Video, "video/mp4", None),
    ] {
        let (name, location) = ("a.pdf".into(), FileLocation::Here("x".into()));
        let file = FileIn { kind: of, name, mime: mime.into(), is_quoted: false, location };
        assert_eq!(kind(&file), want, "{file:?}");
    }
}
