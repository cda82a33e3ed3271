//! The venue, as a process of its own, so that its descriptors and memory are not the pool's.
//!
//! This program, started with [`ARGUMENT`], serves until its standard input ends. It is told what
//! to do by lines, and answers each by one.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Write, stdin, stdout};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use mock_venue::{How, Options, Venue};

/// What makes this program the venue; `tls` may follow it.
pub(crate) const ARGUMENT: &str = "--serve-as-venue";

/// The venue's side.
pub(crate) fn serve() {
    let tls = std::env::args().nth(2).is_some_and(|argument| argument == "tls");
    let venue = Venue::start(if tls { Options::tls() } else { Options::plain() }).unwrap();
    let pem = venue.ca_pem().replace('\n', "|");
    println!("{} {pem}", venue.url());
    for line in stdin().lock().lines() {
        let Ok(line) = line else { return };
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word {
            "fault" => {
                venue.set_fault(rest.parse().unwrap()).unwrap();
                0
            }
            "clear" => {
                venue.clear_faults().unwrap();
                0
            }
            "kill" => venue.kill_connections(how(rest)) as u64,
            "restart" => {
                venue.stop(how(rest)).unwrap();
                std::thread::sleep(Duration::from_millis(20));
                venue.restart().unwrap();
                0
            }
            "orders" => venue.orders_with_id(rest),
            "duplicates" => venue.stats().duplicates,
            "distinct" => venue.stats().distinct_orders,
            _ => panic!("{line}"),
        };
        println!("{answer}");
        stdout().flush().unwrap();
    }
}

fn how(word: &str) -> How {
    match word {
        "rst" => How::Rst,
        "bare-fin" => How::BareFin,
        _ => How::Fin,
    }
}

/// The soak's side.
pub(crate) struct VenueProcess {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl VenueProcess {
    pub(crate) fn start(tls: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ARGUMENT).arg(if tls { "tls" } else { "plain" });
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut answers = BufReader::new(answers);
        let mut ready = String::new();
        answers.read_line(&mut ready).unwrap();
        let (url, pem) = ready.trim_end().split_once(' ').unwrap();
        let (url, ca_pem) = (url.to_owned(), pem.replace('|', "\n"));
        Self { url, ca_pem, child, orders, answers }
    }

    /// Tells the venue a line, and gives its answer.
    pub(crate) fn tell(&mut self, line: &str) -> u64 {
        writeln!(self.orders, "{line}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().parse().unwrap_or_else(|_| panic!("the venue did not like {line:?}"))
    }
}

impl VenueProcess {
    /// The process does nothing from now on. Its kernel still accepts connections.
    pub(crate) fn stop(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGSTOP).unwrap();
    }

    /// The process goes on where it was.
    pub(crate) fn go_on(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGCONT).unwrap();
    }
}

impl Drop for VenueProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
