//! Dead connections are seen while idle and healed at once (promise 5).

use std::time::Duration;

use mock_venue::{Fault, FaultKind, How, Options, Script, Venue};
use venuepool::clock::now_ns;
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, Status};

use crate::rig::{
    config, get, lose_connections, next_completion, order, request, status, submit_soon, until,
    until_idle, venue_config, venue_pool,
};

#[test]
fn every_way_to_lose_idle_connections_is_healed_without_an_order() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let pool = venue_pool(&venue, 4);
        let ways = [
            (How::Fin, CloseReason::IdleClosed),
            (How::BareFin, CloseReason::IdleClosed),
            (How::Rst, CloseReason::IdleReset),
        ];
        let mut expected = 4;
        for (how, reason) in ways {
            let before = pool.stats().closed[reason as usize].get();
            lose_connections(&venue, how, 4);
            expected += 4;
            until(|| (pool.stats().connected.get() == expected).then_some(()));
            until_idle(&pool, 4);
            assert_eq!(pool.stats().closed[reason as usize].get(), before + 4);
        }
        assert_eq!(pool.stats().submitted.get(), 0);
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        pool.close().unwrap();
    }
}

#[test]
fn any_one_dead_slot_costs_no_order() {
    // A pool that trusts the top of its stack refuses here, or sends into a dead connection.
    for victim in 0..3 {
        let venue = Venue::start(Options::plain()).unwrap();
        let pool = venue_pool(&venue, 3);
        until(|| (venue.stats().open == 3).then_some(()));
        assert_eq!(venue.kill_some(How::Rst, victim + 1), victim + 1);
        let mut request = request(&pool);
        for number in 0..6 {
            order(&mut request, &format!("{victim}-{number}"));
            let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
            assert_eq!(done.outcome, Outcome::Ok);
        }
        assert_eq!(venue.stats().duplicates, 0);
        pool.close().unwrap();
    }
}

#[test]
fn a_pool_outlives_a_venue_that_goes_away_and_comes_back() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 2);
    config.set_backoff_ns(1_000_000, 20_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    venue.stop(How::Rst).unwrap();
    until(|| (pool.stats().dial_failures[1].get() >= 4).then_some(()));
    assert_eq!(pool.counts().live, 0);
    let mut request = request(&pool);
    order(&mut request, "refused");
    assert_eq!(pool.submit(&mut request, None, WhenBusy::Refuse), Err(Status::ERR_NO_SLOT));
    let error = pool.last_dial_error().unwrap();
    assert_eq!(error.step, Status::ERR_CONNECT);
    assert!(error.text.contains("127.0.0.1"), "{}", error.text);
    // A request in the queue is sent the moment that a connection is healed.
    order(&mut request, "patient");
    pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
    venue.restart().unwrap();
    assert_eq!(next_completion(&pool).outcome, Outcome::Ok);
    until_idle(&pool, 2);
    assert_eq!(venue.orders_with_id("refused"), 0);
    assert_eq!(venue.orders_with_id("patient"), 1);
    pool.close().unwrap();
}

