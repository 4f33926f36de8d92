//! `nanoclaw chat` against a played host.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use channel::cli::frames::ToClient;
use serde_json::json;
use store::layout::Layout;

use crate::server::Server;
use crate::{Home, Said};

#[test]
fn without_a_host_it_says_how_to_start_one() {
    let said = Home::new().run(&["chat", "hello"]);
    assert!(said.err.contains("nanoclaw start"), "{}", said.err);
    said.refused(1, "no host runs on");
    Home::new().feed(&["chat"], b"one\n").refused(1, "no host runs on");
    // An empty message is one: it is not read from the standard input, which is at its end here.
    Home::new().run(&["chat", ""]).refused(1, "no host runs on");
}

#[test]
fn an_answer_is_printed_part_by_part() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        let mut client = host.accept();
        assert_eq!(client.chat, "terminal-ben");
        let (id, text, agent) = client.message();
        assert_eq!((text.as_str(), agent.as_deref()), ("what is up?", Some("ben")));
        client.stored(&id);
        client.tell(&ToClient::Working);
        client.part("k0", "an-older-one", "from yesterday", true, false);
        client.part("k1", &id, "looking…", false, false);
        client.part("k2", &id, "not much", true, false);
    });
    let said = home.run(&["chat", "--agent", "ben", "what is up?"]);
    host.join().unwrap();
    assert_eq!(said.err, "(earlier answer) from yesterday\n");
    assert_eq!(said.fine(), "looking…\nnot much\n");
}

#[test]
fn an_answer_that_cannot_be_written_is_not_acknowledged() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        let mut client = host.accept();
        let (reply_to, ..) = client.message();
        let (key, text) = ("k1".to_owned(), "forty-two".to_owned());
        let (also, last, no_answer, repeat) = (vec![], true, false, false);
        client.tell(&ToClient::Part { key, reply_to, also, text, last, no_answer, repeat });
        client.ends();
    });
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let said = Said::from(home.command(&["chat", "hello"]).stdout(full).output().unwrap());
    host.join().unwrap();
    assert!(said.err.contains("the result could not be written"), "{}", said.err);
    said.refused(1, "the next `nanoclaw chat` shows it");
}

#[test]
fn a_refused_message_says_why() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        let mut client = host.accept();
        let (id, ..) = client.message();
        client.tell(&ToClient::Refused { id: Some("another".into()), why: "not this".into() });
        client.tell(&ToClient::Refused { id: Some(id), why: "there is no agent `eve`".into() });
    });
    let said = home.run(&["chat", "--agent", "eve", "hello"]);
    host.join().unwrap();
    said.refused(1, "the message was not taken: there is no agent `eve`");
}

#[test]
fn waiting_ends_with_a_stop_and_with_a_question() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        // A stop in another terminal, its order by command, and a question.
        for (is_own, last) in [(false, true), (true, true), (true, false)] {
            let mut client = host.accept();
            let (id, ..) = client.message();
            client.stored(&id);
            let (reply_to, also) = if is_own { (id, vec![]) } else { ("other".into(), vec![id]) };
            let (key, text) = ("k1".into(), "what the host says".into());
            let (no_answer, repeat) = (true, false);
            client.tell(&ToClient::Part { key, reply_to, also, text, last, no_answer, repeat });
            client.hear();
        }
    });
    let said = home.run(&["chat", "hello"]);
    assert_eq!(said.out, "what the host says\n");
    said.refused(1, "the agent did not answer");
    home.run(&["chat", "/stop"]).fine();
    let said = home.run(&["chat", "hello"]);
    assert!(said.err.contains("waits for your reply"), "{}", said.err);
    assert_eq!((said.code, said.out.as_str()), (3, "what the host says\n"));
    host.join().unwrap();
    assert!(home.run(&["chat", "--help"]).fine().contains("with 3 when the agent asks"));
}

