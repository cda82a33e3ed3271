//! The program at work: what it says of pools that publish, that have ended, and of what is no
//! page.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mock_venue::{Options, Venue};
use nix::pty::{Winsize, openpty};
use serde_json::Value;
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::http::Request;

/// Longer than anything here takes, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

const OFTEN: Duration = Duration::from_millis(10);

/// Longer than any test.
const ONCE: Duration = Duration::from_secs(3_600);

/// Where the child of a test publishes.
const CHILD_PUBLISHES_AT: &str = "TOP_TEST_PUBLISH";

/// A folder of a test, removed when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("venuepool-top-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(venue: &Venue, name: &str, slots: usize) -> Arc<Pool> {
    let mut config = Config::default();
    config.set_url(venue.url().as_bytes()).unwrap();
    config.set_connections(slots).unwrap();
    config.set_thread_name(name.as_bytes()).unwrap();
    Pool::open(&config).unwrap()
}

fn get(pool: &Pool) {
    let mut request = Request::new(Arc::clone(pool.origin()));
    request.begin(b"GET", b"/api/v3/time").unwrap();
    pool.execute(&mut request, WhenBusy::Queue).unwrap();
}

fn top(arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_venuepool-top"));
    command.args(arguments).arg(path).stdin(Stdio::null()).output().unwrap()
}

/// What it prints of what it could read.
fn said(arguments: &[&str], path: &Path) -> String {
    let output = top(arguments, path);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What it prints when something is missing.
fn complaint(arguments: &[&str], path: &Path) -> String {
    let output = top(arguments, path);
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&said(&["--json"], path)).unwrap()
}

/// Repeats a look until it answers something.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "nothing happened");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_live_pool_is_shown_once_as_a_table_and_as_json() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, folder) = (open(&venue, "trade", 2), Folder::new("once"));
    let page = folder.file("page");
    for _ in 0..7 {
        get(&pool);
    }
    pool.publish(&page, OFTEN).unwrap();
    let (table, port) = (said(&["--once"], &page), venue.address().port());
    let title = format!("trade 127.0.0.1:{port}  live  pid {}", std::process::id());
    assert!(table.starts_with(&title), "{table}");
    for part in ["2 of 2 live, 2 idle", "ok 7", "first byte", "heals 0", "dials 2"] {
        assert!(table.contains(part), "no {part} in {table}");
    }
    let slots = table.lines().filter(|line| line.contains(" idle ") && line.contains(":"));
    assert_eq!(slots.count(), 2, "{table}");
    assert!(!table.contains('\x1b'));
    assert!(said(&["--once", "--all"], &page).contains("since open"));
    let all = json(&page);
    let pool_there = &all["pools"][0];
    assert_eq!((&pool_there["condition"], &pool_there["name"]), (&"live".into(), &"trade".into()));
    assert_eq!(pool_there["pid"], std::process::id());
    assert_eq!(pool_there["totals"]["outcomes"]["ok"], 7);
    assert_eq!(pool_there["totals"]["accepted"]["orders"], 7);
    assert_eq!(pool_there["durations"]["total"]["all"]["count"], 7);
    assert_eq!(pool_there["slots"].as_array().unwrap().len(), 2);
    assert_eq!(pool_there["slots"][1]["state"], "idle");
    pool.suspend(ONCE.as_nanos() as u64);
    until(|| said(&["--once"], &page).contains("  suspended  pid").then_some(()));
    pool.close().unwrap();
    assert!(complaint(&["--once"], &page).contains("No such file"));
}

#[test]
fn of_a_folder_all_pages_are_shown_and_nothing_else() {
    let venue = Venue::start(Options::plain()).unwrap();
    let folder = Folder::new("folder");
    assert!(complaint(&["--once"], &folder.0).contains("no pool publishes here"));
    let pools = ["beta", "alpha"].map(|name| {
        let pool = open(&venue, name, 1);
        pool.publish(&folder.file(name), ONCE).unwrap();
        pool
    });
    fs::write(folder.file("notes"), "not a page").unwrap();
    fs::copy(folder.file("beta"), folder.file(".hidden")).unwrap();
    fs::create_dir(folder.file("more")).unwrap();
    let all = json(&folder.0);
    let names: Vec<_> = all["pools"].as_array().unwrap().iter().map(|pool| &pool["name"]).collect();
    assert_eq!(names, ["alpha", "beta"]);
    pools.iter().for_each(|pool| pool.close().unwrap());
}

