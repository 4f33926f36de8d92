//! Who gets a slot, and who waits.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

fn open(max: usize) -> Arc<ContainerSlots> {
    let slots = ContainerSlots::new(max);
    slots.open();
    Arc::new(slots)
}

/// Whether session `id` of an agent gets a slot, which it keeps.
async fn takes(slots: &ContainerSlots, id: i64, name: &str) -> bool {
    let agent = agent(name);
    let permit = slots.take(SessionId(id), &agent, || ());
    timeout(Duration::from_millis(10), permit).await.map(Permit::keep).is_ok()
}

/// The sessions of one agent that get a slot.
async fn take_all(slots: &ContainerSlots, name: &str) -> Vec<SessionId> {
    let mut held = Vec::new();
    while takes(slots, 100 + i64::try_from(held.len()).unwrap(), name).await {
        held.push(SessionId(100 + i64::try_from(held.len()).unwrap()));
    }
    held
}

/// Makes a session wait; it keeps what it gets, and its name is sent.
#[expect(clippy::disallowed_methods, reason = "the test awaits or aborts it")]
fn wait(
    slots: &Arc<ContainerSlots>,
    id: i64,
    name: &'static str,
    order: &tokio::sync::mpsc::UnboundedSender<&'static str>,
) -> tokio::task::JoinHandle<()> {
    let (slots, order) = (Arc::clone(slots), order.clone());
    tokio::spawn(async move {
        slots.take(SessionId(id), &agent(name), || ()).await.keep();
        order.send(name).unwrap();
    })
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_takes_all_it_can_leaves_slots_to_others() {
    let slots = open(8);
    assert_eq!(take_all(&slots, "greedy").await.len(), 6);
    assert!(takes(&slots, 1, "one").await);
    assert!(!takes(&slots, 2, "one").await, "it runs one already");
    assert!(takes(&slots, 3, "two").await);
    assert!(!takes(&slots, 4, "three").await, "none is left");
    assert_eq!(slots.taken(), 8);
}

#[tokio::test(start_paused = true)]
async fn the_first_container_of_others_takes_nothing_from_a_share() {
    let slots = open(8);
    assert!(takes(&slots, 1, "one").await && takes(&slots, 2, "two").await);
    assert_eq!(take_all(&slots, "greedy").await.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn two_slots_are_for_any_agent() {
    let slots = open(2);
    assert_eq!(take_all(&slots, "a").await.len(), 2);
    assert!(!takes(&slots, 1, "b").await);
}

#[tokio::test(start_paused = true)]
async fn the_agent_that_runs_the_fewest_is_served_first() {
    let slots = open(3);
    let held = take_all(&slots, "busy").await;
    let (order, mut served) = tokio::sync::mpsc::unbounded_channel();
    for (id, name) in [(1, "busy"), (2, "idle"), (3, "busy")] {
        wait(&slots, id, name, &order);
        tokio::task::yield_now().await;
    }
    for id in held {
        slots.release(id);
        tokio::task::yield_now().await;
    }
    let mut next = async || served.recv().await.unwrap();
    assert_eq!([next().await, next().await, next().await], ["idle", "busy", "busy"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_no_longer_waits_takes_nothing() {
    let slots = open(1);
    assert!(takes(&slots, 1, "a").await);
    assert!(!takes(&slots, 2, "b").await);
    slots.release(SessionId(1));
    assert_eq!(slots.taken(), 0);
    drop(slots.take(SessionId(3), &agent("a"), || ()).await);
    assert_eq!(slots.taken(), 0, "a start that was given up");
    assert!(takes(&slots, 4, "a").await);
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_before_what_runs_was_counted() {
    let slots = Arc::new(ContainerSlots::new(2));
    assert!(!takes(&slots, 9, "b").await);
    for id in 0..4 {
        slots.adopt(SessionId(id), &agent("a"));
        slots.adopt(SessionId(id), &agent("a"));
    }
    slots.open();
    assert_eq!(slots.taken(), 4);
    for id in 0..2 {
        slots.release(SessionId(id));
    }
    assert!(!takes(&slots, 9, "b").await);
    let (order, _served) = tokio::sync::mpsc::unbounded_channel();
    let waiting = wait(&slots, 9, "b", &order);
    tokio::task::yield_now().await;
    assert!(slots.contended(&agent("a")), "an idle one makes room, also above the cap");
    slots.release(SessionId(2));
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_container_makes_room_only_for_one_that_would_get_its_slot() {
    let slots = open(4);
    assert_eq!(take_all(&slots, "greedy").await.len(), 3);
    assert!(takes(&slots, 1, "modest").await);
    let contended = || [slots.contended(&agent("modest")), slots.contended(&agent("greedy"))];
    assert_eq!(contended(), [false, false]);
    let (order, _served) = tokio::sync::mpsc::unbounded_channel();
    let more = wait(&slots, 2, "greedy", &order);
    tokio::task::yield_now().await;
    assert_eq!(contended(), [false, true], "an agent with all of its share makes room for itself");
    more.abort();
    let new = wait(&slots, 3, "new", &order);
    tokio::task::yield_now().await;
    assert_eq!(contended(), [true, true]);
    let leaving = slots.leave();
    assert_eq!(contended(), [false, false], "one leaves already");
    drop(leaving);
    slots.release(SessionId(1));
    new.await.unwrap();
}
