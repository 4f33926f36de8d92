//! Adapters that lose one fact of what they receive or send.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, ChannelError, Connection, Cursor, DeliverError, Event, FetchError,
    Gap, Me, Part, Registration, Sink, Source, Verdict, Writer,
};
use domain::message::{AuthorKind, Body, Change, Incoming};
use domain::outgoing::Content;
use harness::conformance::checks::{chats, continuity, deeds, files, sending};
use harness::conformance::{
    Deed, Double, Fault, Happening, Post, Rang, TestChat, TestChats, Visible,
};
use harness::courier::FakeCourier;
use harness::platform::PUBLIC;
use harness::platform::double::MemoryDouble;
use tokio::task::{JoinSet, LocalSet};

/// What is done to each event that is received, and to each part before it is sent.
#[derive(Clone, Copy, Debug)]
struct Spoil {
    event: fn(Event) -> Option<Event>,
    part: fn(Part) -> Part,
    me: fn(Me) -> Me,
}

const NOTHING: Spoil = Spoil { event: Some, part: |it| it, me: |it| it };

/// Counts what is made new each time.
static MADE: AtomicUsize = AtomicUsize::new(0);

fn made() -> String {
    format!("made-{}", MADE.fetch_add(1, Ordering::SeqCst))
}

fn memory(spoil: Spoil) -> &'static dyn Double {
    Box::leak(Box::new(Spoiled::new(spoil, Box::new(MemoryDouble::locked(PUBLIC)))))
}

fn of_event(event: fn(Event) -> Option<Event>) -> &'static dyn Double {
    memory(Spoil { event, ..NOTHING })
}

fn of_part(part: fn(Part) -> Part) -> &'static dyn Double {
    memory(Spoil { part, ..NOTHING })
}

/// Spoils messages alone.
macro_rules! of_message {
    ($message:ident => $spoil:expr) => {
        of_event(|event| {
            let Event::Message(mut $message) = event else { return Some(event) };
            $spoil;
            Some(Event::Message($message))
        })
    };
}

fn body(message: &mut Incoming) -> &mut Body {
    &mut message.body
}

