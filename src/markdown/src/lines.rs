//! Writes a tree in a dialect: blocks as lines, with marks or tags in them. Markdown is a dialect too,
//! which is how a part is written; full HTML has its blocks in [`super::html`].

mod pieces;

use domain::outgoing::Dialect;

use crate::escape::{self, APART, language, write_text};
use crate::style::Style;
use crate::tree::{Format, Kind, Node};

pub(crate) fn write(nodes: &[Node], dialect: Dialect) -> String {
    let mut writer = Writer { dialect, ..Writer::default() };
    writer.all(nodes);
    writer.out
}

/// What the lines of a quote or an item begin with.
#[derive(Debug)]
struct Frame {
    first: String,
    rest: String,
    is_begun: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Writer {
    dialect: Dialect,
    pub(crate) out: String,
    /// Line breaks to write before what comes next.
    gap: usize,
    /// Something was written since the last quote or item began.
    is_begun: bool,
    /// Where the text of this line begins in `out`.
    line: usize,
    /// Where a format ended last in `out`.
    closed: Option<usize>,
    frames: Vec<Frame>,
    quotes: usize,
    /// What is open, with the mark that ends it.
    formats: Vec<(Format, &'static str)>,
    /// In a cell of a table, or in a heading: all in one line.
    is_one_line: bool,
    is_code: bool,
}

impl Writer {
    fn style(&self) -> &'static Style {
        Style::of(self.dialect)
    }

    fn is_source(&self) -> bool {
        self.style().is_source
    }

    pub(crate) fn all(&mut self, nodes: &[Node]) {
        nodes.iter().for_each(|it| self.node(it));
    }

    fn node(&mut self, node: &Node) {
        if self.style().has_elements && self.element(node) {
            return;
        }
        match &node.kind {
            Kind::Paragraph | Kind::Row | Kind::Cell => {
                self.block(2);
                self.all(&node.children);
            }
            Kind::Heading(level) => self.heading(*level, &node.children),
            Kind::Quote => self.quote(&node.children),
            Kind::List(first) => self.list(*first, &node.children),
            Kind::Item => self.all(&node.children),
            Kind::Code(info, text) => self.code(info, text),
            Kind::Rule => {
                self.block(2);
                self.raw(self.style().rule);
            }
            Kind::Table => self.table(&node.children),
            Kind::Format(format) => self.format(*format, &node.children),
            Kind::Link { url, is_image } => self.link(node, url, *is_image),
            Kind::Text(text) => self.text(text),
            Kind::Span(text) => self.span(text),
            Kind::Break => self.line_break(),
            Kind::Task(is_done) => self.raw(self.style().boxes[usize::from(*is_done)]),
        }
    }

    /// What follows begins at least so many lines further down.
    fn block(&mut self, lines: usize) {
        if self.is_begun && !self.style().has_elements {
            self.gap = self.gap.max(lines);
        }
    }

    /// Writes what is due before a text: line breaks, and what the line begins with.
    fn begin(&mut self) {
        let is_continued = 0 < self.gap || self.out.is_empty();
        if 1 < self.gap {
            let rest = self.frames.iter().filter(|it| it.is_begun).map(|it| it.rest.as_str());
            let rest = rest.collect::<String>();
            // Discord takes no sign for a quote without a space.
            let keeps = rest.ends_with("> ") && !self.is_source();
            let rest = if keeps { &rest } else { rest.trim_end() };
            self.out.push_str(&format!("\n{rest}").repeat(self.gap - 1));
        }
        self.out.push_str(if 0 < self.gap { "\n" } else { "" });
        if is_continued || self.frames.iter().any(|it| !it.is_begun) {
            let keeps = !self.is_code || self.is_source();
            for frame in &mut self.frames {
                if !frame.is_begun {
                    self.out.push_str(&frame.first);
                } else if is_continued && (keeps || frame.rest.starts_with('>')) {
                    self.out.push_str(&frame.rest);
                }
                frame.is_begun = true;
            }
            self.line = self.out.len();
        }
        (self.gap, self.is_begun) = (0, true);
    }

    /// Signs of ours.
    pub(crate) fn raw(&mut self, text: &str) {
        self.begin();
        self.out.push_str(text);
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.begin();
        let is_behind_mark = self.style().is_bare && self.closed == Some(self.out.len());
        if is_behind_mark && text.starts_with(char::is_alphanumeric) {
            self.out.push(APART);
        }
        write_text(&mut self.out, self.line, text, self.dialect);
    }

    fn line_break(&mut self) {
        if self.is_one_line {
            return self.raw(if self.is_source() { "<br>" } else { " " });
        }
        // A mark has no effect behind the end of its line.
        let open = if self.style().is_bare { self.formats.clone() } else { vec![] };
        open.iter().rev().for_each(|it| self.out.push_str(it.1));
        self.gap += 1;
        // A line may be empty only in Markdown; a text has one paragraph for it.
        if self.is_source() || !open.is_empty() {
            self.begin();
        }
        open.iter().for_each(|it| self.out.push_str(it.1));
    }

    /// A format in itself shows nothing more.
    fn format(&mut self, format: Format, nodes: &[Node]) {
        if self.formats.iter().any(|it| it.0 == format) {
            return self.all(nodes);
        }
        self.begin();
        let (mut open, mut close) = self.style().formats[format as usize];
        // Two in a row would be one.
        if open.starts_with('*') && !self.style().is_bare && self.closed == Some(self.out.len()) {
            (open, close) = if open == "*" { ("_", "_") } else { ("__", "__") };
        }
        if self.style().is_bare && self.out[self.line..].ends_with(char::is_alphanumeric) {
            self.out.push(APART);
        }
        self.out.push_str(open);
        self.formats.push((format, close));
        self.all(nodes);
        self.formats.pop();
        self.out.push_str(close);
        self.closed = Some(self.out.len());
    }

    fn heading(&mut self, level: usize, nodes: &[Node]) {
        self.block(2);
        let was = std::mem::replace(&mut self.is_one_line, true);
        if level <= self.style().headings {
            self.raw(&format!("{} ", "#".repeat(level)));
            self.all(nodes);
        } else {
            self.format(Format::Strong, nodes);
        }
        self.is_one_line = was;
    }

    fn quote(&mut self, nodes: &[Node]) {
        self.block(2);
        let is_shown = self.quotes < self.style().quotes;
        let (first, rest, end) = if is_shown { self.style().quote } else { ("", "", "") };
        self.quotes += 1;
        self.framed(first.to_owned(), rest.to_owned(), nodes);
        self.quotes -= 1;
        self.out.push_str(end);
    }

    fn list(&mut self, first: Option<u64>, items: &[Node]) {
        let in_item = self.frames.last().is_some_and(|it| it.rest.starts_with(' '));
        // Another number ends no paragraph in Markdown.
        let ends = !self.is_source() || first.is_none_or(|it| it == 1);
        self.block(if in_item && ends { 1 } else { 2 });
        for (item, at) in items.iter().zip(0..) {
            self.block(1);
            let number = first.map(|it| format!("{}. ", it.saturating_add(at)));
            let mark = number.unwrap_or_else(|| format!("{} ", self.style().bullet));
            let indent = if self.is_source() { mark.len() } else { mark.len().clamp(2, 3) };
            self.framed(mark, " ".repeat(indent), &item.children);
        }
    }

    fn framed(&mut self, first: String, rest: String, nodes: &[Node]) {
        self.frames.push(Frame { first, rest, is_begun: false });
        self.is_begun = false;
        self.all(nodes);
        if !self.is_begun {
            self.begin();
        }
        self.frames.pop();
    }

    fn code(&mut self, info: &str, text: &str) {
        let text = text.trim_end_matches('\n');
        if text.is_empty() && !self.is_source() {
            return;
        }
        self.block(2);
        let text = escape::code(text, self.dialect);
        let name = language(info);
        let (open, close) = name.map_or(self.style().code, |_| self.style().named_code);
        let mut open = open.replace("{}", name.unwrap_or_default());
        let mut close = close.to_owned();
        if self.is_source() {
            let fence = fence(&text, if info.contains('`') { '~' } else { '`' }, 3);
            open = format!("{fence}{}\n", info.trim());
            close = format!("{}{fence}", if text.is_empty() { "" } else { "\n" });
        }
        self.code_lines(&format!("{open}{text}{close}"));
    }

    /// Lines that are shown as they are: no list is indented there, but quotes go on.
    fn code_lines(&mut self, text: &str) {
        self.is_code = true;
        for (at, line) in text.split('\n').enumerate() {
            self.gap = if 0 < at { 1 } else { self.gap };
            self.raw(line);
        }
        self.is_code = false;
    }
}

/// More signs in a row than a text has, and so many at least.
fn fence(text: &str, sign: char, least: usize) -> String {
    let longest = text.split(|it| it != sign).map(str::len).max().unwrap_or(0);
    String::from(sign).repeat(longest.saturating_add(1).max(least))
}
