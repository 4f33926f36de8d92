//! Markdown as Telegram's small HTML (<https://core.telegram.org/bots/api#html-style>). What that
//! cannot show becomes plain signs: headings are bold, lists have bullets, tables are aligned text.
//! Everything that is not Markdown is escaped, so nobody writes a tag of his own.

use domain::outgoing::Unit;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

pub(crate) fn parser(markdown: &str) -> Parser<'_> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    Parser::new_ext(markdown, options)
}

/// A text with tags, and how long a reader finds it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) html: String,
    /// UTF-16 code units without the tags.
    pub(crate) units: usize,
}

pub(crate) fn render(markdown: &str) -> Rendered {
    let mut writer = Writer::default();
    for event in parser(markdown) {
        writer.take(event);
    }
    Rendered { html: writer.out, units: writer.units }
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a language may be called in a class of ours.
pub(crate) fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    let CodeBlockKind::Fenced(info) = kind else { return None };
    let name = info.split([' ', ',']).next().unwrap_or_default();
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '+' | '-' | '#' | '.' | '_');
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

#[derive(Debug, Default)]
struct Writer {
    out: String,
    units: usize,
    /// Line breaks to write before whatever comes next.
    gap: usize,
    /// Nothing was written since a quote or an item began.
    fresh: bool,
    /// The numbers of the lists that are open; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// How often each tag is open; Telegram does not nest a tag in itself.
    open: [usize; 5],
    /// The code of a block, and its language.
    code: Option<(String, Option<String>)>,
    table: Option<Table>,
}

#[derive(Clone, Copy)]
enum Span {
    Bold,
    Italic,
    Strike,
    Link,
    Quote,
}

impl Span {
    fn name(self) -> &'static str {
        match self {
            Self::Bold => "b",
            Self::Italic => "i",
            Self::Strike => "s",
            Self::Link => "a",
            Self::Quote => "blockquote",
        }
    }
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
                self.code(&text);
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

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.block(2),
            Tag::Heading { .. } => {
                self.block(2);
                self.enter(Span::Bold, "");
            }
            Tag::BlockQuote(_) => {
                self.block(2);
                self.enter(Span::Quote, "");
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
            Tag::Table(_) => {
                self.block(2);
                self.table = Some(Table::default());
            }
            Tag::TableHead | Tag::TableRow => self.table.iter_mut().for_each(Table::row),
            Tag::TableCell => self.table.iter_mut().for_each(Table::cell),
            Tag::Emphasis => self.enter(Span::Italic, ""),
            Tag::Strong => self.enter(Span::Bold, ""),
            Tag::Strikethrough => self.enter(Span::Strike, ""),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.enter(Span::Link, &format!(" href=\"{}\"", escape(&dest_url)));
            }
            Tag::FootnoteDefinition(_)
            | Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::Strong => self.leave(Span::Bold),
            TagEnd::BlockQuote(_) => self.leave(Span::Quote),
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::Table => self.table(),
            TagEnd::Emphasis => self.leave(Span::Italic),
            TagEnd::Strikethrough => self.leave(Span::Strike),
            TagEnd::Link | TagEnd::Image => self.leave(Span::Link),
            TagEnd::Paragraph
            | TagEnd::HtmlBlock
            | TagEnd::Item
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::FootnoteDefinition
            | TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
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
        } else if let Some(table) = &mut self.table {
            table.push(text);
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

    fn enter(&mut self, span: Span, attributes: &str) {
        if self.table.is_some() {
            return;
        }
        let open = &mut self.open[span as usize];
        *open += 1;
        if *open == 1 {
            self.tag(&format!("<{}{attributes}>", span.name()));
        }
    }

    fn leave(&mut self, span: Span) {
        if self.table.is_some() {
            return;
        }
        let open = &mut self.open[span as usize];
        *open = open.saturating_sub(1);
        if *open == 0 {
            self.out.push_str(&format!("</{}>", span.name()));
        }
    }

    fn code(&mut self, text: &str) {
        if self.table.is_some() {
            return self.text(text);
        }
        self.tag("<code>");
        self.text(text);
        self.out.push_str("</code>");
    }

    fn code_block(&mut self) {
        let Some((code, language)) = self.code.take() else { return };
        let code = code.trim_end_matches('\n');
        if code.is_empty() {
            return;
        }
        match language {
            Some(language) => {
                self.tag(&format!("<pre><code class=\"language-{language}\">"));
                self.text(code);
                self.out.push_str("</code></pre>");
            }
            None => {
                self.tag("<pre>");
                self.text(code);
                self.out.push_str("</pre>");
            }
        }
    }

    fn table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.tag("<pre>");
        self.text(&table.aligned());
        self.out.push_str("</pre>");
    }
}

#[derive(Debug, Default)]
struct Table(Vec<Vec<String>>);

impl Table {
    fn row(&mut self) {
        self.0.push(Vec::new());
    }

    fn cell(&mut self) {
        self.0.iter_mut().next_back().into_iter().for_each(|it| it.push(String::new()));
    }

    fn push(&mut self, text: &str) {
        let cell = self.0.last_mut().and_then(|it| it.last_mut());
        cell.into_iter().for_each(|it| it.push_str(&text.replace('\n', " ")));
    }

    /// Columns below each other, a line below the head.
    fn aligned(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or_default();
        let chars = |cell: &String| cell.chars().count();
        let width = |column| self.0.iter().filter_map(|it| it.get(column)).map(chars).max();
        let widths: Vec<usize> = (0..columns).map(|it| width(it).unwrap_or_default()).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned()
        };
        let mut lines: Vec<String> = self.0.iter().map(line).collect();
        let dashes: Vec<String> = widths.iter().map(|&it| "-".repeat(it)).collect();
        lines.insert(lines.len().min(1), dashes.join("-+-"));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests;
