//! The imports between the source files run one way: no two files import each other, not even by
//! way of others. So each file can be read without those that stand on it.
//!
//! A folder's `mod.rs` holds the type that all files of the folder work on (`driver::Pool`), and is
//! left out there. So are unit tests.
//!
//! The folders are in [`LAYERS`]: each imports only those below its own, also in its `mod.rs` and
//! by paths within the code. Methods of `Pool` need no import, so they are looked for by name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What stands on what: a folder or file imports only what is in a later line. A file of a folder
/// that is named here belongs to its own line.
const LAYERS: [&[&str]; 15] = [
    &["ffi"],
    &["monitor"],
    &["tasks"],
    &["driver", "session"],
    &["caller", "dialling", "orders"],
    &["group", "slot"],
    &["publish", "recorder", "threads"],
    &["net"],
    &["config"],
    &["event", "last_values", "metrics"],
    &["completion", "ws"],
    &["pool", "recycle"],
    &["http", "log"],
    &["buf", "clock", "fifo", "stats", "tag"],
    &[
        "error",
        "lane",
        "net::endpoints",
        "net::evidence",
        "net::pages",
        "net::time",
        "source",
        "sync",
    ],
];

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

/// Each file below `src` but `lib.rs` and unit tests, by its module's path, and its code without
/// comments and tests.
fn code_of_all() -> BTreeMap<String, String> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !["lib", "tests"].contains(&name)
            {
                let module = path.with_extension("").strip_prefix(root()).unwrap().to_owned();
                let module = module.to_str().unwrap().replace('/', "::");
                let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
                found.insert(module, code(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// A text without its unit tests and comments.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(is_code).fold("\n".to_owned(), |code, line| code + line + "\n")
}

/// All that a file names of this crate, by `use` or within the code.
fn names(module: &str, code: &str) -> Vec<String> {
    let is_path = |letter: char| letter.is_alphanumeric() || "_:".contains(letter);
    let within = code.split("crate::").skip(1);
    let within = within.map(|rest| rest.split(|letter| !is_path(letter)).next().unwrap());
    // The start of a list in braces ends with a colon.
    let within = within.map(|path| path.trim_end_matches(':').to_owned());
    within.filter(|path| !path.is_empty()).chain(imports_of(module, code)).collect()
}

/// The layer of a module, and what of it is named in [`LAYERS`].
fn layer(module: &str) -> Option<(usize, &'static str)> {
    let has = |name: &str| {
        module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let named = |(layer, names): (usize, &&'static [&'static str])| {
        names.iter().filter(|name| has(name)).map(|name| (layer, *name)).next()
    };
    LAYERS.iter().enumerate().filter_map(named).max_by_key(|(_, name)| name.len())
}

/// The imports that do not run down.
fn that_run_up(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (module, code) in files {
        let (here, folder) = layer(module).unwrap_or_else(|| panic!("{module} has no layer"));
        for path in names(module, code) {
            let Some((there, other)) = layer(&path) else { continue };
            if other != folder && there <= here {
                found.push(format!("{module} imports {path}"));
            }
        }
    }
    found
}

#[test]
fn imports_between_folders_run_down() {
    let found = that_run_up(&code_of_all());
    assert!(found.is_empty(), "not to a lower layer:\n  {}", found.join("\n  "));
}

/// The methods of `Pool` that a file has.
fn methods_of_pool(code: &str) -> BTreeSet<String> {
    let blocks = code.split("\nimpl Pool {\n").skip(1).map(|rest| rest.split("\n}\n").next());
    let lines = blocks.flatten().flat_map(str::lines).filter_map(|line| line.split_once("fn "));
    let starts = lines.filter(|(before, _)| before.len() - before.trim_start().len() == 4);
    let name = |rest: &str| rest.split(['(', '<']).next().unwrap().to_owned();
    starts.map(|(_, rest)| name(rest)).collect()
}

/// The calls of methods of `Pool` that a higher folder has.
fn calls_that_run_up(files: &BTreeMap<String, String>) -> Vec<String> {
    let in_layers = files.iter().filter_map(|(module, code)| Some((layer(module)?, module, code)));
    let in_layers: Vec<_> = in_layers.collect();
    let mut found = Vec::new();
    for ((there, _), other, code) in &in_layers {
        for method in methods_of_pool(code) {
            let calls = [format!("self.{method}("), format!("pool.{method}(")];
            let lower = in_layers.iter().filter(|((here, _), _, code)| {
                here > there && code.contains("Pool {") && calls.iter().any(|it| code.contains(it))
            });
            found.extend(lower.map(|(_, module, _)| format!("{module} calls {other} {method}")));
        }
    }
    found
}

#[test]
fn calls_of_the_pools_methods_run_down() {
    let files = code_of_all();
    assert!(methods_of_pool(&files["driver::submit"]).contains("submit"), "methods are found");
    let found = calls_that_run_up(&files);
    assert!(found.is_empty(), "of a higher layer:\n  {}", found.join("\n  "));
}

#[test]
fn a_step_up_is_found() {
    let file = |name: &str, text: &str| (name.to_owned(), code(text));
    let files = BTreeMap::from([
        file("driver", "use crate::{slot, tasks::{open, thread}};"),
        file("driver::log", "let it = crate::monitor::page();\n// crate::ffi"),
        file("net::pages", "use crate::net::path::Path;"),
        file("session", "use crate::driver::Pool;"),
        file("slot", "use crate::net::pages::PAGE;\nuse crate::slot::policy::Policy;"),
    ]);
    let up = [
        "driver imports tasks::open",
        "driver imports tasks::thread",
        "driver::log imports monitor::page",
        "net::pages imports net::path::Path",
        "session imports driver::Pool",
    ];
    let found: BTreeSet<_> = that_run_up(&files).into_iter().collect();
    assert!(found.iter().eq(&up), "{found:#?}");
    let files = BTreeMap::from([
        file("driver", "impl Pool {\n    fn x(&self) {\n        self.up();\n    }\n}\n"),
        file("tasks::open", "\nimpl Pool {\n    pub fn up(&self) {\n    }\n}\n"),
    ]);
    assert_eq!(calls_that_run_up(&files), ["driver calls tasks::open up"]);
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
