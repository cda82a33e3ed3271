//! The code in the README and in docs/event-loops.md is the code that is compiled and run.

use std::fs;
use std::path::Path;

/// The code block that follows the marker of a file.
fn block<'a>(readme: &'a str, file: &str) -> &'a str {
    let marker = format!("<!-- {file} -->\n```");
    let start = readme.find(&marker).unwrap_or_else(|| panic!("no block for {file}"));
    let code = &readme[start + marker.len()..];
    let first_line = code.find('\n').unwrap() + 1;
    &code[first_line..code.find("\n```").unwrap() + 1]
}

#[test]
fn the_examples_in_the_documents_are_those_that_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for file in ["c_examples/readme.c", "c_examples/readme.cpp", "c_examples/good_values.c"] {
        let code = fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(block(&readme, file), code, "{file}");
    }
    let page = fs::read_to_string(root.join("docs/event-loops.md")).unwrap();
    let file = "c_examples/own_loop.cpp";
    assert_eq!(block(&page, file), fs::read_to_string(root.join(file)).unwrap());
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for page in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(root.join(target).exists(), "{page}: {target}");
        }
    }
}
