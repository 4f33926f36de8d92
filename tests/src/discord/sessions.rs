//! Sessions of the gateway: what each was told, and which connection has it now.

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

const MESSAGE_CONTENT: u64 = 1 << 15;

/// What a connection has to do.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Send(String),
    Close(u16, &'static str),
    /// Goes away without a word.
    Break,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    pub(super) all: HashMap<String, Session>,
    made: usize,
    /// Sessions that started over, and those that went on.
    pub(super) begun: usize,
    pub(super) resumed: usize,
    /// How often the address of the gateway was asked for, which every client does before it connects.
    pub(super) asked: usize,
    /// The portal's switch for messages is off.
    pub(super) content_is_off: bool,
    /// Events of this type are told to nobody.
    pub(super) withheld: Option<String>,
}

#[derive(Debug)]
pub(super) struct Session {
    intents: u64,
    /// Every event with its number, from 1 on.
    told: Vec<(u64, String)>,
    live: Option<UnboundedSender<Order>>,
    /// [`Sessions::asked`] when it was connected last.
    asked: usize,
}

impl Sessions {
    pub(super) fn begin(&mut self, intents: u64, live: UnboundedSender<Order>) -> String {
        self.made += 1;
        self.begun += 1;
        let id = format!("session{}", self.made);
        let session = Session { intents, told: vec![], live: Some(live), asked: self.asked };
        self.all.insert(id.clone(), session);
        id
    }

    /// Replays what came after `sequence`; false when there is no such session.
    pub(super) fn resume(&mut self, id: &str, sequence: u64, live: UnboundedSender<Order>) -> bool {
        let asked = self.asked;
        let Some(session) = self.all.get_mut(id) else { return false };
        let newest = session.told.last().map_or(0, |it| it.0);
        if newest < sequence {
            let _ = live.send(Order::Close(4007, "Invalid seq."));
            return true;
        }
        for (_, event) in session.told.iter().filter(|it| sequence < it.0) {
            let _ = live.send(Order::Send(event.clone()));
        }
        (session.live, session.asked) = (Some(live), asked);
        session.tell("RESUMED", &json!({ "_trace": [] }));
        self.resumed += 1;
        true
    }

    /// Its connection is gone; it can be resumed.
    pub(super) fn leave(&mut self, id: &str, live: &UnboundedSender<Order>) {
        if let Some(session) = self.all.get_mut(id)
            && session.live.as_ref().is_some_and(|it| it.same_channel(live))
        {
            session.live = None;
        }
    }

    /// Everybody who asked last is connected.
    pub(super) fn is_ready(&self) -> bool {
        self.all.values().any(|it| it.live.is_some() && it.asked == self.asked)
    }

    pub(super) fn order(&mut self, order: &Order) {
        for session in self.all.values_mut() {
            if let Some(live) = session.live.take() {
                let _ = live.send(order.clone());
                let stays = matches!(order, Order::Send(_));
                session.live = Some(live).filter(|_| stays);
            }
        }
    }

    /// Tells an event to all sessions that have one of the intents; 0 is for everybody. What was
    /// written is left out where the intent for it is missing, unless it is `readable` anyway.
    pub(super) fn tell(&mut self, event: &str, data: &Value, intents: u64, readable: bool) {
        if self.withheld.as_deref() == Some(event) {
            return;
        }
        for session in self.all.values_mut() {
            if intents == 0 || session.intents & intents != 0 {
                let all = readable || session.intents & MESSAGE_CONTENT != 0;
                session.tell(event, &if all { data.clone() } else { blank(data) });
            }
        }
    }

    /// Tells an event to one session.
    pub(super) fn tell_one(&mut self, id: &str, event: &str, data: &Value) {
        let told = self.withheld.as_deref() != Some(event);
        if let Some(session) = self.all.get_mut(id).filter(|_| told) {
            session.tell(event, data);
        }
    }
}

impl Session {
    fn tell(&mut self, event: &str, data: &Value) {
        let sequence = self.told.last().map_or(0, |it| it.0) + 1;
        let text = json!({ "op": 0, "t": event, "s": sequence, "d": data }).to_string();
        if let Some(live) = &self.live {
            let _ = live.send(Order::Send(text.clone()));
        }
        self.told.push((sequence, text));
    }
}

fn blank(message: &Value) -> Value {
    let mut message = message.clone();
    message["content"] = json!("");
    for field in ["attachments", "components", "embeds"] {
        message[field] = json!([]);
    }
    message
}
