//! The value of a credential is nowhere that a person or a file may see it.

use std::error::Error;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::rig::{KEY, Rig, message};

/// Everything that any test logged. Each rig forces it: a subscriber of one test alone misses what
/// another test's thread was the first to log (`tracing` remembers for all whether to look).
pub(crate) static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
});

#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_debug_output_or_error_holds_the_key() {
    let rig = Rig::start().await;
    let mut shown = vec![format!("{:?}", rig.vault), format!("{:?}", rig.vault.list().await)];
    shown.push(rig.exchange(&message("hello", true)).await);
    shown.push(
        rig.exchange("GET /v1/messages HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await,
    );
    shown.push(format!("{:?}", rig.vault.probe("anthropic").await));
    rig.add(KEY, "http://127.0.0.1:1").await;
    shown.push(rig.exchange(&message("hello", true)).await);
    shown.push(format!("{:?}", rig.vault.probe("anthropic").await));
    *rig.rows.rows.lock().unwrap().get_mut("anthropic").unwrap().sealed.last_mut().unwrap() ^= 1;
    let err = rig.vault.probe("anthropic").await.unwrap_err();
    shown.push(format!("{err} {err:?} {:?}", err.source()));
    shown.push(format!("{:?}", rig.rows));
    shown.push(String::from_utf8(LOG.0.lock().unwrap().clone()).unwrap());

    assert!(shown.last().unwrap().contains("model request refused"), "the log was captured");
    for text in shown {
        assert!(!text.contains("the-real-one"), "{text}");
    }
}

#[tokio::test]
async fn what_is_stored_does_not_hold_the_key() {
    let rig = Rig::start().await;
    let row = rig.rows.rows.lock().unwrap()["anthropic"].clone();
    let stored = String::from_utf8_lossy(&row.sealed).into_owned();
    assert!(!stored.contains("sk-ant") && !stored.contains("real"), "{stored}");
}
