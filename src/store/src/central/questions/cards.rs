//! Cards: where a question was shown, and the code that a typed answer names it by.

use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};

use domain::message::Address;
use domain::people::PersonId;
use domain::question::{CardCode, QuestionId};
use domain::time::Timestamp;
use rusqlite::params;

use super::{CentralStore, QuestionRow};
use crate::StoreError;
use crate::outbox::{self, NewPart};
use crate::session::Scope;

/// The setting with the secret that codes are made from: an agent that knew the code of somebody
/// else's card could have a person type it.
pub const CARD_KEY: &str = "card_key";

impl CentralStore {
    /// The code of a question, the same on each of its cards. It is computed and not stored, so it
    /// holds as long as the setting does.
    ///
    /// # Errors
    /// When the database fails; so for every method below.
    pub fn card_code(&self, id: QuestionId) -> Result<CardCode, StoreError> {
        let key = match self.setting(CARD_KEY)? {
            Some(key) => key,
            None => {
                let random = RandomState::new().hash_one(id.0);
                self.settle_setting(CARD_KEY, &format!("{random:016x}"))?
            }
        };
        let mut hasher = DefaultHasher::new();
        (key, id.0).hash(&mut hasher);
        Ok(CardCode::from_random(hasher.finish()))
    }

    /// Questions that were put in this chat and are open, or closed after `closed_since`; the newest
    /// first.
    pub fn questions_in(
        &self,
        chat: &Address,
        closed_since: Timestamp,
    ) -> Result<Vec<QuestionRow>, StoreError> {
        let filter = "WHERE id IN (SELECT question FROM question_card
                          WHERE channel = ?1 AND account = ?2 AND chat = ?3)
                        AND (settled_at IS NULL OR ?4 <= settled_at)
                      ORDER BY asked_at DESC, id";
        let values = params![chat.channel, chat.account, chat.chat, closed_since.0];
        self.with_cards("read the questions of a chat", filter, values)
    }

    /// Puts an open question to somebody: the card and its sending are one commit.
    pub fn put(
        &mut self,
        id: QuestionId,
        person: Option<PersonId>,
        part: &NewPart,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change("a card", |tx| {
            if outbox::add(Scope::host(tx), part, None, now)? {
                let Address { channel, account, chat, thread } = &part.to;
                let (person, key) = (person.map(|it| it.0), &part.key.0);
                let sql = "INSERT INTO question_card
                           SELECT ?1, (SELECT count(*) FROM question_card WHERE question = ?1),
                                  ?2, ?3, ?4, ?5, ?6, ?7, ?8";
                let values = params![id.0, person, channel, account, chat, thread, key, now.0];
                tx.execute(sql, values)?;
            }
            Ok(())
        })
    }

    /// Puts the second card, which asks whether an agent is really to be shared: the place of that
    /// option, and the card's sending, are one commit.
    pub fn put_second(
        &mut self,
        id: QuestionId,
        option: usize,
        part: &NewPart,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change("a second card", |tx| {
            outbox::add(Scope::host(tx), part, None, now)?;
            let sql = "UPDATE question SET second = ?2 WHERE id = ?1";
            tx.execute(sql, params![id.0, i64::try_from(option).unwrap_or(i64::MAX)])
        })
        .map(drop)
    }

    /// The place of the option that a second card asks about.
    pub fn second_of(&self, id: QuestionId) -> Result<Option<usize>, StoreError> {
        let sql = "SELECT second FROM question WHERE id = ?1 AND second IS NOT NULL";
        self.one("read a second card", sql, [id.0])
    }

    /// Whether this message of a chat was taken for the answer to a question that was put there.
    pub fn has_answered(&self, chat: &Address, with: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM question q JOIN question_card c ON c.question = q.id
             WHERE c.channel = ?1 AND c.account = ?2 AND c.chat = ?3 AND q.answered_with = ?4";
        let of = [&chat.channel, &chat.account, &chat.chat, with];
        self.is_there("read what was answered", sql, of)
    }
}
