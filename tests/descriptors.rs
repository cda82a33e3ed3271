//! What becomes of descriptors at their limits. A program of its own, because the limit is the
//! process's.

use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use venuepool::net::resolve::Resolver;

/// The system's resolver cannot open its own files then, and says that it knows no such name.
#[test]
fn a_look_up_without_descriptors_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let look_up = || {
        let resolver = Resolver::of_host("localhost", 1, "look-up");
        runtime.block_on(resolver.resolve(Duration::from_secs(10)))
    };
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // Those that are open stay; the next free number is above the limit.
    setrlimit(Resource::RLIMIT_NOFILE, 3, hard).unwrap();
    let error = look_up();
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    let error = error.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
    assert!(look_up().is_ok());
}
