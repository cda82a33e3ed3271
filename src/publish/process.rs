//! Which process has written a page, and whether it still runs, as /proc tells it (proc(5)).

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::page::Writer;

/// Whether the process of a page still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs.
    Runs,
    /// It has ended.
    Ended,
    /// It cannot be known: its number is one of another namespace, such as that of a container.
    Unknown,
}

/// The calling process.
pub fn this_process() -> Writer {
    let pid = u64::from(std::process::id());
    Writer { pid, namespace: namespace(), started_ticks: started_ticks(pid).unwrap_or(0) }
}

/// Whether that process still runs. Another one of the same number is not taken for it.
pub fn life(of: &Writer) -> Life {
    if of.namespace != namespace() {
        return Life::Unknown;
    }
    match started_ticks(of.pid) {
        Some(ticks) if ticks == of.started_ticks => Life::Runs,
        _ => Life::Ended,
    }
}

/// The namespace of the numbers of processes; 0 if the system does not tell.
fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |file| file.ino())
}

/// When a process was started; `None` if there is none, or it has ended and is not waited for.
fn started_ticks(pid: u64) -> Option<u64> {
    started_of(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Field 22 of /proc/PID/stat. The name, field 2, is in brackets and may have any letter.
fn started_of(stat: &str) -> Option<u64> {
    let mut behind_name = stat.rsplit_once(')')?.1.split_whitespace();
    match behind_name.next()? {
        "Z" | "X" => None,
        _ => behind_name.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20";
        for name in ["engine", "a b", ") S 1 (", ""] {
            assert_eq!(started_of(&format!("77 ({name}) {rest}")), Some(4711));
        }
        assert_eq!(started_of(&format!("77 (engine) Z{}", &rest[1..])), None);
        for broken in ["", "77", "77 (engine)", "77 (engine) S 1"] {
            assert_eq!(started_of(broken), None);
        }
    }

    #[test]
    fn a_process_runs_until_it_has_ended() {
        let this = this_process();
        assert_eq!(life(&this), Life::Runs);
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = u64::from(child.id());
        let writer = Writer { pid, started_ticks: started_ticks(pid).unwrap(), ..this };
        assert_eq!(life(&writer), Life::Runs);
        let other = Writer { started_ticks: writer.started_ticks + 1, ..writer };
        assert_eq!(life(&other), Life::Ended, "another process has the number");
        let foreign = Writer { namespace: this.namespace + 1, ..writer };
        assert_eq!(life(&foreign), Life::Unknown);
        child.kill().unwrap();
        // Not waited for yet: its number is still taken.
        while life(&writer) == Life::Runs {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(life(&writer), Life::Ended);
    }
}
