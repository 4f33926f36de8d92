//! What somebody reads who pressed the button to begin, or let the bot into a group.

pub fn hello(is_group: bool) -> &'static str {
    match is_group {
        false => "Hello! Just write to me what you need. `/help` shows what else I understand.",
        true => {
            "Hello! Mention me or reply to me, and I'll answer. `/help` shows what else I understand."
        }
    }
}

/// Told an unknown user, whether a pairing code is open or not.
pub const SEND_THE_CODE: &str = "Hello! If you have a pairing code, send me its six digits. If not, write what \
     you'd like, and I'll ask for permission.";

/// Told instead of pairing an account that several people write with, or of letting it in.
pub const SHARED: &str = "This account writes for several people, so I can't tell who is asking, and it can't be \
     given access. Write as yourself.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_greeting_is_one_line_and_says_what_to_do() {
        for text in [hello(true), hello(false), SEND_THE_CODE, SHARED] {
            assert!(text.len() < 160 && !text.contains('\n'), "{text}");
        }
        assert!(hello(true).contains("Mention me") && !hello(false).contains("Mention"));
    }
}
