//! A host's chat socket, played line by line.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

use channel::cli::frames::{FromClient, ToClient};

pub(crate) struct Server(UnixListener);

/// One connection, past its hello.
pub(crate) struct Client {
    reading: BufReader<UnixStream>,
    pub(crate) chat: String,
}

impl Server {
    /// Listens where a host would.
    pub(crate) fn new(home: &Path) -> Self {
        fs::create_dir_all(home.join("run")).unwrap();
        Self(UnixListener::bind(home.join("run/cli.sock")).unwrap())
    }

    /// Plays `script` beside the test. Joining shows what went wrong in it.
    pub(crate) fn play(self, script: impl FnOnce(&Self) + Send + 'static) -> JoinHandle<()> {
        thread::spawn(move || script(&self))
    }

    pub(crate) fn accept(&self) -> Client {
        let (stream, _) = self.0.accept().unwrap();
        let mut client = Client { reading: BufReader::new(stream), chat: String::new() };
        let FromClient::Hello { chat } = client.hear() else { panic!("no hello first") };
        client.chat = chat;
        client
    }
}

impl Client {
    pub(crate) fn hear(&mut self) -> FromClient {
        let mut line = String::new();
        self.reading.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|err| panic!("{err}: {line:?}"))
    }

    /// The next line, which is a message: its id, text and agent.
    pub(crate) fn message(&mut self) -> (String, String, Option<String>) {
        let line = self.hear();
        let FromClient::Message { id, text, agent } = line else { panic!("{line:?}") };
        (id, text, agent)
    }

    pub(crate) fn tell(&mut self, line: &ToClient) {
        let mut text = serde_json::to_string(line).unwrap();
        text.push('\n');
        self.reading.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn stored(&mut self, id: &str) {
        self.tell(&ToClient::Stored { id: id.into() });
    }

    /// The program ended without a word more.
    pub(crate) fn ends(&mut self) {
        let mut rest = String::new();
        assert_eq!(self.reading.read_line(&mut rest).unwrap(), 0, "{rest}");
    }

    /// Sends a part and waits until it was shown.
    pub(crate) fn part(&mut self, key: &str, reply_to: &str, text: &str, last: bool, repeat: bool) {
        let (key, reply_to, text) = (key.to_owned(), reply_to.to_owned(), text.to_owned());
        let (no_answer, also) = (false, vec![]);
        self.tell(&ToClient::Part {
            key: key.clone(),
            reply_to,
            also,
            text,
            last,
            no_answer,
            repeat,
        });
        assert_eq!(self.hear(), FromClient::Shown { key });
    }
}
