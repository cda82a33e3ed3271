//! The text of metrics of a pool at work: each sample tells what has happened.

use std::time::Duration;

use mock_venue::{How, Options, Venue};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Status;
use venuepool::lane::Lane;
use venuepool::metrics::open_metrics::text;

use crate::rig::{get, lose_connections, next_completion, order, request, until, venue_config};

/// The value of the sample whose line has all these parts.
fn sample(pool: &Pool, name: &str, label: &str) -> f64 {
    let text = text(&[pool.samples()]);
    let begins = format!("venuepool_{name}{{");
    let mut lines = text.lines().filter(|line| line.starts_with(&begins) && line.contains(label));
    let line = lines.next().unwrap_or_else(|| panic!("no {name} {label} in {text}"));
    assert!(lines.next().is_none(), "more than one {name} {label}");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn pool(venue: &Venue, slots: usize) -> std::sync::Arc<Pool> {
    let mut config = venue_config(venue, slots);
    config.set_thread_name(b"trade").unwrap();
    Pool::open(&config).unwrap()
}

#[test]
fn requests_are_counted_by_lane_outcome_wire_state_and_refusal() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = pool(&venue, 1);
    get(&pool, "/api/v3/time");
    let lease = pool.try_acquire().unwrap();
    let mut orders = request(&pool);
    order(&mut orders, "1");
    assert_eq!(pool.submit(&mut orders, None, WhenBusy::Refuse), Err(Status::ERR_NO_SLOT));
    orders.set_lane(Lane::Background);
    let id = pool.submit(&mut orders, None, WhenBusy::Queue).unwrap();
    assert_eq!(sample(&pool, "requests_waiting", "pool=\"trade\""), 1.0);
    assert_eq!(sample(&pool, "slots", "state=\"leased\""), 1.0);
    pool.cancel(id).unwrap();
    next_completion(&pool);
    pool.release(lease).unwrap();
    let expected = [
        ("requests_total", "lane=\"orders\"", 1.0),
        ("requests_total", "lane=\"background\"", 1.0),
        ("requests_refused_total", "reason=\"no_slot\"", 1.0),
        ("requests_refused_total", "reason=\"suspended\"", 0.0),
        ("completions_total", "outcome=\"ok\"", 1.0),
        ("completions_total", "outcome=\"cancelled\"", 1.0),
        ("completions_total", "outcome=\"timeout\"", 0.0),
        ("completion_wire_states_total", "wire_state=\"answered\"", 1.0),
        ("completion_wire_states_total", "wire_state=\"not_sent\"", 1.0),
        ("request_seconds_count", "", 2.0),
        ("request_seconds_bucket", "le=\"60.0\"", 2.0),
        ("queue_wait_seconds_count", "", 2.0),
    ];
    for (name, label, value) in expected {
        assert_eq!(sample(&pool, name, label), value, "{name} {label}");
    }
    pool.close().unwrap();
}

#[test]
fn what_happens_to_connections_is_counted() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = pool(&venue, 2);
    lose_connections(&venue, How::Fin, 2);
    until(|| (sample(&pool, "heals_total", "") == 2.0).then_some(()));
    let expected = [
        ("dials_total", "", 4.0),
        ("connections_opened_total", "", 4.0),
        ("connections_closed_total", "reason=\"idle_closed\"", 2.0),
        ("slot_connections_total", "slot=\"1\"", 2.0),
        ("slot_live", "slot=\"0\"", 1.0),
        ("rotations_total", "", 0.0),
        ("heal_seconds_count", "", 2.0),
    ];
    for (name, label, value) in expected {
        assert_eq!(sample(&pool, name, label), value, "{name} {label}");
    }
    pool.close().unwrap();
}

#[test]
fn a_replacement_is_a_rotation_and_no_heal() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    config.set_max_age_ns(200_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    until(|| (sample(&pool, "rotations_total", "") >= 1.0).then_some(()));
    assert_eq!(sample(&pool, "heals_total", ""), 0.0);
    assert!(sample(&pool, "connections_closed_total", "reason=\"max_age\"") >= 1.0);
    pool.close().unwrap();
}

#[test]
fn a_pause_that_grows_is_one_pause() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = pool(&venue, 1);
    let hour_ns = Duration::from_secs(3_600).as_nanos() as u64;
    pool.suspend(hour_ns);
    pool.suspend(2 * hour_ns);
    assert_eq!(sample(&pool, "pauses_total", ""), 1.0);
    assert_eq!(sample(&pool, "suspended", ""), 1.0);
    pool.suspend(0);
    assert_eq!(sample(&pool, "suspended", ""), 0.0);
    pool.suspend(hour_ns);
    assert_eq!(sample(&pool, "pauses_total", ""), 2.0);
    pool.close().unwrap();
}
