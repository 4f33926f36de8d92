//! Finds out whom events are for and stores them there.
//!
//! Invariants
//! - Routing never waits for a session, a container or a platform before it answers.
//! - Events of a batch are decided on and stored in one commit, with the cursor behind them. Only an order
//!   to the host ends the commit: it is carried out before what follows, and the cursor moves after it.
//! - A message that nobody may read is stored nowhere.

mod admission_snapshot;
mod admit;
mod changes;
mod commands;
mod orders;

use std::collections::VecDeque;
use std::sync::Arc;

use channel::{Event, Verdict};
use domain::admission::AgentDecision;
use domain::command;
use domain::message::bounds::name;
use domain::message::{Address, Author, Click, Incoming};
use domain::plain::{chain, cut, one_line};
use domain::question::parse_data;
use domain::texts;
use futures_util::future::join_all;
use store::{CentralStore, SessionRow, StoreError};
use tracing::{instrument, warn};

use self::admission_snapshot::AdmissionSnapshot;
use self::orders::Order;
use crate::Result;
use crate::approvals;
use crate::host::{Host, Wake};
use crate::stopping;

/// What is decided on in one commit; nobody else writes meanwhile. More than a platform gives at once.
const EVENTS_MAX: usize = 128;
const BYTES_MAX: usize = 256 * 1024;
/// Of a platform's words for what went wrong.
const WHY_CHARS_MAX: usize = 300;

/// How far an account was read.
#[derive(Clone, Debug)]
pub struct Position {
    pub channel: &'static str,
    pub account: String,
    pub value: String,
    /// How often the account had started over when this was read.
    pub start: i64,
}

