//! Accounts over the whole host, on a platform that takes down which token was used when: what was renewed
//! counts at once, and an account that is the same goes on where it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actors::channels::ChannelsMessage;
use async_trait::async_trait;
use channel::{
    Account, Adapter, Batch, Caps, ChannelError, Connection, Cursor, DeliverError, ExposeSecret,
    Fields, Gap, Me, Need, Part, Registration, Sink, Source,
};
use domain::message::Address;
use domain::outgoing::TextLimit;
use domain::time::Clock;
use engine::credentials::AccountCredentials;
use engine::host::Credentials;
use engine::protocol::ChannelStatus;
use harness::crash::Crash;
use harness::host::{TestHost, World};
use store::{AccountRow, CentralStore, Db};
use vault::platform::Holder;
use vault::{Cause, Key, Limits, SealedRow, SecretRows, Vault};

const NAME: &str = "ledger";
const SECOND: Duration = Duration::from_secs(1);

/// Each call by its token, and what it went on behind.
type Calls = Arc<Mutex<Vec<(String, String)>>>;

/// Tokens are a letter, whose account it is, and a number; of `?` nobody knows whose.
#[derive(Debug, Default)]
struct Ledger(Calls);

#[async_trait]
impl Adapter for Ledger {
    async fn connect(&self, account: &Account) -> Result<Connection, ChannelError> {
        let me = self.check(account).await?;
        let token = account.require(NAME, "token")?.expose_secret().to_owned();
        account.shelf.put("me", Some(&me.id)).await.unwrap();
        tokio::time::sleep(SECOND / 100).await;
        let source = Box::new(LedgerSource(token, Arc::clone(&self.0)));
        let caps = Caps { reactions: true, ..Caps::plain(TextLimit::chars(100)) };
        Ok(Connection { me, caps, source, sink: Arc::new(Nowhere) })
    }

    async fn check(&self, account: &Account) -> Result<Me, ChannelError> {
        let id = account.require(NAME, "token")?.expose_secret()[..1].to_owned();
        let id = id.replace('?', "");
        Ok(Me { name: format!("@{id}"), id })
    }
}

#[derive(Debug)]
struct LedgerSource(String, Calls);

#[async_trait]
impl Source for LedgerSource {
    async fn receive(&mut self, after: &Cursor) -> Result<Batch, ChannelError> {
        self.1.lock().unwrap().push((self.0.clone(), after.0.clone()));
        tokio::time::sleep(SECOND).await;
        Ok(Batch { events: vec![], cursor: Cursor(format!("of {}", &self.0[..1])) })
    }

    fn gap(&mut self) -> Option<Gap> {
        None
    }
}

#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Sink for Nowhere {
    async fn deliver(&self, _part: &Part) -> Result<String, DeliverError> {
        Err(DeliverError::Refused("nobody reads here".into()))
    }
}

#[derive(Debug)]
struct NoRows;

#[async_trait]
impl SecretRows for NoRows {
    async fn get(&self, _name: &str) -> Result<Option<SealedRow>, Cause> {
        Ok(None)
    }
    async fn list(&self) -> Result<Vec<SealedRow>, Cause> {
        Ok(vec![])
    }
    async fn put(&self, _row: SealedRow) -> Result<(), Cause> {
        Ok(())
    }
    async fn remove(&self, _name: &str) -> Result<bool, Cause> {
        Ok(false)
    }
    async fn count_refusals(
        &self,
        _session: domain::SessionId,
        _why: &'static str,
        _count: u64,
    ) -> Result<(), Cause> {
        Ok(())
    }
}

struct Rig {
    world: World,
    vault: Arc<Vault>,
    calls: Calls,
}

impl Rig {
    fn new() -> Self {
        let vault = Vault::new(Key::generate(), Arc::new(NoRows), Limits::default()).unwrap();
        let (vault, calls) = (Arc::new(vault), Calls::default());
        let adapter: &'static Ledger = Box::leak(Box::new(Ledger(Arc::clone(&calls))));
        const NEEDS: &[Need] = &[Need::secret("token", "any")];
        let caps = Caps::plain(TextLimit::chars(100));
        let registration = Registration { name: NAME, needs: NEEDS, caps, adapter };
        let mut world = World::new();
        world.others = vec![Box::leak(Box::new(registration))];
        let mut rig = Self { world, vault, calls };
        rig.world.credentials = Some(Arc::new(rig.credentials()));
        rig
    }

    fn credentials(&self) -> AccountCredentials {
        let path = self.world.layout().central();
        AccountCredentials {
            vault: Arc::clone(&self.vault),
            central: Db::new(Crash::never(), move || CentralStore::open(&path)),
            clock: Arc::clone(&self.world.clock) as Arc<dyn Clock>,
        }
    }

    fn central(&self) -> CentralStore {
        CentralStore::open(&self.world.layout().central()).unwrap()
    }

    fn give(&self, token: &str) {
        self.give_to("main", token);
    }

    fn give_to(&self, name: &str, token: &str) {
        let urls = BTreeMap::new();
        let of = Holder { channel: NAME, account: name, urls: &urls };
        let row = self.vault.seal_field(of, "token", &token.into(), self.world.now()).unwrap();
        let account = AccountRow::new(NAME, name, self.world.now());
        let give = |central: &mut CentralStore| {
            central.put_secret(&row)?;
            central.put_account(&account)
        };
        self.central().whole("a test", give).unwrap();
    }

    /// What was called since the last time.
    async fn called(&self, within: Duration) -> Vec<(String, String)> {
        self.calls.lock().unwrap().clear();
        self.world.pass(within).await;
        self.calls.lock().unwrap().clone()
    }

