//! [`decide`] case by case, and its laws over every small view.

use super::*;
use crate::message::Address;

mod beside;
mod mailbox;
mod waiting;

use self::waiting::waits;

const NOW: Timestamp = Timestamp(1_000_000_000);
const ME: Incarnation = Incarnation(7);
const OLD: Incarnation = Incarnation(6);

fn limits() -> Limits {
    Limits::default()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ago(n: i64) -> Timestamp {
    Timestamp(NOW.0 - n * 1_000)
}

fn idle() -> View {
    View {
        news: false,
        mailbox: Mailbox::Sound,
        undelivered: false,
        waiting: vec![],
        container: Container::Absent,
        launches: Launches::default(),
        file: None,
        request: None,
        stopped_incarnation: Incarnation(0),
        stop_phase: StopPhase::No,
        asking: false,
        tool_max: Duration::ZERO,
        background_for: None,
        contended: false,
        quiet_for: Duration::ZERO,
    }
}

fn message(claim: Option<Incarnation>) -> Waiting {
    Waiting {
        message: MessageSeq(2),
        received_at: NOW,
        not_before: NOW,
        tries: 0,
        claim,
        told: false,
        status: false,
        chat: Address { channel: "cli".into(), ..Address::default() },
        fetching: false,
        wait: None,
        last_chance: None,
    }
}

fn running(silent_secs: u64) -> Container {
    Container::Running { incarnation: ME, current: true, silent_for: secs(silent_secs) }
}

const UNKNOWN: Container = Container::Unknown(Duration::from_secs(2));

#[track_caller]
fn check(view: &View, want: &[Effect]) {
    assert_eq!(decide(view, &limits(), NOW), want, "{view:?}");
}

#[test]
fn a_message_starts_a_container_or_notifies_the_running_one() {
    let view = View { waiting: vec![message(None)], ..idle() };
    check(&view, &[Effect::Start]);
    check(&View { container: running(0), ..view.clone() }, &[Effect::NotifyRunner]);
    check(&View { container: Container::Busy, ..view.clone() }, &[]);
    check(&View { container: UNKNOWN, ..view }, &[]);
}

#[test]
fn an_engine_that_does_not_answer_is_asked_at_a_pace() {
    let view = View { waiting: vec![message(None)], container: UNKNOWN, ..idle() };
    assert_eq!(next_look(&view, &limits(), NOW), Some(secs(2)));
}

#[test]
fn news_are_taken_over_before_anything_else_is_decided() {
    let view = View { news: true, waiting: vec![message(Some(OLD))], ..idle() };
    check(&view, &[Effect::Import]);
}

#[test]
fn a_runner_that_never_stops_writing_does_not_hold_up_deadlines() {
    let ended = |seconds: u64| NOW - limits().deadline - secs(seconds);
    let late = |seconds| Waiting { received_at: ended(seconds), ..message(Some(ME)) };
    let view = |seconds| View {
        news: true,
        waiting: vec![Waiting { last_chance: Some(NOW - secs(seconds)), ..late(seconds) }],
        container: running(0),
        ..idle()
    };
    check(&view(1), &[Effect::Import]);
    check(&view(61), &[Effect::Import, Effect::Stop(StopReason::Overdue)]);
}

#[test]
fn what_a_dead_incarnation_had_in_hand_is_released_and_then_given_up() {
    let view = View { waiting: vec![message(Some(OLD))], ..idle() };
    let release = Effect::Release { message: MessageSeq(2), by: OLD, at: NOW + secs(1) };
    check(&view, std::slice::from_ref(&release));
    check(&View { container: running(0), ..view.clone() }, &[release]);
    let waiting = vec![Waiting { tries: 2, ..message(Some(OLD)) }];
    let fail = Effect::Fail { message: MessageSeq(2), why: FailReason::Crashes };
    check(&View { waiting, ..view }, &[fail]);
}

#[test]
fn a_launch_without_an_end_has_its_exit_recorded_first() {
    let launches = Launches { open: Some(OLD), ..Launches::default() };
    let view = View { launches, waiting: vec![message(Some(OLD))], ..idle() };
    check(&view, &[Effect::RecordExit(OLD)]);
    let container = Container::Exited(ME);
    check(&View { container, ..idle() }, &[Effect::RecordExit(ME)]);
}

#[test]
fn a_message_that_backs_off_is_not_overtaken() {
    let first = Waiting { not_before: NOW + secs(5), tries: 1, ..message(None) };
    let second = Waiting { message: MessageSeq(4), ..message(None) };
    let view = View { waiting: vec![first, second], ..idle() };
    check(&view, &[]);
    check(&View { container: running(0), ..view }, &[]);
}

#[test]
fn a_message_waits_for_its_files_and_those_behind_it_too() {
    let first = Waiting { fetching: true, ..message(None) };
    let second = Waiting { message: MessageSeq(4), ..message(None) };
    let view = View { waiting: vec![first, second], file: Some(NOW), ..idle() };
    check(&view, &[Effect::Fetch]);
    check(&View { file: None, ..view.clone() }, &[]);
    check(&View { file: Some(NOW + secs(5)), ..view }, &[]);
}

#[test]
fn what_the_agent_asks_for_is_passed_on() {
    check(&View { request: Some(OutSeq(3)), ..idle() }, &[Effect::ForwardRequest(OutSeq(3))]);
}

#[test]
fn an_incarnation_that_a_person_stopped_is_stopped_whatever_it_does() {
    let view = View { stopped_incarnation: ME, waiting: vec![message(Some(ME))], ..idle() };
    check(&View { container: running(0), ..view.clone() }, &[Effect::Stop(StopReason::Asked)]);
    let successor = Container::Running {
        incarnation: Incarnation(8),
        current: true,
        silent_for: Duration::ZERO,
    };
    let waiting = vec![message(None)];
    check(&View { container: successor, waiting, ..view }, &[Effect::NotifyRunner]);
}

#[test]
fn a_stopped_agent_does_nothing_but_stop_and_counts_nothing() {
    let due = View { stop_phase: StopPhase::Due, waiting: vec![message(None)], ..idle() };
    check(&due, &[Effect::ApplyStop]);
    let stop = Effect::Stop(StopReason::Asked);
    check(&View { container: running(0), ..due.clone() }, &[Effect::ApplyStop, stop.clone()]);
    let done = View { stop_phase: StopPhase::Done, news: true, request: Some(OutSeq(3)), ..due };
    check(&done, &[]);
    check(&View { container: running(0), ..done.clone() }, &[stop]);
    let container = Container::Exited(ME);
    check(&View { container, ..done.clone() }, &[Effect::RecordStop(ME)]);
    let launches = Launches { open: Some(ME), ..Launches::default() };
    check(&View { launches, ..done.clone() }, &[Effect::RecordStop(ME)]);
    let claimed = View { waiting: vec![message(Some(OLD))], ..done };
    check(&claimed, &[]);
    check(&View { stopped_incarnation: ME, container, ..idle() }, &[Effect::RecordStop(ME)]);
}

#[test]
fn a_long_turn_shows_that_it_goes_on_once() {
    let long = Waiting { received_at: ago(15), ..message(Some(ME)) };
    let view = View { container: running(0), waiting: vec![long.clone()], ..idle() };
    check(&view, &[Effect::Status(MessageSeq(2))]);
    let shown = Waiting { status: true, ..long };
    check(&View { waiting: vec![shown], ..view.clone() }, &[]);
    let young = Waiting { received_at: ago(14), ..message(Some(ME)) };
    check(&View { waiting: vec![young], ..view }, &[]);
}

#[test]
fn silence_counts_only_with_a_message_in_hand() {
    let view = View { waiting: vec![message(Some(ME))], ..idle() };
    check(&View { container: running(1_800), ..view.clone() }, &[]);
    check(&View { container: running(1_801), ..view }, &[Effect::Stop(StopReason::Silent)]);
}

#[test]
fn a_container_that_leaves_messages_lying_is_replaced() {
    let view = View { waiting: vec![message(None)], container: running(61), ..idle() };
    check(&view, &[Effect::NotifyRunner]);
    check(&View { quiet_for: secs(61), ..view }, &[Effect::Stop(StopReason::Deaf)]);
}

#[test]
fn a_container_without_work_stops_when_idle_outdated_or_in_the_way() {
    let view = View { container: running(0), ..idle() };
    check(&view, &[]);
    check(&View { quiet_for: secs(600), ..view.clone() }, &[Effect::Stop(StopReason::Idle)]);
    check(&View { contended: true, ..view.clone() }, &[Effect::Stop(StopReason::MakeRoom)]);
    let container = Container::Running { incarnation: ME, current: false, silent_for: secs(0) };
    check(&View { container, ..view.clone() }, &[Effect::Stop(StopReason::Outdated)]);
    let waiting = vec![message(Some(ME))];
    check(&View { contended: true, quiet_for: secs(9_999), waiting, ..view }, &[]);
}

#[test]
fn bad_launches_back_off_then_park_then_try_again() {
    let view = View { waiting: vec![message(None)], ..idle() };
    let launches =
        |failures, ended| Launches { failures, last_end: Some(ago(ended)), ..Launches::default() };
    check(&View { launches: launches(1, 0), ..view.clone() }, &[]);
    check(&View { launches: launches(1, 1), ..view.clone() }, &[Effect::Start]);
    check(&View { launches: launches(4, 7), ..view.clone() }, &[]);
    check(&View { launches: launches(4, 8), ..view.clone() }, &[Effect::Start]);
    let fail = Effect::Fail { message: MessageSeq(2), why: FailReason::CannotStart };
    check(&View { launches: launches(5, 599), ..view.clone() }, &[fail]);
    check(&View { launches: launches(5, 600), ..view.clone() }, &[Effect::Start]);
    // The clock stepped back a little, or an hour.
    check(&View { launches: launches(1, -1), ..view.clone() }, &[]);
    check(&View { launches: launches(0, -1), ..view.clone() }, &[Effect::Start]);
    check(&View { launches: launches(1, -3_600), ..view.clone() }, &[Effect::Start]);
    check(&View { launches: launches(5, -3_600), ..view }, &[Effect::Start]);
}

#[test]
fn who_waits_long_is_told_once() {
    let waiting = vec![Waiting { received_at: ago(30), ..message(None) }];
    let view = View { waiting, container: UNKNOWN, ..idle() };
    check(&view, &[Effect::Tell(MessageSeq(2))]);
    let waiting = vec![Waiting { received_at: ago(30), told: true, ..message(None) }];
    check(&View { waiting, ..view }, &[]);
}

#[test]
fn an_actor_rests_only_when_nothing_at_all_is_left() {
    let view = View { quiet_for: secs(60), ..idle() };
    check(&view, &[Effect::Rest]);
    check(&View { undelivered: true, ..view.clone() }, &[]);
    let waiting = vec![Waiting { not_before: NOW + secs(5), ..message(None) }];
    check(&View { waiting, ..view }, &[]);
}

/// What performing `effects` does to the world, as far as `decide` can see.
fn perform(mut view: View, effects: &[Effect]) -> View {
    let is_known = !matches!(view.mailbox, Mailbox::Damaged(_));
    for effect in effects {
        match effect {
            Effect::Import => view.news = false,
            Effect::Fetch => {
                view.file = None;
                view.waiting.iter_mut().for_each(|it| it.fetching = false);
            }
            Effect::ForwardRequest(_) => view.request = None,
            Effect::Status(message) => {
                view.waiting.iter_mut().find(|it| it.message == *message).unwrap().status = true;
            }
            Effect::Start => {
                assert_eq!(view.container, Container::Absent, "never start beside another");
                view.container = running(0);
                view.quiet_for = Duration::ZERO;
            }
            Effect::Stop(_) => {
                view.container = Container::Absent;
                view.launches.last_end = Some(NOW);
            }
            Effect::RecordExit(_) | Effect::RecordStop(_) => {
                view.container = Container::Absent;
                view.launches.open = None;
            }
            Effect::ApplyStop => view.stop_phase = StopPhase::Done,
            Effect::Quarantine => {
                assert_eq!(view.container, Container::Absent, "nobody writes it meanwhile");
                view.mailbox = Mailbox::Sound;
            }
            Effect::NotifyRunner | Effect::Rest => {}
            Effect::Release { message, at, .. } => {
                let waiting = view.waiting.iter_mut().find(|it| it.message == *message).unwrap();
                assert_eq!(waiting.claim.is_some(), is_known);
                if let Container::Running { incarnation, .. } = view.container {
                    assert_ne!(waiting.claim, Some(incarnation), "never out of living hands");
                }
                (waiting.claim, waiting.not_before, waiting.tries) = (None, *at, waiting.tries + 1);
            }
            Effect::LastChance(message, until) => {
                let waiting = view.waiting.iter_mut().find(|it| it.message == *message).unwrap();
                (waiting.last_chance, waiting.not_before) = (Some(*until), NOW);
                if let Some(wait) = &mut waiting.wait {
                    wait.until = NOW;
                }
            }
            Effect::Fail { message, .. } => view.waiting.retain(|it| it.message != *message),
            Effect::Tell(message) => {
                view.waiting.iter_mut().find(|it| it.message == *message).unwrap().told = true;
            }
        }
    }
    view
}

fn small_views() -> Vec<View> {
    let mut all = Vec::new();
    let containers = [
        UNKNOWN,
        Container::Absent,
        Container::Busy,
        running(0),
        running(5_000),
        Container::Running { incarnation: ME, current: false, silent_for: secs(0) },
        Container::Exited(ME),
    ];
    let claims = [None, Some(None), Some(Some(ME)), Some(Some(OLD))];
    let launches = [(None, 0), (Some(ME), 0), (None, 2), (None, 9)];
    for container in containers {
        for claim in claims {
            for (tries, age) in [(0, 0), (2, 0), (0, 60), (2, 60), (0, 90_000)] {
                for (open, failures) in launches {
                    for (news, contended, quiet) in
                        [(false, false, 0), (true, true, 0), (false, true, 9_999)]
                    {
                        let waiting = claim.map(|claim| Waiting {
                            tries,
                            received_at: ago(age),
                            ..message(claim)
                        });
                        let launches =
                            Launches { last: Some(ME), open, failures, last_end: Some(NOW) };
                        let waiting = Vec::from_iter(waiting);
                        let view = View {
                            news,
                            waiting,
                            container,
                            launches,
                            contended,
                            quiet_for: secs(quiet),
                            ..idle()
                        };
                        let mut held = view.clone();
                        held.waiting.iter_mut().for_each(|it| it.wait = waits(35));
                        let mut over = view.clone();
                        over.waiting.iter_mut().for_each(|it| it.last_chance = Some(NOW));
                        let mut damaged = view.clone();
                        damaged.news = false;
                        damaged.waiting.iter_mut().for_each(|it| it.claim = None);
                        damaged.mailbox = Mailbox::Damaged("x".into());
                        let busy = View { mailbox: Mailbox::Busy, ..damaged.clone() };
                        all.extend([view, held, over, damaged, busy]);
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_small_view_comes_to_rest() {
    let stopped = small_views().into_iter().map(|it| View { stop_phase: StopPhase::Due, ..it });
    for start in small_views().into_iter().chain(stopped) {
        let mut view = start.clone();
        for _ in 0..6 {
            let effects = decide(&view, &limits(), NOW);
            view = perform(view, &effects);
        }
        let left = decide(&view, &limits(), NOW);
        let at_rest = left.iter().all(|it| matches!(it, Effect::NotifyRunner | Effect::Rest));
        assert!(at_rest, "{start:?}\nends in {view:?}\nand still wants {left:?}");
    }
}

#[test]
fn what_is_at_rest_is_looked_at_at_a_pace_and_what_waits_again() {
    for view in small_views() {
        let effects = decide(&view, &limits(), NOW);
        let at_rest = effects.iter().all(|it| matches!(it, Effect::NotifyRunner));
        let wait = next_look(&view, &limits(), NOW);
        assert!(!at_rest || wait.is_none_or(|it| secs(1) <= it), "{view:?}: {wait:?}");
        let acts =
            !effects.is_empty() || matches!(view.container, Container::Busy | Container::Exited(_));
        assert!(acts || wait.is_some(), "{view:?}");
    }
}
