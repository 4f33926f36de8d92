//! Tables of who is called by what, and laws over every small view.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::admission::{ChatView, Ignored, Policy, Scope};

const NOW: Timestamp = Timestamp(100_000_000);
const MENTION: Engage = Engage::Mention;
const STICKY: Engage = Engage::MentionSticky;

/// A message to one of two agents of a chat.
#[derive(Clone, Copy, Debug)]
struct Case<'a> {
    engage: &'a Engage,
    is_group: bool,
    mentioned: bool,
    text: &'a str,
    /// Another agent with the trigger `@abby`.
    has_other: bool,
    sticky_since: Option<Timestamp>,
    in_thread: bool,
}

/// A message in a group that says nothing to anybody.
fn case<'a>(engage: &'a Engage, text: &'a str) -> Case<'a> {
    let (is_group, mentioned, has_other) = (true, false, true);
    Case { engage, is_group, mentioned, text, has_other, sticky_since: None, in_thread: false }
}

impl Case<'_> {
    fn engages(&self) -> Option<By> {
        let [andy, abby] = ["andy", "abby"].map(|it| AgentName::parse(it).unwrap());
        let own = WiringView {
            agent: &andy,
            trigger: "@andy",
            engage: self.engage,
            scope: Scope::All,
            ignored: Ignored::Drop,
            priority: 0,
            sticky_since: self.sticky_since,
        };
        let wirings = [own, WiringView { agent: &abby, trigger: "@abby", ..own }];
        let view = AdmissionView {
            chat: ChatView {
                is_group: self.is_group,
                policy: Policy::Public,
                denied: false,
                owner_only: false,
            },
            handle: None,
            standing: None,
            denied_by: &[],
            text: self.text,
            mentioned: self.mentioned,
            is_change: false,
            in_thread: self.in_thread,
            to_agent: None,
            wirings: if self.has_other { &wirings } else { &wirings[..1] },
            agents: &[],
            now: NOW,
        };
        engages(&view, &own)
    }
}

#[track_caller]
fn check(case: Case<'_>, want: Option<By>) {
    assert_eq!(case.engages(), want, "{case:?}");
}

#[test]
fn a_trigger_counts_alone_in_any_case() {
    let said = [
        ("@andy", "@andy"),
        ("@Andy: hello", "@andy"),
        ("so, @ANDY, please", "@andy"),
        ("(@andy)", "@andy"),
        ("ask @andy.", "@andy"),
        ("ask @andy. Or not", "@andy"),
        ("@andy's turn", "@andy"),
        ("@andyx and @andy", "@andy"),
        ("@andy-2, no, @andy", "@andy"),
        ("Hello.@andy", "@andy"),
        ("line\n@andy\nline", "@andy"),
        ("hey Andy!", "andy"),
        ("hey @andy", "andy"),
        ("hey Computer, on", "hey computer"),
        ("@ZOË?", "@zoë"),
        ("STRASSE!", "straße"),
        ("你好@小明请帮忙", "@小明"),
        ("앤디는 어디", "앤디"),
        ("ok🤖go", "🤖"),
        ("@andy", " @andy "),
    ];
    for (text, trigger) in said {
        assert!(says_trigger(text, trigger), "{text:?} says {trigger:?}");
    }
}

#[test]
fn a_trigger_within_another_word_or_an_address_does_not_count() {
    let unsaid = [
        ("", "@andy"),
        ("andy", "@andy"),
        ("@andyx", "@andy"),
        ("@andy_2", "@andy"),
        ("@andy-2", "@andy"),
        ("@andy.smith", "@andy"),
        ("mail@andy.com", "@andy"),
        ("mail@andy", "@andy"),
        ("mail@andy.com", "andy"),
        ("andy.com", "andy"),
        ("mandy", "andy"),
        ("team-andy", "andy"),
        ("@zoëx", "@zoë"),
        ("@and", "@andy"),
        ("anything", ""),
        ("anything", "  "),
    ];
    for (text, trigger) in unsaid {
        assert!(!says_trigger(text, trigger), "{text:?} does not say {trigger:?}");
    }
}

#[test]
fn letters_that_differ_only_in_lower_case_meet() {
    assert!(!says_trigger("ß", "s"), "half of a letter");
    let longest = "y".repeat(TRIGGER_CHARS_MAX);
    assert!(says_trigger(&longest, &longest));
    assert!(!says_trigger(&format!("{longest}y"), &format!("{longest}y")));
    assert!(says_trigger("ΣΟΦΟΣ", "σοφος"));
    assert!(says_trigger("σοφοσ", "σοφος"));
}

#[test]
fn the_default_trigger_is_the_name_with_an_at_sign() {
    let andy = AgentName::parse("andy").unwrap();
    assert_eq!(trigger_of(&andy, None), "@andy");
    assert_eq!(trigger_of(&andy, Some("  ")), "@andy");
    assert_eq!(trigger_of(&andy, Some(" Computer ")), "Computer");
}

#[test]
fn mentions_triggers_and_direct_chats_call_an_agent() {
    for engage in [&MENTION, &STICKY] {
        check(case(engage, "hello"), None);
        check(case(engage, "@andy hello"), Some(By::Trigger));
        check(Case { mentioned: true, ..case(engage, "hello") }, Some(By::Mention));
        check(Case { is_group: false, ..case(engage, "hello") }, Some(By::Direct));
    }
}

