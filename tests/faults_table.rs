//! `docs/faults.md` is complete and true: each test that it names exists, each test of the suite
//! has a row and heals as that says, and each constant is one of the header.

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

/// The test functions of a file, and what they do.
fn tests(source: &str) -> Vec<(&str, &str)> {
    fn parted(rest: &str) -> Option<(&str, &str)> {
        let (name, rest) = rest.split_once("fn ")?.1.split_once('(')?;
        Some((name, rest.split("\n}\n").next()?))
    }
    source.split("#[test]\n").skip(1).map(|rest| parted(rest).expect("a function")).collect()
}

/// The row of a test, by its cells; of some tables, whose cells are fewer, too.
fn row<'a>(document: &'a str, test: &str) -> Option<Vec<&'a str>> {
    let named = format!("`{test}`");
    let line = document.lines().find(|line| line.starts_with('|') && line.contains(&named))?;
    Some(line.trim_matches('|').split('|').map(str::trim).collect())
}

#[test]
fn every_named_test_exists() {
    let document = read("docs/faults.md");
    let mut named = 0;
    for word in quoted(&document) {
        if let Some((file, test)) = word.split_once(".rs::") {
            let source = read(format!("tests/{file}.rs"));
            let found = tests(&source).iter().any(|(name, _)| *name == test);
            assert!(found, "there is no {word}");
            named += 1;
        } else if word.starts_with("c/") {
            assert!(root().join("tests").join(word).exists(), "there is no {word}");
        }
    }
    assert!(named > 60, "only {named} tests were found");
}

/// How a fault heals, in the words of the table and in those of the suite.
const KINDS: [(&str, &str); 3] = [
    ("at once", "Heals::AtOnce"),
    ("one step", "Heals::OneStep"),
    ("none lost", "Heals::NoneLost"),
];

#[test]
fn every_test_of_the_suite_has_a_row_and_heals_as_that_says() {
    let document = read("docs/faults.md");
    let folder = fs::read_dir(root().join("tests/faults")).unwrap();
    let files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    let mut of_kind = [0; KINDS.len()];
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (test, body) in tests(&read(&path)) {
            let test = format!("faults/{name}::{test}");
            let row = row(&document, &test).unwrap_or_else(|| panic!("{test} has no row"));
            // It may say more behind a semicolon.
            let told = row[3].split(';').next().unwrap();
            let kind = KINDS.iter().position(|(words, _)| *words == told);
            let kind = kind.unwrap_or_else(|| panic!("{test} heals {told:?}, which is no kind"));
            let checked = KINDS.map(|(_, checked)| body.contains(checked));
            let expected = [0, 1, 2].map(|number| number == kind);
            assert_eq!(checked, expected, "{test} heals {told:?}, and is not so checked");
            of_kind[kind] += 1;
        }
    }
    assert!(of_kind.iter().all(|count| *count > 0), "{of_kind:?}");
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
