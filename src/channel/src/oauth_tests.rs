//! OAuth against a server of a few lines, and enrolment in each way by an adapter that has them all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::*;
use crate::{Account, Adapter, Cause, Connection, Keeper, Need};

const NEEDS: [Need; 2] = [Need::secret("refresh", "any"), Need::secret("phrase", "any")];

/// Answers `/token` and `/device`, each request by the next of its answers; checks what a server checks.
#[derive(Debug, Default)]
struct Server {
    /// Status and body.
    answers: Vec<(u16, String)>,
    asked: Vec<BTreeMap<String, String>>,
    /// Of the page that was opened.
    challenge: String,
}

type Shared = Arc<Mutex<Server>>;

async fn serve(listener: TcpListener, server: Shared) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut lines = BufReader::new(&mut stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            lines.read_line(&mut line).await.unwrap();
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        lines.read_exact(&mut body).await.unwrap();
        let url = Url::parse(&format!("http://x/?{}", String::from_utf8(body).unwrap())).unwrap();
        let form: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let (status, body) = {
            let mut server = server.lock().unwrap();
            if let Some(verifier) = form.get("code_verifier") {
                let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
                assert_eq!(server.challenge, digest, "RFC 7636, 4.6");
            }
            server.asked.push(form);
            server.answers.remove(0)
        };
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

/// What a user did, and what was shown.
struct User {
    server: Shared,
    shown: Vec<String>,
    browser: JoinSet<String>,
    refuses: bool,
}

#[async_trait]
impl Steps for User {
    fn show(&mut self, text: &str) {
        self.shown.push(text.to_owned());
    }

    fn show_qr(&mut self, payload: &str) {
        self.shown.push(format!("qr {payload}"));
    }

    fn show_code(&mut self, code: &str, place: &str) {
        self.shown.push(format!("code {code} at {place}"));
    }

    /// Says yes there; before that something else on this machine guesses a state.
    fn open_url(&mut self, url: &str) {
        let url = Url::parse(url).unwrap();
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!((asked["scope"].as_str(), asked["client_id"].as_str()), ("read", "nano"));
        self.server.lock().unwrap().challenge = asked["code_challenge"].clone();
        let refuses = self.refuses;
        self.browser.spawn(async move {
            let to = Url::parse(&asked["redirect_uri"]).unwrap();
            let mut answers = String::new();
            let good = if refuses { "error=access_denied" } else { "code=c1" };
            for query in
                ["code=evil&state=guessed".to_owned(), format!("{good}&state={}", asked["state"])]
            {
                let port = to.port().unwrap();
                let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let request = format!("GET /?{query} HTTP/1.1\r\nhost: x\r\n\r\n");
                stream.write_all(request.as_bytes()).await.unwrap();
                stream.read_to_string(&mut answers).await.unwrap();
            }
            answers
        });
    }

    async fn ask(&mut self, need: &Need) -> Result<Option<SecretString>, ChannelError> {
        Ok(Some(format!("pasted {}", need.name).into()))
    }
}

/// Enrols in the way that its account is named after.
#[derive(Debug)]
struct Example;

#[async_trait]
impl Adapter for Example {
    async fn connect(&self, _account: &Account) -> Result<Connection, ChannelError> {
        Err(misconfigured("it is here to be enrolled"))
    }

    async fn enroll(
        &self,
        account: &Account,
        steps: &mut dyn Steps,
    ) -> Result<BTreeMap<String, SecretString>, ChannelError> {
        let base = &account.urls["api"];
        let token_url = format!("{base}/token");
        let app = OauthApp {
            token_url: &token_url,
            client_id: "nano",
            client_secret: None,
            scope: "read",
        };
        let grant = match account.name.as_str() {
            "browser" => by_browser(&app, &format!("{base}/authorize"), steps).await?,
            "device" => by_device(&app, &format!("{base}/device"), steps).await?,
            "qr" => {
                for code in ["one", "two"] {
                    steps.show_qr(code);
                }
                return Ok([("refresh".to_owned(), "scanned".into())].into());
            }
            "pairing" => {
                steps.show_code("1234", "the app");
                return Ok([("refresh".to_owned(), "paired".into())].into());
            }
            _ => {
                let pasted = steps.ask(&NEEDS[1]).await?.unwrap();
                return Ok([("phrase".to_owned(), pasted)].into());
            }
        };
        Ok(grant.refresh.map(|it| ("refresh".to_owned(), it)).into_iter().collect())
    }
}

async fn enrol(
    way: &str,
    answers: &[(u16, &str)],
    refuses: bool,
) -> (Result<String, ChannelError>, User) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let answers = answers.iter().map(|it| (it.0, it.1.to_owned())).collect();
    let server = Arc::new(Mutex::new(Server { answers, ..Server::default() }));
    let mut user =
        User { server: Arc::clone(&server), shown: vec![], browser: JoinSet::new(), refuses };
    let mut account = Account::new(way);
    account.urls.insert("api".into(), base);
    let mut serving = JoinSet::new();
    serving.spawn(serve(listener, server));
    let got = Example.enroll(&account, &mut user).await;
    let got = got.map(|it| it.values().next().unwrap().expose_secret().to_owned());
    (got, user)
}

const GRANT: &str = r#"{"access_token": "a", "refresh_token": "r1", "expires_in": 60}"#;

