//! What the host makes of remotes that do wrong, are slow, or die.

use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;

use domain::outgoing::{Content, Dialect};
use domain::plain::chain;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::sink::render;
use super::*;
use crate::{DeliverError, FetchError, Fields, NoKeeper, Part, Pulse, Shelf};

const TOKEN: &str = "quite-a-secret";
/// Reads requests and answers them; the first is `connect`.
const BEGINNING: &str = r#"
import json, os, subprocess, sys, time
def read(): return json.loads(sys.stdin.readline() or sys.exit())
def say(**line): print(json.dumps(line), flush=True)
def ok(request, value=None): say(type="ok", id=request["id"], value=value)
def fail(kind, why): say(type="error", id=request["id"], error={"kind": kind, "why": why})
request = read()
def welcome(**more): ok(request, {"version": 1, "me": {"id": "7", "name": "nano"}} | more)
"#;

struct Rig {
    remote: &'static RemoteAdapter,
    account: Account,
    dir: TempDir,
}

impl Rig {
    fn new(script: &str) -> Self {
        Self::raw(&format!("{BEGINNING}\n{script}"))
    }

    fn raw(script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("remote.py");
        fs::write(&path, script).unwrap();
        let command = format!("python3 '{}'", path.display()).leak();
        let needs = const { &[Need::secret("token", "a secret")] };
        let remote =
            Box::leak(Box::new(RemoteAdapter { name: "r", needs, command: Some(command) }));
        let account = Account {
            run_dir: dir.path().join("run"),
            fields: Fields::fixed([("token", TOKEN)]),
            shelf: Shelf::new(Arc::new(NoKeeper), dir.path()),
            pulse: Pulse::default(),
            ..Account::new("main")
        };
        Self { remote, account, dir }
    }

    async fn connect(&self) -> Connection {
        self.remote.connect(&self.account).await.unwrap_or_else(|err| panic!("{}", chain(&err)))
    }

    async fn check(&self) -> (ChannelError, String) {
        let err = self.remote.check(&self.account).await.unwrap_err();
        let said = chain(&err);
        assert!(!said.contains(TOKEN), "{said}");
        (err, said)
    }

    /// Why the connection ends that a remote broke.
    async fn broken(script: &str) -> String {
        let rig = Self::new(&format!("welcome()\n{script}\nread(); read()"));
        let mut connection = rig.connect().await;
        let err = connection.source.receive(&Cursor::default()).await.unwrap_err();
        assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
        chain(&err)
    }
}

fn part(text: &str) -> Part {
    Part {
        to: Address { chat: "c".into(), ..Address::default() },
        key: "k".into(),
        content: Content::Text(text.into()),
        reply_to: String::new(),
        also: vec![],
        last: true,
        no_answer: false,
        repeat: false,
        in_group: false,
        silent: false,
        notify: None,
    }
}

#[tokio::test]
async fn what_was_asked_of_a_remote_that_dies_is_unknown_and_what_comes_after_is_not_sent() {
    let rig = Rig::new("welcome(); read(); print('it hurts', file=sys.stderr); os._exit(3)");
    let Connection { source: _source, sink: out, .. } = rig.connect().await;
    let err = out.deliver(&part("one")).await.unwrap_err();
    assert!(matches!(err, DeliverError::Unknown(_)), "{err:?}");
    assert!(chain(&err).contains("exit status: 3") && chain(&err).contains("it hurts"), "{err:?}");
    let err = out.deliver(&part("two")).await.unwrap_err();
    assert!(matches!(err, DeliverError::Unreachable(_)), "{err:?}");
}

#[tokio::test]
async fn lines_that_break_the_protocol_end_the_connection() {
    for (script, why) in [
        ("print('{\"type\": \"pulse\"', flush=True)", "not of the protocol"),
        ("say(type='pulse', more=1)", "unknown field"),
        ("say(type='ok', id=99, value=None)", "a request 99 that nobody made"),
        ("ok(read(), {'events': 7})", "its answer to `receive` is malformed"),
        ("ok(read(), {'events': [{'message': {'from': {}}}]})", "missing field `chat`"),
        ("sys.stdout.write('x' * (1 << 21)); sys.stdout.flush()", "longer than 1 MiB"),
        ("[say(type='pulse') for _ in range(1000)]", "nobody asked for"),
        ("os.close(1); time.sleep(60)", "it closed its output"),
    ] {
        let said = Rig::broken(script).await;
        assert!(said.contains(why), "{script}: {said}");
    }
}

