//! The SQL in the sources of this crate.

use std::fs;
use std::path::Path;

/// A file of this crate without its tests.
pub(super) struct Source {
    pub(super) name: String,
    /// The code with each literal replaced by `"n"`, where n is its place in `literals`.
    code: String,
    literals: Vec<String>,
}

const VERBS: [&str; 6] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH ", "REPLACE "];

/// Every file with production code below `dir`.
pub(super) fn sources(dir: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    visit(dir, dir, &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn visit(root: &Path, dir: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if name.contains("tests") || name.contains("hostile") {
            continue;
        }
        if path.is_dir() {
            visit(root, &path, found);
        } else {
            found.push(Source::read(name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

impl Source {
    fn read(name: String, text: &str) -> Self {
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let (mut code, mut literals) = (String::new(), Vec::new());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '/' if chars.peek() == Some(&'/') => {
                    while chars.next().is_some_and(|it| it != '\n') {}
                    code.push('\n');
                }
                '\'' if skip_character(&mut chars) => {}
                '"' => {
                    code += &format!("\"{}\"", literals.len());
                    literals.push(literal(&mut chars));
                }
                other => code.push(other),
            }
        }
        Self { name, code, literals }
    }

    /// The statements, composed ones with every value of their placeholders.
    pub(super) fn statements(
        &self,
        all: &[Self],
        composed: &[(&str, &str, &[&str])],
    ) -> Vec<String> {
        let mut done = Vec::new();
        let mut open: Vec<String> = Vec::new();
        for (n, text) in self.literals.iter().enumerate() {
            // What begins with a constant is a statement if the constant begins one.
            let start = match placeholder(text, false) {
                Some(("", name, _)) => self.find_constant(name, all).unwrap_or_default(),
                _ => text.clone(),
            };
            if VERBS.iter().any(|verb| start.starts_with(verb)) && !self.is_fragment(n, all) {
                open.push(text.clone());
            }
        }
        let has_positional = composed.iter().any(|it| it.0 == self.name && it.1.is_empty());
        while let Some(text) = open.pop() {
            let Some((before, name, after)) = placeholder(&text, has_positional) else {
                done.extend(text.split("; ").map(str::to_owned));
                continue;
            };
            let values = self.values(name, all, composed);
            open.extend(values.iter().map(|value| format!("{before}{value}{after}")));
        }
        done
    }

    /// Whether a literal is a constant that is only ever part of other statements.
    fn is_fragment(&self, n: usize, all: &[Self]) -> bool {
        let Some((before, _)) = self.code.split_once(&format!("\"{n}\"")) else { return false };
        let Some((_, name)) = before.rsplit_once("const ") else { return false };
        let Some(name) = name.trim_end().strip_suffix("=") else { return false };
        let Some((name, value)) = name.split_once(':') else { return false };
        if value.contains(';') {
            return false;
        }
        let is_in = |text: &String| text.contains(&format!("{{{name}}}"));
        all.iter().any(|it| it.literals.iter().any(is_in))
    }

    fn values(&self, name: &str, all: &[Self], composed: &[(&str, &str, &[&str])]) -> Vec<String> {
        if let Some((.., values)) = composed.iter().find(|it| it.0 == self.name && it.1 == name) {
            return values.iter().map(|it| (*it).to_owned()).collect();
        }
        let constant = self.find_constant(name, all);
        // A limit of another crate.
        if constant.is_none() && name.starts_with(char::is_uppercase) {
            return vec!["7".to_owned()];
        }
        let missing = || panic!("{}: say in COMPOSED what {{{name}}} can be", self.name);
        vec![constant.unwrap_or_else(missing)]
    }

    fn find_constant(&self, name: &str, all: &[Self]) -> Option<String> {
        self.constant(name).or_else(|| all.iter().find_map(|it| it.constant(name)))
    }

    fn constant(&self, name: &str) -> Option<String> {
        let (_, after) = self.code.split_once(&format!("const {name}: "))?;
        let (_, value) = after.split_once('=')?;
        let (value, _) = value.split_once(';')?;
        match value.trim().strip_prefix('"') {
            Some(n) => self.literals.get(n.strip_suffix('"')?.parse::<usize>().ok()?).cloned(),
            // A limit: any number has the same plan.
            None => Some("7".to_owned()),
        }
    }
}

/// Skips a character in quotes; `false` for a lifetime.
fn skip_character(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> bool {
    let mut ahead = chars.clone();
    let first = ahead.next();
    if first == Some('\\') {
        while chars.next().is_some_and(|it| it != '\'') {}
        return true;
    }
    if ahead.next() == Some('\'') {
        chars.next();
        chars.next();
        return true;
    }
    false
}

/// The rest of a literal, as the program sees it.
fn literal(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('\n') => while chars.next_if(|it| it.is_whitespace()).is_some() {},
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => break,
            },
            other => text.push(other),
        }
    }
    text
}

/// The first `{name}` of a text, with what stands around it; `{}` too if it is `positional`.
fn placeholder(text: &str, positional: bool) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find('{')?;
        let end = start + text[start..].find('}')?;
        let name = &text[start + 1..end];
        let is_name = positional || !name.is_empty();
        if is_name && name.chars().all(|it| it.is_alphanumeric() || it == '_') {
            return Some((&text[..start], name, &text[end + 1..]));
        }
        from = start + 1;
    }
}
