//! The dialects in which a text has lines, with marks or tags in them: all but full HTML. Markdown is one
//! of them, which is how a part is written.

mod pieces;

use domain::outgoing::Dialect;

use crate::escape::{self, APART, has_bare_marks, language, write_text};
use crate::tree::{Doc, Kind, Node, Window};

pub(crate) fn write(doc: &Doc, window: Window, dialect: Dialect) -> String {
    let mut writer = Writer::new(window, dialect);
    writer.all(&doc.blocks);
    writer.out
}

pub(crate) fn checkbox(task: Option<bool>) -> &'static str {
    match task {
        None => "",
        Some(true) => "☑ ",
        Some(false) => "☐ ",
    }
}

/// A box stands before a paragraph.
pub(crate) fn has_box(window: Window, item: &Node) -> bool {
    window.of(&item.children).first().is_none_or(|it| it.kind == Kind::Paragraph)
}

/// What the lines of a quote or an item begin with.
#[derive(Debug)]
struct Frame {
    first: String,
    rest: String,
    is_begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Emphasis,
    Strong,
    Strike,
}

#[derive(Debug)]
struct Writer {
    dialect: Dialect,
    window: Window,
    out: String,
    /// Line breaks to write before what comes next.
    gap: usize,
    /// Nothing was written since a quote or an item began.
    is_fresh: bool,
    /// Where the text of this line begins in `out`.
    line: usize,
    /// Where a format ended last in `out`.
    closed: usize,
    frames: Vec<Frame>,
    /// What is open, with the mark that ends it.
    formats: Vec<(Format, &'static str)>,
    /// In a cell of a table, or in a heading: all in one line.
    is_one_line: bool,
    is_code: bool,
}

impl Writer {
    fn new(window: Window, dialect: Dialect) -> Self {
        Self {
            dialect,
            window,
            out: String::new(),
            gap: 0,
            is_fresh: true,
            line: 0,
            closed: usize::MAX,
            frames: vec![],
            formats: vec![],
            is_one_line: false,
            is_code: false,
        }
    }

    fn is_source(&self) -> bool {
        self.dialect == Dialect::Markdown
    }

    fn is_telegram(&self) -> bool {
        self.dialect == Dialect::TelegramHtml
    }

    fn all(&mut self, nodes: &[Node]) {
        let window = self.window;
        window.of(nodes).iter().for_each(|it| self.node(it));
    }

    fn node(&mut self, node: &Node) {
        match &node.kind {
            Kind::Paragraph | Kind::Row | Kind::Cell => {
                self.block(2);
                self.all(&node.children);
            }
            Kind::Heading(level) => self.heading(*level, &node.children),
            Kind::Quote => self.quote(&node.children),
            Kind::List { is_beside } => {
                let in_item = self.frames.last().is_some_and(|it| it.rest.starts_with(' '));
                let first = node.children.first().map(|it| &it.kind);
                // Another number ends no paragraph in Markdown.
                let ends =
                    !self.is_source() || matches!(first, Some(Kind::Item(None | Some(1), _)));
                self.block(if in_item && ends { 1 } else { 2 });
                for item in self.window.of(&node.children) {
                    self.item(item, *is_beside);
                }
            }
            Kind::Item(..) => self.item(node, false),
            Kind::Code(info, _) => self.code(info, self.window.text(node)),
            Kind::Rule => {
                self.block(2);
                self.raw(if self.is_source() { "***" } else { "———" });
            }
            Kind::Table => self.table(&node.children),
            Kind::Emphasis => self.format(Format::Emphasis, &node.children),
            Kind::Strong => self.format(Format::Strong, &node.children),
            Kind::Strike => self.format(Format::Strike, &node.children),
            Kind::Link { url, is_image } => self.link(node, url, *is_image),
            Kind::Text(_) => self.text(self.window.text(node)),
            Kind::Span(_) => self.span(self.window.text(node)),
            Kind::Break => self.line_break(),
        }
    }

    /// What follows begins at least so many lines further down.
    fn block(&mut self, lines: usize) {
        if !self.is_fresh {
            self.gap = self.gap.max(lines);
        }
    }

