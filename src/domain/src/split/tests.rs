//! Tables of cuts, and the laws over random Markdown.

use proptest::prelude::*;

use super::*;

fn chars(text: &str, max: usize) -> Vec<String> {
    split_text(text, TextLimit::chars(max))
}

#[test]
fn cuts_at_the_most_sensible_place() {
    for (text, max, want) in [
        ("short", 10, &["short"][..]),
        ("", 4, &[""]),
        (" \n", 4, &[""]),
        ("one two three", 8, &["one two", "three"]),
        ("one two three", 7, &["one two", "three"]),
        ("a b c\nd e f", 8, &["a b c", "d e f"]),
        ("abc d\n\ne f g\nh", 11, &["abc d", "e f g\nh"]),
        ("abc def\n\ng", 7, &["abc def", "g"]),
        ("He ran. She sat down", 13, &["He ran.", "She sat down"]),
        ("Is it 3.14 or 3.15?", 12, &["Is it 3.14", "or 3.15?"]),
        ("他走了。她坐下来了", 6, &["他走了。", "她坐下来了"]),
        ("abcdef", 4, &["abcd", "ef"]),
        ("äöüß€", 2, &["äö", "üß", "€"]),
        ("abcdefg\n    indented", 10, &["abcdefg", "    indent", "ed"]),
    ] {
        assert_eq!(chars(text, max), want, "{text:?} by {max}");
    }
}

#[test]
fn parts_are_measured_as_the_platform_counts() {
    let text = "😀".repeat(10);
    let parts = |max, unit| split_text(&text, TextLimit { max, unit }).len();
    assert_eq!(parts(5, Unit::Chars), 2);
    assert_eq!(parts(5, Unit::Utf16), 5);
    assert_eq!(parts(9, Unit::Bytes), 5);
    assert_eq!(parts(1, Unit::Bytes), 10, "one at least, or there would be no end");
    assert_eq!(parts(0, Unit::Chars), 10);
}

#[test]
fn what_shows_as_one_sign_stays_together() {
    let family = "👨\u{200d}👩\u{200d}👧";
    assert_eq!(chars(&format!("abc{family}d"), 6), ["abc", &format!("{family}d")]);
    assert_eq!(chars("abce\u{301}f", 4), ["abc", "e\u{301}f"]);
    assert_eq!(chars("ab👍\u{1f3fd}", 3), ["ab", "👍\u{1f3fd}"]);
    let endless = format!("a{}", "\u{301}".repeat(40));
    assert!(chars(&endless, 10).iter().all(|it| it.chars().count() <= 10));
}

#[test]
fn code_that_is_cut_is_closed_and_opened_again() {
    let line = "    let x = 1;\n";
    let text = format!("Look:\n```rust\n{}```\nDone.", line.repeat(20));
    let parts = chars(&text, 100);
    assert!(parts[0].starts_with("Look:\n```rust\n    let x"), "{parts:#?}");
    assert!(2 < parts.len());
    for part in &parts {
        assert_eq!(part.matches("```").count() % 2, 0, "{part}");
        assert!(part.chars().count() <= 100);
    }
    for part in &parts[1..parts.len() - 1] {
        assert!(part.starts_with("```rust\n    let x = 1;\n"), "{part}");
        assert!(part.ends_with("    let x = 1;\n```"), "{part}");
    }
    assert!(parts.last().is_some_and(|it| it.ends_with("```\nDone.")), "{parts:#?}");
    let lines: usize = parts.iter().map(|it| it.matches("let x = 1;").count()).sum();
    assert_eq!(lines, 20);
}

#[test]
fn code_that_starts_late_starts_in_the_next_part() {
    let prose = "word ".repeat(14);
    let text = format!("{prose}\n~~~~text\nThis is the code of it\n~~~~");
    assert_eq!(chars(&text, 100), [prose.trim(), "~~~~text\nThis is the code of it\n~~~~"]);
}

#[test]
fn no_part_gets_an_empty_block_of_code() {
    for width in 1..140 {
        let text = format!(
            "{}\n```rust\nlet y = 2;\nlet z = 3;\n```\n{}",
            "x".repeat(width),
            "tail ".repeat(20)
        );
        for part in chars(&text, 90) {
            assert!(!part.contains("```rust\n```"), "{width}: {part}");
            assert!(!part.ends_with("```rust"), "{width}: {part}");
        }
    }
}