#[tokio::test]
async fn what_is_asked_while_a_connection_ends_hears_why() {
    let rig = Rig::new("welcome(); os.close(1); time.sleep(60)");
    let mut connection = rig.connect().await;
    sleep(Duration::from_millis(200)).await;
    let err = connection.source.receive(&Cursor::default()).await.unwrap_err();
    assert!(chain(&err).contains("it closed its output"), "{err:?}");
}

#[tokio::test]
async fn what_people_wrote_is_not_in_the_words_about_a_wrong_line() {
    let said = Rig::broken("ok(read(), {'events': 'private words'})").await;
    assert!(said.contains("malformed") && !said.contains("private"), "{said}");
}

#[tokio::test]
async fn a_check_says_why_there_is_no_remote() {
    let (err, said) = Rig::new("ok(request, {'version': 2})").check().await;
    assert!(matches!(err, ChannelError::Misconfigured(_)), "{err:?}");
    assert!(said.contains("version 2") && said.contains("this host 1"), "{said}");
    let (err, said) = Rig::new("fail('unauthorized', 'no such token')").check().await;
    assert!(matches!(err, ChannelError::Unauthorized(_)), "{err:?}");
    assert!(said.contains("no such token"), "{said}");
    let (_, said) = Rig::raw("import nothing_like_that").check().await;
    assert!(said.contains("exit status: 1") && said.contains("nothing_like_that"), "{said}");
    let (err, said) = Rig::new("welcome(caps={'text': {'max': 3, 'unit': 'chars'}})").check().await;
    assert!(matches!(err, ChannelError::Misconfigured(_)) && said.contains("texts of 3"), "{said}");

    let dir = tempfile::tempdir().unwrap();
    let shelf = Shelf::new(Arc::new(NoKeeper), dir.path());
    for (fields, why) in [
        (Fields::fixed([]), "either a command or a socket"),
        (Fields::fixed([("command", "no-such-program -x")]), "`no-such-program` cannot be started"),
        (Fields::fixed([("socket", "/nowhere.sock")]), "No such file"),
    ] {
        let account = Account { shelf: shelf.clone(), fields, ..Account::new("main") };
        let said = chain(&REMOTE.check(&account).await.unwrap_err());
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_no_platform_can_do_is_refused() {
    let day = 24 * 3600;
    let pace =
        |count: u64, per: u64| json!({ "pace": { "group": { "count": count, "per": per } } });
    for (is_right, caps) in [
        (true, json!({})),
        (true, pace(10_000, day)),
        (false, pace(u32::MAX.into(), 1)),
        (false, pace(10_001, 1)),
        (false, pace(0, 1)),
        (false, pace(1, 0)),
        (false, pace(1, day + 1)),
        (true, json!({ "alive_every": 1, "album_max": 100, "file_bytes_max": 1_u64 << 40 })),
        (false, json!({ "alive_every": 0 })),
        (false, json!({ "alive_every": u32::MAX })),
        (false, json!({ "album_max": 101 })),
        (false, json!({ "file_bytes_max": u64::MAX })),
        (false, json!({ "text": { "max": 0, "unit": "chars" } })),
    ] {
        let judged = judged(serde_json::from_value(caps.clone()).unwrap());
        assert_eq!(judged.is_ok(), is_right, "{caps}: {judged:?}");
    }
}

#[tokio::test]
async fn a_part_waits_while_nothing_works_before_somebody_acts() {
    let rig = Rig::new(
        "welcome()\nfor kind in ['unauthorized', 'misconfigured', 'refused']: request = read(); fail(kind, '')\n\
         read()",
    );
    let Connection { source: _source, sink: out, .. } = rig.connect().await;
    for waits in [true, true, false] {
        let err = out.deliver(&part("words")).await.unwrap_err();
        assert_eq!(matches!(err, DeliverError::Unreachable(_)), waits, "{err:?}");
    }
}

/// As `remote.md` says, half a line is none.
#[tokio::test]
async fn a_part_that_is_not_read_whole_is_not_sent() {
    let rig = Rig::new("welcome(); time.sleep(600)");
    let Connection { source: _source, sink: out, .. } = rig.connect().await;
    tokio::time::pause();
    let err = out.deliver(&part(&"x".repeat(1 << 20))).await.unwrap_err();
    assert!(matches!(err, DeliverError::Unreachable(_)), "{err:?}");
    assert!(chain(&err).contains("it read nothing for 10 s"), "{err:?}");
}

/// The clock jumps to the deadline, since nothing happens before it.
#[tokio::test(start_paused = true)]
async fn a_remote_that_says_nothing_is_waited_for_until_a_deadline() {
    let (err, said) = Rig::new("time.sleep(600)").check().await;
    assert!(matches!(err, ChannelError::Unreachable(_)), "{err:?}");
    assert!(said.contains("it did not answer `check` within 10 s"), "{said}");
}

#[tokio::test]
async fn a_secret_is_in_no_argument_variable_error_or_log() {
    let script = "secret = request['fields']['token']\n\
                  shown = str(sorted(os.environ)) + str('quite-a' in str(os.environ) + str(sys.argv))\n\
                  print('with', secret, file=sys.stderr, flush=True)\n\
                  fail('unauthorized', shown + ' and ' + secret)";
    let (_, said) = Rig::new(script).check().await;
    assert!(said.contains("False and ***"), "{said}");
    let names = said.split(['[', ']']).nth(1).unwrap();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(names.contains("'PATH'") && !names.contains("CARGO"), "{names}");
    let (_, said) = Rig::new("raise SystemExit(request['fields']['token'])").check().await;
    assert!(said.contains("it said: ***"), "{said}");
}

#[tokio::test]
async fn a_file_comes_from_nowhere_but_the_place_that_the_host_made() {
    let rig = Rig::new(
        "welcome()\nrequest = read()\nos.remove(request['into']); os.symlink('remote.py', request['into'])\n\
         ok(request)\nrequest = read()\nopen(request['into'], 'w').write('abc'); ok(request)\n\
         request = read()\nopen(request['into'], 'w').write('abcdefg'); ok(request)\nread()",
    );
    let Connection { source: _source, sink, .. } = rig.connect().await;
    let mut into = Vec::new();
    let err = sink.fetch("f", 5, &mut into).await.unwrap_err();
    assert!(matches!(err, FetchError::Gone(_)), "{err:?}");
    sink.fetch("f", 5, &mut into).await.unwrap();
    assert_eq!(into, b"abc");
    let err = sink.fetch("f", 5, &mut into).await.unwrap_err();
    assert!(matches!(err, FetchError::TooLarge { bytes_max: 5 }), "{err:?}");
    let folder = rig.dir.path().join("run/r.main");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "files are left over");
}

#[tokio::test]
async fn everything_that_a_program_started_ends_with_the_connection() {
    let script =
        "child = subprocess.Popen(['sleep', '600'])\nwelcome(me={'id': str(child.pid)})\nread()";
    let rig = Rig::new(script);
    let connection = rig.connect().await;
    let stat = PathBuf::from(format!("/proc/{}/stat", connection.me.id));
    assert!(stat.exists());
    drop(connection);
    let is_gone = || fs::read_to_string(&stat).map_or(true, |it| it.contains(") Z "));
    let ended = timeout(Duration::from_secs(10), async {
        while !is_gone() {
            sleep(Duration::from_millis(10)).await;
        }
    });
    ended.await.unwrap();
}

#[tokio::test]
async fn a_part_on_its_way_arrives_though_nothing_is_received_any_more() {
    let rig =
        Rig::new("welcome()\nrequest = read(); time.sleep(1); ok(request, {'id': 'm1'}); read()");
    let Connection { source, sink: out, .. } = rig.connect().await;
    let text = part("**bold**");
    let sent = out.deliver(&text);
    let (sent, ()) = tokio::join!(sent, async {
        sleep(Duration::from_millis(100)).await;
        drop(source);
    });
    assert_eq!(sent.unwrap(), "m1");
}

#[tokio::test]
async fn a_receive_that_is_dropped_goes_on_and_speaks_for_its_account_alone() {
    let rig = Rig::new(
        "welcome()\nrequest = read(); time.sleep(0.5)\n\
         said = {'from': {'channel': 'cli', 'account': 'x', 'chat': 'c'}, 'platform_id': '1', 'body': {}, 'to_agent': 'a'}\n\
         ok(request, {'cursor': '1', 'gap': 'none', 'events': [{'message': said}]}); request = read()\n\
         ok(request, {'gap': 'unknown'}); ok(read(), {'cursor': request['after'] + '+'}); read()",
    );
    let mut source = rig.connect().await.source;
    let start = Cursor::default();
    let _ = timeout(Duration::from_millis(50), source.receive(&start)).await.unwrap_err();
    let batch = source.receive(&start).await.unwrap();
    let [Event::Message(message)] = &batch.events[..] else { panic!("{batch:?}") };
    assert_eq!((&*message.from.channel, &*message.from.account), ("r", "main"));
    assert_eq!(message.to_agent, None);
    assert_eq!(source.gap(), Some(Gap::None));
    assert!(rig.account.pulse.last().is_some());
    let batch = source.receive(&batch.cursor).await.unwrap();
    assert_eq!(batch, Batch { events: vec![], cursor: Cursor("1+".into()) });
    assert_eq!(source.gap(), None, "only the first counts");
}

#[tokio::test]
async fn a_remote_behind_a_socket_gets_what_it_is_to_know_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let got = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&got);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let length = stream.read(&mut bytes).await.unwrap();
        *heard.lock().unwrap() = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let answer = b"{\"type\": \"ok\", \"id\": 1, \"value\": {\"version\": 1, \"me\": {\"id\": \"9\"}}}\n";
        stream.write_all(answer).await.unwrap();
    });
    let fields = Fields::fixed([("socket", path.to_str().unwrap()), ("token", TOKEN)]);
    let shelf = Shelf::new(Arc::new(NoKeeper), dir.path());
    let account = Account { fields, shelf, ..Account::new("main") };
    let me = REMOTE.check(&account).await.unwrap_or_else(|err| panic!("{:?}", err.source()));
    assert_eq!(me.id, "9");
    let got: Value = serde_json::from_str(&got.lock().unwrap()).unwrap();
    assert_eq!((&got["type"], &got["fields"]), (&json!("check"), &json!({ "token": TOKEN })));
}

