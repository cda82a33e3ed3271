//! The imports between the source files run one way: no two files import each other, not even by
//! way of others. So each file can be read without those that stand on it.
//!
//! A folder's `mod.rs` holds the type that all files of the folder work on (`driver::Pool`), and is
//! left out. So are unit tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Imports = BTreeMap<String, BTreeSet<String>>;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files below a folder, each by its module's path and with its text.
fn files(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs")
            && !["mod", "lib", "tests"].contains(&name)
        {
            let module = path.with_extension("").strip_prefix(root()).unwrap().to_owned();
            let module = module.to_str().unwrap().replace('/', "::");
            found.insert(module, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The paths of a `use`, its braces multiplied out: `a::{b, c}` is `a::b` and `a::c`.
fn paths(tree: &str) -> Vec<String> {
    let Some((stem, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inside = rest.strip_suffix('}').unwrap_or(rest);
    let mut depth = 0;
    let parts = inside.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    parts
        .filter(|part| !part.is_empty())
        .flat_map(paths)
        .map(|end| format!("{stem}{end}"))
        .collect()
}

/// What a module imports, as paths from the root.
fn imports_of(module: &str, text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let uses = text.split("\nuse ").skip(1).filter_map(|rest| rest.split(';').next());
    let trees = uses.map(|tree| tree.split_whitespace().collect::<String>());
    trees.flat_map(|tree| paths(&tree)).filter_map(|path| absolute(module, &path)).collect()
}

fn absolute(module: &str, path: &str) -> Option<String> {
    if let Some(path) = path.strip_prefix("crate::") {
        return Some(path.to_owned());
    }
    if let Some(path) = path.strip_prefix("self::") {
        return Some(format!("{module}::{path}"));
    }
    let mut folder = module;
    let mut rest = path;
    while let Some(next) = rest.strip_prefix("super::") {
        folder = folder.rsplit_once("::").map_or("", |(folder, _)| folder);
        rest = next;
    }
    (rest != path).then(|| format!("{folder}::{rest}").trim_start_matches("::").to_owned())
}

fn all_imports(files: &BTreeMap<String, String>) -> Imports {
    let named = |path: &str| {
        let mut path = path;
        while !files.contains_key(path) {
            path = path.rsplit_once("::")?.0;
        }
        Some(path.to_owned())
    };
    let of = |(module, text): (&String, &String)| {
        let paths = imports_of(module, text);
        let others = paths.iter().filter_map(|path| named(path)).filter(|other| other != module);
        (module.clone(), others.collect())
    };
    files.iter().map(of).collect()
}

/// The files that are left when those which import none that is left are taken away, over and over.
fn in_cycles(mut imports: Imports) -> Imports {
    loop {
        let leaves = imports.iter().filter(|(_, others)| others.is_empty());
        let leaves: BTreeSet<_> = leaves.map(|(module, _)| module.clone()).collect();
        if leaves.is_empty() {
            return imports;
        }
        imports.retain(|module, _| !leaves.contains(module));
        imports.values_mut().for_each(|others| others.retain(|other| !leaves.contains(other)));
    }
}

#[test]
fn imports_between_files_run_one_way() {
    let mut found = BTreeMap::new();
    files(&root(), &mut found);
    let imports = all_imports(&found);
    assert!(imports["ffi::submit"].contains("driver::submit"), "imports are found");
    assert!(imports["slot"].contains("slot::in_flight"), "of neighbours, too");
    let left = in_cycles(imports);
    assert!(left.is_empty(), "these import each other, or files that do: {left:#?}");
}

#[test]
fn a_cycle_is_found() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let files = BTreeMap::from([
        file("a::one", "\nuse super::two::Two;"),
        file("a::two", "\nuse crate::{b, c::{three::{Three, X}, Y}};"),
        file("c::three", "\nuse super::super::a::one::One;"),
        file("c::four", "\nuse crate::c::five::Five;"),
        file("c::five", ""),
    ]);
    let left: Vec<_> = in_cycles(all_imports(&files)).into_keys().collect();
    assert_eq!(left, ["a::one", "a::two", "c::three"]);
}
