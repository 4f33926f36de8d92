//! Files that no SQL makes: trees and chains of pages that lie, and bytes at random; and rows without end.

use super::*;

/// Reads a varint of the file format, and its length.
fn varint(bytes: &[u8]) -> (u64, usize) {
    let length = bytes.iter().position(|it| it & 0x80 == 0).unwrap() + 1;
    (bytes[..length].iter().fold(0, |sum, it| sum << 7 | u64::from(it & 0x7f)), length)
}

fn put_varint(bytes: &mut [u8], number: u64) {
    let last = bytes.len() - 1;
    for (index, byte) in bytes.iter_mut().enumerate() {
        let group = u8::try_from(number >> (7 * (last - index)) & 0x7f).unwrap();
        *byte = if index == last { group } else { group | 0x80 };
    }
}

/// Lets each long text of a leaf pretend to be `more` pages longer, and its chain of pages repeat from
/// its end. Returns how many there were.
fn lengthen(file: &mut [u8], page: usize, more: u64) -> usize {
    const PAGE: usize = 4_096;
    let at = page * PAGE;
    if file[at] != 0x0d {
        return 0;
    }
    let cells = usize::from(u16::from_be_bytes([file[at + 3], file[at + 4]]));
    let mut found = 0;
    for index in 0..cells {
        let pointer = at + 8 + index * 2;
        let cell = at + usize::from(u16::from_be_bytes([file[pointer], file[pointer + 1]]));
        let (payload, length) = varint(&file[cell..]);
        if payload < 16_384 {
            continue;
        }
        put_varint(&mut file[cell..cell + length], payload + more * 4_092);
        let head = cell + length + varint(&file[cell + length..]).1;
        let (head_bytes, mut next) = varint(&file[head..]);
        while next < usize::try_from(head_bytes).unwrap() {
            let (kind, length) = varint(&file[head + next..]);
            if 16_384 < kind {
                let kind = kind + more * 4_092 * 2;
                put_varint(&mut file[head + next..head + next + length], kind);
            }
            next += length;
        }
        let local = 489 + usize::try_from((payload - 489) % 4_092).unwrap();
        let local = if local <= 4_061 { local } else { 489 };
        let first: [u8; 4] = file[head + local..head + local + 4].try_into().unwrap();
        let mut last = usize::try_from(u32::from_be_bytes(first)).unwrap();
        loop {
            let next: [u8; 4] = file[(last - 1) * PAGE..][..4].try_into().unwrap();
            match u32::from_be_bytes(next) {
                0 => break file[(last - 1) * PAGE..][..4].copy_from_slice(&first),
                next => last = usize::try_from(next).unwrap(),
            }
        }
        found += 1;
    }
    found
}

#[test]
fn a_small_file_that_pretends_to_hold_much_does_not_make_the_host_hold_it() {
    let mut pair = at_work();
    let mut runner = pair.runner();
    for _ in 0..64 {
        runner.say(M1, &"x".repeat(17_000), NOW).unwrap();
    }
    drop(runner);
    let file = fs::read(pair.outbound()).unwrap();
    let longer = |more| {
        let mut file = file.clone();
        let pages = file.len() / 4_096;
        let found: usize = (0..pages).map(|page| lengthen(&mut file, page, more)).sum();
        assert_eq!(found, 64);
        file
    };
    // Times four pages, so that what stands behind the text is where it was.
    fs::write(pair.outbound(), longer(232)).unwrap();
    let news = pair.host.news().unwrap();
    let bytes: usize = news.messages.iter().map(|it| it.0.text.len()).sum();
    assert!(news.messages.iter().all(|it| 900_000 < it.0.text.len()), "{bytes}");
    assert!((1..=4 * 1024 * 1024).contains(&bytes), "{bytes}");
    // Longer than any message may be: each is replaced, none is loaded.
    fs::write(pair.outbound(), longer(252)).unwrap();
    let news = pair.host.news().unwrap();
    assert_eq!(news.messages.len(), 64);
    assert!(news.messages.iter().all(|it| it.0.text.len() < 100));
}

