//! What a turn cost, where its provider says. What is not known is no amount, and never nothing.

use std::fmt;

const MICROS: i64 = 1_000_000;
/// More is no price of one turn; an agent could claim anything.
const TURN_MAX: i64 = 100_000 * MICROS;

/// Millionths of a dollar, more than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(i64);

impl Cost {
    /// `None` for what cannot be the cost of a turn, and for nothing.
    pub fn of_turn(micros: i64) -> Option<Self> {
        (1..=TURN_MAX).contains(&micros).then_some(Self(micros))
    }

    pub fn total(micros: i64) -> Option<Self> {
        (0 < micros).then_some(Self(micros))
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    /// For programs: all digits, as a decimal number.
    pub fn exact(self) -> String {
        format!("{}.{:06}", self.0 / MICROS, self.0 % MICROS)
    }
}

/// For people: `$0.03`, and more digits where the amount is small.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CENT: i64 = MICROS / 100;
        let micros = self.0;
        match micros {
            ..100 => write!(f, "less than $0.0001"),
            100..CENT => write!(f, "${}.{:04}", micros / MICROS, micros % MICROS / 100),
            _ => {
                let cents = micros.saturating_add(CENT / 2) / CENT;
                write!(f, "${}.{:02}", cents / 100, cents % 100)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_dollars() {
        for (micros, words, exact) in [
            (12, "less than $0.0001", "0.000012"),
            (140, "$0.0001", "0.000140"),
            (9_999, "$0.0099", "0.009999"),
            (31_000, "$0.03", "0.031000"),
            (1_995_000, "$2.00", "1.995000"),
            (1_234_567, "$1.23", "1.234567"),
        ] {
            let cost = Cost::of_turn(micros).unwrap();
            assert_eq!((cost.to_string().as_str(), cost.exact().as_str()), (words, exact));
        }
    }

    #[test]
    fn nothing_and_nonsense_are_no_cost() {
        for micros in [0, -1, i64::MIN, i64::MAX] {
            assert_eq!(Cost::of_turn(micros), None);
        }
        assert_eq!(Cost::total(i64::MAX).map(Cost::micros), Some(i64::MAX));
        assert_eq!(Cost::total(0), None);
    }
}
