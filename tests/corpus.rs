//! The corpus of the fuzz targets, run through the targets' own checks without a fuzzer.

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
    let target = fs::read_to_string(root.join("fuzz/src/c_api.rs")).unwrap();
    let header = fs::read_to_string(root.join("include/venuepool.h")).unwrap();
    let words = header.split(|c: char| !c.is_ascii_alphanumeric() && !"_(".contains(c));
    let mut functions = words.filter(|word| word.starts_with("vp_") && word.ends_with('('));
    let forgotten: Vec<_> =
        functions.by_ref().filter(|name| !target.contains(name.trim_end_matches('('))).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
    assert!(target.matches("vp_").count() > 150, "is this the target?");
}
