//! Runs the program, and reads what it has written.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mock_venue::{Options, Venue};
use serde_json::Value;

/// Longer than any test that is not stuck.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_venuepool-probe"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub(crate) fn output(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder that is empty, and stays for who wants to look at it.
pub(crate) fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("probe-{}-{number}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A run against a mock venue, with files of all kinds.
pub(crate) struct Run {
    child: Child,
    pub(crate) folder: PathBuf,
}

impl Run {
    /// Begins it: `path` of the venue, and further options. A slow machine fails no test.
    pub(crate) fn begin(venue: &Venue, path: &str, more: &[&str]) -> Self {
        let (folder, url) = (folder(), venue.url() + path);
        let mut arguments = vec![&url as &str, "--out", folder.to_str().unwrap()];
        arguments.extend(["--warm-up", "0s", "--timeout", "30s"]);
        // The last of two equal options would be refused, so `more` takes their place.
        for option in more.iter().filter(|option| option.starts_with("--")) {
            if let Some(at) = arguments.iter().position(|known| known == option) {
                arguments.drain(at..at + 2);
            }
        }
        arguments.extend(more);
        Self { child: command(&arguments).spawn().unwrap(), folder }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn end(self) -> Ended {
        let output = self.child.wait_with_output().unwrap();
        Ended { output, folder: self.folder }
    }
}

/// A run that is over.
pub(crate) struct Ended {
    pub(crate) output: Output,
    pub(crate) folder: PathBuf,
}

impl Ended {
    /// Of a venue that answers.
    pub(crate) fn of(venue: &Venue, path: &str, more: &[&str]) -> Self {
        let ended = Run::begin(venue, path, more).end();
        assert!(ended.output.status.success(), "{}", text(&ended.output.stderr));
        ended
    }

    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.file("run.json")).unwrap()
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.json()["counts"][what].as_u64().unwrap()
    }

    /// How many requests ended so.
    pub(crate) fn outcome(&self, name: &str) -> u64 {
        let json = self.json();
        let outcomes = json["outcomes"].as_array().unwrap();
        let found = outcomes.iter().find(|outcome| outcome[0] == name);
        found.map_or(0, |outcome| outcome[1].as_u64().unwrap())
    }

    /// The rows of the CSV, by their cells, without the names of the columns.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        let rows = self.file("requests.csv");
        let cells = |row: &str| row.split(',').map(str::to_owned).collect();
        rows.lines().skip(1).map(cells).collect()
    }

    /// The numbers of a column; NaN where there is none.
    pub(crate) fn column(&self, name: &str) -> Vec<f64> {
        let head = self.file("requests.csv").lines().next().unwrap().to_owned();
        let at = head.split(',').position(|column| column == name).unwrap();
        self.rows().iter().map(|row| row[at].parse().unwrap_or(f64::NAN)).collect()
    }
}

pub(crate) fn plain_venue() -> Venue {
    Venue::start(Options::plain()).unwrap()
}

/// Waits until the venue has had so many requests.
pub(crate) fn await_requests(venue: &Venue, count: u64) {
    let begin = Instant::now();
    while venue.stats().requests < count {
        assert!(begin.elapsed() < PATIENCE, "the venue has had {:?}", venue.stats());
        std::thread::sleep(Duration::from_millis(2));
    }
}
