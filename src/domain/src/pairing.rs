//! Pairing: an account on a platform sends the code that its holder sees in the terminal.

use std::fmt;
use std::time::Duration;

pub const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// Wrong codes that one sender may send within [`SENDER_SPAN`]. Nobody else's code is touched.
pub const SENDER_WRONG_MAX: u32 = 5;
pub const SENDER_SPAN: Duration = Duration::from_secs(60 * 60);
/// Wrong codes of all senders that are judged within [`ALL_SPAN`]: with as many accounts as somebody
/// likes, a hundred of a million codes can be tried while one is open.
pub const ALL_WRONG_MAX: u32 = 10;
/// Wrong codes, of all senders together, up to which one is judged whose sender sent no wrong one: two accounts
/// that guess keep nobody out.
pub const ALL_WRONG_FIRST_MAX: u32 = 18;
pub const ALL_SPAN: Duration = Duration::from_secs(60);

const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(u32);

impl Code {
    pub fn from_random(number: u32) -> Self {
        Self(number % CODES)
    }

    /// Reads what [`fmt::Display`] writes: six digits and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        if plain { text.parse().ok().map(Self) } else { None }
    }
}

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
fn code_in(text: &str) -> Option<Code> {
    let text = text.to_lowercase();
    let mut words = text.split_whitespace().peekable();
    words.next_if(|it| it.starts_with('@'));
    match words.collect::<Vec<_>>()[..] {
        [code] | ["/start" | "/pair" | "pair", code] => Code::parse(code),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guesses {
    /// Of this sender within [`SENDER_SPAN`].
    pub by_sender: u32,
    pub by_all: u32,
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
    /// The code with this id. Close it, since it can be used once, and connect the sender's account.
    Paired { id: i64 },
}

/// Judges a message; pure and total. `open` are the codes that count now, each with the caller's id.
pub fn attempt(open: &[(i64, Code)], guesses: Guesses, text: &str) -> Attempt {
    let left = SENDER_WRONG_MAX.saturating_sub(guesses.by_sender);
    let Some(code) = code_in(text).filter(|_| 0 < left && !open.is_empty()) else {
        return Attempt::NotACode;
    };
    let most = if guesses.by_sender == 0 { ALL_WRONG_FIRST_MAX } else { ALL_WRONG_MAX };
    if most <= guesses.by_all {
        return Attempt::Busy;
    }
    match open.iter().find(|it| it.1 == code) {
        Some(&(id, _)) => Attempt::Paired { id },
        None => Attempt::Wrong { left: left - 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OPEN: [(i64, Code); 2] = [(1, Code(42)), (2, Code(43))];

    fn tried(by_sender: u32, text: &str) -> Attempt {
        attempt(&OPEN, Guesses { by_sender, by_all: 0 }, text)
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
    fn the_right_code_pairs_and_wrong_ones_use_up_the_guesses_of_their_sender() {
        assert_eq!(tried(0, "000043"), Attempt::Paired { id: 2 });
        assert_eq!(tried(4, "/pair 000042"), Attempt::Paired { id: 1 });
        assert_eq!(tried(0, "999999"), Attempt::Wrong { left: 4 });
        assert_eq!(tried(4, "999999"), Attempt::Wrong { left: 0 });
        assert_eq!(tried(5, "000042"), Attempt::NotACode);
        assert_eq!(tried(0, "hello"), Attempt::NotACode);
    }

    #[test]
    fn many_accounts_are_slowed_down_together() {
        let tried = |by_all, text| attempt(&OPEN, Guesses { by_sender: 1, by_all }, text);
        assert_eq!(tried(ALL_WRONG_MAX - 1, "999999"), Attempt::Wrong { left: 3 });
        assert_eq!(tried(ALL_WRONG_MAX, "999999"), Attempt::Busy);
        assert_eq!(tried(ALL_WRONG_MAX, "000042"), Attempt::Busy, "else a guess would tell");
        assert_eq!(tried(ALL_WRONG_MAX, "hello"), Attempt::NotACode);
        let spans = u32::try_from(CODE_LIFE.as_secs() / ALL_SPAN.as_secs()).unwrap();
        assert!((spans + 1) * ALL_WRONG_FIRST_MAX * 5_000 < CODES, "one in five thousand at most");
        let first = |by_all| attempt(&OPEN, Guesses { by_sender: 0, by_all }, "000042");
        assert_eq!(first(ALL_WRONG_MAX), Attempt::Paired { id: 1 }, "two accounts jam nobody");
        assert_eq!(first(ALL_WRONG_FIRST_MAX), Attempt::Busy);
    }

    #[test]
    fn six_digits_are_a_message_like_any_other_when_nobody_pairs() {
        assert_eq!(attempt(&[], Guesses::default(), "000042"), Attempt::NotACode);
    }

    #[test]
    fn a_log_does_not_give_a_code_away() {
        assert!(!format!("{:?}", Code(123_456)).contains("123456"));
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
            let open = [(1, Code::from_random(number))];
            let out = attempt(&open, Guesses { by_sender: wrong, by_all: 0 }, &guess);
            let right = guess == Code::from_random(number).to_string() && wrong < 5;
            prop_assert_eq!(out == Attempt::Paired { id: 1 }, right);
        }
    }
}
