//! Tables of who gets through.

mod laws;

use super::*;
use crate::people::Role;

const NOW: Timestamp = Timestamp(100_000_000);

fn agent(name: &str) -> AgentName {
    AgentName::parse(name).unwrap()
}

/// A view that owns what it refers to: an unknown user writes to `andy` in a group that asks.
#[derive(Clone, Debug)]
struct Case {
    chat: ChatView,
    handle: Option<Handle>,
    standing: Option<Standing>,
    denied_by: Vec<AgentName>,
    text: String,
    mentioned: bool,
    is_change: bool,
    in_thread: bool,
    to_agent: Option<String>,
    wirings: Vec<Wiring>,
    agents: Vec<AgentName>,
}

#[derive(Clone, Debug)]
struct Wiring {
    agent: AgentName,
    engage: Engage,
    scope: Scope,
    ignored: Ignored,
    priority: i64,
    sticky_since: Option<Timestamp>,
}

fn wiring(name: &str) -> Wiring {
    Wiring {
        agent: agent(name),
        engage: Engage::Mention,
        scope: Scope::All,
        ignored: Ignored::Drop,
        priority: 0,
        sticky_since: None,
    }
}

fn case() -> Case {
    Case {
        chat: ChatView { is_group: true, policy: Policy::Ask, denied: false, owner_only: false },
        handle: Some(Handle::new("telegram", "42")),
        standing: None,
        denied_by: vec![],
        text: "@andy hello".into(),
        mentioned: false,
        is_change: false,
        in_thread: false,
        to_agent: None,
        wirings: vec![wiring("andy")],
        agents: vec![agent("abby"), agent("andy")],
    }
}

/// The terminal, with a chat that is wired to `wired`.
fn terminal(wired: &[&str], to_agent: Option<&str>) -> Case {
    Case {
        chat: ChatView { is_group: false, policy: Policy::Strict, denied: false, owner_only: true },
        wirings: wired.iter().map(|it| wiring(it)).collect(),
        to_agent: to_agent.map(Into::into),
        text: "hello".into(),
        ..case()
    }
}

fn member(of: &str) -> Option<Standing> {
    Some(Standing { roles: vec![], member_of: vec![agent(of)] })
}

impl Case {
    fn admit(&self) -> Admission {
        let triggers: Vec<String> = self.agents.iter().map(|it| format!("@{it}")).collect();
        let word = |name: &AgentName| {
            let at = self.agents.iter().position(|it| it == name).unwrap();
            triggers[at].as_str()
        };
        let wirings: Vec<WiringView<'_>> = self
            .wirings
            .iter()
            .map(|wiring| WiringView {
                agent: &wiring.agent,
                trigger: word(&wiring.agent),
                engage: &wiring.engage,
                scope: wiring.scope,
                ignored: wiring.ignored,
                priority: wiring.priority,
                sticky_since: wiring.sticky_since,
            })
            .collect();
        let agents: Vec<AgentGroup> = self.agents.iter().cloned().map(AgentGroup::new).collect();
        admit(&AdmissionView {
            chat: self.chat,
            handle: self.handle.as_ref(),
            standing: self.standing.as_ref(),
            denied_by: &self.denied_by,
            text: &self.text,
            mentioned: self.mentioned,
            is_change: self.is_change,
            in_thread: self.in_thread,
            to_agent: self.to_agent.as_deref(),
            wirings: &wirings,
            agents: &agents,
            now: NOW,
        })
    }

    fn all_decisions(&self) -> Vec<Decision> {
        self.admit().decisions.into_iter().map(|it| it.decision).collect()
    }
}

fn ignored(dropped: Why, ask: Option<Ask>) -> Admission {
    let decisions =
        vec![AgentDecision { agent: agent("andy"), decision: Decision::Ignore(dropped) }];
    Admission { decisions, ask, dropped: Some(dropped), ..Admission::default() }
}

#[test]
fn a_terminal_chat_that_was_denied_takes_nothing_and_says_so() {
    for wired in [&["andy"][..], &[]] {
        let mut case = terminal(wired, None);
        case.chat.denied = true;
        let admission = case.admit();
        assert!(admission.refuse.is_some_and(|why| why.contains("--undeny")), "{wired:?}");
        assert_eq!(admission.decisions, vec![]);
    }
}

#[test]
fn what_a_chat_does_with_an_unknown_user_is_its_policy() {
    let with = |policy, scope| {
        let mut case = case();
        case.chat.policy = policy;
        case.wirings[0].scope = scope;
        case.admit()
    };
    let ask = Ask::Sender { agent: agent("andy") };
    for scope in Scope::ALL {
        assert_eq!(with(Policy::Strict, scope), ignored(Why::UnknownStrict, None));
        assert_eq!(with(Policy::Ask, scope), ignored(Why::UnknownAsk, Some(ask.clone())));
    }
    assert_eq!(with(Policy::Public, Scope::Known), ignored(Why::UnknownScope, None));
    let open = with(Policy::Public, Scope::All);
    assert_eq!(open.decisions[0].decision, Decision::Engage(By::Trigger));
    assert_eq!(open.dropped, None);
}

