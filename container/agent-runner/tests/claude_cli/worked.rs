//! The tools as the real CLI calls them.

use harness::model_api::FakeModelApi;
use serde_json::json;
use store::Asked;

use super::support::Session;
use super::*;

#[tokio::test]
async fn each_tool_says_what_came_of_it() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let config = config(&mut session);
    std::fs::write(config.workspace.join("a.txt"), "hello").unwrap();
    session.grant("team", "The Team");
    let calls = [
        ("list_destinations", json!({}), "team (The Team, cli)"),
        ("send_message", json!({"text": "half way"}), "sent as message 1"),
        ("edit_message", json!({"id": 1, "text": "nearly"}), "edited"),
        ("edit_message", json!({"id": 2, "text": "x"}), "there is no message 2 of yours"),
        ("send_message", json!({"text": "hi", "to": "team"}), "sent as message 5"),
        ("send_message", json!({"text": "hi", "to": "x"}), "known are: team"),
        ("send_file", json!({"path": "a.txt", "caption": "look"}), "sent as message 7"),
        ("send_file", json!({"path": "/etc/hostname"}), "is outside of your workspace"),
        ("add_reaction", json!({"id": 2, "emoji": "👍"}), "done"),
        ("add_reaction", json!({"id": 4, "emoji": "👍"}), "there is no message 4"),
        ("ask_user_question", json!({"question": "?", "options": []}), "give 1 to 20 options"),
        ("nanoclaw", json!({"command": " "}), "give one line with a command"),
    ];
    for (tool, input, _) in &calls {
        api.next().calls_tool(&format!("mcp__nanoclaw__{tool}"), input.clone());
    }
    api.next().says("done");
    let _runner = session.start(config, link(&api));
    session.say("work");
    let said = session.wait_for_said(6).await;
    assert_eq!(
        said,
        [
            "interim: half way",
            "interim: [edit of o1.0] nearly",
            "interim to t: hi",
            "interim: [file a.txt of 5 bytes] look",
            "interim: [reaction to work] 👍",
            "answer: done",
        ]
    );
    let results = results(&api);
    assert_eq!(results.len(), calls.len());
    for ((tool, input, result), got) in calls.iter().zip(&results) {
        assert!(got.contains(result), "{tool} {input}: {got}");
    }
}

#[tokio::test]
async fn a_question_and_a_request_wait_for_the_host() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let ask = json!({"question": "tea?", "options": ["yes", "no"], "timeout_seconds": 600});
    api.next().calls_tool("mcp__nanoclaw__ask_user_question", ask);
    api.next().calls_tool("mcp__nanoclaw__nanoclaw", json!({"command": "chats list"}));
    api.next().says("done");
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say("work");
    let request = session.wait_for_request().await;
    let Asked::Question { options, timeout } = &request.what else { panic!("{request:?}") };
    assert_eq!((options.len(), timeout.as_secs()), (2, 600));
    session.answer(request.seq, true, "yes");
    let request = session.wait_for_request().await;
    assert_eq!((&request.what, request.text.as_str()), (&Asked::Admin, "chats list"));
    session.answer(request.seq, false, "only the owner may");
    assert_eq!(session.wait_for_said(1).await, ["answer: done"]);
    let results = results(&api);
    assert!(results[0].contains("yes") && results[1].contains("only the owner may"), "{results:?}");
}

#[tokio::test]
async fn a_task_is_a_line_for_the_host_whose_answer_the_model_reads() {
    let (api, mut session) = (FakeModelApi::start().await, Session::new());
    let task = json!({"when": "every weekday at 9", "prompt": "it's time", "timezone": "UTC"});
    api.next().calls_tool("mcp__nanoclaw__schedule_task", task);
    api.next().calls_tool("mcp__nanoclaw__list_tasks", json!({}));
    let edit = json!({"task": "t1", "when": "every day at 8"});
    api.next().calls_tool("mcp__nanoclaw__update_task", edit);
    for tool in ["pause_task", "resume_task", "run_task_now"] {
        api.next().calls_tool(&format!("mcp__nanoclaw__{tool}"), json!({"task": "t1"}));
    }
    api.next().calls_tool("mcp__nanoclaw__task_history", json!({"task": "t1", "limit": 3}));
    api.next().calls_tool("mcp__nanoclaw__cancel_task", json!({"task": "t1"}));
    api.next().says("done");
    let config = config(&mut session);
    let _runner = session.start(config, link(&api));
    session.say("work");
    for (line, answer) in [
        ("tasks add --zone=UTC -- 'every weekday at 9' 'it'\\''s time'", "t1 is scheduled"),
        ("tasks list", "t1: it's time"),
        ("tasks edit '--when=every day at 8' -- t1", "t1 comes at 8"),
        ("tasks pause -- t1", "t1 rests"),
        ("tasks resume -- t1", "t1 goes on"),
        ("tasks run -- t1", "t1 is queued"),
        ("tasks history --limit=3 -- t1", "t1 came once"),
        ("tasks cancel -- t1", "t1 is over"),
    ] {
        let request = session.wait_for_request().await;
        assert_eq!((&request.what, request.text.as_str()), (&Asked::Admin, line));
        session.answer(request.seq, true, answer);
    }
    assert_eq!(session.wait_for_said(1).await, ["answer: done"]);
    let results = results(&api);
    assert!(results[0].contains("t1 is scheduled") && results[1].contains("it's"), "{results:?}");
    for (result, told) in
        results[2..].iter().zip(["8", "rests", "goes on", "queued", "once", "over"])
    {
        assert!(result.contains(told), "{results:?}");
    }
    assert_eq!(results.len(), 8);
}

/// What the model was told of each call, in order.
fn results(api: &FakeModelApi) -> Vec<String> {
    let asked = api.requests().pop().unwrap();
    let messages = asked.body["messages"].as_array().unwrap();
    let blocks = messages.iter().filter_map(|it| it["content"].as_array()).flatten();
    blocks.filter(|it| it["type"] == "tool_result").map(|it| it["content"].to_string()).collect()
}
