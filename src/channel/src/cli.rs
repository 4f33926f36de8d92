//! The terminal as a channel: a unix socket on which `nanoclaw chat` talks to the host.
//!
//! Each connection names its chat first; several may name the same one and then see the same
//! answers. A message is acknowledged after it was committed, a part counts as delivered after a
//! client acknowledged it. Ids come from the client, so that a message sent again after a lost
//! acknowledgement is stored once. See [`frames`] for the lines.

mod client;
pub mod frames;
mod source;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use async_trait::async_trait;
use domain::outgoing::{Dialect, TextLimit};
use tokio::net::UnixListener;

use self::client::Clients;
use self::source::Terminals;
use crate::{Account, Adapter, Caps, ChannelError, Connection, Me, Registration};

pub const NAME: &str = "cli";
pub const SOCKET: &str = "cli.sock";

const CAPS: Caps = Caps {
    owner_only: true,
    file_bytes_max: u64::MAX,
    dialect: Dialect::Markdown,
    ..Caps::plain(TextLimit::chars(64 * 1024))
};

#[derive(Debug)]
struct Cli;

inventory::submit! {
    Registration {
        name: NAME,
        needs: &[],
        caps: CAPS,
        adapter: &Cli,
    }
}

#[async_trait]
impl Adapter for Cli {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let path = account.run_dir.join(SOCKET);
        // A host holds the lock on the directory, so a socket that is here is a dead one's.
        let _ = fs::remove_file(&path);
        let bind = || {
            let listener = UnixListener::bind(&path)?;
            // The directory is 0700, so nobody connects between these two lines.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            Ok(listener)
        };
        let listener =
            bind().map_err(|err: std::io::Error| ChannelError::Unreachable(err.into()))?;
        let clients = Arc::new(Clients::new(account.name.clone()));
        let source = Terminals::listen(listener, Arc::clone(&clients));
        Ok(Connection { me: Me::default(), caps: CAPS, source: Box::new(source), sink: clients })
    }
}

#[cfg(test)]
mod tests;
