//! How senders show that a request is theirs, as data: a new platform is a value of [`Scheme`] and no code.
//!
//! Invariants
//! - Secrets are compared in constant time.
//! - What a sender says about its request counts only after the signature was found right.
//! - A signature with a time is taken within [`TOLERANCE`] of ours.

pub mod jwt;
pub mod schemes;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::time::Timestamp;
use hyper::header::{AUTHORIZATION, HeaderMap};
use percent_encoding::percent_decode_str;
use ring::{digest, hmac};
use secrecy::{ExposeSecret, SecretString};

/// How far a sender's clock may be from ours, as Stripe, Slack and Standard Webhooks advise.
pub const TOLERANCE: Duration = Duration::from_secs(300);
/// Signatures of one request that are looked at; a sender that changes its key sends two.
const SIGNATURES_MAX: usize = 4;

#[derive(Clone, Debug)]
pub enum Scheme {
    Hmac(Hmac),
    /// A header that is the key behind a prefix.
    Token {
        header: &'static str,
        prefix: &'static str,
    },
    /// Basic authentication: the key is the password, or `user:password`.
    Basic,
    /// The first segment of the path behind the account is the key, with `%2F` for `/`.
    Path,
    Jwt(jwt::Rules),
}

/// A code over the request, made with the key.
#[derive(Clone, Copy, Debug)]
pub struct Hmac {
    /// The header with the signatures, what stands between several of them, and before each.
    pub header: &'static str,
    pub between: Option<char>,
    pub prefix: &'static str,
    pub form: Form,
    pub signed: &'static [Piece],
    pub time: Time,
    pub key: Key,
}

#[derive(Clone, Copy, Debug)]
pub enum Form {
    Hex,
    Base64,
}

/// A piece of what is signed.
#[derive(Clone, Copy, Debug)]
pub enum Piece {
    Text(&'static str),
    Header(&'static str),
    Time,
    Body,
}

/// Where the sender says when it signed, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Time {
    No,
    Header(&'static str),
    /// Beside the signatures, behind this prefix.
    Beside(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// As it was typed.
    Text,
    /// In base64, behind `whsec_`.
    Whsec,
}

/// What a request must show. The first scheme whose header is there decides.
#[derive(Clone, Debug)]
pub struct Verify {
    schemes: Vec<Scheme>,
    key: SecretString,
}

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub headers: &'a HeaderMap,
    /// Behind the account, without a `/` at the beginning.
    pub path: &'a str,
    pub body: &'a [u8],
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The hash of what was signed: the same request sent again has the same. `None` where nothing is
    /// signed, so that a request cannot be told from one that says the same.
    pub digest: Option<String>,
    /// The first segment of the path was the key.
    pub is_in_path: bool,
}

/// Says nothing about the key, or what would have been right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("the header {0} is missing; give the sender the secret")]
    Missing(&'static str),
    #[error(
        "the path shows no secret, or another one; put it behind the account: /in/CHANNEL/NAME/SECRET"
    )]
    Path,
    #[error("nothing shows that it is yours; send {0}")]
    Unshown(String),
    #[error("the signature is wrong; give the sender the same secret as this host")]
    Signature,
    #[error("it was signed {} s from now, of {} that are taken; set the clocks", .0.as_secs(), TOLERANCE.as_secs())]
    Late(Duration),
    #[error("the token is not taken: {0}")]
    Token(&'static str),
    #[error(
        "the stored secret is malformed: it begins with `whsec_`, then base64; copy it from the sender"
    )]
    Key,
    #[error("the keys of the issuer cannot be had; send it again later")]
    NoKeys,
}

impl Verify {
    /// # Errors
    /// When a key is empty, with which anybody could sign, or has not the form that the scheme wants.
    pub fn new(schemes: impl Into<Vec<Scheme>>, key: SecretString) -> Result<Self, Wrong> {
        let schemes = schemes.into();
        let is_whsec = |it: &Scheme| matches!(it, Scheme::Hmac(Hmac { key: Key::Whsec, .. }));
        let whsec = schemes.iter().all(is_whsec);
        let is_good =
            !key.expose_secret().is_empty() && (!whsec || Key::Whsec.bytes(&key).is_some());
        if is_good { Ok(Self { schemes, key }) } else { Err(Wrong::Key) }
    }

    /// # Errors
    /// When the request does not show what it must.
    pub async fn check(&self, shown: Shown<'_>, now: Timestamp) -> Result<Proof, Wrong> {
        let mut missing = Wrong::Signature;
        for scheme in &self.schemes {
            match self.check_one(scheme, shown, now).await {
                Err(wrong @ (Wrong::Missing(_) | Wrong::Path)) => missing = wrong,
                checked => return checked,
            }
        }
        if let [_] = self.schemes[..] {
            return Err(missing);
        }
        let ways: Vec<String> = self.schemes.iter().map(Scheme::way).collect();
        Err(Wrong::Unshown(ways.join(", or ")))
    }

