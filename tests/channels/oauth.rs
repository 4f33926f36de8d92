//! Grants of an authorization server that we did not write (<https://www.npmjs.com/package/oidc-provider>, certified by
//! the OpenID Foundation), given by somebody at a browser: in one of this machine, and on another device.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use channel::oauth::{OauthApp, by_browser, by_device, refresh};
use channel::{Cause, ChannelError, ExposeSecret, Fields, Keeper, Need, SecretString, Steps};
use harness::foreign::{self, Program};
use tokio::process::Command;
use tokio::task::JoinSet;

const PACKAGES: [&str; 1] = ["oidc-provider@9.13.3"];

async fn node() -> Command {
    foreign::node(&PACKAGES, "channels/oauth.mjs").await
}

struct Server {
    url: String,
    _program: Program,
}

impl Server {
    async fn start() -> Self {
        let mut node = node().await;
        node.arg("serve");
        let mut program = Program::start(node);
        Self { url: format!("http{}", program.says("http").await), _program: program }
    }
}

/// Somebody who agrees to everything.
#[derive(Default)]
struct User {
    pages: JoinSet<String>,
}

impl User {
    fn goes(&mut self, order: &'static str, to: &[&str]) {
        let to: Vec<String> = to.iter().map(|&word| word.to_owned()).collect();
        self.pages.spawn(async move {
            foreign::said(node().await.arg(order).args(to), "see above").await
        });
    }

    async fn saw(mut self) -> String {
        self.pages.join_next().await.unwrap().unwrap()
    }
}

#[async_trait]
impl Steps for User {
    fn show(&mut self, _text: &str) {}

    fn show_qr(&mut self, _payload: &str) {}

    fn show_code(&mut self, code: &str, place: &str) {
        self.goes("type", &[place, code]);
    }

    fn open_url(&mut self, url: &str) {
        self.goes("browse", &[url]);
    }

    async fn ask(&mut self, need: &Need) -> Result<Option<SecretString>, ChannelError> {
        panic!("nobody was to be asked for {}", need.name);
    }
}

#[derive(Debug, Default)]
struct Kept(Mutex<Vec<String>>);

#[async_trait]
impl Keeper for Kept {
    async fn put_field(&self, _name: &str, value: &SecretString) -> Result<(), Cause> {
        self.0.lock().unwrap().push(value.expose_secret().to_owned());
        Ok(())
    }

    async fn get(&self, _key: &str) -> Result<Option<String>, Cause> {
        Ok(None)
    }

    async fn put(&self, _key: &str, _value: Option<&str>) -> Result<(), Cause> {
        Ok(())
    }
}

#[tokio::test]
async fn a_browser_brings_a_grant_whose_token_is_renewed_and_kept() {
    let server = Server::start().await;
    let token_url = format!("{}/token", server.url);
    let app = OauthApp {
        token_url: &token_url,
        client_id: "nanoclaw",
        client_secret: None,
        scope: "openid offline_access",
    };
    let mut user = User::default();
    let granted = by_browser(&app, &format!("{}/auth", server.url), &mut user).await.unwrap();
    assert_eq!(user.saw().await, "200 Done. You can close this page.");
    let first = granted.refresh.unwrap();
    let keeper = Arc::new(Kept::default());
    let fields = Fields::new([("refresh".to_owned(), first.clone())].into(), keeper.clone());
    let second = refresh(&app, &fields, "refresh", &first).await.unwrap();
    let renewed = second.refresh.unwrap();
    assert_ne!(first.expose_secret(), renewed.expose_secret());
    assert_eq!(*keeper.0.lock().unwrap(), [renewed.expose_secret()]);
    assert_ne!(granted.access.expose_secret(), second.access.expose_secret());
    let spent = refresh(&app, &fields, "refresh", &first).await.unwrap_err();
    assert!(matches!(spent, ChannelError::Unauthorized(_)), "{spent:?}");
}

#[tokio::test]
async fn a_code_that_is_typed_on_another_device_brings_a_grant() {
    let server = Server::start().await;
    let token_url = format!("{}/token", server.url);
    let app = OauthApp {
        token_url: &token_url,
        client_id: "nanoclaw",
        client_secret: None,
        scope: "openid",
    };
    let mut user = User::default();
    let device = format!("{}/device/auth", server.url);
    let granted = by_device(&app, &device, &mut user).await.unwrap();
    assert!(!granted.access.expose_secret().is_empty() && granted.expires_in.is_some());
    assert!(user.saw().await.starts_with("200 Sign-in Success"));
}
