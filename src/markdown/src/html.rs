//! The HTML of mails and of Matrix
//! (<https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes>).

use domain::outgoing::Dialect;

use crate::escape::{APART, entities, language, link};
use crate::lines::{checkbox, has_box};
use crate::tree::{Doc, Kind, Node, Window};

pub(crate) fn write(doc: &Doc, window: Window, dialect: Dialect) -> String {
    let mut writer = Writer { out: String::new(), window, dialect };
    writer.all(&doc.blocks);
    writer.out
}

#[derive(Debug)]
struct Writer {
    out: String,
    window: Window,
    dialect: Dialect,
}

impl Writer {
    fn all(&mut self, nodes: &[Node]) {
        let window = self.window;
        window.of(nodes).iter().for_each(|it| self.node(it));
    }

    fn within(&mut self, tag: &str, nodes: &[Node]) {
        self.out.push_str(&format!("<{tag}>"));
        self.all(nodes);
        self.out.push_str(&format!("</{}>", tag.split(' ').next().unwrap_or_default()));
    }

    fn text(&mut self, text: &str) {
        let text = entities(text, self.dialect);
        // A room is called as a whole by this word.
        let calls = self.dialect == Dialect::MatrixHtml && text.contains("@room");
        let apart = format!("@{APART}room");
        self.out.push_str(&if calls { text.replace("@room", &apart).into() } else { text });
    }

    fn node(&mut self, node: &Node) {
        let window = self.window;
        match &node.kind {
            Kind::Paragraph => self.within("p", &node.children),
            Kind::Heading(level) => self.within(&format!("h{level}"), &node.children),
            Kind::Quote => self.within("blockquote", &node.children),
            Kind::List { .. } => {
                let first = window.of(&node.children).first().map(|it| &it.kind);
                match first {
                    Some(Kind::Item(Some(1), _)) => self.within("ol", &node.children),
                    Some(Kind::Item(Some(number), _)) => {
                        self.within(&format!("ol start=\"{number}\""), &node.children);
                    }
                    _ => self.within("ul", &node.children),
                }
            }
            Kind::Item(_, task) => self.item(node, *task),
            Kind::Code(info, _) => {
                let class = language(info).map(|it| format!(" class=\"language-{it}\""));
                self.out.push_str(&format!("<pre><code{}>", class.unwrap_or_default()));
                self.text(window.text(node));
                self.out.push_str("</code></pre>");
            }
            Kind::Rule => self.out.push_str("<hr>"),
            Kind::Table => self.table(&node.children),
            Kind::Row => self.within("tr", &node.children),
            Kind::Cell => self.within("td", &node.children),
            Kind::Emphasis => self.within("em", &node.children),
            Kind::Strong => self.within("strong", &node.children),
            Kind::Strike => self.within("del", &node.children),
            Kind::Link { url, .. } => {
                let target = link(url, self.dialect);
                if let Some(url) = &target {
                    self.out.push_str(&format!("<a href=\"{url}\">"));
                }
                if node.children.is_empty() {
                    self.text(url);
                }
                self.all(&node.children);
                self.out.push_str(if target.is_some() { "</a>" } else { "" });
            }
            Kind::Text(_) => self.text(window.text(node)),
            Kind::Span(_) => {
                self.out.push_str("<code>");
                self.text(window.text(node));
                self.out.push_str("</code>");
            }
            Kind::Break => self.out.push_str("<br>"),
        }
    }

    /// Its first paragraph is not set apart.
    fn item(&mut self, node: &Node, task: Option<bool>) {
        self.out.push_str("<li>");
        self.out.push_str(checkbox(task.filter(|_| has_box(self.window, node))));
        let shown = self.window.of(&node.children);
        match shown.split_first() {
            Some((first, rest)) if first.kind == Kind::Paragraph => {
                self.all(&first.children);
                self.all(rest);
            }
            Some(_) | None => self.all(shown),
        }
        self.out.push_str("</li>");
    }

    fn table(&mut self, rows: &[Node]) {
        let Some((head, rows)) = rows.split_first() else { return };
        self.out.push_str("<table><thead><tr>");
        let window = std::mem::replace(&mut self.window, Window::WHOLE);
        head.children.iter().for_each(|it| self.within("th", &it.children));
        self.window = window;
        self.out.push_str("</tr></thead><tbody>");
        for row in window.of(rows) {
            self.out.push_str("<tr>");
            row.children.iter().for_each(|it| self.within("td", &it.children));
            self.out.push_str("</tr>");
        }
        self.out.push_str("</tbody></table>");
    }
}
