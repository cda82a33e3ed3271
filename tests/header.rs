//! The committed header is what the code generates (`UPDATE_HEADER=1` rewrites it), it gives the
//! range of each setting, and the C++ header has all that it has. The version in it is that of the
//! package.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs;
use std::path::Path;

use venuepool::error::{CloseReason, Outcome, Status, WireState};
use venuepool::event::EventKind;
use venuepool::pool::health::Activity;
use venuepool::session::event::WsLoss;

#[test]
fn the_committed_header_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    config.after_includes.as_mut().unwrap().push_str(&version_macros());
    let mut generated = Vec::new();
    cbindgen::Builder::new()
        .with_crate(root)
        .with_config(config)
        .generate()
        .expect("the code can be read")
        .write(&mut generated);
    let path = root.join("include/venuepool.h");
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    let committed = fs::read(&path).unwrap();
    assert!(
        committed == generated,
        "include/venuepool.h is not what src/ffi generates; rewrite it by\n  \
         UPDATE_HEADER=1 cargo test --test header"
    );
}

/// The version block of the header. cbindgen itself reads no `env!`.
fn version_macros() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let [major, minor, patch] = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ]
    .map(|part| part.parse::<u32>().unwrap());
    let number = major * 1_000_000 + minor * 1_000 + patch;
    format!(
        r#"

/** The version of this header; `vp_version_string` tells that of the library that was loaded. */
#define VP_VERSION_MAJOR {major}
#define VP_VERSION_MINOR {minor}
#define VP_VERSION_PATCH {patch}
#define VP_VERSION_STRING "{version}"

/** The same as one number: `major * 1000000 + minor * 1000 + patch`. */
#define VP_VERSION_NUMBER {number}

/**
 * Whether the library that was loaded is new enough for a program with this header. Ask once,
 * before the first pool. An older library knows less than the header promises: it leaves newer
 * fields 0.
 */
#define VP_VERSION_FITS() (vp_version_number() >= VP_VERSION_NUMBER)"#
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// Whatever a program that includes the header calls its own, the header leaves to it.
#[test]
fn each_macro_and_type_has_the_prefix_of_the_library() {
    let header = read("include/venuepool.h");
    let names = |before: &str| -> Vec<String> {
        let is_name = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
        let lines = header.lines().filter_map(|line| line.strip_prefix(before));
        lines.map(|rest| rest.chars().take_while(is_name).collect()).collect()
    };
    let macros = names("#define ");
    assert!(macros.len() > 15, "only {macros:?} were found");
    let is_ours = |name: &&String| name.starts_with("VP_") || name.starts_with("VENUEPOOL_");
    assert_eq!(macros.iter().find(|name| !is_ours(name)), None, "a macro");
    let types: Vec<String> = ["typedef struct ", "typedef enum ", "enum "].map(names).concat();
    assert!(types.len() > 15, "only {types:?} were found");
    assert_eq!(types.iter().find(|name| !name.starts_with("vp_")), None, "a type");
}

/// Name, comment and parameters of each function that changes a configuration.
fn settings(header: &str) -> Vec<(&str, &str, &str)> {
    let mut found = Vec::new();
    for (at, _) in header.match_indices("vp_status vp_config_") {
        let (before, declaration) = header.split_at(at);
        let (name, rest) = declaration["vp_status ".len()..].split_once('(').unwrap();
        let comment = &before[before.rfind("/**").unwrap()..];
        found.push((name, comment, rest.split_once(')').unwrap().0));
    }
    assert!(found.len() > 40, "only {} functions were found", found.len());
    found
}

/// The functions of the library that a code declares or calls.
fn calls(code: &str) -> BTreeSet<String> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let names = code.match_indices('(').map(|(at, _)| {
        let name = code[..at].chars().rev().take_while(|letter| is_name(*letter));
        name.collect::<Vec<char>>().into_iter().rev().collect::<String>()
    });
    names.filter(|name| name.starts_with("vp_")).collect()
}

#[test]
fn each_setting_gives_its_range() {
    let header = read("include/venuepool.h");
    for (name, comment, parameters) in settings(&header) {
        let words: Vec<&str> = comment.split_whitespace().filter(|word| *word != "*").collect();
        let text = words.join(" ");
        let is_number = parameters.contains("int32_t") || parameters.contains("int64_t");
        let is_switch = parameters.contains("int32_t on") && text.contains("when not 0");
        let has_range = [" to ", "any number"].iter().any(|part| text.contains(part));
        let choices = ["`VP_DRIVE_CALLER`", "`VP_LATE_COMPLETION`"];
        let is_choice = choices.iter().any(|choice| text.contains(choice));
        assert!(
            !is_number || is_switch || has_range || is_choice,
            "the comment of {name} does not give its range"
        );
    }
}

