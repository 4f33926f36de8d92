//! Tokens that an issuer signed for us (RFC 7519): who made it, for whom, until when.
//!
//! Invariants
//! - The kind of key decides which algorithm is taken, never the token: a public key is no secret for an
//!   HMAC.
//! - The keys of an issuer are fetched at most once in [`FETCH_EVERY`], whatever tokens ask for.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use domain::time::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use ring::{hmac, signature};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{TOLERANCE, Wrong};
use crate::http;

/// Keys are replaced now and then; a token with an unknown one has them fetched again.
const FETCH_EVERY: Duration = Duration::from_secs(60);
/// A key that was withdrawn is forgotten after this.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);
const FETCH_WITHIN: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Rules {
    /// Who may have made it; any of them.
    pub issuers: Vec<String>,
    pub audience: String,
    pub keys: Keys,
}

#[derive(Clone, Debug)]
pub enum Keys {
    /// The key of the account, for HS256.
    Secret,
    /// Public ones, as a JSON Web Key Set (RFC 7517).
    Given(Jwks),
    /// The same, at an address of the issuer's.
    At(String, Arc<Mutex<Fetched>>),
}

/// When the keys were asked for last, when they were had, and what they were.
#[derive(Debug, Default)]
pub struct Fetched(Option<Instant>, Option<(Instant, Jwks)>);

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Jwks {
    /// Of a key for RSA `n` and `e` are there, of one for P-256 `x` and `y`.
    keys: Vec<Value>,
}

/// A token, cut into its parts.
struct Token<'a> {
    head: Value,
    signed: &'a [u8],
    tag: Vec<u8>,
}

const MALFORMED: Wrong = Wrong::Token("it is malformed");

impl Rules {
    pub(super) async fn check(
        &self,
        token: &str,
        key: &SecretString,
        now: Timestamp,
    ) -> Result<(), Wrong> {
        let parts = token.rsplit_once('.').and_then(|it| Some((it.0.split_once('.')?, it)));
        let ((head, claims), (signed, tag)) = parts.ok_or(MALFORMED)?;
        let tag = BASE64.decode(tag).map_err(|_no_detail| MALFORMED)?;
        let token = Token { head: json(head)?, signed: signed.as_bytes(), tag };
        let is_right = match &self.keys {
            Keys::Secret => token.is_made_with(key),
            Keys::Given(jwks) => jwks.verify(&token).unwrap_or_default(),
            Keys::At(url, fetched) => fetched.lock().await.verify(url, &token).await?,
        };
        if !is_right {
            return Err(Wrong::Signature);
        }
        let claims = json(claims)?;
        let leeway = i64::try_from(TOLERANCE.as_secs()).unwrap_or(i64::MAX);
        let now = now.0 / 1_000;
        let expires = claims["exp"].as_i64().ok_or(MALFORMED)?;
        let begins = claims["nbf"].as_i64().unwrap_or(now);
        let is_ours = |it: &Value| *it == self.audience.as_str();
        let audience = &claims["aud"];
        let is_for_us = audience.as_array().map_or(is_ours(audience), |it| it.iter().any(is_ours));
        let checks = [
            (now <= expires.saturating_add(leeway), "it is expired"),
            (begins <= now.saturating_add(leeway), "it does not count yet"),
            (self.issuers.iter().any(|it| claims["iss"] == it.as_str()), "another issuer made it"),
            (is_for_us, "it is for somebody else"),
        ];
        checks.iter().find(|it| !it.0).map_or(Ok(()), |it| Err(Wrong::Token(it.1)))
    }
}

impl Token<'_> {
    fn is_made_with(&self, secret: &SecretString) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        self.head["alg"] == "HS256" && hmac::verify(&key, self.signed, &self.tag).is_ok()
    }
}

impl Fetched {
    async fn verify(&mut self, url: &str, token: &Token<'_>) -> Result<bool, Wrong> {
        let Self(asked, kept) = self;
        let is_fresh = |it: &&(Instant, Jwks)| it.0.elapsed() < KEPT_FOR;
        let known = kept.as_ref().filter(is_fresh).and_then(|it| it.1.verify(token));
        if let Some(is_right) = known {
            return Ok(is_right);
        }
        if asked.is_none_or(|it| FETCH_EVERY <= it.elapsed()) {
            *asked = Some(Instant::now());
            let fetch = async {
                let client = http::client().build().ok()?;
                http::send(client.get(url)).await.ok()?.json::<Jwks>().ok()
            };
            let jwks = timeout(FETCH_WITHIN, fetch).await.ok().flatten().ok_or(Wrong::NoKeys)?;
            *kept = Some((Instant::now(), jwks));
        }
        let (_, jwks) = kept.as_ref().filter(is_fresh).ok_or(Wrong::NoKeys)?;
        Ok(jwks.verify(token).unwrap_or_default())
    }
}

impl Jwks {
    /// `None` when the key is not among them.
    fn verify(&self, token: &Token<'_>) -> Option<bool> {
        let kty = match token.head["alg"].as_str() {
            Some("RS256") => "RSA",
            Some("ES256") => "EC",
            _ => return Some(false),
        };
        let kid = &token.head["kid"];
        let is_meant = |it: &&Value| it["kty"] == kty && (kid.is_null() || it["kid"] == *kid);
        let tried = self.keys.iter().filter(is_meant).map(|it| verify(it, token).is_some());
        tried.reduce(|one, other| one || other)
    }
}

fn verify(key: &Value, Token { signed, tag, .. }: &Token<'_>) -> Option<()> {
    let number = |name: &str| BASE64.decode(key[name].as_str()?).ok();
    if key["kty"] == "RSA" {
        let key = signature::RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
        return key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, tag).ok();
    }
    // A point that is not compressed (SEC 1, 2.3.3).
    let point = [vec![4], number("x")?, number("y")?].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, tag).ok()
}

fn json(part: &str) -> Result<Value, Wrong> {
    let bytes = BASE64.decode(part).map_err(|_no_detail| MALFORMED)?;
    serde_json::from_slice(&bytes).map_err(|_no_detail| MALFORMED)
}

#[cfg(test)]
mod tests;
