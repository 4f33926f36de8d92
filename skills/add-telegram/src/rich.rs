//! Markdown with tables as a rich message (Bot API 10.1,
//! <https://core.telegram.org/bots/api#inputrichmessage>).
//!
//! - Only texts with a table are sent that way. Some programs of Telegram's show an empty bubble or
//!   "not supported" instead of a rich message, and the server does not tell
//!   (<https://github.com/TelegramMessenger/Telegram-iOS/issues/2226>).
//! - The HTML is made here instead of giving the server the Markdown, because the server takes tags
//!   in it: with `<tg-button>` an agent could make buttons that look like the host's.

use pulldown_cmark::{Event, Tag, TagEnd};

use crate::html::{escape, language, parser};

/// `None` for a text without a table.
pub(crate) fn render(markdown: &str) -> Option<String> {
    let events: Vec<Event<'_>> = parser(markdown).collect();
    let is_table = |it: &Event<'_>| matches!(it, Event::Start(Tag::Table(_)));
    if !events.iter().any(is_table) {
        return None;
    }
    let mut writer = Writer::default();
    events.into_iter().for_each(|it| writer.take(it));
    Some(writer.out)
}

#[derive(Debug, Default)]
struct Writer {
    out: String,
    in_head: bool,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::InlineHtml(text) | Event::Html(text) => {
                self.out.push_str(&escape(&text));
            }
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.out.push_str(&format!("<code>{}</code>", escape(&text)));
            }
            Event::SoftBreak | Event::HardBreak => self.out.push_str("<br>"),
            Event::Rule => self.out.push_str("<hr/>"),
            Event::TaskListMarker(done) => self.out.push_str(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(name) => self.out.push_str(&escape(&format!("[{name}]"))),
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        let open = match tag {
            Tag::Paragraph | Tag::HtmlBlock => "<p>".into(),
            Tag::Heading { level, .. } => format!("<{level}>"),
            Tag::BlockQuote(_) => "<blockquote>".into(),
            Tag::CodeBlock(kind) => {
                let class = language(kind).map(|it| format!(" class=\"language-{it}\""));
                format!("<pre><code{}>", class.unwrap_or_default())
            }
            Tag::List(None) => "<ul>".into(),
            Tag::List(Some(first)) => format!("<ol start=\"{first}\">"),
            Tag::Item => "<li>".into(),
            Tag::Table(_) => "<table bordered striped>".into(),
            Tag::TableHead => {
                self.in_head = true;
                "<tr>".into()
            }
            Tag::TableRow => "<tr>".into(),
            Tag::TableCell => (if self.in_head { "<th>" } else { "<td>" }).into(),
            Tag::Emphasis => "<i>".into(),
            Tag::Strong => "<b>".into(),
            Tag::Strikethrough => "<s>".into(),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                format!("<a href=\"{}\">", escape(dest_url))
            }
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => String::new(),
        };
        self.out.push_str(&open);
    }

    fn end(&mut self, tag: TagEnd) {
        let close = match tag {
            TagEnd::Paragraph | TagEnd::HtmlBlock => "</p>".into(),
            TagEnd::Heading(level) => format!("</{level}>"),
            TagEnd::BlockQuote(_) => "</blockquote>".into(),
            TagEnd::CodeBlock => "</code></pre>".into(),
            TagEnd::List(false) => "</ul>".into(),
            TagEnd::List(true) => "</ol>".into(),
            TagEnd::Item => "</li>".into(),
            TagEnd::Table => "</table>".into(),
            TagEnd::TableHead => {
                self.in_head = false;
                "</tr>".into()
            }
            TagEnd::TableRow => "</tr>".into(),
            TagEnd::TableCell => (if self.in_head { "</th>" } else { "</td>" }).into(),
            TagEnd::Emphasis => "</i>".into(),
            TagEnd::Strong => "</b>".into(),
            TagEnd::Strikethrough => "</s>".into(),
            TagEnd::Link | TagEnd::Image => "</a>".into(),
            TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => String::new(),
        };
        self.out.push_str(&close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_with_a_table_is_worth_it() {
        assert_eq!(render("# a\n\n- b"), None);
        assert_eq!(render("`| a |`"), None);
        assert!(render("| a |\n|---|\n| b |").is_some());
    }

    #[test]
    fn blocks_become_the_tags_that_telegram_names() {
        let text =
            "## H\n\np *i*\nq\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n1. x\n2. y\n\n```c\nz\n```";
        let html = "<h2>H</h2><p>p <i>i</i><br>q</p>\
            <table bordered striped><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><code>2</code></td></tr></table>\
            <ol start=\"1\"><li>x</li><li>y</li></ol><pre><code class=\"language-c\">z\n</code></pre>";
        assert_eq!(render(text).as_deref(), Some(html));
    }

    #[test]
    fn nobody_makes_a_button_of_his_own() {
        let text =
            "| a |\n|---|\n| b |\n\n<tg-button type=\"callback_data\" data=\"yes\">x</tg-button>";
        let html = render(text).unwrap();
        assert!(!html.contains("<tg-button"), "{html}");
        assert!(html.contains("&lt;tg-button"));
    }
}
