//! Code within a line, links, and tables.

use domain::outgoing::Dialect;
use unicode_width::UnicodeWidthStr;

use super::{Writer, fence};
use crate::escape;
use crate::tree::Node;

impl Writer {
    pub(super) fn span(&mut self, text: &str) {
        let (open, close) = self.style().span;
        if self.style().is_bare && text.contains('`') {
            return self.text(text);
        }
        if self.style().is_bare || open != "`" {
            return self.raw(&format!("{open}{}{close}", escape::code(text, self.dialect)));
        }
        let fence = fence(text, '`', 1);
        let is_edged = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
        let pad = if is_edged && !text.trim().is_empty() { " " } else { "" };
        let is_cell = self.is_one_line && self.is_source();
        let text = if is_cell { text.replace('|', "\\|") } else { text.to_owned() };
        self.raw(&format!("{fence}{pad}{text}{pad}{fence}"));
    }

    pub(super) fn link(&mut self, node: &Node, url: &str, is_image: bool) {
        if self.is_source() {
            return self.source_link(node, url, is_image);
        }
        let (label, is_tag) = (plain(&node.children), self.style().is_html);
        let bare = url.strip_prefix("mailto:").unwrap_or(url);
        let is_bare = label.is_empty() || (!is_tag && (label == bare || label == url));
        // Such a text would end its link.
        let fits =
            is_tag || !(is_bare || (self.style().is_bare && label.contains(['>', '|', '\n'])));
        let target = escape::link(url, self.dialect).filter(|_| fits);
        let marks = self.style().link.zip(target);
        if let Some(((open, _), target)) = &marks {
            self.raw(&open.replace("{}", target));
        }
        if is_bare {
            self.text(bare);
        } else {
            self.all(&node.children);
        }
        match marks {
            Some(((_, close), target)) => self.out.push_str(&close.replace("{}", &target)),
            None if is_bare || is_tag || url.starts_with('#') => {}
            None => self.text(&format!(" ({bare})")),
        }
    }

    fn source_link(&mut self, node: &Node, url: &str, is_image: bool) {
        self.raw(if is_image { "![" } else { "[" });
        self.all(&node.children);
        let is_simple = |it: char| it.is_ascii_alphanumeric() || "-._~:/?#@!$'*+,;=%".contains(it);
        if !url.is_empty() && url.chars().all(is_simple) {
            return self.out.push_str(&format!("]({url})"));
        }
        let mut target = url.replace(['\n', '\r'], "").replace('\\', "\\\\").replace('&', "&amp;");
        for sign in ['<', '>', '|'] {
            target = target.replace(sign, &format!("\\{sign}"));
        }
        self.out.push_str(&format!("](<{target}>)"));
    }

    /// A table that is a block of code with straight columns, where there is no other; in Markdown, itself.
    pub(super) fn table(&mut self, rows: &[Node]) {
        if !self.is_source() {
            let cells = |row: &Node| row.children.iter().map(|it| plain(&it.children)).collect();
            return self.code("", &drawn(&rows.iter().map(cells).collect::<Vec<_>>()));
        }
        self.block(2);
        let was = std::mem::replace(&mut self.is_one_line, true);
        for (at, row) in rows.iter().enumerate() {
            self.raw("|");
            for cell in &row.children {
                self.out.push(' ');
                self.all(&cell.children);
                self.out.push_str(" |");
            }
            self.gap = 1;
            if at == 0 {
                self.raw(&format!("|{}", "---|".repeat(row.children.len())));
                self.gap = 1;
            }
        }
        self.is_one_line = was;
    }
}

/// What a reader sees of nodes where nothing has a format.
fn plain(nodes: &[Node]) -> String {
    let mut writer = Writer { dialect: Dialect::Plain, is_one_line: true, ..Writer::default() };
    writer.all(nodes);
    writer.out
}

/// Columns of a drawn table together, in signs; a wider one is not padded, or one long cell would make every row
/// as long.
const WIDTH_MAX: usize = 200;

fn drawn(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widest = |at: usize| rows.iter().filter_map(|it| it.get(at)).map(|it| it.width()).max();
    let mut widths: Vec<usize> = (0..columns).map(|it| widest(it).unwrap_or(0)).collect();
    if WIDTH_MAX < widths.iter().sum() {
        widths.fill(3);
    }
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for row in rows {
        let padded = |(cell, width): (&String, &usize)| {
            format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
        };
        let cells: Vec<String> = row.iter().zip(&widths).map(padded).collect();
        lines.push(cells.join(" | ").trim_end().to_owned());
    }
    let ruled = widths.iter().map(|it| "-".repeat(*it)).collect::<Vec<_>>().join("-|-");
    lines.insert(lines.len().min(1), ruled);
    lines.join("\n")
}
