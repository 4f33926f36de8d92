//! Keeps the credential out of what comes back: no header that spells it in any usual way, and no body
//! that has it as it is. A service that echoes what it was sent would give it to the container.
//!
//! A body is changed in place, length for length, and held back by fewer bytes than the credential has,
//! and only when these could be its beginning. An encoded or a split echo in a body is not found: a
//! service that wants to leak can, which is why the destination of a credential is the operator's word.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use percent_encoding::percent_decode;

use crate::Secret;

const MASK: u8 = b'*';
/// Fewer characters of base64 are in many texts by chance.
const NEEDLE_MIN: usize = 8;

/// How the credential may be spelled in a header.
pub(super) struct Spellings {
    plain: Vec<u8>,
    /// In lower case.
    hex: Vec<u8>,
    /// What base64 makes of it at each of the three offsets, without the ends that depend on what is
    /// around it; with the standard alphabet.
    base64: Vec<Vec<u8>>,
}

impl Spellings {
    pub(super) fn of(secret: &Secret) -> Self {
        let plain = secret.expose().as_bytes().to_vec();
        let hex = plain.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect();
        let shifted = |offset: usize| {
            let mut bytes = vec![0; offset];
            bytes.extend_from_slice(&plain);
            let text = STANDARD_NO_PAD.encode(&bytes).into_bytes();
            // The first and the last group mix it with its neighbours.
            let whole = bytes.len() / 3 * 4;
            text[(offset * 4).div_ceil(3)..whole].to_vec()
        };
        let base64 = (0..3).map(shifted).filter(|it| NEEDLE_MIN <= it.len()).collect();
        Self { plain, hex, base64 }
    }

    pub(super) fn are_in(&self, value: &[u8]) -> bool {
        let decoded: Vec<u8> = percent_decode(value).collect();
        let standard = |byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        };
        let standard: Vec<u8> = decoded.iter().map(standard).collect();
        contains(value, &self.plain)
            || contains(&decoded, &self.plain)
            || contains(&decoded.to_ascii_lowercase(), &self.hex)
            || self.base64.iter().any(|it| contains(&standard, it))
    }
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    text.windows(needle.len()).any(|part| part == needle)
}

pub(super) struct Scrubbed<B> {
    body: B,
    secret: Secret,
    /// The end of what came so far, which the credential could begin with.
    held: Vec<u8>,
}

impl<B> Scrubbed<B> {
    pub(super) fn new(body: B, secret: Secret) -> Self {
        Self { body, secret, held: Vec::new() }
    }

    /// What may go on of the next piece.
    fn pass(&mut self, piece: Bytes) -> Bytes {
        let key = self.secret.expose().as_bytes();
        let end = |text: &[u8]| {
            let most = text.len().min(key.len() - 1);
            (1..=most).rev().find(|it| text.ends_with(&key[..*it])).unwrap_or(0)
        };
        if self.held.is_empty() && end(&piece) == 0 && !contains(&piece, key) {
            return piece;
        }
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(&piece);
        let mut at = 0;
        while let Some(found) = text[at..].windows(key.len()).position(|part| part == key) {
            text[at + found..at + found + key.len()].fill(MASK);
            at += found + key.len();
        }
        self.held = text.split_off(text.len() - end(&text));
        text.into()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Scrubbed<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        loop {
            let next = match ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()? {
                // Trailers are not passed on: no client of ours reads one.
                Some(frame) => frame.into_data().map(|it| self.pass(it)).unwrap_or_default(),
                None if self.held.is_empty() => return Poll::Ready(None),
                None => std::mem::take(&mut self.held).into(),
            };
            if !next.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(next))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-api03-sk-ant-secret";

    fn secret() -> Secret {
        Secret::from_input(KEY.to_owned()).unwrap()
    }

    #[test]
    fn every_usual_spelling_is_found_and_nothing_else() {
        let all = Spellings::of(&secret());
        let encoded = |text: &str| STANDARD_NO_PAD.encode(text).into_bytes();
        for user in ["", "u:", "us:", "use:", "user:"] {
            let text = encoded(&format!("{user}{KEY}{user}"));
            assert!(all.are_in(&text), "{user}");
            let url = String::from_utf8(text).unwrap().replace('+', "-").replace('/', "_");
            assert!(all.are_in(url.as_bytes()), "{user}");
        }
        let percent: String = KEY.bytes().map(|it| format!("%{it:02X}")).collect();
        let hex: String = KEY.bytes().map(|it| format!("{it:02X}")).collect();
        for text in [format!("x {KEY}"), KEY.replace('-', "%2d"), percent, hex] {
            assert!(all.are_in(text.as_bytes()), "{text}");
        }
        for text in ["", "%", "%4", "sk-ant-api03", "req_011CSHoEeqs5C35K2UUqR7Fy", "2026-11-28"] {
            assert!(!all.are_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_body_loses_the_credential_however_it_is_cut_and_nothing_else() {
        let text = format!("sk-ant-{KEY}{KEY} sk-ant-api03-sk-ant-api03 {KEY} sk-ant-api03-sk-");
        let clean = text.replace(KEY, &"*".repeat(KEY.len()));
        for size in 1..text.len() {
            let mut body = Scrubbed::new((), secret());
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                out.extend_from_slice(&body.pass(Bytes::copy_from_slice(piece)));
                assert!(body.held.len() < KEY.len());
            }
            out.extend_from_slice(&body.held);
            assert_eq!(String::from_utf8(out).unwrap(), clean, "{size}");
        }
    }

    #[test]
    fn what_cannot_be_the_credential_is_not_held_back() {
        let mut body = Scrubbed::new((), secret());
        assert_eq!(&body.pass(Bytes::from_static(b"data: {}\n\n"))[..], b"data: {}\n\n");
        assert!(body.held.is_empty());
    }
}