#[test]
fn a_user_with_access_gets_through_every_policy() {
    let grants = [
        member("andy"),
        Some(Standing::owner()),
        Some(Standing { roles: vec![Role::Admin { of: None }], member_of: vec![] }),
        Some(Standing { roles: vec![Role::Admin { of: Some(agent("andy")) }], member_of: vec![] }),
    ];
    for standing in grants {
        for policy in Policy::ALL {
            let mut case = Case { standing: standing.clone(), ..case() };
            case.chat.policy = policy;
            case.wirings[0].scope = Scope::Known;
            case.denied_by = vec![agent("andy")];
            assert_eq!(case.all_decisions(), [Decision::Engage(By::Trigger)], "{case:?}");
        }
    }
    let elsewhere = Case { standing: member("abby"), ..case() };
    assert_eq!(elsewhere.admit().dropped, Some(Why::UnknownAsk));
}

#[test]
fn a_denial_is_remembered_and_nobody_is_asked_again() {
    for policy in Policy::ALL {
        let mut case = Case { denied_by: vec![agent("andy")], ..case() };
        case.chat.policy = policy;
        case.wirings[0].ignored = Ignored::Accumulate;
        assert_eq!(case.admit(), ignored(Why::SenderDenied, None));
        case.text = "hello".into();
        assert_eq!(case.admit(), ignored(Why::NotCalled, None));
    }
    let other = Case { denied_by: vec![agent("abby")], ..case() };
    assert_eq!(other.admit().ask, Some(Ask::Sender { agent: agent("andy") }));
}

#[test]
fn a_sender_without_an_identity_is_unknown_and_nobody_is_asked_about_them() {
    let case = Case { handle: None, standing: Some(Standing::owner()), ..case() };
    assert_eq!(case.admit(), ignored(Why::UnknownAsk, None));
}

#[test]
fn only_trusted_background_is_kept() {
    let mut case = Case { text: "hello all".into(), ..case() };
    case.wirings[0].ignored = Ignored::Accumulate;
    assert_eq!(case.admit(), ignored(Why::NotCalled, None));
    case.standing = member("andy");
    assert_eq!(case.all_decisions(), [Decision::Accumulate]);
    assert_eq!(case.admit().dropped, None);
    case.standing = None;
    case.chat.policy = Policy::Public;
    assert_eq!(case.all_decisions(), [Decision::Accumulate]);
    case.wirings[0].scope = Scope::Known;
    assert_eq!(case.all_decisions(), [Decision::Ignore(Why::NotCalled)]);
}

#[test]
fn every_agent_is_decided_alone_and_the_highest_priority_comes_first() {
    let mut case = Case { standing: member("andy"), text: "@andy @abby hi".into(), ..case() };
    case.wirings = vec![wiring("andy"), Wiring { priority: 5, ..wiring("abby") }];
    let out = case.admit();
    let order: Vec<&str> = out.decisions.iter().map(|it| it.agent.as_str()).collect();
    assert_eq!(order, ["abby", "andy"]);
    assert_eq!(
        case.all_decisions(),
        [Decision::Ignore(Why::UnknownAsk), Decision::Engage(By::Trigger)]
    );
    assert_eq!(out.ask, Some(Ask::Sender { agent: agent("abby") }));
    assert_eq!(out.dropped, Some(Why::UnknownAsk));
}

#[test]
fn a_word_for_one_agent_does_not_call_the_other() {
    let mut case = Case { standing: Some(Standing::owner()), mentioned: true, ..case() };
    case.wirings = vec![wiring("abby"), wiring("andy")];
    assert_eq!(
        case.all_decisions(),
        [Decision::Ignore(Why::NotCalled), Decision::Engage(By::Trigger)]
    );
    case.text = "hello".into();
    let mention = Decision::Engage(By::Mention);
    assert_eq!(case.all_decisions(), [mention, mention]);
}

#[test]
fn a_new_chat_asks_when_the_bot_is_meant_and_leaves_no_trace_else() {
    let base = Case { wirings: vec![], text: "hello".into(), ..case() };
    assert_eq!(base.admit(), Admission::default());
    let asks = Admission {
        ask: Some(Ask::Chat),
        dropped: Some(Why::ChatNotConnected),
        ..Admission::default()
    };
    let mut direct = base.clone();
    direct.chat.is_group = false;
    let mentioned = Case { mentioned: true, ..base.clone() };
    let called = Case { text: "@Abby?".into(), ..base };
    for mut case in [direct, mentioned, called] {
        assert_eq!(case.admit(), asks, "{case:?}");
        case.chat.denied = true;
        let silent = Admission { dropped: Some(Why::ChatDenied), ..Admission::default() };
        assert_eq!(case.admit(), silent, "{case:?}");
    }
}

#[test]
fn a_denied_chat_reaches_nobody() {
    let mut case = Case { standing: Some(Standing::owner()), ..case() };
    case.chat.denied = true;
    assert_eq!(case.admit(), ignored(Why::ChatDenied, None));
}

