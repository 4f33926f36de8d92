//! What an adapter has its user do, on the terminal.

use async_trait::async_trait;
use channel::{ChannelError, ExposeSecret, Need, SecretString, Steps};
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use super::fields::{Values, judge};
use crate::term;

/// Asks for each field once, and remembers.
#[derive(Debug)]
pub(super) struct Terminal {
    pub(super) given: Values,
    /// Not asked for again.
    pub(super) kept: Values,
    /// What an empty answer keeps.
    pub(super) stored: Values,
    /// Lines of the QR code that was drawn last, while nothing stands below it.
    pub(super) drawn: usize,
}

impl Terminal {
    /// A field that is there by now, or is asked for until it is one.
    pub(super) fn get(&mut self, need: &Need) -> anyhow::Result<Option<SecretString>> {
        if let Some(value) = self.given.get(need.name).or_else(|| self.kept.get(need.name)) {
            return Ok(Some(value.clone()).filter(|it| !it.expose_secret().is_empty()));
        }
        self.drawn = 0;
        let stored = self.stored.get(need.name).cloned();
        let empty = match (&stored, need.is_optional) {
            (Some(_), _) => "; Enter keeps what it has",
            (None, true) => "; optional, Enter leaves it out",
            (None, false) => "",
        };
        loop {
            let unseen = if need.is_secret { " (not shown" } else { " (shown" };
            let question = format!("{}: {}{unseen}{empty}): ", need.name, need.what);
            let ask = if need.is_secret { term::ask_unseen } else { term::ask };
            let value = SecretString::from(ask(&question)?.trim());
            if value.expose_secret().is_empty() && !empty.is_empty() {
                self.kept.extend(stored.clone().map(|it| (need.name.to_owned(), it)));
                self.stored.remove(need.name);
                return Ok(stored);
            }
            match judge(need, &value) {
                Ok(()) => {
                    self.given.insert(need.name.to_owned(), value.clone());
                    return Ok(Some(value));
                }
                Err(why) => term::note(&format!("{why:#}")),
            }
        }
    }
}

#[async_trait]
impl Steps for Terminal {
    fn show(&mut self, text: &str) {
        self.drawn = 0;
        term::note(text);
    }

    fn show_qr(&mut self, payload: &str) {
        match qr(payload) {
            Some(lines) => self.drawn = term::redraw(&lines, self.drawn),
            None => self.show(payload),
        }
    }

    fn show_code(&mut self, code: &str, place: &str) {
        self.show(&format!("type {code} at {place}"));
    }

    fn open_url(&mut self, url: &str) {
        self.show(&format!("open this page in a browser on this machine:\n{url}"));
    }

    async fn ask(&mut self, need: &Need) -> Result<Option<SecretString>, ChannelError> {
        let asked = self.get(need);
        asked.map_err(|err| ChannelError::Misconfigured(format!("{err:#}").into()))
    }
}

/// Two rows of a code in a line, black on white whatever the terminal's colours are; `None` for what no code
/// holds.
fn qr(payload: &str) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(payload, EcLevel::L).ok()?;
    // A block is drawn in the colour of the text.
    let drawn = code.render::<Dense1x2>().build();
    Some(drawn.lines().map(|it| format!("\x1b[38;5;16;48;5;231m{it}\x1b[0m")).collect())
}
