//! Whose messages share a turn, and what is told of their senders.

use super::*;

#[test]
fn the_sender_is_told_with_handle_and_role() {
    let mut files = Files::new();
    let seq = files.say("chat", "hello");
    let set = "UPDATE message SET rule = '{\"word\": \"mention\", \"detail\": \"admin\"}'
               WHERE seq = ?1";
    files.execute(set, [seq]);
    files.say("chat", "before this was kept");
    let due = files.runner().due(NOW, &[]).unwrap();
    let senders: Vec<_> = due.iter().map(|it| (&*it.sender_id, &*it.sender_role)).collect();
    assert_eq!(senders, [("u", "admin"), ("u", "")]);
}

#[test]
fn messages_of_another_thread_wait_for_the_end_of_the_turn() {
    let mut files = Files::new();
    let all: Vec<i64> = (0..4).map(|_| files.say("chat", "hello")).collect();
    for (seq, thread) in all.iter().zip(["zoe", "ann", "ann", "zoe"]) {
        let sql = "UPDATE message SET thread = ?2 WHERE seq = ?1";
        files.execute(sql, params![seq, thread]);
    }
    let mut runner = files.runner();
    let mut turns = Vec::new();
    for _ in 0..3 {
        let due = seqs(&runner.due(NOW, &[]).unwrap());
        let messages: Vec<MessageSeq> = due.iter().copied().map(MessageSeq).collect();
        runner.claim(&messages, NOW).unwrap();
        assert_eq!(seqs(&runner.due(NOW, &[]).unwrap()), [0; 0], "while {due:?} is worked on");
        let (outcome, text) = (Outcome::Answered, Some("yes".to_owned()));
        let end = TurnEnd { messages, outcome, reason: String::new(), text, cost: None };
        runner.end_turn(&end, &[], NOW).unwrap();
        turns.push(due);
    }
    assert_eq!(turns, [vec![all[0]], vec![all[1], all[2]], vec![all[3]]]);
}
