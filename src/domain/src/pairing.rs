//! Proves that the user at the terminal also holds an account on a platform: the terminal shows
//! a code, the account sends it.

use std::fmt;
use std::time::Duration;

use crate::time::Timestamp;

/// How long a code can be used.
pub const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// Wrong codes that one sender may send within [`SENDER_SPAN`]. Nobody else's code is touched.
pub const SENDER_WRONG_MAX: u32 = 5;
pub const SENDER_SPAN: Duration = Duration::from_secs(60 * 60);
/// Wrong codes of all senders that are judged within [`ALL_SPAN`]: with as many accounts as somebody
/// likes, a hundred of a million codes can be tried while one is open.
pub const ALL_WRONG_MAX: u32 = 10;
pub const ALL_SPAN: Duration = Duration::from_secs(60);

const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;

/// Six digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u32);

impl Code {
    /// Makes a code of a random number.
    #[must_use]
    pub fn from_random(number: u32) -> Self {
        Self(number % CODES)
    }

    /// Reads what [`fmt::Display`] writes: six digits and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if plain { text.parse().ok().map(Self) } else { None }
    }
}

/// As it is shown and typed.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// A reader of a log must not be able to pair.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The code that a message consists of, alone or behind `/start`, `/pair` or `pair`. A platform's
/// mention, as `@bot`, may stand in front of that.
#[must_use]
pub fn code_in(text: &str) -> Option<Code> {
    let mut words = text.split_whitespace().peekable();
    words.next_if(|it| it.starts_with('@'));
    match (words.next(), words.next(), words.next()) {
        (Some(code), None, None) => Code::parse(code),
        (Some(before), Some(code), None) => {
            let known = matches!(before.to_lowercase().as_str(), "/start" | "/pair" | "pair");
            if known { Code::parse(code) } else { None }
        }
        _ => None,
    }
}

/// A code that was shown and not used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenCode {
    /// What it pairs with; the caller's.
    pub id: i64,
    pub code: Code,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
pub struct PairingView<'a> {
    pub codes: &'a [OpenCode],
    /// Wrong codes of this sender within [`SENDER_SPAN`].
    pub sender_wrong: u32,
    /// Wrong codes of all senders within [`ALL_SPAN`].
    pub all_wrong: u32,
}

/// What a message means for pairing. The caller writes it down before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A message like any other; also when no code is open, so that nobody learns whether one is.
    NotACode,
    /// Count it. The sender has `left` more.
    Wrong { left: u32 },
    /// Not judged: too many wrong codes came just now. The sender may try again soon.
    Busy,
    /// The right one, too late. Close it.
    Expired { id: i64 },
    /// Close it, since it can be used once, and connect the sender's account.
    Paired { id: i64 },
}

/// Judges a message. Pure and total.
#[must_use]
pub fn attempt(view: &PairingView<'_>, text: &str, now: Timestamp) -> Attempt {
    let left = SENDER_WRONG_MAX.saturating_sub(view.sender_wrong);
    let Some(code) = code_in(text).filter(|_| 0 < left) else {
        return Attempt::NotACode;
    };
    // A clock that stepped back closes codes, it never makes one live longer.
    let over = |it: &OpenCode| it.expires_at.is_due(now, CODE_LIFE);
    let (same, others): (Vec<&OpenCode>, Vec<&OpenCode>) =
        view.codes.iter().partition(|it| it.code == code);
    if view.codes.iter().all(over) {
        return same.first().map_or(Attempt::NotACode, |it| Attempt::Expired { id: it.id });
    }
    if ALL_WRONG_MAX <= view.all_wrong {
        return Attempt::Busy;
    }
    if let Some(hit) = same.iter().find(|it| !over(it)) {
        Attempt::Paired { id: hit.id }
    } else if let Some(late) = same.first() {
        Attempt::Expired { id: late.id }
    } else if others.iter().any(|it| !over(it)) {
        Attempt::Wrong { left: left - 1 }
    } else {
        Attempt::NotACode
    }
}

/// What the sender is told; `None` leaves the message to everything else.
#[must_use]
pub fn answer(attempt: Attempt) -> Option<String> {
    match attempt {
        Attempt::NotACode => None,
        Attempt::Wrong { left: 0 } => Some(
            "That's not the code, and you've sent too many wrong ones. Wait an hour, or use the \
             terminal."
                .into(),
        ),
        Attempt::Busy => {
            Some("I just got too many wrong codes. Wait a minute, then send yours again.".into())
        }
        Attempt::Wrong { .. } => {
            Some("That's not the code. Send the six digits shown in the terminal.".into())
        }
        Attempt::Expired { .. } => {
            Some("That code has expired. Get a new one in the terminal.".into())
        }
        Attempt::Paired { .. } => Some("Paired. You can write to me now.".into()),
    }
}

