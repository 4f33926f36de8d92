//! The same slots as Python: croniter for what an expression means, zoneinfo for what clocks show.
//! The packages are installed once, below the target folder.
#![expect(clippy::unwrap_used, reason = "a failed set-up is a failed test")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use domain::time::Timestamp;
use schedule::{Rule, Zone, slots};

/// <https://pypi.org/project/croniter> and the release of the IANA database that jiff has compiled in.
const PIP: [&str; 2] = ["croniter==6.0.0", "tzdata==2026.6"];

/// Half-hour and quarter-hour offsets, changes by half an hour and by two, at midnight, in Ramadan,
/// zones that crossed the date line, gave up their changes, or go backwards in winter.
const ZONES: [&str; 24] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "America/St_Johns",
    "Asia/Tehran",
    "Pacific/Apia",
    "Pacific/Chatham",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Europe/Dublin",
    "Asia/Kolkata",
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Pyongyang",
    "America/Caracas",
    "America/Nuuk",
    "Europe/Istanbul",
    "Pacific/Kwajalein",
    "UTC",
];

/// Rules that meet a change of the clock, whenever in the night it is.
const NIGHTLY: [&str; 10] = [
    "*/30 * * * *",
    "30 2 * * *",
    "15 * * * *",
    "0 0 * * *",
    "*/10 0-4 * * *",
    "0 */6 * * *",
    "59 23 * * *",
    "30 0,1,2,3 * * 0",
    "every 2d at 02:30 from 2024-01-01",
    "every 1d at 00:00 from 2023-12-24",
];

/// Seconds before and after a change.
const AROUND: [i64; 6] = [-86_400, -5_400, -1, 0, 1_799, 3_700];

const SLOTS: usize = 3;
const RANDOM: usize = 20_000;
const SPACED: usize = 5_000;