    /// Writes what is due before a text: line breaks, and what the line begins with.
    fn begin(&mut self) {
        let is_new =
            0 < self.gap || self.out.is_empty() || self.frames.iter().any(|it| !it.is_begun);
        for at in 0..self.gap {
            self.out.push('\n');
            if at + 1 < self.gap {
                let rest = self.frames.iter().filter(|it| it.is_begun).map(|it| it.rest.as_str());
                let rest = rest.collect::<String>();
                self.out.push_str(rest.trim_end());
                // Discord takes no sign for a quote without a space.
                let is_quote = rest.trim_end().ends_with('>');
                self.out.push_str(if is_quote && !self.is_source() { " " } else { "" });
            }
        }
        if is_new {
            let keeps = !self.is_code || self.dialect == Dialect::Markdown;
            let is_continued = 0 < self.gap || self.out.is_empty();
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
        (self.gap, self.is_fresh) = (0, false);
    }

    /// Signs of ours.
    fn raw(&mut self, text: &str) {
        self.begin();
        self.out.push_str(text);
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.begin();
        if self.closed == self.out.len()
            && has_bare_marks(self.dialect)
            && text.starts_with(char::is_alphanumeric)
        {
            self.out.push(APART);
        }
        write_text(&mut self.out, self.line, text, self.dialect);
    }

    fn line_break(&mut self) {
        if self.is_one_line {
            return self.raw(if self.is_source() { "<br>" } else { " " });
        }
        // A mark has no effect behind the end of its line.
        let open = if has_bare_marks(self.dialect) { self.formats.clone() } else { vec![] };
        open.iter().rev().for_each(|it| self.out.push_str(it.1));
        self.gap += 1;
        if self.is_source() {
            // A line may be empty only here; a text has one paragraph for it.
            self.begin();
        }
        if !open.is_empty() {
            self.begin();
            open.iter().for_each(|it| self.out.push_str(it.1));
        }
    }

    fn marks(&self, format: Format) -> (&'static str, &'static str) {
        let is_behind_mark = self.closed == self.out.len() && self.is_source();
        match (self.dialect, format) {
            (Dialect::TelegramHtml, Format::Emphasis) => ("<i>", "</i>"),
            (Dialect::TelegramHtml, Format::Strong) => ("<b>", "</b>"),
            (Dialect::TelegramHtml, Format::Strike) => ("<s>", "</s>"),
            (Dialect::Discord | Dialect::Markdown, Format::Emphasis) if is_behind_mark => {
                ("_", "_")
            }
            (Dialect::Discord | Dialect::Markdown, Format::Strong) if is_behind_mark => {
                ("__", "__")
            }
            (Dialect::Discord | Dialect::Markdown, Format::Emphasis) => ("*", "*"),
            (Dialect::Discord | Dialect::Markdown, Format::Strong) => ("**", "**"),
            (Dialect::Discord | Dialect::Markdown, Format::Strike) => ("~~", "~~"),
            (Dialect::Mrkdwn | Dialect::WhatsApp | Dialect::GoogleChat, Format::Emphasis) => {
                ("_", "_")
            }
            (Dialect::Mrkdwn | Dialect::WhatsApp | Dialect::GoogleChat, Format::Strong) => {
                ("*", "*")
            }
            (Dialect::Mrkdwn | Dialect::WhatsApp | Dialect::GoogleChat, Format::Strike) => {
                ("~", "~")
            }
            (Dialect::MatrixHtml | Dialect::MailHtml | Dialect::Plain, _) => ("", ""),
        }
    }

    /// A format in itself shows nothing more.
    fn format(&mut self, format: Format, nodes: &[Node]) {
        if self.formats.iter().any(|it| it.0 == format) {
            return self.all(nodes);
        }
        self.begin();
        let (open, close) = self.marks(format);
        if has_bare_marks(self.dialect) && self.out[self.line..].ends_with(char::is_alphanumeric) {
            self.out.push(APART);
        }
        self.out.push_str(open);
        self.formats.push((format, close));
        self.all(nodes);
        self.formats.pop();
        self.out.push_str(close);
        self.closed = self.out.len();
    }

    fn heading(&mut self, level: usize, nodes: &[Node]) {
        self.block(2);
        let was = std::mem::replace(&mut self.is_one_line, true);
        let is_native = self.is_source() || (self.dialect == Dialect::Discord && level <= 3);
        if is_native {
            self.raw(&format!("{} ", "#".repeat(level)));
            self.all(nodes);
        } else {
            self.format(Format::Strong, nodes);
        }
        self.is_one_line = was;
    }

    fn quote(&mut self, nodes: &[Node]) {
        self.block(2);
        // Only Markdown has quotes in quotes.
        let is_quoted = self.frames.iter().any(|it| it.first.starts_with('>'));
        let is_tagged = self.is_telegram() && !self.frames.iter().any(|it| it.first == QUOTED);
        let keeps_depth = matches!(self.dialect, Dialect::Markdown | Dialect::Plain);
        let begin = if is_tagged {
            QUOTED
        } else if self.is_telegram() || (is_quoted && !keeps_depth) {
            ""
        } else {
            "> "
        };
        let rest = if is_tagged { "" } else { begin };
        let frame = Frame { first: begin.to_owned(), rest: rest.to_owned(), is_begun: false };
        self.framed(frame, nodes);
        if is_tagged && !self.is_fresh {
            self.out.push_str("</blockquote>");
        }
    }

    fn item(&mut self, node: &Node, is_beside: bool) {
        let Kind::Item(number, task) = &node.kind else { return };
        self.block(1);
        let dash = if matches!(self.dialect, Dialect::TelegramHtml | Dialect::Mrkdwn) {
            "•"
        } else if self.is_source() && is_beside {
            "*"
        } else {
            "-"
        };
        let ends = if self.is_source() && is_beside { ")" } else { "." };
        let mark = number.map_or(format!("{dash} "), |it| format!("{it}{ends} "));
        let task = match task.filter(|_| has_box(self.window, node)) {
            Some(done) if self.is_source() => {
                if done {
                    "[x] "
                } else {
                    "[ ] "
                }
            }
            task => checkbox(task),
        };
        let indent = if self.is_source() { mark.len() } else { mark.len().clamp(2, 3) };
        let frame =
            Frame { first: format!("{mark}{task}"), rest: " ".repeat(indent), is_begun: false };
        self.framed(frame, &node.children);
        self.is_fresh = false;
    }

    fn framed(&mut self, frame: Frame, nodes: &[Node]) {
        self.frames.push(frame);
        self.is_fresh = true;
        self.all(nodes);
        if self.is_fresh && !nodes.is_empty() || nodes.is_empty() {
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
        match self.dialect {
            Dialect::TelegramHtml => {
                let class = name.map(|it| format!("<code class=\"language-{it}\">"));
                let end = if class.is_some() { "</code></pre>" } else { "</pre>" };
                self.code_lines(&format!("<pre>{}{text}{end}", class.unwrap_or_default()));
            }
            Dialect::Plain => self.code_lines(&text),
            Dialect::Markdown => {
                let sign = if info.contains('`') { "~" } else { "`" };
                let longest = text.split(|it| !sign.contains(it)).map(str::len).max();
                let fence = sign.repeat(longest.unwrap_or(0).saturating_add(1).max(3));
                let end = if text.is_empty() { "" } else { "\n" };
                self.code_lines(&format!("{fence}{}\n{text}{end}{fence}", info.trim()));
            }
            Dialect::Discord => {
                self.code_lines(&format!("```{}\n{text}\n```", name.unwrap_or_default()));
            }
            Dialect::Mrkdwn
            | Dialect::WhatsApp
            | Dialect::GoogleChat
            | Dialect::MatrixHtml
            | Dialect::MailHtml => self.code_lines(&format!("```\n{text}\n```")),
        }
    }

    /// Lines that are shown as they are: no list is indented there, but quotes go on.
    fn code_lines(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if 0 < at {
                self.gap = 1;
            }
            self.is_code = true;
            self.raw(line);
            self.is_code = false;
        }
    }
}

const QUOTED: &str = "<blockquote>";
