//! The demo agent on the real engine.

use std::time::Duration;

use domain::SessionId;
use tokio::time::sleep;

use crate::rig::Rig;

const S1: SessionId = SessionId(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_message_typed_in_a_terminal_is_answered_from_a_container() {
    let rig = Rig::start().await;
    let answer = rig.ask("terminal", "hello there").await;
    assert!(answer.contains("hello there"), "{answer}");
    let reported = rig.ask("terminal", "report half way").await;
    assert!(reported.contains("half way"), "through the tool: {reported}");
    let status = rig.status();
    assert_eq!(status["sessions"][0]["container"], "running", "{status:#}");
    assert_eq!(status["sessions"][0]["waiting"], 0);
    let doctor = rig.run(&["doctor", "--json"]);
    let doctor: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    for part in ["engine", "sessions", "host", "chat", "link"] {
        let mut checks = doctor["checks"].as_array().unwrap().iter();
        let check = checks.find(|it| it["name"] == part);
        assert_eq!(check.map(|it| &it["state"]), Some(&"ok".into()), "{part}: {doctor:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_in_mid_turn_answers_once_after_its_restart() {
    let mut rig = Rig::start().await;
    let _ = rig.ask("terminal", "hello").await;
    let chat = rig.say("terminal", "wait 4");
    sleep(Duration::from_secs(2)).await;
    rig.kill_host();
    sleep(Duration::from_millis(300)).await;
    rig.start_host().await;
    let answer = chat.answer().await;
    assert_eq!(answer.matches("I waited").count(), 1, "{answer}");
    let later = rig.ask("terminal", "count").await;
    assert!(!later.contains("I waited"), "not once more: {later}");
    assert_eq!(
        rig.log().matches("the container runs").count(),
        0,
        "it was found again, not restarted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_killed_in_mid_turn_is_replaced_and_the_message_answered_once() {
    let rig = Rig::start().await;
    let _ = rig.ask("terminal", "hello").await;
    let chat = rig.say("terminal", "wait 3");
    sleep(Duration::from_secs(1)).await;
    rig.kill_container(S1).await;
    let answer = chat.answer().await;
    assert_eq!(answer.matches("I waited").count(), 1, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_chats_at_once_each_get_their_own_answer() {
    let rig = Rig::start().await;
    let chats: Vec<_> =
        (0..10).map(|n| rig.say(&format!("chat{n}"), &format!("word-{n}-word"))).collect();
    for (n, chat) in chats.into_iter().enumerate() {
        let answer = chat.answer().await;
        assert!(answer.contains(&format!("word-{n}-word")), "chat {n}: {answer}");
        assert_eq!(answer.matches("word-").count(), 1, "chat {n}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_directory_refuses_with_the_pid_of_the_first() {
    let rig = Rig::start().await;
    let pid = rig.status()["pid"].as_u64().unwrap();
    let out = rig.run(&["run"]);
    assert!(!out.status.success());
    let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(complaint.contains(&format!("pid {pid}")), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_leaves_the_container_and_a_start_finds_it() {
    let mut rig = Rig::start().await;
    let _ = rig.ask("terminal", "hello").await;
    assert!(rig.run(&["stop"]).status.success());
    rig.until_running(S1).await;
    rig.start_host().await;
    let answer = rig.ask("terminal", "count").await;
    assert!(answer.contains('2'), "{answer}");
    assert_eq!(rig.log().matches("the container runs").count(), 0, "{}", rig.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_or_huge_message_is_refused_with_a_reason() {
    let rig = Rig::start().await;
    for (message, why) in [(" ", "empty"), (&"x".repeat(300 * 1024) as &str, "KiB")] {
        let out = rig.run_with_input(&["chat", "-"], message);
        assert!(!out.status.success());
        let complaint = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(complaint.contains(why), "{complaint}");
    }
}
