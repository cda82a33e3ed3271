//! `docs/promises.md` is true: each promise has a proof, and each proof that it names exists.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a proof may stand.
const PLACES: [&str; 3] = [".", "tests", "tests/model/tests"];

fn find(file: &str) -> Option<PathBuf> {
    let file = file.strip_prefix("model/").unwrap_or(file);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    PLACES.iter().map(|place| root.join(place).join(file)).find(|path| path.is_file())
}

#[test]
fn every_proof_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let is_row = |line: &&str| line.starts_with("| ") && !line.ends_with("| test |");
    for row in document.lines().filter(is_row) {
        let proofs = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(proofs.contains('`'), "without a proof: {row}");
        for proof in proofs.split('`').skip(1).step_by(2) {
            let (file, test) = proof.split_once("::").unwrap_or((proof, ""));
            let path = find(file).unwrap_or_else(|| panic!("there is no {file}"));
            let is_there = fs::read_to_string(path).unwrap().contains(&format!("fn {test}("));
            assert!(test.is_empty() || is_there, "there is no {proof}");
        }
    }
}
