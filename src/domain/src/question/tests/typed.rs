//! Tables of what a typed text answers.

use proptest::prelude::*;

use super::super::*;
use crate::texts::questions::numbered;

fn options(labels: &[&str]) -> Vec<Opt> {
    labels.iter().map(|it| Opt::new(*it, it.to_lowercase())).collect()
}

fn code(text: &str) -> CardCode {
    CardCode::parse(text).unwrap()
}

fn card<'a>(id: i64, named: &str, options: &'a [Opt], is_open: bool) -> CardView<'a> {
    let text = if id == 1 { "May `Eve` talk to `andy`?" } else { "Tea or coffee?" };
    CardView { id: QuestionId(id), code: code(named), text, options, is_open }
}

fn answer(id: i64, index: usize) -> Typed {
    Typed::Answer(QuestionId(id), index)
}

#[test]
fn a_card_shows_its_code_and_its_numbers() {
    let text =
        numbered("Which one?\n", options(&["Tea", "Coffee"]).iter().enumerate(), code("4km"));
    assert_eq!(text, "Which one?\n\nReply `4KM` and a number, as in `4KM 1`:\n1. Tea\n2. Coffee");
}

#[test]
fn a_number_or_a_label_answers_the_only_card_and_nothing_else_does() {
    let drinks = options(&["Tea", "Café au lait"]);
    let only = [card(2, "4KM", &drinks, true)];
    for (text, want) in
        [("1", 0), ("2.", 1), ("#2", 1), (" 2 \n", 1), ("tea", 0), ("TEA", 0), ("CAFÉ au  lait", 1)]
    {
        assert_eq!(typed(text, &only), answer(2, want), "{text}");
        let coded = format!("4km {}", text.trim());
        assert_eq!(typed(&coded, &only), answer(2, want), "{coded}");
    }
    let messages = [
        "",
        "0",
        "3",
        "02",
        "+1",
        "-1",
        "2)",
        "#2.",
        "##2",
        "tea please",
        "1 2",
        "option 1",
        "1.0",
        "#",
    ];
    for text in messages {
        assert_eq!(typed(text, &only), Typed::Message, "{text}");
        assert_eq!(typed(&format!("4KM {text}"), &only), Typed::Message, "{text} with a code");
    }
    for text in ["4KM: 1", "4km 1", " 4KM  1", "4KM1", "4km. Tea"] {
        assert_eq!(typed(text, &only), answer(2, 0), "{text}");
    }
    assert_eq!(typed("2", &[card(2, "4KM", &options(&["2", "3"]), true)]), answer(2, 1));
    assert_eq!(typed("1", &[]), Typed::Message);
}

/// An unknown user, or an agent that asks for a change, opens a card beside the question that
/// an agent asked: a number for the question must not decide the card.
#[test]
fn a_number_that_can_mean_two_cards_answers_neither() {
    let (consent, drinks) = (options(&["Allow", "Refuse"]), options(&["Tea", "Coffee"]));
    let both = [card(1, "4KM", &consent, true), card(2, "7PZ", &drinks, true)];
    for text in ["1", "#2", "Tea", "allow"] {
        let Typed::Unclear(hint) = typed(text, &both) else { panic!("{text} was taken") };
        assert!(hint.contains("`4KM 1` answers `May 'Eve'"), "{hint}");
        assert!(hint.contains("`7PZ 1` answers `Tea or coffee?`"), "{hint}");
    }
    assert_eq!(typed("4KM 2", &both), answer(1, 1));
    assert_eq!(typed("7pz tea", &both), answer(2, 0));
    for text in ["9ZZ 1", "4KM", "4KM 3", "4KM tea", "hello"] {
        assert_eq!(typed(text, &both), Typed::Message, "{text}");
    }
}

/// An agent lets its question expire and asks for a change in the same moment: the number that was
/// on its way to the question must not allow the change.
#[test]
fn a_number_for_a_card_that_just_closed_does_not_answer_the_next_one() {
    let (consent, drinks) = (options(&["Allow", "Refuse"]), options(&["Tea", "Coffee"]));
    let cards = [card(1, "4KM", &consent, true), card(2, "7PZ", &drinks, false)];
    let Typed::Unclear(hint) = typed("1", &cards) else { panic!("it was taken") };
    assert!(hint.contains("4KM") && !hint.contains("7PZ"), "{hint}");
    assert_eq!(typed("4KM 1", &cards), answer(1, 0));
    assert_eq!(typed("7PZ 1", &cards), Typed::Message, "it is closed");
    assert_eq!(typed("1", &cards[1..]), Typed::Message);
}

#[test]
fn cards_that_share_a_code_are_not_told_apart_by_it() {
    let drinks = options(&["Tea", "Coffee"]);
    let same = [card(1, "4KM", &drinks, true), card(2, "4KM", &drinks, true)];
    assert_eq!(typed("4KM 1", &same), Typed::Message);
}

proptest! {
    #[test]
    fn every_code_reads_back_and_is_no_number(random: u64) {
        let code = CardCode::from_random(random);
        prop_assert_eq!(CardCode::parse(&code.to_string()), Some(code));
        prop_assert!(code.to_string().parse::<i64>().is_err());
    }

    #[test]
    fn every_option_of_a_valid_question_can_be_typed(
        labels in prop::collection::vec("[A-Za-zäÖ ]{1,100}", 1..20)
    ) {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let options = options(&labels);
        let cards = [card(1, "4KM", &options, true)];
        if validate("t", "q", &options).is_ok() {
            for (index, option) in options.iter().enumerate() {
                for said in [(index + 1).to_string(), option.label.clone(), option.shown()] {
                    prop_assert_eq!(typed(&said, &cards), answer(1, index));
                    prop_assert_eq!(typed(&format!("4KM {said}"), &cards), answer(1, index));
                }
            }
        }
    }
}
