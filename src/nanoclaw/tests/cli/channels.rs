//! Accounts on platforms.

use domain::delivery::PartKey;
use domain::message::Address;
use domain::time::Timestamp;
use store::{AccountRow, Draft, NewPart, PartKind};

use crate::Home;

#[test]
fn channels_that_are_not_in_the_program_are_named_with_what_to_do() {
    let home = Home::new();
    let list = home.run(&["channels", "list", "--json"]).json();
    assert_eq!(list["accounts"], serde_json::json!([]));
    let channels = list["channels"].as_array().unwrap();
    let cli = channels.iter().find(|it| it["name"] == "cli").unwrap();
    assert_eq!(cli["needs_token"], false);
    home.feed(&["channels", "add", "smoke"], b"x").refused(1, "has no channel `smoke`");
    home.feed(&["channels", "add", "cli"], b"x").refused(1, "`cli` needs no account");
    home.feed(&["channels", "add", "smoke"], b"x").refused(1, "./nanoclaw.sh add smoke");
    home.run(&["channels", "remove", "telegram"]).refused(1, "there is no account telegram/main");
    let add = |url| home.feed(&["channels", "add", "telegram", "--url", url], b"x");
    add("api=http://bots.example").refused(64, "unencrypted");
    add("http://127.0.0.1:1").refused(64, "invalid");
    home.run(&["channels", "add", "telegram", "--name", "../x"]).refused(64, "letters");
}

/// Run with `--features telegram`.
#[cfg(feature = "telegram")]
#[test]
fn a_token_is_sealed_and_never_seen_again() {
    let home = Home::new();
    let token = b"12345:very-secret\n";
    let add = ["channels", "add", "telegram", "--unchecked", "--url", "api=http://127.0.0.1:9"];
    let said = home.feed(&add, token);
    assert!(
        said.err.contains("nanoclaw pair") && !said.err.contains("very-secret"),
        "{}",
        said.err
    );
    assert!(said.fine().contains("added telegram/main"));
    // Another token leaves the address as it is.
    let lock = std::fs::File::create(home.path().join("run/host.lock")).unwrap();
    lock.lock().unwrap();
    let said = home.feed(&["channels", "add", "telegram", "--unchecked"], token);
    assert!(said.err.contains("owner with `nanoclaw pair`"), "{}", said.err);
    assert!(!said.err.contains("nanoclaw start"), "a host runs: {}", said.err);
    assert!(said.fine().contains("renewed telegram/main"));
    drop(lock);
    home.feed(&["channels", "add", "telegram"], b"two words").refused(1, "looks like");

    let list = home.run(&["channels", "list", "--json"]).json();
    let account = &list["accounts"][0];
    assert_eq!((&account["name"], &account["fields"]), (&"main".into(), &["token"][..].into()));
    assert_eq!(account["urls"]["api"], "http://127.0.0.1:9");
    assert!(home.run(&["vault", "list"]).fine().contains("is empty"), "it is no agent's");
    for entry in std::fs::read_dir(home.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        assert!(!String::from_utf8_lossy(&bytes).contains("very-secret"), "{}", path.display());
    }
    let kept = home.path().join("channels/telegram/main/kept");
    std::fs::create_dir_all(&kept).unwrap();
    let said = home.run(&["channels", "remove", "telegram"]);
    assert!(said.err.contains("--url") && said.err.contains("127.0.0.1:9"), "{}", said.err);
    said.fine();
    assert_eq!(home.store().secrets().unwrap(), []);
    assert!(!kept.exists());
}

/// Run with `--features telegram`.
#[cfg(feature = "telegram")]
#[test]
fn what_is_given_is_named_and_what_is_not_mentioned_stays() {
    let home = Home::new();
    let fields = home.run(&["channels", "fields", "telegram", "--json"]).json();
    assert_eq!((&fields[0]["field"], &fields[0]["is_secret"]), (&"token".into(), &true.into()));
    let add = |more: &[&str], input: &[u8]| {
        let all = [&["channels", "add", "telegram", "--unchecked"], more].concat();
        home.feed(&all, input)
    };
    add(&["--set", "token=1:x"], b"").refused(1, "token is a secret");
    add(&["--set", "colour=red"], b"1:x").refused(1, "telegram has no field `colour`");
    add(&["--from-stdin"], b"colour=red").refused(1, "telegram has no field `colour`");
    add(&["--from-stdin"], b"").refused(1, "missing: token");
    add(&["--from-stdin"], b"token=").refused(1, "this is no token");
    add(&["--from-stdin"], b"1:x").refused(1, "line 1");
    add(&[], b"").refused(1, "this is no token");
    assert_eq!(home.store().accounts().unwrap(), []);
    let api = "api=http://127.0.0.1:9";
    add(
        &["--url", api, "--url", "files=http://127.0.0.1:8", "--from-stdin"],
        b"{\"token\": \"1:x\"}",
    )
    .fine();
    let secrets = home.store().secrets().unwrap();
    let first = home.store().accounts().unwrap().remove(0);
    // Sealed again for the other address, and nothing is asked for.
    add(&["--url", "files="], b"").fine();
    let second = home.store().accounts().unwrap().remove(0);
    assert_eq!(second.urls.keys().collect::<Vec<_>>(), ["api"]);
    assert!(first.renewed_at < second.renewed_at, "the host is to connect again");
    assert_ne!(home.store().secrets().unwrap(), secrets);
    let unreached = home.feed(&["channels", "add", "telegram"], b"2:y");
    unreached.refused(1, "nothing was changed; the account goes on with what it has");
    assert!(add(&[], b" 2:y \n").fine().contains("changed: token; the rest stays"));
    assert_eq!(home.store().accounts().unwrap()[0].urls, second.urls);
    assert_eq!(home.store().secrets().unwrap().len(), 1);
    // Another secret beside another address is not left unread.
    add(&["--url", api], b"leaked").refused(1, "looks like");
    let said = add(&["--url", "files=http://127.0.0.1:7"], b"3:z").fine();
    assert!(said.contains("changed: token, files; the rest stays"), "{said}");
    assert!(add(&["--url", api], b"").fine().contains("changed: nothing"), "it is the same");
}

