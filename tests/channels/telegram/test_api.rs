//! The adapter against a server that we did not write: texts, buttons, presses and edits
//! (<https://www.npmjs.com/package/telegram-test-api>; it has no files, topics or reactions).

use std::collections::BTreeMap;

use channel::{Account, Cursor, Event, Fields, Part, Verdict};
use domain::message::Address;
use domain::outgoing::{Button, Card, Content};
use harness::foreign::{self, Program};
use serde_json::{Value, json};

const TOKEN: &str = "12345:for_the_test_api";
/// The package's own name for the sender.
const CHAT: &str = "1";

struct Server(Program);

impl Server {
    async fn start() -> (Self, String) {
        let packages = ["telegram-test-api@4.2.1"];
        let mut node = foreign::node(&packages, "channels/telegram/test_api.cjs").await;
        node.arg(TOKEN);
        let mut program = Program::start(node);
        let url = program.says("OK listening").await;
        (Self(program), url)
    }

    async fn tell(&mut self, order: Value) -> Value {
        self.0.tell(&order.to_string()).await;
        serde_json::from_str(&self.0.says("OK").await).unwrap()
    }
}

fn part(content: Content) -> Part {
    let to = Address {
        channel: "telegram".into(),
        account: "main".into(),
        chat: CHAT.into(),
        thread: None,
    };
    Part {
        to,
        key: "k".into(),
        content,
        reply_to: String::new(),
        also: vec![],
        last: true,
        no_answer: false,
        repeat: false,
        in_group: false,
        silent: false,
        notify: None,
    }
}

#[tokio::test]
async fn a_conversation_with_a_server_of_others() {
    let (mut server, url) = Server::start().await;
    let account = Account {
        fields: Fields::fixed([("token", TOKEN)]),
        urls: BTreeMap::from([("api".into(), url)]),
        ..Account::new("main")
    };
    let adapter = channel::registration(telegram::NAME).unwrap().adapter;
    let mut connection = adapter.connect(&account).await.unwrap();
    server.tell(json!({"say": "/start@TestNameBot now"})).await;
    let batch = connection.source.receive(&Cursor::default()).await.unwrap();
    connection.source.settle(&[Verdict::Stored]).await.unwrap();
    let [Event::Message(asked)] = &batch.events[..] else { panic!("{batch:?}") };
    assert_eq!((asked.body.text.as_str(), asked.mentioned), ("/start now", true));
    assert_eq!((asked.from.chat.as_str(), asked.body.sender.name.as_str()), (CHAT, "TestName"));

    let out = connection.sink;
    out.deliver(&part(Content::Text("**done** & dusted".into()))).await.unwrap();
    let button = Button { label: "Yes".into(), data: "q1:0".into() };
    let card = Card { text: "May I?".into(), buttons: vec![button] };
    let id = out.deliver(&part(Content::Card(card))).await.unwrap();
    server.tell(json!({"press": "q1:0"})).await;
    let batch = connection.source.receive(&batch.cursor).await.unwrap();
    let [Event::Click(press)] = &batch.events[..] else { panic!("{batch:?}") };
    assert_eq!((press.data.as_str(), press.from.chat.as_str()), ("q1:0", CHAT));
    let card = Card { text: "May I? — Yes".into(), buttons: vec![] };
    out.deliver(&part(Content::Edit { target: id.clone(), card })).await.unwrap();

    let shown = server.tell(json!({"shown": true})).await;
    let shown: Vec<&Value> = shown.as_array().unwrap().iter().collect();
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0]["message"]["text"], "<b>done</b> &amp; dusted");
    assert_eq!(shown[1]["message"]["text"], "May I? — Yes");
    assert_eq!(id, format!("{CHAT}:{}", shown[1]["messageId"]));
    server.0.ends().await;
}
