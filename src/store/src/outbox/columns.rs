//! What a part consists of, as columns: of a new one, and of one that is about to be sent.

use std::path::Path;

use domain::outgoing::{Button, Card, Content, FileOut};

use super::{Draft, Target};
use crate::row::{Json, one, row, to_json};
use crate::session::Scope;

pub(super) struct Columns {
    pub(super) form: &'static str,
    pub(super) text: String,
    pub(super) target: Option<String>,
    pub(super) file: Option<String>,
    pub(super) buttons: Option<String>,
}

impl Columns {
    pub(super) fn of(content: &Draft) -> rusqlite::Result<Self> {
        let plain = |form, text: &str| Self {
            form,
            text: text.to_owned(),
            target: None,
            file: None,
            buttons: None,
        };
        Ok(match content {
            Draft::Text(text) => plain("text", text),
            Draft::Card(card) => {
                Self { buttons: Some(to_json(&card.buttons)?), ..plain("card", &card.text) }
            }
            Draft::File(file) => {
                Self { file: Some(to_json(file)?), ..plain("file", &file.caption) }
            }
            Draft::Edit(target, card) => Self {
                target: Some(target_column(target)),
                buttons: Some(to_json(&card.buttons)?),
                ..plain("edit", &card.text)
            },
            Draft::Reaction(target, emoji) => {
                Self { target: Some(target_column(target)), ..plain("reaction", emoji) }
            }
        })
    }
}

fn target_column(target: &Target) -> String {
    match target {
        Target::Part(key) => format!("key:{}", key.0),
        Target::Platform(id) => format!("id:{id}"),
    }
}

/// The same columns, read for sending.
pub(super) struct Raw {
    form: String,
    text: String,
    target: Option<String>,
    file: Option<Json<FileOut>>,
    buttons: Option<Json<Vec<Button>>>,
}

row!(Raw { form, text, target, file, buttons });

impl Raw {
    pub(super) fn content(self, tx: Scope<'_>, root: &Path) -> rusqlite::Result<Option<Content>> {
        let target = match &self.target {
            None => String::new(),
            Some(target) => match resolve(tx, target)? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let buttons = self.buttons.map(|it| it.0).unwrap_or_default();
        let card = |text| Card { text, buttons };
        Ok(Some(match (self.form.as_str(), self.file) {
            ("card", _) => Content::Card(card(self.text)),
            ("edit", _) => Content::Edit { target, card: card(self.text) },
            ("reaction", _) => Content::Reaction { target, emoji: self.text },
            (_, Some(Json(file))) => {
                Content::File(FileOut { path: root.join(file.path), caption: self.text, ..file })
            }
            (_, None) => Content::Text(self.text),
        }))
    }
}

/// The platform's id of the message that a part changes.
fn resolve(tx: Scope<'_>, target: &str) -> rusqlite::Result<Option<String>> {
    if let Some(id) = target.strip_prefix("id:") {
        return Ok(Some(id.to_owned()));
    }
    let key = target.strip_prefix("key:").unwrap_or_default();
    let sql = "SELECT platform_id FROM part WHERE session = ?1 AND key = ?2 AND state = 'sent'";
    Ok(one(&tx, sql, rusqlite::params![tx.session, key])?.flatten())
}
