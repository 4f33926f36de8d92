//! Files in both directions, byte for byte.

use channel::{DeliverError, FetchError};
use domain::message::{Attachment, FileKind};
use domain::outgoing::{Content, FileOut};

use crate::conformance::driven::{Driven, within};
use crate::conformance::{Double, Post};

/// Every byte there is, and more than one packet of them.
fn bytes() -> Vec<u8> {
    (0..=u8::MAX).cycle().take(300_000).collect()
}

/// Somebody sends a file; what the adapter says of it.
async fn attached<'a>(
    double: &'a dyn Double,
    name: &str,
    mime: &str,
    content: Vec<u8>,
) -> Option<(Driven<'a>, Attachment)> {
    if !double.habits().files_in {
        return None;
    }
    let mut driven = Driven::connect(double).await;
    let post = Post::plain(double, &double.places().direct, "have a look");
    let files = vec![(name.to_owned(), mime.to_owned(), content)];
    let id = double.post(Post { files, ..post }).await;
    let mut got = driven.message().await;
    assert_eq!(got.platform_id, id);
    assert!(got.body.text.contains("have a look"), "the caption is the text: {got:?}");
    assert_eq!(got.files.len(), 1, "{got:?}");
    Some((driven, got.files.remove(0)))
}

async fn fetch(driven: &Driven<'_>, source: &str, bytes_max: u64) -> Result<Vec<u8>, FetchError> {
    let mut into = Vec::new();
    let fetching = driven.sink().fetch(source, bytes_max, &mut into);
    within("the adapter to fetch", fetching).await?;
    Ok(into)
}

pub async fn a_document_arrives_byte_for_byte(double: &dyn Double) {
    let Some((driven, file)) = attached(double, "report.pdf", "application/pdf", bytes()).await
    else {
        return;
    };
    assert_eq!(file.kind, FileKind::Document);
    assert_eq!((file.name.as_str(), file.mime.as_str()), ("report.pdf", "application/pdf"));
    assert!(file.bytes.is_none_or(|it| it == 300_000), "{file:?}");
    let limit = 300_000;
    let got = fetch(&driven, &file.source, limit).await;
    assert!(got.as_ref().is_ok_and(|it| *it == bytes()), "{:?}", got.map(|it| it.len()));
    let again = fetch(&driven, &file.source, limit).await;
    assert!(again.is_ok_and(|it| it == bytes()), "it can be fetched again");
}

pub async fn a_picture_arrives_as_a_picture(double: &dyn Double) {
    let png = [b"\x89PNG\r\n\x1a\n".to_vec(), bytes()].concat();
    let Some((driven, file)) = attached(double, "cat.png", "image/png", png.clone()).await else {
        return;
    };
    assert_eq!(file.kind, FileKind::Image);
    let got = fetch(&driven, &file.source, 1 << 20).await;
    assert!(got.as_ref().is_ok_and(|it| *it == png), "{:?}", got.map(|it| it.len()));
}

pub async fn a_file_that_is_too_large_is_not_fetched(double: &dyn Double) {
    let Some((driven, file)) = attached(double, "a.bin", "application/octet-stream", bytes()).await
    else {
        return;
    };
    for limit in [1_000, 299_999] {
        let got = fetch(&driven, &file.source, limit).await;
        assert!(
            matches!(got, Err(FetchError::TooLarge { bytes_max }) if bytes_max == limit),
            "{:?}",
            got.map(|it| it.len())
        );
    }
}

pub async fn a_file_that_is_not_there_cannot_be_had(double: &dyn Double) {
    let driven = Driven::connect(double).await;
    for source in ["", "no-such-file", "../../etc/passwd"] {
        let got = fetch(&driven, source, 1_000).await;
        assert!(
            matches!(got, Err(FetchError::Gone(_) | FetchError::Unreachable(_))),
            "{source:?}: {got:?}"
        );
    }
}

/// A file of ours whose copy is called `stored_as`.
async fn sent(double: &dyn Double, stored_as: &str, name: &str) -> Option<(String, Vec<u8>)> {
    let mut driven = Driven::connect(double).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(stored_as);
    std::fs::write(&path, bytes()).unwrap();
    let file = FileOut {
        path,
        name: name.into(),
        mime: "application/pdf".into(),
        caption: "the figures, **a & b**".into(),
    };
    let place = double.places().direct;
    let part = driven.part(&place, Content::File(file));
    if driven.caps().file_bytes_max == 0 {
        let ended = driven.try_send(&part).await;
        assert!(matches!(ended, Err(DeliverError::Refused(_))), "{ended:?}");
        return None;
    }
    let id = driven.send_part(&part).await;
    let mut shown = driven.visible(&id).await;
    assert_eq!(shown.place, place);
    assert!(shown.text.contains("the figures"), "{:?}", shown.text);
    assert_eq!(shown.files.len(), 1);
    assert_eq!(double.visible().await.len(), 1, "the caption belongs to the file");
    Some(shown.files.remove(0))
}

pub async fn a_file_goes_out_byte_for_byte(double: &dyn Double) {
    let Some((name, content)) = sent(double, "report 1.pdf", "report 1.pdf").await else { return };
    assert_eq!(name, "report 1.pdf");
    assert!(content == bytes(), "{} bytes came", content.len());
}

pub async fn a_file_goes_out_under_its_name(double: &dyn Double) {
    if !double.habits().file_names {
        return;
    }
    let name = "übersicht 5.pdf";
    let Some((shown, _)) = sent(double, "7f3a", name).await else { return };
    assert_eq!(shown, name);
}

/// The host keeps the copy until the part has ended, so this is a damaged disk.
pub async fn a_file_of_ours_that_is_gone_is_refused(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let dir = tempfile::tempdir().unwrap();
    if driven.caps().file_bytes_max == 0 || !double.habits().file_names {
        return;
    }
    let file = FileOut {
        path: dir.path().join("gone"),
        name: "gone.pdf".into(),
        mime: "application/pdf".into(),
        caption: String::new(),
    };
    let part = driven.part(&double.places().direct, Content::File(file));
    let ended = driven.try_send(&part).await;
    assert!(matches!(ended, Err(DeliverError::Refused(_))), "{ended:?}");
    assert_eq!(double.visible().await, []);
}

pub async fn several_files_go_out_together(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if driven.caps().album_max < 2 {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, caption: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, name).unwrap();
        let (name, mime) = (name.to_owned(), "application/pdf".to_owned());
        FileOut { path, name, mime, caption: caption.to_owned() }
    };
    let files = vec![file("one.pdf", "all of it"), file("two.pdf", ""), file("three.pdf", "")];
    let part = driven.part(&double.places().direct, Content::Album(files));
    driven.try_send(&part).await.unwrap_or_else(|err| panic!("not sent: {err:?}"));
    // A platform may show each as a message of its own, in one frame.
    let visible = double.visible().await;
    let contents: Vec<&[u8]> =
        visible.iter().flat_map(|it| &it.files).map(|it| it.1.as_slice()).collect();
    assert_eq!(contents, [&b"one.pdf"[..], b"two.pdf", b"three.pdf"]);
    assert!(visible.iter().any(|it| it.text.contains("all of it")), "{visible:?}");
}