#[tokio::test(start_paused = true)]
async fn what_people_do_that_is_told_wrongly_is_found() {
    let of = of_message!(it => if let Some(Change::Edited { of }) = &mut it.body.change { of.push('x') });
    fails(of, "edits another", deeds::an_edit_says_what_was_changed_and_by_whom, "left == right")
        .await;
    let same = of_message!(it => if it.body.change.is_some() { it.platform_id = "changed".into() });
    fails(same, "one id for all edits", deeds::two_edits_are_told_apart, "taken for the first")
        .await;
    let unmeant = of_message!(it => it.mentioned = false);
    fails(unmeant, "edits mean nobody", deeds::a_mention_that_is_added_later_is_told, "mentioned")
        .await;
    let again =
        of_message!(it => if it.body.change.is_some() { body(&mut it).text = "at noon".into() });
    fails(again, "tells what is gone", deeds::a_deletion_says_what_is_gone, "told again").await;
    let stays = of_message!(it => if let Some(Change::Reacted { added, .. }) = &mut it.body.change { *added = true });
    fails(
        stays,
        "reactions stay",
        deeds::a_reaction_to_the_bot_is_told_and_its_end,
        "left == right",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_message_has_and_is_not_told_is_found() {
    let torn = of_message!(it => it.files.truncate(1));
    fails(torn, "tears albums", deeds::an_album_is_one_message_with_all_its_files, "left == right")
        .await;
    let own = of_message!(it => body(&mut it).forwarded_from = None);
    fails(own, "forwards are own words", deeds::a_forward_says_whose_words_it_has, "sender's own")
        .await;
    let own = of_message!(it => it.files.iter_mut().for_each(|it| it.is_quoted = false));
    fails(
        own,
        "quoted files are own",
        deeds::files_of_a_quoted_message_come_with_the_question,
        "is_quoted",
    )
    .await;
    let silent = of_message!(it => body(&mut it).unread = None);
    fails(silent, "passes over", deeds::what_cannot_be_read_is_named, "in silence").await;
    let person = of_message!(it => body(&mut it).sender.kind = AuthorKind::Person);
    fails(
        person,
        "a group is a person",
        deeds::an_identity_of_several_people_is_told_apart,
        "left == right",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_chats_and_is_not_told_is_found() {
    let left = chats::a_chat_that_the_bot_leaves_and_enters_is_told;
    let stays = of_event(|it| if matches!(it, Event::Left(_)) { None } else { Some(it) });
    fails(stays, "never leaves", left, "waited 20 s").await;
    let nobody = of_event(|mut event| {
        if let Event::Reachable { by, .. } = &mut event {
            *by = None;
        }
        Some(event)
    });
    fails(nobody, "nobody let it in", left, "is not told").await;
    let untitled = of_event(|mut event| {
        if let Event::Renamed { title, .. } = &mut event {
            title.clear();
        }
        Some(event)
    });
    fails(untitled, "loses titles", chats::a_new_title_of_a_chat_is_told, "left == right").await;
    let other = of_event(|mut event| {
        if let Event::Undelivered { id, .. } = &mut event {
            id.clear();
        }
        Some(event)
    });
    let receipt = chats::what_did_not_arrive_after_all_is_told;
    fails(other, "of another message", receipt, "another message").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_and_not_as_it_was_asked_is_found() {
    let rings = of_part(|it| Part { silent: false, ..it });
    fails(rings, "rings", sending::a_silent_text_rings_nobody_up_and_another_does, "left == right")
        .await;
    let unnamed = of_part(|it| Part { notify: None, ..it });
    fails(
        unnamed,
        "names nobody",
        sending::a_silent_text_rings_nobody_up_and_another_does,
        "left == right",
    )
    .await;
    let stays = of_part(|mut part| {
        if let Content::Delete { target } = part.content {
            part.content = Content::Reaction { target, emoji: String::new() };
        }
        part
    });
    fails(stays, "deletes nothing", sending::a_message_of_ours_is_taken_away, "left == right")
        .await;
    let first = of_part(|mut part| {
        if let Content::Album(files) = &mut part.content {
            files.truncate(1);
        }
        part
    });
    fails(first, "sends one of three", files::several_files_go_out_together, "left == right").await;
    let another = memory(Spoil { me: |it| Me { id: made(), ..it }, ..NOTHING });
    let renewed = continuity::a_renewed_credential_goes_on_where_the_former_stopped;
    fails(another, "is another each time", renewed, "another bot").await;
}

/// The platform in memory knows no keys.
#[tokio::test]
async fn a_key_that_is_another_with_each_attempt_is_found() {
    let spoil = Spoil { part: |it| Part { key: made(), ..it }, ..NOTHING };
    let courier = Box::new(FakeCourier::start().await);
    let double = Box::leak(Box::new(Spoiled::new(spoil, courier)));
    let check = sending::the_same_part_again_is_shown_once_where_the_platform_knows_it;
    fails(double, "new keys", check, "shown again").await;
}

/// Runs a check, which has to fail and to say why.
pub(super) async fn fails<F>(
    double: &'static dyn Double,
    flaw: &str,
    check: impl FnOnce(&'static dyn Double) -> F,
    says: &str,
) where
    F: Future<Output = ()> + 'static,
{
    let mut running = JoinSet::new();
    let local = LocalSet::new();
    running.spawn_local_on(check(double), &local);
    let ended = local.run_until(running.join_next()).await;
    let Some(Err(ended)) = ended else { panic!("{flaw} was not found") };
    let said = ended.into_panic();
    let text = said.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| said.downcast_ref::<&str>().copied()).unwrap_or_default();
    assert!(text.contains(says), "{flaw} was found, but it said {text:?}");
}

/// A double behind an adapter that spoils something.
struct Spoiled {
    inner: Box<dyn Double>,
    registration: &'static Registration,
}

impl Spoiled {
    fn new(spoil: Spoil, inner: Box<dyn Double>) -> Self {
        let good = inner.registration();
        let adapter = Box::leak(Box::new(SpoiledAdapter { spoil, good: good.adapter }));
        let (name, needs, caps) = (good.name, good.needs, good.caps);
        let registration = Box::leak(Box::new(Registration { name, needs, caps, adapter }));
        Self { inner, registration }
    }
}

#[async_trait]
impl Double for Spoiled {
    fn registration(&self) -> &'static Registration {
        self.registration
    }

    fn account(&self) -> Account {
        self.inner.account()
    }

    fn account_with_wrong_credential(&self) -> Account {
        self.inner.account_with_wrong_credential()
    }

    fn places(&self) -> TestChats {
        self.inner.places()
    }

    async fn post(&self, post: Post) -> String {
        self.inner.post(post).await
    }

    async fn act(&self, deed: Deed) -> Option<String> {
        self.inner.act(deed).await
    }

    async fn happen(&self, happening: Happening) -> bool {
        self.inner.happen(happening).await
    }

    async fn renew(&self) -> Option<Account> {
        self.inner.renew().await
    }

    async fn click(&self, place: &TestChat, message: &str, data: &str, by: &str) {
        self.inner.click(place, message, data, by).await;
    }

    async fn visible(&self) -> Vec<Visible> {
        self.inner.visible().await
    }

    async fn rang(&self, message: &str) -> Option<Rang> {
        self.inner.rang(message).await
    }

    async fn typing_count(&self) -> usize {
        self.inner.typing_count().await
    }

    async fn fault(&self, fault: Fault) {
        self.inner.fault(fault).await;
    }
}

#[derive(Debug)]
struct SpoiledAdapter {
    spoil: Spoil,
    good: &'static dyn Adapter,
}

#[async_trait]
impl Adapter for SpoiledAdapter {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let Connection { me, caps, source, sink } = self.good.connect(account).await?;
        let source = Box::new(SpoiledSource { spoil: self.spoil, good: source });
        let sink = Arc::new(SpoiledSink { spoil: self.spoil, good: sink });
        Ok(Connection { me: (self.spoil.me)(me), caps, source, sink })
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        self.good.check(account).await.map(self.spoil.me)
    }
}

#[derive(Debug)]
struct SpoiledSource {
    spoil: Spoil,
    good: Box<dyn Source>,
}

#[async_trait]
impl Source for SpoiledSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        let Batch { events, cursor } = self.good.receive(after).await?;
        Ok(Batch { events: events.into_iter().filter_map(self.spoil.event).collect(), cursor })
    }

    fn gap(&mut self) -> Option<Gap> {
        self.good.gap()
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        self.good.settle(verdicts).await
    }
}

#[derive(Debug)]
struct SpoiledSink {
    spoil: Spoil,
    good: Arc<dyn Sink>,
}

#[async_trait]
impl Sink for SpoiledSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let out = &self.good;
        out.deliver(&(self.spoil.part)(part.clone())).await
    }

    async fn fetch(&self, source: &str, max: u64, into: Writer<'_>) -> Result<(), FetchError> {
        self.good.fetch(source, max, into).await
    }
}