#[tokio::test]
async fn a_draft_goes_out_in_the_dialect_of_the_remote() {
    let rig = Rig::new(
        "welcome(caps={'dialect': 'matrix-html'}); request = read(); ok(request)\n\
         draft = request['text']; request = read(); fail('refused', draft); read()",
    );
    let Connection { source: _source, sink: out, .. } = rig.connect().await;
    out.draft(&Address::default(), "m1", "**bold** …").await;
    let said = chain(&out.deliver(&part("")).await.unwrap_err());
    assert!(said.contains("<strong>bold</strong> …"), "{said}");
}

#[test]
fn texts_go_out_in_the_dialect_of_the_remote_with_the_mark_of_a_repeat() {
    let mut marked = Part { repeat: true, ..part("**bold** & more") };
    render(&mut marked, Dialect::MatrixHtml);
    let Content::Text(text) = marked.content else { panic!("no text") };
    assert!(text.contains("possibly a repeat"), "{text}");
    assert!(text.contains("<strong>bold</strong> &amp; more"), "{text}");
}

/// As an account of the channel `remote`, whose command its user gave.
#[tokio::test]
async fn a_remote_speaks_for_no_people_of_another_and_says_not_what_to_run() {
    let mut rig = Rig::new(
        "welcome()\nsay(type='put_field', name='command', value='touch /tmp/never')\n\
         say(type='put_field', name='token', value='*')\nlines = [read(), read(), read()]\n\
         no, kept = [it for it in lines if it['type'] == 'field']\n\
         asked = next(it for it in lines if it['type'] == 'receive')\n\
         by = {'id': 'b/1', 'name': 'Ann'}\n\
         ok(asked, {'events': [{'message': {'from': {'chat': 'c'}, 'platform_id': '1', 'body': {'sender': by,\n\
         'text': f\"{no['error']} {kept['error']}\"}}}, {'reachable': {'chat': {'chat': 'c'}, 'by': by}}]})\n\
         request = read(); ok(request, {'id': request['handle']})\nread()",
    );
    let command = rig.remote.command.unwrap();
    rig.remote = &REMOTE;
    rig.account.fields = Fields::fixed([("command", command), ("token", TOKEN)]);
    let mut connection = rig.connect().await;
    let batch = connection.source.receive(&Cursor::default()).await.unwrap();
    let [Event::Message(message), Event::Reachable { by: Some(by), .. }] = &batch.events[..] else {
        panic!("{batch:?}")
    };
    assert_eq!((message.body.sender.id.as_str(), by.id.as_str()), ("main/b/1", "main/b/1"));
    let text = &message.body.text;
    assert!(text.starts_with("the channel has no such secret nothing keeps"), "{text}");
    assert!(connection.sink.open_direct("b/1").await.is_err());
    assert_eq!(connection.sink.open_direct("main/b/1").await.unwrap(), "b/1");
}
