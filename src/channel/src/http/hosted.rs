//! Files that came with messages, from the only hosts where their platform keeps them.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url};

use super::{Failure, client, download};
use crate::{ChannelError, FetchError, Writer};

/// Between two pieces of a file.
const SILENCE_MAX: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct HostedFiles {
    http: Client,
    /// Whatever a message says, nothing else is ever asked: an address elsewhere could be one inside the
    /// user's network.
    hosts: &'static [&'static str],
    /// Stands in for them.
    instead: Option<Url>,
    gone: &'static str,
}

impl HostedFiles {
    /// `instead` leads to a local server; `gone` says why a file is not given out, and what to do.
    ///
    /// # Errors
    /// When `instead` is not a URL, or this machine cannot make connections at all.
    pub fn new(
        hosts: &'static [&'static str],
        instead: Option<&str>,
        gone: &'static str,
    ) -> Result<Self, ChannelError> {
        let wrong = |_| ChannelError::Misconfigured("the address of the files is not a URL".into());
        let instead = instead.map(Url::parse).transpose().map_err(wrong)?;
        let http = client().read_timeout(SILENCE_MAX).build().map_err(Failure::from)?;
        Ok(Self { http, hosts, instead, gone })
    }

    pub async fn fetch(
        &self,
        source: &str,
        bytes_max: u64,
        into: Writer<'_>,
    ) -> Result<(), FetchError> {
        let url = self.locate(source)?;
        let response = self.http.get(url).send().await.map_err(Failure::from)?;
        self.check(response.status())?;
        download(response, bytes_max, into).await
    }

    fn locate(&self, source: &str) -> Result<Url, FetchError> {
        let elsewhere = || FetchError::Gone("it is not a file that the platform keeps".into());
        let mut url = Url::parse(source).map_err(|_| elsewhere())?;
        let is_hosted = url.scheme() == "https"
            && url.host_str().is_some_and(|it| self.hosts.contains(&it))
            && url.port().is_none();
        if !is_hosted {
            return Err(elsewhere());
        }
        let is_moved = self.instead.as_ref().is_none_or(|instead| {
            url.set_scheme(instead.scheme()).is_ok()
                && url.set_host(instead.host_str()).is_ok()
                && url.set_port(instead.port()).is_ok()
        });
        if is_moved { Ok(url) } else { Err(elsewhere()) }
    }

    fn check(&self, status: StatusCode) -> Result<(), FetchError> {
        let said = || format!("the platform answers with status {status}").into();
        match status.as_u16() {
            200 => Ok(()),
            403 | 404 | 410 => Err(FetchError::Gone(self.gone.into())),
            429 | 500.. => Err(FetchError::Unreachable(said())),
            _ => Err(FetchError::Gone(said())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(instead: Option<&str>) -> HostedFiles {
        HostedFiles::new(&["cdn.example.com", "media.example.net"], instead, "gone").unwrap()
    }

    #[test]
    fn only_files_at_these_hosts_are_fetched() {
        let files = files(None);
        assert!(files.locate("https://cdn.example.com/attachments/1/2/a.txt?ex=1").is_ok());
        assert!(files.locate("https://media.example.net/a").is_ok());
        for source in [
            "http://cdn.example.com/a",
            "https://cdn.example.com.example.org/a",
            "https://cdn.example.com:8443/a",
            "https://user@169.254.169.254/a",
            "https://127.0.0.1/a",
            "file:///etc/passwd",
            "a.txt",
        ] {
            assert!(matches!(files.locate(source), Err(FetchError::Gone(_))), "{source}");
        }
    }

    #[test]
    fn another_place_stands_in_for_the_hosts() {
        let files = files(Some("http://127.0.0.1:99"));
        let url = files.locate("https://cdn.example.com/attachments/a.txt?ex=1").unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:99/attachments/a.txt?ex=1");
        assert!(files.locate("http://127.0.0.1:99/a").is_err(), "it is not the platform's either");
    }

    #[test]
    fn a_file_that_is_not_given_out_is_gone() {
        let check = |status| files(None).check(status);
        assert!(matches!(check(StatusCode::NOT_FOUND), Err(FetchError::Gone(_))));
        assert!(matches!(check(StatusCode::BAD_GATEWAY), Err(FetchError::Unreachable(_))));
    }
}
