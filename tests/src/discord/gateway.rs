//! The websocket side of the double.
//!
//! Source: <https://discord.com/developers/docs/events/gateway>.

use std::sync::Arc;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::task::JoinSet;
use tokio_websockets::{CloseCode, Message, ServerBuilder};

use super::State;
use super::sessions::Order;

/// Milliseconds; Discord's own.
const HEARTBEAT: u64 = 41_250;
const MESSAGE_CONTENT: u64 = 1 << 15;
/// Bits above the highest intent there is.
const UNKNOWN_INTENTS: u64 = !0 << 26;

/// Serves until dropped. Connections end with it.
pub(super) async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, Arc::clone(&state)));
            }
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let Ok((request, mut socket)) = ServerBuilder::new().accept(stream).await else { return };
    let (orders, mut inbox) = mpsc::unbounded_channel();
    if !request.uri().query().unwrap_or_default().contains("v=10") {
        let _ = orders.send(Order::Close(4012, "Invalid API version"));
    }
    let hello = json!({ "op": 10, "s": null, "t": null, "d": { "heartbeat_interval": HEARTBEAT } });
    let _ = orders.send(Order::Send(hello.to_string()));
    let mut client = Client { state, orders, session: None };
    loop {
        tokio::select! {
            order = inbox.recv() => {
                let message = match order {
                    Some(Order::Send(text)) => Message::text(text),
                    Some(Order::Close(code, why)) => {
                        let code = CloseCode::try_from(code).unwrap();
                        let _ = socket.send(Message::close(Some(code), why)).await;
                        // Until the other side has closed, too.
                        while let Some(Ok(_)) = socket.next().await {}
                        break;
                    }
                    Some(Order::Break) | None => break,
                };
                if socket.send(message).await.is_err() {
                    break;
                }
            }
            frame = socket.next() => match frame {
                Some(Ok(frame)) if frame.is_text() => client.take(frame.as_text().unwrap_or_default()),
                Some(Ok(frame)) if frame.is_close() => {
                    let code = frame.as_close().map(|it| u16::from(it.0));
                    client.closed(code);
                    break;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
    }
    client.gone();
}

struct Client {
    state: Arc<State>,
    orders: UnboundedSender<Order>,
    session: Option<String>,
}

impl Client {
    fn take(&mut self, text: &str) {
        let Ok(frame) = serde_json::from_str::<Value>(text) else {
            return self.close(4002, "Error while decoding payload.");
        };
        match frame["op"].as_u64() {
            Some(1) => self.send(&json!({ "op": 11, "s": null, "t": null, "d": null })),
            Some(2) => self.identify(&frame["d"]),
            Some(6) => self.resume(&frame["d"]),
            // Presence, voice, members: nothing of it is told to anybody.
            Some(3 | 4 | 8) => {}
            _ => self.close(4001, "Unknown opcode."),
        }
    }

    fn identify(&mut self, data: &Value) {
        let intents = data["intents"].as_u64().unwrap_or_default();
        let mut world = self.state.lock();
        if !self.state.is_token(data["token"].as_str().unwrap_or_default()) {
            return self.close(4004, "Authentication failed.");
        }
        if intents & UNKNOWN_INTENTS != 0 {
            return self.close(4013, "Invalid intent(s).");
        }
        if world.sessions.content_is_off && intents & MESSAGE_CONTENT != 0 {
            return self.close(4014, "Disallowed intent(s).");
        }
        let (bot, guild) = (world.bot.to_string(), world.guild.to_string());
        let id = world.sessions.begin(intents, self.orders.clone());
        let ready = json!({
            "v": 10, "user": world.user(&bot), "guilds": [{ "id": guild, "unavailable": true }],
            "session_id": id, "resume_gateway_url": self.state.gateway_url(), "shard": [0, 1],
            "application": { "id": bot, "flags": 0 }, "private_channels": [], "relationships": [],
        });
        world.sessions.tell_one(&id, "READY", &ready);
        if intents & 1 != 0 {
            let guild = world.guild_create();
            world.sessions.tell_one(&id, "GUILD_CREATE", &guild);
        }
        self.session = Some(id);
        drop(world);
        self.state.changed.notify_waiters();
    }

    fn resume(&mut self, data: &Value) {
        let id = data["session_id"].as_str().unwrap_or_default();
        let sequence = data["seq"].as_u64().unwrap_or_default();
        if !self.state.is_token(data["token"].as_str().unwrap_or_default()) {
            return self.close(4004, "Authentication failed.");
        }
        let resumed = self.state.lock().sessions.resume(id, sequence, self.orders.clone());
        if resumed {
            self.session = Some(id.to_owned());
        } else {
            self.send(&json!({ "op": 9, "s": null, "t": null, "d": false }));
        }
        self.state.changed.notify_waiters();
    }

    /// A client that says goodbye gives its session up.
    fn closed(&mut self, code: Option<u16>) {
        if matches!(code, Some(1000 | 1001))
            && let Some(id) = self.session.take()
        {
            self.state.lock().sessions.all.remove(&id);
        }
    }

    fn gone(&mut self) {
        if let Some(id) = &self.session {
            self.state.lock().sessions.leave(id, &self.orders);
        }
    }

    fn send(&self, frame: &Value) {
        let _ = self.orders.send(Order::Send(frame.to_string()));
    }

    fn close(&self, code: u16, why: &'static str) {
        let _ = self.orders.send(Order::Close(code, why));
    }
}
