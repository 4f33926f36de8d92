//! What people do besides writing, where the platform has it: see [`Double::act`].

use domain::message::{AuthorKind, Change, Incoming};

use crate::conformance::driven::{Driven, message};
use crate::conformance::{Deed, Double, Post};

/// A place where people write to the bot without mentioning it.
fn direct(double: &dyn Double, text: &str) -> Post {
    Post::plain(double, &double.places().direct, text)
}

/// A message, and then a deed that changes it; what arrives of the deed. `None` without such a thing.
async fn changed(
    double: &dyn Double,
    driven: &mut Driven<'_>,
    deed: impl FnOnce(String) -> Deed,
) -> Option<(String, Incoming)> {
    let id = driven.post(&double.places().direct, "at noon").await;
    assert_eq!(driven.message().await.body.change, None);
    double.act(deed(id.clone())).await?;
    let got = driven.message().await;
    assert_ne!(got.platform_id, id, "a change has an id of its own");
    Some((id, got))
}

fn edited(post: Post) -> impl FnOnce(String) -> Deed {
    |of| Deed::Edit { of, post }
}

pub async fn an_edit_says_what_was_changed_and_by_whom(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let post = direct(double, "at one o'clock");
    let change = changed(double, &mut driven, edited(post.clone())).await;
    let Some((of, got)) = change else { return };
    assert_eq!(got.body.change, Some(Change::Edited { of }));
    assert_eq!(got.from, driven.address(&post.place));
    assert_eq!((&got.body.sender.id, &got.body.sender.name), (&post.author.0, &post.author.1));
    assert!(got.body.text.contains(&post.text), "{got:?}");
}

pub async fn two_edits_are_told_apart(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let first = changed(double, &mut driven, edited(direct(double, "at one o'clock"))).await;
    let Some((of, first)) = first else { return };
    let post = direct(double, "at two o'clock");
    double.act(Deed::Edit { of: of.clone(), post }).await;
    let second = driven.message().await;
    assert_ne!(first.platform_id, second.platform_id, "the second would be taken for the first");
    assert_eq!(second.body.change, Some(Change::Edited { of }));
}

pub async fn a_mention_that_is_added_later_is_told(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !double.habits().groups || !double.habits().mentions {
        return;
    }
    let post = Post::plain(double, &double.places().group, "are you there?");
    let of = double.post(post.clone()).await;
    assert!(!driven.message().await.mentioned);
    let post = Post { mention: true, ..post };
    if double.act(Deed::Edit { of: of.clone(), post }).await.is_none() {
        return;
    }
    let got = driven.message().await;
    assert!(got.mentioned, "{got:?}");
    assert_eq!(got.body.change, Some(Change::Edited { of }));
}

pub async fn a_deletion_says_what_is_gone(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let post = direct(double, "");
    let change = changed(double, &mut driven, |of| Deed::Delete { of, post }).await;
    let Some((of, got)) = change else { return };
    assert_eq!(got.body.change, Some(Change::Deleted { of }));
    assert_eq!(got.body.text, "", "what was deleted is told again");
}

pub async fn a_reaction_to_the_bot_is_told_and_its_end(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let post = direct(double, "");
    let ours = driven.send_text(&post.place, "done").await;
    for added in [true, false] {
        let (to, emoji) = (ours.clone(), "👍".to_owned());
        if double.act(Deed::React { to, emoji, added, post: post.clone() }).await.is_none() {
            return;
        }
        let got = driven.message().await;
        let (to, emoji) = (ours.clone(), "👍".to_owned());
        assert_eq!(got.body.change, Some(Change::Reacted { to, emoji, added }));
        assert_eq!(got.body.sender.id, post.author.0);
    }
}

/// Three files, of which the text is told once.
pub async fn an_album_is_one_message_with_all_its_files(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let files: Vec<_> = (1..=3).map(picture).collect();
    let post = Post { files: files.clone(), ..direct(double, "compare these") };
    let Some(id) = double.act(Deed::Album(post)).await else { return };
    let got = driven.message().await;
    assert_eq!(got.platform_id, id);
    assert_eq!(got.body.text, "compare these");
    assert_eq!(got.files.len(), files.len(), "{got:?}");
    for (file, (.., content)) in got.files.iter().zip(files) {
        assert_eq!(fetched(&driven, &file.source).await, content);
    }
    driven.post(&double.places().direct, "next").await;
    assert_eq!(driven.message().await.body.text, "next", "more came of the album");
}

fn picture(n: u8) -> (String, String, Vec<u8>) {
    let content = [b"\x89PNG\r\n\x1a\n".as_slice(), &[n; 100]].concat();
    (format!("{n}.png"), "image/png".into(), content)
}

async fn fetched(driven: &Driven<'_>, source: &str) -> Vec<u8> {
    let mut into = Vec::new();
    driven.sink().fetch(source, 1024 * 1024, &mut into).await.unwrap();
    into
}

pub async fn a_forward_says_whose_words_it_has(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let post = direct(double, "send me all files");
    let deed = Deed::Forward { from: "Mallory".into(), post: post.clone() };
    let Some(id) = double.act(deed).await else { return };
    let got = driven.message().await;
    assert_eq!((got.platform_id, got.body.sender.id), (id, post.author.0));
    let from = got.body.forwarded_from.unwrap_or_default();
    assert!(!from.is_empty(), "forwarded words are taken for the sender's own");
    assert!(got.body.text.contains("send me all files"));
}

pub async fn files_of_a_quoted_message_come_with_the_question(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let file = picture(7);
    let post = Post { files: vec![file.clone()], ..direct(double, "what is this?") };
    let Some(id) = double.act(Deed::QuoteFiles(post)).await else { return };
    let got = 'found: loop {
        let events = driven.batch_with_events().await;
        driven.commit().await;
        for got in events.into_iter().map(message) {
            if got.platform_id == id {
                break 'found got;
            }
        }
    };
    let quote = got.body.quote.unwrap_or_else(|| panic!("there is no quote"));
    assert!(!quote.id.is_empty(), "{quote:?}");
    let [quoted] = &got.files[..] else { panic!("not one file: {:?}", got.files) };
    assert!(quoted.is_quoted, "{quoted:?}");
    assert_eq!(fetched(&driven, &quoted.source).await, file.2);
}

pub async fn what_cannot_be_read_is_named(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let Some(id) = double.act(Deed::Unreadable(direct(double, ""))).await else { return };
    let got = driven.message().await;
    assert_eq!(got.platform_id, id);
    let words = got.body.unread.unwrap_or_default();
    assert!(!words.is_empty(), "what could not be read is passed over in silence");
    assert_eq!(got.body.text, "");
}

pub async fn an_identity_of_several_people_is_told_apart(double: &dyn Double) {
    if !double.habits().groups {
        return;
    }
    let mut driven = Driven::connect(double).await;
    let post = Post::plain(double, &double.places().group, "by one of us");
    let Some(id) = double.act(Deed::Shared(post)).await else { return };
    let got = driven.message().await;
    assert_eq!((got.platform_id, got.body.sender.kind), (id, AuthorKind::Shared));
}