#[test]
fn nobody_waits_for_an_agent_that_is_stopped() {
    let home = Home::new();
    let andy = domain::AgentName::parse("andy").unwrap();
    let scope = domain::stop::Scope::Agent(andy);
    home.store().stop(&scope, "Ann", "", domain::time::Timestamp(1)).unwrap();
    let host = Server::new(&home.path()).play(|host| {
        let mut client = host.accept();
        let (id, ..) = client.message();
        client.part("k1", &id, "I'm stopped by Ann.", false, false);
        let mut client = host.accept();
        let (id, ..) = client.message();
        client.part("k2", &id, "a first part", false, false);
        client.part("k3", &id, "the last one", true, false);
        // The notice comes once; so the later ones hear nothing.
        for _ in 0..3 {
            let mut client = host.accept();
            let (id, ..) = client.message();
            client.stored(&id);
            client.ends();
        }
    });
    let said = home.run(&["chat", "--agent", "andy", "hello"]);
    assert!(said.err.contains("nanoclaw agents resume"), "{}", said.err);
    assert_eq!((said.code, said.out.as_str()), (4, "I'm stopped by Ann.\n"));
    let said = home.run(&["chat", "--agent", "ben", "hello", "there"]);
    assert_eq!(said.fine(), "a first part\nthe last one\n");
    for seconds in ["60", "1"] {
        let said = home.run(&["chat", "--agent", "andy", "--timeout", seconds, "again"]);
        assert!(said.err.contains("nanoclaw agents resume"), "{}", said.err);
        assert_eq!((said.code, said.out.as_str()), (4, ""));
    }
    let said = home.run(&["chat", "--agent", "andy", "--timeout", "1", "/stop"]);
    host.join().unwrap();
    said.refused(124, "no answer came within 1 s");
}

#[test]
fn a_lost_connection_sends_the_same_message_again_and_shows_nothing_twice() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        let mut client = host.accept();
        let (id, ..) = client.message();
        client.part("k1", &id, "half an answer", false, false);
        drop(client);
        let mut client = host.accept();
        assert_eq!(client.chat, "work");
        assert_eq!(client.message(), (id.clone(), "hello".into(), None));
        client.stored(&id);
        // The first was shown, though the host cannot know; the second may have been elsewhere.
        client.part("k1", &id, "half an answer", false, true);
        client.part("k2", &id, "the rest", true, true);
    });
    let said = home.run(&["chat", "--chat", "work", "hello"]);
    host.join().unwrap();
    assert!(said.err.contains("the host is gone"), "{}", said.err);
    assert_eq!(said.fine(), "half an answer\n(may be a repeat) the rest\n");
}

#[test]
fn waiting_ends_with_what_is_known() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        let mut client = host.accept();
        let (id, ..) = client.message();
        client.stored(&id);
        let mut client = host.accept();
        client.message();
        let mut client = host.accept();
        client.message();
    });
    let ask = || home.run(&["chat", "--timeout", "1", "hello"]);
    ask().refused(124, "no answer came within 1 s");
    ask().refused(124, "did not take the message within 1 s");
    // The host ends for good.
    let said = ask();
    host.join().unwrap();
    said.refused(124, "the host went away");
}

#[test]
fn what_the_agent_waits_for_is_told_when_time_is_up() {
    let home = Home::new();
    let host = Server::new(&home.path());
    let admin = UnixListener::bind(Layout::new(home.path()).admin_socket()).unwrap();
    let host = host.play(move |host| {
        let mut client = host.accept();
        let (id, ..) = client.message();
        client.stored(&id);
        let session = |chat: &str, why: &str| {
            json!({
                "id": "s1", "agent": "andy", "chat": chat, "container": "absent", "linked": false,
                "waiting": 1, "undelivered": 0, "why": why,
            })
        };
        let status = json!({
            "type": "status", "version": "0", "pid": 1, "up_seconds": 1, "home": "/x",
            "engine": { "reachable": true, "why": null }, "actors": [], "channels": [],
            "sessions": [session("cli:work", "flaps"), session("cli:terminal", "there is no image")],
            "sessions_known": 2, "containers_running": 0, "containers_max": 1,
            "refused_requests": 0,
        });
        let (mut asked, _) = admin.accept().unwrap();
        let _ = asked.read(&mut [0; 4_096]).unwrap();
        writeln!(asked, "{status}").unwrap();
    });
    let said = home.run(&["chat", "--timeout", "1", "hello"]);
    host.join().unwrap();
    said.refused(124, "no answer came within 1 s: there is no image\n");
}

#[test]
fn a_program_can_talk_too() {
    let home = Home::new();
    let host = Server::new(&home.path()).play(|host| {
        for (number, expected) in ["one", "two", "all\nof it\n"].into_iter().enumerate() {
            let mut client = host.accept();
            let (id, text, _) = client.message();
            assert_eq!(text, expected);
            client.part(&format!("k{number}"), &id, &format!("heard {number}"), true, false);
        }
    });
    assert_eq!(home.feed(&["chat"], b"one\n\ntwo").fine(), "heard 0\nheard 1\n");
    assert_eq!(home.feed(&["chat", "-"], b"all\nof it\n").fine(), "heard 2\n");
    home.feed(&["chat", "-"], b"\xff\xfe").refused(1, "is not UTF-8");
    home.feed(&["chat"], b"\xff\xfe").refused(1, "`iconv`");
    host.join().unwrap();
}
