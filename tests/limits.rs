//! What a dial says when the process is at one of its limits. A program of its own, because limits
//! are the process's.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use venuepool::config::Sockets;
use venuepool::error::Status;
use venuepool::net::connect::{DialError, Dialer};
use venuepool::net::resolve::Resolver;

/// More than the C library keeps of the stacks of threads that have ended.
const STACKS: usize = 40;

/// Runs under a limit.
fn limited<T>(resource: Resource, soft: u64, run: impl FnOnce() -> T) -> T {
    let (before, hard) = getrlimit(resource).unwrap();
    setrlimit(resource, soft, hard).unwrap();
    let answer = run();
    setrlimit(resource, before, hard).unwrap();
    answer
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A dialler that looks a name up.
fn dialer(address: SocketAddr) -> Dialer {
    Dialer {
        host: "localhost".to_owned(),
        resolver: Resolver::of_host("localhost", address.port(), "look-up"),
        addresses: Arc::default(),
        sockets: Arc::new(Sockets::default()),
        tls: None,
        resolve_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        tls_handshake_timeout: Duration::from_secs(10),
    }
}

/// The error of a dial under that limit. Behind it, without the limit, another one succeeds.
fn dial_under(resource: Resource, soft: u64) -> DialError {
    let venue = TcpListener::bind("127.0.0.1:0").unwrap();
    let (dialer, runtime) = (dialer(venue.local_addr().unwrap()), runtime());
    let error = limited(resource, soft, || runtime.block_on(dialer.dial()).err());
    let after = runtime.block_on(dialer.dial()).err();
    assert!(after.is_none(), "{after:?}");
    error.expect("the limit is met")
}

/// A dial without descriptors, once, and before all other look-ups of this process. The C library
/// has not read its files then: it says that it knows no such name. Later it names the error.
fn first_dial() -> &'static DialError {
    static FIRST: OnceLock<DialError> = OnceLock::new();
    // Those that are open stay; the next free number is above the limit.
    FIRST.get_or_init(|| dial_under(Resource::RLIMIT_NOFILE, 3))
}

#[test]
fn a_look_up_without_descriptors_says_so() {
    let error = first_dial();
    assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::EMFILE));
    assert!(error.text.starts_with("resolve localhost: Too many open files"), "{}", error.text);
}

/// A thread that ends with the channel.
fn waiting_thread() -> (JoinHandle<()>, Sender<()>) {
    let (end, wait) = channel();
    (std::thread::spawn(move || assert!(wait.recv().is_err())), end)
}

#[test]
fn a_look_up_that_gets_no_thread_says_so_and_the_next_one_is_made() {
    first_dial();
    let threads: Vec<_> = (0..STACKS).map(|_| waiting_thread()).collect();
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = sizes.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: it takes no pointer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    // Room for what the dial itself needs, and none for the stack of a thread, which is 2 MiB.
    let error = dial_under(Resource::RLIMIT_AS, pages * page as u64 + 1024 * 1024);
    assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::EAGAIN));
    assert!(error.text.starts_with("resolve localhost: Resource"), "{}", error.text);
    for (thread, end) in threads {
        drop(end);
        thread.join().unwrap();
    }
}
