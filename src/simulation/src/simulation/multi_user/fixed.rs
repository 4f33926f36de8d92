//! Two plain plans without faults, for a stop at every point.

use std::collections::BTreeSet;
use std::time::Duration;

use super::people::{ANDY, Chat, HUB, Person};
use super::plan::{
    ANN_CODE, ApproverDecision, Called, FAY_CODE, MultiUser, Post, Subject, WRONG_CODE, Word,
};

/// Numbers posts, and writes them down in a line each.
struct Posts(Vec<Post>);

impl Posts {
    fn add(&mut self, ms: u64, by: Person, chat: Chat, called: Called, word: Word) -> &mut Post {
        let id = format!("{}{:02}", by.id(), self.0.len());
        let at = Duration::from_millis(ms);
        self.0.push(Post { at, upon: None, id, chat, thread: None, by, called, word });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }
}

impl MultiUser {
    fn quiet() -> Self {
        Self {
            plain: false,
            ann_is_owner: true,
            zoe_is_admin: false,
            posts: vec![],
            decisions: vec![],
            faults: vec![],
            host_crashes: vec![],
            runner_crash: 0,
            notifications: true,
            jitter: 0,
            real_day: false,
            turned_away: BTreeSet::new(),
        }
    }

    /// New users: codes, access requests, chats that nobody connected.
    pub fn newcomers() -> Self {
        let mut posts = Posts(vec![]);
        let (all, nobody) = (Called::All, Called::Nobody);
        posts.add(0, Person::Eve, Chat::Eve, nobody, Word::Code(WRONG_CODE));
        posts.add(50, Person::Ann, Chat::Ann, nobody, Word::Code(ANN_CODE));
        posts.add(200, Person::Bob, Chat::Family, all, Word::Say);
        posts.add(500, Person::Fred, Chat::Hall, all, Word::Say).thread = Some("t1");
        posts.add(700, Person::Bob, Chat::Family, all, Word::Files(1));
        posts.add(900, Person::Cat, Chat::Club, all, Word::Say);
        posts.add(1_000, Person::Fay, Chat::Fay, nobody, Word::Code(FAY_CODE));
        posts.add(1_100, Person::Eve, Chat::Eve, nobody, Word::Code(ANN_CODE));
        posts.add(1_200, Person::Zed, Chat::Family, nobody, Word::Say);
        posts.add(1_300, Person::Dan, Chat::Club, all, Word::Say);
        posts.add(1_500, Person::Eve, Chat::Family, all, Word::Say);
        posts.add(1_800, Person::Gus, Chat::Gus, nobody, Word::Say);
        let decided = Some(Subject::Sender(Person::Bob, ANDY));
        posts.add(60, Person::Bob, Chat::Family, all, Word::Context).upon = decided;
        let mut decisions = vec![
            ApproverDecision::new(Subject::Sender(Person::Bob, ANDY), Some("allow"), 2_500),
            ApproverDecision::new(Subject::Sender(Person::Fred, ANDY), Some("allow"), 1_000),
            ApproverDecision::new(Subject::Sender(Person::Fred, HUB), Some("refuse"), 1_000),
            ApproverDecision::new(Subject::Sender(Person::Dan, ANDY), None, 0),
            ApproverDecision::new(Subject::Chat(Chat::Club), Some("connect:andy"), 1_500),
            ApproverDecision::new(Subject::Chat(Chat::Eve), Some("refuse"), 1_000),
            ApproverDecision::new(Subject::Chat(Chat::Gus), Some("new:gus"), 1_000),
        ];
        decisions[0].twice = true;
        decisions[4].unknown_first = true;
        Self { ann_is_owner: false, posts: posts.0, decisions, ..Self::quiet() }
    }

    /// The same on a platform of text alone, as far as it is for one: numbers are typed.
    pub fn typed() -> Self {
        let mut posts = Posts(vec![]);
        let nobody = Called::Nobody;
        let andy = Called::One(ANDY);
        posts.add(0, Person::Ann, Chat::Ann, nobody, Word::Code(ANN_CODE));
        posts.add(200, Person::Bob, Chat::Family, andy, Word::Say);
        posts.add(400, Person::Cat, Chat::Club, andy, Word::Say);
        posts.add(600, Person::Zed, Chat::Family, andy, Word::Ask);
        posts.add(5_000, Person::Ann, Chat::Ann, nobody, Word::Say);
        let mut decisions = vec![
            ApproverDecision::new(Subject::Sender(Person::Bob, ANDY), Some("allow"), 1_000),
            ApproverDecision::new(Subject::Chat(Chat::Club), Some("connect:andy"), 3_000),
            ApproverDecision::new(Subject::Agent, Some("Tea"), 1_500),
        ];
        decisions[1].twice = true;
        Self { plain: true, ann_is_owner: false, posts: posts.0, decisions, ..Self::quiet() }
    }

    /// People who are known give work: several agents and conversations, files, questions, changes,
    /// notes to another chat, an order to stop.
    pub fn work() -> Self {
        let mut posts = Posts(vec![]);
        let (all, nobody) = (Called::All, Called::Nobody);
        posts.add(0, Person::Ann, Chat::Ann, nobody, Word::Wait(17));
        posts.add(100, Person::Zed, Chat::Family, all, Word::Ask);
        posts.add(200, Person::Zed, Chat::Hall, all, Word::Say).thread = Some("t1");
        posts.add(300, Person::Zed, Chat::Hall, nobody, Word::Say).thread = Some("t2");
        posts.add(400, Person::Zed, Chat::Yard, all, Word::Files(2));
        posts.add(1_000, Person::Ann, Chat::Hall, Called::One(HUB), Word::Send);
        posts.add(2_000, Person::Ann, Chat::Yard, all, Word::Admin(HUB));
        posts.add(6_000, Person::Zed, Chat::Family, all, Word::Wait(100));
        posts.add(9_000, Person::Ann, Chat::Family, nobody, Word::Stop);
        posts.add(9_500, Person::Zed, Chat::Family, nobody, Word::Say);
        posts.add(11_000, Person::Zed, Chat::Family, all, Word::Context);
        let decisions = vec![
            ApproverDecision::new(Subject::Agent, Some("Coffee"), 2_000),
            ApproverDecision::new(Subject::Change, Some("allow"), 2_000),
        ];
        Self { posts: posts.0, decisions, ..Self::quiet() }
    }
}
