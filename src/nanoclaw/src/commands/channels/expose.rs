//! `nanoclaw channels expose`: how programs elsewhere reach the webhook door, and whether they do.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use channel::door::{Acme, LISTEN, Note, SETTING, Settings, Way, snippets};
use domain::plain::chain;
use domain::time::Timestamp;
use operations::{Output, instant};
use serde_json::json;
use store::CentralStore;
use store::layout::Layout;
use tokio::time::{Instant, sleep};

use crate::{admin, lock};

/// All addresses, at the port for TLS, where issuers look whether the domain is ours.
const LISTEN_TLS: &str = "0.0.0.0:443";
/// How long a new setting is waited for: a tunnel and an issuer need some seconds.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Webhooks come in at one door, which only programs on this machine reach. Each account's path there is
/in/CHANNEL/NAME. Without anything else, it is shown how the door is reached, and tried.

Examples:
  nanoclaw channels expose proxy --url https://bot.example     prints what Caddy or nginx needs
  nanoclaw channels expose acme --domain bot.example --email ann@example.org
  nanoclaw channels expose tunnel cloudflared                  or tailscale
  nanoclaw channels expose tunnel --url https://bot.example -- cloudflared tunnel run bot
  nanoclaw channels expose --listen 127.0.0.1:9000             `-` for what is usual
  nanoclaw channels expose off")]
pub(crate) struct ExposeArgs {
    #[command(subcommand)]
    way: Option<WayArgs>,
    /// Where to listen [usually 127.0.0.1:8787, or 0.0.0.0:443 with acme]; `-` for what is usual
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = parse_listen)]
    listen: Option<String>,
    /// Other machines that are believed about whom they pass on, with commas; `-` for none
    #[arg(long, global = true, value_name = "IP,IP", value_parser = parse_proxies)]
    proxies: Option<Proxies>,
}

#[derive(Clone, Debug)]
struct Proxies(Vec<IpAddr>);

#[derive(Clone, Debug, clap::Subcommand)]
enum WayArgs {
    /// A reverse proxy of yours, which ends TLS; prints what Caddy and nginx need
    Proxy {
        /// What leads to it, as https://bot.example
        #[arg(long, value_parser = parse_url)]
        url: String,
    },
    /// The host ends TLS itself, with a certificate of Let's Encrypt or another issuer
    Acme {
        #[arg(long, value_parser = parse_domain)]
        domain: String,
        /// Whom the issuer tells of trouble with the certificate
        #[arg(long, value_parser = parse_email)]
        email: String,
        /// Another issuer's ACME directory
        #[arg(long, value_name = "URL", value_parser = parse_directory)]
        directory: Option<String>,
        /// Certificates to believe besides the system's (PEM)
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
    },
    /// A tunnel that the host keeps running: cloudflared, tailscale, or a command of yours
    #[command(after_help = "\
In COMMAND, {address} and {port} are the door's. It is kept as it is, so no secret belongs into it.")]
    Tunnel {
        /// What leads to it, if the command does not print it
        #[arg(long, value_parser = parse_url)]
        url: Option<String>,
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Take the way and its URL back; `--listen` and `--proxies` stay
    Off,
}

fn parse_listen(text: &str) -> Result<String, String> {
    let is_good = text == "-" || text.parse::<SocketAddr>().is_ok();
    is_good.then(|| text.to_owned()).ok_or_else(|| format!("write it as {LISTEN}"))
}

fn parse_proxies(text: &str) -> Result<Proxies, String> {
    let all = text.split(',').filter(|_| text != "-").map(|it| it.trim().parse());
    let all: Result<_, _> = all.collect();
    all.map(Proxies).map_err(|_| "write addresses, as 10.0.0.1,10.0.0.2".to_owned())
}

fn parse_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_good = host.is_some_and(|it| parse_host(it).is_some());
    let why = match host.is_some_and(|it| it.contains('/')) {
        true => "write it without a path, as https://bot.example",
        false => "write it as https://bot.example",
    };
    is_good.then(|| url.to_owned()).ok_or_else(|| why.to_owned())
}

/// The name and the port of what is behind `https://`; no path, since the door's begin with `/in/`.
fn parse_host(text: &str) -> Option<(&str, Option<u16>)> {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || it == b'-';
    let is_name = |it: &str| !it.is_empty() && it.bytes().all(is_plain);
    name.split('.').all(is_name).then_some((name, port))
}

