//! The kernel's counts, over real sockets.

use super::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

/// An acknowledgement takes its time, on loopback up to the delay of delayed ones.
fn until(stream: &TcpStream, fits: impl Fn(&Counts) -> bool) -> Counts {
    let start = Instant::now();
    loop {
        let counts = counts(stream).unwrap();
        if fits(&counts) {
            return counts;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{counts:?}");
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn what_the_peer_has_is_acknowledged() {
    let (mut near, mut far) = pair();
    let before = counts(&near).unwrap();
    near.write_all(&[7; 1000]).unwrap();
    far.read_exact(&mut [0; 1000]).unwrap();
    let after = until(&near, |counts| counts.queued == 0);
    let evidence = after.of(before.taken(), 1000);
    assert_eq!(evidence, Evidence { bytes_acked: 1000, bytes_unsent: 0 });
    // Only of the request that was asked for.
    near.write_all(&[7; 10]).unwrap();
    let second = until(&near, |counts| counts.queued == 0).of(after.taken(), 10);
    assert_eq!(second, Evidence { bytes_acked: 10, bytes_unsent: 0 });
}

#[test]
fn what_the_peer_does_not_read_stays_here() {
    let (near, _far) = pair();
    near.set_nonblocking(true).unwrap();
    let before = counts(&near).unwrap();
    let mut sent = 0;
    // Until both kernels' buffers are full, and stay so.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        sent += (&near).write(&[7; 65_536]).unwrap_or(0) as u64;
    }
    let evidence = until(&near, |counts| counts.not_sent > 0).of(before.taken(), sent);
    assert!(evidence.bytes_acked > 0 && evidence.bytes_unsent > 0, "{evidence:?} of {sent}");
    assert!(evidence.bytes_acked + evidence.bytes_unsent <= sent);
}

#[test]
fn the_counts_outlive_a_reset() {
    let (mut near, far) = pair();
    let before = counts(&near).unwrap();
    near.write_all(&[7; 100]).unwrap();
    until(&near, |counts| counts.queued == 0);
    socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
    drop(far);
    assert!(near.read(&mut [0; 1]).is_err(), "reset");
    let evidence = counts(&near).unwrap().of(before.taken(), 100);
    assert_eq!(evidence.bytes_acked, 100);
}

#[test]
fn counts_of_a_part_are_of_that_part() {
    let counts = Counts { acked: 150, not_sent: 40, queued: 90 };
    assert_eq!(counts.taken(), 240);
    assert_eq!(counts.of(100, 140), Evidence { bytes_acked: 50, bytes_unsent: 40 });
    assert_eq!(counts.of(200, 40), Evidence { bytes_acked: 0, bytes_unsent: 40 });
    assert_eq!(counts.of(0, 20), Evidence { bytes_acked: 20, bytes_unsent: 0 });
}

/// The other fields of the struct are next to these: a wrong offset shows an impossible time.
#[test]
fn the_round_trip_is_that_of_the_connection() {
    let start = Instant::now();
    let (near, _far) = pair();
    let took_ns = u64::try_from(start.elapsed().as_nanos()).unwrap();
    let trip = round_trip(&near).unwrap();
    // The kernel counts in microseconds, and a whole one at least.
    let most_ns = took_ns + 1_000;
    assert!((1_000..=most_ns).contains(&trip.min_ns), "{trip:?} in {took_ns} ns");
    assert!((trip.min_ns..=most_ns).contains(&trip.smoothed_ns), "{trip:?} in {took_ns} ns");
    let (unix, _) = std::os::unix::net::UnixStream::pair().unwrap();
    let unix = TcpStream::from(std::os::fd::OwnedFd::from(unix));
    assert_eq!(round_trip(&unix), None);
}
