//! Laws of cutting, for every dialect, on random Markdown and on texts that are made to break it.

use std::time::{Duration, Instant};

use domain::outgoing::{Dialect, TextLimit, Unit};
use proptest::prelude::*;

use crate::split::Splitter;
use crate::tree::{Doc, Kind, Node};
use crate::{beginning, draft, measure, render, split};

pub(super) const DIALECTS: [Dialect; 9] = [
    Dialect::TelegramHtml,
    Dialect::Discord,
    Dialect::Mrkdwn,
    Dialect::WhatsApp,
    Dialect::GoogleChat,
    Dialect::MatrixHtml,
    Dialect::MailHtml,
    Dialect::Markdown,
    Dialect::Plain,
];

/// What is read, without white space, heads of tables and what stands before lines.
fn visible(nodes: &[Node], out: &mut String) {
    for node in nodes {
        if let Some(text) = node.kind.text() {
            out.extend(text.chars().filter(|it| !it.is_whitespace()));
        }
        let first = usize::from(node.kind == Kind::Table);
        visible(&node.children[first.min(node.children.len())..], out);
    }
}

fn read(markdown: &str) -> String {
    let mut out = String::new();
    visible(&Doc::parse(markdown).blocks, &mut out);
    out
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|it| it.is_alphanumeric()).collect()
}

/// Checks all laws; gives the parts, and whether formats had to go somewhere.
fn check(text: &str, dialect: Dialect, limit: TextLimit) -> (Vec<String>, bool) {
    let (mut parts, mut is_bare) = (Vec::new(), false);
    let mut splitter = Splitter::new(text, dialect, limit);
    while let Some(part) = splitter.next() {
        is_bare |= splitter.is_bare();
        parts.push(part);
    }
    for part in &parts {
        let length = measure(part, dialect, limit.unit);
        assert!(length <= limit.max, "{length} by {limit:?} in {dialect:?}: {part:?} of {text:?}");
        assert!(!part.trim().is_empty() || parts.len() == 1, "{parts:?}");
    }
    let (whole, cut) = (read(text), parts.iter().map(|it| read(it)).collect::<String>());
    if is_bare {
        let mut rest = letters(&cut).into_iter();
        let lost = letters(&whole).into_iter().find(|wanted| !rest.any(|it| it == *wanted));
        assert_eq!(lost, None, "{dialect:?} by {limit:?}: {text:?} became {parts:#?}");
    } else {
        assert_eq!(cut, whole, "{dialect:?} by {limit:?}: {text:?} became {parts:#?}");
    }
    (parts, is_bare)
}

#[expect(clippy::disallowed_methods, reason = "it is measured how long a text takes")]
fn now() -> Instant {
    Instant::now()
}

fn chars(text: &str, max: usize) -> Vec<String> {
    split(text, Dialect::Markdown, TextLimit::chars(max))
}

fn markdown() -> impl Strategy<Value = String> {
    let start = prop::sample::select(vec![
        "", "", "", "", "# ", "#### ", "> ", "> > ", "- ", "  - ", "    1. ", "7. ", "- [x] ",
        "    ", "> - ", "| ", "[^1]: ", "* * ",
    ]);
    let word = prop_oneof![
        6 => "[a-zA-Zäß]{1,9}[.!?,]?",
        1 => "[A-Za-z0-9]{40,120}",
        1 => "[😀-😿é\u{301}\u{200d}语한국어नमस्ते]{1,30}",
        1 => "(🇩🇪|🇫🇷){1,9}",
        4 => prop::sample::select(vec![
            "**bold text**", "*it", "it*", "__b__", "***both* b**", "~~no~~", "`co|de`", "``a`b``", "[link *x*](https://e.org/a_(b)?x=1&y=2)",
            "![pic](https://e.org/p.png)", "<https://x.org/y>", "<b>", "</b>", "<br>", "<kbd>k</kbd>", "Vec<String>", "&amp;", "&nbsp;x", "\\*", "a_b_c",
            "2*3*4", "[^1]", "[x]", "|", "||", "a | b", "https://e.org/a_b*c", "@everyone", "<@123>", "<!channel>", "<users/all>", "1.", "-", "+", "#", "=",
            "http://a.b/**c**", "<!-- c -->", "\\", "`", "``", "*", "**", "_", "~", "~~", "[", "]", "](", "!", "<", ">", "^", "[a]: b",
        ]).prop_map(Into::into),
    ];
    let text = prop::collection::vec(word, 0..14).prop_map(|it| it.join(" "));
    let line = prop_oneof![
        12 => (start, text).prop_map(|(start, text)| format!("{start}{text}")),
        3 => Just(String::new()),
        2 => prop::sample::select(vec![
            "```", "```rust", "  ```", "~~~", "~~~~ py x=1", "````", "---", "===", "***", "|---|:-:|", "| - | - |", "| a | b |\n|---|---|\n| c | d |\n| e | f |",
            "<details>", "</details>", "<div>", "    code", "\tcode", "[a]: https://ref.org", "two  ", "hard\\",
        ]).prop_map(Into::into),
    ];
    prop::collection::vec(line, 0..40).prop_map(|it| it.join("\n"))
}

