//! OAuth 2 as adapters need it: a grant in the browser of this machine (RFC 8252, with PKCE of RFC 7636), or on
//! another device (RFC 8628), and tokens that are renewed and kept.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use secrecy::ExposeSecret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::enroll::Steps;
use crate::{ChannelError, Fields, SecretString, http};

/// How long somebody may take in the browser.
const BROWSER_MAX: Duration = Duration::from_secs(5 * 60);
/// For a browser to send its request, which is then on this machine.
const REQUEST_MAX: Duration = Duration::from_secs(5);
/// A code and a state are far shorter.
const REQUEST_BYTES_MAX: u64 = 16 * 1024;
/// One answer of the server.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// What RFC 8628 sets where the server does not, and what `slow_down` adds.
const INTERVAL: Duration = Duration::from_secs(5);
/// No server's codes live longer; one that says so is not waited for.
const DEVICE_MAX: Duration = Duration::from_secs(30 * 60);

/// A program that is registered with an authorization server.
#[derive(Clone, Copy, Debug)]
pub struct OauthApp<'a> {
    pub token_url: &'a str,
    pub client_id: &'a str,
    /// Programs that run at their users' have none, or one that is no secret.
    pub client_secret: Option<&'a SecretString>,
    /// Separated by spaces; empty where the server has only one.
    pub scope: &'a str,
}

