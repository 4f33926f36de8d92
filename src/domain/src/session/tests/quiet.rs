//! What is held for people who want to be left alone.

use super::*;

#[test]
fn what_is_held_leaves_when_it_may_and_keeps_the_session_awake_until_then() {
    let chat = Address { chat: "c".into(), ..Address::default() };
    let held = |until| View { held: vec![Held { chat: chat.clone(), until }], ..idle() };
    check(&held(None), &[Effect::EndQuiet(chat.clone())]);
    let night = View { quiet_for: secs(100_000), ..held(Some(NOW + secs(20))) };
    check(&night, &[]);
    assert_eq!(next_look(&night, &limits(), NOW), Some(secs(20)));
    let long = View { quiet_for: secs(100_000), ..held(Some(NOW + secs(9 * 3_600))) };
    assert!(next_look(&long, &limits(), NOW).is_some_and(|it| it <= limits().backoff_max));
    check(&View { held: vec![], ..night }, &[Effect::Rest]);
}
