//! venuepool-top: shows the pools that publish a page of themselves, live.
//!
//! It reads files, and nothing else: it attaches to no process and sends nothing to one.

#![forbid(unsafe_code)]

mod found;
mod json;
mod screen;
mod table;
mod units;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use found::{Found, find};
use table::{Durations, lines};

/// Where pages are looked for when no path is given.
const DEFAULT_PLACE: &str = "/dev/shm";

#[derive(Parser)]
#[command(about = "Shows the pools of venuepool that publish a page of themselves, live")]
struct Arguments {
    /// Pages, and folders with pages; /dev/shm by default.
    paths: Vec<PathBuf>,
    /// Print one plain table, and end.
    #[arg(long, conflicts_with = "json")]
    once: bool,
    /// Print one JSON object, and end.
    #[arg(long)]
    json: bool,
    /// Show durations since the pools were opened, and not the recent ones.
    #[arg(long)]
    all: bool,
    /// Read the pages again each so many milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500,
        value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    interval: u64,
}

fn main() -> ExitCode {
    let mut arguments = Arguments::parse();
    if arguments.paths.is_empty() {
        arguments.paths.push(DEFAULT_PLACE.into());
    }
    let shown = if arguments.json || arguments.once {
        print_once(&arguments)
    } else if io::stdout().is_terminal() {
        let interval = Duration::from_millis(arguments.interval);
        screen::run(&arguments.paths, interval, durations(&arguments)).map(|()| true)
    } else {
        Err(io::Error::other("the output is no terminal; use --once or --json"))
    };
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever read the output has enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("venuepool-top: {error}");
            ExitCode::FAILURE
        }
    }
}

fn durations(arguments: &Arguments) -> Durations {
    if arguments.all { Durations::All } else { Durations::Recent }
}

/// Prints what there is. `false`: there is no page, or one could not be read.
fn print_once(arguments: &Arguments) -> io::Result<bool> {
    let found = find(&arguments.paths);
    let mut out = io::stdout().lock();
    if arguments.json {
        writeln!(out, "{:#}", json::object(&found))?;
    } else {
        for line in lines(&found, durations(arguments)) {
            writeln!(out, "{}", line.plain().trim_end())?;
        }
    }
    out.flush()?;
    Ok(!found.is_empty() && found.iter().all(Found::is_page))
}
