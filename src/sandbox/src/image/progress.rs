//! What the engine tells while it builds or fetches: lines for the user, and the one that says
//! that it failed.

use bollard::errors::Error;
use bollard::models::{BuildInfo, CreateImageInfo};
use futures_util::{Stream, StreamExt};

use super::{ImageError, Progress};
use crate::engine::failed;

/// Lines of a failed step that are worth showing.
const LAST_LINES: usize = 8;

/// Follows a build to its end.
pub(super) async fn follow_build(
    stream: impl Stream<Item = Result<BuildInfo, Error>>,
    progress: Progress<'_>,
) -> Result<(), ImageError> {
    let mut stream = Box::pin(stream);
    let mut last: Vec<String> = Vec::new();
    while let Some(next) = stream.next().await {
        let info = match next {
            Err(Error::DockerStreamError { error }) => return Err(step_failed(&last, &error)),
            other => other.map_err(failed("build the image"))?,
        };
        if let Some(message) = info.error_detail.and_then(|it| it.message) {
            return Err(step_failed(&last, &message));
        }
        for line in info.stream.iter().flat_map(|it| it.lines()).filter(|it| !it.trim().is_empty())
        {
            progress(line);
            last.push(line.to_owned());
        }
        let surplus = last.len().saturating_sub(LAST_LINES);
        last.drain(..surplus);
    }
    Ok(())
}

fn step_failed(last: &[String], message: &str) -> ImageError {
    ImageError::Step(format!("{}\n{message}", last.join("\n")).trim().to_owned())
}

/// Follows a pull or an import to its end.
pub(super) async fn follow_create(
    stream: impl Stream<Item = Result<CreateImageInfo, Error>>,
) -> Result<(), Error> {
    let mut stream = Box::pin(stream);
    while let Some(next) = stream.next().await {
        next?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bollard::models::ErrorDetail;
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_failed_step_says_what_it_printed() {
        let printed = BuildInfo { stream: Some("E: no space\n".into()), ..BuildInfo::default() };
        let detail = ErrorDetail { code: Some(1), message: Some("returned 100".into()) };
        let end = BuildInfo { error_detail: Some(detail), ..BuildInfo::default() };
        let mut seen = Vec::new();
        let result =
            follow_build(stream::iter([Ok(printed), Ok(end)]), &mut |it| seen.push(it.to_owned()))
                .await;
        assert_eq!(seen, ["E: no space"]);
        let Err(ImageError::Step(text)) = result else { panic!("{result:?}") };
        assert_eq!(text, "E: no space\nreturned 100");
    }
}