#[test]
fn what_is_no_page_is_named() {
    let folder = Folder::new("named");
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = open(&venue, "trade", 1);
    let page = folder.file("page");
    pool.publish(&page, ONCE).unwrap();
    let bytes = fs::read(&page).unwrap();
    pool.close().unwrap();
    let mut newer = bytes.clone();
    newer[8] += 1;
    let mut damaged = bytes.clone();
    damaged[700] ^= 1;
    for (content, word) in [
        (&newer[..], "a page of layout version 2; this program reads version 1"),
        (&bytes[..bytes.len() / 2], "a page that is cut off"),
        (&damaged[..], "a page that is damaged"),
        (&b"garbage"[..], "not a page of venuepool"),
    ] {
        fs::write(&page, content).unwrap();
        let complaint = complaint(&["--once"], &page);
        assert!(complaint.contains(word), "{complaint}");
    }
    let all = top(&["--json"], &page);
    assert_eq!(all.status.code(), Some(1));
    let all: Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["pools"][0]["error"], "not a page of venuepool");
    assert!(complaint(&[], &page).contains("--once"), "there is no terminal here");
}

/// The child of the next test: it publishes once, and waits to be killed.
fn publish_and_wait(path: &str) {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = open(&venue, "child", 1);
    pool.publish(Path::new(path), ONCE).unwrap();
    // Its end is the pipe's, so that no child is left behind.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn a_killed_process_has_ended() {
    if let Ok(path) = std::env::var(CHILD_PUBLISHES_AT) {
        return publish_and_wait(&path);
    }
    let folder = Folder::new("killed");
    let page = folder.file("page");
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_killed_process_has_ended"]).env(CHILD_PUBLISHES_AT, &page);
    let mut child = again.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    until(|| page.exists().then_some(()));
    assert!(said(&["--once"], &page).contains(&format!("  live  pid {}", child.id())));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said(&["--once"], &page).contains(&format!("  ended  pid {}", child.id())));
    assert_eq!(json(&page)["pools"][0]["condition"], "ended");
}

/// Reads from a terminal until that was drawn.
fn read_until(terminal: &mut File, seen: &mut String, wanted: &str) {
    let (start, mut bytes) = (Instant::now(), [0; 4096]);
    while !seen.contains(wanted) {
        assert!(start.elapsed() < PATIENCE, "{wanted} was not drawn");
        let count = terminal.read(&mut bytes).unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
}

#[test]
fn the_live_view_is_drawn_again_until_a_key_ends_it() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, folder) = (open(&venue, "trade", 1), Folder::new("live"));
    let page = folder.file("page");
    pool.publish(&page, OFTEN).unwrap();
    let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(Some(&size), None).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_venuepool-top"));
    command.args(["--interval", "10"]).arg(&page).env("TERM", "xterm").env_remove("NO_COLOR");
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    let mut terminal = File::from(pty.master);
    let mut seen = String::new();
    read_until(&mut terminal, &mut seen, "trade 127.0.0.1");
    assert!(seen.contains("\x1b[?1049h"), "a screen of its own");
    get(&pool);
    read_until(&mut terminal, &mut seen, "ok 1");
    terminal.write_all(b"p").unwrap();
    read_until(&mut terminal, &mut seen, "PAUSED");
    terminal.write_all(b"q").unwrap();
    read_until(&mut terminal, &mut seen, "\x1b[?1049l");
    assert!(child.wait().unwrap().success());
    pool.close().unwrap();
}

/// The long options that a text has, such as `--once`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let options = words.filter(|word| word.len() > 2 && word.starts_with("--"));
    options.map(str::to_owned).collect()
}

#[test]
fn the_man_page_has_each_option_of_the_help() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/man/venuepool-top.1.md");
    let known = options(&said(&["--help"], Path::new("x")));
    assert!(known.contains("--json"));
    assert_eq!(options(&fs::read_to_string(source).unwrap()), known);
}
