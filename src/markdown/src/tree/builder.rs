//! Makes the tree of what a parser reads.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, LinkType, Tag, TagEnd};

use super::{DEPTH_MAX, Doc, Kind, Node};

#[derive(Debug, Default)]
pub(super) struct Builder {
    done: Vec<Node>,
    open: Vec<Node>,
    /// Blocks that are open and too deep to be shown.
    over: usize,
    /// The top of `open` is a paragraph that nobody wrote.
    is_implied: bool,
    html: String,
    /// The numbers that the lists go on with.
    numbers: Vec<Option<u64>>,
}

impl Builder {
    pub(super) fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match self.open.last_mut() {
                Some(Node { kind: Kind::Code(_, code), .. }) => code.push_str(&text),
                Some(_) | None => self.lines(&text),
            },
            Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                self.leaf(Kind::Span(text.into_string()));
            }
            Event::Html(text) => self.html.push_str(&text),
            Event::InlineHtml(text) => self.html(&text),
            Event::SoftBreak | Event::HardBreak => self.leaf(Kind::Break),
            Event::Rule => {
                self.open(Kind::Rule);
                self.close();
            }
            Event::TaskListMarker(done) if 0 == self.over => {
                let item = self.open.iter_mut().rev().find(|it| matches!(it.kind, Kind::Item(..)));
                if let Some(Node { kind: Kind::Item(_, task), .. }) = item {
                    *task = Some(done);
                }
            }
            Event::TaskListMarker(_) => {}
            Event::FootnoteReference(name) => self.lines(&format!("[{name}]")),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        let kind = match tag {
            Tag::Paragraph => Kind::Paragraph,
            Tag::HtmlBlock => {
                self.end_implied();
                Kind::Paragraph
            }
            Tag::Heading { level, .. } => Kind::Heading(level as usize),
            Tag::BlockQuote(_) => Kind::Quote,
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                Kind::Code(info.into_string(), String::new())
            }
            Tag::CodeBlock(CodeBlockKind::Indented) => Kind::Code(String::new(), String::new()),
            Tag::List(first) => {
                self.numbers.push(first);
                Kind::List { is_beside: false }
            }
            Tag::Item => Kind::Item(self.number(), None),
            Tag::Table(_) => Kind::Table,
            Tag::TableHead | Tag::TableRow => Kind::Row,
            Tag::TableCell => Kind::Cell,
            Tag::Emphasis => Kind::Emphasis,
            Tag::Strong => Kind::Strong,
            Tag::Strikethrough => Kind::Strike,
            Tag::Link { dest_url, link_type, .. } => link(dest_url, link_type, false),
            Tag::Image { dest_url, link_type, .. } => link(dest_url, link_type, true),
            Tag::FootnoteDefinition(name) => {
                self.end_implied();
                return self.lines(&format!("[{name}]: "));
            }
            Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => return,
        };
        self.open(kind);
    }

    fn number(&mut self) -> Option<u64> {
        let next = self.numbers.last_mut()?.as_mut()?;
        let number = *next;
        *next = number.saturating_add(1);
        Some(number)
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::HtmlBlock => {
                let html = std::mem::take(&mut self.html);
                self.html(html.trim_end());
                self.close();
            }
            TagEnd::List(_) => {
                self.numbers.pop();
                self.close();
            }
            TagEnd::FootnoteDefinition => self.end_implied(),
            TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
            TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::BlockQuote(_)
            | TagEnd::CodeBlock
            | TagEnd::Item
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image => self.close(),
        }
    }

    pub(super) fn open(&mut self, kind: Kind) {
        // A picture in a link is its text: no platform has links in links.
        let is_link = |kind: &Kind| matches!(kind, Kind::Link { .. });
        let is_nested = is_link(&kind) && self.open.iter().any(|it| is_link(&it.kind));
        if 0 < self.over || is_nested || DEPTH_MAX < self.open.len() + kind.depth() {
            self.over += 1;
            return;
        }
        if kind == Kind::Paragraph && self.is_implied {
            // The first paragraph of a footnote goes on behind its name.
            self.is_implied = false;
            return;
        }
        self.make_room(kind.is_inline());
        self.open.push(Node { kind, start: 0, end: 0, children: vec![] });
    }

    /// Formats stand in a paragraph, blocks do not.
    fn make_room(&mut self, is_inline: bool) {
        let top = self.open.last().map(|it| &it.kind);
        if !is_inline {
            self.end_implied();
        } else if matches!(top, None | Some(Kind::Item(..) | Kind::Quote | Kind::List { .. })) {
            let kind = Kind::Paragraph;
            self.open.push(Node { kind, start: 0, end: 0, children: vec![] });
            self.is_implied = true;
        }
    }

    fn end_implied(&mut self) {
        if self.is_implied {
            self.pop();
        }
    }

    pub(super) fn close(&mut self) {
        if 0 < self.over {
            self.over -= 1;
            return;
        }
        // The paragraph that nobody wrote ends with what it stands in.
        if self.open.last().is_some_and(|it| it.kind == Kind::Paragraph) {
            self.end_implied();
        }
        self.pop();
    }

    fn pop(&mut self) {
        let Some(mut node) = self.open.pop() else { return };
        if node.kind == Kind::Paragraph {
            self.is_implied = false;
            let is_blank = |it: &Node| it.kind == Kind::Break;
            while node.children.last().is_some_and(is_blank) {
                node.children.pop();
            }
            let breaks = node.children.iter().take_while(|it| is_blank(it)).count();
            node.children.drain(..breaks);
        }
        if let Kind::Code(_, code) = &mut node.kind {
            code.truncate(code.trim_end_matches('\n').len());
        }
        // What is empty shows nothing.
        let shows = !node.children.is_empty() || node.kind.shows_empty();
        let siblings = self.open.last_mut().map_or(&mut self.done, |it| &mut it.children);
        if let Kind::List { is_beside } = &mut node.kind
            && let Some(Kind::List { is_beside: before }) = siblings.last().map(|it| &it.kind)
        {
            *is_beside = !before;
        }
        if shows {
            siblings.push(node);
        }
    }

    fn leaf(&mut self, kind: Kind) {
        self.make_room(true);
        let Some(top) = self.open.last_mut() else { return };
        let in_line = matches!(top.kind, Kind::Heading(_));
        let kind = if in_line && kind == Kind::Break { Kind::Text(" ".to_owned()) } else { kind };
        if let (Kind::Text(text), Some(Node { kind: Kind::Text(before), .. })) =
            (&kind, top.children.last_mut())
        {
            before.push_str(text);
        } else {
            top.children.push(Node { kind, start: 0, end: 0, children: vec![] });
        }
    }

    /// A text that may have several lines.
    pub(super) fn lines(&mut self, text: &str) {
        for (at, line) in text.split('\n').enumerate() {
            if 0 < at {
                self.leaf(Kind::Break);
            }
            let line = line.trim_end_matches('\r');
            if !line.is_empty() {
                self.leaf(Kind::Text(line.to_owned()));
            }
        }
    }

    /// HTML is text, since models write `Vec<String>`; but a few tags mean what no text says.
    fn html(&mut self, mut html: &str) {
        while let Some(at) = html.find('<') {
            self.lines(&html[..at]);
            html = &html[at..];
            let end = if html.starts_with("<!--") { "-->" } else { ">" };
            let Some(length) = html.find(end).map(|it| it + end.len()) else { break };
            let name = html[1..length].trim_start_matches('/').to_ascii_lowercase();
            let name = name.split(|it: char| !it.is_ascii_alphanumeric()).next();
            match name.unwrap_or_default() {
                "br" => self.leaf(Kind::Break),
                "details" | "summary" | "kbd" | "sub" | "sup" | "ins" | "mark" | "small" => {}
                "" if html.starts_with("<!--") => {}
                _ => self.lines(&html[..length]),
            }
            html = &html[length..];
        }
        if !html.is_empty() {
            self.lines(html);
        }
    }

    pub(super) fn finish(mut self) -> Doc {
        while !self.open.is_empty() {
            self.pop();
        }
        let end = number(&mut self.done, 0);
        Doc { blocks: self.done, end }
    }
}

fn link(url: CowStr<'_>, link_type: LinkType, is_image: bool) -> Kind {
    let is_mail = link_type == LinkType::Email;
    let url = if is_mail { format!("mailto:{url}") } else { url.into_string() };
    Kind::Link { url, is_image }
}

/// Gives each node its places, from `at` on.
fn number(nodes: &mut [Node], mut at: usize) -> usize {
    for node in nodes {
        node.start = at;
        let inner =
            node.kind.text().map_or_else(|| number(&mut node.children, at), |it| at + it.len());
        node.end = inner.max(at + 1);
        at = node.end;
    }
    at
}
