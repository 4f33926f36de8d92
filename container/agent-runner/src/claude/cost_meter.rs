//! What each turn of one CLI cost.

use domain::cost::Cost;

use super::frames::Spent;

/// Made for each CLI.
#[derive(Debug, Default)]
pub(super) struct CostMeter {
    /// What the CLI had spent by its last result; `None` before the first.
    before: Option<i64>,
}

impl CostMeter {
    /// The cost of the turn that ends with this. By the difference it is known from the second turn on:
    /// a CLI that resumes a conversation may begin with what that had cost.
    pub(super) fn turn(&mut self, spent: Spent) -> Option<Cost> {
        let difference = self.before.zip(spent.in_all).map(|(before, now)| now - before);
        self.before = spent.in_all.or(self.before);
        spent.since_last.or(difference).and_then(Cost::of_turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(all: &[(Option<i64>, Option<i64>)]) -> Vec<Option<i64>> {
        let mut cost_meter = CostMeter::default();
        let turn = |&(in_all, since_last)| cost_meter.turn(Spent { in_all, since_last });
        all.iter().map(turn).map(|it| it.map(Cost::micros)).collect()
    }

    #[test]
    fn what_a_cli_says_of_a_turn_is_taken_at_its_word() {
        assert_eq!(costs(&[(Some(900), Some(140)), (Some(900), Some(0))]), [Some(140), None]);
    }

    #[test]
    fn without_that_it_is_the_difference_and_never_nothing() {
        let all = [(Some(500), None), (Some(640), None), (None, None), (Some(740), None)];
        assert_eq!(costs(&all), [None, Some(140), None, Some(100)]);
        assert_eq!(costs(&[(Some(500), None), (Some(500), None), (Some(1), None)]), [None; 3]);
    }
}
