//! Histograms of a pool at work: what is counted, where, and that a reset loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mock_venue::{How, Options, Venue};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Status;
use venuepool::metrics::Kind;
use venuepool::metrics::snapshot::Summary;

use crate::rig::{
    get, lose_connections, next_completion, order, request, until, venue_config, venue_pool,
};

fn summary(pool: &Pool, kind: Kind, slot: Option<u32>) -> Summary {
    pool.histogram(kind, slot, false).unwrap().summary()
}

fn count(pool: &Pool, kind: Kind) -> u64 {
    summary(pool, kind, None).count
}

#[test]
fn each_order_is_counted_once_in_its_slot_and_in_the_pool() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::tls()).unwrap();
        let mut config = venue_config(&venue, 3);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let leases = [(); 3].map(|()| pool.try_acquire().unwrap());
        let mut orders = request(&pool);
        for (index, lease) in leases.into_iter().enumerate() {
            for number in 0..=index * 40 {
                order(&mut orders, &number.to_string());
                pool.submit_on(lease, &mut orders, None).unwrap();
                let mut taken = 0;
                while taken == 0 {
                    taken = pool.wait(1, Duration::MAX, |_| ()).unwrap().unwrap();
                }
            }
            let slot = Some(lease.slot);
            for kind in [Kind::QueueWait, Kind::Write, Kind::FirstByte, Kind::Total] {
                assert_eq!(summary(&pool, kind, slot).count, index as u64 * 40 + 1, "{kind:?}");
            }
            assert_eq!(summary(&pool, Kind::Connect, slot).count, 1);
            assert_eq!(summary(&pool, Kind::Handshake, slot).count, 1);
        }
        assert_eq!((count(&pool, Kind::Total), count(&pool, Kind::Heal)), (123, 0));
        let wrong = pool.histogram(Kind::Total, Some(3), false).err();
        assert_eq!(wrong, Some(Status::ERR_ARGUMENT));
        pool.close().unwrap();
    }
}

#[test]
fn what_is_counted_is_what_the_completion_tells() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let times = get(&pool, "/api/v3/time").times;
    let told = [
        (Kind::QueueWait, times.queue_wait_ns()),
        (Kind::Write, times.write_ns - times.write_begin_ns),
        (Kind::FirstByte, times.first_byte_ns - times.write_ns),
        (Kind::Total, times.done_ns - times.submit_ns),
    ];
    for (kind, ns) in told {
        let Summary { count, min_ns, max_ns, .. } = summary(&pool, kind, Some(0));
        // Two significant digits, and 64 ns.
        let slack_ns = 64 + ns / 100;
        assert_eq!(count, 1, "{kind:?}");
        assert!(min_ns <= ns && ns <= max_ns && max_ns - min_ns <= slack_ns, "{kind:?} {ns}");
    }
    pool.close().unwrap();
}

#[test]
fn a_lost_connection_is_a_heal_and_a_dial() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    assert_eq!((count(&pool, Kind::Heal), count(&pool, Kind::Connect)), (0, 1));
    lose_connections(&venue, How::Fin, 1);
    until(|| (count(&pool, Kind::Heal) == 1).then_some(()));
    assert_eq!(count(&pool, Kind::Connect), 2);
    assert!(summary(&pool, Kind::Heal, None).min_ns > 0);
    pool.close().unwrap();
}

#[test]
fn heartbeats_are_counted_and_no_orders() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_heartbeat(b"GET", b"/api/v3/ping", 5_000_000, 1_000_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    until(|| (count(&pool, Kind::Heartbeat) >= 3).then_some(()));
    assert_eq!((count(&pool, Kind::Total), count(&pool, Kind::QueueWait)), (0, 0));
    pool.close().unwrap();
}

#[test]
fn a_request_that_ended_in_the_queue_has_waited() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let lease = pool.try_acquire().unwrap();
    let mut orders = request(&pool);
    order(&mut orders, "1");
    let id = pool.submit(&mut orders, None, WhenBusy::Queue).unwrap();
    pool.cancel(id).unwrap();
    assert_eq!(next_completion(&pool).slot, None);
    assert_eq!((count(&pool, Kind::QueueWait), count(&pool, Kind::Write)), (1, 0));
    assert_eq!(summary(&pool, Kind::QueueWait, Some(0)).count, 0, "of no slot");
    pool.release(lease).unwrap();
    pool.close().unwrap();
}

#[test]
fn no_order_is_lost_or_told_twice_by_resets_under_load() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 2);
    let is_over = Arc::new(AtomicBool::new(false));
    let (reader, done) = (Arc::clone(&pool), Arc::clone(&is_over));
    let resets = std::thread::spawn(move || {
        let mut told = 0;
        while !done.load(Ordering::SeqCst) {
            told += reader.histogram(Kind::Total, None, true).unwrap().summary().count;
        }
        told
    });
    let senders = [0; 4].map(|_| {
        let pool = Arc::clone(&pool);
        std::thread::spawn(move || (0..300).for_each(|_| drop(get(&pool, "/api/v3/time"))))
    });
    for sender in senders {
        sender.join().unwrap();
    }
    is_over.store(true, Ordering::SeqCst);
    let told = resets.join().unwrap();
    let rest = pool.histogram(Kind::Total, None, true).unwrap().summary().count;
    assert_eq!(told + rest, 1_200);
    pool.close().unwrap();
}

#[test]
fn a_pool_without_histograms_says_so() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_histograms(false);
    let pool = Pool::open(&config).unwrap();
    get(&pool, "/api/v3/time");
    let none = pool.histogram(Kind::Total, None, false).err();
    assert_eq!(none, Some(Status::ERR_NOT_FOUND));
    pool.close().unwrap();
}