impl Position {
    /// Writes it down, unless the account started over meanwhile.
    pub fn store(&self, central: &mut CentralStore) -> Result<()> {
        central.set_cursor(self.channel, &self.account, &self.value, self.start)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Routed {
    /// One for each event.
    pub verdicts: Vec<Verdict>,
    /// The cursor was moved with the commit that stored them.
    pub is_moved: bool,
    /// Nothing could be stored for now: the same events have to come again.
    pub has_failed: bool,
}

/// What one event came to within its commit.
struct Step {
    verdict: Verdict,
    /// Sessions that got something, and the chat where that came from.
    woken: Vec<SessionRow>,
    from: Address,
    /// Open questions may have changed, or tasks.
    asks: bool,
    changes_tasks: bool,
    orders: Vec<(SessionRow, Order)>,
}

impl Step {
    fn new(verdict: Verdict) -> Self {
        let (woken, from, orders) = (Vec::new(), Address::default(), Vec::new());
        Self { verdict, woken, from, asks: false, changes_tasks: false, orders }
    }

    /// Leaves an order to be carried out, for which there is always room.
    fn order(&mut self, row: SessionRow, order: Order) -> bool {
        self.orders.push((row, order));
        false
    }

    fn about_approvals(verdict: Verdict) -> Self {
        Self { asks: true, ..Self::new(verdict) }
    }
}

/// Routes events of one account in their order, with its cursor behind them, and answers after the commit.
pub async fn route(
    host: &Arc<Host>,
    events: Vec<Event>,
    owner_only: bool,
    cursor: Option<Position>,
    answer: impl FnOnce(Routed) + Send,
) {
    let (routed, ended) = route_batch(host, events, owner_only, cursor).await;
    answer(routed);
    // The rows say that these turns are over; what runs of them is killed after that, and no message
    // waits for the engine.
    join_all(ended.iter().map(|it| stopping::kill(host, it))).await;
}

/// Returns what the batch came to, and the sessions whose turn it ended.
#[instrument(skip_all, fields(count = events.len()))]
async fn route_batch(
    host: &Arc<Host>,
    events: Vec<Event>,
    owner_only: bool,
    cursor: Option<Position>,
) -> (Routed, Vec<SessionRow>) {
    let count = events.len();
    let mut left: VecDeque<Event> = events.into_iter().map(bounded).collect();
    let (mut routed, mut ended, mut at_once) = (Routed::default(), Vec::new(), EVENTS_MAX);
    while !routed.has_failed && !left.is_empty() {
        let batch = first(&left, at_once);
        // A plain message is tried once more, alone: something else may have been in the way.
        let is_last_try = at_once == 1 || (batch.len() == 1 && !batch.iter().any(is_plain));
        let cursor_at = |left: usize| cursor.clone().filter(|_| left == 0);
        let position = cursor_at(left.len() - batch.len());
        let mut steps = match commit(host, batch, owner_only, position).await {
            Ok(steps) => steps,
            Err(err) if is_last_try => {
                warn!(why = chain(&err), "an event could not be stored");
                routed.has_failed = err.passes();
                let Some(event) = left.pop_front() else { break };
                routed.verdicts.push(unstored(host, &event, owner_only, &err).await);
                continue;
            }
            Err(err) => {
                warn!(why = chain(&err), "each event is stored on its own");
                at_once = 1;
                continue;
            }
        };
        let orders = steps.last_mut().map(|it| std::mem::take(&mut it.orders)).unwrap_or_default();
        let last = left.drain(..steps.len()).next_back();
        routed.is_moved = cursor.is_some() && left.is_empty();
        wake(host, &steps);
        routed.verdicts.extend(steps.into_iter().map(|it| it.verdict));
        if let Some(Event::Message(message)) = last.as_ref().filter(|_| !orders.is_empty()) {
            match orders::execute(host, message, orders, cursor_at(left.len())).await {
                Ok(stopped) => ended.extend(stopped),
                Err(err) => {
                    warn!(why = chain(&err), "an order could not be stored");
                    (routed.has_failed, routed.is_moved) = (err.passes(), false);
                    routed.verdicts.pop();
                    routed.verdicts.push(told(host, message, &err).await);
                }
            }
        }
    }
    // What follows a failure comes again with it, so that the order holds.
    let again = || Verdict::Refused(texts::access::OUT_OF_ORDER.to_owned());
    routed.verdicts.resize_with(count, again);
    (routed, ended)
}

/// Whether nothing is asked of the host.
fn is_plain(event: &Event) -> bool {
    matches!(event, Event::Message(message) if command::parse(&message.body.text).is_none())
}

/// As many events as one commit may take.
fn first(left: &VecDeque<Event>, at_once: usize) -> Vec<Event> {
    let mut bytes = 0;
    let has_room = |event: &&Event| {
        if let Event::Message(message) = event {
            bytes += message.body.text.len();
        }
        bytes <= BYTES_MAX
    };
    let events: Vec<Event> = left.iter().take(at_once).take_while(has_room).cloned().collect();
    if events.is_empty() { left.front().cloned().into_iter().collect() } else { events }
}

/// Stores events in one commit, up to the first one with an order to the host. The cursor moves with all
/// of them, if that has none.
async fn commit(
    host: &Arc<Host>,
    events: Vec<Event>,
    owner_only: bool,
    cursor: Option<Position>,
) -> Result<Vec<Step>> {
    let is_message = |event: &Event| matches!(event, Event::Message(_));
    let op = if events.iter().any(is_message) { "a message" } else { "an event" };
    let shared = Arc::clone(host);
    let write = move |central: &mut CentralStore| {
        let mut steps = Vec::with_capacity(events.len());
        for event in &events {
            let step = take(&shared, central, event, owner_only)?;
            let has_orders = !step.orders.is_empty();
            steps.push(step);
            if has_orders {
                return Ok(steps);
            }
        }
        if let Some(cursor) = cursor {
            cursor.store(central)?;
        }
        Ok(steps)
    };
    host.central.write(op, write).await
}

/// No words of a platform are longer than they may be; see [`domain::message::bounds`].
fn bounded(event: Event) -> Event {
    match event {
        Event::Message(message) => Event::Message(message.bounded()),
        Event::Click(click) => {
            let (sender, chat) = (click.sender.clone().bounded(), click.chat.clone().bounded());
            Event::Click(Click { sender, chat, ..click })
        }
        Event::Reachable { chat, by, title } => {
            let title = title.as_deref().map(name);
            Event::Reachable { chat, by: by.map(Author::bounded), title }
        }
        Event::Renamed { chat, title } => Event::Renamed { chat, title: name(&title) },
        Event::Undelivered { chat, id, why } => {
            Event::Undelivered { chat, id, why: cut(&one_line(&why), WHY_CHARS_MAX) }
        }
        Event::Moved { .. } | Event::Left(_) => event,
    }
}

fn take(host: &Host, central: &mut CentralStore, event: &Event, owner_only: bool) -> Result<Step> {
    match event {
        Event::Message(message) => admit::admit(host, central, message, owner_only),
        Event::Click(Click { from: chat, sender: by, data, .. }) => {
            let Some((id, index)) = parse_data(data) else {
                return Ok(Step::new(Verdict::Ignored));
            };
            let answer = approvals::Answer { id, index, chat, by, with: None };
            let is_taken = approvals::answer(host, central, &answer, host.clock.now())?;
            let verdict = if is_taken { Verdict::Stored } else { Verdict::Ignored };
            Ok(Step::about_approvals(verdict))
        }
        Event::Moved { from, to } => {
            central.move_chat(from, to)?;
            Ok(Step::new(Verdict::Stored))
        }
        // What waits for the chat is tried at once. Who writes next is answered. A hint: it is tried at its
        // time anyway.
        Event::Reachable { chat, by, title } => {
            central.set_left(chat, None)?;
            if let Err(err) = central.parts_reachable(chat) {
                warn!(why = chain(&err), "a chat was not noted as reachable");
            }
            let Some(by) = by else { return Ok(Step::new(Verdict::Stored)) };
            let step = admit::joined(host, central, (chat, by, title.as_deref()), owner_only)?;
            Ok(Step { verdict: Verdict::Stored, ..step })
        }
        // A thread that is gone leaves its chat.
        Event::Left(chat) if chat.thread.is_some() => Ok(Step::new(Verdict::Ignored)),
        Event::Left(chat) => {
            central.set_left(chat, Some(host.clock.now()))?;
            Ok(Step::about_approvals(Verdict::Stored))
        }
        Event::Renamed { chat, title } => {
            // What a thread is called comes with each message of it.
            if chat.thread.is_none() {
                central.rename_chat(chat, title)?;
            }
            Ok(Step::new(Verdict::Stored))
        }
        Event::Undelivered { chat, id, why } => {
            central.undelivered(chat, id, why, host.clock.now())?;
            Ok(Step::about_approvals(Verdict::Stored))
        }
    }
}

/// One hint for each session, with the chat of the last that it got.
fn wake(host: &Host, steps: &[Step]) {
    let mut woken: Vec<(&SessionRow, &Address)> = Vec::new();
    for step in steps {
        for row in &step.woken {
            match woken.iter_mut().find(|it| it.0.id == row.id) {
                Some(found) => found.1 = &step.from,
                None => woken.push((row, &step.from)),
            }
        }
    }
    if steps.iter().any(|it| it.asks) {
        host.wake_approvals();
    }
    if steps.iter().any(|it| it.changes_tasks) {
        host.wake(Wake::Everything);
    }
    for (row, from) in woken {
        host.wake(Wake::Session(row.clone(), Some(from.clone())));
    }
}

/// What becomes of an event that could not be stored: its sender is told where it engaged an agent. Nobody
/// hears of what was only context.
async fn unstored(host: &Arc<Host>, event: &Event, owner_only: bool, err: &StoreError) -> Verdict {
    let refused = Verdict::Refused(texts::access::unstored(&err.to_string()));
    let Event::Message(message) = event else { return refused };
    let (shared, about) = (Arc::clone(host), message.clone());
    let read = move |central: &mut CentralStore| {
        let snapshot = AdmissionSnapshot::read(&shared, central, &about, owner_only)?;
        Ok(snapshot.admission(&about))
    };
    match host.central.read(read).await {
        Ok(found) if admit::is_engaged(&found) => told(host, message, err).await,
        Ok(found) if found.decisions.iter().any(AgentDecision::takes) => Verdict::Ignored,
        Ok(_) | Err(_) => refused,
    }
}

async fn told(host: &Arc<Host>, message: &Incoming, err: &StoreError) -> Verdict {
    let (shared, why) = (Arc::clone(host), err.to_string());
    let (about, told) = (message.clone(), why.clone());
    let tell = move |it: &mut CentralStore| admit::tell(&shared, it, &about, &told);
    if let Err(err) = host.central.write("a refusal", tell).await {
        warn!(why = chain(&err), "a refusal was not stored");
    }
    Verdict::Refused(why)
}
