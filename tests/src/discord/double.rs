//! The double as the checks of every platform see it.

use async_trait::async_trait;
use channel::{Account, Fields, Registration};
use serde_json::{Value, json};

use super::sessions::Order;
use super::shown::shown;
use super::world::{Message, World};
use super::{FakeDiscord, TOKEN};
use crate::conformance::{Deed, Double, Fault, Post, TestChat, TestChats, Visible};

impl FakeDiscord {
    /// Leads to this double with any token.
    #[must_use]
    pub fn account_with(&self, token: &str) -> Account {
        let urls =
            [("api", self.api_url()), ("gateway", self.gateway_url()), ("cdn", self.cdn_url())];
        Account {
            fields: Fields::fixed([("token", token)]),
            urls: urls.map(|(name, url)| (name.to_owned(), url)).into(),
            ..Account::new("main")
        }
    }

    fn place(&self, world: &World, channel: u64) -> TestChat {
        let found = &world.channels[&channel];
        let (chat, thread) = match found.parent {
            Some(parent) => (parent, Some(channel.to_string())),
            None => (channel, None),
        };
        TestChat { chat: chat.to_string(), thread, is_group: found.in_guild() }
    }
}

/// The channel in which something at a place is written.
fn channel(place: &TestChat) -> &str {
    place.thread.as_ref().unwrap_or(&place.chat)
}

#[async_trait]
impl Double for FakeDiscord {
    fn registration(&self) -> &'static Registration {
        channel::registration(discord::NAME).unwrap()
    }

    fn account(&self) -> Account {
        self.account_with(TOKEN)
    }

    fn account_with_wrong_credential(&self) -> Account {
        self.account_with("MTA5.double.wr0ng-bot-token")
    }

    fn places(&self) -> TestChats {
        let mut world = self.state.lock();
        let direct = world.direct("4242");
        TestChats {
            direct: self.place(&world, direct),
            group: self.place(&world, self.general),
            thread: Some(self.place(&world, self.thread)),
        }
    }

    async fn post(&self, post: Post) -> String {
        let (id, name) = post.author;
        let bot = self.bot();
        self.state.lock().people.insert(id.clone(), name);
        let files = post.files.into_iter().map(|it| self.file(it)).collect();
        let reference: Option<u64> = post.reply_to.map(|it| it.parse().unwrap());
        // A reply mentions whom it replies to, unless its author switches that off.
        let replied = reference.map(|it| self.state.lock().messages[&it].author.clone());
        let content = if post.mention { format!("<@{bot}> {}", post.text) } else { post.text };
        self.write_message(
            channel(&post.place),
            Message {
                author: id,
                content,
                reference,
                mentions: replied.into_iter().collect(),
                files,
                ..Message::default()
            },
        )
    }

    async fn act(&self, deed: Deed) -> Option<String> {
        let channel_of = |post: &Post| channel(&post.place).to_owned();
        Some(match deed {
            Deed::Edit { of, post } => {
                let bot = self.bot();
                let mention = if post.mention { format!("<@{bot}> ") } else { String::new() };
                self.rewrite(&of, &format!("{mention}{}", post.text));
                of
            }
            Deed::Delete { of, .. } => {
                self.delete(&of);
                of
            }
            Deed::React { to, emoji, added, post } => {
                self.react(&to, &post.author.0, &emoji, added);
                to
            }
            Deed::Album(post) => self.post(post).await,
            Deed::Forward { from, post } => {
                let files = post.files.iter().map(|it| self.file(it.clone())).collect();
                let (author, content) = (from, post.text.clone());
                let original = Message { author, content, files, ..Message::default() };
                let (author, forwarded) = (post.author.0.clone(), Some(Box::new(original)));
                let message = Message { author, forwarded, ..Message::default() };
                self.write_message(&channel_of(&post), message)
            }
            Deed::QuoteFiles(mut post) => {
                let (files, text) = (std::mem::take(&mut post.files), String::new());
                let [_, author] = self.people();
                let id = self.post(Post { files, text, author, ..post.clone() }).await;
                self.post(Post { reply_to: Some(id), ..post }).await
            }
            Deed::Unreadable(post) => {
                self.write_with(&channel_of(&post), &post.author.0, "", Value::Null)
            }
            Deed::Shared(_) => return None,
        })
    }

    async fn click(&self, _place: &TestChat, message: &str, data: &str, by: &str) {
        let message = message.parse().unwrap();
        let mut world = self.state.lock();
        let shown = buttons(&world.messages[&message].components);
        assert!(shown.iter().any(|it| it.1 == data), "no such button: {data:?} in {shown:?}");
        world.press(message, data, by);
    }

    async fn visible(&self) -> Vec<Visible> {
        let world = self.state.lock();
        let bot = world.bot.to_string();
        let ours = world.messages.iter().filter(|it| it.1.author == bot);
        let visible = ours.map(|(id, message)| Visible {
            place: self.place(&world, message.channel),
            id: id.to_string(),
            text: shown(&message.content),
            files: message.files.iter().map(|it| (it.name.clone(), it.content.clone())).collect(),
            buttons: buttons(&message.components),
            reactions: message.reactions.iter().map(|it| it.0.clone()).collect(),
            edits: message.edits,
        });
        visible.collect()
    }

    async fn typing_count(&self) -> usize {
        self.state.lock().typing
    }

    /// Asks for a heartbeat, which is answered as any
    /// (<https://discord.com/developers/docs/events/gateway#heartbeat-requests>).
    async fn quiet(&self) {
        let ask = json!({ "op": 1, "s": null, "t": null, "d": null });
        self.state.lock().sessions.order(&Order::Send(ask.to_string()));
    }

    async fn fault(&self, fault: Fault) {
        let mut world = self.state.lock();
        match fault {
            Fault::Disconnect => world.sessions.order(&Order::Break),
            Fault::Garbage => {
                world.sessions.order(&Order::Send("]no json[".into()));
                let nonsense = json!({ "id": { "not": "an id" }, "author": [] });
                world.sessions.tell("MESSAGE_CREATE", &nonsense, 0, true);
                world.sessions.tell("SOMETHING_NEW", &json!({ "all": "new" }), 0, true);
            }
            Fault::Throttle(_)
            | Fault::AnswerLost
            | Fault::ServerError
            | Fault::Forbidden
            | Fault::BadFormat => world.faults.push_back(fault),
        }
    }

    async fn ready(&self) {
        self.wait("a client to be connected", |it| it.state.lock().sessions.is_ready()).await;
    }

    /// Discord shows every text; there is no format that it does not take.
    fn can_happen(&self, fault: Fault) -> bool {
        fault != Fault::BadFormat
    }
}

/// Label and data of the buttons below a message.
fn buttons(components: &Value) -> Vec<(String, String)> {
    let list = |it: &Value| it.as_array().cloned().unwrap_or_default();
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let rows = list(components).into_iter().flat_map(|row| list(&row["components"]));
    rows.map(|it| (text(&it["label"]), text(&it["custom_id"]))).collect()
}
