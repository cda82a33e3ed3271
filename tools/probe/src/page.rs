//! Puts the page together: one file that needs no network. Its parts are in `report/`, and what it
//! shows is in it as JSON.

use crate::run::Run;

const PAGE: &str = include_str!("report/page.html");
const STYLE: &str = include_str!("report/style.css");
/// In this order: each part uses those before it.
const SCRIPTS: [&str; 6] = [
    include_str!("report/scale.js"),
    include_str!("report/plot.js"),
    include_str!("report/charts.js"),
    include_str!("report/time.js"),
    include_str!("report/tables.js"),
    include_str!("report/main.js"),
];

/// The page of one run, or of two that are laid over each other.
pub(crate) fn page(runs: &[&Run]) -> String {
    let data = serde_json::to_string(runs).expect("names and numbers only");
    // Nothing in it can end its element.
    let data = data.replace('<', "\\u003c");
    PAGE.replace("/*STYLE*/", STYLE)
        .replace("/*SCRIPT*/", &SCRIPTS.concat())
        // Last, because it may have any text in it.
        .replace("/*DATA*/", &data)
}
