//! A remote adapter in Python against the double of a platform, checked like those that are linked.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use channel::remote::RemoteAdapter;
use channel::{
    Account, Adapter, Caps, ChannelError, Connection, Me, Need, NoKeeper, REPEAT_NOTE,
    Registration, Shelf,
};
use domain::outgoing::TextLimit;
use harness::courier::FakeCourier;

const CAPS: Caps = Caps {
    caption_max: 1_000 - REPEAT_NOTE.len(),
    buttons: true,
    edits: true,
    deletes: true,
    reactions: true,
    silent: true,
    idempotent: true,
    file_bytes_max: 4 << 20,
    alive_every: Some(std::time::Duration::from_secs(25)),
    ..Caps::plain(TextLimit::chars(2_000 - REPEAT_NOTE.len()))
};

const NEEDS: &[Need] = &[Need::secret("token", "the bot's token")];

/// The example, with folders of its own.
#[derive(Debug)]
struct Example {
    remote: &'static RemoteAdapter,
    dir: tempfile::TempDir,
}

impl Example {
    fn registration() -> &'static Registration {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("channels/remote/courier.py");
        let command = format!("python3 '{}'", script.display());
        let remote = Box::leak(Box::new(RemoteAdapter {
            name: "courier",
            needs: NEEDS,
            command: Some(Box::leak(command.into_boxed_str())),
        }));
        let registration = remote.registration();
        let adapter = Box::leak(Box::new(Self { remote, dir: tempfile::tempdir().unwrap() }));
        Box::leak(Box::new(Registration { adapter, caps: CAPS, ..registration }))
    }

    fn housed(&self, account: &Account) -> Account {
        let dir: PathBuf = self.dir.path().into();
        let shelf = Shelf::new(std::sync::Arc::new(NoKeeper), &dir);
        Account { run_dir: dir.join("run"), shelf, ..account.clone() }
    }
}

#[async_trait]
impl Adapter for Example {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let connection = self.remote.connect(&self.housed(account)).await?;
        assert_eq!(connection.caps, CAPS, "what is checked is not what it can do");
        Ok(connection)
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        self.remote.check(&self.housed(account)).await
    }
}

mod conformance {
    use harness::conformance::Double;

    use super::*;

    async fn make() -> Box<dyn Double> {
        Box::new(FakeCourier::with(Example::registration()).await)
    }

    harness::conformance_tests!(make);
}
