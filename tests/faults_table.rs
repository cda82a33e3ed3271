//! `docs/faults.md` is complete and true: each test that it names exists, each test of the suite
//! has a row, and each constant is one of the header.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between back-ticks, line by line.
fn quoted(document: &str) -> Vec<&str> {
    document.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

/// The test functions of a file.
fn tests(source: &str) -> Vec<&str> {
    let after = source.split("#[test]\n").skip(1);
    after.map(|rest| rest.split_once("fn ").unwrap().1.split('(').next().unwrap()).collect()
}

#[test]
fn every_named_test_exists() {
    let document = read("docs/faults.md");
    let mut named = 0;
    for word in quoted(&document) {
        if let Some((file, test)) = word.split_once(".rs::") {
            let source = read(format!("tests/{file}.rs"));
            assert!(tests(&source).contains(&test), "there is no {word}");
            named += 1;
        } else if word.starts_with("c/") {
            assert!(root().join("tests").join(word).exists(), "there is no {word}");
        }
    }
    assert!(named > 60, "only {named} tests were found");
}

#[test]
fn every_test_of_the_suite_has_a_row() {
    let document = read("docs/faults.md");
    let rows: HashSet<&str> = quoted(&document).into_iter().collect();
    let folder = fs::read_dir(root().join("tests/faults")).unwrap();
    let files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for test in tests(&read(&path)) {
            let row = format!("faults/{name}::{test}");
            assert!(rows.contains(row.as_str()), "{row} has no row");
        }
    }
}

#[test]
fn every_name_in_the_tables_is_one_of_the_header() {
    let header = read("include/venuepool.h");
    for word in quoted(&read("docs/faults.md")) {
        if word.starts_with("VP_") {
            assert!(header.contains(&format!("{word} ")), "{word}");
        } else if word.starts_with("vp_") {
            let names = [format!("{word}("), format!("struct {word} {{")];
            assert!(names.iter().any(|name| header.contains(name)), "{word}");
        }
    }
}