#[tokio::test]
async fn a_browser_on_this_machine_brings_the_grant_and_a_guess_brings_nothing() {
    let (got, mut user) = enrol("browser", &[(200, GRANT)], false).await;
    assert_eq!(got.unwrap(), "r1");
    let said = user.browser.join_next().await.unwrap().unwrap();
    assert!(said.starts_with("HTTP/1.1 404") && said.contains("HTTP/1.1 200"), "{said}");
    let asked = user.server.lock().unwrap().asked.clone();
    assert_eq!((asked.len(), asked[0]["code"].as_str()), (1, "c1"));
    let (got, ..) = enrol("browser", &[], true).await;
    assert!(matches!(got, Err(ChannelError::Unauthorized(_))), "{got:?}");
    let bad = r#"{"error": "invalid_client"}"#;
    let (got, ..) = enrol("browser", &[(401, bad)], false).await;
    assert!(matches!(got, Err(ChannelError::Misconfigured(_))), "{got:?}");
}

#[tokio::test]
async fn a_code_is_waited_for_at_the_servers_pace_until_it_was_typed_or_ran_out() {
    let begun = r#"{"device_code": "d", "user_code": "ABCD", "verification_uri": "https://x/go",
        "verification_uri_complete": "https://x/go?c=ABCD", "expires_in": 900, "interval": 0}"#;
    let pending = (400, r#"{"error": "authorization_pending"}"#);
    let (got, user) =
        enrol("device", &[(200, begun), pending, (503, ""), pending, (200, GRANT)], false).await;
    assert_eq!(got.unwrap(), "r1");
    assert_eq!(user.shown, ["code ABCD at https://x/go", "qr https://x/go?c=ABCD"]);
    let asked = user.server.lock().unwrap().asked.clone();
    assert_eq!((asked[0]["scope"].as_str(), asked[1]["device_code"].as_str()), ("read", "d"));
    for error in ["expired_token", "access_denied"] {
        let end = format!(r#"{{"error": "{error}"}}"#);
        let (got, ..) = enrol("device", &[(200, begun), pending, (400, &end)], false).await;
        assert!(matches!(got, Err(ChannelError::Unauthorized(_))), "{got:?}");
    }
    // Five seconds more are past its end.
    let short = begun.replace("900", "2");
    let slow = (400, r#"{"error": "slow_down"}"#);
    let (got, user) = enrol("device", &[(200, &short), slow, (200, GRANT)], false).await;
    assert!(matches!(got, Err(ChannelError::Unauthorized(_))), "{got:?}");
    assert_eq!(user.server.lock().unwrap().asked.len(), 2, "it asked too soon");
}

#[tokio::test]
async fn codes_are_scanned_typed_and_pasted() {
    let (got, user) = enrol("qr", &[], false).await;
    assert_eq!((got.unwrap().as_str(), user.shown.len()), ("scanned", 2));
    let (got, user) = enrol("pairing", &[], false).await;
    assert_eq!((got.unwrap().as_str(), user.shown[0].as_str()), ("paired", "code 1234 at the app"));
    assert_eq!(enrol("paste", &[], false).await.0.unwrap(), "pasted phrase");
}

/// Keeps what it is given, or nothing.
#[derive(Debug)]
struct Kept(Mutex<Vec<String>>, bool);

#[async_trait]
impl Keeper for Kept {
    async fn put_field(&self, name: &str, value: &SecretString) -> Result<(), Cause> {
        if self.1 {
            return Err("the disk is full".into());
        }
        self.0.lock().unwrap().push(format!("{name}={}", value.expose_secret()));
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
async fn a_refresh_token_that_comes_with_an_access_token_is_kept_first() {
    let again = async |answer: &str, fails: bool| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let answers = vec![(if answer.contains("error") { 400 } else { 200 }, answer.to_owned())];
        let server = Arc::new(Mutex::new(Server { answers, ..Server::default() }));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&server)));
        let token_url = format!("{base}/token");
        let secret = SecretString::from("hush");
        let app = OauthApp {
            token_url: &token_url,
            client_id: "nano",
            client_secret: Some(&secret),
            scope: "",
        };
        let kept = Arc::new(Kept(Mutex::default(), fails));
        let fields = Fields::new(BTreeMap::new(), Arc::clone(&kept) as _);
        let got = refresh(&app, &fields, "refresh", &"r0".into()).await;
        let asked = server.lock().unwrap().asked.remove(0);
        assert_eq!(
            (asked["refresh_token"].as_str(), asked["client_secret"].as_str()),
            ("r0", "hush")
        );
        let kept = kept.0.lock().unwrap().clone();
        (got.map(|it| (it.access.expose_secret().to_owned(), it.expires_in)), kept)
    };
    let (got, kept) = again(GRANT, false).await;
    assert_eq!(got.unwrap(), ("a".to_owned(), Some(Duration::from_secs(60))));
    assert_eq!(kept, ["refresh=r1"]);
    let (got, kept) = again(r#"{"access_token": "a"}"#, false).await;
    assert!(got.is_ok() && kept.is_empty());
    assert!(again(GRANT, true).await.0.is_err(), "it would be lost");
    let (got, _) = again(r#"{"error": "invalid_grant"}"#, false).await;
    assert!(matches!(got, Err(ChannelError::Unauthorized(_))), "{got:?}");
}
