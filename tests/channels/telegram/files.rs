//! What is special to files: how each kind goes out, captions, what Telegram does not take.

use std::path::PathBuf;

use channel::{DeliverError, Event, FetchError, Part};
use domain::outgoing::{Content, FileOut};
use harness::conformance::driven::{Driven, chain};
use harness::conformance::{Double, Post};
use harness::telegram::FakeTelegram;
use serde_json::json;
use tempfile::TempDir;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";
const JPEG: &[u8] = b"\xff\xd8and so on";

fn file(dir: &TempDir, name: &str, mime: &str, content: &[u8]) -> FileOut {
    let path: PathBuf = dir.path().join(format!("copy of {}", name.replace('/', "_")));
    std::fs::write(&path, content).unwrap();
    FileOut { path, name: name.into(), mime: mime.into(), caption: "**here**".into() }
}

#[tokio::test]
async fn a_file_goes_out_as_what_it_is() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &str, &[u8], &str); 4] = [
        ("cat.jpg", "image/jpeg", JPEG, "sendPhoto"),
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
    let broken = Content::File(file(&dir, "cat.jpg", "image/jpeg", b"no picture"));
    let id = driven.send(&double.places().direct, broken).await;
    assert_eq!(driven.visible(&id).await.files, [("cat.jpg".to_owned(), b"no picture".to_vec())]);
    assert_eq!((double.calls("sendPhoto").len(), double.calls("sendDocument").len()), (1, 1));
}

#[tokio::test]
async fn a_chart_goes_out_as_it_is() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let chart = Content::File(file(&dir, "chart.png", "image/png", PNG));
    driven.send(&double.places().direct, chart).await;
    assert_eq!((double.calls("sendPhoto").len(), double.calls("sendDocument").len()), (0, 1));
}

#[tokio::test]
async fn files_that_belong_together_are_one_album() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let cat = file(&dir, "cat.jpg", "image/jpeg", JPEG);
    let clip = file(&dir, "clip.mp4", "video/mp4", b"mp4");
    let text = file(&dir, "notes.txt", "text/plain", b"notes");
    let place = double.places().group;
    let together = driven.send(&place, Content::Album(vec![cat.clone(), clip])).await;
    let mixed = driven.part(&place, Content::Album(vec![cat, text]));
    let mixed = driven.send_part(&Part { silent: true, ..mixed }).await;
    let calls = double.calls("sendMediaGroup");
    let media = |at: usize| -> serde_json::Value {
        serde_json::from_str(calls[at]["media"].as_str().unwrap()).unwrap()
    };
    assert_eq!((&media(0)[0]["type"], &media(0)[1]["type"]), (&json!("photo"), &json!("video")));
    assert_eq!(media(1)[0]["type"], media(1)[1]["type"], "they do not go together as they are");
    let silent = |at: usize| calls[at]["disable_notification"].as_str().map(str::to_owned);
    assert_eq!([silent(0), silent(1)], [None, Some("true".into())]);
    let shown = double.visible().await;
    let texts: Vec<_> = shown.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["here", "", "here", ""], "the first has the caption");
    assert_eq!([&shown[0].id, &shown[2].id], [&together, &mixed]);
    assert_eq!(shown[3].files, [("notes.txt".to_owned(), b"notes".to_vec())]);
}

#[tokio::test]
async fn an_album_whose_form_is_refused_goes_out_as_documents() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let dir = tempfile::tempdir().unwrap();
    let broken = file(&dir, "cat.jpg", "image/jpeg", b"no picture");
    let files = vec![broken, file(&dir, "dog.jpg", "image/jpeg", JPEG)];
    driven.send(&double.places().direct, Content::Album(files)).await;
    let names: Vec<_> = double.visible().await.iter().map(|it| it.files[0].0.clone()).collect();
    assert_eq!(names, ["cat.jpg", "dog.jpg"]);
    assert_eq!(double.calls("sendMediaGroup").len(), 2);
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
async fn a_file_that_telegram_gives_no_bot_is_named_as_that() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let post = Post::plain(&double, &double.places().direct, "look");
    let large = vec![0; (20 << 20) + 1];
    let files = vec![("film.bin".to_owned(), "application/x-film".to_owned(), large)];
    double.post(Post { files, ..post }).await;
    let got = driven.message().await;
    let mut into = Vec::new();
    let err = driven.sink().fetch(&got.files[0].source, u64::MAX, &mut into).await.unwrap_err();
    assert!(matches!(err, FetchError::Gone(_)), "{err:?}");
    assert!(
        chain(&err).contains("no file over 20 MB; send it in smaller parts"),
        "{}",
        chain(&err)
    );
    assert!(into.is_empty());
}

#[tokio::test]
async fn an_album_that_comes_slowly_is_one_message_and_loses_nothing() {
    let double = FakeTelegram::start().await;
    let mut driven = Driven::connect(&double).await;
    let group = double.places().group;
    let post = Post { mention: true, ..Post::plain(&double, &group, "compare these") };
    let files =
        [1, 2, 3].map(|n| (format!("{n}.pdf"), "application/pdf".to_owned(), vec![n])).to_vec();
    let post = Post { files, ..post };
    let (events, ()) = tokio::join!(driven.batch_with_events(), double.post_slowly(&post));
    let [Event::Message(got)] = &events[..] else { panic!("{events:?}") };
    assert!(got.mentioned && got.body.text.contains("compare these"));
    let names: Vec<_> = got.files.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["1.pdf", "2.pdf", "3.pdf"]);
    assert_eq!(double.waiting_updates(), 3, "nobody said that they were committed");
    let behind = driven.cursor();
    driven.reconnect(behind).await;
    let again = driven.message().await;
    assert_eq!((&again.platform_id, again.files.len()), (&got.platform_id, 3));
    driven.post(&group, "and on").await;
    assert_eq!(driven.message().await.body.text, "and on");
}

#[tokio::test]
async fn an_album_at_the_end_of_a_full_batch_is_not_torn() {
    let double = FakeTelegram::start().await;
    let place = double.places().direct;
    for n in 0..98 {
        double.post(Post::plain(&double, &place, &format!("{n}"))).await;
    }
    let files = [1, 2, 3].map(|n| (format!("{n}.pdf"), "application/pdf".to_owned(), vec![n]));
    double.post(Post { files: files.to_vec(), ..Post::plain(&double, &place, "all") }).await;
    let mut driven = Driven::connect(&double).await;
    let got = driven.messages(99).await;
    assert_eq!((got[97].body.text.as_str(), got[98].files.len()), ("97", 3));
}