#[test]
fn a_longer_fence_around_code_with_fences_stays_what_it_is() {
    let text = format!("````md\n{}````\nend", "```\ninner text\n```\n".repeat(10));
    for part in chars(&text, 80) {
        let inner = part.lines().filter(|it| it.starts_with("````")).count();
        assert_eq!(inner % 2, 0, "{part}");
    }
}

#[test]
fn a_fence_that_takes_too_much_room_is_a_text_like_any_other() {
    let text = format!("{}\ncode\n", "`".repeat(60));
    assert!(chars(&text.repeat(5), 64).iter().all(|it| it.chars().count() <= 64));
    let info = "x".repeat(90);
    let text = format!("```{info}\n{}\n```", "code ".repeat(40));
    for part in &chars(&text, 64)[2..] {
        assert!(part.starts_with("```\ncode") && part.chars().count() <= 64, "{part}");
    }
}

#[test]
fn only_a_line_that_can_open_code_opens_some() {
    assert_eq!(chars("```a``` b c\nd e f", 12), ["```a``` b c", "d e f"]);
    assert_eq!(chars("```\nab cd\n```", 9), ["```\nab cd", "```"], "no room for a fence");
}

#[test]
fn a_block_that_ends_at_the_cut_is_not_opened_again() {
    let code = format!("```\n{}\n```", "x".repeat(21));
    let text = format!("{code}\nthe rest of the answer");
    assert_eq!(chars(&text, 30), [code.as_str(), "the rest of the answer"]);
}

#[test]
fn the_line_of_a_fence_is_not_torn() {
    assert_eq!(chars("ab\n````````````\ncd", 12), ["ab", "````````````", "cd"]);
}

#[test]
fn a_long_text_is_cut_in_a_moment() {
    let text = "Lorem ipsum. ".repeat(80_000);
    assert_eq!(chars(&text, 4_096).len(), (text.trim_end().len() + 1).div_ceil(4_095));
}

/// The text without white space and without lines that open or close code.
fn essence(text: &str) -> String {
    let plain = |line: &&str| !line.trim().starts_with("```") && !line.trim().starts_with("~~~");
    text.lines().filter(plain).flat_map(|it| it.chars().filter(|c| !c.is_whitespace())).collect()
}

fn markdown() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => "[a-z]{1,9}( [a-zäß]{1,9}[.!?]?){0,20}",
        1 => Just(String::new()),
        1 => "[A-Za-z0-9]{40,160}",
        1 => "(  |    )[a-z(){};]{0,40}",
        1 => "[😀-😿é\u{301}\u{200d}语]{1,60}",
        1 => prop::sample::select(vec!["```", "```rust", "  ```", "~~~", "~~~~ py x=1", "````"])
            .prop_map(Into::into),
    ];
    prop::collection::vec(line, 0..60).prop_map(|it| it.join("\n"))
}

fn units() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![Unit::Chars, Unit::Utf16, Unit::Bytes])
}

proptest! {
    #[test]
    fn every_part_keeps_to_the_limit_and_nothing_is_lost(
        text in markdown(), max in 64_usize..400, unit in units()
    ) {
        let parts = split_text(&text, TextLimit { max, unit });
        for part in &parts {
            prop_assert!(unit.measure(part) <= max, "{} in {:?}", unit.measure(part), part);
            prop_assert!(!part.trim().is_empty() || parts.len() == 1);
        }
        prop_assert_eq!(essence(&parts.join("\n")), essence(&text));
        prop_assert_eq!(&parts, &split_text(&text, TextLimit { max, unit }));
    }

    #[test]
    fn code_stays_code_in_every_part(text in markdown(), max in 64_usize..400) {
        let parts = split_text(&text, TextLimit::chars(max));
        for part in parts.iter().take(parts.len() - 1) {
            let open = open_at(part, part.len(), None, max / 3);
            prop_assert!(open.is_none(), "code is open at the end of {:?}", part);
        }
    }

    #[test]
    fn every_text_and_limit_has_an_end(text in "(?s).{0,200}", max in 0_usize..70, unit in units()) {
        let parts = split_text(&text, TextLimit { max, unit });
        let squeeze = |it: &str| it.split_whitespace().collect::<String>();
        if !text.contains("```") && !text.contains("~~~") {
            prop_assert_eq!(squeeze(&parts.concat()), squeeze(&text));
        }
    }
}
