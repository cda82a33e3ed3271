//! Histograms of each address: what is counted where, and that no move, loss or reset loses
//! anything or tells it twice.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

use venuepool::completion::Completion;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::metrics::Kind;
use venuepool::pool::edges::Placement;

use crate::edges::{configured, edge, ip, peers, plain};
use crate::rig::{get, request, until};

const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];
const OF_ORDER: [Kind; 4] = [Kind::QueueWait, Kind::Write, Kind::FirstByte, Kind::Total];

/// How many orders went to which address, by what their completions tell.
type Ledger = HashMap<IpAddr, u64>;

fn at(pool: &Pool, kind: Kind, address: IpAddr) -> u64 {
    pool.address_histogram(kind, address, false).unwrap().summary().count
}

fn taken_at(pool: &Pool, kind: Kind, address: IpAddr) -> u64 {
    pool.address_histogram(kind, address, true).unwrap().summary().count
}

fn of(pool: &Pool, kind: Kind, slot: Option<u32>) -> u64 {
    pool.histogram(kind, slot, false).unwrap().summary().count
}

fn taken_of(pool: &Pool, kind: Kind, slot: Option<u32>) -> u64 {
    pool.histogram(kind, slot, true).unwrap().summary().count
}

fn note(ledger: &mut Ledger, done: &Completion) {
    let peer = done.endpoints().expect("it was sent").peer;
    *ledger.entry(Ipv6Addr::from(peer.ip).to_canonical()).or_default() += 1;
}

/// Sends so many orders, in the queue if need be, and answers where they went.
fn send(pool: &Pool, orders: usize) -> Ledger {
    let mut ledger = Ledger::new();
    for _ in 0..orders {
        let done = get(pool, "/");
        assert_eq!(done.outcome, Outcome::Ok);
        note(&mut ledger, &done);
    }
    ledger
}

/// Adds up what a thread tells until it is over.
fn meanwhile(
    is_over: &Arc<AtomicBool>,
    look: impl Fn() -> u64 + Send + 'static,
) -> JoinHandle<u64> {
    let is_over = Arc::clone(is_over);
    spawn(move || {
        let mut told = 0;
        while !is_over.load(Ordering::SeqCst) {
            told += look();
        }
        told
    })
}

#[test]
fn each_order_is_counted_once_for_the_address_that_it_went_to() {
    let servers = plain(2);
    for drive in DRIVES {
        let mut config = configured(&servers, 4);
        config.set_drive(drive);
        config.set_placement(Placement::Spread, 20, 0).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut ledger = Ledger::new();
        // Each slot has another number of orders, and no counts of 32.
        let leases = [(); 4].map(|()| pool.try_acquire().unwrap());
        for lease in leases {
            let mut orders = request(&pool);
            for _ in 0..lease.slot * 20 + 3 {
                orders.begin(b"GET", b"/").unwrap();
                pool.submit_on(lease, &mut orders, None).unwrap();
                let mut taken = 0;
                while taken == 0 {
                    let told = pool.wait(1, crate::rig::PATIENCE, |done| note(&mut ledger, &done));
                    taken = told.unwrap().unwrap();
                }
            }
        }
        assert_eq!(ledger.values().sum::<u64>(), 132);
        for address in [ip(1), ip(2)] {
            for kind in OF_ORDER {
                assert_eq!(at(&pool, kind, address), ledger[&address], "{kind:?} of {address}");
            }
            assert_eq!((at(&pool, Kind::Connect, address), at(&pool, Kind::Heal, address)), (2, 0));
        }
        OF_ORDER.iter().for_each(|kind| assert_eq!(of(&pool, *kind, None), 132));
        pool.close().unwrap();
    }
}

#[test]
fn what_is_counted_is_what_the_completion_tells() {
    let servers = plain(1);
    let pool = Pool::open(&configured(&servers, 1)).unwrap();
    let times = get(&pool, "/").times;
    let told = pool.address_histogram(Kind::Total, ip(1), false).unwrap().summary();
    let total_ns = times.done_ns - times.submit_ns;
    assert!(told.min_ns <= total_ns && total_ns <= told.max_ns, "{total_ns} in {told:?}");
    assert_eq!(pool.histogram(Kind::Total, Some(0), false).unwrap().summary().max_ns, told.max_ns);
    assert!(0 < told.since_wall_ns && told.since_wall_ns < told.until_wall_ns);
    pool.close().unwrap();
}

