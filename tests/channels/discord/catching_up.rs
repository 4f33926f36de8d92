//! Nothing that was written is lost, whatever becomes of the session.

use harness::conformance::driven::{Driven, click, message};
use harness::conformance::{Double, Fault};
use harness::discord::FakeDiscord;

use super::rig::{ANN, BOB, away, group, ids, settled_in};

#[tokio::test]
async fn what_was_written_while_no_session_lasted_arrives_in_order() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let (places, cursor) = (double.places(), driven.cursor());
    away(&mut driven, &double).await;
    let thread = places.thread.unwrap();
    let mut posted = Vec::new();
    for n in 0..4 {
        for place in [&places.group, &thread] {
            posted.push(driven.post(place, &format!("number {n}")).await);
        }
    }
    driven.reconnect(cursor).await;
    assert_eq!(ids(&driven.messages(8).await), posted);
    assert_eq!(double.sessions(), (2, 0));
    let cursor = driven.cursor();
    driven.reconnect(cursor).await;
    let last = driven.post(&places.group, "the last").await;
    assert_eq!(ids(&driven.messages(1).await), [last]);
    assert_eq!(double.sessions(), (2, 1), "a session that lasts is resumed");
}

#[tokio::test]
async fn private_chats_are_caught_up_too() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let (direct, cursor) = (double.places().direct, driven.cursor());
    away(&mut driven, &double).await;
    let missed = driven.post(&direct, "are you there?").await;
    driven.reconnect(cursor).await;
    let got = driven.message().await;
    assert_eq!((got.platform_id, got.body.chat.is_group), (missed, false));
    assert_eq!(got.body.chat.title, "Ann");
}

#[tokio::test]
async fn a_private_chat_that_only_this_host_wrote_in_is_caught_up() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let chat = driven.sink().open_direct(BOB).await.unwrap();
    driven.post(&double.places().group, "so that it is committed").await;
    driven.message().await;
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    let missed = double.write(&chat, BOB, "who are you?");
    driven.reconnect(cursor).await;
    assert_eq!(driven.message().await.platform_id, missed);
}

#[tokio::test]
async fn more_than_a_page_and_more_than_a_batch_arrive_in_order() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let (place, cursor) = (double.places().group, driven.cursor());
    away(&mut driven, &double).await;
    let mut posted = Vec::new();
    for n in 0..230 {
        posted.push(driven.post(&place, &format!("number {n}")).await);
    }
    driven.reconnect(cursor).await;
    // The host dies when half of it is committed.
    let first = driven.messages(64).await;
    let half = driven.cursor();
    away(&mut driven, &double).await;
    driven.reconnect(half).await;
    // Batches of at most 64, in between pages of 100; none of it twice.
    let mut rest = Vec::new();
    while first.len() + rest.len() < posted.len() {
        rest.extend(driven.batch_with_events().await.into_iter().map(message));
        driven.commit().await;
    }
    assert_eq!([ids(&first), ids(&rest)].concat(), posted);
}

#[tokio::test]
async fn a_server_that_is_out_of_order_is_caught_up_when_it_is_back() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let (places, cursor) = (double.places(), driven.cursor());
    away(&mut driven, &double).await;
    double.withhold("GUILD_CREATE");
    let missed = driven.post(&places.group, "missed in the group").await;
    let private = driven.post(&places.direct, "missed in private").await;
    driven.reconnect(cursor).await;
    assert_eq!(ids(&driven.messages(1).await), [private]);
    // The newest message is committed now. The server's older one is not forgotten for that.
    double.withhold("");
    let cursor = driven.cursor();
    driven.reconnect(cursor).await;
    assert_eq!(ids(&driven.messages(1).await), [missed]);
    let after = driven.post(&places.group, "and on").await;
    assert_eq!(ids(&driven.messages(1).await), [after]);
}

#[tokio::test]
async fn a_channel_that_the_bot_may_not_read_holds_nothing_up() {
    let double = FakeDiscord::start().await;
    let secret = double.add_channel("secret");
    let mut driven = settled_in(&double).await;
    let (place, cursor) = (double.places().group, driven.cursor());
    away(&mut driven, &double).await;
    double.hide(&secret);
    double.write(&secret, ANN, "not for bots");
    let missed = driven.post(&place, "for bots").await;
    driven.reconnect(cursor).await;
    assert_eq!(ids(&driven.messages(1).await), [missed]);
}

