//! The corpus of the fuzz targets, run through the targets' own checks without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

// The targets use all of it; some of it only there.
#[allow(dead_code, unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod checks;

fn replay(target: &str, check: impl Fn(&[u8]), least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        // Shown only when the check panics.
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
        inputs += 1;
    }
    assert!(inputs >= least, "only {inputs} inputs in {}", folder.display());
}

#[test]
fn response() {
    replay("response", checks::response::check, 300);
}

#[test]
fn exchanges() {
    replay("exchanges", checks::exchanges::check, 300);
}

#[test]
fn request() {
    replay("request", checks::request::check, 50);
}

#[test]
fn c_api() {
    replay("c_api", checks::c_api::check, 50);
}

#[test]
fn ws_frames() {
    replay("ws_frames", checks::ws_frames::check, 200);
}

#[test]
fn ws_handshake() {
    replay("ws_handshake", checks::ws_handshake::check, 100);
}

#[test]
fn the_c_api_target_calls_every_function() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = fs::read_dir(root.join("fuzz/src")).unwrap();
    let target: String =
        sources.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let header = fs::read_to_string(root.join("include/venuepool.h")).unwrap();
    let words = header.split(|c: char| !c.is_ascii_alphanumeric() && !"_(".contains(c));
    let called = words.filter_map(|word| word.split_once('(')).map(|(name, _)| name);
    let functions: BTreeSet<_> = called.filter(|name| name.starts_with("vp_")).collect();
    assert!(functions.len() > 150, "is this the header? {functions:?}");
    // To import a function is not to call it.
    let lines = target.lines().filter(|line| !line.starts_with("use "));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let named: BTreeSet<_> = lines.flat_map(|line| line.split(|c| !is_word(c))).collect();
    let forgotten: Vec<_> = functions.difference(&named).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}
