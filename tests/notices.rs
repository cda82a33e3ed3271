//! The committed notices name each package that is linked into what is installed, in its version,
//! with the texts of its licences (`UPDATE_NOTICES=1` rewrites them).
//!
//! Cargo tells which packages these are, and where their sources are; the texts are taken from
//! there. The test `notices_cover_the_library` in tests/c compares with the library itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is installed for these has the same notices.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

/// Name and version.
type Id = (String, String);

struct Package {
    license: String,
    folder: PathBuf,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo says. It may have to get the sources of the other target, so it is not offline.
fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root()).args(arguments).arg("--locked").arg("--quiet");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages that are linked into what `package` builds, without its own workspace. Macros and
/// build scripts run in the compiler only.
fn linked(package: &str) -> BTreeSet<Id> {
    let mut arguments = vec!["tree", "--package", package, "--edges", "normal,no-proc-macro"];
    arguments.extend(["--prefix", "none", "--no-dedupe", "--format", "{p}"]);
    arguments.extend(TARGETS.iter().flat_map(|target| ["--target", target]));
    let tree = cargo(&arguments);
    let is_foreign = |line: &&str| !line.is_empty() && !line.contains(" (/");
    let id = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap().to_owned();
        (name, words.next().unwrap().trim_start_matches('v').to_owned())
    };
    tree.lines().filter(is_foreign).map(id).collect()
}

/// All packages of Cargo.lock that the targets can have.
fn packages() -> BTreeMap<Id, Package> {
    let mut arguments = vec!["metadata", "--format-version", "1"];
    arguments.extend(TARGETS.iter().flat_map(|target| ["--filter-platform", target]));
    let metadata: serde_json::Value = serde_json::from_str(&cargo(&arguments)).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let package = |package: &serde_json::Value| {
        let id = (text(&package["name"]), text(&package["version"]));
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let folder = manifest.parent().unwrap().to_owned();
        (id, Package { license: text(&package["license"]).replace('/', " OR "), folder })
    };
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

/// The texts of a package's licences. Of licences to choose from, MIT's or ISC's is enough.
fn texts(package: &Package) -> Vec<String> {
    let is_text = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().to_uppercase();
        path.is_file()
            && ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"]
                .iter()
                .any(|begin| name.starts_with(begin))
    };
    let entries = fs::read_dir(&package.folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(is_text).collect();
    files.sort();
    let ends_with = |path: &PathBuf, license: &str| {
        path.file_stem().unwrap().to_string_lossy().to_uppercase().ends_with(license)
    };
    let is_choice = !package.license.contains(" AND ");
    for choice in ["-MIT", "-ISC"] {
        if is_choice && files.iter().any(|path| ends_with(path, choice)) {
            let others = ["-APACHE", "-APACHE-2.0", "-MIT", "-ISC", "-ZLIB", "-0BSD"];
            let is_other = |path: &PathBuf| others.iter().any(|other| ends_with(path, other));
            files.retain(|path| ends_with(path, choice) || !is_other(path));
            break;
        }
    }
    files.iter().map(|file| plain(&fs::read_to_string(file).unwrap())).collect()
}

/// A text without what differs for no reason: ends of lines, and empty lines around it.
fn plain(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_matches('\n'))
}

/// The notices of what `package` builds, which is called `product`.
fn notices(package: &str, product: &str) -> String {
    let packages = packages();
    let mut numbered: Vec<String> = Vec::new();
    let mut list = String::new();
    for id in linked(package) {
        let linked = &packages[&id];
        let texts = texts(linked);
        assert!(!texts.is_empty(), "{id:?} has no text of its licence");
        let mut numbers = Vec::new();
        for text in texts {
            let known = numbered.iter().position(|known| *known == text);
            numbers.push(known.unwrap_or_else(|| {
                numbered.push(text);
                numbered.len() - 1
            }));
        }
        let numbers: Vec<String> = numbers.iter().map(|number| (number + 1).to_string()).collect();
        let (name, version) = id;
        let license = &linked.license;
        list += &format!("{name} {version}\n    {license}; text {}\n", numbers.join(", "));
    }
    let rule = "=".repeat(80);
    // The standard library's, and ours.
    numbered.push(plain(&fs::read_to_string(root().join("LICENSE-APACHE")).unwrap()));
    let mut all = format!(
        "Third-party notices of {product}\n\nSoftware of others is linked into {product}. This \
         file names each package, its version\nand its licence, with the texts of the licences. \
         Its sources are in the public registry of Rust\npackages, under these names and versions.\
         \n\n{list}\n{rule}\n"
    );
    all += &fs::read_to_string(root().join("packaging/notices/rust-standard-library.txt")).unwrap();
    for (number, text) in numbered.iter().enumerate() {
        all += &format!("\n{rule}\nText {}\n\n{text}", number + 1);
    }
    all
}

/// Whether a licence expression can be met by licences of `allowed` alone.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    expression.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']);
        assert!(!part.contains(['(', ')']), "{expression} is more than this can read");
        part.split(" OR ").any(|license| allowed.contains(license))
    })
}

#[test]
fn the_committed_notices_are_up_to_date() {
    let products = [
        ("venuepool", "libvenuepool"),
        ("mock-venue", "mock-venue"),
        ("venuepool-top", "venuepool-top"),
        ("venuepool-probe", "venuepool-probe"),
    ];
    for (package, product) in products {
        let notices = notices(package, product);
        let path = root().join(format!("packaging/notices/THIRD-PARTY-NOTICES-{product}.txt"));
        if std::env::var_os("UPDATE_NOTICES").is_some() {
            fs::write(&path, &notices).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        for (name, version) in linked(package) {
            let line = format!("\n{name} {version}\n");
            assert!(committed.contains(&line), "{} has no{line}", path.display());
        }
        assert!(
            committed == notices,
            "{} is not what cargo says; rewrite it by\n  \
             UPDATE_NOTICES=1 cargo test --test notices",
            path.display()
        );
    }
}

#[test]
fn each_licence_is_one_that_deny_toml_allows() {
    let deny = fs::read_to_string(root().join("deny.toml")).unwrap();
    let list = deny.split_once("\nallow = [").unwrap().1.split(']').next().unwrap();
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    let packages = packages();
    for package in ["venuepool", "mock-venue", "venuepool-probe", "venuepool-top"] {
        for id in linked(package) {
            let license = &packages[&id].license;
            assert!(is_allowed(license, &allowed), "{id:?}: {license}");
        }
    }
    assert!(!is_allowed("MIT AND GPL-3.0-only", &allowed));
    assert!(is_allowed("(GPL-3.0-only OR MIT) AND ISC", &allowed));
}