fn parse_domain(text: &str) -> Result<String, String> {
    let is_good = text.contains('.')
        && text.parse::<IpAddr>().is_err()
        && parse_host(text).is_some_and(|it| it.1.is_none());
    is_good.then(|| text.to_owned()).ok_or_else(|| "write it as bot.example".to_owned())
}

fn parse_email(text: &str) -> Result<String, String> {
    let is_good =
        text.split_once('@').is_some_and(|it| !it.0.is_empty() && parse_domain(it.1).is_ok())
            && !text.contains([' ', ',', '?']);
    is_good.then(|| text.to_owned()).ok_or_else(|| "write it as ann@example.org".to_owned())
}

fn parse_directory(text: &str) -> Result<String, String> {
    let is_good = text.starts_with("https://");
    is_good.then(|| text.to_owned()).ok_or_else(|| "it begins with https://".to_owned())
}

impl ExposeArgs {
    pub(in crate::commands) fn is_look(&self) -> bool {
        self.way.is_none() && self.listen.is_none() && self.proxies.is_none()
    }

    fn apply(&self, was: &Settings) -> anyhow::Result<Settings> {
        let mut now = was.clone();
        let is_tls = |it: &Settings| matches!(it.way, Way::Acme(_));
        match self.way.clone() {
            None => {}
            Some(WayArgs::Off) => (now.url, now.way) = (None, Way::None),
            Some(WayArgs::Proxy { url }) => (now.url, now.way) = (Some(url), Way::Proxy),
            Some(WayArgs::Acme { domain, email, directory, ca }) => {
                let ca = ca.map(std::path::absolute).transpose()?;
                now.url = Some(format!("https://{domain}"));
                now.way = Way::Acme(Acme { domain, email, directory, ca });
            }
            Some(WayArgs::Tunnel { url, command }) => {
                let known: &[&str] = match command.iter().map(String::as_str).collect::<Vec<_>>()[..]
                {
                    ["cloudflared"] => {
                        &["cloudflared", "tunnel", "--no-autoupdate", "--url", "http://{address}"]
                    }
                    ["tailscale"] => &["tailscale", "funnel", "{port}"],
                    _ => &[],
                };
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                now.url = url;
                now.way = Way::Tunnel(if known.is_empty() { command } else { known });
            }
        }
        let is_off = now.way == Way::None;
        let usual = |tls: bool| if tls { LISTEN_TLS } else { LISTEN };
        match self.listen.as_deref() {
            Some("-") => now.listen = usual(is_tls(&now)).to_owned(),
            Some(listen) => now.listen = listen.to_owned(),
            // The usual one of the way that it was goes with it; an issuer comes to no other. What was for
            // TLS alone is not left open without it.
            None if self.way.is_some()
                && (is_tls(&now) || is_tls(was) && (is_off || was.listen == usual(true))) =>
            {
                now.listen = usual(is_tls(&now)).to_owned();
            }
            None => {}
        }
        if let Some(Proxies(proxies)) = &self.proxies {
            now.proxies.clone_from(proxies);
        }
        Ok(now)
    }
}

/// How the door is reached, and whether it is.
#[derive(Debug)]
pub(crate) struct Exposure {
    settings: Settings,
    note: Note,
    pub(crate) url: Option<String>,
    /// What is wrong; `None` without a URL or a host, or if nothing is.
    pub(crate) trouble: Option<String>,
    pub(crate) expires_at: Option<Timestamp>,
    /// A host runs, so that it could be tried.
    pub(crate) is_tried: bool,
}

/// Of the door that runs; `None` where no host does, since what it left says nothing of now.
pub(super) fn note(layout: &Layout) -> Option<Note> {
    lock::holder(layout).and_then(|_| Note::read(&layout.run()))
}

