//! Fenced code in Markdown (<https://spec.commonmark.org/0.31.2/#fenced-code-blocks>). Indentation
//! is not looked at, since in a list the fences are indented with it.

use crate::outgoing::Unit;

/// What opens and closes a block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fence {
    mark: char,
    count: usize,
    info: String,
}

/// A block that is open at some place of a text.
#[derive(Debug)]
pub(super) struct OpenFence {
    pub(super) fence: Fence,
    /// Where its line starts; `None` when it was opened in an earlier part.
    pub(super) line: Option<usize>,
    /// Where its content starts.
    pub(super) body: usize,
}

impl Fence {
    /// Reads the line that opens a block.
    fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let mark = line.chars().next().filter(|it| matches!(it, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let count = line.len() - info.len();
        let code_span = mark == '`' && info.contains('`');
        (3 <= count && !code_span).then(|| Self { mark, count, info: info.trim().to_owned() })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        Self::parse(line)
            .is_some_and(|it| it.mark == self.mark && self.count <= it.count && it.info.is_empty())
    }

    fn marks(&self) -> String {
        self.mark.to_string().repeat(self.count)
    }

    /// The line that opens it again; without its info string where that takes more than `max`.
    pub(super) fn opening(&self, max: usize, unit: Unit) -> String {
        let full = format!("{}{}\n", self.marks(), self.info);
        if unit.measure(&full) <= max { full } else { format!("{}\n", self.marks()) }
    }

    /// What is put behind a part to close it.
    pub(super) fn closing(&self) -> String {
        format!("\n{}", self.marks())
    }

    /// Whether it can be opened and closed in the room that there is for it.
    fn fits(&self, max: usize) -> bool {
        self.count < max
    }
}

/// Whether a line can open or close a block.
pub(super) fn is_line(line: &str) -> bool {
    Fence::parse(line).is_some()
}

/// Whether the text begins with the end of the block.
pub(super) fn first_line_closes(text: &str, fence: &Fence) -> bool {
    text.lines().next().is_some_and(|it| fence.is_closed_by(it))
}

/// Every fence in the text that could open a block.
pub(super) fn openings(text: &str, marker_max: usize) -> impl Iterator<Item = Fence> {
    text.lines().filter_map(Fence::parse).filter(move |it| it.fits(marker_max))
}

/// The block that is open at `cut`. `carried` is open where the text begins. A line counts when it
/// starts before the cut.
pub(super) fn open_at(
    text: &str,
    cut: usize,
    carried: Option<&Fence>,
    marker_max: usize,
) -> Option<OpenFence> {
    let mut open = carried.map(|fence| OpenFence { fence: fence.clone(), line: None, body: 0 });
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if cut <= start {
            break;
        }
        let end = start + line.len();
        match &open {
            Some(block) if block.fence.is_closed_by(line) => open = None,
            Some(_) => {}
            None => {
                let fence = Fence::parse(line).filter(|it| it.fits(marker_max));
                open = fence.map(|fence| OpenFence { fence, line: Some(start), body: end });
            }
        }
        start = end;
    }
    open
}
