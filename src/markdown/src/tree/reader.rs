//! Makes the tree of what a parser reads.

use std::mem::take;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag};

use super::{Format, Kind, Node};

/// Deeper blocks and formats are shown as if they were at this depth.
const DEPTH_MAX: usize = 16;

pub(super) struct Reader<'a> {
    events: Parser<'a>,
    depth: usize,
    in_link: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(markdown: &'a str) -> Self {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        let events = Parser::new_ext(markdown, options);
        Self { events, depth: 0, in_link: false }
    }

    /// Formats stand in a paragraph there, even in one that nobody wrote.
    pub(super) fn blocks(&mut self) -> Vec<Node> {
        let (mut out, mut line) = (vec![], vec![]);
        for node in self.nodes() {
            if node.kind.is_inline() {
                line.push(node);
            } else {
                out.extend(paragraph(take(&mut line)));
                out.push(node);
            }
        }
        out.extend(paragraph(take(&mut line)));
        out
    }

    /// What stands up to the end of what was begun last.
    fn nodes(&mut self) -> Vec<Node> {
        let (mut out, mut over) = (vec![], 0);
        while let Some(event) = self.events.next() {
            match event {
                Event::Start(tag) if 0 == over => over += usize::from(!self.node(&mut out, &tag)),
                Event::Start(_) => over += 1,
                Event::End(_) if 0 == over => break,
                Event::End(_) => over -= 1,
                Event::Text(text) => lines(&mut out, &text),
                Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
                    leaf(&mut out, Kind::Span(text.into_string()));
                }
                Event::Html(text) | Event::InlineHtml(text) => html(&mut out, &text),
                Event::SoftBreak | Event::HardBreak => leaf(&mut out, Kind::Break),
                Event::Rule => leaf(&mut out, Kind::Rule),
                Event::TaskListMarker(done) => leaf(&mut out, Kind::Task(done)),
                Event::FootnoteReference(name) => lines(&mut out, &format!("[{name}]")),
            }
        }
        out
    }

    /// Reads up to its end; or not, where nothing shows of it but what is in it.
    fn node(&mut self, out: &mut Vec<Node>, tag: &Tag<'_>) -> bool {
        if let Tag::FootnoteDefinition(name) = tag {
            out.extend(self.footnote(name));
            return true;
        }
        let Some(mut kind) = kind(tag) else { return false };
        // How many kinds have to fit in before there is a text.
        let levels = if kind == Kind::Table { 4 } else { 1 };
        // A picture in a link is its text: no platform has links in links.
        let is_link = matches!(kind, Kind::Link { .. });
        if is_link && self.in_link || DEPTH_MAX < self.depth + levels {
            return false;
        }
        self.depth += 1;
        self.in_link |= is_link;
        let mut children = vec![];
        if let Kind::Code(_, code) = &mut kind {
            let text = self.text();
            text.trim_end_matches('\n').clone_into(code);
        } else if *tag == Tag::HtmlBlock {
            html(&mut children, self.text().trim_end());
        } else {
            let has_blocks = matches!(kind, Kind::Quote | Kind::Item);
            children = if has_blocks { self.blocks() } else { self.nodes() };
        }
        self.in_link &= !is_link;
        self.depth -= 1;
        if kind == Kind::Paragraph {
            out.extend(paragraph(children));
        } else if !children.is_empty() || shows_empty(&kind) {
            out.push(Node::new(kind, children));
        }
        true
    }

    /// Its first paragraph goes on behind its name.
    fn footnote(&mut self, name: &str) -> Vec<Node> {
        let name = Node::new(Kind::Text(format!("[{name}]: ")), vec![]);
        let mut blocks = self.blocks();
        match blocks.first_mut() {
            Some(Node { kind: Kind::Paragraph, children, .. }) => children.insert(0, name),
            _ => blocks.insert(0, Node::new(Kind::Paragraph, vec![name])),
        }
        blocks
    }

    /// What is in a block without formats.
    fn text(&mut self) -> String {
        let mut out = String::new();
        for event in self.events.by_ref().take_while(|it| !matches!(it, Event::End(_))) {
            if let Event::Text(text) | Event::Html(text) = event {
                out.push_str(&text);
            }
        }
        out
    }
}

