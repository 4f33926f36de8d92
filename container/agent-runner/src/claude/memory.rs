//! Whether the kernel killed something in this container because its memory was used up. The largest
//! program goes first, which is the CLI or what it started, and not this one.

/// <https://docs.kernel.org/admin-guide/cgroup-v2.html>, "memory.events".
const EVENTS: &str = "/sys/fs/cgroup/memory.events";

/// How often that happened so far; 0 where the kernel does not say.
pub(super) fn oom_kills() -> u64 {
    std::fs::read_to_string(EVENTS).map_or(0, |it| count(&it))
}

fn count(events: &str) -> u64 {
    let line = events.lines().find_map(|it| it.strip_prefix("oom_kill "));
    line.and_then(|it| it.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_are_counted_and_not_other_events() {
        let events = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(count(events), 2);
        assert_eq!(count("oom 3\n"), 0);
    }
}
