//! Tables of who is asked and when, the laws over a whole life, and what the texts let through.

use proptest::prelude::*;

use super::*;
use crate::people::Handle;
use crate::session_key::ChatId;

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
    let (kind, life) = (Kind::Approval, APPROVAL_LIFE);
    let (asked, approvers) = (asked.to_vec(), approvers.to_vec());
    OpenView { kind, opened_at: T0, life, asked, approvers, told_nobody: false }
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
    let kind = Kind::Question;
    let view = OpenView { kind, life: question_life(None), ..open(&[], &all) };
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
fn what_unknown_users_wrote_cannot_format_link_or_add_lines() {
    let handle = Handle::new("telegram", "4`2");
    let evil = "**x** [click](https://e.org)\n\n`Allow` @everyone <b>";
    let writer = Writer { name: evil, handle: &handle, excerpt: &evil.repeat(50) };
    let chat_label = ChatLabel { channel: "telegram", title: evil, is_group: true };
    let andy = agent("andy");
    let who = Requester { name: evil, handle: "telegram:4`2" };
    let cards = [
        unknown_sender_card(&andy, &chat_label, &writer),
        unknown_chat_card(&chat_label, &writer),
        share_card(&andy, evil, evil),
        change_card(&andy, evil, &[evil.into()]),
        closed_card("card", closed(Matter::Sender { who, agent: &andy }, ALLOW, evil)),
        closed_card("card", closed(Matter::Sender { who, agent: &andy }, REFUSE, evil)),
        closed_card("card", closed(Matter::Chat { who, chat: ChatId(7) }, "connect:andy", evil)),
        closed_notice(evil, closed(Matter::Question, "x", evil)),
    ];
    for card in cards {
        let outside: String = card.split('`').step_by(2).collect();
        assert_eq!(card.matches('`').count() % 2, 0, "{card}");
        for sign in ["**", "[", "](", "http", "@", "<"] {
            assert!(!outside.contains(sign), "{sign} is outside of code: {card}");
        }
        assert!(card.chars().count() < 1_000, "{card}");
    }
}

fn closed<'a>(matter: Matter<'a>, value: &'a str, by: &'a str) -> Closed<'a> {
    Closed::Answered { matter, value, label: by, by }
}

#[test]
fn a_closed_card_says_what_was_done_and_what_undoes_it() {
    let andy = agent("andy");
    let who = Requester { name: "Eve", handle: "telegram:9" };
    let sender = Matter::Sender { who, agent: &andy };
    let chat = Matter::Chat { who, chat: ChatId(7) };
    for (matter, value, wanted) in [
        (
            sender,
            "allow",
            "Allowed `Eve` to talk to `andy`. Undo: `nanoclaw members remove telegram:9 andy`.",
        ),
        (
            sender,
            "refuse",
            "Refused: `Eve` may not talk to `andy`. Undo: `nanoclaw members add telegram:9 andy`.",
        ),
        (
            chat,
            "connect:andy",
            "`andy` answers in chat 7 now, and `Eve` may talk to it. Undo: `nanoclaw unwire 7 andy`, \
             then `nanoclaw members remove telegram:9 andy`.",
        ),
        (
            chat,
            "new:eve",
            "Chat 7 has an agent of its own now: `eve`. Undo: `nanoclaw unwire 7 eve`.",
        ),
        (chat, "refuse", "Refused: I ignore chat 7. Undo: `nanoclaw chats set 7 --undeny`."),
        (Matter::Change, "allow", "Allowed the change."),
        (Matter::Change, "refuse", "Refused the change; nothing was changed."),
        (Matter::Question, "tea", "The answer is `Ann`."),
    ] {
        let card = closed_card("card\n", closed(matter, value, "Ann"));
        assert_eq!(card, format!("card\n\n{wanted} Decided by `Ann`."));
        let notice = closed_notice("card", closed(matter, value, "Ann"));
        assert_eq!(notice, format!("{wanted} Decided by `Ann`.\nThe question was: `card`"));
    }
    assert_eq!(closed_card("card", Closed::Expired), "card\n\nExpired without an answer.");
}

#[test]
fn cards_say_who_wrote_where_and_what() {
    let handle = Handle::new("telegram", "42");
    let writer = Writer { name: "Zoë", handle: &handle, excerpt: "hello\nthere" };
    let chat_label = ChatLabel { channel: "telegram", title: "Family", is_group: true };
    assert_eq!(
        unknown_sender_card(&agent("andy"), &chat_label, &writer),
        "`Zoë` (`telegram:42`) wrote to `andy` in the group `Family` on `telegram`. I don't know \
         them. May they talk to `andy`?\nThe message: `hello there`\nThis shares `andy`: anyone \
         who talks to it can read its memory and files."
    );
    let chat_label = ChatLabel { is_group: false, ..chat_label };
    let nameless = Writer { name: " ", excerpt: "", ..writer };
    assert_eq!(
        unknown_chat_card(&chat_label, &nameless),
        "Someone without a name (`telegram:42`) wrote to me in a direct chat on `telegram`. No \
         agent answers there yet. Which one should?\nThe message: no text\nA new agent shares \
         nothing. If you share an agent, everyone in that chat can read its memory and files."
    );
    assert_eq!(
        share_card(&agent("andy"), "Zoë", "May they?"),
        "Share `andy` with `Zoë`? They'll be able to read its memory and files.\nThe question was: \
         `May they?`"
    );
}

#[test]
fn the_approver_of_a_change_knows_when_something_is_hidden() {
    let long = "y".repeat(1_000);
    let card = change_card(&agent("andy"), "install jq", &["apt: jq".into(), long.clone()]);
    assert!(card.starts_with("`andy` wants to run `install jq`. Allow it?\n- `apt: jq`\n- `yyy"));
    assert!(card.contains("(700 more characters not shown)"), "{card}");
    let card = change_card(&agent("andy"), &long, &[]);
    assert!(card.ends_with("(700 more characters not shown). Allow it?"), "{card}");
    let many: Vec<String> = (0..20).map(|n| format!("package {n}")).collect();
    let card = change_card(&agent("andy"), "install it", &many[..12]);
    assert!(card.ends_with("- `package 11`"), "as many as fit: {card}");
    let card = change_card(&agent("andy"), "install it", &many);
    assert!(card.ends_with("and 8 more that do not fit here"), "{card}");
}

#[test]
fn every_end_is_told_to_the_requester() {
    let all = [News::Asked, News::Denied, News::Expired, News::NobodyReachable];
    let mut texts = BTreeSet::new();
    for request in [Request::Sender, Request::Chat] {
        texts.extend(all.map(|news| told(request, news)));
    }
    assert_eq!(texts.len(), 8, "each says something else");
    assert!(texts.iter().all(|it| it.len() < 200 && it.ends_with('.')));
    assert_eq!(consent_options().len(), 2);
}
