//! Plain English: no sentence in the documents and in the C headers has more than 25 words. Neither
//! they nor the comments in the sources have a figure of speech of the list below.
//!
//! Many readers learnt English as a second language. A colon or a semicolon ends a sentence here.
//! Code, tables and headings are not read.

use std::path::{Path, PathBuf};

/// The most words in a sentence.
const MOST_WORDS: usize = 25;

/// Figures of speech, and words that the glossary has replaced.
const AVOIDED: &[&str] = &[
    "nobody",
    "honest",
    "goodbye",
    "good guest",
    "storm them",
    "whole again",
    "in line",
    "no sin",
    "baton",
    "in vain",
    "doomed",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a Markdown file: without code, tables, headings and links' targets.
fn markdown(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            in_code = !in_code;
            lines.push((number, String::new()));
        } else if in_code || trimmed.starts_with(['|', '#', '<', '!']) {
            lines.push((number, String::new()));
        } else {
            let begins_item = trimmed.starts_with("- ") || trimmed.starts_with("* ");
            if begins_item
                || trimmed.split_once(". ").is_some_and(|(n, _)| n.parse::<u32>().is_ok())
            {
                lines.push((number, String::new()));
            }
            lines.push((number, trimmed.trim_start_matches(['-', '*', ' ']).to_owned()));
        }
    }
    lines
}

/// The comments of the C header.
fn header(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let is_comment = ["/*", "*", "//"].iter().any(|mark| trimmed.starts_with(mark));
        let words = trimmed.trim_start_matches(['/', '*', ' ']).trim_end_matches("*/");
        let is_item = words.starts_with("- ")
            || words.starts_with("Threads:")
            || words.starts_with("Lifetime:")
            || words.starts_with("Errors:");
        if !is_comment || words.is_empty() || is_item {
            lines.push((number, String::new()));
        }
        if is_comment {
            lines.push((number, words.trim_start_matches("- ").to_owned()));
        }
    }
    lines
}

/// Cuts lines into sentences, each with the line on which it begins.
fn sentences(lines: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in lines {
        if line.trim().is_empty() {
            found.extend(open.take());
            continue;
        }
        for word in line.split_whitespace() {
            let (_, text) = open.get_or_insert_with(|| (*number, String::new()));
            text.push_str(word);
            text.push(' ');
            let bare = word.trim_end_matches([')', '"', '`', '*', '_']);
            if bare.ends_with(['.', ':', '?', '!', ';']) && !bare.ends_with("e.g.") {
                found.extend(open.take());
            }
        }
    }
    found.extend(open);
    found
}

/// The sentences of a file that are hard to read, each with the reason.
fn hard_sentences(path: &Path, read: fn(&str) -> Vec<(usize, String)>) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut found = Vec::new();
    for (line, text) in sentences(&read(&text)) {
        let is_long = text.split_whitespace().count() > MOST_WORDS;
        let reason = if is_long { Some("too long") } else { avoided(&text) };
        found.extend(reason.map(|reason| format!("{name}:{}: {reason}: {text}", line + 1)));
    }
    found
}

/// The avoided word in a text, if there is one. Code (between backquotes) is not read.
fn avoided(text: &str) -> Option<&'static str> {
    let prose: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ").to_lowercase();
    let is_word = |start: usize, word: &str| {
        let end = prose[start + word.len()..].chars().next();
        let begin = prose[..start].chars().next_back();
        [begin, end].iter().all(|near| near.is_none_or(|near| !near.is_alphanumeric()))
    };
    let mut words = AVOIDED.iter().copied();
    words.find(|word| prose.match_indices(word).any(|(start, _)| is_word(start, word)))
}

#[test]
fn sentences_are_plain() {
    let mut found = hard_sentences(&root().join("include/venuepool.h"), header);
    found.extend(hard_sentences(&root().join("include/venuepool.hpp"), header));
    for entry in std::fs::read_dir(root().join("include/venuepool")).unwrap() {
        found.extend(hard_sentences(&entry.unwrap().path(), header));
    }
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        found.extend(hard_sentences(&root().join(name), markdown));
    }
    let mut pages = Vec::new();
    files_below(&root().join("docs"), "md", &mut pages);
    assert!(pages.iter().any(|page| page.ends_with("venues/README.md")));
    for page in pages {
        found.extend(hard_sentences(&page, markdown));
    }
    assert!(found.is_empty(), "{} sentences are hard to read:\n{}", found.len(), found.join("\n"));
}

/// The files with that extension below a folder.
fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|its| its == extension) {
            found.push(path);
        }
    }
}

#[test]
fn comments_in_the_sources_avoid_the_words_too() {
    let (mut files, mut found) = (Vec::new(), Vec::new());
    files_below(&root().join("src"), "rs", &mut files);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let word = line.split_once("//").and_then(|(_, comment)| avoided(comment));
            let place = || format!("{}:{}: {line}", path.display(), number + 1);
            found.extend(word.map(|word| format!("{word}: {}", place())));
        }
    }
    assert!(found.is_empty(), "words to avoid in comments:\n{}", found.join("\n"));
}

#[test]
fn sentences_are_told_apart() {
    let text = "# Title\n\nOne two\nthree. Four: five.\n\n```text\nnot. read.\n```\n- Six\n- seven";
    let found = sentences(&markdown(text));
    let found: Vec<_> = found.iter().map(|(line, text)| (*line, text.trim_end())).collect();
    let wanted = [(2, "One two three."), (3, "Four:"), (3, "five."), (8, "Six"), (9, "seven")];
    assert_eq!(found, wanted);
}

#[test]
fn only_comments_of_a_header_are_read() {
    let text = "/**\n * One two.\n *\n * Errors: A.\n */\nint code(void); \n// Three";
    let found = sentences(&header(text));
    let found: Vec<_> = found.iter().map(|(line, text)| (*line, text.trim_end())).collect();
    assert_eq!(found, [(1, "One two."), (3, "Errors:"), (3, "A."), (6, "Three")]);
}

#[test]
fn avoided_words_are_found_as_whole_words_and_not_in_code() {
    assert_eq!(avoided("It waits IN LINE."), Some("in line"));
    assert_eq!(avoided("An honest answer"), Some("honest"));
    assert_eq!(avoided("It is put in lines, with `nobody` and dishonesty."), None);
}