fn units() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![Unit::Chars, Unit::Utf16, Unit::Bytes])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn every_part_keeps_to_the_limit_and_nothing_is_lost(
        text in markdown(), max in 64_usize..500, unit in units(), dialect in prop::sample::select(DIALECTS.to_vec())
    ) {
        check(&text, dialect, TextLimit { max, unit });
    }
}

#[test]
fn the_documents_of_the_project_keep_all_their_formats() {
    for name in ["README.md", "ARCHITECTURE.md", "CLAUDE.md"] {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../");
        let text = std::fs::read_to_string(format!("{path}{name}")).unwrap();
        for dialect in DIALECTS {
            for max in [64, 300, 1_981, 4_000] {
                let (parts, is_bare) = check(&text, dialect, TextLimit::chars(max));
                assert!(!is_bare || max < 1_000, "{name} in {dialect:?} by {max}");
                let first = beginning(&text, dialect, TextLimit::chars(max));
                assert_eq!(parts[0], first);
            }
        }
    }
}

#[test]
fn the_time_for_a_hostile_text_grows_with_its_length_and_no_more() {
    let small = hostile(4 * 1024);
    for ((name, text), (_, short)) in hostile(64 * 1024).iter().zip(&small) {
        let dialect = Dialect::Discord;
        let (long, short) = (took(text, dialect), took(short, dialect).max(FLOOR));
        // A text is 16 times as long; a square would be 256 times.
        assert!(long < short * 80, "{name} in {dialect:?}: {short:?}, then {long:?}");
    }
}

/// Other programs run meanwhile.
const FLOOR: Duration = Duration::from_millis(10);

fn took(text: &str, dialect: Dialect) -> Duration {
    let began = now();
    split(text, dialect, TextLimit::chars(2_000));
    render(text, dialect);
    began.elapsed()
}

fn hostile(size: usize) -> Vec<(&'static str, String)> {
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let columns = format!(
        "{}\n{}\n{}",
        "|a".repeat(size / 8),
        "|-".repeat(size / 8),
        "|b\n".repeat(size / 8)
    );
    vec![
        ("quotes", fill(">")),
        ("quotes in lines", fill(&format!("{}\n", ">".repeat(60)))),
        ("lazy lines", format!("{}a\n{}", "> ".repeat(50), fill("a\n"))),
        ("lists", (0..size / 400).map(|it| format!("{}- x\n", "  ".repeat(it))).collect()),
        ("brackets", fill("[")),
        ("pairs", fill("[](")),
        ("stars", fill("*")),
        ("stars and letters", fill("**a ")),
        ("mixed", fill("*_~`[a](b) ")),
        ("backticks", (1..size / 400).map(|it| format!("{} ", "`".repeat(it))).collect()),
        ("columns", columns),
        ("tables", fill("|a|b|\n|-|-|\n|c|d|\n\n")),
        (
            "a wide cell",
            format!("|{}|b|\n|-|-|\n{}", "x".repeat(size / 2), "a|b\n".repeat(size / 8)),
        ),
        (
            "pictures in pictures",
            format!("{}{}{}", "![".repeat(15), fill("a\n"), "](u)".repeat(15)),
        ),
        ("rows", format!("|a|b|\n|-|-|\n{}", fill("|c|d|\n"))),
        ("tags", fill("<a <b <!-- ")),
        ("entities", fill("&amp;&#32;")),
        ("one word", fill("x")),
        ("accents", fill("e\u{301}")),
        ("one accent", format!("e{}", fill("\u{301}"))),
        ("items", fill("- \n")),
        ("references", fill("[a]: b\n")),
        ("links", fill("[a](https://e.org/x) ")),
        ("code", fill("```\nx\n")),
        ("a book", fill("It was a dark and stormy night. ")),
    ]
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
    ] {
        assert_eq!(chars(text, max), want, "{text:?} by {max}");
    }
}

#[test]
fn parts_are_measured_as_the_platform_counts() {
    let text = "😀".repeat(10);
    let parts = |max, unit| split(&text, Dialect::Plain, TextLimit { max, unit }).len();
    assert_eq!(parts(5, Unit::Chars), 2);
    assert_eq!(parts(5, Unit::Utf16), 5);
    assert_eq!(parts(9, Unit::Bytes), 5);
    assert_eq!(parts(1, Unit::Bytes), 10, "one at least, or there would be no end");
    assert_eq!(parts(0, Unit::Chars), 10);
    let slack = |max| split(&"a & b ".repeat(20), Dialect::Mrkdwn, TextLimit::chars(max)).len();
    assert_eq!(
        (slack(200), slack(178)),
        (1, 2),
        "& is five characters there, and one space is cut off"
    );
}

