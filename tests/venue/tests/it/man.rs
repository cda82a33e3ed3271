//! The man page of the mock venue names each option of `--help`, and no other. The man pages are
//! made from their Markdown sources in docs/man: `UPDATE_MAN=1` rewrites them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

fn source(page: &str) -> String {
    fs::read_to_string(file(&format!("docs/man/{page}.md"))).unwrap()
}

/// The long options that a text has, such as `--tls`.
fn options(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let options = words.filter(|word| word.len() > 2 && word.starts_with("--"));
    options.map(str::to_owned).collect()
}

fn help(arguments: &[&str]) -> String {
    let said =
        Command::new(env!("CARGO_BIN_EXE_mock-venue")).args(arguments).arg("--help").output();
    String::from_utf8(said.unwrap().stdout).unwrap()
}

#[test]
fn the_man_page_has_each_option_of_the_help() {
    let known = options(&(help(&[]) + &help(&["certs"])));
    assert!(known.contains("--fault") && known.contains("--dir"));
    assert_eq!(options(&source("mock-venue.1")), known);
}

/// A line of text as roff: emphasis of Markdown becomes that of man, and a link its text.
fn inline(text: &str) -> String {
    let text = match text.strip_prefix('[').and_then(|link| link.split_once("](")) {
        Some((text, _)) => text,
        None => text,
    };
    let mut roff = String::new();
    let (mut is_code, mut is_emphasis) = (false, false);
    for c in text.chars() {
        match c {
            '`' => {
                is_code = !is_code;
                roff.push_str(if is_code { r"\fB" } else { r"\fR" });
            }
            '*' if !is_code => {
                is_emphasis = !is_emphasis;
                roff.push_str(if is_emphasis { r"\fI" } else { r"\fR" });
            }
            '-' => roff.push_str(r"\-"),
            '\\' => roff.push_str(r"\e"),
            other => roff.push(other),
        }
    }
    // A dot at the begin of a line would be a request.
    if roff.starts_with(['.', '\'']) { format!(r"\&{roff}") } else { roff }
}

/// The man page of a source: headings, paragraphs, items with a name, and literal blocks.
fn man_page(source: &str) -> String {
    let mut roff = String::from(".\\\" Made from a page of docs/man; do not edit.\n");
    let mut is_literal = false;
    for line in source.lines() {
        let made = if line.starts_with("```") {
            is_literal = !is_literal;
            (if is_literal { ".PP\n.nf" } else { ".fi" }).to_owned()
        } else if is_literal {
            inline(line)
        } else if let Some(title) = line.strip_prefix("# ") {
            let (name, section) = title.trim_end_matches(')').split_once('(').unwrap();
            format!(".TH {} {section} \"\" venuepool", name.to_uppercase())
        } else if let Some(heading) = line.strip_prefix("## ") {
            format!(".SH {}", heading.to_uppercase())
        } else if let Some((name, text)) = line.strip_prefix("- ").and_then(|l| l.split_once(": "))
        {
            format!(".TP\n{}\n{}", inline(name), inline(text))
        } else if line.is_empty() {
            ".PP".to_owned()
        } else {
            inline(line)
        };
        roff.push_str(&made);
        roff.push('\n');
    }
    // Headings and items begin a paragraph themselves.
    for mark in [".SH", ".TP", ".TH", ".PP"] {
        roff = roff.replace(&format!(".PP\n{mark}"), mark);
    }
    let paragraphs: Vec<&str> = roff.lines().collect();
    let follows_heading = |at: usize| at > 0 && paragraphs[at - 1].starts_with(".SH");
    let kept = paragraphs
        .iter()
        .enumerate()
        .filter(|(at, line)| **line != ".PP" || !follows_heading(*at))
        .map(|(_, line)| format!("{line}\n"));
    kept.collect()
}

#[test]
fn the_committed_man_pages_are_those_of_their_sources() {
    for page in ["mock-venue.1", "with-mock-venue.1", "venuepool-probe.1", "venuepool-top.1"] {
        let path = file(&format!("packaging/man/{page}"));
        let made = man_page(&source(page));
        if std::env::var_os("UPDATE_MAN").is_some() {
            fs::write(&path, &made).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == made,
            "packaging/man is not that of docs/man; rewrite it by\n  \
             UPDATE_MAN=1 cargo test -p mock-venue --test it man"
        );
    }
}

#[test]
fn markdown_becomes_roff() {
    let made = man_page("# a-b(1)\n\n## Name\n\na-b - a `--tool`\n\n- `-x`: says *y*\n");
    let wanted = ".TH A-B 1 \"\" venuepool\n.SH NAME\na\\-b \\- a \\fB\\-\\-tool\\fR\n.TP\n\
                  \\fB\\-x\\fR\nsays \\fIy\\fR\n";
    assert_eq!(made.split_once('\n').unwrap().1, wanted);
}
