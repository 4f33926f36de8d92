//! The double against clients that we did not write.

use std::time::Duration;

use harness::conformance::{Double, Fault, Post, Visible};
use harness::foreign::{self, Program};
use harness::telegram::{FakeTelegram, TOKEN, USERNAME};

/// <https://grammy.dev>
#[tokio::test]
async fn grammy_talks_with_the_double_as_with_telegram() {
    let double = FakeTelegram::start().await;
    let mut node = foreign::node(&["grammy@1.46.0"], "channels/telegram/grammy.cjs").await;
    node.args([&double.url(), TOKEN]);
    every_step_is_taken(&double, Program::start(node)).await;
    assert_eq!(double.calls("sendRichMessage").len(), 1);
}

/// <https://docs.python-telegram-bot.org>
#[tokio::test]
async fn python_telegram_bot_talks_with_the_double_as_with_telegram() {
    let double = FakeTelegram::start().await;
    let script = "channels/telegram/python_telegram_bot.py";
    let mut python = foreign::python(&["python-telegram-bot==22.8"], script).await;
    python.args([&double.url(), TOKEN]);
    every_step_is_taken(&double, Program::start(python)).await;
}

/// Both clients take the same steps and say the same lines.
async fn every_step_is_taken(double: &FakeTelegram, mut client: Program) {
    let place = double.places().direct;
    let [(ann, _), _] = double.people();
    assert_eq!(client.says("OK getMe").await, USERNAME);
    let hello = double.post(Post::plain(double, &place, "hello")).await;
    let reply = format!("{}:{}", place.chat, client.says("OK reply").await);
    let card = format!("{}:{}", place.chat, client.says("OK keyboard").await);
    double.click(&place, &card, "choice-2", &ann).await;
    assert_eq!(client.says("OK callback").await, "choice-2");
    client.says("OK edit").await;
    let document = format!("{}:{}", place.chat, client.says("OK document").await);
    let post = Post::plain(double, &place, "read this");
    let files = vec![("notes.txt".into(), "text/x-notes".into(), b"some notes".to_vec())];
    double.post(Post { files, ..post }).await;
    assert_eq!(client.says("OK download").await, "some notes");
    client.says("OK reaction").await;
    client.says("OK parse-error").await;
    client.says("OK too-long").await;
    double.fault(Fault::Throttle(Duration::from_secs(3))).await;
    client.tell("throttled").await;
    assert_eq!(client.says("OK throttle").await, "3");
    client.says("OK done").await;
    client.ends().await;
    let shown = double.visible().await;
    let of = |id: &String| -> &Visible { shown.iter().find(|it| it.id == *id).unwrap() };
    assert_eq!(of(&reply).text, "hello Ann & co");
    assert_eq!(
        (of(&card).text.as_str(), of(&card).buttons.len(), of(&card).edits),
        ("you chose 2", 0, 1)
    );
    let figures = ("figures.csv".to_owned(), b"1,2,3\n".to_vec());
    assert_eq!(
        (of(&document).text.as_str(), &of(&document).files),
        ("the figures", &vec![figures])
    );
    assert_eq!(of(&card).reactions, ["👍"]);
    assert_eq!(double.answered_presses().len(), 1);
    assert!(!hello.is_empty());
    assert_eq!(double.waiting_updates(), 0, "a client that stops confirms what it read");
}
