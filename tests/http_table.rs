//! `docs/http.md` is complete and true: each outcome that a response can have is in its tables, and
//! each proof that they name exists.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use venuepool::error::{CloseReason, Outcome, Status};

/// The cases of the codec, in all files of their table.
fn cases() -> String {
    let files = ["cases", "cases/chunked", "cases/endings", "cases/limits"];
    files.map(|file| read(&format!("src/http/exchange/tests/{file}.rs"))).concat()
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between two `mark`s on one line.
fn between(text: &str, mark: char) -> Vec<&str> {
    text.lines().flat_map(|line| line.split(mark).skip(1).step_by(2)).collect()
}

/// The rows of tables whose last column names proofs.
fn rows(document: &str) -> Vec<&str> {
    let is_row = |line: &&str| line.starts_with("| ") && line.contains(['"', '`']);
    document.lines().filter(is_row).collect()
}

#[test]
fn every_outcome_of_a_response_has_a_row() {
    let document = read("docs/http.md");
    // These say nothing about what the peer sent, but about time, sockets, TLS and the caller.
    let foreign = [
        Outcome::Timeout,
        Outcome::Cancelled,
        Outcome::Shutdown,
        Outcome::ConnectionReset,
        Outcome::IoError,
        Outcome::TlsError,
        Outcome::Suspended,
        Outcome::Draining,
        Outcome::Internal,
    ];
    for outcome in Outcome::ALL {
        let name = outcome.name().to_str().unwrap();
        assert_ne!(document.contains(&format!("`{name}`")), foreign.contains(outcome), "{name}");
    }
}

#[test]
fn every_name_in_the_tables_is_one_of_the_header() {
    let mut known: HashSet<&str> = HashSet::new();
    known.extend(Outcome::ALL.iter().map(|outcome| outcome.name().to_str().unwrap()));
    known.extend(CloseReason::ALL.iter().map(|reason| reason.name().to_str().unwrap()));
    known.extend(Status::ALL.iter().map(|status| status.name().to_str().unwrap()));
    let header = read("include/venuepool.h");
    for word in between(&read("docs/http.md"), '`') {
        if word.starts_with("VP_") {
            assert!(known.contains(word), "{word}");
        } else if word.starts_with("vp_") {
            assert!(header.contains(&format!("{word}(")), "{word}");
        }
    }
}

#[test]
fn every_proof_exists() {
    let document = read("docs/http.md");
    let cases = cases();
    let mut proofs = 0;
    for row in rows(&document) {
        let proof = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for case in between(proof, '"') {
            assert!(cases.contains(&format!("\"{case}\"")), "there is no case {case:?}");
            proofs += 1;
        }
    }
    for word in between(&document, '`') {
        let Some((file, test)) = word.split_once(".rs::") else { continue };
        let file = match file.split_once('/') {
            Some(("it", rest)) => format!("tests/it/{rest}.rs"),
            Some(("http", rest)) => format!("src/http/{rest}.rs"),
            _ => panic!("where is {word}?"),
        };
        assert!(read(&file).contains(&format!("fn {test}(")), "there is no {word}");
        proofs += 1;
    }
    assert!(proofs > 150, "only {proofs} proofs were found");
}

/// Each fault of the predecessor that a response can show is a case, and is named in the tables.
#[test]
fn every_fault_of_the_predecessor_is_named() {
    let document = read("docs/http.md");
    let cases = cases();
    // W13 and W19 are about buffers; W16 to W18 about requests.
    for fault in (1..=15).filter(|fault| *fault != 13) {
        assert!(document.contains(&format!("\"W{fault}: ")), "W{fault} in the document");
    }
    for fault in (1..=15).chain([19]) {
        assert!(cases.contains(&format!("\"W{fault}: ")), "W{fault} as a case");
    }
}
