//! What a part consists of, as columns: of a new one, and of one that is about to be sent.

use std::path::Path;

use domain::outgoing::{Button, Card, Content, FileOut};

use super::{Draft, Target};
use crate::row::{Json, one, row, to_json};
use crate::session::Scope;

/// Form, text, target, file and buttons of a new part.
type Columns<'a> = (&'static str, &'a str, Option<String>, Option<String>, Option<String>);

pub(super) fn columns(content: &Draft) -> rusqlite::Result<Columns<'_>> {
    Ok(match content {
        Draft::Text(text) => ("text", text, None, None, None),
        Draft::Card(card) => ("card", &card.text, None, None, Some(to_json(&card.buttons)?)),
        Draft::File(file) => ("file", &file.caption, None, Some(to_json(file)?), None),
        Draft::Edit(target, card) => {
            let buttons = Some(to_json(&card.buttons)?);
            ("edit", &card.text, Some(target_column(target)), None, buttons)
        }
        Draft::Reaction(target, emoji) => {
            ("reaction", emoji, Some(target_column(target)), None, None)
        }
    })
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
        let target = self.target.as_deref().map(|it| resolve(tx, it)).transpose()?;
        let Some(target) = target.unwrap_or(Some(String::new())) else { return Ok(None) };
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
