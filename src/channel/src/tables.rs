//! Tables of Markdown for platforms that have none: they become blocks of code, in which columns line up. Pure.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

const FENCE: &str = "```";

/// The same text, with its tables drawn.
pub fn draw(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    let mut table: Vec<Vec<String>> = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        if let Event::Start(Tag::Table(_)) = event {
            table.clear();
        } else if let Event::Start(Tag::TableHead | Tag::TableRow) = event {
            table.push(Vec::new());
        } else if let Event::Start(Tag::TableCell) = event {
            if let Some(row) = table.last_mut() {
                row.push(cell(&text[range]));
            }
        } else if let Event::End(TagEnd::Table) = event
            // A fence within a cell would end the block.
            && !text[range.clone()].contains(FENCE)
            && let Some(indent) = indent(&text[..range.start])
        {
            out.push_str(&text[done..range.start]);
            out.push_str(&block(&table, indent));
            done = range.end;
        }
    }
    out.push_str(&text[done..]);
    out
}

/// What each line of a list or quote begins with; `None` where the table does not begin its line.
fn indent(before: &str) -> Option<&str> {
    let indent = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
    indent.chars().all(|it| matches!(it, ' ' | '>')).then_some(indent)
}

/// What a cell shows in a block of code, where formats are not shown.
fn cell(source: &str) -> String {
    let inner = source.trim().trim_start_matches('|');
    inner.replace("\\|", "|").replace("**", "").replace('`', "").trim().to_owned()
}

fn block(rows: &[Vec<String>], indent: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let length = |it: &String| it.chars().count();
    let width = |at: usize| rows.iter().filter_map(|it| it.get(at)).map(length).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut lines = vec![FENCE.to_owned()];
    for (at, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        lines.push(cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned());
        if at == 0 {
            let rule = widths.iter().map(|it| "-".repeat(*it));
            lines.push(rule.collect::<Vec<_>>().join("-|-"));
        }
    }
    lines.push(FENCE.to_owned());
    lines.join(&format!("\n{indent}")) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_becomes_a_block_in_which_columns_line_up() {
        let text = "Prices:\n\n| fruit | price |\n|---|---:|\n| **apple** | 1 |\n| fig | 12 \\| 13 |\n\nThat's all.";
        let drawn = "Prices:\n\n```\nfruit | price\n------|--------\napple | 1\nfig   | 12 | 13\n```\n\nThat's all.";
        assert_eq!(draw(text), drawn);
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for text in [
            "",
            "**bold** _it_ `code` [link](https://example.org) | a | b |",
            "```\n| a | b |\n|---|---|\n| 1 | 2 |\n```",
            "# head\n> quote\n- list\n  - inner\n||spoiler|| <@1> &amp;",
        ] {
            assert_eq!(draw(text), text);
        }
    }

    #[test]
    fn a_table_in_a_list_or_a_quote_stays_there() {
        assert_eq!(draw("> |a|\n> |-|\n> |1|\n\nb"), "> ```\n> a\n> -\n> 1\n> ```\n\nb");
        assert_eq!(draw("- x\n\n  |a|\n  |-|\n  |1|\n"), "- x\n\n  ```\n  a\n  -\n  1\n  ```\n");
    }

    #[test]
    fn a_table_at_the_end_and_one_with_too_few_cells_are_drawn() {
        assert_eq!(draw("|a|bb|\n|-|-|\n|1|"), "```\na | bb\n--|---\n1 |\n```\n");
    }
}
