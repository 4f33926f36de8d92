//! TLS that the door ends itself: a certificate by ACME (RFC 8555), asked for and renewed over the same port
//! (TLS-ALPN-01, RFC 8737), so that nothing else must be reachable.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use domain::plain::chain;
use domain::time::Timestamp;
use futures_util::StreamExt;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ServerConfig};
use rustls_acme::acme::{AcmeError, LETS_ENCRYPT_PRODUCTION_DIRECTORY, Problem};
use rustls_acme::{
    AccountCache, AcmeConfig, CertCache, EventError, OrderError, is_tls_alpn_challenge,
};
use rustls_platform_verifier::Verifier;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use super::expose::{Notes, write_whole};
use crate::ChannelError;
use crate::signature::fingerprint;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acme {
    pub domain: String,
    /// Whom the issuer tells that a certificate ends.
    pub email: String,
    /// The issuer; Let's Encrypt if there is none.
    pub directory: Option<String>,
    /// Certificates that are believed besides the system's, when the issuer is asked.
    pub ca: Option<PathBuf>,
}

/// What a connection is met with.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    usual: Arc<ServerConfig>,
    challenge: Arc<ServerConfig>,
}

impl Acme {
    /// Has a certificate made, and again before it ends, as long as the tasks live.
    pub(super) fn start(
        &self,
        folder: PathBuf,
        notes: Arc<Notes>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Tls, ChannelError> {
        let wrong = |why: String| {
            let hint = "mend it, or give others with `nanoclaw channels expose acme`";
            ChannelError::Misconfigured(format!("{why}; {hint}").into())
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots: Result<Vec<CertificateDer<'static>>, _> = self
            .ca
            .iter()
            .map(CertificateDer::pem_file_iter)
            .try_fold(Vec::new(), |mut all, file| {
                all.extend(file?.collect::<Result<Vec<_>, _>>()?);
                Ok(all)
            });
        let roots = roots.map_err(|err: rustls::pki_types::pem::Error| {
            wrong(format!("cannot use {}: {err}", self.ca.clone().unwrap_or_default().display()))
        })?;
        let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(&provider))
            .map_err(|err| wrong(chain(&err)))?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|err| wrong(chain(&err)))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        let files = Files::in_folder(folder).map_err(|err| wrong(chain(&err)))?;
        let mut state = AcmeConfig::new_with_client_config([&self.domain], Arc::new(client))
            .contact_push(format!("mailto:{}", self.email))
            .directory(self.issuer())
            .cache(files)
            .state();
        let tls = Tls {
            usual: state.default_rustls_config(),
            challenge: state.challenge_rustls_config(),
        };
        tasks.spawn(async move {
            // After a failure it waits, longer each time.
            while let Some(event) = state.next().await {
                match event {
                    Ok(done) => {
                        info!(?done, "the certificate of the webhook door");
                        notes.change(|it| it.trouble = None);
                    }
                    Err(err) => {
                        let why = said(&err).unwrap_or_else(|| chain(&err));
                        warn!(why, "no certificate for the webhook door yet");
                        notes.change(|it| it.trouble = Some(format!("no certificate: {why}")));
                    }
                }
            }
        });
        Ok(tls)
    }

    fn issuer(&self) -> &str {
        self.directory.as_deref().unwrap_or(LETS_ENCRYPT_PRODUCTION_DIRECTORY)
    }

    /// When the certificate ends that is there; `None` while there is none.
    pub fn expires_at(&self, folder: &Path) -> Option<Timestamp> {
        let file = file(folder, "certificate", std::slice::from_ref(&self.domain), self.issuer());
        let first = CertificateDer::pem_slice_iter(&fs::read(file).ok()?).next()?.ok()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&first).ok()?;
        Some(Timestamp(certificate.validity().not_after.timestamp().saturating_mul(1_000)))
    }
}

impl Tls {
    /// The connection behind the handshake; `None` for an issuer that looks whether the domain is ours.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<Option<TlsStream<S>>> {
        let hello = LazyConfigAcceptor::new(Default::default(), stream).await?;
        if !is_tls_alpn_challenge(&hello.client_hello()) {
            return hello.into_stream(Arc::clone(&self.usual)).await.map(Some);
        }
        hello.into_stream(Arc::clone(&self.challenge)).await?.shutdown().await?;
        Ok(None)
    }
}

/// What the issuer says for people, without the objects around it.
fn said(err: &EventError<io::Error, io::Error>) -> Option<String> {
    let EventError::Order(err) = err else { return None };
    if let OrderError::BadAuth(auth) = err {
        return auth.challenges.iter().find_map(|it| it.error.as_ref()?.detail.clone());
    }
    if let OrderError::BadOrder(order) = err {
        return order.error.as_ref()?.detail.clone();
    }
    let OrderError::Acme(AcmeError::HttpRequest(err)) = err else { return None };
    // The body is there as text in quotes.
    let text = err.to_string();
    let body: String = serde_json::from_str(text.get(text.find('"')?..)?).ok()?;
    serde_json::from_str::<Problem>(&body).ok()?.detail
}

/// The account's key and the certificate with its key, for this user alone.
struct Files(PathBuf);

impl Files {
    fn in_folder(folder: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    fn load(&self, kind: &str, of: &[String], issuer: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(file(&self.0, kind, of, issuer)) {
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }
}

fn file(folder: &Path, kind: &str, of: &[String], issuer: &str) -> PathBuf {
    let parts = of.iter().map(String::as_str).chain([issuer]).map(str::as_bytes);
    folder.join(format!("{kind}-{}.pem", &fingerprint(&parts.collect::<Vec<_>>())[..16]))
}

#[async_trait]
impl CertCache for Files {
    type EC = io::Error;

    async fn load_cert(&self, of: &[String], issuer: &str) -> io::Result<Option<Vec<u8>>> {
        self.load("certificate", of, issuer)
    }

    async fn store_cert(&self, of: &[String], issuer: &str, bytes: &[u8]) -> io::Result<()> {
        write_whole(&file(&self.0, "certificate", of, issuer), bytes, true)
    }
}

#[async_trait]
impl AccountCache for Files {
    type EA = io::Error;

    async fn load_account(&self, of: &[String], issuer: &str) -> io::Result<Option<Vec<u8>>> {
        self.load("account", of, issuer)
    }

    async fn store_account(&self, of: &[String], issuer: &str, bytes: &[u8]) -> io::Result<()> {
        write_whole(&file(&self.0, "account", of, issuer), bytes, true)
    }
}
