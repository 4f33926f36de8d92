//! What a container printed, made fit to be shown to a person.

use bollard::container::LogOutput;
use bollard::errors::Error;
use futures_util::{Stream, TryStreamExt};

/// Bytes of output that are kept: enough for a panic message, short enough for a chat.
const KEPT: usize = 2 * 1024;

pub(super) async fn collect(
    output: impl Stream<Item = Result<LogOutput, Error>>,
) -> Result<String, Error> {
    let keep = |mut kept: Vec<u8>, chunk: LogOutput| async move {
        kept.extend_from_slice(&chunk.into_bytes());
        // Four times the result: what is dropped later may be control characters.
        let surplus = kept.len().saturating_sub(4 * KEPT);
        kept.drain(..surplus);
        Ok(kept)
    };
    Ok(clean(&output.try_fold(Vec::new(), keep).await?))
}

/// Valid text of at most 2 KiB. A program's output may carry terminal escapes, which would act on
/// whatever shows it.
fn clean(bytes: &[u8]) -> String {
    let shown = |c: &char| *c == '\n' || *c == '\t' || !c.is_control();
    let text: String = String::from_utf8_lossy(bytes).chars().filter(shown).collect();
    end_of(&text, KEPT).trim().to_owned()
}

/// The last characters of a text, at most so many bytes.
pub(crate) fn end_of(text: &str, bytes_max: usize) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(bytes_max))..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_go() {
        assert_eq!(clean(b"a\x1b[31mred\x07\r\n\tb\x00\n"), "a[31mred\n\tb");
    }

    #[test]
    fn the_last_two_kibibytes_stay_whole_characters() {
        let long = clean("ä".repeat(3000).as_bytes());
        assert!(long.len() <= KEPT && long.chars().all(|c| c == 'ä'), "{}", long.len());
        assert!(clean(&[b'x', 0xff, b'y']).contains('y'));
    }
}
