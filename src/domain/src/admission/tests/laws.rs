//! What holds for every message, whatever the chat, the sender and the wirings.

use proptest::prelude::*;

use super::*;

fn any_standing() -> impl Strategy<Value = Option<Standing>> {
    prop_oneof![
        Just(None),
        Just(Some(Standing::default())),
        Just(member("abby")),
        Just(member("andy")),
        Just(Some(Standing::owner())),
        Just(Some(Standing {
            roles: vec![Role::Admin { of: Some(agent("abby")) }],
            member_of: vec![]
        })),
    ]
}

fn any_wiring(name: &'static str) -> impl Strategy<Value = Wiring> {
    let engage = prop_oneof![
        Just(Engage::Mention),
        Just(Engage::MentionSticky),
        Just(Engage::Pattern(String::new())),
        Just(Engage::Pattern("[".into())),
    ];
    let sticky = prop_oneof![Just(None), Just(Some(NOW))];
    let scope = prop::sample::select(&Scope::ALL[..]);
    let ignored = prop::sample::select(&Ignored::ALL[..]);
    (engage, scope, ignored, 0_i64..3, sticky).prop_map(
        move |(engage, scope, ignored, priority, sticky_since)| Wiring {
            agent: agent(name),
            engage,
            scope,
            ignored,
            priority,
            sticky_since,
        },
    )
}

prop_compose! {
    fn any_case()(
        is_group: bool, denied in prop::bool::weighted(0.1),
        policy in prop::sample::select(&Policy::ALL[..]),
        standing in any_standing(), denied_andy: bool, mentioned: bool, in_thread: bool,
        text in prop::sample::select(vec!["hi", "@andy hi", "@abby hi", "@abby and @andy"]),
        wirings in (any_wiring("andy"), any_wiring("abby")),
    ) -> Case {
        let denied_by = if denied_andy { vec![agent("andy")] } else { vec![] };
        Case {
            chat: ChatView { is_group, policy, denied, owner_only: false },
            standing, denied_by, text: text.into(), mentioned, in_thread,
            wirings: vec![wirings.0, wirings.1],
            ..case()
        }
    }
}

proptest! {
    #[test]
    fn nothing_of_an_unknown_user_gets_into_a_chat_that_is_not_public(case in any_case()) {
        for decision in case.admit().decisions {
            let known = access(case.standing.as_ref(), &decision.agent).is_known();
            if !known && case.chat.policy != Policy::Public {
                prop_assert!(matches!(decision.decision, Decision::Ignore(_)), "{:?}", decision);
            }
        }
    }

    #[test]
    fn an_agent_does_not_look_at_the_settings_and_people_of_another(
        one in any_case(), abby in any_wiring("abby"), denied_by_abby: bool
    ) {
        let andys = |case: &Case| {
            case.admit().decisions.into_iter().find(|it| it.agent == agent("andy"))
        };
        let mut other = one.clone();
        other.wirings[1] = abby;
        if denied_by_abby {
            other.denied_by.push(agent("abby"));
        }
        if let Some(standing) = &mut other.standing {
            standing.member_of.push(agent("abby"));
        }
        prop_assert_eq!(andys(&one), andys(&other));
    }

    #[test]
    fn what_is_kept_as_background_engages_nobody_and_nothing_is_both_kept_and_asked_about(
        case in any_case()
    ) {
        let mut dropping = case.clone();
        for wiring in &mut dropping.wirings {
            wiring.ignored = Ignored::Drop;
        }
        for (one, other) in case.admit().decisions.iter().zip(dropping.admit().decisions) {
            let kept = one.decision == Decision::Accumulate;
            prop_assert_eq!(kept, one.decision != other.decision);
            prop_assert!(!kept || other.decision == Decision::Ignore(Why::NotCalled));
        }
        if let Some(Ask::Sender { agent }) = case.admit().ask {
            let known = access(case.standing.as_ref(), &agent).is_known();
            prop_assert!(!known && case.chat.policy == Policy::Ask);
            prop_assert!(!case.denied_by.contains(&agent));
        }
    }
}
