//! What a failed turn means. Pure; the words of the CLI go in, a class comes out.

use domain::waits::WaitClass;

use super::frames::{ApiError, TurnResult};
use crate::provider::FailureClass;

/// The status, the CLI's and the API's words decide, in this order of trust: what the CLI sorted
/// out itself, then the API's type, then the status, then single words of the text.
pub(crate) fn classify(result: &TurnResult, api: Option<&ApiError>) -> FailureClass {
    let (error, kind) = api.map_or(("", ""), |it| (it.error.as_str(), it.kind.as_str()));
    let kind = if kind.is_empty() { &result.kind } else { kind };
    let words = format!("{}\n{}", result.text, result.errors.join("\n")).to_ascii_lowercase();
    let says = |needle: &str| words.contains(needle);
    if result.terminal_reason == "prompt_too_long" || says("prompt is too long") {
        return FailureClass::ContextOverflow;
    }
    // The API says 400 for this one.
    if error == "billing_error" || kind == "billing_error" || says("credit balance") {
        return FailureClass::Passing(WaitClass::Billing);
    }
    match (error, kind, result.status) {
        ("authentication_failed" | "oauth_org_not_allowed", ..)
        | (_, "authentication_error" | "permission_error", _)
        | (_, _, Some(401 | 403)) => FailureClass::Auth,
        (_, _, Some(402)) => FailureClass::Passing(WaitClass::Billing),
        ("rate_limit", ..) | (_, "rate_limit_error", _) | (_, _, Some(429)) => {
            FailureClass::Passing(WaitClass::Limit)
        }
        ("overloaded", ..) | (_, "overloaded_error", _) | (_, _, Some(529 | 503)) => {
            FailureClass::Passing(WaitClass::Overloaded)
        }
        ("model_not_found", ..) | (_, "not_found_error", _) | (_, _, Some(404)) => {
            FailureClass::ModelUnknown
        }
        ("invalid_request", ..)
        | (_, "invalid_request_error" | "request_too_large", _)
        | (_, _, Some(400 | 413 | 422)) => FailureClass::InvalidRequest,
        ("server_error", ..) | (_, "api_error" | "timeout_error", _) | (_, _, Some(500..)) => {
            FailureClass::Passing(WaitClass::Network)
        }
        _ if says("not logged in") || says("api key") => FailureClass::Auth,
        _ if result.terminal_reason == "api_error" || says("connection") || says("timed out") => {
            FailureClass::Passing(WaitClass::Network)
        }
        _ => FailureClass::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::Frame;
    use super::*;

    fn class_of(recording: &str) -> FailureClass {
        let (mut api, mut failed) = (None, None);
        for line in recording.lines() {
            match Frame::parse(line.as_bytes()) {
                Some(Frame::ApiError(err)) => api = Some(err),
                Some(Frame::Result(result)) => failed = Some(result),
                _ => {}
            }
        }
        let failed = failed.unwrap();
        assert!(failed.is_error);
        let class = classify(&failed, api.as_ref());
        let text = crate::provider::ProviderFailure::new(class, None).user_text;
        assert!(!text.contains("API Error") && !text.contains('{'), "raw: {text}");
        class
    }

    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("../../tests/fixtures/", $name, ".jsonl"))
        };
    }

    #[test]
    fn recorded_failures_are_told_apart() {
        for (recording, class) in [
            (recorded!("api_error_401"), FailureClass::Auth),
            (recorded!("api_error_403"), FailureClass::Auth),
            (recorded!("api_error_429"), FailureClass::Passing(WaitClass::Limit)),
            (recorded!("api_error_529"), FailureClass::Passing(WaitClass::Overloaded)),
            (recorded!("api_error_502"), FailureClass::Passing(WaitClass::Network)),
            (recorded!("connection_refused"), FailureClass::Passing(WaitClass::Network)),
            (recorded!("prompt_too_long"), FailureClass::ContextOverflow),
            (recorded!("credit"), FailureClass::Passing(WaitClass::Billing)),
        ] {
            assert_eq!(class_of(recording), class, "{recording}");
        }
    }

    #[test]
    fn words_and_numbers_alone_are_enough() {
        let api = |error: &str, kind: &str| ApiError { error: error.into(), kind: kind.into() };
        for (status, api, text, class) in [
            (Some(400), api("", ""), "bad image", FailureClass::InvalidRequest),
            (Some(404), api("", "not_found_error"), "model: foo", FailureClass::ModelUnknown),
            (
                Some(400),
                api("", "overloaded_error"),
                "",
                FailureClass::Passing(WaitClass::Overloaded),
            ),
            (Some(500), api("", ""), "", FailureClass::Passing(WaitClass::Network)),
            (Some(402), api("", ""), "", FailureClass::Passing(WaitClass::Billing)),
            (None, api("", ""), "Not logged in · Please run /login", FailureClass::Auth),
            (
                None,
                api("unknown", ""),
                "API Error: Connection error",
                FailureClass::Passing(WaitClass::Network),
            ),
            (None, api("", ""), "what?", FailureClass::Unknown),
        ] {
            let result = TurnResult {
                is_error: true,
                text: text.to_owned(),
                status,
                ..TurnResult::default()
            };
            assert_eq!(classify(&result, Some(&api)), class, "{status:?} {api:?} {text}");
        }
    }
}
