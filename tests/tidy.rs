//! The style of this repository, as far as a program can judge it.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_COLUMNS: usize = 100;
const MAX_FUNCTION_LINES: usize = 70;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` with one of the endings. Frozen headers stay as they were.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !["target", "build", "frozen"].contains(&name.as_str()) {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn sources() -> Vec<PathBuf> {
    let mut all = files("src", &[".rs"]);
    all.extend(files("tests", &[".rs", ".c", ".cpp", ".h"]));
    all.extend(files("tools", &[".rs", ".js", ".css", ".html", ".py"]));
    all.extend(files("c_examples", &[".c", ".cpp", ".h", ".hpp"]));
    all.extend(files("include", &[".hpp"]));
    all.extend(files("benches", &[".c", ".cpp", ".hpp", ".py", ".rs"]));
    all.extend(fuzz());
    all
}

fn fuzz() -> Vec<PathBuf> {
    [files("fuzz/src", &[".rs"]), files("fuzz/fuzz_targets", &[".rs"])].concat()
}

fn fail(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Whether a file holds tests only, which have freedoms that the library has not.
fn is_test(path: &Path) -> bool {
    let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    path.starts_with("tests") || path.ends_with("tests.rs") || path.contains("/tests/")
}

#[test]
fn lines_fit() {
    let mut long = Vec::new();
    for path in sources() {
        for (number, line) in read(&path).lines().enumerate() {
            if line.chars().count() > MAX_COLUMNS {
                long.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    fail("lines of more than 100 columns", &long);
}

#[test]
fn nothing_is_left_over() {
    // In two halves, so that this file has none.
    let halves = [("to", "do!"), ("unimpl", "emented!"), ("FIX", "ME"), ("XX", "X"), ("db", "g!(")];
    let leftovers = halves.map(|(one, other)| format!("{one}{other}"));
    let mut found = Vec::new();
    for path in sources() {
        let text = read(&path);
        let hits = leftovers.iter().filter(|leftover| text.contains(*leftover));
        found.extend(hits.map(|hit| format!("{}: {hit}", path.display())));
    }
    fail("left-overs", &found);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = |path: &PathBuf| !read(path).starts_with("//!");
    let folders = ["src", "tests", "tools"];
    let files = folders.iter().flat_map(|folder| files(folder, &[".rs"])).chain(fuzz());
    let found: Vec<String> = files.filter(silent).map(|path| path.display().to_string()).collect();
    fail("files without a head", &found);
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for path in [files("src", &[".rs"]), files("tools", &[".rs"])].concat() {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            let begins = ["fn ", "pub fn ", "pub(super) fn ", "pub(crate) fn ", "async fn "]
                .iter()
                .any(|begin| code.starts_with(begin))
                || code.contains("extern \"C\" fn ") && !code.contains("//");
            let is_declared = lines[start..].iter().find(|line| line.ends_with([';', '{']));
            if !begins || is_declared.is_some_and(|line| line.ends_with(';')) {
                continue;
            }
            let close = format!("{}}}", " ".repeat(indent));
            let length = lines[start..].iter().position(|line| *line == close).unwrap_or(0);
            if length > MAX_FUNCTION_LINES {
                long.push(format!("{}:{}: {length} lines", path.display(), start + 1));
            }
        }
    }
    fail("functions of more than 70 lines", &long);
}

#[test]
fn unsafe_stays_at_the_edge() {
    let mut found = Vec::new();
    for path in files("src", &[".rs"]) {
        let inside = path.strip_prefix(root().join("src")).unwrap();
        if inside.starts_with("ffi") || inside.starts_with("net") {
            continue;
        }
        let code = |line: &&str| !line.trim_start().starts_with("//");
        let guilty = |line: &str| line.contains("unsafe ") && !line.contains("unsafe_code");
        if read(&path).lines().filter(code).any(guilty) {
            found.push(path.display().to_string());
        }
    }
    fail("unsafe outside src/ffi and src/net", &found);
}

#[test]
fn policy_and_protocol_know_no_clock_no_socket_and_no_runtime() {
    let forbidden =
        ["tokio", "std::net", "std::thread", "Instant", "SystemTime", "fastrand", "nix::"];
    let mut found = Vec::new();
    let folders = ["src/pool", "src/http", "src/ws", "src/metrics", "src/recorder"];
    for path in folders.iter().flat_map(|folder| files(folder, &[".rs"])) {
        for (number, line) in read(&path).lines().enumerate() {
            let is_code = !line.trim_start().starts_with("//");
            if is_code && forbidden.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    fail("the pure folders know only what they are told", &found);
}

/// What waits is a task of the pool thread (`src/tasks`). The driver has bells to ring, and no
/// more of a runtime.
#[test]
fn the_driver_has_no_async_function() {
    let forbidden = ["async ", "tokio"];
    let mut found = Vec::new();
    for path in files("src/driver", &[".rs"]) {
        for (number, line) in read(&path).lines().enumerate() {
            let is_code = !line.trim_start().starts_with("//");
            let is_bell = line.starts_with("use tokio::sync::");
            if is_code && !is_bell && forbidden.iter().any(|word| line.contains(word)) {
                found.push(format!("{}:{}", path.display(), number + 1));
            }
        }
    }
    fail("no runtime is known in src/driver", &found);
}

/// What belongs to the host's process as a whole is the host's to set.
#[test]
fn nothing_of_the_process_is_set() {
    let forbidden = [
        "set_hook",
        "set_logger",
        "set_max_level",
        "install_default",
        "global_allocator",
        "sigaction",
        "libc::signal",
        "sigprocmask",
        "set_var",
        "setrlimit",
        "atexit",
    ];
    let mut found = Vec::new();
    for path in files("src", &[".rs"]).into_iter().filter(|path| !is_test(path)) {
        let text = read(&path);
        let hits = forbidden.iter().filter(|word| text.contains(**word));
        found.extend(hits.map(|hit| format!("{}: {hit}", path.display())));
    }
    fail("the host's, and not ours to set", &found);
}

#[test]
fn one_clock() {
    let mut found = Vec::new();
    for path in files("src", &[".rs"]).into_iter().filter(|path| !is_test(path)) {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        // Sleepers measure their own patience; all that is told to others comes from the one clock.
        let may = [
            "clock.rs",
            "caller.rs",
            "sleeper.rs",
            "waiting.rs",
            "completion/queue.rs",
            "session/delivery.rs",
        ];
        let dials = ["connect", "resolve", "ways"].map(|file| format!("src/net/{file}.rs"));
        let text = read(&path);
        // A unit test may measure.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if !may.iter().any(|may| name.ends_with(may))
            && !dials.contains(&name)
            && text.contains("Instant::now")
        {
            found.push(name);
        }
    }
    fail("clocks outside src/clock.rs", &found);
}

#[test]
fn every_exported_function_says_threads_lifetime_and_errors() {
    let mut found = Vec::new();
    let mut exported = 0;
    for path in files("src/ffi", &[".rs"]) {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for (number, _) in lines.iter().enumerate().filter(|(_, l)| **l == "#[unsafe(no_mangle)]") {
            exported += 1;
            let is_doc = |line: &&&str| line.starts_with("///");
            let doc: String = lines[..number].iter().rev().take_while(is_doc).copied().collect();
            for word in ["Threads:", "Lifetime:", "Errors:"] {
                if !doc.contains(word) {
                    found.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(exported > 50, "only {exported} functions were found");
    fail("functions that do not say enough", &found);
}
