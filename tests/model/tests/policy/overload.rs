//! Goodput: how many orders are answered in time while more are sent than the venue can take, and
//! after it was frozen for two seconds.
//!
//! A pool of four and a venue that answers in 40 to 60 ms, so 80 orders each second. The table and
//! the plot of docs/overload.md are made here. This rewrites them:
//! `UPDATE_DOCS=1 cargo test -p venuepool-model --test policy`.

use std::fmt::Write;
use std::path::PathBuf;

use crate::plot;
use crate::pool::Pool;
use crate::world::{Load, MS, Random, S, Setting};

const EXCHANGE_NS: (u64, u64) = (40 * MS, 60 * MS);
/// Four slots, 50 ms for each exchange.
const CAPACITY: f64 = 80.0;
const TIMEOUT_NS: u64 = S;
const FROZEN_FROM_NS: u64 = 6 * S;
const FROZEN_FOR_NS: u64 = 2 * S;
const THAWED_NS: u64 = FROZEN_FROM_NS + FROZEN_FOR_NS;
const END_NS: u64 = 20 * S;
const SEEDS: u64 = 4;

/// One exchange, and one heal: a connection that is lost while the venue is frozen waits for the
/// dial limit, which lets five in each second.
const RECOVERY_NS: u64 = EXCHANGE_NS.1 + 200 * MS;

#[derive(Clone, Copy)]
struct Case {
    percent: u64,
    freezes: bool,
    is_before: bool,
    is_loose: bool,
}

/// When an order was answered in time.
fn answered(case: Case, seed: u64) -> Vec<u64> {
    let per_second = CAPACITY * case.percent as f64 / 100.0;
    let frozen_for_ns = if case.freezes { FROZEN_FOR_NS } else { 0 };
    let load = Load {
        every_ns: (S as f64 / per_second) as u64,
        exchange_ns: EXCHANGE_NS,
        frozen: FROZEN_FROM_NS..FROZEN_FROM_NS + frozen_for_ns,
        burst: 0,
        is_before: case.is_before,
    };
    let setting = Setting::under(load, TIMEOUT_NS, case.is_loose);
    let mut pool = Pool::with(setting, Random(seed), None);
    while pool.step(END_NS) {}
    pool.ledger.answered
}

/// Orders answered each second, in percent of what can be had, which is the lesser of load and
/// capacity: from the end of the freeze and the recovery on, all along and in the first second.
fn goodput(case: Case) -> (f64, f64) {
    let answered: Vec<_> = (0..SEEDS).flat_map(|seed| answered(case, seed)).collect();
    let most = (CAPACITY * case.percent as f64 / 100.0).min(CAPACITY) * SEEDS as f64;
    let from_ns = THAWED_NS + RECOVERY_NS;
    let share = |until_ns: u64| {
        let count = answered.iter().filter(|at| (from_ns..until_ns).contains(at)).count();
        count as f64 / ((until_ns - from_ns) as f64 / 1e9) / most * 100.0
    };
    (share(END_NS), share(from_ns + S))
}

#[test]
fn goodput_is_the_lesser_of_load_and_capacity_also_after_a_freeze() {
    for percent in [50, 90, 125, 200, 400] {
        for (freezes, is_loose) in [(false, false), (false, true), (true, false), (true, true)] {
            let case = Case { percent, freezes, is_before: false, is_loose };
            let name = format!("{percent} %, freezes: {freezes}, loose: {is_loose}");
            let (all, first) = goodput(case);
            assert!(all >= 90.0, "{name}: {all:.1} %");
            assert!(first >= 90.0, "{name}: {first:.1} % in the first second");
        }
    }
}

#[test]
fn a_freeze_that_is_longer_than_the_default_timeout_is_over_when_it_is_over() {
    let load = Load {
        every_ns: 25 * MS,
        exchange_ns: EXCHANGE_NS,
        frozen: S + 6 * S..S + 18 * S,
        burst: 0,
        is_before: false,
    };
    for seed in 0..SEEDS {
        let setting = Setting::under(load.clone(), 11 * S, seed % 2 == 0);
        let mut pool = Pool::with(setting, Random(seed), None);
        while pool.step(25 * S) {}
        let from_ns = 19 * S + RECOVERY_NS;
        let second = from_ns..from_ns + S;
        let answered = pool.ledger.answered.iter().filter(|at| second.contains(at)).count();
        assert!(answered >= 72, "seed {seed}: {answered} of 80 in the first second");
    }
}

#[test]
fn a_burst_is_worked_off() {
    for seed in 0..SEEDS {
        let every_ns = (S as f64 / (CAPACITY * 0.75)) as u64;
        let frozen = 0..0;
        let exchange_ns = EXCHANGE_NS;
        let load = Load { every_ns, exchange_ns, frozen, burst: 60, is_before: false };
        let mut pool =
            Pool::with(Setting::under(load, TIMEOUT_NS, seed % 2 == 0), Random(seed), None);
        while pool.step(4 * S) {}
        let counts = pool.ledger.counts;
        let failed = counts.failed as f64 / (counts.failed + counts.answered) as f64;
        assert!(counts.answered > 200 && failed < 0.1, "seed {seed}: {counts:?}");
    }
}

#[test]
fn without_the_rule_the_pool_stays_down_after_a_freeze() {
    let case = Case { percent: 50, freezes: true, is_before: true, is_loose: false };
    let (before, _) = goodput(case);
    assert!(before < 10.0, "else the rule is good for nothing: {before:.1} %");
}

#[test]
fn the_figures_in_the_docs_are_what_the_policy_does() {
    const WAYS: [(&str, bool, bool); 4] = [
        ("before", true, false),
        ("before, after a freeze", true, true),
        ("now", false, false),
        ("now, after a freeze", false, true),
    ];
    let loads = [25, 50, 75, 90, 100, 110, 125, 150, 200, 300, 400];
    let mut table = String::from("| load |");
    WAYS.iter().for_each(|way| write!(table, " {} |", way.0).unwrap());
    table += "\n|---|---|---|---|---|\n";
    let mut lines = WAYS.map(|way| (way.0, Vec::new()));
    for percent in loads {
        write!(table, "| {percent} % |").unwrap();
        for (line, (_, is_before, freezes)) in lines.iter_mut().zip(WAYS) {
            let case = Case { percent, freezes, is_before, is_loose: false };
            let (share, _) = goodput(case);
            let of_capacity = share * percent.min(100) as f64 / 100.0;
            line.1.push((percent as f64, of_capacity));
            write!(table, " {of_capacity:.0} % |").unwrap();
        }
        table += "\n";
    }
    compare("docs/overload.svg", &plot::svg(&lines));
    let path = root().join("docs/overload.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- goodput -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /goodput -->").unwrap();
    let page = format!("{before}<!-- goodput -->\n{table}<!-- /goodput -->{after}");
    compare("docs/overload.md", &page);
}

/// The folder of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a file with what it should hold, or writes it.
fn compare(path: &str, wanted: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{}: run this test with UPDATE_DOCS=1", path.display());
}
