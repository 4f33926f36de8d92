//! What is special to files: how each kind goes out, captions, what Telegram does not take.

use std::path::PathBuf;

use channel::{DeliverError, FetchError};
use domain::outgoing::{Content, FileOut};
use harness::conformance::driven::{Driven, chain};
use harness::conformance::{Double, Fault, Post};
use harness::telegram::FakeTelegram;
use tempfile::TempDir;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";

fn file(dir: &TempDir, name: &str, mime: &str, content: &[u8]) -> FileOut {
    let path: PathBuf = dir.path().join("copy");
    std::fs::write(&path, content).unwrap();
    FileOut { path, name: name.into(), mime: mime.into(), caption: "**here**".into() }
}

#[tokio::test]
async fn a_file_goes_out_as_what_it_is() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, &[u8], &str); 4] = [
        ("cat.png", "image/png", PNG, "sendPhoto"),
        ("clip.mp4", "video/mp4", b"mp4", "sendVideo"),
        ("song.mp3", "audio/mpeg", b"mp3", "sendAudio"),
        ("a;b\".csv", "text/csv", b"1,2", "sendDocument"),
    ];
    for (name, mime, content, method) in cases {
        let content_out = Content::File(file(&dir, name, mime, content));
        let id = driven.send(&double.places().direct, content_out).await;
        assert_eq!(double.calls(method).len(), 1, "{name}");
        let shown = driven.visible(&id).await;
        assert_eq!(shown.text, "here");
        assert_eq!(shown.files, [(name.replace([';', '"'], "_"), content.to_vec())]);
    }
}

#[tokio::test]
async fn what_only_calls_itself_a_picture_goes_out_as_a_document() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let broken = Content::File(file(&dir, "cat.png", "image/png", b"no picture"));
    let id = driven.send(&double.places().direct, broken).await;
    assert_eq!(driven.visible(&id).await.files, [("cat.png".to_owned(), b"no picture".to_vec())]);
    assert_eq!((double.calls("sendPhoto").len(), double.calls("sendDocument").len()), (1, 1));
}

#[tokio::test]
async fn a_caption_that_is_too_long_follows_as_a_text() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let caption = "much to say about it ".repeat(60).trim_end().to_owned();
    let with = FileOut { caption: caption.clone(), ..file(&dir, "a.csv", "text/csv", b"1,2") };
    let id = driven.send(&double.places().direct, Content::File(with)).await;
    let shown = double.visible().await;
    assert_eq!(shown.len(), 2);
    assert_eq!(
        (shown[0].id.as_str(), shown[0].files.len(), shown[0].text.as_str()),
        (id.as_str(), 1, "")
    );
    assert_eq!(shown[1].text, caption);
}

#[tokio::test]
async fn a_file_whose_text_has_to_wait_may_have_been_seen() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let caption = "much to say about it ".repeat(60);
    let with = FileOut { caption, ..file(&dir, "a.csv", "text/csv", b"1,2") };
    // The first meets the file and changes nothing there, the second meets the text.
    double.fault(Fault::BadFormat).await;
    double.fault(Fault::Throttle(std::time::Duration::from_secs(1))).await;
    let part = driven.part(&double.places().direct, Content::File(with));
    let ended = driven.try_send(&part).await;
    assert!(matches!(ended, Err(DeliverError::Unknown(_))), "{ended:?}");
    driven.send_part(&channel::Part { repeat: true, ..part }).await;
    let shown = double.visible().await;
    assert_eq!(shown.len(), 3);
    assert!(shown[2].text.starts_with("(possibly a repeat)"), "{}", shown[2].text);
}

#[tokio::test]
async fn a_file_that_is_larger_than_a_bot_may_send_is_refused_before_it_is_sent() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let large = file(&dir, "a.bin", "application/octet-stream", b"");
    std::fs::File::options().write(true).open(&large.path).unwrap().set_len(50_000_001).unwrap();
    let part = driven.part(&double.places().direct, Content::File(large));
    let err = driven.try_send(&part).await.unwrap_err();
    assert!(matches!(err, DeliverError::Refused(_)), "{err:?}");
    assert!(chain(&err).contains("50 MB at most"), "{}", chain(&err));
    assert_eq!(double.calls("sendDocument").len(), 0);
}

#[tokio::test]
async fn a_file_that_telegram_gives_no_bot_is_too_large() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let post = Post::plain(&double, &double.places().direct, "look");
    let large = vec![0; (20 << 20) + 1];
    let files = vec![("film.bin".to_owned(), "application/x-film".to_owned(), large)];
    double.post(Post { files, ..post }).await;
    let got = driven.message().await;
    let mut into = Vec::new();
    let err = driven.sink().fetch(&got.files[0].source, u64::MAX, &mut into).await.unwrap_err();
    assert!(matches!(err, FetchError::TooLarge { bytes_max } if bytes_max == 20 << 20), "{err:?}");
    assert!(into.is_empty());
}

#[tokio::test]
async fn an_album_is_a_message_for_each_file() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let post = Post::plain(&double, &double.places().direct, "two of them");
    let files =
        [1, 2].map(|n| (format!("{n}.pdf"), "application/pdf".to_owned(), vec![n])).to_vec();
    double.post(Post { files, ..post }).await;
    let got = driven.messages(2).await;
    assert_eq!((got[0].body.text.as_str(), got[1].body.text.as_str()), ("two of them", ""));
    assert_eq!(got.iter().map(|it| it.files.len()).sum::<usize>(), 2);
}
