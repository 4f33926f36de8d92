//! The double against a client that we did not write.

use std::time::Duration;

use harness::conformance::{Deed, Double, Fault, Post, TestChat, Visible};
use harness::discord::{FakeDiscord, TOKEN};
use harness::foreign::{self, Program};
use serde_json::json;

use super::rig::ANN;

/// <https://discord.js.org>
async fn started(double: &FakeDiscord, token: &str) -> Program {
    let mut node = foreign::node(&["discord.js@14.28.1"], "channels/discord/discord_js.cjs").await;
    node.args([&double.api_url(), &double.cdn_url(), token]);
    Program::start(node)
}

#[tokio::test]
async fn discord_js_talks_with_the_double_as_with_discord() {
    let double = FakeDiscord::start().await;
    let mut client = started(&double, TOKEN).await;
    let general = double.general();
    assert_eq!(client.says("OK ready").await, format!("nano Home {general} 1"));
    let (reply, card) = talks(&double, &mut client).await;
    does_more_than_writing(&double, &mut client).await;
    let (upload, aside) = sends_files_and_opens_a_thread(&double, &mut client).await;
    talks_in_private_and_meets_limits(&double, &mut client).await;
    survives_lost_connections(&double, &mut client).await;
    client.says("OK done").await;
    client.ends().await;
    let shown = double.visible().await;
    let of = |id: &String| -> &Visible { shown.iter().find(|it| it.id == *id).unwrap() };
    assert_eq!(of(&reply).text, "hello Ann");
    let card = of(&card);
    assert_eq!((card.text.as_str(), card.buttons.len(), card.edits), ("you chose 2", 0, 1));
    let figures = ("figures 1.csv".to_owned(), b"1,2,3\n".to_vec());
    assert_eq!((of(&upload).text.as_str(), &of(&upload).files), ("the figures", &vec![figures]));
    assert_eq!((&of(&aside).place.chat, of(&aside).text.as_str()), (&general, "in the thread"));
    assert_eq!(double.presses(), (2, 2));
    assert_eq!(double.typing_count().await, 1);
}

/// Returns the ids of what it sent.
async fn talks(double: &FakeDiscord, client: &mut Program) -> (String, String) {
    let group = double.places().group;
    let post = Post { mention: true, ..Post::plain(double, &group, "are you there?") };
    double.post(post).await;
    assert_eq!(client.says("OK message").await, "Ann true are you there?");
    let reply = client.says("OK reply").await;
    let card = client.says("OK card").await;
    double.click(&group, &card, "choice-2", ANN).await;
    assert_eq!(client.says("OK press").await, "choice-2 Ann true");
    assert_eq!(client.says("OK again").await, "400 40060");
    assert_eq!(client.says("OK edit").await, "0");
    assert_eq!(client.says("OK reaction").await, "true you chose 2");
    assert_eq!(client.says("OK unreaction").await, "true");
    let (reply, references) = reply.split_once(' ').unwrap();
    assert_eq!(references, "true");
    (reply.to_owned(), card)
}