#[derive(Debug)]
pub struct Grant {
    pub access: SecretString,
    /// `None` where the access token is for good.
    pub refresh: Option<SecretString>,
    /// How long the access token is good, where the server says so.
    pub expires_in: Option<Duration>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct DeviceAnswer {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

fn misconfigured(why: impl Into<String>) -> ChannelError {
    ChannelError::Misconfigured(why.into().into())
}

fn refused(why: impl Into<String>) -> ChannelError {
    ChannelError::Unauthorized(why.into().into())
}

/// Asks for a grant in a browser of this machine, and takes the answer on a port of its own.
pub async fn by_browser(
    app: &OauthApp<'_>,
    authorize_url: &str,
    steps: &mut dyn Steps,
) -> Result<Grant, ChannelError> {
    let no_port = |err: std::io::Error| misconfigured(format!("no port can be opened: {err}"));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(no_port)?;
    let redirect = format!("http://127.0.0.1:{}/", listener.local_addr().map_err(no_port)?.port());
    let (verifier, state) = (random()?, random()?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
    let mut url = Url::parse(authorize_url).map_err(|err| misconfigured(err.to_string()))?;
    url.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", app.client_id),
        ("redirect_uri", &redirect),
        ("scope", app.scope),
        ("state", &state),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    steps.open_url(url.as_str());
    let waited = timeout(BROWSER_MAX, answer_in_browser(&listener, &state)).await;
    let code = waited.map_err(|_| refused("nobody answered in the browser within 5 minutes"))??;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &redirect),
        ("code_verifier", &verifier),
    ];
    granted(post(app, app.token_url, &form).await?)
}

fn random() -> Result<String, ChannelError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|err| misconfigured(format!("this machine has no random numbers: {err}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The code that the browser brings. What does not know the state did not come from the page that was opened:
/// it is answered and changes nothing.
async fn answer_in_browser(listener: &TcpListener, state: &str) -> Result<String, ChannelError> {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(Some(url)) = timeout(REQUEST_MAX, requested(&mut stream)).await else { continue };
        let value = |name| url.query_pairs().find(|it| it.0 == name).map(|it| it.1.into_owned());
        let is_ours = url.path() == "/" && value("state").as_deref() == Some(state);
        let (code, error) = (value("code"), value("error"));
        let (status, text) = match (is_ours, &code) {
            (false, _) => ("404 Not Found", "This page is not what was asked for."),
            (true, Some(_)) => ("200 OK", "Done. You can close this page."),
            (true, None) => ("200 OK", "It was refused. You can close this page."),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{text}",
            text.len()
        );
        let _ = timeout(REQUEST_MAX, stream.write_all(answer.as_bytes())).await;
        if is_ours {
            let why = || refused(format!("refused in the browser: {}", error.unwrap_or_default()));
            return code.ok_or_else(why);
        }
    }
}

/// The address that a request names in its first line.
async fn requested(stream: &mut TcpStream) -> Option<Url> {
    let mut lines = BufReader::new(stream.take(REQUEST_BYTES_MAX));
    let mut first = String::new();
    lines.read_line(&mut first).await.ok()?;
    let path = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    // Read to its end, or closing would cut off the answer.
    let mut line = String::new();
    while lines.read_line(&mut line).await.ok()? > 0 && !line.trim().is_empty() {
        line.clear();
    }
    Url::parse("http://127.0.0.1/").ok()?.join(&path).ok()
}

/// Asks for a grant on another device: shows a code, and waits until it was typed there.
pub async fn by_device(
    app: &OauthApp<'_>,
    device_url: &str,
    steps: &mut dyn Steps,
) -> Result<Grant, ChannelError> {
    let begun = post(app, device_url, &[("scope", app.scope)]).await?;
    let device: DeviceAnswer = begun.json()?;
    steps.show_code(&device.user_code, &device.verification_uri);
    if let Some(url) = &device.verification_uri_complete {
        steps.show_qr(url);
    }
    let mut interval = device.interval.map_or(INTERVAL, |it| Duration::from_secs(it.max(1)));
    let until = Instant::now() + Duration::from_secs(device.expires_in).min(DEVICE_MAX);
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let form = [("grant_type", grant_type), ("device_code", device.device_code.as_str())];
    let ran_out = || refused("the code was not used in time; start again");
    loop {
        timeout_at(until, sleep(interval)).await.map_err(|_| ran_out())?;
        let answer = match post(app, app.token_url, &form).await {
            Ok(answer) => answer,
            // Waited for longer, as RFC 8628 says.
            Err(ChannelError::Unreachable(_)) => {
                interval *= 2;
                continue;
            }
            Err(err) => return Err(err),
        };
        let said: TokenAnswer = answer.json()?;
        match said.error.as_deref() {
            Some("authorization_pending") => {}
            Some("slow_down") => interval += INTERVAL,
            Some("expired_token") => return Err(ran_out()),
            _ => return granted(answer),
        }
    }
}

/// Exchanges the refresh token in `field` for an access token. A refresh token that comes with it is committed
/// before this returns, since the former one may be void by now.
pub async fn refresh(
    app: &OauthApp<'_>,
    fields: &Fields,
    field: &str,
    token: &SecretString,
) -> Result<Grant, ChannelError> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
    let grant = granted(post(app, app.token_url, &form).await?)?;
    if let Some(renewed) = &grant.refresh {
        fields.put(field, renewed).await.map_err(ChannelError::Unreachable)?;
    }
    Ok(grant)
}

async fn post(
    app: &OauthApp<'_>,
    url: &str,
    form: &[(&str, &str)],
) -> Result<http::Answer, ChannelError> {
    let client = http::client().timeout(ANSWER_MAX).build().map_err(http::Failure::from)?;
    let mut body = Url::parse("http://form/").map_err(|err| misconfigured(err.to_string()))?;
    let own = [("client_id", app.client_id)];
    let secret = app.client_secret.map(|it| ("client_secret", it.expose_secret()));
    body.query_pairs_mut().extend_pairs(form).extend_pairs(own).extend_pairs(secret);
    let request = client
        .post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(reqwest::header::ACCEPT, "application/json")
        .body(body.query().unwrap_or_default().to_owned());
    let answer = http::send(request).await?;
    if answer.status.is_server_error() || answer.status.as_u16() == 429 {
        return Err(http::foreign(answer.status, "try again later").into());
    }
    Ok(answer)
}

fn granted(answer: http::Answer) -> Result<Grant, ChannelError> {
    let said: TokenAnswer = answer.json()?;
    if let Some(error) = said.error {
        let about = said.error_description.map(|it| format!(": {it}")).unwrap_or_default();
        return Err(match error.as_str() {
            "invalid_grant" | "access_denied" => refused(format!("{error}{about}")),
            _ => misconfigured(format!("{error}{about}")),
        });
    }
    let none = || misconfigured("the server gave no token");
    Ok(Grant {
        access: said.access_token.ok_or_else(none)?.into(),
        refresh: said.refresh_token.map(Into::into),
        expires_in: said.expires_in.map(Duration::from_secs),
    })
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
