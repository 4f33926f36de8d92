//! Markdown as Telegram's small HTML (<https://core.telegram.org/bots/api#html-style>). What that
//! cannot show becomes plain signs: headings are bold, lists have bullets, tables are aligned text.
//! Everything that is not Markdown is escaped, so nobody writes a tag of his own.

use channel::tables;
use domain::outgoing::Unit;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// What is rendered here, to the server.
pub(crate) const PARSE_MODE: &str = "HTML";

/// The text with tags; `None` where these show nothing, or more than `max` UTF-16 code units.
pub(crate) fn within(markdown: &str, max: usize) -> Option<String> {
    let rendered = render(markdown);
    (1..=max).contains(&rendered.units).then_some(rendered.out)
}

fn render(markdown: &str) -> Writer {
    let markdown = tables::draw(markdown);
    let mut writer = Writer::default();
    let options = Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    Parser::new_ext(&markdown, options).for_each(|it| writer.take(it));
    writer
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a language may be called in a class of ours.
fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    let CodeBlockKind::Fenced(info) = kind else { return None };
    let name = info.split([' ', ',']).next().unwrap_or_default();
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '-' | '#' | '.' | '_');
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

#[derive(Debug, Default)]
struct Writer {
    out: String,
    /// UTF-16 code units without the tags.
    units: usize,
    /// Line breaks to write before whatever comes next.
    gap: usize,
    /// Nothing was written since a quote or an item began.
    fresh: bool,
    /// The numbers of the lists that are open; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// The tags that are open; Telegram does not nest a tag in itself.
    open: Vec<&'static str>,
    /// The code of a block, and its language.
    code: Option<(String, Option<String>)>,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Html(text) => {
                self.text(text.trim_end_matches('\n'));
                self.block(1);
            }
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.tag("<code>");
                self.text(&text);
                self.out.push_str("</code>");
            }
            Event::SoftBreak | Event::HardBreak => self.text("\n"),
            Event::Rule => {
                self.block(2);
                self.text("———");
            }
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(name) => self.text(&format!("[{name}]")),
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else is asked for")]
    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.block(2),
            Tag::Heading { .. } => {
                self.block(2);
                self.enter("b", "");
            }
            Tag::BlockQuote(_) => {
                self.block(2);
                self.enter("blockquote", "");
                self.fresh = true;
            }
            Tag::CodeBlock(kind) => {
                self.block(2);
                self.code = Some((String::new(), language(&kind)));
            }
            Tag::List(first) => {
                self.block(if self.lists.is_empty() { 2 } else { 1 });
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Emphasis => self.enter("i", ""),
            Tag::Strong => self.enter("b", ""),
            Tag::Strikethrough => self.enter("s", ""),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.enter("a", &format!(" href=\"{}\"", escape(&dest_url)));
            }
            _ => {}
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else is asked for")]
    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_)
            | TagEnd::Strong
            | TagEnd::BlockQuote(_)
            | TagEnd::Emphasis
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image => self.leave(),
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => drop(self.lists.pop()),
            _ => {}
        }
    }

    /// What follows begins at least so many lines further down.
    fn block(&mut self, lines: usize) {
        if !self.fresh && !self.out.is_empty() {
            self.gap = self.gap.max(lines);
        }
    }

    fn item(&mut self) {
        self.block(1);
        let depth = self.lists.len().saturating_sub(1);
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            Some(None) | None => "• ".to_owned(),
        };
        self.text(&format!("{}{mark}", "   ".repeat(depth)));
        self.fresh = true;
    }

    /// The visible part.
    fn text(&mut self, text: &str) {
        if let Some((code, _)) = &mut self.code {
            code.push_str(text);
        } else if !text.is_empty() {
            self.tag("");
            self.out.push_str(&escape(text));
            self.units += Unit::Utf16.measure(text);
            self.fresh = false;
        }
    }

    /// Text of ours that is not seen, with the line breaks that were due.
    fn tag(&mut self, tag: &str) {
        self.out.push_str(&"\n".repeat(self.gap));
        self.units += self.gap;
        self.gap = 0;
        self.out.push_str(tag);
    }

    fn enter(&mut self, name: &'static str, attributes: &str) {
        if !self.open.contains(&name) {
            self.tag(&format!("<{name}{attributes}>"));
        }
        self.open.push(name);
    }

    fn leave(&mut self) {
        if let Some(name) = self.open.pop()
            && !self.open.contains(&name)
        {
            self.out.push_str(&format!("</{name}>"));
        }
    }

    fn code_block(&mut self) {
        let Some((code, language)) = self.code.take() else { return };
        let code = code.trim_end_matches('\n');
        if code.is_empty() {
            return;
        }
        let class = language.map(|it| format!("<code class=\"language-{it}\">"));
        let end = if class.is_some() { "</code></pre>" } else { "</pre>" };
        self.tag(&format!("<pre>{}", class.unwrap_or_default()));
        self.text(code);
        self.out.push_str(end);
    }
}

#[cfg(test)]
mod tests;