#[test]
fn a_silent_peer_cannot_hold_a_slot_for_ever() {
    // Accepts and never answers the TLS handshake.
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_tls_handshake_timeout_ns(20_000_000).unwrap();
    config.set_backoff_ns(1_000_000, 5_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    venue.set_fault(Fault::always(FaultKind::BlackHole)).unwrap();
    lose_connections(&venue, How::Rst, 1);
    until(|| (pool.stats().dial_failures[2].get() >= 2).then_some(()));
    venue.clear_faults().unwrap();
    until_idle(&pool, 1);
    pool.close().unwrap();
}

#[test]
fn a_bad_certificate_on_a_re_dial_is_counted_and_healed_from() {
    let venue = Venue::start(Options::tls()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_backoff_ns(1_000_000, 5_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    venue.set_certificate(mock_venue::CertificateKind::Expired).unwrap();
    lose_connections(&venue, How::Fin, 1);
    until(|| (pool.stats().dial_failures[2].get() >= 1).then_some(()));
    assert_eq!(pool.last_dial_error().unwrap().step, Status::ERR_TLS);
    venue.set_certificate(mock_venue::CertificateKind::Good).unwrap();
    until_idle(&pool, 1);
    pool.close().unwrap();
}

#[test]
fn re_dials_are_limited_however_fast_the_venue_hangs_up() {
    let server = Script::serve(|peer, _| peer.finish().unwrap()).unwrap();
    let mut config = config(&server.url(), 2);
    config.set_dials_per_second(5).unwrap();
    config.set_backoff_ns(1_000, 1_000).unwrap();
    config.set_allow_degraded_open(true);
    let pool = Pool::open(&config).unwrap();
    // The third re-dial of the pair has to wait for the limit; nothing in between may.
    until(|| (server.connections() >= 4).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    let dials = pool.stats().dials.get();
    assert!(dials <= 2 + 4, "{dials} dials in well under a second");
    pool.close().unwrap();
}

#[test]
fn sessions_are_resumed_on_re_dials() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pool = venue_pool(&venue, 1);
    assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
    lose_connections(&venue, How::Fin, 1);
    until(|| (venue.stats().tls_resumed == 1).then_some(()));
    pool.close().unwrap();
}

#[test]
fn a_slot_heals_under_its_lease() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let lease = pool.try_acquire().unwrap();
    lose_connections(&venue, How::Rst, 1);
    until(|| (pool.stats().connected.get() == 2).then_some(()));
    let mut request = request(&pool);
    order(&mut request, "leased");
    until(|| match pool.submit_on(lease, &mut request, None) {
        Ok(_) => Some(()),
        Err(Status::ERR_SLOT_DOWN) => None,
        Err(status) => panic!("{status:?}"),
    });
    assert_eq!(next_completion(&pool).outcome, Outcome::Ok);
    pool.release(lease).unwrap();
    submit_soon(&pool, &mut request);
    assert_eq!(next_completion(&pool).outcome, Outcome::Ok);
    pool.close().unwrap();
}

/// A backoff that nobody lives to see the end of.
const HOURS: u64 = 20 * 3_600_000_000_000;

#[test]
fn a_connection_that_has_served_is_replaced_at_once() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_backoff_ns(HOURS, HOURS).unwrap();
    config.set_max_age_ns(500_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
    until(|| (pool.stats().connected.get() == 2).then_some(()));
    assert_eq!(pool.stats().closed[CloseReason::MaxAge as usize].get(), 1);
    pool.close().unwrap();
}

#[test]
fn a_lost_connection_does_not_wait_as_its_replacement_did() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_backoff_ns(HOURS, HOURS).unwrap();
        config.set_max_age_ns(20_000_000).unwrap();
        let pool = Pool::open(&config).unwrap();
        // What the venue has not accepted yet would be refused, too.
        until(|| (venue.stats().open == 1).then_some(()));
        venue.set_fault(Fault::always(FaultKind::Refuse)).unwrap();
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        // It comes to its age, and the dial of its replacement waits.
        until(|| (pool.slot_healths()[0].next_dial_ns != 0).then_some(()));
        assert_eq!(pool.counts().live, 1, "it serves meanwhile");
        venue.clear_faults().unwrap();
        lose_connections(&venue, How::Rst, 1);
        until(|| (pool.stats().connected.get() == 2).then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn a_connection_that_maintenance_ends_before_its_replacement_is_dialled_at_once() {
    for drive in [Drive::Thread, Drive::Caller] {
        let venue = Venue::start(Options::plain()).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_backoff_ns(HOURS, HOURS).unwrap();
        config.set_idle_limit_ns(500_000_000).unwrap();
        let pool = Pool::open(&config).unwrap();
        // No exchange has proven it, so that its replacement waits; but it is not the venue's end.
        until(|| (pool.stats().connected.get() == 2).then_some(()));
        assert_eq!(pool.stats().closed[CloseReason::IdleLimit as usize].get(), 1);
        pool.close().unwrap();
    }
}

#[test]
fn an_idle_connection_that_the_venue_ends_in_order_is_dialled_again_at_once() {
    std::thread::scope(|scope| {
        for drive in [Drive::Thread, Drive::Caller] {
            for options in [Options::plain(), Options::tls()] {
                scope.spawn(move || ends_idle_connections(drive, options));
            }
        }
    });
}

/// Two times in a row; a delay would last for hours.
fn ends_idle_connections(drive: Drive, options: Options) {
    let venue = Venue::start(options).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_drive(drive);
    config.set_backoff_ns(HOURS, HOURS).unwrap();
    let pool = Pool::open(&config).unwrap();
    for connections in 2..=3 {
        let up_ns = pool.slot_healths()[0].up_ns;
        until(|| (now_ns() > up_ns + 1_500_000_000).then_some(()));
        lose_connections(&venue, How::Fin, 1);
        until(|| (pool.stats().connected.get() == connections).then_some(()));
        assert_eq!(pool.stats().dials.get(), connections);
    }
    assert_eq!(pool.stats().closed[CloseReason::IdleClosed as usize].get(), 2);
    pool.close().unwrap();
}
