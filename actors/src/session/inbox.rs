//! What comes in: messages for the agent, orders for the session itself, answers to what the agent
//! asked. Each is answered after its commit, and a failure of the database is answered too, before
//! it is raised.

use domain::OutSeq;
use domain::message::{Admitted, InboundKind, Incoming};
use domain::notice;
use ractor::RpcReplyPort;
use store::{SessionStore, TaskMessage};
use tokio::time::Instant;

use super::SessionError;
use super::state::SessionState;
use crate::sessions::child::chain;

/// A message for a session, as the router found it to be meant.
#[derive(Clone, Debug)]
pub enum Taken {
    Message(Admitted),
    /// A slot of a task.
    Task(Box<TaskMessage>),
    /// Something that the host answers by itself, with this text.
    Reply(Incoming, String),
    /// What does the session do?
    Status(Incoming),
    /// Stop what you do.
    Stop(Incoming),
}

impl Taken {
    /// Nothing will answer it.
    pub(crate) fn is_overheard(&self) -> bool {
        matches!(self, Self::Message(Admitted { kind: InboundKind::Context, .. }))
    }
}

impl SessionState {
    pub(super) async fn take_inbound(
        &mut self,
        messages: Vec<Taken>,
        reply: RpcReplyPort<Result<(), String>>,
    ) -> Result<(), SessionError> {
        self.seen += 1;
        self.last_event = Instant::now();
        match messages.last() {
            Some(Taken::Message(it)) => self.last_from = Some(it.message.from.clone()),
            Some(Taken::Task(it)) => self.last_from = Some(it.message.from.clone()),
            _ => {}
        }
        let stored = self.store_inbound(messages).await;
        acknowledge(&stored, reply);
        stored
    }

    pub(super) async fn take_answer(
        &mut self,
        seq: OutSeq,
        ok: bool,
        text: String,
        reply: RpcReplyPort<Result<(), String>>,
    ) -> Result<(), SessionError> {
        self.seen += 1;
        self.last_event = Instant::now();
        let stored = self.store_answer(seq, ok, text).await;
        acknowledge(&stored, reply);
        stored
    }

    async fn store_answer(
        &mut self,
        seq: OutSeq,
        ok: bool,
        text: String,
    ) -> Result<(), SessionError> {
        self.make_folders().await?;
        let answer = move |it: &mut SessionStore| it.inbound.answer(seq, ok, &text);
        self.store.write("an answer", answer).await?;
        // The runner waits for it.
        self.ring();
        Ok(())
    }

    async fn store_inbound(&mut self, messages: Vec<Taken>) -> Result<(), SessionError> {
        self.make_folders().await?;
        self.wake().await?;
        let mut plain: Vec<Admitted> = Vec::new();
        for message in messages {
            match message {
                Taken::Message(admitted) => plain.push(admitted),
                Taken::Task(task) => {
                    self.store_plain(std::mem::take(&mut plain)).await?;
                    self.store_task(*task).await?;
                }
                order @ (Taken::Reply(..) | Taken::Status(_) | Taken::Stop(_)) => {
                    self.store_plain(std::mem::take(&mut plain)).await?;
                    self.obey(order).await?;
                }
            }
        }
        self.store_plain(plain).await
    }

    async fn store_plain(&mut self, messages: Vec<Admitted>) -> Result<(), SessionError> {
        if messages.is_empty() {
            return Ok(());
        }
        let now = self.now();
        self.store.write("a message", move |it| it.inbound.insert(&messages, now)).await?;
        Ok(())
    }

    /// First, so that a crash right after the commit that follows leaves a trace of the work.
    pub(super) async fn wake(&mut self) -> Result<(), SessionError> {
        if !self.awake {
            let id = self.id();
            self.host().central.write("awake", move |it| it.set_awake(id, true)).await?;
            self.awake = true;
        }
        Ok(())
    }

    async fn obey(&mut self, order: Taken) -> Result<(), SessionError> {
        let now = self.now();
        match order {
            Taken::Message(_) | Taken::Task(_) => {}
            Taken::Reply(message, text) => {
                let reply =
                    move |it: &mut SessionStore| it.inbound.answer_command(&message, &text, now);
                self.store.write("a command", reply).await?;
            }
            Taken::Status(message) => {
                let snapshot = self.store.read(SessionStore::snapshot).await?;
                let working = snapshot.waiting.iter().filter(|it| it.claim.is_some()).count();
                let text = notice::status(
                    self.args.row.agent.as_str(),
                    self.container_word(),
                    (working, snapshot.waiting.len() - working),
                    snapshot.parts.len(),
                );
                let reply =
                    move |it: &mut SessionStore| it.inbound.answer_command(&message, &text, now);
                self.store.write("a command", reply).await?;
            }
            Taken::Stop(message) => {
                let halt =
                    move |it: &mut SessionStore| it.inbound.halt(&message, notice::stopped, now);
                self.store.write("a stop", halt).await?;
                // Nothing more may come in or go out through it, whatever the engine does.
                self.link = None;
            }
        }
        Ok(())
    }
}

/// The caller may have given up waiting; the row is what counts.
fn acknowledge(stored: &Result<(), SessionError>, reply: RpcReplyPort<Result<(), String>>) {
    let _ = reply.send(stored.as_ref().copied().map_err(|err| chain(err)));
}
