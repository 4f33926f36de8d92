//! What people write arrives as they wrote it, with who and where.

use channel::Verdict;
use domain::message::Incoming;

use crate::conformance::driven::{Driven, eventually};
use crate::conformance::{Double, Post, TestChat};

/// Everything of a message that does not depend on the platform's rules.
fn assert_is(got: &Incoming, id: &str, post: &Post, driven: &Driven<'_>) {
    assert_eq!(got.platform_id, id, "the id is the platform's");
    assert_eq!(got.from, driven.address(&post.place));
    assert_eq!(got.body.chat.is_group, post.place.is_group);
    assert_eq!((&got.body.sender.id, &got.body.sender.name), (&post.author.0, &post.author.1));
    assert!(got.body.text.contains(&post.text), "{:?} in {:?}", post.text, got.body.text);
}

async fn arrives(double: &dyn Double, post: Post) -> Incoming {
    let mut driven = Driven::connect(double).await;
    let id = double.post(post.clone()).await;
    let got = driven.message().await;
    assert_is(&got, &id, &post, &driven);
    got
}

pub async fn a_private_message_arrives_with_its_author_chat_and_id(double: &dyn Double) {
    let place = double.places().direct;
    assert!(!place.is_group);
    let got = arrives(double, Post::plain(double, &place, "good morning")).await;
    assert_eq!(got.from.thread, None);
    assert_eq!((got.body.quote, got.files), (None, vec![]));
}

pub async fn a_message_in_a_group_arrives_with_its_author_chat_and_id(double: &dyn Double) {
    if !double.habits().groups {
        return;
    }
    let place = double.places().group;
    assert!(place.is_group);
    let [_, bob] = double.people();
    let post = Post { author: bob, ..Post::plain(double, &place, "hello everybody") };
    let got = arrives(double, post).await;
    assert_eq!(got.from.thread, None);
}

pub async fn what_is_special_to_a_parser_arrives_as_it_was_written(double: &dyn Double) {
    let place = double.places().direct;
    arrives(double, Post::plain(double, &place, "5 < 6 & \"7\" > 3, ärger 😀 日本語")).await;
}

pub async fn two_lines_arrive_as_two_lines(double: &dyn Double) {
    let place = double.places().direct;
    arrives(double, Post::plain(double, &place, "first line\nsecond line")).await;
}

pub async fn a_mention_is_told_from_no_mention(double: &dyn Double) {
    if !double.habits().groups {
        return;
    }
    let mut driven = Driven::connect(double).await;
    let group = double.places().group;
    let post = Post::plain(double, &group, "are you there?");
    double.post(Post { mention: true, ..post.clone() }).await;
    double.post(post.clone()).await;
    let got = driven.messages(2).await;
    assert!(got.iter().all(|it| it.body.text.contains(&post.text)), "{got:?}");
    assert_eq!([got[0].mentioned, got[1].mentioned], [double.habits().mentions, false]);
}

pub async fn a_reply_to_the_bot_means_the_bot(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    if !double.habits().groups || !double.habits().quotes || !double.habits().mentions {
        return;
    }
    let group = double.places().group;
    let ours = driven.send_text(&group, "anything else?").await;
    let post = Post::plain(double, &group, "yes, one thing");
    double.post(Post { reply_to: Some(ours), ..post }).await;
    let got = driven.message().await;
    assert!(got.mentioned, "{got:?}");
    assert!(got.body.quote.is_some_and(|it| it.text.contains("anything else?")));
}

pub async fn a_reply_quotes_what_it_replies_to(double: &dyn Double) {
    let places = double.places();
    if !double.habits().groups || !double.habits().quotes {
        return;
    }
    let mut driven = Driven::connect(double).await;
    let [ann, bob] = double.people();
    let first = Post { author: ann.clone(), ..Post::plain(double, &places.group, "shall we eat?") };
    let id = double.post(first).await;
    let reply = Post { author: bob, ..Post::plain(double, &places.group, "at noon") };
    double.post(Post { reply_to: Some(id), ..reply }).await;
    let got = driven.messages(2).await;
    assert_eq!(got[0].body.quote, None);
    let quote = got[1].body.quote.clone().unwrap_or_else(|| panic!("no quote: {:?}", got[1]));
    assert_eq!(quote.sender, ann.1);
    assert!(quote.text.contains("shall we eat?"), "{quote:?}");
    assert!(got[1].body.text.contains("at noon"));
    assert!(!got[1].body.text.contains("shall we eat?"), "the quote is not part of the text");
}

pub async fn a_thread_is_told_from_its_chat(double: &dyn Double) {
    let driven = Driven::connect(double).await;
    let Some(thread) = double.places().thread else {
        assert!(!double.habits().groups, "the double has no thread to show");
        return;
    };
    assert!(thread.thread.is_some());
    drop(driven);
    arrives(double, Post::plain(double, &thread, "in here")).await;
}

/// The host tells people what was refused, by its outbox, and not every sender. Only where somebody
/// waits for an answer of the protocol, a source tells them; it never sends a text.
pub async fn a_refusal_is_told_only_to_a_sender_that_waits(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    driven.post(&place, "not for anybody").await;
    driven.batch_with_events().await;
    driven.settle(|_| Verdict::Ignored).await;
    driven.post(&place, "for a full disk").await;
    driven.batch_with_events().await;
    driven.settle(|_| Verdict::Refused("the disk is full; try later".into())).await;
    driven.post(&place, "good").await;
    assert_eq!(driven.message().await.body.text, "good");
    let waits = usize::from(double.habits().ends_waits);
    eventually("what a sender waits for", async || double.visible().await.len() == 2 * waits).await;
    assert_eq!(told(double, &place, "disk is full").await, waits, "{:#?}", double.visible().await);
}

async fn told(double: &dyn Double, place: &TestChat, words: &str) -> usize {
    let all = double.visible().await;
    all.iter().filter(|it| it.place == *place && it.text.contains(words)).count()
}