#[tokio::test]
async fn what_came_before_anything_was_committed_is_not_lost_with_the_first_session() {
    let double = FakeDiscord::start().await;
    let mut driven = Driven::connect(&double).await;
    assert_eq!(driven.batch().await.events, []);
    driven.commit().await;
    let cursor = driven.cursor();
    away(&mut driven, &double).await;
    let first = driven.post(&double.places().group, "the first of all").await;
    driven.reconnect(cursor).await;
    assert_eq!(ids(&driven.messages(1).await), [first]);
}

#[tokio::test]
async fn a_host_that_never_ran_does_not_read_what_was_written_before_it() {
    let double = FakeDiscord::start().await;
    double.write(&double.general(), ANN, "long ago");
    let mut driven = Driven::connect(&double).await;
    let now = driven.post(&double.places().group, "now").await;
    assert_eq!(ids(&driven.messages(1).await), [now]);
}

#[tokio::test]
async fn a_place_that_is_not_understood_begins_with_now() {
    let double = FakeDiscord::start().await;
    double.write(&double.general(), ANN, "long ago");
    let cursor = channel::Cursor("9;of another program".into());
    let mut driven = Driven::connect_at(&double, cursor).await;
    let now = driven.post(&double.places().group, "now").await;
    assert_eq!(ids(&driven.messages(1).await), [now]);
}

#[tokio::test]
async fn a_broken_connection_is_resumed_with_what_came_meanwhile() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    double.fault(Fault::Disconnect).await;
    let missed = driven.post(&place, "meanwhile").await;
    assert_eq!(ids(&driven.messages(1).await), [missed]);
    double.ask_to_reconnect(true);
    let missed = driven.post(&place, "and again").await;
    assert_eq!(ids(&driven.messages(1).await), [missed]);
    double.wait("the session to be resumed again", |it| it.sessions() == (1, 2)).await;
}

/// Twilight waits 5 seconds before it begins another session, as Discord demands.
#[tokio::test]
async fn a_session_that_ends_is_followed_by_another_and_nothing_is_lost() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    double.withhold("MESSAGE_CREATE");
    let missed = driven.post(&place, "told to nobody").await;
    double.withhold("");
    double.ask_to_reconnect(false);
    assert_eq!(ids(&driven.messages(1).await), [missed]);
    assert_eq!(double.sessions(), (2, 0));
}

#[tokio::test]
async fn a_session_that_discord_does_not_resume_is_followed_by_another() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let place = double.places().group;
    // That the numbers do not agree: no use in resuming it.
    double.close(4007);
    let missed = driven.post(&place, "meanwhile").await;
    assert_eq!(ids(&driven.messages(1).await), [missed]);
    assert_eq!(double.sessions(), (2, 0));
}

#[tokio::test]
async fn a_resumed_session_tells_names_and_threads_as_before() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let cursor = driven.cursor();
    driven.reconnect(cursor).await;
    let thread = double.places().thread.unwrap();
    driven.post(&thread, "in here").await;
    let got = driven.message().await;
    assert_eq!(got.from, driven.address(&thread));
    assert_eq!(got.body.chat.title, "#general (Home)");
    let role = double.bot_role();
    double.write(&double.general(), ANN, &format!("<@&{role}> hello"));
    let got = driven.message().await;
    assert_eq!(got.body.text, "hello", "the bot's role is known again");
    assert_eq!(double.sessions(), (1, 1));
}

#[tokio::test]
async fn a_press_that_was_not_committed_comes_with_the_resumed_session() {
    let double = FakeDiscord::start().await;
    let mut driven = settled_in(&double).await;
    let button = domain::outgoing::Button { label: "Yes".into(), data: "q1:0".into() };
    let card = domain::outgoing::Card { text: "May I?".into(), buttons: vec![button] };
    let place = group(&double.general());
    let id = driven.send(&place, domain::outgoing::Content::Card(card)).await;
    let cursor = driven.cursor();
    driven.disconnect().await;
    double.click(&place, &id, "q1:0", BOB).await;
    driven.reconnect(cursor).await;
    let got = click(driven.next_events(1).await.remove(0));
    assert_eq!((got.sender.id.as_str(), got.data.as_str()), (BOB, "q1:0"));
}