/// The most that this process ever had in memory, in KiB.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Whatever a schema names is parsed before it can be compared.
#[test]
#[cfg(target_os = "linux")]
fn a_schema_does_not_become_a_hundred_times_its_size() {
    let mut pair = at_work();
    let many = |count: usize| vec!["1"; count].join(",");
    for (tables, ones) in [(1_900, 7_900), (16_000, 950)] {
        let sql = format!(
            "PRAGMA writable_schema = 1; WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL
                 SELECT x + 1 FROM n WHERE x < {tables})
             INSERT INTO sqlite_schema SELECT 'table', 't' || x, 't' || x, 2,
                 'CREATE TABLE t' || x || ' (a, CHECK (1 IN ({})))' FROM n",
            many(ones)
        );
        Connection::open(pair.outbound()).unwrap().execute_batch(&sql).unwrap();
        let before = peak();
        is_damaged(&mut pair);
        assert!(peak() - before < 40 * 1024, "{} KiB more", peak() - before);
        pair.host.quarantine().unwrap();
        pair.runner().claim(&[M1], NOW).unwrap();
    }
}

/// More than is held in memory.
#[test]
fn a_large_mailbox_is_read_like_a_small_one() {
    let mut pair = at_work();
    let mut runner = pair.runner();
    for _ in 0..200 {
        runner.say(M1, &"x".repeat(17_000), NOW).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(pair.host.news().unwrap().messages.len(), 64);
    }
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    assert_eq!(pair.host.snapshot().unwrap().mailbox, Mailbox::Sound);
    assert!(fs::metadata(pair.outbound()).unwrap().len() > 3_000_000);
}

#[test]
fn flipped_bytes_never_hang_the_host_and_never_give_more_than_the_bounds() {
    let pair = std::cell::RefCell::new(valid());
    let file = fs::read(pair.borrow().outbound()).unwrap();
    let flips = proptest::collection::vec((0..file.len(), proptest::num::u8::ANY), 1..40);
    // The header, the schema and the roots of trees are in the first pages.
    let strategy = (flips, proptest::bool::ANY);
    let config = proptest::test_runner::Config { cases: 300, ..Default::default() };
    let run = proptest::test_runner::TestRunner::new(config).run(&strategy, |(flips, first)| {
        let (mut pair, mut file) = (pair.borrow_mut(), file.clone());
        let range = if first { 4 * 4_096 } else { file.len() };
        flips.iter().for_each(|(at, byte)| file[at % range] = *byte);
        fs::write(pair.outbound(), file).unwrap();
        let seen = pair.host.snapshot().unwrap();
        proptest::prop_assert_eq!(seen.waiting.len(), 1);
        if let Ok(news) = pair.host.news() {
            let bytes: usize = news.messages.iter().map(|it| it.0.text.len()).sum();
            proptest::prop_assert!(bytes <= 4 * 1024 * 1024 && news.messages.len() <= 64);
            proptest::prop_assert!(news.finished.len() <= 1 && news.waits.len() <= 64);
        }
        let _ = outbound_problems(&pair.paths);
        Ok(())
    });
    run.unwrap();
}

/// A session whose runner wrote something into every table.
fn valid() -> Pair {
    let mut pair = at_work();
    let mut runner = pair.runner();
    for n in 0..30 {
        runner.say(M1, &"x".repeat(n * 40), NOW).unwrap();
    }
    runner.claim(&[M1], NOW).unwrap();
    runner.wait(domain::waits::WaitClass::Limit, None, &[("continuation", Some("c1"))]).unwrap();
    runner.claim(&[M1], NOW).unwrap();
    runner.end_turn(&answer(&"y".repeat(9_000)), &[], NOW).unwrap();
    pair
}

#[test]
fn who_never_ends_to_speak_fills_no_disk() {
    let mut pair = at_work();
    let count = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 2300)";
    let insert = "INSERT INTO messages_out (seq, in_reply_to, created_at, kind, form, text)";
    let question = r#"{"question":{"options":[],"timeout":{"secs":0,"nanos":0}}}"#;
    forge(
        &pair,
        &format!(
            "{count} {insert} SELECT x * 2 + 1, 2, 0, iif(x < 30, 'interim', 'answer'),
                 iif(x < 30, '{question}', '\"text\"'), 'words' FROM n"
        ),
    );
    while pair.host.snapshot().unwrap().news.is_news() {
        pair.host.import(&context(100), NOW).unwrap();
    }
    let parts = pair.host.rows().open_parts().unwrap().len();
    assert!((2_000..2_003).contains(&parts), "{parts}");
    let texts = "SELECT count(*), sum(text = 'words') FROM request";
    let conn = crate::db::Store::connection(pair.host.central());
    let kept: (u32, u32) = conn.query_row(texts, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(kept, (29, 20), "refused ones keep no words");
}