    async fn renew(&self, host: &TestHost, token: &str) -> Vec<(String, String)> {
        self.give(token);
        host.host.peers.channels.cast(ChannelsMessage::Reload);
        // Long before the next call of the former connection.
        self.called(SECOND / 20).await
    }
}

async fn status(host: &TestHost, name: &str) -> ChannelStatus {
    let listed = host.host.peers.channels.call_within(SECOND, ChannelsMessage::List).await.unwrap();
    let ours = listed.iter().find(|it| it.key.channel == NAME && it.key.name == name).unwrap();
    ours.status(SECOND).await
}

fn call(token: &str, after: &str) -> (String, String) {
    (token.to_owned(), after.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_is_used_at_once_and_the_former_one_no_more() {
    let rig = Rig::new();
    rig.give("a1");
    let host = rig.world.start(Crash::never()).await;
    assert_eq!(rig.called(11 * SECOND / 2).await[..2], [call("a1", ""), call("a1", "of a")]);
    assert_eq!(rig.renew(&host, "a2").await, [call("a2", "of a")], "it goes on where it was");
    let later = rig.called(20 * SECOND).await;
    assert!(15 < later.len() && later.iter().all(|it| *it == call("a2", "of a")), "{later:?}");
    // The same once more is nothing new.
    host.host.peers.channels.cast(ChannelsMessage::Reload);
    let later = rig.called(5 * SECOND).await;
    assert!(later.len() <= 5, "{later:?}");
    host.kill().await;
}

#[tokio::test(start_paused = true)]
async fn another_account_of_the_platform_is_read_from_its_present_on() {
    let rig = Rig::new();
    rig.give("a1");
    let host = rig.world.start(Crash::never()).await;
    rig.world.pass(11 * SECOND / 2).await;
    assert_eq!(rig.renew(&host, "b1").await, [call("b1", "")]);
    let known = rig.central().account(NAME, "main").unwrap().unwrap();
    assert_eq!((known.me_id.as_str(), known.me_name.as_str()), ("b", "@b"));
    let kept = rig.credentials().of_account(NAME, "main", &BTreeMap::new()).await.unwrap().keeper;
    assert_eq!(kept.get("me").await.unwrap().as_deref(), Some("b"), "of the one that it is now");
    let status = status(&host, "main").await;
    assert_eq!((status.me.as_deref(), status.fields_of), (Some("@b (id b)"), known.renewed_at.0));
    assert!(status.connected && status.since.is_some());
    host.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_while_it_connects_does_not_begin_behind_the_former_cursor() {
    let rig = Rig::new();
    rig.give("?1");
    let host = rig.world.start(Crash::never()).await;
    rig.world.pass(SECOND / 200).await;
    rig.give("?2");
    rig.world.pass(11 * SECOND / 10).await;
    host.host.peers.channels.cast(ChannelsMessage::Reload);
    assert_eq!(rig.called(SECOND / 20).await, [call("?2", "")]);
    host.kill().await;
}

/// What agents say before the platform answers is not cut to what its channel can do at least.
#[tokio::test(start_paused = true)]
async fn what_an_account_can_do_is_known_before_it_connects_again() {
    let rig = Rig::new();
    rig.give("a1");
    let host = rig.world.start(Crash::never()).await;
    let can_react = |host: &TestHost| {
        let (channel, account) = (NAME.into(), "main".into());
        host.host.caps_of(&Address { channel, account, ..Address::default() }).reactions
    };
    assert!(!can_react(&host));
    rig.world.pass(SECOND).await;
    host.kill().await;
    assert!(can_react(&rig.world.start(Crash::never()).await));
}

/// Both were given their token while nobody could ask the platform whose it is.
#[tokio::test(start_paused = true)]
async fn an_account_that_is_there_already_is_not_read_twice() {
    let rig = Rig::new();
    rig.give("a1");
    let host = rig.world.start(Crash::never()).await;
    rig.world.pass(SECOND).await;
    rig.give_to("twin", "a2");
    host.host.peers.channels.cast(ChannelsMessage::Reload);
    let calls = rig.called(5 * SECOND).await;
    assert!(calls.iter().all(|it| it.0 == "a1"), "{calls:?}");
    let why = status(&host, "twin").await.why.unwrap();
    assert!(why.contains("ledger/main is the same account of ledger already; give"), "{why}");
    assert!(status(&host, "main").await.connected);
    host.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_platform_renewed_is_kept_and_an_outdated_connection_writes_none() {
    let rig = Rig::new();
    drop(rig.world.start(Crash::never()).await);
    rig.give("a1");
    let (credentials, urls) = (rig.credentials(), BTreeMap::new());
    let open = async || {
        let opened = credentials.of_account(NAME, "main", &urls).await.unwrap();
        (Fields::new(opened.values, Arc::clone(&opened.keeper)), opened.keeper)
    };
    let (fields, keeper) = open().await;
    fields.put("token", &"a2".into()).await.unwrap();
    assert_eq!(open().await.0.get("token").unwrap().expose_secret(), "a2");
    keeper.put("since", Some("7")).await.unwrap();
    assert_eq!(open().await.1.get("since").await.unwrap().as_deref(), Some("7"));
    rig.give("b1");
    fields.put("token", &"a3".into()).await.unwrap_err();
    assert_eq!(open().await.0.get("token").unwrap().expose_secret(), "b1");
    let elsewhere = BTreeMap::from([("api".to_owned(), "https://evil.example".to_owned())]);
    credentials.of_account(NAME, "main", &elsewhere).await.unwrap_err();
    credentials.of_account(NAME, "gone", &urls).await.unwrap_err();
}
