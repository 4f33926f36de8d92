//! Tables of what is shown, what is an answer, and whose answer counts.

mod typed;

use proptest::prelude::*;

use super::*;
use crate::people::{Handle, PersonId, Role};

fn options(labels: &[&str]) -> Vec<Opt> {
    labels.iter().map(|it| Opt::new(*it, it.to_lowercase())).collect()
}

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

#[test]
fn buttons_carry_an_index_and_labels_that_fit() {
    let long = "x".repeat(200);
    let made = buttons(QuestionId(12), options(&["Yes", "No\nway", &long]).iter().enumerate());
    let datas: Vec<&str> = made.iter().map(|it| it.data.as_str()).collect();
    assert_eq!(datas, ["q:12:0", "q:12:1", "q:12:2"]);
    assert_eq!(made[1].label, "No way");
    assert_eq!(made[2].label.chars().count(), BUTTON_LABEL_CHARS_MAX);
    assert!(made[2].label.ends_with('…'));
    assert_eq!(buttons(QuestionId(1), options(&["x"; 30]).iter().enumerate()).len(), BUTTONS_MAX);
}

#[test]
fn only_the_data_of_our_own_buttons_is_read() {
    assert_eq!(parse_data("q:12:3"), Some((QuestionId(12), 3)));
    let long = format!("q:{}:1", "0".repeat(80));
    for bad in
        ["", "q:", "q:1", "q:1:", "q::1", "x:1:1", "q:1:2:3", "q:+1:2", "q:1:02", "q:1:20", &long]
    {
        assert_eq!(parse_data(bad), None, "{bad}");
    }
}

#[test]
fn a_question_that_cannot_be_shown_is_refused_with_a_reason() {
    let two = options(&["Yes", "No"]);
    assert_eq!(validate("Title", "Question?", &two), Ok(()));
    let why = |title: &str, question: &str, options: &[Opt]| {
        validate(title, question, options).unwrap_err().to_string()
    };
    assert_eq!(why(" ", "q", &two), "the title is empty");
    assert_eq!(why("t", "\n", &two), "the question is empty");
    assert!(why("t", &"q".repeat(5_000), &two).contains("at most 1500"));
    assert!(why("t", "q", &[]).contains("there are 0 options; give 1 to 20"));
    let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(why("t", "q", &options(&many)).contains("21 options"));
    assert_eq!(validate("t", "q", &options(&many[..20])), Ok(()));
    assert!(why("t", "q", &options(&["Yes", "yes "])).contains("different labels"));
    let (a, b) = (format!("{}a", "x".repeat(90)), format!("{}b", "x".repeat(90)));
    assert!(why("t", "q", &options(&[&a, &b])).contains("different labels"));
    assert!(why("t", "q", &options(&["\u{200b}"])).contains("label of an option is empty"));
    assert!(why("t", "q", &[Opt::new("Yes", "")]).contains("value of an option is empty"));
}

#[test]
fn only_admins_decide_and_only_the_one_who_asked_is_asked_back() {
    let (andy, abby) = (agent("andy"), agent("abby"));
    let who =
        |id: &str| Identity { handle: Handle::new("telegram", id), person: Some(PersonId(1)) };
    let unknown_user = Identity { handle: Handle::new("telegram", "9"), person: None };
    let admin = |of: Option<&AgentName>| Standing {
        roles: vec![Role::Admin { of: of.cloned() }],
        member_of: vec![],
    };
    let member = Standing { roles: vec![], member_of: vec![andy.clone()] };
    let led = who("1");
    let check = |who: &Identity, standing: Option<&Standing>, want: [bool; 3]| {
        let audiences = [(Some(&andy), Some(&led)), (Some(&andy), None), (None, None)];
        let all = audiences.map(|(agent, led)| may_answer(agent, led, who, standing));
        assert_eq!(all, want, "{who:?} {standing:?}");
    };
    check(&who("1"), None, [true, false, false]);
    check(&who("2"), Some(&member), [true, false, false]);
    check(&unknown_user, None, [false, false, false]);
    check(&unknown_user, Some(&member), [false, false, false]);
    check(&unknown_user, Some(&admin(Some(&andy))), [true, true, false]);
    check(&unknown_user, Some(&admin(Some(&abby))), [false, false, false]);
    check(&unknown_user, Some(&admin(None)), [true, true, true]);
    check(&unknown_user, Some(&Standing::owner()), [true, true, true]);
}

proptest! {
    #[test]
    fn every_button_reads_back_and_fits(id: i64, labels in prop::collection::vec(".{1,120}", 1..25)) {
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        for (index, button) in buttons(QuestionId(id), options(&labels).iter().enumerate()).iter().enumerate() {
            prop_assert!(button.data.len() <= BUTTON_DATA_BYTES_MAX);
            prop_assert!(button.label.chars().count() <= BUTTON_LABEL_CHARS_MAX);
            prop_assert_eq!(parse_data(&button.data), Some((QuestionId(id), index)));
        }
    }
}
