//! Files that came with messages, from the only places where Discord keeps them.

use std::time::Duration;

use channel::http::{self, Failure};
use channel::{ChannelError, FetchError};
use reqwest::{Client, StatusCode, Url};
use tokio::io::AsyncWrite;

/// Whatever a message says, nothing else is ever asked: an address elsewhere could be one inside
/// the user's network.
const HOSTS: [&str; 2] = ["cdn.discordapp.com", "media.discordapp.net"];

/// Between two pieces of a file.
const SILENCE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Cdn {
    http: Client,
    /// Stands in for [`HOSTS`].
    instead: Option<Url>,
}

impl Cdn {
    pub(crate) fn new(instead: Option<&str>) -> Result<Self, ChannelError> {
        let wrong = |_| ChannelError::Misconfigured("the cdn's address is not a URL".into());
        let instead = instead.map(Url::parse).transpose().map_err(wrong)?;
        let http = http::client().read_timeout(SILENCE_MAX).build().map_err(Failure::from)?;
        Ok(Self { http, instead })
    }

    pub(crate) async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: &mut (dyn AsyncWrite + Send + Unpin),
    ) -> Result<(), FetchError> {
        let url = self.locate(source)?;
        let response = self.http.get(url).send().await.map_err(Failure::from)?;
        check(response.status())?;
        http::download(response, bytes_max, into).await
    }

    fn locate(&self, source: &str) -> Result<Url, FetchError> {
        let elsewhere = || FetchError::Gone("it is not a file that discord keeps".into());
        let mut url = Url::parse(source).map_err(|_| elsewhere())?;
        let at_discord = url.scheme() == "https"
            && url.host_str().is_some_and(|it| HOSTS.contains(&it))
            && url.port().is_none();
        if !at_discord {
            return Err(elsewhere());
        }
        let is_moved = self.instead.as_ref().is_none_or(|instead| {
            url.set_scheme(instead.scheme()).is_ok()
                && url.set_host(instead.host_str()).is_ok()
                && url.set_port(instead.port()).is_ok()
        });
        if is_moved { Ok(url) } else { Err(elsewhere()) }
    }
}

/// Addresses of files stop working after a day or so
/// (<https://discord.com/developers/docs/reference#signed-attachment-cdn-urls>).
fn check(status: StatusCode) -> Result<(), FetchError> {
    match status.as_u16() {
        200 => Ok(()),
        403 | 404 | 410 => {
            let why = "discord does not give it out any more: it was deleted, or more than a day has \
                       passed; ask for it to be sent again";
            Err(FetchError::Gone(why.into()))
        }
        429 | 500.. => {
            Err(FetchError::Unreachable(format!("discord answers with status {status}").into()))
        }
        _ => Err(FetchError::Gone(format!("discord answers with status {status}").into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_at_discord_are_fetched() {
        let cdn = Cdn::new(None).unwrap();
        assert!(cdn.locate("https://cdn.discordapp.com/attachments/1/2/a.txt?ex=1").is_ok());
        assert!(cdn.locate("https://media.discordapp.net/a").is_ok());
        for source in [
            "http://cdn.discordapp.com/a",
            "https://cdn.discordapp.com.example.org/a",
            "https://cdn.discordapp.com:8443/a",
            "https://user@169.254.169.254/a",
            "https://127.0.0.1/a",
            "file:///etc/passwd",
            "a.txt",
        ] {
            assert!(matches!(cdn.locate(source), Err(FetchError::Gone(_))), "{source}");
        }
    }

    #[test]
    fn another_place_stands_in_for_discords() {
        let cdn = Cdn::new(Some("http://127.0.0.1:99")).unwrap();
        let url = cdn.locate("https://cdn.discordapp.com/attachments/a.txt?ex=1").unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:99/attachments/a.txt?ex=1");
        assert!(cdn.locate("http://127.0.0.1:99/a").is_err(), "it is not Discord's either");
    }

    #[test]
    fn a_file_that_discord_does_not_give_out_is_gone() {
        assert!(matches!(check(StatusCode::NOT_FOUND), Err(FetchError::Gone(_))));
        assert!(matches!(check(StatusCode::BAD_GATEWAY), Err(FetchError::Unreachable(_))));
    }
}
