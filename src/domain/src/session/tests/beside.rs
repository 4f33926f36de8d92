//! What happens beside a turn: messages that wait for its end, and work that goes on after it.

use super::*;

#[test]
fn a_message_that_waits_for_the_end_of_a_silent_turn_makes_nobody_deaf() {
    let behind = Waiting { message: MessageSeq(4), status: true, ..message(None) };
    let ahead = Waiting { status: true, ..message(Some(ME)) };
    let view = View { waiting: vec![ahead, behind], container: running(600), ..idle() };
    let view = View { quiet_for: secs(600), ..view };
    check(&view, &[Effect::NotifyRunner]);
    assert!(secs(1) < next_look(&view, &limits(), NOW).unwrap(), "no busy loop");
}

#[test]
fn a_message_that_waits_long_for_another_turn_is_told_once() {
    let behind = Waiting { message: MessageSeq(4), received_at: ago(31), ..message(None) };
    let ahead = Waiting { status: true, ..message(Some(ME)) };
    let view = |behind: &Waiting| View {
        waiting: vec![ahead.clone(), behind.clone()],
        container: running(0),
        ..idle()
    };
    check(&view(&behind), &[Effect::NotifyRunner, Effect::Tell(MessageSeq(4))]);
    check(&view(&Waiting { told: true, ..behind }), &[Effect::NotifyRunner]);
}

#[test]
fn work_in_the_background_keeps_the_container_while_it_gives_signs() {
    let hour = secs(3_600);
    let view = View { container: running(1_200), quiet_for: secs(1_200), ..idle() };
    let busy = View { background_for: Some(hour), contended: true, ..view.clone() };
    check(&View { background_for: None, ..view }, &[Effect::Stop(StopReason::Idle)]);
    check(&busy, &[]);
    assert_eq!(next_look(&busy, &limits(), NOW), Some(secs(600)));
    let outdated = Container::Running { incarnation: ME, current: false, silent_for: secs(9) };
    check(&View { container: outdated, ..busy.clone() }, &[]);
    let make_room = [Effect::Stop(StopReason::MakeRoom)];
    check(&View { container: running(1_801), ..busy.clone() }, &make_room);
    check(&View { background_for: Some(24 * hour), ..busy.clone() }, &make_room);
    // A person's word counts more.
    check(&View { stopped_incarnation: ME, ..busy }, &[Effect::Stop(StopReason::Asked)]);
}
