//! What happens when the runner's database cannot be read.

use super::*;

#[test]
fn a_torn_write_of_a_dead_runner_is_recovered_by_the_next() {
    let view = View { mailbox: Mailbox::NeedsRunner, ..idle() };
    check(&view, &[Effect::Start]);
    check(&View { container: running(0), ..view }, &[]);
}

#[test]
fn a_damaged_mailbox_is_set_aside_once_its_container_is_gone_and_the_chat_is_told() {
    let damaged = Mailbox::Damaged("a view".into());
    let launches = Launches { last: Some(ME), open: Some(ME), ..Launches::default() };
    let view = View { mailbox: damaged, waiting: vec![message(None)], launches, ..idle() };
    check(&View { container: running(0), ..view.clone() }, &[Effect::Stop(StopReason::Damaged)]);
    check(&view, &[Effect::RecordExit(ME)]);
    let view = View { launches: Launches { open: None, ..launches }, ..view };
    let release = Effect::Release { message: MessageSeq(2), by: ME, at: NOW + secs(1) };
    check(&view, &[Effect::Quarantine, release]);
    // A message that does this to every container is given up.
    let waiting = vec![Waiting { tries: 2, ..message(None) }];
    let fail = Effect::Fail { message: MessageSeq(2), why: FailReason::Crashes };
    check(&View { waiting, ..view.clone() }, &[Effect::Quarantine, fail]);
    // What a person stopped is nobody's fault.
    check(&View { stopped_incarnation: ME, ..view.clone() }, &[Effect::Quarantine]);
    // Deadlines run whatever the state of the mailbox is.
    for mailbox in [view.mailbox.clone(), Mailbox::Busy, Mailbox::NeedsRunner] {
        let waiting = vec![Waiting { received_at: ago(100_000), ..message(None) }];
        let late = decide(&View { mailbox, waiting, ..view.clone() }, &limits(), NOW);
        assert!(matches!(late[..], [Effect::LastChance(..)]), "{late:?}");
    }
}

#[test]
fn nothing_starts_while_a_mailbox_cannot_be_read() {
    let view = View { mailbox: Mailbox::Busy, waiting: vec![message(None)], ..idle() };
    check(&view, &[]);
    assert!(next_look(&view, &limits(), NOW).is_some_and(|it| it <= secs(1)));
}