struct Case {
    rule: String,
    /// As croniter writes it.
    theirs: String,
    zone: &'static str,
    at: i64,
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was compared")]
fn slots_are_where_croniter_and_zoneinfo_have_them() {
    let changes = changes(2024, 2031);
    let mut cases = Vec::new();
    for (zone, change) in &changes {
        for (rule, around) in NIGHTLY.iter().flat_map(|rule| AROUND.map(|it| (rule, it))) {
            let (rule, theirs) = (rule.to_string(), rule.to_string());
            cases.push(Case { rule, theirs, zone, at: change + around });
        }
    }
    let mut rng = Rng(20_261_125);
    cases.extend((0..RANDOM).map(|_| rng.case()));
    cases.extend((0..SPACED).map(|_| rng.days()));

    let theirs = ask_python(&cases);
    let mut differences = Vec::new();
    for (case, theirs) in cases.iter().zip(&theirs) {
        let ours = ours(case);
        if ours != *theirs {
            let Case { rule, zone, at, .. } = case;
            differences.push(format!("{rule} in {zone} after {at}: ours {ours}, theirs {theirs}"));
        }
    }
    println!(
        "{} cases, {} changes of the clock in {} zones: {} differences",
        cases.len(),
        changes.len(),
        ZONES.len(),
        differences.len()
    );
    let some = &differences[..differences.len().min(20)];
    assert!(differences.is_empty(), "{} differ: {some:#?}", differences.len());
}

fn ours(case: &Case) -> String {
    let rule: Rule = case.rule.parse().unwrap();
    let zone = Zone::parse(case.zone).unwrap();
    let after = Timestamp(case.at * 1_000 + 1);
    let found: Vec<String> = slots(&rule, &zone, after, Timestamp(i64::MAX))
        .take(SLOTS)
        .map(|it| (it.0 / 1_000).to_string())
        .collect();
    found.join(" ")
}

/// Every change of the clock from the beginning of one year to that of another.
fn changes(from: i16, to: i16) -> Vec<(&'static str, i64)> {
    let begin = |year| jiff::civil::date(year, 1, 1).at(0, 0, 0, 0);
    let instant = |year| jiff::tz::Offset::UTC.to_timestamp(begin(year)).unwrap();
    let database = jiff::tz::TimeZoneDatabase::bundled();
    ZONES
        .iter()
        .flat_map(|name| {
            let zone = database.get(name).unwrap();
            let until = |it: &jiff::Timestamp| *it < instant(to);
            let found: Vec<jiff::Timestamp> =
                zone.following(instant(from)).map(|it| it.timestamp()).take_while(until).collect();
            found.into_iter().map(|it| (*name, it.as_second()))
        })
        .collect()
}

/// Numbers that look random and are the same in every run (a linear congruential generator).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn within(&mut self, min: u64, max: u64) -> u64 {
        min + self.below(max - min + 1)
    }

    /// A field; `stars` of ten are unrestricted.
    fn field(&mut self, min: u64, max: u64, stars: u64) -> String {
        if self.below(10) < stars {
            return "*".to_owned();
        }
        let (a, b, c) = (self.within(min, max - 1), self.within(min, max), self.within(min, max));
        match self.below(6) {
            0 => format!("*/{}", self.within(2, (max / 2).max(2))),
            // croniter takes a range from a number to itself for everything.
            1 if a != b => format!("{a}-{b}"),
            2 => format!("{a},{b},{c}"),
            3 if a < b => format!("{a}-{b}/{}", self.within(1, 7)),
            _ => a.to_string(),
        }
    }

    fn day_of_week(&mut self, max: u64) -> (String, String) {
        let (day, nth) = (self.below(7), self.within(1, 5));
        match self.below(8) {
            0 => (format!("{day}#{nth}"), format!("{day}#{nth}")),
            1 => (format!("{day}L"), format!("L{day}")),
            2 => ("mon-fri".to_owned(), "mon-fri".to_owned()),
            _ => {
                let field = self.field(0, max, 4);
                (field.clone(), field)
            }
        }
    }

    /// Every so many days, on both sides of the first one.
    fn days(&mut self) -> Case {
        let (days, hour, minute) = (self.within(1, 400), self.below(24), self.below(60));
        let (year, month, day) = (self.within(1970, 2037), self.within(1, 12), self.within(1, 28));
        let rule =
            format!("every {days}d at {hour:02}:{minute:02} from {year:04}-{month:02}-{day:02}");
        let (zone, at) = self.place();
        Case { theirs: rule.clone(), rule, zone, at }
    }

    /// A zone, and an instant from 1970 to 2037, to the second.
    fn place(&mut self) -> (&'static str, i64) {
        let zone = ZONES[usize::try_from(self.below(ZONES.len() as u64)).unwrap()];
        (zone, i64::try_from(self.below(2_140_000_000)).unwrap())
    }

    fn case(&mut self) -> Case {
        let with_second = self.below(10) == 0;
        // croniter knows 7 as Sunday in five fields only.
        let (mut ours, mut theirs) = self.day_of_week(if with_second { 6 } else { 7 });
        let day = match self.below(12) {
            0 => "L".to_owned(),
            _ => self.field(1, 31, 5),
        };
        if day != "*" && (ours.contains('#') || ours.contains('L')) {
            // croniter mixes these two up.
            (ours, theirs) = ("*".to_owned(), "*".to_owned());
        }
        let month = self.field(1, 12, 7);
        let hour = self.field(0, 23, 4);
        let minute = self.field(0, 59, 3);
        let second = if with_second { self.field(0, 59, 1) + " " } else { String::new() };
        let start = format!("{second}{minute} {hour} {day} {month}");
        let (zone, at) = self.place();
        Case { rule: format!("{start} {ours}"), theirs: format!("{start} {theirs}"), zone, at }
    }
}

fn ask_python(cases: &[Case]) -> Vec<String> {
    let mut python = Command::new(installed().join("venv/bin/python"));
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/slots.py"));
    // The pinned database, not the one of this machine.
    python.env("PYTHONTZPATH", "");
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let questions: String = cases
        .iter()
        .map(|it| format!("{}\t{}\t{}\t{SLOTS}\n", it.theirs, it.zone, it.at))
        .collect();
    let mut input = child.stdin.take().unwrap();
    let writer = thread::spawn(move || input.write_all(questions.as_bytes()));
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(out.status.success(), "python ended with {}", out.status);
    let answers: Vec<String> =
        String::from_utf8(out.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), cases.len());
    answers
}

/// A folder in which Python has the packages of [`PIP`]. Tests in other processes wait meanwhile.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let folder = target.join("foreign/schedule");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let (done, list) = (folder.join("installed"), PIP.join(" "));
    if fs::read_to_string(&done).ok().as_deref() != Some(list.as_str()) {
        run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(&folder));
        let mut pip = Command::new(folder.join("venv/bin/python"));
        run(pip.args(["-m", "pip", "install", "--quiet"]).args(PIP));
        fs::write(&done, list).unwrap();
    }
    folder
}

fn run(command: &mut Command) {
    let out = command.output().unwrap_or_else(|err| panic!("{command:?}: {err}; install python3"));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command:?} failed: {said}\nhint: install python3 with venv");
}