/// Tries it through the address that senders use.
pub(crate) async fn look(central: &CentralStore, layout: &Layout) -> anyhow::Result<Exposure> {
    let stored = Settings::from_setting(central.setting(SETTING)?.as_deref());
    let unread = stored.as_ref().err().map(|err| chain(err));
    let settings = stored.unwrap_or_default();
    let note = note(layout);
    let is_tried = note.is_some();
    let (mut ca, mut expires_at) = (None, None);
    if let Way::Acme(acme) = &settings.way {
        ca = acme.ca.as_deref();
        expires_at = acme.expires_at(&layout.door());
    }
    let note = note.unwrap_or_default();
    let url = note.url.clone().or_else(|| settings.url.clone());
    let mut trouble = note.trouble.clone();
    if is_tried && let Some(url) = &url {
        match note.check(url, ca).await {
            // What was wrong is over.
            Ok(()) => trouble = None,
            Err(err) => {
                let why = || format!("{url} does not lead here: {}", chain(&err));
                trouble.get_or_insert_with(why);
            }
        }
    }
    if is_tried && url.is_none() && matches!(settings.way, Way::Tunnel(_)) {
        trouble.get_or_insert_with(|| "the tunnel has not said its address".to_owned());
    }
    let trouble = unread.or(trouble);
    Ok(Exposure { settings, note, url, trouble, expires_at, is_tried })
}

pub(super) async fn expose(args: &ExposeArgs, layout: &Layout) -> anyhow::Result<Output> {
    let mut central = crate::commands::central(layout, !args.is_look())?;
    let was = Settings::from_setting(central.setting(SETTING)?.as_deref()).unwrap_or_default();
    let before = note(layout);
    if !args.is_look() {
        let now = args.apply(&was)?;
        let way = match &now.way {
            Way::None => "off".to_owned(),
            Way::Proxy => "proxy".to_owned(),
            Way::Acme(acme) => format!("acme --domain {}", acme.domain),
            // Its arguments are in the settings, and need not be in the history as well.
            Way::Tunnel(command) => {
                format!("tunnel {}", command.first().map_or("", String::as_str))
            }
        };
        let line = format!("channels expose {way} --listen {}", now.listen);
        let setting = serde_json::to_string(&now)?;
        crate::commands::change(&mut central, &line, |it| it.set_setting(SETTING, &setting))?;
        admin::reload(layout).await;
    }
    let began = Instant::now();
    let mut shown = look(&central, layout).await?;
    while !args.is_look() && lock::holder(layout).is_some() && began.elapsed() < SETTLED_WITHIN {
        let is_taken = note(layout) != before || shown.settings == was;
        if is_taken && shown.trouble.is_none() {
            break;
        }
        sleep(LOOK_EVERY).await;
        shown = look(&central, layout).await?;
    }
    Ok(shown.output(args.way.is_some()))
}

impl Exposure {
    fn output(&self, is_new: bool) -> Output {
        let Settings { listen, proxies, way, .. } = &self.settings;
        let (kind, command) = match way {
            Way::None => ("off", None),
            Way::Proxy => ("proxy", None),
            Way::Acme(_) => ("acme", None),
            Way::Tunnel(command) => ("tunnel", Some(command.join(" "))),
        };
        let is_reached =
            self.url.is_some().then_some(self.trouble.is_none()).filter(|_| self.is_tried);
        let reached = match (&self.trouble, is_reached) {
            (Some(trouble), _) => format!("no: {trouble}"),
            (None, Some(_)) => "yes".to_owned(),
            (None, None) if self.url.is_none() => "only from this machine".to_owned(),
            (None, None) => "not tried, since no host runs".to_owned(),
        };
        let address = Some(&self.note.address).filter(|it| !it.is_empty());
        let json = json!({
            "way": kind, "url": self.url, "reached": reached, "is_reached": is_reached,
            "listen": listen, "address": address, "proxies": proxies, "command": command,
            "expires_at": self.expires_at.map(instant), "trouble": self.trouble,
        });
        let keys = "way url reached listen address proxies command expires_at=certificate_until";
        let mut output = Output::record(json, keys);
        if let (Way::Proxy, Some(url), true) = (way, &self.url, is_new) {
            output.text += &format!("\n\n{}", snippets(url, listen));
        }
        if self.settings.is_plain() {
            output.text += &format!(
                "\n\nwarning: other machines reach {listen}, and nothing is encrypted there; `nanoclaw channels \
                 expose --listen -` leaves it to this one"
            );
        }
        output.hint(match &self.trouble {
            Some(_) => "mend what it says, and look again with `nanoclaw channels expose`; from inside some \
                        networks the address does not lead back",
            None => "see `nanoclaw channels expose --help`",
        })
    }
}
