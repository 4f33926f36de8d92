//! What can be seen of a run: on the platform, in the databases.

use channel::Part;
use domain::SessionId;
use domain::message::Outcome;
use domain::question::QuestionId;
use store::{CentralStore, QuestionKind, QuestionRow, QuestionState, SessionRow, SessionStore};

use super::expect::{Class, belongs, class, is_stopped};
use super::people::Chat;
use super::plan::{MultiUser, Post};
use super::setup::central;
use crate::host::World;
use crate::platform::Shown;

pub(super) struct Seen {
    pub(super) sent: Vec<Part>,
    pub(super) shown: Vec<Shown>,
    pub(super) sessions: Vec<Session>,
    pub(super) questions: Vec<QuestionRow>,
    pub(super) central: CentralStore,
}

pub(super) struct Session {
    pub(super) row: SessionRow,
    /// `(platform id, outcome)` in the order in which they were stored.
    pub(super) stored: Vec<(String, Option<Outcome>)>,
}

impl Session {
    /// What the platform's keys of its parts begin with.
    pub(super) fn prefix(&self) -> String {
        prefix(&self.row)
    }
}

fn prefix(row: &SessionRow) -> String {
    format!("{}.", row.id)
}

impl Seen {
    pub(super) fn new(world: &World) -> Self {
        let central = central(world);
        let session = |row: SessionRow| Session { stored: world.outcomes(row.id), row };
        Self {
            sent: world.platform.sent(),
            shown: world.platform.shown(),
            sessions: central.sessions().unwrap().into_iter().map(session).collect(),
            questions: central.questions().unwrap(),
            central,
        }
    }

    /// Whether everything that was accepted has ended, everything written was delivered, and every
    /// question is settled that somebody answers, or all of them once the day has passed.
    pub(super) fn is_at_rest(world: &World, multi_user: &MultiUser, day_passed: bool) -> bool {
        let multi_user = &multi_user.as_seen(world);
        let central = central(world);
        let rows = central.sessions().unwrap();
        if !all_heard(multi_user, &rows, &world.platform.sent()) {
            return false;
        }
        central.rows(SessionId(0)).open_parts().unwrap().is_empty()
            && nobody_waits(&central, multi_user, day_passed)
            && rows.iter().all(|it| session_is_at_rest(world, it))
    }

    /// Whether every question is settled that somebody answers.
    pub(super) fn all_is_decided(world: &World, multi_user: &MultiUser) -> bool {
        nobody_waits(&central(world), multi_user, false)
    }

    pub(super) fn chat_of(&self, row: &QuestionRow) -> Option<Chat> {
        chat_of(&self.central, row)
    }

    /// The distinct keys of those parts, as far as they were sent.
    pub(super) fn keys(&self, of: impl Fn(&Part) -> bool) -> Vec<&str> {
        let mut keys: Vec<&str> =
            self.sent.iter().filter(|it| of(it)).map(|it| it.key.as_str()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether the host said this about a question.
    pub(super) fn said(&self, id: QuestionId, what: &str) -> bool {
        let key = format!("host.q{id}.{what}");
        self.sent.iter().any(|it| it.key == key)
    }
}

fn nobody_waits(central: &CentralStore, multi_user: &MultiUser, day_passed: bool) -> bool {
    let waits = |row: &QuestionRow| {
        let chat = chat_of(central, row);
        let about = super::approver::subject(row, chat);
        let never = about.is_some_and(|it| multi_user.decided(it).is_none());
        let expires = row.question.kind == QuestionKind::Agent;
        day_passed || expires || !never || row.state != QuestionState::Open
    };
    central.due_questions().unwrap().is_empty() && !central.unsettled().unwrap().iter().any(waits)
}

fn chat_of(central: &CentralStore, row: &QuestionRow) -> Option<Chat> {
    let chat = row.question.chat.and_then(|it| central.chat_by_id(it).unwrap());
    chat.and_then(|it| Chat::of(&it.address))
}

pub(super) fn answers(part: &Part, id: &str) -> bool {
    part.reply_to == id || part.also.iter().any(|it| it == id)
}

/// A look that costs little: every message that must be answered was.
fn all_heard(multi_user: &MultiUser, rows: &[SessionRow], sent: &[Part]) -> bool {
    let heard = |post: &Post, row: &SessionRow| {
        let prefix = prefix(row);
        sent.iter().any(|it| it.last && answers(it, &post.id) && it.key.starts_with(&prefix))
    };
    let agents = |post: &Post| super::expect::agents(multi_user, post.chat);
    multi_user.posts.iter().all(|post| {
        agents(post).into_iter().all(|(agent, _)| {
            let mut of_agent = rows.iter().filter(|it| it.agent.as_str() == agent);
            let row = of_agent.find(|it| belongs(multi_user, post, it));
            match (class(multi_user, post, agent), row) {
                (Class::Answered, None) => false,
                (Class::Answered, Some(row)) => {
                    is_stopped(multi_user, post, row) || heard(post, row)
                }
                (Class::Perhaps | Class::Context | Class::PerhapsContext | Class::Nowhere, _) => {
                    true
                }
            }
        })
    })
}

fn session_is_at_rest(world: &World, row: &SessionRow) -> bool {
    let mut store = SessionStore::open(&world.layout(), row.id).unwrap();
    let is_delivered = store.rows().open_parts().is_ok_and(|it| it.is_empty());
    store.snapshot().is_ok_and(|snapshot| {
        is_delivered
            && snapshot.waiting.is_empty()
            && snapshot.request.is_none()
            && !snapshot.news.is_news()
            && snapshot.file.is_none()
    })
}
