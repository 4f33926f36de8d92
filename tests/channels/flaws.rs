//! Adapters with one flaw each. Every flaw is one that an adapter could well have, and the suite
//! finds it and says what is wrong.

mod facts;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, Caps, ChannelError, Connection, Cursor, DeliverError, Event,
    ExposeSecret, FetchError, Gap, Part, Pulse, Registration, Sink, Source, Verdict,
};
use domain::message::Address;
use domain::outgoing::Content;
use harness::conformance::checks::{
    cards, continuity, files, order, receiving, sending, texts, trouble,
};
use harness::conformance::{Deed, Double, Fault, Post, TestChat, TestChats, Visible};
use harness::platform::PUBLIC;
use harness::platform::double::MemoryDouble;
use tokio::io::AsyncWrite;
use tokio::time::{Duration, sleep};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    /// Goes on behind what it yielded, committed or not.
    AcknowledgesEarly,
    /// Has moved on before its future is ready.
    LosesWhenDropped,
    /// Begins at the beginning with every connection.
    IgnoresTheCursor,
    /// Makes the ids of messages itself.
    NewIds,
    SwapsOrder,
    ForgetsTheThread,
    TakesEverythingForAMention,
    /// Shows what the host refused.
    ShowsRefusals,
    StopsForGood,
    ShowsTheCredential,
    DropsButtons,
    AppendsInsteadOfEditing,
    EscapesTooMuch,
    CutsLongTexts,
    RefusesWhenThrottled,
    TakesALostAnswerForNone,
    SaysNothingOfARepeat,
    FetchesWhatIsTooLarge,
    SwallowsReactions,
    NeverReturns,
    GivesNoSignsOfLife,
    SaysNothingOfTheGap,
    SaysItAgain,
    FearsTheWorst,
    /// Says that what came meanwhile is covered, and goes on behind it.
    ClaimsWhatItLost,
}