/// Sentence for a user who was just paired: which time zone counts for them, and how to change
/// that.
#[must_use]
pub fn zone_sentence(zone: &str) -> String {
    format!("Your time zone is {zone}. If that's wrong, send `/timezone CITY`.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn open(id: i64, number: u32) -> OpenCode {
        OpenCode { id, code: Code::from_random(number), expires_at: NOW + CODE_LIFE }
    }

    fn tried(codes: &[OpenCode], sender_wrong: u32, text: &str, now: Timestamp) -> Attempt {
        let view = PairingView { codes, sender_wrong, all_wrong: 0 };
        attempt(&view, text, now)
    }

    #[test]
    fn a_message_is_a_code_only_when_it_is_nothing_else() {
        for good in [
            "000042",
            " 000042\n",
            "@nanobot 000042",
            "@other 000042",
            "@nanobot pair 000042",
            "/start 000042",
            "/pair  000042",
            "Pair 000042",
        ] {
            assert_eq!(code_in(good), Some(Code(42)), "{good}");
        }
        for bad in [
            "",
            "42",
            "0000421",
            "+00042",
            "000 042",
            "my code is 000042",
            "<@77> 000042",
            "000042 please",
            "/start",
            "/startx 000042",
            "@nanobot @other 000042",
            "０００042",
            "000042.",
        ] {
            assert_eq!(code_in(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_right_code_pairs_in_its_time() {
        let codes = [open(1, 42), open(2, 43)];
        assert_eq!(tried(&codes, 0, "000043", NOW), Attempt::Paired { id: 2 });
        assert_eq!(tried(&codes, 4, "/pair 000042", NOW), Attempt::Paired { id: 1 });
        assert_eq!(tried(&codes, 0, "000043", NOW + CODE_LIFE), Attempt::Expired { id: 2 });
        assert_eq!(tried(&codes, 0, "000043", Timestamp(NOW.0 - 1)), Attempt::Expired { id: 2 });
    }

    #[test]
    fn wrong_codes_use_up_the_guesses_of_their_sender() {
        let codes = [open(1, 42), open(2, 43)];
        assert_eq!(tried(&codes, 0, "999999", NOW), Attempt::Wrong { left: 4 });
        assert_eq!(tried(&codes, 4, "999999", NOW), Attempt::Wrong { left: 0 });
        assert_eq!(tried(&codes, 5, "000042", NOW), Attempt::NotACode);
        assert_eq!(tried(&codes, 0, "hello", NOW), Attempt::NotACode);
    }

    #[test]
    fn many_accounts_are_slowed_down_together() {
        let codes = [open(1, 42)];
        let tried = |all_wrong, text| {
            let view = PairingView { codes: &codes, sender_wrong: 0, all_wrong };
            attempt(&view, text, NOW)
        };
        assert_eq!(tried(ALL_WRONG_MAX - 1, "999999"), Attempt::Wrong { left: 4 });
        assert_eq!(tried(ALL_WRONG_MAX, "999999"), Attempt::Busy);
        assert_eq!(tried(ALL_WRONG_MAX, "000042"), Attempt::Busy, "else a guess would tell");
        assert_eq!(tried(ALL_WRONG_MAX, "hello"), Attempt::NotACode);
        let spans = u32::try_from(CODE_LIFE.as_secs() / ALL_SPAN.as_secs()).unwrap();
        assert!((spans + 1) * ALL_WRONG_MAX * 5_000 < CODES, "one in five thousand at most");
    }

    #[test]
    fn six_digits_are_a_message_like_any_other_when_nobody_pairs() {
        assert_eq!(tried(&[], 0, "000042", NOW), Attempt::NotACode);
        let late = NOW + CODE_LIFE;
        assert_eq!(tried(&[open(1, 42)], 0, "999999", late), Attempt::NotACode);
    }

    #[test]
    fn answers_say_what_to_do_and_do_not_give_the_code_away() {
        assert_eq!(answer(Attempt::NotACode), None);
        for attempt in
            [Attempt::Wrong { left: 0 }, Attempt::Wrong { left: 3 }, Attempt::Expired { id: 1 }]
        {
            assert!(answer(attempt).is_some_and(|text| text.contains("terminal")));
        }
        assert!(answer(Attempt::Paired { id: 1 }).is_some());
        assert!(!format!("{:?}", open(1, 123_456)).contains("123456"));
    }

    proptest! {
        #[test]
        fn every_number_makes_a_code_that_reads_back(number: u32) {
            let code = Code::from_random(number);
            prop_assert_eq!(code.to_string().len(), DIGITS);
            prop_assert_eq!(Code::parse(&code.to_string()), Some(code));
        }

        #[test]
        fn only_an_open_code_pairs(number: u32, guess in "[0-9]{6}", wrong in 0_u32..7) {
            let out = tried(&[open(1, number)], wrong, &guess, NOW);
            let right = guess == Code::from_random(number).to_string() && wrong < 5;
            prop_assert_eq!(out == Attempt::Paired { id: 1 }, right);
        }
    }
}