fn kind(tag: &Tag<'_>) -> Option<Kind> {
    let kind = match tag {
        Tag::Paragraph | Tag::HtmlBlock => Kind::Paragraph,
        Tag::Heading { level, .. } => Kind::Heading(*level as usize),
        Tag::BlockQuote(_) => Kind::Quote,
        Tag::CodeBlock(CodeBlockKind::Fenced(info)) => Kind::Code(info.to_string(), String::new()),
        Tag::CodeBlock(CodeBlockKind::Indented) => Kind::Code(String::new(), String::new()),
        Tag::List(first) => Kind::List(*first),
        Tag::Item => Kind::Item,
        Tag::Table(_) => Kind::Table,
        Tag::TableHead | Tag::TableRow => Kind::Row,
        Tag::TableCell => Kind::Cell,
        Tag::Emphasis => Kind::Format(Format::Emphasis),
        Tag::Strong => Kind::Format(Format::Strong),
        Tag::Strikethrough => Kind::Format(Format::Strike),
        Tag::Link { dest_url, link_type, .. } => link(dest_url, *link_type, false),
        Tag::Image { dest_url, link_type, .. } => link(dest_url, *link_type, true),
        Tag::FootnoteDefinition(_)
        | Tag::DefinitionList
        | Tag::DefinitionListTitle
        | Tag::DefinitionListDefinition
        | Tag::Superscript
        | Tag::Subscript
        | Tag::MetadataBlock(_) => return None,
    };
    Some(kind)
}

/// Whether it shows something with nothing in it.
fn shows_empty(kind: &Kind) -> bool {
    use Kind::{Format, Heading, List, Paragraph, Quote, Table};
    !matches!(kind, Paragraph | Heading(_) | Quote | List(_) | Table | Format(_))
}

fn link(url: &CowStr<'_>, link_type: LinkType, is_image: bool) -> Kind {
    let scheme = if link_type == LinkType::Email { "mailto:" } else { "" };
    Kind::Link { url: format!("{scheme}{url}"), is_image }
}

/// A paragraph of what was in it; nothing where that shows nothing.
fn paragraph(mut nodes: Vec<Node>) -> Option<Node> {
    let is_blank = |it: &Node| it.kind == Kind::Break;
    while nodes.last().is_some_and(is_blank) {
        nodes.pop();
    }
    nodes.drain(..nodes.iter().take_while(|it| is_blank(it)).count());
    (!nodes.is_empty()).then(|| Node::new(Kind::Paragraph, nodes))
}

/// A paragraph without formats.
pub(super) fn literal(text: &str) -> Option<Node> {
    let mut out = vec![];
    lines(&mut out, text);
    paragraph(out)
}

fn leaf(out: &mut Vec<Node>, kind: Kind) {
    if let (Kind::Text(text), Some(Node { kind: Kind::Text(before), .. })) = (&kind, out.last_mut())
    {
        before.push_str(text);
    } else {
        out.push(Node::new(kind, vec![]));
    }
}

/// A text that may have several lines.
fn lines(out: &mut Vec<Node>, text: &str) {
    for (at, line) in text.split('\n').enumerate() {
        if 0 < at {
            leaf(out, Kind::Break);
        }
        let line = line.trim_end_matches('\r');
        if !line.is_empty() {
            leaf(out, Kind::Text(line.to_owned()));
        }
    }
}

/// HTML is text, since models write `Vec<String>`; but a few tags mean what no text says.
fn html(out: &mut Vec<Node>, mut html: &str) {
    while let Some(at) = html.find('<') {
        lines(out, &html[..at]);
        html = &html[at..];
        let is_comment = html.starts_with("<!--");
        let end = if is_comment { "-->" } else { ">" };
        let Some(length) = html.find(end).map(|it| it + end.len()) else { break };
        let name = html[1..length].trim_start_matches('/').to_ascii_lowercase();
        let name = name.split(|it: char| !it.is_ascii_alphanumeric()).next();
        match name.unwrap_or_default() {
            "br" => leaf(out, Kind::Break),
            "details" | "summary" | "kbd" | "sub" | "sup" | "ins" | "mark" | "small" => {}
            _ if is_comment => {}
            _ => lines(out, &html[..length]),
        }
        html = &html[length..];
    }
    lines(out, html);
}
