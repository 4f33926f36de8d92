//! The blocks of mails and of Matrix, which are elements
//! (<https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes>).

use crate::lines::Writer;
use crate::tree::{Kind, Node};

impl Writer {
    /// Writes what is an element in HTML alone; or says that it is none.
    pub(crate) fn element(&mut self, node: &Node) -> bool {
        let nodes = &node.children;
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others are as elsewhere")]
        match &node.kind {
            Kind::Paragraph => self.within("p", nodes),
            Kind::Heading(level) => self.within(&format!("h{level}"), nodes),
            Kind::Quote => self.within("blockquote", nodes),
            Kind::List(None) => self.within("ul", nodes),
            Kind::List(Some(1)) => self.within("ol", nodes),
            Kind::List(Some(first)) => self.within(&format!("ol start=\"{first}\""), nodes),
            Kind::Item => match nodes.split_first() {
                // Its first paragraph is not set apart.
                Some((Node { kind: Kind::Paragraph, children, .. }, rest)) => {
                    self.within("li", &[children, rest].concat());
                }
                _ => self.within("li", nodes),
            },
            Kind::Table => self.rows(nodes),
            Kind::Row => self.within("tr", nodes),
            Kind::Cell => self.within("td", nodes),
            Kind::Break => self.raw("<br>"),
            _ => return false,
        }
        true
    }

    fn within(&mut self, tag: &str, nodes: &[Node]) {
        self.out.push_str(&format!("<{tag}>"));
        self.all(nodes);
        self.out.push_str(&format!("</{}>", tag.split(' ').next().unwrap_or_default()));
    }

    fn rows(&mut self, rows: &[Node]) {
        let Some((head, rows)) = rows.split_first() else { return };
        self.out.push_str("<table><thead><tr>");
        head.children.iter().for_each(|it| self.within("th", &it.children));
        self.out.push_str("</tr></thead><tbody>");
        self.all(rows);
        self.out.push_str("</tbody></table>");
    }
}
