//! The double as the conformance checks use it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use channel::{Account, Fields, Registration};
use serde_json::json;

use super::faults::Mishap;
use super::world::{File, GROUP, Inner, Message, THREAD, direct};
use super::{FakeCourier, TOKEN, WRONG_TOKEN};
use crate::conformance::{
    Deed, Double, Fault, Happening, Post, Rang, TestChat, TestChats, Visible,
};

#[async_trait]
impl Double for FakeCourier {
    fn registration(&self) -> &'static Registration {
        self.registration
    }

    fn account(&self) -> Account {
        Account {
            fields: Fields::fixed([("token", TOKEN)]),
            urls: BTreeMap::from([("api".into(), self.url())]),
            ..Account::new("main")
        }
    }

    fn account_with_wrong_credential(&self) -> Account {
        Account { fields: Fields::fixed([("token", WRONG_TOKEN)]), ..self.account() }
    }

    fn places(&self) -> TestChats {
        let [(ann, _), _] = self.people();
        let place = |chat: String, is_group| TestChat { chat, thread: None, is_group };
        let thread = Some(THREAD.to_owned());
        TestChats {
            direct: place(direct(&ann), false),
            group: place(GROUP.into(), true),
            thread: Some(TestChat { thread, ..place(GROUP.into(), true) }),
        }
    }

    async fn post(&self, post: Post) -> String {
        self.tell(|it| Some(it.write(&post))).unwrap()
    }

    async fn act(&self, deed: Deed) -> Option<String> {
        self.tell(|it| it.act(deed))
    }

    async fn happen(&self, happening: Happening) -> bool {
        self.tell(|it| it.happen(happening)).is_some()
    }

    async fn renew(&self) -> Option<Account> {
        let token = self.renew_token();
        Some(Account { fields: Fields::fixed([("token", token.as_str())]), ..self.account() })
    }

    async fn click(&self, place: &TestChat, message: &str, data: &str, by: &str) {
        self.tell(|inner| {
            let under = inner.message(message).unwrap_or_else(|| panic!("there is no {message}"));
            assert!(under.buttons.iter().any(|it| it.1 == data), "no button says {data}");
            let click = json!({
                "id": format!("c{}", inner.next_update), "message": message, "data": data,
                "chat": inner.show_chat(&place.chat), "from": inner.show_person(by),
                "thread": place.thread,
            });
            inner.push("clicked", click);
            None
        });
    }

    async fn visible(&self) -> Vec<Visible> {
        let inner = self.state.lock();
        let ours = inner.messages.iter().filter(|it| it.is_ours && !it.is_gone);
        ours.map(|it| inner.seen(it)).collect()
    }

    async fn rang(&self, message: &str) -> Option<Rang> {
        let inner = self.state.lock();
        let message = inner.message(message)?;
        Some(Rang { is_silent: message.is_silent, notifies: message.notifies.clone() })
    }

    async fn typing_count(&self) -> usize {
        self.state.lock().typing
    }

    /// Every poll that waits ends with nothing, as when its time is over.
    async fn quiet(&self) {
        self.state.lock().polls_ended += 1;
        self.state.news.notify_waiters();
    }

    async fn fault(&self, fault: Fault) {
        let mishap = match fault {
            Fault::Disconnect => return self.state.cut.notify_waiters(),
            Fault::Garbage => {
                self.tell(|inner| {
                    inner.push("message", json!({"id": 7, "chat": []}));
                    inner.push("hologram", json!({"id": "h1", "chat": "nowhere"}));
                    None
                });
                return;
            }
            Fault::BadFormat => panic!("texts have no formats"),
            Fault::Throttle(given) => Mishap::Throttled(given),
            Fault::AnswerLost => Mishap::AnswerLost,
            Fault::ServerError => Mishap::ServerError,
            Fault::Forbidden => Mishap::Forbidden,
        };
        self.state.lock().mishaps.push_back(mishap);
    }

    fn can_happen(&self, fault: Fault) -> bool {
        fault != Fault::BadFormat
    }
}

impl Inner {
    fn seen(&self, message: &Message) -> Visible {
        let file = |id: &String| {
            let File { name, content, .. } = &self.files[id];
            (name.clone(), content.clone())
        };
        Visible {
            place: TestChat {
                chat: message.chat.clone(),
                thread: message.thread.clone(),
                is_group: self.chats[&message.chat].is_group,
            },
            id: message.id.clone(),
            text: message.text.clone(),
            files: message.files.iter().map(file).collect(),
            buttons: message.buttons.clone(),
            reactions: message.reactions.clone(),
            edits: message.edits,
        }
    }
}
