//! The pages that are at some paths, and how their pools are. It reads files.

use std::fs;
use std::path::{Path, PathBuf};

use venuepool::clock::now_ns;
use venuepool::publish::file::{is_page, read_page};
use venuepool::publish::page::Page;
use venuepool::publish::process::{Life, life};

/// A page is late when so many were missed, and so much time besides.
const MISSED: u64 = 10;
const GRACE_NS: u64 = 2_000_000_000;

/// What is at one path.
pub(crate) struct Found {
    /// The path.
    pub(crate) path: PathBuf,
    /// The page, or why there is none.
    pub(crate) page: Result<Read, String>,
}

/// A page, and what is known of its writer.
pub(crate) struct Read {
    /// The page.
    pub(crate) page: Page,
    /// How the pool is.
    pub(crate) condition: Condition,
    /// How old the page is, in nanoseconds.
    pub(crate) age_ns: u64,
    /// When it was read, on the clock of the page.
    pub(crate) now_ns: u64,
}

/// How a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Its process writes pages, and it takes requests.
    Live,
    /// It is suspended.
    Suspended,
    /// It was shut down.
    ShutDown,
    /// It has not written for long: it is stopped, or its file is not the one that it writes.
    Silent,
    /// Its process has ended.
    Ended,
}

impl Condition {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Suspended => "suspended",
            Self::ShutDown => "shut down",
            Self::Silent => "silent",
            Self::Ended => "ended",
        }
    }
}

impl Found {
    /// Whether a page was read.
    pub(crate) fn is_page(&self) -> bool {
        self.page.is_ok()
    }

    fn at(path: PathBuf) -> Self {
        let page = read_page(&path).map_err(|error| error.to_string());
        let now_ns = now_ns();
        let page = page.map(|page| {
            let age_ns = now_ns.saturating_sub(page.written_ns);
            let condition = condition(&page, life(&page.writer), now_ns);
            Read { page, condition, age_ns, now_ns }
        });
        Self { path, page }
    }
}

/// What is at the paths, in their order. Of a folder it is all pages in it, by name.
pub(crate) fn find(paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            match pages_in(path) {
                Ok(pages) => found.extend(pages.into_iter().map(Found::at)),
                Err(error) => {
                    found.push(Found { path: path.clone(), page: Err(error.to_string()) })
                }
            }
        } else {
            found.push(Found::at(path.clone()));
        }
    }
    found
}

/// The pages in a folder. What begins with a dot is not complete yet.
fn pages_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && is_page(&entry.path()) {
            pages.push(entry.path());
        }
    }
    pages.sort();
    Ok(pages)
}

fn condition(page: &Page, life: Life, now_ns: u64) -> Condition {
    let late_ns = page.period_ns.saturating_mul(MISSED).saturating_add(GRACE_NS);
    // A page of the future is one of before the system was started anew.
    let is_old = page.written_ns > now_ns.saturating_add(GRACE_NS);
    match life {
        Life::Ended => Condition::Ended,
        _ if is_old => Condition::Ended,
        _ if now_ns.saturating_sub(page.written_ns) > late_ns => Condition::Silent,
        _ if page.state.is_shut_down => Condition::ShutDown,
        _ if page.state.suspended_until_ns > now_ns => Condition::Suspended,
        _ => Condition::Live,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_is_known_is_told() {
        let now_ns = 100_000_000_000;
        let mut page = Page { written_ns: now_ns, period_ns: 250_000_000, ..Page::default() };
        assert_eq!(condition(&page, Life::Runs, now_ns), Condition::Live);
        page.state.suspended_until_ns = now_ns + 1;
        assert_eq!(condition(&page, Life::Unknown, now_ns), Condition::Suspended);
        assert_eq!(condition(&page, Life::Runs, now_ns + 1), Condition::Live, "the pause is over");
        page.state.is_shut_down = true;
        assert_eq!(condition(&page, Life::Runs, now_ns), Condition::ShutDown);
        assert_eq!(condition(&page, Life::Unknown, now_ns + 4_500_000_000), Condition::ShutDown);
        assert_eq!(condition(&page, Life::Unknown, now_ns + 4_500_000_001), Condition::Silent);
        assert_eq!(condition(&page, Life::Ended, now_ns), Condition::Ended);
        assert_eq!(condition(&page, Life::Runs, now_ns - GRACE_NS - 1), Condition::Ended);
    }
}
