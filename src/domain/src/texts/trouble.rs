//! What is the matter with a session's container.

use crate::agent::Resources;
use crate::trouble::Trouble;

/// What is the matter and what helps, as a sentence.
pub fn what(trouble: &Trouble, agent: &str) -> String {
    match trouble {
        Trouble::NoImage => {
            "There is no image for agents; `nanoclaw image build` on the host makes it.".into()
        }
        Trouble::ImageMissing { image } => format!(
            "There is no image `{image}`; `nanoclaw agents set {agent} --image ''` on the host takes \
             the usual one, which `nanoclaw image build` makes."
        ),
        Trouble::NoAgent => format!(
            "The agent `{agent}` was removed; `nanoclaw agents add {agent}` on the host brings it back."
        ),
        Trouble::NoStart => {
            "Its container could not be started; `nanoclaw status` on the host says why.".into()
        }
        Trouble::NoFolder => "One of its folders on the host is missing or can't be used; \
             `nanoclaw status` on the host says which."
            .into(),
        Trouble::OutOfMemory { mib } => {
            let more = (*mib).max(Resources::default().memory_mib / 2).saturating_mul(2);
            format!(
                "It ran out of memory ({mib} MiB); `nanoclaw agents set {agent} --memory {more}` on \
                 the host gives it more."
            )
        }
        Trouble::DiskFull { gib } => {
            let more = (*gib).max(1).saturating_mul(2);
            format!(
                "It keeps more on the disk than it may ({gib} GiB); remove files from its workspace, \
                 or give it more with `nanoclaw agents set {agent} --disk {more}` on the host."
            )
        }
        Trouble::Silent { tool: Some(tool) } => {
            format!("It gave no sign of life while it ran `{tool}`, so I stopped it.")
        }
        Trouble::Silent { tool: None } => "It gave no sign of life, so I stopped it.".into(),
        Trouble::Deaf => "It did not pick up messages.".into(),
        Trouble::Damaged => {
            "It damaged the file that it writes its answers to, so I set that file aside.".into()
        }
        Trouble::Ended => "Its program exited.".into(),
    }
}

/// Told, once, when this interrupted the work on a message and the work goes on automatically.
pub fn interruption(trouble: &Trouble, agent: &str) -> String {
    format!("My container was interrupted. {} I'm retrying your message.", what(trouble, agent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_is_said() {
        let memory = what(&Trouble::OutOfMemory { mib: 2048 }, "andy");
        assert!(memory.contains("(2048 MiB)"), "{memory}");
        assert!(memory.contains("`nanoclaw agents set andy --memory 4096`"), "{memory}");
        let disk = interruption(&Trouble::DiskFull { gib: 10 }, "andy");
        assert!(disk.contains("`nanoclaw agents set andy --disk 20`"), "{disk}");
        let image = what(&Trouble::ImageMissing { image: "foo".into() }, "abby");
        assert!(image.contains("`foo`") && image.contains("set abby --image ''`"), "{image}");
        let silent = Trouble::Silent { tool: Some("Bash".into()) };
        assert!(interruption(&silent, "andy").contains("`Bash`"));
    }
}