#[test]
fn a_sign_that_what_follows_makes_shorter_is_measured_at_the_end_of_a_part() {
    for length in 1..120 {
        let text = format!("<details>\n{} ~~no~~ {}", "b".repeat(length), "a".repeat(120));
        check(&text, Dialect::Mrkdwn, TextLimit { max: 116, unit: Unit::Bytes });
    }
}

#[test]
fn what_shows_as_one_sign_stays_together() {
    let family = "👨\u{200d}👩\u{200d}👧";
    assert_eq!(chars(&format!("abc{family}d"), 6), ["abc", &format!("{family}d")]);
    assert_eq!(chars("abce\u{301}f", 4), ["abc", "e\u{301}f"]);
    assert_eq!(chars("ab🇩🇪🇫🇷", 5), ["ab🇩🇪", "🇫🇷"]);
    // A syllable of three letters, and a consonant with its vowel.
    assert_eq!(chars("ab\u{1112}\u{1161}\u{11ab}", 4), ["ab", "\u{1112}\u{1161}\u{11ab}"]);
    assert_eq!(chars("abनि", 3), ["ab", "नि"]);
    let endless = format!("a{}", "\u{301}".repeat(400));
    assert!(chars(&endless, 10).iter().all(|it| it.chars().count() <= 10));
}

#[test]
fn what_a_cut_goes_through_is_closed_and_opened_again() {
    let limit = TextLimit::chars(100);
    let words = "some more words ".repeat(12);
    for (text, open, end) in [
        (format!("**{}**", words.trim()), "**some", "**"),
        (format!("> {words}"), "> ", ""),
        (format!("[{}](https://e.org)", words.trim()), "[", "](https://e.org)"),
        (format!("5. x\n6. y\n   - {words}"), "", ""),
        (format!("````py x=1\n{}````", "```\nx\n".repeat(20)), "````py x=1\n", "\n````"),
    ] {
        let (parts, is_bare) = check(&text, Dialect::Discord, limit);
        assert!(1 < parts.len() && !is_bare, "{parts:?}");
        for part in &parts[1..] {
            assert!(part.starts_with(open) && part.ends_with(end), "{part}");
        }
    }
    let (parts, _) = check(&format!("5. x\n6. y\n   - {words}"), Dialect::Discord, limit);
    assert!(parts[1].starts_with("6. - "), "{parts:#?}");
}

#[test]
fn each_part_of_a_table_has_its_head() {
    let text =
        format!("Prices:\n\n| fruit | price |\n|---|---|\n{}", "| **apple** | 12 |\n".repeat(40));
    for dialect in DIALECTS {
        let (parts, is_bare) = check(&text, dialect, TextLimit::chars(400));
        assert!(1 < parts.len() && !is_bare, "{dialect:?}: {parts:#?}");
        for part in &parts {
            assert!(
                part.contains("| fruit | price |\n|---|---|\n| **apple**"),
                "{dialect:?}: {part}"
            );
        }
    }
    let wide = format!("|{}|\n|-|\n{}", "head ".repeat(20), "|a|\n".repeat(90));
    let (parts, is_bare) = check(&wide, Dialect::Discord, TextLimit::chars(150));
    assert!(is_bare, "a head that takes most of each part is not repeated: {parts:#?}");
}

#[test]
fn a_heading_stays_with_its_text() {
    let text = format!("{}\n\n## Head\n\n{}", "word ".repeat(15), "text ".repeat(15));
    let parts = chars(&text, 90);
    assert!(parts[1].starts_with("## Head\n\ntext"), "{parts:#?}");
}

#[test]
fn a_reference_and_a_footnote_reach_their_part() {
    let text =
        format!("[a][x] and b[^1]\n\n{}\n\n[x]: https://e.org\n[^1]: note", "word ".repeat(40));
    let parts = split(&text, Dialect::TelegramHtml, TextLimit::chars(100));
    assert!(
        render(&parts[0], Dialect::TelegramHtml)
            .contains("<a href=\"https://e.org\">a</a> and b[1]"),
        "{parts:?}"
    );
    assert!(
        parts.last().is_some_and(|it| render(it, Dialect::Plain).ends_with("[1]: note")),
        "{parts:?}"
    );
}

#[test]
fn an_unfinished_text_shows_that_it_goes_on() {
    let limit = TextLimit::chars(60);
    assert_eq!(draft("this is **ha", Dialect::Discord, limit), "this is **ha …");
    let long = draft(&format!("**{}", "word ".repeat(40)), Dialect::Discord, limit);
    assert!(measure(&long, Dialect::Discord, Unit::Chars) <= 64 && long.ends_with('…'), "{long}");
    assert_eq!(draft("```\nx\n```", Dialect::Discord, limit), "```\nx\n```\n…");
}
