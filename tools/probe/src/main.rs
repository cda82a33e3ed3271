//! Measures a venue's endpoint over hot connections, at a given rate, and reports it.
//!
//! From the outside in: `options` (the command line), `probe` (the measurement), of `schedule`
//! (when to send), `waiting` (on which connection), `sample` (what came of it) and `timeline` (what
//! the connections did). `run` sums that up, of `distribution`; `table`, `files` and `page` tell
//! it.

mod distribution;
mod files;
mod options;
mod page;
mod probe;
mod progress;
mod run;
mod sample;
mod schedule;
mod table;
mod timeline;
mod waiting;

use std::fs;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Parser;
use clap::error::ErrorKind;
use signal_hook::consts::{SIGINT, SIGTERM};

use options::{Arguments, Instead, Probe};
use run::Run;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Some(Instead::Compare { first, second, html }) => compare(first, second, html),
        None => {
            if let Some(refusal) = arguments.probe.refusal() {
                let mut command = <Arguments as clap::CommandFactory>::command();
                command.error(ErrorKind::ValueValidation, refusal).exit();
            }
            measure(&arguments.probe)
        }
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("venuepool-probe: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(
    first: &std::path::Path,
    second: &std::path::Path,
    html: &std::path::Path,
) -> Result<ExitCode, String> {
    let (first, second) = (files::read(first)?, files::read(second)?);
    files::write_file(html, &page::page(&[&first, &second]))?;
    say(&format!("written: {}\n", html.display()));
    Ok(ExitCode::SUCCESS)
}

/// Fails also if there was no answer at all.
fn measure(options: &Probe) -> Result<ExitCode, String> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The first one ends the run in good order, the second one ends the program at once.
        let handled = signal_hook::flag::register_conditional_default(signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)));
        handled.map_err(|error| format!("signals: {error}"))?;
    }
    let (wanted, folder) = options.files();
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let measured = probe::run(options, &stop)?;
    let run = Run::of(options, &measured);
    say(&table::table(&run));
    for file in files::write(&wanted, &run, &measured)? {
        say(&format!("written: {file}\n"));
    }
    if run.counts.answered == 0 {
        return Err("no request was answered".to_owned());
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints. Who has closed standard output does not want it.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
