//! Tables of who is asked and when, and the laws over a whole life.

mod choice;

use proptest::prelude::*;

use super::*;

const T0: Timestamp = Timestamp(1_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

fn candidate(person: i64, role: Role, order: i64, channel: &str) -> Candidate {
    Candidate { person: PersonId(person), role, order, channel: channel.into(), reachable: true }
}

fn admin(of: Option<&str>) -> Role {
    Role::Admin { of: of.map(agent) }
}

fn order(out: &[Approver]) -> Vec<(i64, &str)> {
    out.iter().map(|it| (it.person.0, it.channel.as_str())).collect()
}

#[test]
fn admins_of_the_agent_come_first_and_owners_last() {
    let all = [
        candidate(1, Role::Owner, 1, "telegram"),
        candidate(2, admin(None), 2, "telegram"),
        candidate(3, admin(Some("andy")), 4, "telegram"),
        candidate(4, admin(Some("andy")), 3, "telegram"),
        candidate(5, admin(Some("abby")), 1, "telegram"),
    ];
    let of = |name: &str| approvers(&all, Some(&agent(name)), "telegram");
    assert_eq!(order(&of("andy")), [4, 3, 2, 1].map(|it| (it, "telegram")));
    assert_eq!(order(&of("abby")), [5, 2, 1].map(|it| (it, "telegram")));
    let host = approvers(&all, None, "telegram");
    assert_eq!(order(&host), [2, 1].map(|it| (it, "telegram")));
    assert_eq!(approvers(&[], None, "telegram"), []);
}

#[test]
fn among_equals_the_same_channel_comes_first_and_nobody_comes_twice() {
    let all = [
        candidate(1, Role::Owner, 1, "telegram"),
        candidate(1, Role::Owner, 1, "discord"),
        candidate(2, Role::Owner, 2, "discord"),
        candidate(2, admin(Some("andy")), 3, "telegram"),
    ];
    let andy = agent("andy");
    let out = approvers(&all, Some(&andy), "discord");
    assert_eq!(order(&out), [(2, "telegram"), (1, "discord")]);
    assert_eq!(order(&approvers(&all, None, "discord")), [(1, "discord"), (2, "discord")]);
    assert_eq!(order(&approvers(&all, None, "telegram")), [(1, "telegram"), (2, "discord")]);
}

#[test]
fn who_cannot_be_reached_is_skipped() {
    let away = |it: Candidate| Candidate { reachable: false, ..it };
    let all = [
        away(candidate(1, admin(Some("andy")), 1, "telegram")),
        away(candidate(2, Role::Owner, 1, "telegram")),
        candidate(2, Role::Owner, 1, "discord"),
        away(candidate(3, admin(Some("abby")), 1, "telegram")),
    ];
    let out = approvers(&all, Some(&agent("andy")), "telegram");
    assert_eq!(order(&out), [(2, "discord")]);
}

fn three() -> Vec<Approver> {
    [1, 2, 3].map(|it| Approver { person: PersonId(it), channel: "telegram".into() }).to_vec()
}

fn open(asked: &[AskedOne], approvers: &[Approver]) -> OpenView {
    let (in_person, life) = (true, APPROVAL_LIFE);
    let (asked, approvers) = (asked.to_vec(), approvers.to_vec());
    OpenView { in_person, opened_at: T0, life, asked, approvers, told_nobody: false }
}

fn asked(person: i64, at: Timestamp) -> AskedOne {
    AskedOne { person: PersonId(person), at, lost: false }
}

fn ask(person: usize) -> Option<Effect> {
    Some(Effect::Ask(three()[person - 1].clone()))
}

#[test]
fn one_is_asked_at_once_and_the_next_when_nothing_happens() {
    let all = three();
    assert_eq!(decide(&open(&[], &all), T0), ask(1));
    let one = [asked(1, T0)];
    assert_eq!(decide(&open(&one, &all), T0 + MINUTE * 9), None);
    assert_eq!(next_look(&open(&one, &all)), T0 + ESCALATE_AFTER);
    assert_eq!(decide(&open(&one, &all), T0 + ESCALATE_AFTER), ask(2));
    let two = [asked(1, T0), asked(2, T0 + MINUTE * 12)];
    assert_eq!(decide(&open(&two, &all), T0 + MINUTE * 21), None);
    assert_eq!(decide(&open(&two, &all), T0 + MINUTE * 22), ask(3));
    let three = [two[0], two[1], asked(3, T0 + MINUTE * 22)];
    assert_eq!(decide(&open(&three, &all), T0 + MINUTE * 60), None);
    assert_eq!(next_look(&open(&three, &all)), T0 + APPROVAL_LIFE);
}

#[test]
fn an_approver_without_a_card_is_not_waited_for() {
    let all = three();
    let lost = |it| AskedOne { lost: true, ..asked(it, T0) };
    assert_eq!(decide(&open(&[lost(1)], &all), T0), ask(2));
    let view = [lost(1), lost(2), lost(3)];
    assert_eq!(decide(&open(&view, &all), T0), Some(Effect::TellNobody));
}

#[test]
fn the_requester_is_told_once_when_nobody_can_be_asked() {
    let nobody = open(&[], &[]);
    assert_eq!(decide(&nobody, T0), Some(Effect::TellNobody));
    let told = OpenView { told_nobody: true, ..nobody };
    assert_eq!(decide(&told, T0), None);
    let all = three();
    assert_eq!(decide(&OpenView { approvers: all, ..told }, T0 + MINUTE), ask(1));
}

#[test]
fn a_question_in_the_conversation_asks_nobody_else_and_expires() {
    let all = three();
    let view = OpenView { in_person: false, life: question_life(None), ..open(&[], &all) };
    assert_eq!(decide(&view, T0), None);
    assert_eq!(next_look(&view), T0 + QUESTION_LIFE);
    assert_eq!(decide(&view, T0 + QUESTION_LIFE), Some(Effect::Expire));
    let days = Duration::from_secs(99 * 24 * 60 * 60);
    assert_eq!(question_life(Some(days)), QUESTION_LIFE_MAX);
    assert_eq!(question_life(Some(Duration::ZERO)), QUESTION_LIFE_MIN);
    assert_eq!(question_life(Some(MINUTE)), MINUTE);
}

#[test]
fn an_approval_expires_after_a_day_and_a_clock_that_stepped_back_keeps_nothing_open() {
    let (all, one) = (three(), [asked(1, T0)]);
    let view = open(&one, &all);
    assert_eq!(decide(&view, T0 + APPROVAL_LIFE), Some(Effect::Expire));
    let back = |by: Duration| Timestamp(T0.0 - i64::try_from(by.as_millis()).unwrap());
    assert_eq!(decide(&view, back(MINUTE)), ask(2), "asking one more is harmless");
    assert_eq!(decide(&view, back(APPROVAL_LIFE * 3)), Some(Effect::Expire));
    assert_eq!(decide(&open(&[], &all), back(MINUTE)), ask(1));
}

proptest! {
    #[test]
    fn over_a_whole_life_nobody_is_asked_twice_or_after_the_end(
        steps in prop::collection::vec((0_u64..3 * 3_600, prop::bool::weighted(0.2)), 1..40),
        count in 0_usize..4,
    ) {
        let all: Vec<Approver> = three().into_iter().take(count).collect();
        let (mut now, mut asked, mut told) = (T0, Vec::new(), false);
        for (secs, lost) in steps {
            let view = OpenView { told_nobody: told, ..open(&asked, &all) };
            match decide(&view, now) {
                None => {}
                Some(Effect::Ask(approver)) => {
                    prop_assert!(asked.iter().all(|a: &AskedOne| a.person != approver.person));
                    prop_assert!(now < T0 + APPROVAL_LIFE);
                    asked.push(AskedOne { person: approver.person, at: now, lost });
                }
                Some(Effect::Expire) => prop_assert!(T0 + APPROVAL_LIFE <= now),
                Some(Effect::TellNobody) => {
                    prop_assert!(!told && asked.iter().all(|it| it.lost));
                    told = true;
                }
            }
            now = now + Duration::from_secs(secs);
        }
    }
}

#[test]
fn each_limit_counts_for_itself() {
    let empty = RequestLoad::default();
    assert!(empty.has_room());
    for full in [
        RequestLoad { account_open: ACCOUNT_OPEN_MAX, ..empty },
        RequestLoad { account_span: ACCOUNT_SPAN_MAX, ..empty },
        RequestLoad { chat_open: CHAT_OPEN_MAX, ..empty },
        RequestLoad { requester_open: REQUESTER_OPEN_MAX, ..empty },
    ] {
        assert!(!full.has_room(), "{full:?}");
    }
    let one_less = RequestLoad {
        account_open: ACCOUNT_OPEN_MAX - 1,
        account_span: ACCOUNT_SPAN_MAX - 1,
        chat_open: CHAT_OPEN_MAX - 1,
        requester_open: REQUESTER_OPEN_MAX - 1,
    };
    assert!(one_less.has_room());
}

#[test]
fn the_owner_hears_of_many_at_once_and_once_an_hour() {
    let at = Timestamp(5_000_000);
    assert_eq!(unasked_due_at(at, None), at + GATHER);
    assert_eq!(unasked_due_at(at, Some(at)), at + SPAN);
}
