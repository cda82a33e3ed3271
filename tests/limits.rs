//! What a dial says when the process is at one of its limits. A program of its own, because limits
//! are the process's.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::{Builder, Runtime};
use venuepool::config::Sockets;
use venuepool::error::Status;
use venuepool::net::connect::{DialError, Dialer};
use venuepool::net::resolve::Resolver;

/// Bytes that can still be mapped: enough for what is allocated, less than a stack of 2 MiB.
const ROOM: u64 = 3 * 1024 * 1024 / 2;

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
        placing: None,
        sockets: Arc::new(Sockets::default()),
        tls: None,
        resolve_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        tls_handshake_timeout: Duration::from_secs(10),
    }
}

/// The error of the first dial, if it fails. A second one succeeds, with the same resolver.
fn first_of_two(
    first: impl FnOnce(&dyn Fn() -> Option<DialError>) -> Option<DialError>,
) -> Option<DialError> {
    let venue = TcpListener::bind("127.0.0.1:0").unwrap();
    let (dialer, runtime) = (dialer(venue.local_addr().unwrap()), runtime());
    let dial = || runtime.block_on(dialer.dial(0)).err();
    let error = first(&dial);
    let after = dial();
    assert!(after.is_none(), "{after:?}");
    error
}

/// A dial without descriptors, once, and before all other look-ups of this process. The C library
/// has not read its files then: it says that it knows no such name. Later it names the error.
fn without_descriptors() -> &'static DialError {
    static FIRST: OnceLock<DialError> = OnceLock::new();
    // Those that are open stay; the next free number is above the limit.
    let failed = || first_of_two(|dial| limited(Resource::RLIMIT_NOFILE, 3, dial)).unwrap();
    FIRST.get_or_init(failed)
}

#[test]
fn a_look_up_without_descriptors_says_so() {
    let error = without_descriptors();
    assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::EMFILE));
    assert!(error.text.starts_with("resolve localhost: Too many open files"), "{}", error.text);
}

/// Runs while the system has no room for the stack of one more thread.
fn without_threads<T>(run: impl FnOnce() -> T) -> T {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = sizes.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: it takes no pointer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    limited(Resource::RLIMIT_AS, pages * page as u64 + ROOM, || {
        let (stop, stopped) = channel::<()>();
        let stopped = Arc::new(Mutex::new(stopped));
        let hold = || {
            let stopped = Arc::clone(&stopped);
            std::thread::Builder::new().spawn(move || stopped.lock().unwrap().recv().is_err()).ok()
        };
        // The C library keeps the stacks of threads that have ended: these take them.
        let held: Vec<_> = std::iter::from_fn(hold).collect();
        let answer = run();
        drop(stop);
        held.into_iter().for_each(|thread| assert!(thread.join().unwrap()));
        answer
    })
}

#[test]
fn a_look_up_that_gets_no_thread_says_so_and_the_next_one_is_made() {
    without_descriptors();
    // A thread of this program that ends just now leaves its stack to the look-up.
    let error = (0..20).find_map(|_| first_of_two(|dial| without_threads(dial))).unwrap();
    assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::EAGAIN));
    assert!(error.text.starts_with("resolve localhost: "), "{}", error.text);
}