/// Run with `--features webhook`.
#[cfg(feature = "webhook")]
#[test]
fn another_kind_wants_a_secret_of_its_form() {
    let home = Home::new();
    let add = |kind, input: &[u8]| home.feed(&["channels", "add", "webhook", "--set", kind], input);
    add("kind=stripe", b"plain").refused(1, "webhook: the credentials are not taken");
    add("kind=token", b"plain").fine();
    add("kind=stripe", b"").refused(1, "a secret of stripe begins with `whsec_`");
    assert!(add("kind=stripe", b"whsec_x").fine().contains("changed: kind, secret"));
}

#[test]
fn the_door_of_webhooks_is_where_it_was_set_and_off_takes_it_back() {
    let home = Home::new();
    let expose = |words: &[&str]| home.run(&[&["channels", "expose"], words].concat());
    let now = || expose(&["--json"]).json();
    assert_eq!((&now()["listen"], &now()["way"]), (&"127.0.0.1:8787".into(), &"off".into()));
    expose(&["--listen", "127.0.0.1:0", "--proxies", "10.0.0.1,10.0.0.2"]).fine();
    let said = expose(&["proxy", "--url", "https://bot.example/"]).fine();
    assert!(
        said.contains("reverse_proxy 127.0.0.1:0") && said.contains("listen 443 ssl;"),
        "{said}"
    );
    let door = now();
    assert_eq!(
        (&door["listen"], &door["url"]),
        (&"127.0.0.1:0".into(), &"https://bot.example".into())
    );
    assert_eq!(door["proxies"], serde_json::json!(["10.0.0.1", "10.0.0.2"]));
    assert_eq!(door["is_reached"], serde_json::Value::Null, "no host runs");
    expose(&["--proxies", "-", "--listen", "-"]).fine();
    assert_eq!(
        (&now()["listen"], &now()["proxies"]),
        (&"127.0.0.1:8787".into(), &[0_u8; 0][..].into())
    );
    expose(&["--listen", "127.0.0.1:9000", "--proxies", "10.0.0.1"]).fine();
    expose(&["tunnel", "cloudflared"]).fine();
    expose(&["off"]).fine();
    assert_eq!((&now()["listen"], &now()["way"]), (&"127.0.0.1:9000".into(), &"off".into()));
    assert_eq!(now()["proxies"], serde_json::json!(["10.0.0.1"]));
    expose(&["tunnel", "cloudflared"]).fine();
    assert!(now()["command"].as_str().unwrap().contains("--url http://{address}"), "{}", now());
    assert_eq!(now()["url"], serde_json::Value::Null, "it says its own");
    expose(&["tunnel", "--url", "https://x.example", "--", "ssh", "-R", "80:{address}", "x"])
        .fine();
    assert_eq!(now()["command"], "ssh -R 80:{address} x");
    expose(&["--listen", "127.0.0.1:9000"]).fine();
    expose(&["acme", "--domain", "bot.example", "--email", "ann@example.org"]).fine();
    assert_eq!((&now()["listen"], &now()["way"]), (&"0.0.0.0:443".into(), &"acme".into()));
    expose(&["acme", "--domain", "b.example", "--email", "a@b.example", "--listen", "0.0.0.0:1"])
        .fine();
    let said = expose(&["proxy", "--url", "https://b.example"]).fine();
    assert!(said.contains("other machines reach 0.0.0.0:1, and nothing is encrypted"), "{said}");
    home.store().set_setting("door", "{").unwrap();
    assert!(now()["trouble"].as_str().unwrap().contains("cannot be read"), "{}", now());
    assert!(home.run(&["doctor"]).out.contains("the settings of the webhook door cannot be read"));
    expose(&["off"]).fine();
    assert_eq!(
        (&now()["listen"], &now()["url"]),
        (&"127.0.0.1:8787".into(), &serde_json::Value::Null)
    );
}

