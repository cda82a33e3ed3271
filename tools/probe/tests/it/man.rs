//! The man page names each option of `--help`, and no other. `tests/venue` makes it from its source
//! in docs/man.

use std::collections::BTreeSet;

use crate::run::{output, text};

/// The long options that a text has, such as `--rate`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let options = words.filter(|word| word.len() > 2 && word.starts_with("--"));
    options.map(str::to_owned).collect()
}

#[test]
fn the_man_page_has_each_option_of_the_help() {
    let help = |arguments: &[&str]| text(&output(arguments).stdout);
    let known = options(&(help(&["--help"]) + &help(&["compare", "--help"])));
    assert!(known.contains("--rate") && known.contains("--html"));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/man/venuepool-probe.1.md");
    assert_eq!(options(&std::fs::read_to_string(page).unwrap()), known);
}
