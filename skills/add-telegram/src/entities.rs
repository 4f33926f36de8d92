//! What Telegram marks in a text: formats, mentions, commands
//! (<https://core.telegram.org/bots/api#messageentity>).

use std::ops::Range;

use crate::types::{Bot, Entity};

/// The bot is named in the text: `@bot`, a mention by id, or `/command@bot`.
pub(crate) fn names_bot(text: &str, entities: &[Entity], me: &Bot) -> bool {
    entities.iter().any(|entity| match entity.kind.as_str() {
        "mention" => {
            let named = range(text, entity).and_then(|it| text.get(it)?.strip_prefix('@'));
            named.is_some_and(|it| is_username(it, me))
        }
        "text_mention" => entity.user["id"] == me.id,
        "bot_command" => own_suffix(text, entity, me).is_some(),
        _ => false,
    })
}

/// The text as Markdown, with `/help@bot` turned into `/help`. Formats that Markdown has no plain
/// way for are left out; no character of the text is.
pub(crate) fn to_markdown(text: &str, entities: &[Entity], me: &Bot) -> String {
    let mut edits: Vec<Edit> = Vec::new();
    for entity in entities {
        if let Some(suffix) = own_suffix(text, entity, me) {
            edits.push(Edit {
                at: suffix.start,
                rank: (1, 0),
                insert: String::new(),
                drop: suffix.len(),
            });
        } else if let Some((range, before, after)) = marks(text, entity) {
            // At one place, what is inside closes first and what is outside opens first.
            let inner_first = (0, text.len() - range.start);
            let outer_first = (1, text.len() - range.end);
            edits.push(Edit { at: range.end, rank: inner_first, insert: after, drop: 0 });
            edits.push(Edit { at: range.start, rank: outer_first, insert: before, drop: 0 });
        }
    }
    // A close belongs before an open; of two closes the one that began later comes first.
    edits.sort_by_key(|it| (it.at, it.rank));
    apply(text, &edits)
}

struct Edit {
    at: usize,
    rank: (u8, usize),
    insert: String,
    /// How many bytes of the text go away behind `at`.
    drop: usize,
}

