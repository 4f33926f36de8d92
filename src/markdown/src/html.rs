//! The blocks of mails and of Matrix, which are elements
//! (<https://spec.matrix.org/latest/client-server-api/#mroommessage-msgtypes>).

use crate::lines::Writer;
use crate::tree::{Kind, Node};

impl Writer {
    pub(crate) fn element(&mut self, node: &Node) {
        let nodes = &node.children;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are no blocks with blocks")]
        match &node.kind {
            Kind::Paragraph => self.within("p", nodes),
            Kind::Heading(level) => self.within(&format!("h{level}"), nodes),
            Kind::Quote => self.within("blockquote", nodes),
            Kind::List => match nodes.first().map(|it| &it.kind) {
                Some(Kind::Item(Some(1), _)) => self.within("ol", nodes),
                Some(Kind::Item(Some(first), _)) => {
                    self.within(&format!("ol start=\"{first}\""), nodes);
                }
                _ => self.within("ul", nodes),
            },
            Kind::Item(_, task) => {
                self.out.push_str("<li>");
                self.out.push_str(self.checkbox(*task, node));
                // Its first paragraph is not set apart.
                let first = nodes.first().filter(|it| it.kind == Kind::Paragraph);
                first.into_iter().for_each(|it| self.all(&it.children));
                self.all(&nodes[usize::from(first.is_some())..]);
                self.out.push_str("</li>");
            }
            Kind::Table => self.rows(nodes),
            Kind::Row => self.within("tr", nodes),
            _ => self.within("td", nodes),
        }
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
