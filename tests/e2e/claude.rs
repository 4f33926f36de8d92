//! The real Claude Code CLI in a real container, against a scripted model API on loopback.

use std::time::Duration;

use domain::SessionId;
use harness::model_api::FakeModelApi;
use serde_json::json;

use crate::rig::{PATIENCE, Rig};

const S1: SessionId = SessionId(1);
const KEY: &str = "sk-ant-api03-not-a-real-key-0123456789";

async fn rig(api: &FakeModelApi) -> Rig {
    let rig = Rig::start().await;
    rig.use_model(&api.url(), KEY);
    rig
}

#[tokio::test(flavor = "multi_thread")]
async fn two_turns_and_the_key_is_put_in_outside_of_the_container() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    api.next().says("first answer");
    assert!(rig.ask("terminal", "one").await.contains("first answer"));
    api.next().says("second answer");
    assert!(rig.ask("terminal", "two").await.contains("second answer"));
    let requests = api.requests();
    assert!(requests.iter().all(|it| it.key() == Some(KEY)), "{requests:?}");
    let last = requests.last().unwrap();
    assert!(last.mentions("first answer"), "the second turn continues the conversation");
    assert!(!rig.log().contains(KEY));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_killed_in_mid_turn_resumes_the_conversation() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    api.next().says("remember the word heron");
    let _ = rig.ask("terminal", "say a word").await;
    let seen = api.requests_seen();
    let held = api.next().hangs();
    let chat = rig.say("terminal", "which word was it?");
    api.wait_for_requests(seen + 1).await;
    api.next().says("it was heron");
    rig.kill_container(S1).await;
    drop(held);
    let answer = chat.answer().await;
    assert_eq!(answer.matches("it was heron").count(), 1, "{answer}");
    assert!(api.requests().last().unwrap().mentions("remember the word heron"), "resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_one_turn_took_together_are_all_answered() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    api.next().says("warm");
    let _ = rig.ask("terminal", "hello").await;
    let seen = api.requests_seen();
    let held = api.next().streams_held(&["working ", "still"]);
    let first = rig.say("terminal", "first");
    api.wait_for_requests(seen + 1).await;
    api.next().says("to both of you");
    let second = rig.say("terminal", "second");
    let third = rig.say("terminal", "third");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    held.release();
    assert!(first.answer().await.contains("working"));
    assert!(second.answer().await.contains("to both"));
    assert!(third.answer().await.contains("to both"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_call_reports_in_the_middle_of_a_turn() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    api.next().calls_tool("mcp__nanoclaw__send_message", json!({ "text": "half way there" }));
    api.next().says("all done");
    let answer = rig.ask("terminal", "work on it").await;
    let (report, end) = (answer.find("half way there"), answer.find("all done"));
    assert!(report.is_some() && report < end, "{answer}");
}

/// What the tools of a turn told the model, in order.
fn told(api: &FakeModelApi) -> Vec<String> {
    let mut all: Vec<String> = api.requests().iter().filter_map(|it| it.tool_result()).collect();
    all.dedup();
    all
}

fn tasks(rig: &Rig, args: &[&str]) -> serde_json::Value {
    let out = rig.run(&[&["tasks"], args, &["--json"]].concat());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_the_model_schedules_is_told_back_listed_and_comes() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    let often = json!({ "when": "every weekday at 9", "prompt": "read the Monday briefing",
        "timezone": "Europe/Berlin" });
    api.next().calls_tool("mcp__nanoclaw__schedule_task", often);
    let soon = json!({ "when": "in 20 seconds", "prompt": "say that it is time to stretch" });
    api.next().calls_tool("mcp__nanoclaw__schedule_task", soon);
    api.next().calls_tool("mcp__nanoclaw__list_tasks", json!({}));
    api.next().says("both are scheduled");
    let answer = rig.ask("terminal", "two reminders, please").await;
    assert!(answer.contains("both are scheduled"), "{answer}");
    // Before the time comes, which asks for an answer too.
    api.next().says("time to stretch");

    let told = told(&api);
    let [often, soon, list] = &told[..] else { panic!("{told:?}") };
    for part in ["t1 is scheduled: read the Monday briefing", "every weekday at 09:00"] {
        assert!(often.contains(part), "{part}: {often}");
    }
    // The zone, and the next five times as the clock there shows them.
    assert!(often.contains("Europe/Berlin"), "{often}");
    let next = often.lines().find(|it| it.starts_with("next: ")).unwrap();
    assert_eq!(next.matches(" 09:00 CE").count(), 5, "{often}");
    assert!(soon.contains("t2 is scheduled") && soon.contains("\nnext: "), "{soon}");
    for part in ["t1: read the Monday briefing", "every weekday at 09:00, Europe/Berlin", "t2: "] {
        assert!(list.contains(part), "{part}: {list}");
    }

    let listed = tasks(&rig, &["list", "--all"]);
    assert_eq!(listed[0]["when"], "every weekday at 09:00");
    assert_eq!(listed[0]["rule"], "0 9 * * 1-5");
    assert_eq!(listed[0]["zone"], "Europe/Berlin");
    assert_eq!(listed[0]["next_local"].as_array().unwrap().len(), 5);
    assert_eq!(listed[1]["prompt"], "say that it is time to stretch");
    let fire = ended(&rig, "t2").await;
    assert_eq!((&fire["state"], &fire["result"]), (&json!("ok"), &json!("time to stretch")));
    // What it cost is known by the program's list of prices, of the other task nothing.
    let cost: f64 = fire["cost_usd"].as_str().unwrap().parse().unwrap();
    assert!(0.0 < cost && cost < 0.1, "{fire}");
    let listed = tasks(&rig, &["list", "--all"]);
    assert_eq!((&listed[0]["cost_usd"], &listed[1]["cost_usd"]), (&json!(null), &fire["cost_usd"]));
    let why = String::from_utf8(rig.run(&["why", "last"]).stdout).unwrap();
    assert!(why.lines().any(|it| it.contains("cost") && it.contains("$0.0")), "{why}");
    let asked = api.requests().pop().unwrap();
    assert!(asked.mentions("say that it is time to stretch"), "{asked:?}");
    assert_eq!(api.unused(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_killed_after_it_scheduled_makes_no_second_task() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    let task = json!({ "when": "every day at 9", "prompt": "stretch" });
    api.next().calls_tool("mcp__nanoclaw__schedule_task", task.clone());
    let held = api.next().hangs();
    let chat = rig.say("terminal", "remind me every day");
    api.wait_for_requests(2).await;
    // The next attempt asks for the same, in the same words, and then once more on purpose.
    api.next().calls_tool("mcp__nanoclaw__schedule_task", task.clone());
    api.next().calls_tool("mcp__nanoclaw__schedule_task", task);
    api.next().says("it is done");
    rig.kill_container(S1).await;
    drop(held);
    assert!(chat.answer().await.contains("it is done"));
    let told = told(&api);
    let [first, again, more] = &told[..] else { panic!("{told:?}") };
    assert!(first.contains("t1 is scheduled") && !first.contains("earlier attempt"), "{first}");
    assert!(again.contains("t1 is scheduled") && again.contains("earlier attempt"), "{again}");
    assert!(more.contains("t2 is scheduled") && more.contains("t1 is the same already"), "{more}");
    assert_eq!(tasks(&rig, &["list", "--all"]).as_array().unwrap().len(), 2);
}

/// The only time of a task, once it has ended.
async fn ended(rig: &Rig, task: &str) -> serde_json::Value {
    for _ in 0..PATIENCE.as_secs() {
        let fire = tasks(rig, &["history", task])[0].clone();
        if !fire["ended_at"].is_null() {
            return fire;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("{task} has no end:\n{}", rig.log());
}

/// The CLI tries some errors again; every try meets the same answer.
const TRIES: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_in_plain_words_with_what_to_do() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    for _ in 0..TRIES {
        api.next().fails(401, "authentication_error", "invalid x-api-key", &[]);
    }
    let answer = rig.ask("terminal", "hello").await;
    assert!(answer.contains("nanoclaw vault add anthropic"), "{answer}");
    assert!(!answer.contains('{'), "no raw dump: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_told_and_the_message_answered_automatically() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    // The first try and three more of the CLI.
    for _ in 0..4 {
        api.next().fails(429, "rate_limit_error", "slow down", &[("retry-after", "1")]);
    }
    let answer = rig.ask("terminal", "again").await;
    assert!(answer.contains("limit of the model") || answer.contains("model says"), "{answer}");
    assert!(!answer.contains('{'), "{answer}");
    assert_eq!(api.unused(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_api_and_garbage_are_told_too() {
    let api = FakeModelApi::start().await;
    let rig = rig(&api).await;
    for _ in 0..TRIES {
        api.next().garbage();
    }
    let said = rig.say("terminal", "hello").output().await;
    assert!(!said.stdout.trim_ascii().is_empty());
    drop(api);
    // It waits for longer than anybody here does.
    let said = rig.say("other", "hello").output().await;
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(said.contains("cannot be reached"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_in_mid_turn_answers_once() {
    let api = FakeModelApi::start().await;
    let mut rig = rig(&api).await;
    api.next().says("warm");
    let _ = rig.ask("terminal", "hello").await;
    let seen = api.requests_seen();
    api.next().streams_slowly(&["one ", "two ", "three"], Duration::from_millis(700));
    let chat = rig.say("terminal", "count slowly");
    api.wait_for_requests(seen + 1).await;
    rig.kill_host();
    // The stream of the model went through the dead host; the CLI asks again.
    api.next().says("one two three");
    rig.start_host().await;
    let answer = chat.answer().await;
    assert_eq!(answer.matches("one two three").count(), 1, "{answer}");
}
