//! Smoke signals: what is sent rises above a file of the running host, and nobody ever answers.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, ChannelError, Connection, Cursor, DeliverError, Gap, Me, Part,
    Registration, Sink, Source,
};
use domain::outgoing::{Caps, TextLimit};

inventory::submit! {
    Registration {
        name: "smoke",
        needs: &[],
        caps: CAPS,
        adapter: &Hill,
    }
}

const CAPS: Caps = Caps { owner_only: true, ..Caps::plain(TextLimit::chars(80)) };

#[derive(Debug)]
struct Hill;

#[async_trait]
impl Adapter for Hill {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let fire = Fire(account.run_dir.join("smoke.txt"));
        let source = Box::new(Sky(Some(Gap::None)));
        Ok(Connection { me: Me::default(), caps: CAPS, source, sink: Arc::new(fire) })
    }
}

/// Empty.
#[derive(Debug)]
struct Sky(Option<Gap>);

#[async_trait]
impl Source for Sky {
    async fn receive(&mut self, _after: &Cursor) -> Result<Batch, ChannelError> {
        std::future::pending().await
    }

    fn gap(&mut self) -> Option<Gap> {
        self.0.take()
    }
}

#[derive(Debug)]
struct Fire(PathBuf);

#[async_trait]
impl Sink for Fire {
    async fn deliver(&self, part: &Part) -> Result<String, DeliverError> {
        let file = OpenOptions::new().create(true).append(true).open(&self.0);
        let written = file.and_then(|mut file| writeln!(file, "{:?}", part.content));
        written.map_err(|err| DeliverError::Unreachable(err.into()))?;
        Ok(part.key.clone())
    }
}
