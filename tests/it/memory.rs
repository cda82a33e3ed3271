//! Memory follows what a venue has sent, never what it announces, and to be out of it ends one
//! exchange and not the process. Each test is a process of its own, whose memory is limited.

use std::process::{Command, Stdio};
use std::sync::Arc;

use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::rig::{PATIENCE, config, request, until_idle};

const MIB: u64 = 1 << 20;

/// What makes this program the one that runs a test of this file.
const IN_A_PROCESS_OF_ITS_OWN: &str = "IT_MEMORY";

/// Runs the test of that name in a process of its own.
fn in_a_process_of_its_own(name: &str, test: impl FnOnce()) {
    if std::env::var_os(IN_A_PROCESS_OF_ITS_OWN).is_some() {
        return test();
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", &format!("memory::{name}"), "--nocapture"]);
    // With arenas of their own, new threads would reserve much more than they use.
    again.env(IN_A_PROCESS_OF_ITS_OWN, "1").env("MALLOC_ARENA_MAX", "1");
    let output = again.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {text}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{text}");
}

/// Runs with so many bytes of address space more than there are now.
fn with_little_memory(more: u64, run: impl FnOnce()) {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
    let (soft, hard) = getrlimit(Resource::RLIMIT_AS).unwrap();
    setrlimit(Resource::RLIMIT_AS, pages * 4096 + more, hard).unwrap();
    run();
    setrlimit(Resource::RLIMIT_AS, soft, hard).unwrap();
}

fn pool(
    (transport, drive): (Transport, Drive),
    connections: usize,
    configure: impl FnOnce(&mut Config),
    handler: impl Fn(&mut Peer, usize) + Send + Sync + 'static,
) -> (ScriptServer, Arc<Pool>) {
    let certificates = Certificates::new().unwrap();
    let server = match transport {
        Transport::Plain => Script::serve(handler).unwrap(),
        _ => Script::serve_tls(transport, &certificates, handler).unwrap(),
    };
    let mut config = config(&server.url(), connections);
    config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    config.set_drive(drive);
    configure(&mut config);
    let pool = Pool::open(&config).unwrap();
    (server, pool)
}

fn next(pool: &Pool) -> Completion {
    let mut taken = None;
    assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
    taken.unwrap()
}

const WAYS: [(Transport, Drive); 4] = [
    (Transport::Plain, Drive::Thread),
    (Transport::Plain, Drive::Caller),
    (Transport::Tls, Drive::Thread),
    (Transport::Tls, Drive::Caller),
];

/// 32 heads announce 488 MiB together, and there are 128.
#[test]
fn announced_lengths_take_no_memory() {
    in_a_process_of_its_own("announced_lengths_take_no_memory", || {
        for way in WAYS {
            let (_server, pool) = pool(
                way,
                32,
                |_| (),
                |peer, _| {
                    if let Ok(Some(_)) = peer.read_request() {
                        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 16000000\r\n\r\n";
                        // More than the buffer begins with.
                        peer.write(&[&head[..], &[b'x'; 70_000]].concat()).unwrap();
                        let _ = peer.wait_eof();
                    }
                },
            );
            with_little_memory(128 * MIB, || {
                let mut request = request(&pool);
                request.set_timeout_ns(300_000_000);
                request.begin(b"GET", b"/").unwrap();
                for _ in 0..32 {
                    pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
                }
                for _ in 0..32 {
                    let done = next(&pool);
                    assert_eq!(done.outcome, Outcome::Timeout, "{way:?}");
                    assert_eq!(done.wire_state, WireState::Answering);
                }
            });
            pool.close().unwrap();
        }
    });
}

#[test]
fn without_memory_for_a_response_its_exchange_ends_and_the_pool_goes_on() {
    let name = "without_memory_for_a_response_its_exchange_ends_and_the_pool_goes_on";
    in_a_process_of_its_own(name, || {
        for way in WAYS {
            let no_limit = |config: &mut Config| config.set_max_body_size(0).unwrap();
            let (_server, pool) = pool(way, 1, no_limit, |peer, _| {
                let piece = vec![b'x'; 1 << 20];
                while let Ok(Some(request)) = peer.read_request() {
                    if request.target == "/small" {
                        let _ = peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                        continue;
                    }
                    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n";
                    let mut more = peer.write(head).is_ok();
                    while more {
                        more = peer.write(&piece).is_ok();
                    }
                    return;
                }
            });
            let mut request = request(&pool);
            with_little_memory(96 * MIB, || {
                for number in 1..=2 {
                    request.begin(b"GET", b"/large").unwrap();
                    let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
                    let done = next(&pool);
                    assert_eq!((done.id, done.outcome), (id, Outcome::OutOfMemory), "{way:?}");
                    assert_eq!(done.wire_state, WireState::Answering);
                    until_idle(&pool, 1);
                    let closed = &pool.stats().closed[CloseReason::OutOfMemory as usize];
                    assert_eq!(closed.get(), number);
                    request.begin(b"GET", b"/small").unwrap();
                    pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
                    assert_eq!(next(&pool).outcome, Outcome::Ok);
                }
            });
            pool.close().unwrap();
        }
    });
}
