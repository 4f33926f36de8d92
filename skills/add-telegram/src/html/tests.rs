//! Markdown as models write it, and what Telegram is given.

use proptest::prelude::*;

use super::*;

fn html(markdown: &str) -> String {
    render(markdown).out
}

#[test]
fn inline_formats_become_tags() {
    assert_eq!(html("a **b** *c* ~~d~~ `e`"), "a <b>b</b> <i>c</i> <s>d</s> <code>e</code>");
    assert_eq!(html("***x***"), "<i><b>x</b></i>");
    assert_eq!(
        html("[a *b*](https://e.org/?x=1&y=2)"),
        "<a href=\"https://e.org/?x=1&amp;y=2\">a <i>b</i></a>"
    );
    assert_eq!(html("![pic](https://e.org/a.png)"), "<a href=\"https://e.org/a.png\">pic</a>");
}

#[test]
fn what_is_not_markdown_is_escaped() {
    assert_eq!(html("1 < 2 && <b>x</b>"), "1 &lt; 2 &amp;&amp; &lt;b&gt;x&lt;/b&gt;");
    assert_eq!(html("<div>\nx\n</div>\n\ny"), "&lt;div&gt;\nx\n&lt;/div&gt;\n\ny");
    assert_eq!(
        html("[x](<https://e.org/\"onclick>)"),
        "<a href=\"https://e.org/&quot;onclick\">x</a>"
    );
    assert_eq!(html("snake_case_name and 2*3*4"), "snake_case_name and 2<i>3</i>4");
}

#[test]
fn blocks_are_set_apart_and_lines_are_kept() {
    assert_eq!(html("# A **b**\ntext\nmore\n\nlast"), "<b>A b</b>\n\ntext\nmore\n\nlast");
    assert_eq!(html("a\n\n---\n\nb"), "a\n\n———\n\nb");
    assert_eq!(html("> a\n>\n> > b\n\nc"), "<blockquote>a\n\nb</blockquote>\n\nc");
}

#[test]
fn lists_have_bullets_numbers_and_boxes() {
    assert_eq!(html("x\n\n- a\n- b\n  - c\n\ny"), "x\n\n• a\n• b\n   • c\n\ny");
    assert_eq!(html("3. a\n4. **b**"), "3. a\n4. <b>b</b>");
    assert_eq!(html("- a\n\n- b"), "• a\n• b");
    assert_eq!(html("- [x] a\n- [ ] b"), "• ☑ a\n• ☐ b");
    assert_eq!(html("- a\n\n  ```\n  f()\n  ```"), "• a\n\n<pre>f()</pre>");
}

#[test]
fn code_keeps_its_language_and_its_signs() {
    let shown = "<pre><code class=\"language-rust\">let a = &amp;b;\n  x</code></pre>\n\nend";
    assert_eq!(html("```rust\nlet a = &b;\n  x\n```\nend"), shown);
    assert_eq!(html("```\n*a*\n```"), "<pre>*a*</pre>");
    assert_eq!(html("    indented"), "<pre>indented</pre>");
    assert_eq!(html("```\"><b>\nx\n```"), "<pre>x</pre>");
    assert_eq!(html("**`x`**"), "<b><code>x</code></b>");
}

#[test]
fn a_table_becomes_aligned_text() {
    let shown = html("| Name | N |\n|---|--:|\n| a **b** | 1 |\n| `cd<` | 22 |");
    assert_eq!(shown, "<pre>Name | N\n-----|---\na b  | 1\ncd&lt;  | 22</pre>");
}

#[test]
fn the_length_counts_what_a_reader_sees() {
    assert_eq!(render("**😀** [x](https://e.org)").units, 4);
    assert_eq!(render("a\n\n- b").units, 1 + 2 + 3);
    assert_eq!(render("&lt;").units, 1);
    assert_eq!(render("").units, 0);
}

#[test]
fn what_tags_make_empty_or_too_long_is_not_shown_with_them() {
    assert_eq!(within("**a**", 1).as_deref(), Some("<b>a</b>"));
    assert_eq!((within("**ab**", 1), within("", 5)), (None, None));
}

#[test]
fn nobody_makes_a_button_of_his_own() {
    let shown =
        html("| a |\n|---|\n| b |\n\n<tg-button type=\"callback_data\" data=\"yes\">x</tg-button>");
    assert!(shown.contains("&lt;tg-button") && !shown.contains("<tg-button"), "{shown}");
}

proptest! {
    #[test]
    fn whatever_is_written_tags_are_balanced_and_known(text in r#"[ -~\n*_`~<>&#|\[\]()!+.-]{0,300}"#) {
        let rendered = render(&text);
        let mut open: Vec<String> = Vec::new();
        let mut rest = rendered.out.as_str();
        let mut visible = String::new();
        while let Some(at) = rest.find('<') {
            visible.push_str(&rest[..at]);
            let end = at + rest[at..].find('>').expect("a tag ends");
            let tag = &rest[at + 1..end];
            rest = &rest[end + 1..];
            if let Some(name) = tag.strip_prefix('/') {
                let expected = open.pop();
                prop_assert_eq!(expected.as_deref(), Some(name));
            } else {
                let name = tag.split(' ').next().unwrap_or_default().to_owned();
                prop_assert!(["b", "i", "s", "a", "code", "pre", "blockquote"].contains(&name.as_str()), "{}", tag);
                prop_assert!(name == "code" || !open.contains(&name), "{} in itself", name);
                open.push(name);
            }
        }
        visible.push_str(rest);
        prop_assert!(open.is_empty(), "{:?}", open);
        prop_assert!(!visible.contains('>'));
        let seen = visible.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        prop_assert_eq!(Unit::Utf16.measure(&seen), rendered.units);
    }
}
