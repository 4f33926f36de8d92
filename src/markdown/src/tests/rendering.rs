//! Markdown as models write it, and what each platform is given.

use domain::outgoing::{Dialect, Unit};
use proptest::prelude::*;

use crate::style::Style;
use crate::{measure, render};

fn html(markdown: &str) -> String {
    render(markdown, Dialect::TelegramHtml)
}

#[test]
fn every_dialect_with_tags_escapes_what_could_be_one() {
    for style in super::splitting::DIALECTS.map(Style::of) {
        let has_tags = style.formats[0].0.starts_with('<');
        let escaped = style.entities.iter().map(|it| it.0).collect::<String>();
        assert_eq!([has_tags, has_tags], [style.is_html, escaped == "&<>\""], "{style:?}");
    }
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
fn nobody_is_called_by_name_on_telegram_and_addresses_and_code_stay_as_they_are() {
    let called = "ask @ann_b, (@Carl) or @**dora**";
    assert_eq!(html(called), "ask @\u{200b}ann_b, (@\u{200b}Carl) or @\u{200b}<b>dora</b>");
    assert_eq!(html("http://@eve_f"), "http://@\u{200b}eve_f", "that is no page");
    let stays = "mail a.b@example.org, see https://m.example/@ann_b?x or @bob, 5 @ 3";
    assert_eq!(html(stays), stays);
    assert_eq!(html("`@decorator`"), "<code>@decorator</code>");
    assert_eq!(html("```\n@decorator\n```"), "<pre>@decorator</pre>");
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
fn telegram_counts_what_a_reader_sees() {
    let units = |text: &str| measure(text, Dialect::TelegramHtml, Unit::Utf16);
    assert_eq!(units("**😀** [x](https://e.org)"), 4);
    assert_eq!(units("a\n\n- b"), 1 + 2 + 3);
    assert_eq!((units("&lt;"), units("")), (1, 0));
    assert_eq!(measure("a & b", Dialect::Mrkdwn, Unit::Chars), 9);
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
        let shown = html(&text);
        let mut open: Vec<String> = Vec::new();
        let mut rest = shown.as_str();
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
        prop_assert_eq!(Unit::Utf16.measure(&seen), measure(&text, Dialect::TelegramHtml, Unit::Utf16));
    }
}

/// What each line-based dialect shows of one text.
fn shown(markdown: &str) -> [String; 6] {
    use Dialect::{Discord, GoogleChat, MatrixHtml, Mrkdwn, Plain, WhatsApp};
    [Discord, Mrkdwn, WhatsApp, GoogleChat, MatrixHtml, Plain].map(|it| render(markdown, it))
}

#[test]
fn each_platform_gets_its_own_marks() {
    let text = "# A **b**\n\n*c* **d** ~~e~~ `f` [g](https://e.org/?x=1&y=2)";
    assert_eq!(
        shown(text),
        [
            "# A **b**\n\n*c* **d** ~~e~~ `f` [g](https://e.org/?x=1&y=2)",
            "*A b*\n\n_c_ *d* ~e~ `f` <https://e.org/?x=1&amp;y=2|g>",
            "*A b*\n\n_c_ *d* ~e~ `f` g (https://e.org/?x=1&y=2)",
            "*A b*\n\n_c_ *d* ~e~ `f` <https://e.org/?x=1&y=2|g>",
            "<h1>A <strong>b</strong></h1><p><em>c</em> <strong>d</strong> <del>e</del> \
             <code>f</code> <a href=\"https://e.org/?x=1&amp;y=2\">g</a></p>",
            "A b\n\nc d e f g (https://e.org/?x=1&y=2)",
        ]
    );
    assert_eq!(render("#### A", Dialect::Discord), "**A**");
    assert_eq!(render("a**b**c\n**d\ne**", Dialect::Mrkdwn), "a\u{200b}*b*\u{200b}c\n*d*\n*e*");
}

#[test]
fn blocks_go_into_each_other_as_far_as_a_platform_can() {
    let text = "> a\n>\n> > b\n\n1. c\n2. d\n   - [x] e\n\n     f\n- [ ] g\n\n~~~~rust\n```\n~~~~";
    assert_eq!(
        render(text, Dialect::Discord),
        "> a\n> \n> b\n\n1. c\n2. d\n   - ☑ e\n\n     f\n\n- ☐ g\n\n\
         ```rust\n`\u{200b}`\u{200b}`\n```"
    );
    assert_eq!(
        render("2. a\n3. b\n\n   ```\n   c\n   ```", Dialect::MatrixHtml),
        "<ol start=\"2\"><li>a</li><li>b<pre><code>c</code></pre></li></ol>"
    );
    assert_eq!(
        render("- a\n\n  ```\n  f\n  ```\n> ```\n> g\n> ```", Dialect::Discord),
        "- a\n\n```\nf\n```\n\n> ```\n> g\n> ```"
    );
}

#[test]
fn columns_line_up_where_signs_are_wide() {
    let text = "| 日本 | b |\n|---|---|\n| a | [x](https://e.org) |";
    let drawn = "日本 | b\n-----|------------------\na    | x (https://e.org)";
    assert_eq!(render(text, Dialect::Plain), drawn);
    assert_eq!(render("> |a|\n> |-|\n> |1|", Dialect::Discord), "> ```\n> a\n> -\n> 1\n> ```");
    assert!(render(text, Dialect::MailHtml).contains("<th>日本</th>"));
}

#[test]
fn what_has_no_format_is_said_in_words() {
    assert_eq!(html("x[^1]\n\n[^1]: note *y*"), "x[1]\n\n[1]: note <i>y</i>");
    assert_eq!(
        html("<details>\n<summary>More</summary>\n\na<br>b <kbd>k</kbd><!-- no -->\n\n</details>"),
        "More\n\na\nb k"
    );
    assert_eq!(
        html("    a\n\n***\n\n<https://e.org> Vec<String>"),
        "<pre>a</pre>\n\n———\n\n<a href=\"https://e.org\">https://e.org</a> Vec&lt;String&gt;"
    );
    assert_eq!(shown("<a@e.org> ![](https://e.org/p.png)")[5], "a@e.org https://e.org/p.png");
}

#[test]
fn no_text_becomes_a_format_or_a_call() {
    let text = r"\*a\* \_b\_ <!channel> <@U1> <users/all> <@1> @room `<!here>` \> c";
    let [discord, slack, _, google, matrix, plain] = shown(text);
    assert_eq!(discord, r"\*a\* \_b\_ <!channel> \<@U1> <users/all> \<@1> @room `<!here>` > c");
    assert_eq!(
        slack,
        "\u{200b}*\u{200b}a* _\u{200b}b_ &lt;!channel&gt; &lt;@U1&gt; &lt;users/all&gt; &lt;@1&gt; @room `&lt;!here&gt;` &gt; c"
    );
    assert!(!google.contains("<users/all>"), "{google}");
    for code in ["`<users/all>`", "```\n<users/all>\n```"] {
        let shown = render(code, Dialect::GoogleChat);
        assert!(shown.contains('<') && !shown.contains("<users/"), "{shown}");
        assert!(
            !render(&code.replace("<users/all>", "@room"), Dialect::MatrixHtml).contains("@room")
        );
    }
    assert!(!matrix.contains("@room") && !matrix.contains("<@"), "{matrix}");
    assert_eq!(plain, "*a* _b_ <!channel> <@U1> <users/all> <@1> @room <!here> > c");
    for (dialect, text) in [
        (Dialect::Discord, "\\# a\n\\- b\n\\> c\n1\\. d"),
        (Dialect::Discord, "\\`a\\` \\|\\|b\\|\\| \\[c\\](https://e.org)"),
    ] {
        let again = render(&render(text, dialect), Dialect::Plain);
        assert_eq!(again, render(text, Dialect::Plain));
    }
    assert_eq!(render("\\> a\nb\n\\- c", Dialect::Mrkdwn), "\u{200b}&gt; a\nb\n\u{200b}- c");
    assert_eq!(
        render("see https://e.org/a_b_*c and a_b_c 2 * 3", Dialect::Discord),
        "see https://e.org/a_b_*c and a_b_c 2 * 3"
    );
}

#[test]
fn a_link_shows_a_page_and_does_nothing_else() {
    for url in [
        "javascript:alert(1)",
        "JavaScript:x",
        "data:text/html,x",
        "tg://user?id=1",
        "src/a.rs",
        "#top",
        "file:///etc",
    ] {
        let text = format!("[a]({url})");
        assert_eq!(html(&text), "a", "{url}");
        assert_eq!(render(&text, Dialect::MailHtml), "<p>a</p>");
        assert!(!render(&text, Dialect::Mrkdwn).contains('<'));
    }
    assert_eq!(render("[Ann](https://matrix.to/#/@ann:e.org)", Dialect::MatrixHtml), "<p>Ann</p>");
    assert_eq!(
        render("[a|b>](https://e.org/<x>|y)", Dialect::Mrkdwn),
        "a|b&gt; (https://e.org/&lt;x&gt;|y)"
    );
    assert_eq!(
        html("[a](<https://e.org/\"&gt;&lt;b>)"),
        "<a href=\"https://e.org/&quot;&gt;&lt;b\">a</a>"
    );
}

#[test]
fn a_block_of_code_ends_where_it_was_ended() {
    for dialect in [Dialect::Discord, Dialect::Mrkdwn, Dialect::WhatsApp, Dialect::GoogleChat] {
        let shown = render("````\n```\n<!channel>\n````", dialect);
        assert_eq!(shown.matches("```").count(), 2, "{shown}");
    }
    assert_eq!(render("``a`b``", Dialect::Discord), "``a`b``");
    assert!(!render("``a`b``", Dialect::Mrkdwn).starts_with('`'));
}
