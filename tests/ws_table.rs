//! `docs/websocket-rules.md` is complete and true: each error of the WebSocket codec has a row with
//! its close code, and each proof that the rows name exists.

use std::fs;
use std::path::Path;

use strum::VariantArray;
use venuepool::error::Outcome;
use venuepool::ws::error::{Error, ErrorKind};

/// Each error, so that its code can be asked for.
const ERRORS: [Error; 28] = [
    Error::Http(Outcome::BadHeader),
    Error::NotSwitched,
    Error::OldVersion,
    Error::BadUpgrade,
    Error::BadConnection,
    Error::BadAccept,
    Error::BadSubprotocol,
    Error::BadExtensions,
    Error::UnknownExtension,
    Error::BadDeflateParameter,
    Error::ReservedBits,
    Error::ReservedOpcode,
    Error::MaskedFrame,
    Error::LengthNotMinimal,
    Error::LengthTooLarge,
    Error::FragmentedControl,
    Error::ControlTooLong,
    Error::UnexpectedContinuation,
    Error::ExpectedContinuation,
    Error::FrameTooLarge,
    Error::MessageTooLarge,
    Error::TooManyFragments,
    Error::InvalidUtf8,
    Error::BadCloseLength,
    Error::BadCloseCode,
    Error::BadCloseReason,
    Error::BadDeflate,
    Error::OutOfMemory,
];

/// The cases of the Autobahn suite.
const SUITE: [&str; 3] = ["tests/ws/autobahn.rs", "tests/ws/deflate.rs", "tests/ws/utf8.rs"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of all tables, cut into their cells. A heading has no proof.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| line.starts_with("| ") && line.contains(['"', '`']);
    let lines = document.lines().filter(is_row);
    lines.map(|line| line.trim_matches(['|', ' ']).split(" | ").map(str::trim).collect()).collect()
}

/// What stands between two `mark`s.
fn between(text: &str, mark: char) -> impl Iterator<Item = &str> {
    text.split(mark).skip(1).step_by(2)
}

#[test]
fn every_error_has_a_row_with_its_close_code() {
    let document = read("docs/websocket-rules.md");
    assert_eq!(ErrorKind::VARIANTS.len(), ERRORS.len());
    for (kind, error) in ErrorKind::VARIANTS.iter().zip(ERRORS) {
        assert_eq!(ErrorKind::from(error), *kind);
        let name = format!("`{kind:?}`");
        let rows = rows(&document);
        let row = rows.iter().find(|row| row.get(2) == Some(&name.as_str()));
        let row = row.unwrap_or_else(|| panic!("no row for {name}"));
        let code = error.close_code().map(|code| code.to_string());
        assert_eq!(row.len(), if code.is_some() { 5 } else { 4 }, "{name}");
        if let Some(code) = code {
            assert_eq!(row[3], code, "{name}");
        }
    }
}

/// Whether a case of that number is among those of the Autobahn suite in `tests/ws`.
fn is_case(number: &str, sources: &str) -> bool {
    let parts: Vec<_> = number.split('.').collect();
    let literal = format!("\"{number}\"");
    let made = match parts[..] {
        [first, second, _] => [
            format!("\"{first}.{second}.{{"),
            format!("\"{first}.{{group}}.{{"),
            format!("group(\"{first}.{second}\""),
            format!("demands(\"{first}.{second}\""),
        ],
        _ => return sources.contains(&literal),
    };
    sources.contains(&literal) || made.iter().any(|made| sources.contains(made.as_str()))
}

#[test]
fn every_proof_exists() {
    let document = read("docs/websocket-rules.md");
    let files = ["src/ws/handshake/tests.rs", "src/ws/message/tests/cases.rs"];
    let cases = files.map(read).concat();
    let suite = SUITE.map(read).concat();
    // Names that are made of a number.
    let is_made = |case: &str| {
        let opcode = case.strip_prefix("opcode ").and_then(|number| number.parse::<u8>().ok());
        opcode.is_some_and(|opcode| matches!(opcode, 3..8 | 11..16))
            && cases.contains("\"opcode {opcode}\"")
    };
    let mut proofs = 0;
    for row in rows(&document) {
        let proof = row.last().unwrap();
        let before = proofs;
        for case in between(proof, '"') {
            let is_there = cases.contains(&format!("\"{case}\"")) || is_made(case);
            assert!(is_there, "there is no case {case:?}");
            proofs += 1;
        }
        for word in between(proof, '`') {
            match word.split_once("::") {
                Some((file, test)) => {
                    let text = read(&format!("src/{file}"));
                    assert!(text.contains(&format!("fn {test}(")), "there is no {word}");
                }
                None => assert!(is_case(word, &suite), "there is no case {word}"),
            }
            proofs += 1;
        }
        assert!(proofs > before, "a row without a proof: {row:?}");
    }
    assert!(proofs > 150, "only {proofs} proofs were found");
}

#[test]
fn a_proof_that_does_not_exist_is_seen() {
    let suite = SUITE.map(read).concat();
    for number in ["2.5", "4.1.3", "6.4.1", "6.12.8", "7.9.1", "9.3.1", "10.1.1", "12.5.18"] {
        assert!(is_case(number, &suite), "{number}");
    }
    for number in ["2.12", "6.24.1", "8.1.1", "11.1.1", "10.2.1", "7.2.1", "12.6.1", "13.8.1"] {
        assert!(!is_case(number, &suite), "{number}");
    }
}
