//! Pinned public keys, besides the normal check of the certificate.

use mock_venue::{CertificateKind, How, Options, Transport, Venue};
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::error::Status;

use crate::rig::{get, lose_connections, status, until, until_idle, venue_config};

/// A pin of the right form, which no key has.
const OTHER: &str = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn pinned(venue: &Venue, pins: &[&str]) -> Config {
    let mut config = venue_config(venue, 1);
    pins.iter().for_each(|pin| config.add_pin(pin.as_bytes()).unwrap());
    config
}

/// The pin that a refusal tells.
fn seen(config: &Config) -> String {
    let error = Pool::open(config).err().expect("this key is not pinned");
    assert_eq!(error.step, Status::ERR_PIN, "{}", error.text);
    let (_, pin) = error.text.split_once("its public key is not pinned: ").unwrap();
    pin.to_owned()
}

#[test]
fn a_server_must_show_one_of_the_pinned_keys() {
    for transport in [Transport::Tls12, Transport::Tls13] {
        let venue = Venue::start(Options { transport, ..Options::tls() }).unwrap();
        let pin = seen(&pinned(&venue, &[OTHER]));
        let pool = Pool::open(&pinned(&venue, &[OTHER, &pin])).unwrap();
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        pool.close().unwrap();
    }
}

#[test]
fn plaintext_has_no_key_and_a_pin_is_refused() {
    let venue = Venue::start(Options::plain()).unwrap();
    let error = Pool::open(&pinned(&venue, &[OTHER])).err().unwrap();
    assert_eq!(error.step, Status::ERR_TLS_CONFIG, "{}", error.text);
}

#[test]
fn a_key_that_changes_keeps_the_pool_down_until_it_is_back() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pin = seen(&pinned(&venue, &[OTHER]));
    let mut config = pinned(&venue, &[&pin]);
    config.set_backoff_ns(1_000_000, 20_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    // Good for every other check: the same authority has signed it for the same name.
    venue.set_certificate(CertificateKind::Good).unwrap();
    lose_connections(&venue, How::Fin, 1);
    until(|| (pool.stats().dial_failures[2].get() >= 2).then_some(()));
    let error = pool.last_dial_error().unwrap();
    assert_eq!(error.step, Status::ERR_PIN);
    assert!(error.text.contains("sha256//") && !error.text.contains(&pin), "{}", error.text);
    assert_eq!(pool.counts().live, 0);
    pool.close().unwrap();
}

#[test]
fn a_resumed_session_is_of_a_server_whose_key_was_checked() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pin = seen(&pinned(&venue, &[OTHER]));
    let pool = Pool::open(&pinned(&venue, &[&pin])).unwrap();
    for _ in 0..3 {
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        lose_connections(&venue, How::Fin, 1);
        until_idle(&pool, 1);
    }
    pool.close().unwrap();
}

#[test]
fn a_pin_makes_no_bad_certificate_good_and_is_checked_where_no_certificate_is() {
    let expired = Options { certificate: CertificateKind::Expired, ..Options::tls() };
    let venue = Venue::start(expired).unwrap();
    let unverified = |pins: &[&str]| {
        let mut config = pinned(&venue, pins);
        config.set_insecure_skip_verify(true);
        config
    };
    let pin = seen(&unverified(&[OTHER]));
    let error = Pool::open(&pinned(&venue, &[&pin])).err().unwrap();
    assert_eq!(error.step, Status::ERR_TLS, "{}", error.text);
    Pool::open(&unverified(&[&pin])).unwrap().close().unwrap();
}
