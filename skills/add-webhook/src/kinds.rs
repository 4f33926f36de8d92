//! The programs that send, as data: how each shows that it has the secret, and names a delivery.

use channel::ChannelError;
use channel::signature::Scheme;
use channel::signature::schemes::{BEARER, GITHUB, GITLAB, GRAFANA, STANDARD, STRIPE, SVIX};

#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) schemes: fn() -> Vec<Scheme>,
    /// Headers with the id of a delivery.
    pub(crate) ids: &'static [&'static str],
    /// Where a body has it, as a JSON pointer (RFC 6901), for those who sign each attempt with another
    /// time.
    pub(crate) id_at: Option<&'static str>,
    /// How its secrets begin; the rest has no form that could be checked.
    pub(crate) begins: &'static str,
}

/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>
const KEY: &str = "idempotency-key";

/// Whatever can show a secret and not sign.
const TOKEN: Kind = Kind { name: "token", schemes: shown, ids: &[KEY], id_at: None, begins: "" };

const KINDS: [Kind; 9] = [
    // Forgejo, Gitea and everything that signs alike, too.
    Kind {
        name: "github",
        schemes: || vec![Scheme::Hmac(GITHUB)],
        ids: &["x-github-delivery", KEY],
        ..TOKEN
    },
    // A signing token, or the older secret token
    // (<https://docs.gitlab.com/user/project/integrations/webhooks/>).
    Kind {
        name: "gitlab",
        schemes: || vec![Scheme::Hmac(STANDARD), GITLAB],
        ids: &["webhook-id", KEY],
        ..TOKEN
    },
    Kind {
        name: "grafana",
        schemes: || vec![Scheme::Hmac(GRAFANA), BEARER, Scheme::Basic],
        ..TOKEN
    },
    // <https://prometheus.io/docs/alerting/latest/configuration/#http_config>
    Kind { name: "alertmanager", schemes: || vec![BEARER, Scheme::Basic], ..TOKEN },
    Kind { name: "uptime-kuma", ..TOKEN },
    Kind { name: "home-assistant", ..TOKEN },
    Kind {
        name: "stripe",
        schemes: || vec![Scheme::Hmac(STRIPE)],
        ids: &[],
        id_at: Some("/id"),
        begins: "whsec_",
    },
    Kind {
        name: "standard",
        schemes: || vec![Scheme::Hmac(STANDARD), Scheme::Hmac(SVIX)],
        ids: &["webhook-id", "svix-id"],
        ..TOKEN
    },
    TOKEN,
];

/// The secret in a header or, where no header can be set, in the path.
fn shown() -> Vec<Scheme> {
    vec![BEARER, Scheme::Basic, Scheme::Path]
}

/// # Errors
/// When there is none of that name.
pub(crate) fn find(name: Option<&str>) -> Result<&'static Kind, ChannelError> {
    let name = name.unwrap_or("github");
    KINDS.iter().find(|it| it.name == name).ok_or_else(|| {
        let all: Vec<&str> = KINDS.iter().map(|it| it.name).collect();
        let why = format!("there is no kind `{name}`; take one of {}", all.join(", "));
        ChannelError::Misconfigured(why.into())
    })
}

/// Whether it is the name of one.
pub(crate) fn check(name: &str) -> Result<(), &'static str> {
    find(Some(name)).map(drop).map_err(|_| {
        "take one of github, gitlab, grafana, alertmanager, uptime-kuma, home-assistant, stripe, standard, token"
    })
}
