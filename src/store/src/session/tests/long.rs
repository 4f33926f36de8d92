//! Long answers: cut into parts, sent as a file, or cut off.

use domain::delivery::Verdict;
use domain::outgoing::{Caps, Content, TextLimit};
use domain::texts::asides;

use super::forms::{at_work, send};
use super::{M1, NOW, answer, context, pair, with_caps};

#[test]
fn an_answer_of_more_than_eight_parts_is_its_beginning_and_a_file() {
    let text = "one two three four five ".repeat(700);
    for (bytes_max, chars_max, parts) in
        [(1 << 20, 2_000, 2), (1_000, 2_000, 9), (1 << 20, 3_000, 6)]
    {
        let mut pair = pair();
        let mut runner = at_work(&mut pair);
        runner.end_turn(&answer(&text), &[], NOW).unwrap();
        let caps = Caps { file_bytes_max: bytes_max, ..Caps::plain(TextLimit::chars(chars_max)) };
        let context = with_caps(&[("cli", caps)]);
        pair.host.import(&context, NOW).unwrap();
        assert_eq!(pair.host.rows().open_parts().unwrap().len(), parts, "{bytes_max} {chars_max}");
        let first = send(&mut pair, "p1");
        let is_beginning = first.content.text().ends_with(asides::IN_A_FILE);
        assert_eq!(is_beginning, parts == 2);
        assert!(first.content.text().chars().count() <= chars_max);
        if parts == 2 {
            let key = pair.host.rows().open_parts().unwrap()[0].key.clone();
            let second = pair.host.claim_part(&key, NOW).unwrap().unwrap();
            let Content::File(file) = &second.content else { panic!("{second:?}") };
            assert_eq!((file.name.as_str(), file.caption.as_str()), (asides::WHOLE, ""));
            let path = pair.host.rows().root.join(&file.path);
            assert_eq!(std::fs::read_to_string(path).unwrap(), text);
            let sent = Verdict::Sent { platform_id: "p2".into() };
            pair.host.conclude(&key, &sent, NOW).unwrap();
        }
        // Once nothing waits for it, it goes as other copies do; where it was not needed, at once.
        pair.host.rows().prune_leftovers().unwrap();
        let left = std::fs::read_dir(pair.host.rows().root.join("sending"));
        assert_eq!(left.into_iter().flatten().count(), 0);
    }
}

#[test]
fn who_says_more_than_can_be_sent_is_cut_short_and_answers_still() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    for n in 0..600 {
        runner.say(M1, &format!("line {n}"), NOW).unwrap();
        if n % 50 == 49 {
            pair.host.import(&context(100), NOW).unwrap();
        }
    }
    runner.end_turn(&answer("done"), &[], NOW).unwrap();
    pair.host.import(&context(100), NOW).unwrap();
    let mut texts = Vec::new();
    while !pair.host.rows().open_parts().unwrap().is_empty() {
        texts.push(send(&mut pair, "p").content.text().to_owned());
    }
    assert_eq!(texts.len(), 502);
    assert!(texts[500].contains("What came after this was left out"), "{}", texts[500]);
    assert_eq!(texts[501], "done");
}

#[test]
fn a_text_without_end_is_cut() {
    let mut pair = pair();
    let mut runner = at_work(&mut pair);
    runner.end_turn(&answer(&"ä".repeat(100_000)), &[], NOW).unwrap();
    pair.host.import(&context(200_000), NOW).unwrap();
    let said = send(&mut pair, "p").content.text().to_owned();
    assert!(said.len() < 132_000 && said.ends_with("too long to be sent.)"), "{}", said.len());
}
