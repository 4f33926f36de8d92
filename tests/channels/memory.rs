//! The platform in memory passes the suite with everything and with text alone, so the suite can be
//! passed. [`crate::flaws`] shows that it can be failed.

use std::fs;
use std::path::Path;

use harness::conformance::Double;
use harness::platform::double::MemoryDouble;
use harness::platform::{PLAIN, PUBLIC};

mod everything {
    use super::*;

    async fn make() -> Box<dyn Double> {
        Box::new(MemoryDouble::locked(PUBLIC))
    }

    harness::conformance_tests!(make);
}

mod text_alone {
    use super::*;

    async fn make() -> Box<dyn Double> {
        Box::new(MemoryDouble::new(PLAIN))
    }

    harness::conformance_tests!(make);
}

#[test]
fn every_check_is_in_the_list_of_the_suite() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/conformance");
    let list = fs::read_to_string(dir.join("checks.rs")).unwrap();
    let mut count = 0;
    for file in fs::read_dir(dir.join("checks")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let checks = text.lines().filter_map(|it| it.strip_prefix("pub async fn "));
        for check in checks.filter_map(|it| it.split_once('(')) {
            count += 1;
            assert!(list.contains(&format!("            {},\n", check.0)), "{} is not", check.0);
        }
    }
    assert!(50 < count, "{count}");
}
