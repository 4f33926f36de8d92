//! A vault over rows in memory, and a client that sends its bytes as they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::SessionId;
use domain::time::Timestamp;
use harness::model_api::FakeModelApi;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use vault::{
    BaseUrl, Caller, Cause, Egress, Key, Limits, MODEL_CREDENTIAL, SealedRow, Secret, SecretRows,
    Vault,
};

pub(crate) const KEY: &str = "sk-ant-api03-the-real-one";
pub(crate) const TOKEN: &str = "sk-ant-oat01-the-real-one";
pub(crate) const SESSION: SessionId = SessionId(7);
/// Of every wait for bytes; far above what a loaded machine takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The host's database, as far as the vault knows it.
#[derive(Debug, Default)]
pub(crate) struct MemoryRows {
    pub(crate) rows: Mutex<BTreeMap<String, SealedRow>>,
    pub(crate) refusals: Mutex<Vec<(SessionId, &'static str, u64)>>,
    pub(crate) broken: AtomicBool,
}

impl MemoryRows {
    fn check(&self) -> Result<(), Cause> {
        if self.broken.load(Ordering::Relaxed) { Err("disk on fire".into()) } else { Ok(()) }
    }
}

#[async_trait]
impl SecretRows for MemoryRows {
    async fn get(&self, name: &str) -> Result<Option<SealedRow>, Cause> {
        self.check()?;
        Ok(self.rows.lock().unwrap().get(name).cloned())
    }

    async fn list(&self) -> Result<Vec<SealedRow>, Cause> {
        self.check()?;
        Ok(self.rows.lock().unwrap().values().cloned().collect())
    }

    async fn put(&self, row: SealedRow) -> Result<(), Cause> {
        self.check()?;
        self.rows.lock().unwrap().insert(row.name.clone(), row);
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<bool, Cause> {
        self.check()?;
        Ok(self.rows.lock().unwrap().remove(name).is_some())
    }

    async fn count_refusals(
        &self,
        session: SessionId,
        why: &'static str,
        count: u64,
    ) -> Result<(), Cause> {
        self.refusals.lock().unwrap().push((session, why, count));
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) api: FakeModelApi,
    pub(crate) rows: Arc<MemoryRows>,
    pub(crate) vault: Arc<Vault>,
}

impl Rig {
    /// A vault that holds [`KEY`] for the fake API.
    pub(crate) async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        std::sync::LazyLock::force(&crate::secrecy::LOG);
        let rows = Arc::new(MemoryRows::default());
        let keeper = Arc::clone(&rows) as Arc<dyn SecretRows>;
        let vault = Arc::new(Vault::new(Key::generate(), keeper, limits).unwrap());
        let rig = Self { api: FakeModelApi::start().await, rows, vault };
        rig.add(KEY, &rig.api.url()).await;
        rig
    }

    /// Puts another credential in the place of the one there is.
    pub(crate) async fn add(&self, value: &str, base_url: &str) {
        let secret = Secret::from_input(value.to_owned()).unwrap();
        let base_url = BaseUrl::parse(base_url).unwrap();
        self.vault.add(MODEL_CREDENTIAL, secret, base_url, Timestamp(1)).await.unwrap();
    }

    pub(crate) fn open(&self) -> Client {
        // Small, so that a side that does not read stops the other one.
        let (near, far) = tokio::io::duplex(16 << 10);
        let vault = Arc::clone(&self.vault);
        let caller = Caller { session: SESSION, agent: "andy".to_owned() };
        let mut serving = JoinSet::new();
        serving.spawn(async move { vault.serve(caller, Box::new(far)).await });
        Client { stream: near, unread: Vec::new(), _serving: serving }
    }

    /// One request on a stream of its own; gives all that came back.
    pub(crate) async fn exchange(&self, request: &str) -> String {
        let mut client = self.open();
        client.send(request).await;
        client.read_to_end().await
    }

    pub(crate) async fn refusals(&self) -> usize {
        self.vault.commit_refusals().await;
        let refusals = self.rows.refusals.lock().unwrap();
        assert!(refusals.iter().all(|it| it.0 == SESSION));
        refusals.iter().map(|it| usize::try_from(it.2).unwrap()).sum()
    }
}

/// The container's end of a stream.
#[derive(Debug)]
pub(crate) struct Client {
    stream: DuplexStream,
    unread: Vec<u8>,
    _serving: JoinSet<()>,
}

impl Client {
    /// Writes as much as the other side takes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        // A vault that refuses early stops reading, which is no failure of the client.
        drop(sent.expect("nobody takes the bytes"));
    }

    /// Reads up to and including `end`.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        loop {
            let text = String::from_utf8_lossy(&self.unread).into_owned();
            if let Some(at) = text.find(end) {
                self.unread.drain(..at + end.len());
                return text[..at + end.len()].to_owned();
            }
            assert!(self.read_some().await > 0, "the stream ended before `{end}`: {text}");
        }
    }

    /// Reads until the vault closes the stream.
    pub(crate) async fn read_to_end(&mut self) -> String {
        while self.read_some().await > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    async fn read_some(&mut self) -> usize {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.unread)).await;
        read.expect("nothing more comes").unwrap_or(0)
    }
}

/// A request with a JSON body. `headers` are whole lines, each with its line end.
pub(crate) fn request_line(line: &str, headers: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nhost: model\r\ncontent-type: application/json\r\n{headers}\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A call as the agent's program makes it, on a stream that ends with it.
pub(crate) fn message(text: &str, stream: bool) -> String {
    let body = body(text, stream);
    request_line("POST /v1/messages?beta=true", "connection: close\r\n", &body)
}

pub(crate) fn body(text: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]}}"#
    )
}

/// Checks status and error type, and gives the answer for more.
#[track_caller]
pub(crate) fn assert_error(answer: &str, status: u16, kind: &str, says: &str) {
    let head = format!("HTTP/1.1 {status} ");
    assert!(answer.starts_with(&head), "expected {status}: {answer}");
    assert!(answer.contains(&format!(r#""type":"{kind}""#)), "expected {kind}: {answer}");
    assert!(answer.contains(r#""type":"error""#), "{answer}");
    assert!(answer.contains(says), "expected `{says}`: {answer}");
}
