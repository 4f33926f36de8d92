//! Fetches files that came with messages (<https://core.telegram.org/bots/api#getfile>).

use channel::FetchError;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::api::Api;
use crate::error::{ApiError, fetch_error};

/// Telegram gives a bot no larger file (`MAX_DOWNLOAD_FILE_SIZE` in the server's `Client.h`).
const BYTES_MAX: u64 = 20 << 20;

pub(crate) async fn fetch(
    api: &Api,
    file_id: &str,
    bytes_max: u64,
    into: &mut (dyn AsyncWrite + Send + Unpin),
) -> Result<(), FetchError> {
    let bytes_max = bytes_max.min(BYTES_MAX);
    let too_large = || FetchError::TooLarge { bytes_max };
    let told = |err| fetch_error(err, bytes_max);
    let stored = api.get_file(file_id).await.map_err(told)?;
    if stored.file_size.is_some_and(|it| bytes_max < it) {
        return Err(too_large());
    }
    let path =
        stored.file_path.ok_or_else(|| FetchError::Gone("telegram has it no more".into()))?;
    if path.starts_with('/') {
        let why = "the Bot API server keeps its files on its own disk; start it without --local";
        return Err(FetchError::Gone(why.into()));
    }
    let mut answer = api.download(&path).await.map_err(told)?;
    let mut written: u64 = 0;
    let lost = |err: reqwest::Error| told(ApiError::Lost(err.without_url()));
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        written = written.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        if bytes_max < written {
            return Err(too_large());
        }
        into.write_all(&chunk).await.map_err(FetchError::Write)?;
    }
    into.flush().await.map_err(FetchError::Write)
}