#[test]
fn what_is_no_way_to_the_door_is_refused_with_what_to_write() {
    let home = Home::new();
    for (wrong, what) in [
        (&["--listen", "everywhere"][..], "everywhere"),
        (&["--listen", "127.0.0.1"], "write it as 127.0.0.1:8787"),
        (&["--listen", "localhost:9000"], "write it as 127.0.0.1:8787"),
        (&["proxy", "--url", "https://"], "https://bot.example"),
        (&["--proxies", "me"], "me"),
        (&["proxy", "--url", "bot.example"], "bot.example"),
        (&["proxy", "--url", "https://bot.example/hooks"], "without a path"),
        (&["proxy", "--url", "https://."], "write it as"),
        (&["acme", "--domain", ".", "--email", "a@b.example"], "bot.example"),
        (&["acme", "--domain", "bot..example", "--email", "a@b.example"], "write it as"),
        (&["acme", "--domain", "bot.example", "--email", "a@."], "ann@example.org"),
        (&["proxy"], "--url"),
        (&["acme", "--domain", "10.0.0.1", "--email", "a@b.example"], "10.0.0.1"),
        (&["acme", "--domain", "bot.example", "--email", "ann"], "ann"),
        (&["tunnel"], "COMMAND"),
    ] {
        home.run(&[&["channels", "expose"], wrong].concat()).refused(64, what);
    }
}

#[test]
fn what_waits_for_an_account_that_goes_is_told_then_and_later() {
    let home = Home::new();
    home.run(&["channels", "list"]).fine();
    let kind = [("kind".to_owned(), "token".to_owned())];
    for (name, me) in [("main", "1"), ("other", "2")] {
        let row = AccountRow::new("smoke", name, Timestamp(1));
        let row = AccountRow { me_id: me.into(), fields: kind.clone().into(), ..row };
        home.store().put_account(&row).unwrap();
    }
    let list = home.run(&["channels", "list", "--json"]).json();
    assert_eq!(list["accounts"][0]["plain"]["kind"], "token");
    assert!(home.run(&["channels", "list"]).fine().contains("kind=token"));
    // A host that ended has left it.
    let run = home.path().join("run");
    std::fs::create_dir_all(&run).unwrap();
    let note = r#"{"address":"","url":"https://gone.example","paths":["smoke/main"],"key":""}"#;
    std::fs::write(run.join("door.json"), note).unwrap();
    assert_eq!(list["accounts"][0]["name"], "main");
    let list = home.run(&["channels", "list", "--json"]).json();
    assert_eq!(list["accounts"][0]["webhook"], serde_json::Value::Null);
    for key in ["a", "b"] {
        let (channel, account) = ("smoke".into(), "main".into());
        let to = Address { channel, account, chat: "c".into(), thread: None };
        let text = Draft::Text("hello".into());
        let part = NewPart::new(key.to_owned(), to, PartKind::Notice, text);
        assert_eq!(part.key, PartKey(key.into()));
        home.store().say(&part, Timestamp(1)).unwrap();
    }
    let next = || home.run(&["outbox", "list", "--json"]).json()[0]["next"].clone();
    assert_eq!(next(), "now");
    assert!(!home.run(&["doctor"]).out.contains("cannot go out"));
    let said = home.run(&["channels", "remove", "smoke"]).fine();
    assert!(said.contains("2 parts to deliver: sent when it is added again"), "{said}");
    assert!(said.contains("smoke/other stays"), "{said}");
    let gone = "there is no account smoke/main; `nanoclaw channels add smoke --name main`";
    assert_eq!(next(), gone);
    let doctor = home.run(&["doctor"]).out;
    assert!(doctor.contains(&format!("2 parts cannot go out: {gone}")), "{doctor}");
    home.store().put_account(&AccountRow::new("smoke", "third", Timestamp(1))).unwrap();
    let said = home.run(&["channels", "remove", "smoke", "--all"]).fine();
    assert!(said.contains("smoke/third") && !said.contains("stays, with"), "{said}");
    assert_eq!(home.store().accounts().unwrap(), []);
    home.run(&["channels", "remove", "smoke", "--all"]).refused(1, "no account of smoke");
}

#[test]
fn without_the_key_the_next_step_is_no_start_that_must_fail() {
    let home = Home::new();
    home.run(&["channels", "list"]).fine();
    let next = || home.run(&["--json"]).json()["next"].to_string();
    assert!(next().contains("nanoclaw start"), "{}", next());
    let (kind, sealed, base_url) = ("k".into(), vec![1], String::new());
    let row =
        vault::SealedRow { name: "x".into(), kind, base_url, sealed, created_at: Timestamp(1) };
    home.store().put_secret(&row).unwrap();
    assert!(next().contains("nanoclaw doctor") && !next().contains("nanoclaw start"), "{}", next());
}
