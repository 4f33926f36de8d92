//! Waits for the provider and deadlines, case by case, and the law that nothing is left alone.

use super::*;

pub(super) fn waits(minutes: u64) -> Option<ProviderWait> {
    let asked = Some(NOW + secs(60 * minutes));
    Some(crate::waits::next(None, WaitClass::Limit, asked, NOW))
}

#[test]
fn what_waits_for_the_provider_starts_nothing_and_is_not_overtaken() {
    let first = Waiting { wait: waits(35), told: true, ..message(None) };
    let second = Waiting { message: MessageSeq(4), ..message(None) };
    let view = View { waiting: vec![first.clone(), second], ..idle() };
    check(&view, &[]);
    check(&View { container: running(0), ..view.clone() }, &[]);
    let idle_for = View { container: running(0), quiet_for: secs(600), ..view.clone() };
    check(&idle_for, &[Effect::Stop(StopReason::Idle)]);
    let contended = View { container: running(0), contended: true, ..view.clone() };
    check(&contended, &[Effect::Stop(StopReason::MakeRoom)]);
    let later = Timestamp(NOW.0 + 35 * 60_000);
    assert_eq!(decide(&view, &limits(), later), [Effect::Start]);
    assert_eq!(next_look(&view, &limits(), NOW), Some(secs(30)), "to tell the second");
    let alone = View { waiting: vec![first], quiet_for: secs(9_999), ..view };
    let soon = Timestamp(later.0 - 5_000);
    assert_eq!(next_look(&alone, &limits(), soon), Some(secs(5)));
}

#[test]
fn who_writes_behind_a_wait_is_told() {
    let first = Waiting { wait: waits(35), told: true, ..message(None) };
    let second = Waiting { message: MessageSeq(4), received_at: ago(30), ..message(None) };
    let view = View { waiting: vec![first, second], ..idle() };
    let tell = Effect::Tell(MessageSeq(4));
    check(&view, std::slice::from_ref(&tell));
    check(&View { container: running(0), ..view }, &[tell]);
}

#[test]
fn a_late_message_gets_a_last_chance_and_then_its_end() {
    let day = 24 * 3_600;
    let late = Waiting { received_at: ago(day), wait: waits(35), ..message(None) };
    let until = NOW + secs(3_600);
    let chance = Effect::LastChance(MessageSeq(2), until);
    let containers = [UNKNOWN, Container::Absent, Container::Busy, running(0), running(9_999)];
    for container in containers {
        for claim in [None, Some(ME), Some(OLD)] {
            let waiting = vec![Waiting { claim, ..late.clone() }];
            check(&View { waiting, container, ..idle() }, std::slice::from_ref(&chance));
        }
    }
    let over = Waiting { last_chance: Some(NOW), ..late.clone() };
    let view = View { waiting: vec![over.clone()], ..idle() };
    let why = FailReason::Deadline(Some(WaitClass::Limit));
    let fail = Effect::Fail { message: MessageSeq(2), why };
    check(&view, std::slice::from_ref(&fail));
    let waiting = vec![Waiting { claim: Some(ME), ..over }];
    let in_hand = View { waiting, container: running(0), ..idle() };
    check(&in_hand, &[Effect::Stop(StopReason::Overdue)]);
    check(&View { container: Container::Absent, ..in_hand.clone() }, &[fail]);
    let asking = View { asking: true, ..in_hand };
    assert!(!decide(&asking, &limits(), NOW).contains(&Effect::Stop(StopReason::Overdue)));
    // A question is open all the time, one after the other.
    let last_chance = Some(Timestamp(NOW.0 - day * 1_000));
    let forever = vec![Waiting { last_chance, ..asking.waiting[0].clone() }];
    check(&View { waiting: forever, ..asking.clone() }, &[Effect::Stop(StopReason::Overdue)]);
    let two_days = vec![Waiting { last_chance: None, received_at: ago(2 * day), ..late.clone() }];
    check(&View { waiting: two_days, ..asking.clone() }, std::slice::from_ref(&chance));
    let in_time =
        vec![Waiting { last_chance: None, received_at: ago(2 * day - 1), ..late.clone() }];
    let decided = decide(&View { waiting: in_time, ..asking }, &limits(), NOW);
    assert!(!decided.contains(&chance), "{decided:?}");
    let in_time = Waiting { received_at: ago(day - 1), ..late };
    check(&View { waiting: vec![in_time], ..idle() }, &[Effect::Tell(MessageSeq(2))]);
}

#[test]
fn a_tool_that_declared_a_long_time_may_be_silent_for_it() {
    let waiting = vec![Waiting { status: true, ..message(Some(ME)) }];
    let view = View { waiting, container: running(3_000), ..idle() };
    check(&view, &[Effect::Stop(StopReason::Silent)]);
    check(&View { tool_max: secs(3_600), ..view.clone() }, &[]);
    let for_ever = View { tool_max: Duration::MAX, container: running(90_000), ..view };
    check(&for_ever, &[Effect::Stop(StopReason::Silent)]);
}

#[test]
fn a_long_turn_is_not_looked_at_in_every_breath() {
    let waiting = vec![Waiting { status: true, received_at: ago(3_600), ..message(Some(ME)) }];
    let view = View { waiting, container: running(600), ..idle() };
    assert_eq!(next_look(&view, &limits(), NOW), Some(secs(5)));
}

#[test]
fn no_message_past_its_deadline_is_left_alone() {
    let mut checked = 0;
    for view in small_views() {
        let is_late = |it: &Waiting| it.last_chance == Some(NOW) || it.received_at < ago(86_400);
        // A call that is under way, or the end of a container, comes first and comes soon.
        let in_hand = view.waiting.iter().any(|it| it.claim.is_some());
        let soon = matches!(view.container, Container::Busy | Container::Exited(_));
        if !view.waiting.iter().any(is_late) || (in_hand && soon) {
            continue;
        }
        checked += 1;
        let ends = |effect: &Effect| {
            matches!(
                effect,
                Effect::Import
                    | Effect::LastChance(..)
                    | Effect::Fail { .. }
                    | Effect::Stop(StopReason::Overdue)
            )
        };
        assert!(decide(&view, &limits(), NOW).iter().any(ends), "{view:?}");
    }
    assert!(100 < checked);
}
