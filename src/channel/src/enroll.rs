//! What an adapter can have its user do while an account is added: the command line does it.

use async_trait::async_trait;

use crate::{ChannelError, Need, SecretString};

#[async_trait]
pub trait Steps: Send {
    fn show(&mut self, text: &str);

    /// Shows a QR code, in the place of the one before: platforms exchange theirs after some seconds.
    fn show_qr(&mut self, payload: &str);

    /// Shows a code that has to be typed at `place`: a page, a menu of an app.
    fn show_code(&mut self, code: &str, place: &str);

    /// Has a page opened in a browser.
    fn open_url(&mut self, url: &str);

    /// Asks for a value until it passes its check; `None` where an optional one is left out. What was said
    /// before is not asked again.
    async fn ask(&mut self, need: &Need) -> Result<Option<SecretString>, ChannelError>;
}
