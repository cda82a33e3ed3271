//! The documents are true: code in them is compiled, commands are run by a test or said not to be,
//! and links lead somewhere.
//!
//! A comment before a block says where its code comes from. `<!-- c_examples/x.c -->` is a whole
//! file, and `<!-- from c_examples/x.c -->` some lines of one. A block of C or C++ without such a
//! comment is compiled here. Commands are listed in `tests/commands.txt`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the blocks without a file may use: they are the bodies of functions with these parameters.
const C_HEAD: &str = "#include <stdint.h>\n#include <venuepool.h>\n";
const C_PARAMETERS: &str = "vp_config *config, vp_pool *pool, vp_request *request, uint64_t id";
const CPP_HEAD: &str = "#include <venuepool.hpp>\n";
const CPP_PARAMETERS: &str = "venuepool::Config &config, venuepool::Pool &pool, \
                              venuepool::Request &request, std::uint64_t id";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The Markdown files below a folder of the documents, by their names from the root.
fn pages_below(folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        if path.is_dir() {
            pages_below(&name, found);
        } else if name.ends_with(".md") {
            found.push(name);
        }
    }
}

fn pages() -> Vec<String> {
    let mut found: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
            .map(str::to_owned)
            .to_vec();
    pages_below("docs", &mut found);
    found.sort();
    found
}

/// A block of a page, from its first line of code on.
struct Block {
    page: String,
    line: usize,
    language: String,
    /// The comment before it.
    source: Option<String>,
    code: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

fn blocks_of(page: &str) -> Vec<Block> {
    let text = read(page);
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(language)) => {
                let comment = before.strip_prefix("<!-- ").and_then(|b| b.strip_suffix(" -->"));
                open = Some(Block {
                    page: page.to_owned(),
                    line: number + 2,
                    language: language.to_owned(),
                    source: comment.map(str::to_owned),
                    code: String::new(),
                });
            }
            (Some(_), Some("")) => blocks.extend(open.take()),
            (Some(block), _) => writeln!(block.code, "{line}").unwrap(),
            (None, None) => before = line,
        }
    }
    assert!(open.is_none(), "{page}: a block does not end");
    blocks
}

fn blocks() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks_of(page)).collect()
}

/// Lines without the indentation that all of them have, joined.
fn outdented(lines: &[&str]) -> String {
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let indent = full.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    lines.iter().map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect()
}

/// Whether these lines stand in that file, one after the other, indented or not.
fn is_part(code: &str, file: &str) -> bool {
    let code: Vec<&str> = code.lines().collect();
    let text = read(file);
    let lines: Vec<&str> = text.lines().collect();
    !code.is_empty() && lines.windows(code.len()).any(|some| outdented(some) == outdented(&code))
}

#[test]
fn code_from_a_file_is_the_code_of_that_file() {
    let mut whole = BTreeSet::new();
    for block in blocks() {
        match block.source.as_deref().map(|source| (source, source.strip_prefix("from "))) {
            Some((_, Some(file))) => {
                assert!(is_part(&block.code, file), "{}: not a part of {file}", block.place());
            }
            Some((file, None)) => {
                assert_eq!(block.code, read(file), "{}: not {file}", block.place());
                whole.insert(file.to_owned());
            }
            None => {}
        }
    }
    for file in ["readme.c", "readme.cpp", "good_values.c", "own_loop.cpp"] {
        assert!(whole.contains(&format!("c_examples/{file}")), "no block has {file}");
    }
}

#[test]
fn a_part_of_a_file_is_recognised() {
    assert!(is_part("int main(void) {\n", "c_examples/readme.c"));
    assert!(is_part("vp_config *config;\nvp_pool *pool;\n", "c_examples/readme.c"));
    assert!(!is_part("vp_config *config;\nvp_request *order;\n", "c_examples/readme.c"));
    assert!(!is_part("", "c_examples/readme.c"));
}

/// One source file with all blocks of that language that come from no file.
fn fragments(language: &str, head: &str, parameters: &str) -> String {
    let mut source = head.to_owned();
    for (number, block) in blocks().iter().enumerate() {
        if block.language == language && block.source.is_none() {
            writeln!(source, "void block_{number}({parameters});").unwrap();
            writeln!(source, "void block_{number}({parameters}) {{").unwrap();
            writeln!(source, "(void)config, (void)pool, (void)request, (void)id;").unwrap();
            writeln!(source, "#line {} \"{}\"\n{}}}", block.line, block.page, block.code).unwrap();
        }
    }
    source
}