    async fn check_one(
        &self,
        scheme: &Scheme,
        shown: Shown<'_>,
        now: Timestamp,
    ) -> Result<Proof, Wrong> {
        match scheme {
            Scheme::Hmac(scheme) => return scheme.check(&self.key, shown, now),
            Scheme::Token { header, prefix } => {
                let given = value(shown.headers, header)?;
                self.is_key(strip(given, prefix).ok_or(Wrong::Missing(header))?)?;
            }
            Scheme::Basic => {
                let given = value(shown.headers, AUTHORIZATION.as_str())?;
                let pair = strip(given, "Basic ").and_then(|it| BASE64.decode(it.trim()).ok());
                let pair =
                    pair.and_then(|it| String::from_utf8(it).ok()).ok_or(Wrong::Signature)?;
                let (_, password) = pair.split_once(':').ok_or(Wrong::Signature)?;
                self.is_key(password).or_else(|_| self.is_key(&pair))?;
            }
            Scheme::Path => {
                let given = shown.path.split('/').next().unwrap_or_default();
                let decoded = percent_decode_str(given).decode_utf8_lossy();
                // It may be the name of a chat.
                self.is_key(&decoded).map_err(|_| Wrong::Path)?;
                return Ok(Proof { is_in_path: true, ..Proof::default() });
            }
            Scheme::Jwt(rules) => {
                let given = value(shown.headers, AUTHORIZATION.as_str())?;
                let token = strip(given, "Bearer ").ok_or(Wrong::Signature)?;
                rules.check(token, &self.key, now).await?;
            }
        }
        Ok(Proof::default())
    }

    fn is_key(&self, given: &str) -> Result<(), Wrong> {
        let is_right = is_same(self.key.expose_secret().as_bytes(), given.as_bytes());
        if is_right { Ok(()) } else { Err(Wrong::Signature) }
    }
}

impl Scheme {
    /// What a sender is told to send.
    fn way(&self) -> String {
        match self {
            Self::Hmac(Hmac { header, time: Time::Header(time), .. }) => {
                format!("a signature in `{header}` and its time in `{time}`")
            }
            Self::Hmac(Hmac { header, time: Time::No | Time::Beside(_), .. }) => {
                format!("a signature in `{header}`")
            }
            Self::Token { header, prefix } => format!("`{header}: {prefix}SECRET`"),
            Self::Basic => "basic authentication with the secret as the password".to_owned(),
            Self::Path => "the secret in the path, behind the account".to_owned(),
            Self::Jwt(_) => "`authorization: Bearer JWT`".to_owned(),
        }
    }
}

impl Hmac {
    fn check(&self, key: &SecretString, shown: Shown<'_>, now: Timestamp) -> Result<Proof, Wrong> {
        let given = value(shown.headers, self.header)?;
        let items: Vec<&str> = match self.between {
            Some(between) => given.split(between).map(str::trim).collect(),
            None => vec![given],
        };
        let time = match self.time {
            Time::No => "",
            Time::Header(header) => value(shown.headers, header)?,
            Time::Beside(prefix) => {
                let found = items.iter().find_map(|it| it.strip_prefix(prefix));
                found.ok_or(Wrong::Signature)?
            }
        };
        let mut signed = Vec::with_capacity(shown.body.len() + 64);
        for piece in self.signed {
            match piece {
                Piece::Text(text) => signed.extend_from_slice(text.as_bytes()),
                Piece::Header(header) => signed.extend(value(shown.headers, header)?.bytes()),
                Piece::Time => signed.extend_from_slice(time.as_bytes()),
                Piece::Body => signed.extend_from_slice(shown.body),
            }
        }
        let given = items.iter().filter_map(|it| it.strip_prefix(self.prefix));
        let tags: Vec<Vec<u8>> =
            given.take(SIGNATURES_MAX).filter_map(|it| self.form.read(it)).collect();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key.bytes(key).ok_or(Wrong::Signature)?);
        if !tags.iter().any(|tag| hmac::verify(&key, &signed, tag).is_ok()) {
            return Err(Wrong::Signature);
        }
        if self.time != Time::No {
            in_time(time, now)?;
        }
        Ok(Proof { digest: Some(fingerprint(&[&signed])), is_in_path: false })
    }
}

impl Key {
    fn bytes(self, key: &SecretString) -> Option<Vec<u8>> {
        let text = key.expose_secret();
        match self {
            Self::Text => Some(text.as_bytes().to_vec()),
            Self::Whsec => {
                BASE64.decode(text.strip_prefix("whsec_")?).ok().filter(|it| !it.is_empty())
            }
        }
    }
}

impl Form {
    fn read(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => unhex(text),
            Self::Base64 => BASE64.decode(text).ok(),
        }
    }
}

fn in_time(seconds: &str, now: Timestamp) -> Result<(), Wrong> {
    let at = seconds.parse::<i64>().ok().and_then(|it| it.checked_mul(1_000));
    let at = Timestamp(at.ok_or(Wrong::Signature)?);
    let apart = now.since(at).max(at.since(now));
    if apart <= TOLERANCE { Ok(()) } else { Err(Wrong::Late(apart)) }
}

/// The value of a header that is there once. Of two, nobody knows which one the sender meant.
fn value<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<&'a str, Wrong> {
    let mut all = headers.get_all(header).iter();
    let first = all.next().ok_or(Wrong::Missing(header))?;
    let text = first.to_str().map_err(|_no_detail| Wrong::Signature)?;
    if all.next().is_none() { Ok(text) } else { Err(Wrong::Signature) }
}

/// Names of authentication schemes are written in any case.
fn strip<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// In a time that tells neither the content nor the length.
pub(crate) fn is_same(ours: &[u8], given: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"comparison");
    hmac::verify(&key, given, hmac::sign(&key, ours).as_ref()).is_ok()
}

/// A hash that no other list of parts has.
pub fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex(hash.finish().as_ref())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let byte = |pair: &[u8]| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests;
