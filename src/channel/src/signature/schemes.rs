//! The schemes of platforms. Each names the page that it is taken from.

use super::{Form, Hmac, Key, Piece, Scheme, Time};

/// <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>; Forgejo and Gitea
/// sign alike.
pub const GITHUB: Hmac = Hmac {
    header: "x-hub-signature-256",
    between: None,
    prefix: "sha256=",
    form: Form::Hex,
    signed: &[Piece::Body],
    time: Time::No,
    key: Key::Text,
};

/// <https://docs.stripe.com/webhooks/signature>
pub const STRIPE: Hmac = Hmac {
    header: "stripe-signature",
    between: Some(','),
    prefix: "v1=",
    signed: &[Piece::Time, Piece::Text("."), Piece::Body],
    time: Time::Beside("t="),
    ..GITHUB
};

/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
pub const STANDARD: Hmac = Hmac {
    header: "webhook-signature",
    between: Some(' '),
    prefix: "v1,",
    form: Form::Base64,
    signed: &[
        Piece::Header("webhook-id"),
        Piece::Text("."),
        Piece::Time,
        Piece::Text("."),
        Piece::Body,
    ],
    time: Time::Header("webhook-timestamp"),
    key: Key::Whsec,
};

/// The names that Svix used before the standard (<https://docs.svix.com/receiving/verifying-payloads/how-manual>).
pub const SVIX: Hmac = Hmac {
    header: "svix-signature",
    signed: &[
        Piece::Header("svix-id"),
        Piece::Text("."),
        Piece::Time,
        Piece::Text("."),
        Piece::Body,
    ],
    time: Time::Header("svix-timestamp"),
    ..STANDARD
};

/// <https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>;
/// with the header for the time that its example names.
pub const GRAFANA: Hmac = Hmac {
    header: "x-grafana-alerting-signature",
    prefix: "",
    signed: &[Piece::Time, Piece::Text(":"), Piece::Body],
    time: Time::Header("x-grafana-alerting-timestamp"),
    ..GITHUB
};

pub const BEARER: Scheme = Scheme::Token { header: "authorization", prefix: "Bearer " };

/// <https://docs.gitlab.com/user/project/integrations/webhooks/#custom-headers>
pub const GITLAB: Scheme = Scheme::Token { header: "x-gitlab-token", prefix: "" };
