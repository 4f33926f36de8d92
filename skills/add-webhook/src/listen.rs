//! Where senders reach us: the address, and the file that says which one it became.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use channel::{Account, ChannelError};
use tokio::net::TcpListener;
use tracing::{info, warn};

/// Only programs on this machine reach it.
pub(crate) const USUAL: &str = "127.0.0.1:8787";

/// Listens, and writes down where.
///
/// # Errors
/// When the address is none, or is not to be had.
pub(crate) async fn open(account: &Account) -> Result<TcpListener, ChannelError> {
    let text = account.urls.get("listen").map_or(USUAL, String::as_str);
    let malformed = || {
        let why = format!(
            "`{text}` is no address to listen on; write it as http://{USUAL}, in `nanoclaw channels \
             add webhook --url listen=http://{USUAL}`"
        );
        ChannelError::Misconfigured(why.into())
    };
    let address = parse(text).ok_or_else(malformed)?;
    let listener = TcpListener::bind(address).await.map_err(|err| refused(address, &err))?;
    let bound = listener.local_addr().map_err(|err| ChannelError::Unreachable(err.into()))?;
    let note = account.run_dir.join(format!("{}-{}.addr", crate::NAME, account.name));
    fs::write(&note, format!("{bound}\n")).map_err(|err| {
        let why = format!("cannot write {}: {err}", note.display());
        ChannelError::Unreachable(why.into())
    })?;
    info!(account = account.name, address = %bound, "webhooks are taken");
    if !bound.ip().is_loopback() {
        warn!(address = %bound, "other machines reach this address, and nothing is encrypted there");
    }
    Ok(listener)
}

/// `127.0.0.1:8787`, also written as the URL of a page.
fn parse(text: &str) -> Option<SocketAddr> {
    let text = text.trim().trim_end_matches('/');
    let text = text.strip_prefix("http://").unwrap_or(text);
    match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port))),
        None => text.parse().ok(),
    }
}

/// An address that another program has may be free again soon; the others stay as they are.
fn refused(address: SocketAddr, err: &io::Error) -> ChannelError {
    let why = format!("cannot listen on {address}: {err}; free it or choose another address");
    match matches!(err.kind(), ErrorKind::PermissionDenied | ErrorKind::AddrNotAvailable) {
        true => ChannelError::Misconfigured(why.into()),
        false => ChannelError::Unreachable(why.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    fn account(listen: &str, run_dir: &Path) -> Account {
        Account {
            run_dir: run_dir.into(),
            urls: BTreeMap::from([("listen".to_owned(), listen.to_owned())]),
            ..Account::new("main")
        }
    }

    #[test]
    fn an_address_is_read_with_and_without_a_scheme() {
        for (text, address) in [
            (USUAL, "127.0.0.1:8787"),
            ("http://127.0.0.1:8787/", "127.0.0.1:8787"),
            ("http://localhost:0", "127.0.0.1:0"),
            ("[::1]:8787", "[::1]:8787"),
            (" 0.0.0.0:80 ", "0.0.0.0:80"),
        ] {
            assert_eq!(parse(text), Some(address.parse().unwrap()), "{text}");
        }
        for text in ["", "8787", "127.0.0.1", "https://127.0.0.1:8787", "example.com:80"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn the_address_that_was_bound_is_written_down() {
        let dir = tempfile::tempdir().unwrap();
        let listener = open(&account("127.0.0.1:0", dir.path())).await.unwrap();
        let written = fs::read_to_string(dir.path().join("webhook-main.addr")).unwrap();
        assert_eq!(written.trim().parse(), Ok(listener.local_addr().unwrap()));
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_tried_again_and_one_that_is_none_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(&account("127.0.0.1:0", dir.path())).await.unwrap();
        let taken = first.local_addr().unwrap().to_string();
        let err = open(&account(&taken, dir.path())).await.unwrap_err();
        assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
        let err = open(&account("everywhere", dir.path())).await.unwrap_err();
        assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
    }
}