#[test]
fn a_loss_leaves_the_counts_where_they_were_and_heals_where_the_slot_comes_back() {
    for drive in DRIVES {
        let mut servers = plain(2);
        let mut config = configured(&servers, 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        send(&pool, 40);
        drop(servers.remove(0));
        until(|| (peers(&pool) == [Some(ip(2))]).then_some(()));
        until(|| (at(&pool, Kind::Heal, ip(2)) == 1).then_some(()));
        send(&pool, 50);
        for kind in OF_ORDER {
            assert_eq!((at(&pool, kind, ip(1)), at(&pool, kind, ip(2))), (40, 50), "{kind:?}");
            assert_eq!((of(&pool, kind, Some(0)), of(&pool, kind, None)), (90, 90), "{kind:?}");
        }
        assert_eq!((at(&pool, Kind::Heal, ip(1)), of(&pool, Kind::Heal, None)), (0, 1));
        assert_eq!((at(&pool, Kind::Connect, ip(1)), at(&pool, Kind::Connect, ip(2))), (1, 1));
        pool.close().unwrap();
    }
}

#[test]
fn a_slot_that_moves_takes_nothing_along() {
    let servers = plain(2);
    for drive in DRIVES {
        let mut config = configured(&servers[..1], 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        send(&pool, 40);
        pool.set_addresses(&[ip(2)]).unwrap();
        until(|| (peers(&pool) == [Some(ip(2))]).then_some(()));
        send(&pool, 50);
        pool.set_addresses(&[ip(1)]).unwrap();
        until(|| (peers(&pool) == [Some(ip(1))]).then_some(()));
        send(&pool, 5);
        for kind in OF_ORDER {
            assert_eq!((at(&pool, kind, ip(1)), at(&pool, kind, ip(2))), (45, 50), "{kind:?}");
            assert_eq!(of(&pool, kind, Some(0)), 95, "{kind:?}");
        }
        // The dials, too, while the old connection served.
        assert_eq!((at(&pool, Kind::Connect, ip(1)), at(&pool, Kind::Connect, ip(2))), (2, 1));
        assert_eq!((of(&pool, Kind::Connect, Some(0)), of(&pool, Kind::Heal, None)), (3, 0));
        pool.close().unwrap();
    }
}

#[test]
fn resets_of_slot_pool_and_address_are_independent() {
    let servers = plain(1);
    let pool = Pool::open(&configured(&servers, 2)).unwrap();
    let kind = Kind::Total;
    send(&pool, 10);
    assert_eq!(taken_at(&pool, kind, ip(1)), 10);
    assert_eq!((at(&pool, kind, ip(1)), of(&pool, kind, None)), (0, 10));
    assert_eq!(at(&pool, Kind::Write, ip(1)), 10, "another kind");
    send(&pool, 20);
    assert_eq!(taken_of(&pool, kind, Some(0)) + taken_of(&pool, kind, Some(1)), 30);
    assert_eq!((at(&pool, kind, ip(1)), of(&pool, kind, None)), (20, 0));
    send(&pool, 3);
    assert_eq!(taken_of(&pool, kind, None), 3);
    assert_eq!((at(&pool, kind, ip(1)), of(&pool, kind, None)), (23, 0));
    send(&pool, 4);
    assert_eq!((taken_at(&pool, kind, ip(1)), taken_at(&pool, kind, ip(1))), (27, 0));
    assert_eq!(taken_of(&pool, kind, None), 4);
    let since = |pool: &Pool| pool.address_histogram(kind, ip(1), false).unwrap().summary();
    let before = since(&pool).since_wall_ns;
    taken_of(&pool, kind, None);
    assert_eq!(since(&pool).since_wall_ns, before, "of the address, nothing began anew");
    taken_at(&pool, kind, ip(1));
    assert!(since(&pool).since_wall_ns > before);
    pool.close().unwrap();
}

/// The slots move to and fro, while orders run and while slots, pool and addresses are reset.
#[test]
fn moves_and_resets_under_load_lose_nothing_and_tell_nothing_twice() {
    let servers = plain(2);
    for drive in DRIVES {
        let mut config = configured(&servers[..1], 2);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let own = || Arc::clone(&pool);
        let (slots, second, first) = (own(), own(), own());
        let kind = Kind::Total;
        // An address that is not known yet has nothing to take.
        let taken = move |pool: &Pool| pool.address_histogram(kind, ip(2), true);
        let of_slots = meanwhile(&is_over, move || {
            taken_of(&slots, kind, Some(0)) + taken_of(&slots, kind, None)
        });
        let of_second = meanwhile(&is_over, move || {
            taken(&second).map_or(0, |histogram| histogram.summary().count)
        });
        let only_looks = meanwhile(&is_over, move || {
            let before = at(&first, kind, ip(1));
            assert!(at(&first, kind, ip(1)) >= before, "what is told once stays told");
            0
        });
        let senders = [0; 3].map(|_| {
            let (pool, is_over) = (own(), Arc::clone(&is_over));
            spawn(move || {
                let mut ledger = Ledger::new();
                while !is_over.load(Ordering::SeqCst) {
                    send(&pool, 10).iter().for_each(|(ip, n)| *ledger.entry(*ip).or_default() += n);
                }
                ledger
            })
        });
        for last in [2, 1, 2, 1, 2, 1] {
            pool.set_addresses(&[ip(last)]).unwrap();
            until(|| (peers(&pool) == [Some(ip(last)); 2]).then_some(()));
        }
        is_over.store(true, Ordering::SeqCst);
        let mut ledger = Ledger::new();
        for sender in senders {
            let sent = sender.join().unwrap();
            sent.iter().for_each(|(ip, orders)| *ledger.entry(*ip).or_default() += orders);
        }
        only_looks.join().unwrap();
        assert_eq!(at(&pool, kind, ip(1)), ledger[&ip(1)]);
        assert_eq!(of_second.join().unwrap() + at(&pool, kind, ip(2)), ledger[&ip(2)]);
        let all = ledger.values().sum::<u64>();
        assert_eq!(of_slots.join().unwrap() + of(&pool, kind, None), all);
        for address in [ip(1), ip(2)] {
            let connections = edge(&pool, address).seen.connections;
            assert_eq!(at(&pool, Kind::Connect, address), connections);
            assert_eq!(at(&pool, Kind::Write, address), ledger[&address], "never reset");
        }
        pool.close().unwrap();
    }
}

#[test]
fn heartbeats_are_counted_for_the_address_that_answers_them() {
    let servers = plain(2);
    let mut config = configured(&servers[..1], 1);
    config.set_heartbeat(b"GET", b"/", 5_000_000, 1_000_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    until(|| (at(&pool, Kind::Heartbeat, ip(1)) >= 3).then_some(()));
    pool.set_addresses(&[ip(2)]).unwrap();
    until(|| (peers(&pool) == [Some(ip(2))]).then_some(()));
    let before = at(&pool, Kind::Heartbeat, ip(1));
    until(|| (at(&pool, Kind::Heartbeat, ip(2)) >= 3).then_some(()));
    assert_eq!((at(&pool, Kind::Heartbeat, ip(1)), at(&pool, Kind::Total, ip(2))), (before, 0));
    pool.close().unwrap();
}

#[test]
fn an_order_that_never_had_a_slot_is_of_no_address() {
    let servers = plain(1);
    let pool = Pool::open(&configured(&servers, 1)).unwrap();
    let lease = pool.try_acquire().unwrap();
    let mut orders = request(&pool);
    orders.begin(b"GET", b"/").unwrap();
    let id = pool.submit(&mut orders, None, WhenBusy::Queue).unwrap();
    pool.cancel(id).unwrap();
    until(|| (of(&pool, Kind::QueueWait, None) == 1).then_some(()));
    assert_eq!(at(&pool, Kind::QueueWait, ip(1)), 0);
    pool.release(lease).unwrap();
    pool.close().unwrap();
}

#[test]
fn an_address_without_a_connection_is_empty_and_an_unknown_one_is_not_found() {
    let servers = plain(2);
    let mut config = configured(&servers, 1);
    let pool = Pool::open(&config).unwrap();
    let refused = |pool: &Pool, last| pool.address_histogram(Kind::Total, ip(last), false).err();
    assert_eq!((at(&pool, Kind::Connect, ip(1)), at(&pool, Kind::Connect, ip(2))), (1, 0));
    assert_eq!(refused(&pool, 9), Some(Status::ERR_NOT_FOUND));
    pool.close().unwrap();
    config.set_histograms(false);
    let pool = Pool::open(&config).unwrap();
    assert_eq!(refused(&pool, 1), Some(Status::ERR_NOT_FOUND));
    pool.close().unwrap();
}