fn apply(text: &str, edits: &[Edit]) -> String {
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for edit in edits {
        out.push_str(text.get(done..edit.at).unwrap_or_default());
        out.push_str(&edit.insert);
        done = done.max(edit.at + edit.drop);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// Where the marks of an entity go, and which.
fn marks(text: &str, entity: &Entity) -> Option<(Range<usize>, String, String)> {
    let whole = range(text, entity)?;
    let inner = text.get(whole.clone())?;
    let both = |mark: &str| (mark.to_owned(), mark.to_owned());
    let (before, after) = match entity.kind.as_str() {
        "bold" => both("**"),
        "italic" => both("_"),
        "strikethrough" => both("~~"),
        "code" if !inner.contains('`') => both("`"),
        "pre" if !inner.contains("```") => {
            let at_line_start = whole.start == 0 || text[..whole.start].ends_with('\n');
            let language = entity.language.as_deref().unwrap_or_default();
            let before = format!("{}```{language}\n", if at_line_start { "" } else { "\n" });
            let at_line_end = text[whole.end..].is_empty() || text[whole.end..].starts_with('\n');
            return Some((whole, before, format!("\n```{}", if at_line_end { "" } else { "\n" })));
        }
        "text_link" => {
            let url = entity.url.as_deref()?;
            ("[".to_owned(), format!("]({url})"))
        }
        _ => return None,
    };
    // Markdown's marks stand at a letter and stay within a paragraph.
    let start = whole.start + inner.len() - inner.trim_start().len();
    let end = whole.end - (inner.len() - inner.trim_end().len());
    (start < end && !inner.contains("\n\n")).then_some((start..end, before, after))
}

/// The `@bot` of a command to this bot.
fn own_suffix(text: &str, entity: &Entity, me: &Bot) -> Option<Range<usize>> {
    if entity.kind != "bot_command" {
        return None;
    }
    let whole = range(text, entity)?;
    let (command, bot) = text.get(whole.clone())?.split_once('@')?;
    is_username(bot, me).then(|| whole.start + command.len()..whole.end)
}

fn is_username(text: &str, me: &Bot) -> bool {
    !me.username.is_empty() && text.eq_ignore_ascii_case(&me.username)
}

/// From UTF-16 code units to bytes; `None` for what does not fit the text.
fn range(text: &str, entity: &Entity) -> Option<Range<usize>> {
    let start = byte_at(text, entity.offset)?;
    let end = byte_at(text, entity.offset.checked_add(entity.length)?)?;
    Some(start..end)
}

fn byte_at(text: &str, units: usize) -> Option<usize> {
    let mut before = 0;
    for (at, c) in text.char_indices() {
        if before >= units {
            return (before == units).then_some(at);
        }
        before += c.len_utf16();
    }
    (before == units).then_some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> Bot {
        Bot { id: 42, username: "my_bot".into(), ..Bot::default() }
    }

    fn entity(kind: &str, offset: usize, length: usize) -> Entity {
        Entity { kind: kind.into(), offset, length, ..Entity::default() }
    }

    #[test]
    fn the_bot_is_named_by_its_name_its_id_or_a_command() {
        let named = |text: &str, it: Entity| names_bot(text, &[it], &me());
        assert!(named("😀 @My_Bot hi", entity("mention", 3, 7)));
        assert!(!named("😀 @Other_ hi", entity("mention", 3, 7)));
        let by_id =
            |id| Entity { user: serde_json::json!({ "id": id }), ..entity("text_mention", 0, 2) };
        assert!(named("hi", by_id(42)));
        assert!(!named("hi", by_id(43)));
        assert!(named("/help@my_bot", entity("bot_command", 0, 12)));
        assert!(!named("/help@your_bot", entity("bot_command", 0, 14)));
        assert!(!named("/help", entity("bot_command", 0, 5)));
        assert!(!named("x", entity("mention", 5, 9)));
    }

    #[test]
    fn a_command_loses_the_bot_behind_it() {
        let shown =
            |text: &str, length| to_markdown(text, &[entity("bot_command", 0, length)], &me());
        assert_eq!(shown("/help@my_bot now", 12), "/help now");
        assert_eq!(shown("/help@your_bot now", 14), "/help@your_bot now");
        assert_eq!(shown("/help now", 5), "/help now");
    }

    #[test]
    fn formats_become_markdown() {
        let link = Entity { url: Some("https://e.org".into()), ..entity("text_link", 6, 4) };
        let shown = to_markdown("😀 ab cdef", &[entity("bold", 3, 3), link], &me());
        assert_eq!(shown, "😀 **ab** [cdef](https://e.org)");
        let nested = [entity("bold", 0, 5), entity("italic", 2, 3)];
        assert_eq!(to_markdown("ab cd", &nested, &me()), "**ab _cd_**");
        let pre = Entity { language: Some("rust".into()), ..entity("pre", 2, 3) };
        assert_eq!(to_markdown("x\nf()\ny", &[pre], &me()), "x\n```rust\nf()\n```\ny");
        assert_eq!(to_markdown("a`b", &[entity("code", 0, 3)], &me()), "a`b");
        assert_eq!(to_markdown("ab", &[entity("code", 0, 2)], &me()), "`ab`");
        assert_eq!(to_markdown("ab", &[entity("spoiler", 0, 2)], &me()), "ab");
    }

    #[test]
    fn an_entity_that_does_not_fit_its_text_is_left_out() {
        assert_eq!(to_markdown("😀", &[entity("bold", 1, 1)], &me()), "😀");
        assert_eq!(to_markdown("a", &[entity("bold", 0, usize::MAX)], &me()), "a");
        assert_eq!(to_markdown("  ", &[entity("bold", 0, 2)], &me()), "  ");
    }
}
