//! What a part consists of, as columns: of a new one, and of one that is about to be sent.

use std::path::{Path, PathBuf};

use domain::outgoing::{Button, Card, Content, FileOut};
use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::{Draft, Target};
use crate::session::Scope;

#[derive(Serialize, Deserialize)]
struct FileColumn {
    path: PathBuf,
    name: String,
    mime: String,
}

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
                Self { buttons: Some(buttons_column(card)?), ..plain("card", &card.text) }
            }
            Draft::File(file) => {
                let column = FileColumn {
                    path: file.path.clone(),
                    name: file.name.clone(),
                    mime: file.mime.clone(),
                };
                Self { file: Some(json(&column)?), ..plain("file", &file.caption) }
            }
            Draft::Edit(target, card) => Self {
                target: Some(target_column(target)),
                buttons: Some(buttons_column(card)?),
                ..plain("edit", &card.text)
            },
            Draft::Reaction(target, emoji) => {
                Self { target: Some(target_column(target)), ..plain("reaction", emoji) }
            }
        })
    }
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value)
        .map_err(|err| rusqlite::Error::ToSqlConversionFailure(Box::new(err)))
}

fn buttons_column(card: &Card) -> rusqlite::Result<String> {
    let pairs: Vec<(&str, &str)> =
        card.buttons.iter().map(|it| (it.label.as_str(), it.data.as_str())).collect();
    json(&pairs)
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
    file: Option<String>,
    buttons: Option<String>,
}

impl Raw {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            form: row.get(7)?,
            text: row.get(8)?,
            target: row.get(9)?,
            file: row.get(10)?,
            buttons: row.get(11)?,
        })
    }

    pub(super) fn content(self, tx: Scope<'_>, root: &Path) -> rusqlite::Result<Option<Content>> {
        let target = match &self.target {
            None => String::new(),
            Some(target) => match resolve(tx, target)? {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        Ok(Some(match self.form.as_str() {
            "card" => Content::Card(self.card()?),
            "edit" => Content::Edit { target, card: self.card()? },
            "reaction" => Content::Reaction { target, emoji: self.text },
            "file" => {
                let file: FileColumn = parse(self.file.as_deref().unwrap_or_default())?;
                Content::File(FileOut {
                    path: root.join(file.path),
                    name: file.name,
                    mime: file.mime,
                    caption: self.text,
                })
            }
            _ => Content::Text(self.text),
        }))
    }

    fn card(self) -> rusqlite::Result<Card> {
        let pairs: Vec<(String, String)> = parse(self.buttons.as_deref().unwrap_or("[]"))?;
        let button = |(label, data)| Button { label, data };
        Ok(Card { text: self.text, buttons: pairs.into_iter().map(button).collect() })
    }
}

fn parse<T: for<'a> Deserialize<'a>>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|err| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(err))
    })
}

/// The platform's id of the message that a part changes.
fn resolve(tx: Scope<'_>, target: &str) -> rusqlite::Result<Option<String>> {
    if let Some(id) = target.strip_prefix("id:") {
        return Ok(Some(id.to_owned()));
    }
    let key = target.strip_prefix("key:").unwrap_or_default();
    let sql = "SELECT platform_id FROM part WHERE session = ?1 AND key = ?2 AND state = 'sent'";
    tx.prepare_cached(sql)?
        .query_row(rusqlite::params![tx.session, key], |row| row.get::<_, Option<String>>(0))
        .optional()
        .map(Option::flatten)
}