async fn does_more_than_writing(double: &FakeDiscord, client: &mut Program) {
    let post = Post::plain(double, &double.places().group, "at noon");
    let id = double.post(post.clone()).await;
    double
        .act(Deed::Edit { of: id.clone(), post: Post { text: "at one".into(), ..post.clone() } })
        .await;
    assert_eq!(client.says("OK edited").await, "true at one");
    for (added, step) in [(true, "OK reacted"), (false, "OK unreacted")] {
        double.react(&id, ANN, "👍", added);
        assert_eq!(client.says(step).await, format!("{added} {ANN} 👍"));
    }
    double.delete(&id);
    assert_eq!(client.says("OK deleted").await, "true");
    double.act(Deed::Forward { from: "Mallory".into(), post }).await;
    assert_eq!(client.says("OK forward").await, "at noon");
    let answers = json!([{ "answer_id": 1, "poll_media": { "text": "Yes" } }]);
    let poll = json!({
        "question": { "text": "Tea?" }, "answers": answers, "expiry": null, "layout_type": 1,
        "allow_multiselect": false,
    });
    double.write_with(&double.general(), ANN, "", json!({ "poll": poll }));
    assert_eq!(client.says("OK poll").await, "Tea? Yes");
    double.rename(&double.general(), "lobby");
    assert_eq!(client.says("OK renamed").await, "lobby");
    double.rename(&double.general(), "general");
    assert_eq!(client.says("OK flags").await, (1 << 2 | 1 << 12).to_string());
    assert_eq!(client.says("OK taken-away").await, "404 10008");
    assert_eq!(client.says("OK album").await, "2");
    assert_eq!(client.says("OK menu").await, "1 status");
    double.choose(&double.general(), ANN, "status", "all");
    assert_eq!(client.says("OK command").await, "status all Ann");
    assert_eq!(double.whispers(), ["received", "and more"]);
}

async fn sends_files_and_opens_a_thread(
    double: &FakeDiscord,
    client: &mut Program,
) -> (String, String) {
    let places = double.places();
    let upload = client.says("OK upload").await;
    let files = vec![("notes.txt".into(), "text/x-notes".into(), b"some notes".to_vec())];
    double.post(Post { files, ..Post::plain(double, &places.group, "read this") }).await;
    assert_eq!(client.says("OK download").await, "notes.txt text/x-notes some notes");
    let made = client.says("OK thread").await;
    let [thread, sent, "true"] = made.split(' ').collect::<Vec<_>>()[..] else { panic!("{made}") };
    let aside = TestChat { thread: Some(thread.to_owned()), ..places.group };
    double.post(Post::plain(double, &aside, "in here")).await;
    assert_eq!(client.says("OK in-thread").await, "true general in here");
    (upload.split(' ').next().unwrap().to_owned(), sent.to_owned())
}

async fn talks_in_private_and_meets_limits(double: &FakeDiscord, client: &mut Program) {
    let places = double.places();
    double.post(Post::plain(double, &places.direct, "psst")).await;
    assert_eq!(client.says("OK private").await, "true true psst");
    assert_eq!(client.says("OK direct").await, "true");
    assert_eq!(client.says("OK nonce").await, "true");
    assert_eq!(client.says("OK too-long").await, "400 50035");
    assert_eq!(client.says("OK empty").await, "400 50006");
    assert_eq!(client.says("OK nowhere").await, "404 10003");
    assert_eq!(client.says("OK after").await, "0");
    client.says("OK typing").await;
    double.fault(Fault::Throttle(Duration::from_millis(1_200))).await;
    double.post(Post::plain(double, &places.group, "now send")).await;
    let sent = client.says("OK throttled").await;
    assert_eq!(double.written(&sent), "sent after a wait");
}

async fn survives_lost_connections(double: &FakeDiscord, client: &mut Program) {
    let group = double.places().group;
    double.fault(Fault::Disconnect).await;
    double.post(Post::plain(double, &group, "after the break")).await;
    assert_eq!(client.says("OK broken").await, "after the break");
    double.ask_to_reconnect(true);
    double.post(Post::plain(double, &group, "after the question")).await;
    assert_eq!(client.says("OK asked").await, "after the question");
    assert_eq!(double.sessions(), (1, 2), "sessions were resumed");
}

#[tokio::test]
async fn discord_js_is_told_that_its_token_is_wrong() {
    let double = FakeDiscord::start().await;
    let mut client = started(&double, "MTA5.double.another").await;
    assert!(client.says("FAILED").await.contains("invalid token"));
}

#[tokio::test]
async fn discord_js_is_told_that_it_may_not_read_messages() {
    let double = FakeDiscord::start().await;
    double.content_is_off();
    let mut client = started(&double, TOKEN).await;
    assert!(client.says("FAILED").await.contains("disallowed intents"));
}
