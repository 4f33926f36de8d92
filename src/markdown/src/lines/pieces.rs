//! Code within a line, links, and tables.

use domain::outgoing::Dialect;
use unicode_width::UnicodeWidthStr;

use super::Writer;
use crate::escape::{entities, link};
use crate::tree::{Node, Window};

impl Writer {
    pub(super) fn span(&mut self, text: &str) {
        let fenced = |fence: &str| format!("{fence}{}{fence}", entities(text, self.dialect));
        let shown = match self.dialect {
            Dialect::TelegramHtml => format!("<code>{}</code>", entities(text, self.dialect)),
            Dialect::Plain => text.to_owned(),
            Dialect::Discord | Dialect::Markdown => {
                let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or(0);
                let fence = "`".repeat(longest + 1);
                let is_edged = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
                let pad = if is_edged && !text.trim().is_empty() { " " } else { "" };
                let is_cell = self.is_one_line && self.is_source();
                let text = if is_cell { text.replace('|', "\\|") } else { text.to_owned() };
                format!("{fence}{pad}{text}{pad}{fence}")
            }
            Dialect::Mrkdwn | Dialect::WhatsApp | Dialect::GoogleChat if text.contains('`') => {
                return self.text(text);
            }
            Dialect::Mrkdwn
            | Dialect::WhatsApp
            | Dialect::GoogleChat
            | Dialect::MatrixHtml
            | Dialect::MailHtml => fenced("`"),
        };
        self.raw(&shown);
    }

    pub(super) fn link(&mut self, node: &Node, url: &str, is_image: bool) {
        let label = plain(self.window, node);
        let target = link(url, self.dialect);
        let bare = url.strip_prefix("mailto:").unwrap_or(url);
        let is_bare = label.is_empty() || label == bare || label == url;
        if self.is_source() {
            return self.source_link(node, url, is_image);
        }
        let is_in_text = matches!(self.dialect, Dialect::WhatsApp | Dialect::Plain);
        match (self.dialect, target) {
            (Dialect::TelegramHtml, None) if label.is_empty() => self.text(url),
            (Dialect::TelegramHtml, None) => self.all(&node.children),
            (Dialect::TelegramHtml, Some(url)) => {
                self.raw(&format!("<a href=\"{url}\">"));
                if label.is_empty() {
                    self.text(bare)
                } else {
                    self.all(&node.children)
                }
                self.out.push_str("</a>");
            }
            (_, _) if is_bare => self.text(bare),
            (_, None) if url.starts_with('#') => self.all(&node.children),
            (Dialect::Discord, Some(url)) => {
                self.raw("[");
                self.all(&node.children);
                self.out.push_str(&format!("]({url})"));
            }
            (Dialect::Mrkdwn | Dialect::GoogleChat, Some(url))
                if !label.contains(['>', '|', '\n']) =>
            {
                self.raw(&format!("<{url}|"));
                self.all(&node.children);
                self.out.push('>');
            }
            (_, target) => {
                self.all(&node.children);
                let shown = target.filter(|_| is_in_text).unwrap_or_default();
                if shown.is_empty() {
                    self.text(&format!(" ({url})"))
                } else {
                    self.text(&format!(" ({bare})"))
                }
            }
        }
    }

    fn source_link(&mut self, node: &Node, url: &str, is_image: bool) {
        self.raw(if is_image { "![" } else { "[" });
        self.all(&node.children);
        let is_simple = |it: char| it.is_ascii_alphanumeric() || "-._~:/?#@!$'*+,;=%".contains(it);
        if !url.is_empty() && url.chars().all(is_simple) {
            return self.out.push_str(&format!("]({url})"));
        }
        let mut target = String::new();
        for c in url.chars().filter(|it| !matches!(it, '\n' | '\r')) {
            match c {
                '&' => target.push_str("&amp;"),
                '\\' | '<' | '>' | '|' => target.extend(['\\', c]),
                c => target.push(c),
            }
        }
        self.out.push_str(&format!("](<{target}>)"));
    }

    /// A table that is a block of code with straight columns, where there is no other; in Markdown, itself.
    pub(super) fn table(&mut self, rows: &[Node]) {
        let (Some((head, rest)), window) = (rows.split_first(), self.window) else { return };
        if !self.is_source() {
            let cells = |window: Window, row: &Node| -> Vec<String> {
                row.children.iter().map(|it| plain(window, it)).collect()
            };
            let rows = window.of(rest).iter().map(|it| cells(window, it));
            let rows = std::iter::once(cells(Window::WHOLE, head)).chain(rows).collect::<Vec<_>>();
            return self.code("", &drawn(&rows));
        }
        self.block(2);
        let was = std::mem::replace(&mut self.is_one_line, true);
        self.window = Window::WHOLE;
        self.row(head);
        self.window = window;
        self.gap = 1;
        self.raw(&format!("|{}", "---|".repeat(head.children.len())));
        for row in window.of(rest) {
            self.gap = 1;
            self.row(row);
        }
        self.is_one_line = was;
    }

    fn row(&mut self, row: &Node) {
        self.raw("|");
        for cell in &row.children {
            self.out.push(' ');
            self.all(&cell.children);
            self.out.push_str(" |");
        }
    }
}

/// What a reader sees of a node where nothing has a format.
fn plain(window: Window, node: &Node) -> String {
    let mut writer = Writer::new(window, Dialect::Plain);
    writer.is_one_line = true;
    writer.all(&node.children);
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
    for (at, row) in rows.iter().enumerate() {
        let padded = |(cell, width): (&String, &usize)| {
            format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
        };
        let cells: Vec<String> = row.iter().zip(&widths).map(padded).collect();
        lines.push(cells.join(" | ").trim_end().to_owned());
        if at == 0 {
            lines.push(widths.iter().map(|it| "-".repeat(*it)).collect::<Vec<_>>().join("-|-"));
        }
    }
    lines.join("\n")
}