/// Compiles a source as an engine's own build would.
fn compile(variable: &str, usual: &str, name: &str, source: &str, options: &[&str]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(name);
    fs::write(&file, source).unwrap();
    let compiler = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    let said = Command::new(&compiler)
        .args(options)
        .args(["-Wall", "-Wextra", "-Werror", "-c", "-I"])
        .arg(root().join("include"))
        .arg(&file)
        .arg("-o")
        .arg(file.with_extension("o"))
        .output()
        .unwrap_or_else(|error| panic!("{compiler}: {error}"));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn code_in_c_compiles() {
    let source = fragments("c", C_HEAD, C_PARAMETERS);
    assert!(source.contains("block_"));
    compile("CC", "cc", "documents.c", &source, &["-std=c99"]);
}

#[test]
fn code_in_cpp_compiles() {
    let source = fragments("cpp", CPP_HEAD, CPP_PARAMETERS);
    compile("CXX", "c++", "documents.cpp", &source, &["-std=c++17"]);
}

/// The commands of a block: without comments, and each as one line.
fn commands(block: &Block) -> Vec<String> {
    let is_session = block.language == "console";
    let mut found: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in block.code.lines() {
        let line = if is_session { line.strip_prefix("$ ").unwrap_or("") } else { line };
        let line = line.split("  #").next().unwrap().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match found.last_mut().filter(|_| goes_on) {
            Some(command) => write!(command, " {line}").unwrap(),
            None => found.push(line.to_owned()),
        }
        goes_on = line.ends_with(['|', '\\']);
    }
    found
}

/// `tests/commands.txt`: a page, a command, and what is known of it.
fn listed() -> Vec<(String, String, String)> {
    let text = read("tests/commands.txt");
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let (page, rest) = row.split_once(": ").unwrap_or_else(|| panic!("no page: {row}"));
        let (command, known) = rest.split_once(" => ").unwrap_or_else(|| panic!("no end: {row}"));
        (page.to_owned(), command.to_owned(), known.to_owned())
    })
    .collect()
}

#[test]
fn every_command_is_run_by_a_test_or_is_said_not_to_be() {
    let mut wanted = BTreeSet::new();
    for block in blocks().iter().filter(|block| block.source.is_none()) {
        match block.language.as_str() {
            "sh" | "console" | "cmake" => {
                let found = commands(block).into_iter();
                wanted.extend(found.map(|command| (block.page.clone(), command)));
            }
            "c" | "cpp" | "text" => {}
            other => panic!("{}: no test reads `{other}`", block.place()),
        }
    }
    let listed = listed();
    let has: BTreeSet<_> = listed.iter().map(|(p, c, _)| (p.clone(), c.clone())).collect();
    let unlisted: Vec<_> = wanted.difference(&has).collect();
    assert!(unlisted.is_empty(), "not in tests/commands.txt: {unlisted:#?}");
    let gone: Vec<_> = has.difference(&wanted).collect();
    assert!(gone.is_empty(), "in no page any more: {gone:#?}");
    for (page, command, known) in &listed {
        if let Some(proof) = known.strip_prefix("by ") {
            let (file, words) = proof.split_once(": ").expect("a file and what stands there");
            assert!(read(file).contains(words), "{page}: {command}: {file} has no {words}");
        } else {
            assert!(known.starts_with("not run: "), "{page}: {command}: {known}");
        }
    }
}

/// Where the links of a page lead, without those to other hosts.
fn links(page: &str) -> Vec<PathBuf> {
    let text = read(page);
    let folder = Path::new(page).parent().unwrap();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inner = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    inner.map(|target| folder.join(target.split('#').next().unwrap())).collect()
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        for target in links(&page) {
            assert!(root().join(&target).exists(), "{page}: {}", target.display());
        }
    }
}

#[test]
fn every_page_is_found_from_the_readme() {
    let (mut seen, mut next) = (BTreeSet::new(), vec!["README.md".to_owned()]);
    while let Some(page) = next.pop() {
        for target in links(&page) {
            let target = root().join(target).canonicalize().unwrap();
            let Ok(target) = target.strip_prefix(root().canonicalize().unwrap()) else { continue };
            let name = target.display().to_string();
            if name.ends_with(".md") && seen.insert(name.clone()) {
                next.push(name);
            }
        }
    }
    let lost: Vec<String> = pages().into_iter().filter(|page| !seen.contains(page)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}

/// The rows of the table whose first cell is "what an engine gets", by their cells.
fn comparison(page: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let rows = text.lines().skip_while(|line| !line.starts_with("| what an engine gets")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

#[test]
fn each_row_about_what_an_engine_gets_has_its_proof_and_its_sources() {
    let (claims, sources) = (comparison("README.md"), comparison("docs/comparison.md"));
    assert!(claims.len() > 10);
    assert_eq!(claims.len(), sources.len());
    for (claim, source) in claims.iter().zip(&sources) {
        assert_eq!(claim[0], source[0]);
        assert!(claim[1..].iter().all(|cell| ["yes", "no", "partly"].contains(&cell.as_str())));
        assert!(claim.len() == source.len() && source.iter().all(|cell| !cell.is_empty()));
        let proof = source[1].trim_matches('`');
        match proof.split_once("::") {
            Some((file, test)) => {
                let is_there = read(&format!("tests/{file}")).contains(&format!("fn {test}("));
                assert!(is_there, "{proof}");
            }
            // The links of a page are checked by a test of their own.
            None => assert!(proof.starts_with('[') || root().join("tests").join(proof).exists()),
        }
    }
}