#[test]
fn a_new_chat_of_the_owner_wires_itself_to_the_named_or_the_default_agent() {
    let wired = |name, by| Admission {
        decisions: vec![AgentDecision { agent: agent(name), decision: Decision::Engage(by) }],
        ..Admission::default()
    };
    assert_eq!(terminal(&[], None).admit(), wired("andy", By::Direct));
    assert_eq!(terminal(&[], Some("Abby")).admit(), wired("abby", By::Trigger));
    let no_andy = Case { agents: vec![agent("zoe"), agent("abby")], ..terminal(&[], None) };
    assert_eq!(no_andy.admit(), wired("zoe", By::Direct));
    let refused = |case: Case| case.admit().refuse.unwrap();
    assert!(refused(terminal(&[], Some("bob"))).contains("there is `abby` and `andy`"));
    assert!(refused(terminal(&[], Some("../x"))).contains("no agent `../x`"));
    let nobody = Case { agents: vec![], ..terminal(&[], None) };
    assert!(refused(nobody).contains("nanoclaw agents add NAME"));
}

#[test]
fn a_chat_of_the_owner_reaches_all_its_agents_or_the_one_that_was_named() {
    let both = ["abby", "andy"];
    let direct = Decision::Engage(By::Direct);
    assert_eq!(terminal(&both, None).all_decisions(), [direct, direct]);
    let named = terminal(&both, Some("andy"));
    assert_eq!(
        named.all_decisions(),
        [Decision::Ignore(Why::NotCalled), Decision::Engage(By::Trigger)]
    );
    let mut pattern = named;
    pattern.wirings[1].engage = Engage::Pattern("never".into());
    assert_eq!(pattern.all_decisions()[1], Decision::Engage(By::Trigger));
    let why = terminal(&["andy"], Some("abby")).admit();
    let text = "this chat belongs to `andy`, not to `abby`";
    assert_eq!(why, Admission { refuse: Some(text.into()), ..Admission::default() });
}

#[test]
fn a_name_is_not_looked_at_where_unknown_users_can_write() {
    let case = Case { to_agent: Some("bob".into()), ..case() };
    assert_eq!(case.admit().refuse, None);
}

#[test]
fn reasons_read_back() {
    let words = [
        "not-called",
        "chat-not-connected",
        "chat-denied",
        "unknown-strict",
        "unknown-ask",
        "unknown-scope",
        "sender-denied",
        "too-many-requests",
    ];
    assert_eq!(Why::ALL.map(Why::as_str), words);
    for why in Why::ALL {
        assert_eq!(Why::parse(why.as_str()), Some(why));
    }
    for policy in Policy::ALL {
        assert_eq!(Policy::parse(policy.as_str()), Some(policy));
    }
    for scope in Scope::ALL {
        assert_eq!(Scope::parse(scope.as_str()), Some(scope));
    }
    for ignored in Ignored::ALL {
        assert_eq!(Ignored::parse(ignored.as_str()), Some(ignored));
    }
}

#[test]
fn a_change_engages_only_where_its_text_calls_for_the_agent_and_asks_only_then() {
    let change = |case: Case| Case { is_change: true, ..case };
    let by = |decision: Decision| match decision {
        Decision::Engage(by) => Some(by),
        Decision::Accumulate | Decision::Ignore(_) => None,
    };
    // A private chat, a pattern that takes everything, a conversation that is sticky.
    for engage in [Engage::Mention, Engage::Pattern(".".into()), Engage::MentionSticky] {
        for ignored in Ignored::ALL {
            let mut case = change(Case { standing: member("andy"), text: "no".into(), ..case() });
            case.wirings[0].engage = engage.clone();
            case.wirings[0].ignored = ignored;
            case.wirings[0].sticky_since = Some(NOW);
            case.mentioned = false;
            assert_eq!(case.all_decisions(), [Decision::Accumulate], "{engage:?}");
            case.chat.is_group = false;
            assert_eq!(case.all_decisions(), [Decision::Accumulate], "{engage:?}");
            let called = Case { text: "@andy yes".into(), ..case.clone() };
            assert_eq!(by(called.all_decisions()[0]), plain_call(&engage), "{engage:?}");
        }
    }
    let mut unknown = change(Case { text: "no".into(), mentioned: false, ..case() });
    assert_eq!(unknown.admit().ask, None);
    assert_eq!(unknown.all_decisions(), [Decision::Ignore(Why::NotCalled)]);
    unknown.text = "@andy yes".into();
    assert_eq!(unknown.admit().ask, Some(Ask::Sender { agent: agent("andy") }));
    unknown.wirings.clear();
    assert_eq!(unknown.admit(), Admission::default(), "a chat that belongs to nobody");
}

/// A pattern calls for nobody in particular.
fn plain_call(engage: &Engage) -> Option<By> {
    match engage {
        Engage::Pattern(_) => None,
        Engage::Mention | Engage::MentionSticky => Some(By::Trigger),
    }
}
