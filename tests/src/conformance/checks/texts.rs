//! What the agent writes is what people read.

use domain::outgoing::{Content, TextLimit};

use crate::conformance::driven::Driven;
use crate::conformance::{Double, Visible};

async fn shown(double: &dyn Double, text: &str) -> Visible {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    let id = driven.send_text(&place, text).await;
    let shown = driven.visible(&id).await;
    assert_eq!(shown.place, place);
    assert_eq!(double.visible().await.len(), 1, "one part is one message");
    shown
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Text of exactly the longest length, made of one word.
fn longest(limit: TextLimit, word: &str) -> String {
    let (mut text, mut length) = (String::new(), 0);
    let step = limit.unit.measure(word) + 1;
    while length + step <= limit.max {
        text.push_str(word);
        text.push(' ');
        length += step;
    }
    text.extend(std::iter::repeat_n('x', limit.max - length));
    // It must not end in a space, which a platform may cut off.
    text.truncate(text.trim_end().len());
    text.extend(std::iter::repeat_n('x', limit.max - limit.unit.measure(&text)));
    assert_eq!(limit.unit.measure(&text), limit.max);
    text
}

pub async fn a_text_is_shown_where_it_is_sent(double: &dyn Double) {
    let shown = shown(double, "good evening").await;
    assert!(shown.text.contains("good evening"), "{shown:?}");
    assert_eq!((shown.buttons, shown.files, shown.edits), (vec![], vec![], 0));
}

pub async fn a_text_to_a_group_is_shown_in_the_group(double: &dyn Double) {
    if !double.habits().groups {
        return;
    }
    let mut driven = Driven::connect(double).await;
    let group = double.places().group;
    let id = driven.send_text(&group, "good evening, all").await;
    let shown = driven.visible(&id).await;
    assert_eq!(shown.place, group);
    assert!(shown.text.contains("good evening, all"), "{shown:?}");
}

pub async fn a_text_to_a_thread_is_shown_in_the_thread(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let Some(thread) = double.places().thread else {
        assert!(!double.habits().groups, "the double has no thread to show");
        return;
    };
    let id = driven.send_text(&thread, "in here").await;
    let shown = driven.visible(&id).await;
    assert_eq!(shown.place, thread);
    assert!(shown.text.contains("in here"), "{shown:?}");
}

pub async fn an_answer_to_a_message_is_shown(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    let first = driven.post(&place, "what time is it?").await;
    let second = driven.post(&place, "and where?").await;
    driven.messages(2).await;
    let mut part = driven.part(&place, Content::Text("noon, here".into()));
    (part.reply_to, part.also) = (second, vec![first]);
    let id = driven.send_part(&part).await;
    let shown = driven.visible(&id).await;
    assert!(shown.text.contains("noon, here"), "{shown:?}");
}

pub async fn characters_that_mean_something_to_a_platform_survive(double: &dyn Double) {
    let text = "x < y && y > z <b> tag </b> & * _ [ ] ( ) { } # ! | ~ = + - . \
                snake_case_name 😀 👨‍👩‍👧 ärger 日本語 end";
    let shown = shown(double, text).await;
    for word in text.split_whitespace() {
        assert!(shown.text.contains(word), "{word:?} is missing in {:?}", shown.text);
    }
    assert!(!shown.text.contains('\\'), "no escape is left over: {:?}", shown.text);
    assert!(!shown.text.contains("&amp;"), "no escape is left over: {:?}", shown.text);
}

pub async fn formats_leave_the_words_alone(double: &dyn Double) {
    let text = "# A title\n\nThis is **very** important, *rather* so, and ~~not~~ \
                [a link](https://example.org/?a=1&b=2).\n\n- one\n- two\n\n> quoted";
    let shown = shown(double, text).await;
    let words =
        ["A title", "very", "important,", "rather", "so,", "a link", "one", "two", "quoted"];
    for word in words {
        assert!(shown.text.contains(word), "{word:?} is missing in {:?}", shown.text);
    }
}

pub async fn a_format_that_is_not_closed_is_shown_as_it_is(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    for text in ["a **b c", "a `b c", "a [b c](d", "```rust\nlet x = 1;", "a_b *c", "<i>d"] {
        let id = driven.send_text(&double.places().direct, text).await;
        let shown = driven.visible(&id).await;
        let letters = |it: &str| it.chars().filter(|it| it.is_alphanumeric()).collect::<String>();
        let wanted = letters(text.trim_start_matches("```rust"));
        assert!(letters(&shown.text).contains(&wanted), "{text:?} became {:?}", shown.text);
    }
}

pub async fn code_is_shown_as_it_was_written(double: &dyn Double) {
    let text =
        "do `a_b * c < d[0]` or\n```rust\nlet x: Vec<u8> = a & b * c_d_e; // **no**\n```\ndone";
    let shown = shown(double, text).await;
    for code in ["a_b * c < d[0]", "let x: Vec<u8> = a & b * c_d_e; // **no**", "done"] {
        assert!(shown.text.contains(code), "{code:?} is missing in {:?}", shown.text);
    }
}

pub async fn the_longest_text_is_one_message(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    for word in ["word", "a<b&c>d", "gr\u{fc}n", "\u{1f600}"] {
        let before = double.visible().await.len();
        let text = longest(driven.caps().text, word);
        let id = driven.send_text(&double.places().direct, &text).await;
        assert_eq!(double.visible().await.len(), before + 1, "{word:?}: one part, one message");
        let shown = driven.visible(&id).await;
        assert!(squeezed(&shown.text).contains(&squeezed(&text)), "{word:?} is cut or changed");
    }
}

pub async fn the_parts_of_a_long_text_are_shown_in_order_and_complete(double: &dyn Double) {
    let mut driven = Driven::connect(double).await;
    let place = double.places().direct;
    let mut text = String::new();
    let mut line = 0;
    while text.len() < driven.caps().text.max * 3 {
        line += 1;
        text.push_str(&format!("This is line number {line} of a long text.\n"));
        if line % 7 == 0 {
            text.push('\n');
        }
    }
    let parts = markdown::split(&text, driven.caps().dialect, driven.caps().text);
    assert!(3 < parts.len());
    for part in &parts {
        driven.send_text(&place, part).await;
    }
    let all = double.visible().await;
    assert_eq!(all.len(), parts.len());
    let read: String = all.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(squeezed(&read), squeezed(&text));
}