/// Runs a check against the platform in memory behind an adapter with a flaw. The clock is paused,
/// so a check whose wait fails ends at once.
async fn finds<F>(flaw: Flaw, check: impl FnOnce(&'static dyn Double) -> F, says: &str)
where
    F: Future<Output = ()> + 'static,
{
    let double = Box::leak(Box::new(Flawed::new(flaw)));
    facts::fails(double, &format!("{flaw:?}"), check, says).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_or_comes_twice_is_found() {
    let again = order::what_was_not_committed_comes_again_under_the_same_ids;
    finds(Flaw::AcknowledgesEarly, again, "waited 20 s").await;
    finds(Flaw::NewIds, again, "left == right").await;
    finds(Flaw::LosesWhenDropped, order::a_receive_that_is_dropped_loses_nothing, "lost").await;
    let once = order::what_was_committed_does_not_come_again;
    finds(Flaw::IgnoresTheCursor, once, "more arrived than was posted").await;
    finds(Flaw::StopsForGood, trouble::a_broken_connection_loses_nothing, "Misconfigured").await;
}

#[tokio::test(start_paused = true)]
async fn what_arrives_differently_is_found() {
    let order = order::messages_arrive_in_the_order_in_which_they_were_written;
    finds(Flaw::SwapsOrder, order, "left == right").await;
    let thread = receiving::a_thread_is_told_from_its_chat;
    finds(Flaw::ForgetsTheThread, thread, "left == right").await;
    let mention = receiving::a_mention_is_told_from_no_mention;
    finds(Flaw::TakesEverythingForAMention, mention, "left == right").await;
    let told = receiving::a_refusal_is_told_only_to_a_sender_that_waits;
    finds(Flaw::ShowsRefusals, told, "what a sender waits for").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_differently_is_found() {
    finds(Flaw::DropsButtons, cards::a_card_shows_its_text_and_buttons, "left == right").await;
    let edit = cards::an_edit_replaces_the_text_and_takes_the_buttons_away;
    finds(Flaw::AppendsInsteadOfEditing, edit, "text: \"May I?\"").await;
    let survive = texts::characters_that_mean_something_to_a_platform_survive;
    finds(Flaw::EscapesTooMuch, survive, "is missing").await;
    finds(Flaw::CutsLongTexts, texts::the_longest_text_is_one_message, "is cut or changed").await;
    finds(Flaw::SwallowsReactions, cards::a_reaction_is_set_and_taken_away, "left == right").await;
    let large = files::a_file_that_is_too_large_is_not_fetched;
    finds(Flaw::FetchesWhatIsTooLarge, large, "Ok(300000)").await;
}

#[tokio::test(start_paused = true)]
async fn trouble_that_is_sorted_wrongly_is_found() {
    let limit = trouble::a_rate_limit_says_how_long_to_wait;
    finds(Flaw::RefusesWhenThrottled, limit, "Refused").await;
    let lost = trouble::a_lost_answer_is_told_and_a_repeat_is_marked;
    finds(Flaw::TakesALostAnswerForNone, lost, "Unreachable").await;
    finds(Flaw::SaysNothingOfARepeat, lost, "has no mark").await;
    let wrong = trouble::a_wrong_credential_is_told_apart;
    finds(Flaw::ShowsTheCredential, wrong, "shows the credential").await;
    finds(Flaw::NeverReturns, sending::a_private_chat_is_opened_with_a_person, "waited 20 s").await;
}

#[tokio::test(start_paused = true)]
async fn silence_and_gaps_that_are_not_told_are_found() {
    let alive = continuity::it_gives_signs_of_life_while_nothing_happens;
    finds(Flaw::GivesNoSignsOfLife, alive, "waited 20 s for a sign of life").await;
    let stated = continuity::what_became_of_a_gap_is_stated_while_nothing_happens;
    finds(Flaw::SaysNothingOfTheGap, stated, "waited 20 s for the gap to be stated").await;
    finds(Flaw::FearsTheWorst, stated, "is not believed").await;
    let once = continuity::what_became_of_a_gap_is_stated_once;
    finds(Flaw::SaysItAgain, once, "stated again").await;
    let holds = continuity::a_broken_connection_is_followed_by_a_statement_that_holds;
    finds(Flaw::ClaimsWhatItLost, holds, "waited 20 s").await;
    let first = continuity::the_first_connection_misses_nothing;
    finds(Flaw::FearsTheWorst, first, "could have missed").await;
}

/// The platform in memory behind an adapter with a flaw.
#[derive(Debug)]
struct Flawed {
    inner: MemoryDouble,
    registration: &'static Registration,
}

impl Flawed {
    fn new(flaw: Flaw) -> Self {
        // As a terminal does.
        let owner_only = flaw == Flaw::ShowsRefusals;
        let inner = MemoryDouble::locked(Caps { owner_only, ..PUBLIC });
        let good = inner.registration();
        let read = Arc::new(AtomicUsize::new(0));
        let adapter = Box::leak(Box::new(FlawedAdapter { flaw, good, read }));
        let registration =
            Registration { name: good.name, needs: good.needs, caps: good.caps, adapter };
        Self { inner, registration: Box::leak(Box::new(registration)) }
    }
}

#[async_trait]
impl Double for Flawed {
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

    async fn click(&self, place: &TestChat, message: &str, data: &str, by: &str) {
        self.inner.click(place, message, data, by).await;
    }

    async fn visible(&self) -> Vec<Visible> {
        self.inner.visible().await
    }

    async fn typing_count(&self) -> usize {
        self.inner.typing_count().await
    }

    async fn quiet(&self) {
        self.inner.quiet().await;
    }

    async fn fault(&self, fault: Fault) {
        self.inner.fault(fault).await;
    }
}

#[derive(Debug)]
struct FlawedAdapter {
    flaw: Flaw,
    good: &'static Registration,
    /// How far anything was read, over all connections; also counts them where that is all.
    read: Arc<AtomicUsize>,
}

#[async_trait]
impl Adapter for FlawedAdapter {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let mut account = account.clone();
        if self.flaw == Flaw::GivesNoSignsOfLife {
            account.pulse = Pulse::default();
        }
        let Connection { source, sink, me, caps } = match self.good.adapter.connect(&account).await
        {
            Err(ChannelError::Unauthorized(_)) if self.flaw == Flaw::ShowsTheCredential => {
                let word = account.require("fake", "token")?.expose_secret();
                return Err(ChannelError::Unauthorized(format!("it is not {word}").into()));
            }
            connected => connected?,
        };
        let source = FlawedSource {
            flaw: self.flaw,
            good: source,
            read: Arc::clone(&self.read),
            is_first: true,
            skips: self.flaw == Flaw::ClaimsWhatItLost && account.heard_until.is_some(),
        };
        let sink = FlawedSink { flaw: self.flaw, good: sink };
        Ok(Connection { me, caps, source: Box::new(source), sink: Arc::new(sink) })
    }
}

#[derive(Debug)]
struct FlawedSource {
    flaw: Flaw,
    good: Box<dyn Source>,
    read: Arc<AtomicUsize>,
    is_first: bool,
    /// The next batch is lost.
    skips: bool,
}

impl FlawedSource {
    fn goes_on_automatically(&self) -> bool {
        matches!(self.flaw, Flaw::AcknowledgesEarly | Flaw::LosesWhenDropped)
    }

    fn start(&self, after: &Cursor) -> Cursor {
        if self.goes_on_automatically() {
            return Cursor(self.read.load(Ordering::SeqCst).to_string());
        }
        let forgets = self.flaw == Flaw::IgnoresTheCursor && self.is_first;
        if forgets { Cursor::default() } else { after.clone() }
    }

    fn spoil(&self, events: &mut Vec<Event>) {
        if self.flaw == Flaw::SwapsOrder {
            events.reverse();
        }
        for event in events {
            let Event::Message(message) = event else { continue };
            if self.flaw == Flaw::NewIds {
                let n = self.read.fetch_add(1, Ordering::SeqCst);
                message.platform_id = format!("mine-{n}");
            }
            if self.flaw == Flaw::ForgetsTheThread {
                message.from.thread = None;
            }
            message.mentioned |= self.flaw == Flaw::TakesEverythingForAMention;
        }
    }
}

#[async_trait]
impl Source for FlawedSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        let start = self.start(after);
        let received = self.good.receive(&start).await;
        if self.flaw == Flaw::StopsForGood && received.is_err() {
            return Err(ChannelError::Misconfigured("it went away".into()));
        }
        let mut batch = received?;
        self.is_first = false;
        if std::mem::take(&mut self.skips) {
            batch.events.clear();
        }
        if self.goes_on_automatically() {
            self.read.store(batch.cursor.0.parse().unwrap(), Ordering::SeqCst);
        }
        if self.flaw == Flaw::LosesWhenDropped {
            sleep(Duration::from_secs(1)).await;
        }
        self.spoil(&mut batch.events);
        Ok(batch)
    }

    fn gap(&mut self) -> Option<Gap> {
        let gap = self.good.gap();
        if self.flaw == Flaw::SaysNothingOfTheGap {
            None
        } else if self.flaw == Flaw::SaysItAgain {
            gap.or(Some(Gap::None))
        } else if self.flaw == Flaw::FearsTheWorst {
            gap.map(|_| Gap::Unknown)
        } else {
            gap
        }
    }

    async fn settle(&mut self, verdicts: &[Verdict]) -> Result<(), ChannelError> {
        self.good.settle(verdicts).await
    }
}

#[derive(Debug)]
struct FlawedSink {
    flaw: Flaw,
    good: Arc<dyn Sink>,
}

impl FlawedSink {
    fn spoil(&self, part: &mut Part) {
        let text = part.content.text().to_owned();
        match (self.flaw, &part.content) {
            (Flaw::DropsButtons, Content::Card(_)) => part.content = Content::Text(text),
            (Flaw::AppendsInsteadOfEditing, Content::Edit { card, .. }) => {
                part.content = Content::Card(card.clone());
            }
            (Flaw::EscapesTooMuch, Content::Text(_)) => {
                part.content = Content::Text(text.replace('&', "&amp;"));
            }
            (Flaw::CutsLongTexts, Content::Text(_)) => {
                part.content = Content::Text(text.chars().take(2_000).collect());
            }
            (Flaw::SaysNothingOfARepeat, _) => part.repeat = false,
            _ => {}
        }
    }
}

#[async_trait]
impl Sink for FlawedSink {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let mut part = part.clone();
        self.spoil(&mut part);
        if self.flaw == Flaw::SwallowsReactions
            && let Content::Reaction { target, .. } = &part.content
        {
            return Ok(target.clone());
        }
        let out = &self.good;
        match (self.flaw, out.deliver(&part).await) {
            (Flaw::RefusesWhenThrottled, Err(DeliverError::Throttled { .. })) => {
                Err(DeliverError::Refused("too fast".into()))
            }
            (Flaw::TakesALostAnswerForNone, Err(DeliverError::Unknown(why))) => {
                Err(DeliverError::Unreachable(why))
            }
            (_, delivered) => delivered,
        }
    }

    async fn working(&self, chat: &Address) {
        self.good.working(chat).await;
    }

    async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), FetchError> {
        let ignored = self.flaw == Flaw::FetchesWhatIsTooLarge;
        self.good.fetch(source, if ignored { u64::MAX } else { bytes_max }, into).await
    }

    async fn open_direct(&self, handle: &str) -> Result<String, DeliverError> {
        if self.flaw == Flaw::NeverReturns {
            std::future::pending::<()>().await;
        }
        self.good.open_direct(handle).await
    }
}