/// The names that the library tells are the ones that a C program writes, with the same numbers.
#[test]
fn each_number_has_the_name_that_the_header_gives_it() {
    let header = read("include/venuepool.h");
    let in_header = |prefix: &str| -> BTreeSet<(String, i32)> {
        let lines = header.lines().filter_map(|line| line.trim().strip_suffix(','));
        let pairs = lines.filter_map(|line| line.split_once(" = "));
        pairs
            .filter(|(name, _)| name.starts_with(prefix) || prefix == "VP_" && is_status(name))
            .filter_map(|(name, number)| Some((name.to_owned(), number.parse().ok()?)))
            .collect()
    };
    fn told<T: Copy>(
        all: &[T],
        number: impl Fn(T) -> i32,
        name: impl Fn(T) -> &'static CStr,
    ) -> BTreeSet<(String, i32)> {
        let told = |one: &T| (name(*one).to_str().unwrap().to_owned(), number(*one));
        all.iter().map(told).collect()
    }
    fn is_status(name: &str) -> bool {
        name == "VP_OK" || name.starts_with("VP_ERR_")
    }
    let statuses: BTreeSet<_> =
        in_header("VP_").into_iter().filter(|(name, _)| is_status(name)).collect();
    assert_eq!(told(Status::ALL, |s| s as i32, Status::name), statuses);
    for (prefix, told) in [
        ("VP_OUTCOME_", told(Outcome::ALL, |o| o as i32, Outcome::name)),
        ("VP_WIRE_", told(WireState::ALL, |w| w as i32, WireState::name)),
        ("VP_CLOSE_REASON_", told(CloseReason::ALL, |c| c as i32, CloseReason::name)),
        ("VP_EVENT_KIND_", told(EventKind::ALL, |e| e as i32, EventKind::name)),
        ("VP_SLOT_STATE_", told(Activity::ALL, |s| s as i32, Activity::name)),
        ("VP_WS_LOSS_", told(WsLoss::ALL, |l| l as i32, WsLoss::name)),
    ] {
        assert!(told.len() > 4, "{prefix}");
        assert_eq!(told, in_header(prefix));
    }
}

#[test]
fn the_cpp_header_has_every_function() {
    let header = read("include/venuepool.h");
    let parts = [
        "status",
        "response",
        "completion",
        "config",
        "request",
        "histogram",
        "metrics",
        "pool",
        "recorder",
        "group",
        "thread",
        "ws",
    ];
    let cpp: String = parts.map(|part| read(&format!("include/venuepool/{part}.hpp"))).concat();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<&str> = cpp.lines().filter(is_code).collect();
    let wrapped = calls(&code.join("\n"));
    let there = calls(&header);
    assert!(there.len() > 80, "only {} functions were found", there.len());
    let missing: Vec<&String> = there.difference(&wrapped).collect();
    assert!(missing.is_empty(), "venuepool.hpp has nothing for {missing:?}");
}

/// The parts of `venuepool.hpp` are its manual: each function that is public has a comment.
#[test]
fn the_cpp_headers_document_each_function() {
    let mut undocumented = Vec::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/venuepool");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let mut is_public = true;
        for (number, line) in lines.iter().enumerate() {
            match line.trim() {
                "public:" => is_public = true,
                "private:" => is_public = false,
                _ => {}
            }
            let begins = line.starts_with("    ") && line.as_bytes().get(4) != Some(&b' ');
            let is_declared = line.contains('(') && line.contains("noexcept");
            if line.starts_with("};") {
                is_public = true;
            }
            let before = lines[..number].iter().rev().find(|l| !l.contains("template <"));
            let is_documented = before.is_some_and(|line| line.trim().starts_with("///"));
            if is_public && begins && is_declared && !is_documented && !line.contains(" : ") {
                undocumented.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    assert!(undocumented.is_empty(), "without a comment:\n{}", undocumented.join("\n"));
}

/// `vp_pool_open` answers the name that stands in the code, so it must be the right one.
#[test]
fn each_setting_is_remembered_under_its_own_name() {
    let mut count = 0;
    let files = [
        "config",
        "limits",
        "sockets",
        "tls",
        "maintenance",
        "overload",
        "lanes",
        "watch",
        "recorder",
    ];
    for file in files {
        let code = read(&format!("src/ffi/{file}.rs"));
        for function in code.split("extern \"C\" fn ").skip(1) {
            let own = function.split_once('(').unwrap().0;
            let calls = [" configure(config, ", " add(config, "];
            for rest in calls.iter().filter_map(|call| function.split_once(call)).map(|c| c.1) {
                assert_eq!(rest.split(',').next(), Some(format!("\"{own}\"").as_str()), "{own}");
                count += 1;
            }
        }
    }
    assert!(count > 40, "only {count} functions were found");
}
