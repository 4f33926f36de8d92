//! What the host asks of the kernel for itself: enough open files, and no memory image of it on disk or
//! for other programs of this user, since the key of the vault is in it.

use domain::plain::chain;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Asks; what is refused is noted, and the host runs all the same.
pub(crate) fn set() {
    let files = getrlimit(Resource::Nofile);
    // Shells give 1,024; 200 chats need more.
    let all = Rlimit { current: files.maximum, maximum: files.maximum };
    if let Err(err) = setrlimit(Resource::Nofile, all) {
        warn!(why = chain(&err), "few files can be open at a time");
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(err) = setrlimit(Resource::Core, none) {
        warn!(why = chain(&err), "a crash would write memory to the disk");
    }
    #[cfg(target_os = "linux")]
    if let Err(err) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        warn!(why = chain(&err), "other programs can read the host's memory");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// nextest runs each test in a process of its own.
    #[test]
    fn the_host_may_open_all_files_that_it_can_and_leaves_no_image() {
        set();
        let files = getrlimit(Resource::Nofile);
        assert_eq!(files.current, files.maximum);
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
    }
}