#[test]
fn a_message_to_another_agent_does_not_engage_this_one() {
    for engage in [&MENTION, &STICKY] {
        let base = Case {
            mentioned: true,
            sticky_since: Some(NOW),
            in_thread: true,
            ..case(engage, "@abby hello")
        };
        check(base, None);
        check(Case { is_group: false, ..base }, None);
        check(Case { text: "@abby and @andy", ..base }, Some(By::Trigger));
        check(Case { has_other: false, ..base }, Some(By::Mention));
    }
}

#[test]
fn a_conversation_sticks_in_its_thread_and_half_an_hour_in_a_group() {
    let ago = |secs: i64| Some(Timestamp(NOW.0 - secs * 1_000));
    let base = |sticky_since, in_thread| Case { sticky_since, in_thread, ..case(&STICKY, "and?") };
    check(base(None, true), None);
    check(base(ago(1), false), Some(By::Sticky));
    check(base(ago(30 * 60), false), Some(By::Sticky));
    check(base(ago(30 * 60 + 1), false), None);
    check(base(ago(80_000), true), Some(By::Sticky));
    // The clock stepped back, a little and a lot.
    check(base(ago(-5), false), Some(By::Sticky));
    check(base(ago(-3_600), false), None);
    check(Case { engage: &MENTION, ..base(ago(1), true) }, None);
}

#[test]
fn a_pattern_is_the_only_thing_that_counts_for_its_wiring() {
    let with = |pattern: &str| Engage::Pattern(pattern.into());
    for everything in ["", "."] {
        check(case(&with(everything), ""), Some(By::Pattern));
        check(case(&with(everything), "a\nb"), Some(By::Pattern));
    }
    let urgent = with("(?i)^urgent\\b");
    check(case(&urgent, "Urgent: fire"), Some(By::Pattern));
    check(case(&urgent, "urgently"), None);
    let all = Case { mentioned: true, is_group: false, ..case(&urgent, "@andy hello") };
    check(all, None);
}

#[test]
fn a_pattern_that_cannot_be_compiled_engages_nobody() {
    for bad in ["[", "(?=x)", "(", "\\1", &"x".repeat(PATTERN_CHARS_MAX + 1), "(\\w{1000}){1000}"] {
        assert!(check_pattern(bad).is_err(), "{bad}");
        check(case(&Engage::Pattern(bad.into()), "x [ ( anything"), None);
    }
    for good in ["", ".", "a|b", "\\d{4}", "(?i)ça va", "\\w{20}", &"x".repeat(PATTERN_CHARS_MAX)]
    {
        assert_eq!(check_pattern(good), Ok(()), "{good}");
    }
}

#[test]
fn a_refused_pattern_says_what_is_wrong() {
    let why = |pattern: &str| check_pattern(pattern).unwrap_err().to_string();
    assert!(why("a[b").contains("unclosed character class"), "{}", why("a[b"));
    assert!(why("(?=x)").contains("look-ahead"), "{}", why("(?=x)"));
    assert!(why("\\w{999}\\w{999}").contains("repetitions"));
    assert!(why(&"x".repeat(2_000)).contains("2000 characters"));
}

#[test]
fn a_pattern_and_a_text_made_to_stall_a_search_do_not() {
    let engage = Engage::Pattern("(a|a?)+(a*)*b(.*a){10}$".into());
    let text = "a".repeat(crate::message::TEXT_BYTES_MAX);
    check(case(&engage, &text), None);
}

#[test]
fn ways_to_engage_read_back() {
    for engage in [Engage::Pattern("x.y".into()), MENTION, STICKY] {
        assert_eq!(Engage::parse(engage.as_str(), engage.pattern()), Some(engage));
    }
    assert_eq!(Engage::parse("pattern", None), Some(Engage::Pattern(String::new())));
    assert_eq!(Engage::parse("always", None), None);
}

proptest! {
    #[test]
    fn a_word_between_spaces_is_said_and_one_glued_to_letters_is_not(
        name in "[a-z][a-z0-9]{0,10}", noise in "[ .,!?]{0,5}", glue in "[a-z0-9_]"
    ) {
        let trigger = format!("@{name}");
        let alone = format!("{noise} {}{noise}", trigger.to_uppercase());
        prop_assert!(says_trigger(&alone, &trigger), "{}", alone);
        let glued = format!("{glue}{trigger} {trigger}{glue}");
        prop_assert!(!says_trigger(&glued, &trigger), "{}", glued);
    }

    #[test]
    fn nothing_said_is_ever_a_trigger_that_is_not_in_the_text(text in ".{0,60}") {
        prop_assert!(!says_trigger(&text.replace('@', ""), "@andy"));
    }

    #[test]
    fn silence_in_a_group_engages_nobody(text in "[a-z @.]{0,30}", secs in 1_801_i64..90_000) {
        let sticky_since = Some(Timestamp(NOW.0 - secs * 1_000));
        let quiet = text.replace("@andy", "");
        let seen = Case { sticky_since, ..case(&STICKY, &quiet) }.engages();
        prop_assert_eq!(seen, None);
        prop_assert!(STICKY_FOR < Duration::from_secs(1_801));
    }
}
