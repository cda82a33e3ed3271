//! Opening: all live, or an error in words and nothing left behind.

use std::net::TcpListener;

use mock_venue::{CertificateKind, Options, Venue};
use venuepool::config::Config;
use venuepool::driver::Pool;
use venuepool::error::Status;

use crate::rig::{config, get, status, until, until_idle, venue_config};

fn refused(config: &Config) -> venuepool::net::connect::DialError {
    Pool::open(config).err().expect("this cannot be opened")
}

#[test]
fn all_slots_are_live_when_open_returns() {
    for connections in [1, 4, 16] {
        let venue = Venue::start(Options::tls()).unwrap();
        let pool = Pool::open(&venue_config(&venue, connections)).unwrap();
        assert_eq!(pool.counts().idle as usize, connections);
        assert_eq!(venue.stats().open as usize, connections);
        pool.close().unwrap();
    }
}

#[test]
fn every_refusal_names_its_step() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refused(&config(&format!("http://{nobody}"), 2));
    assert_eq!(error.step, Status::ERR_CONNECT);
    assert!(error.text.contains(&nobody.to_string()) && error.os_error != 0, "{}", error.text);

    let error = refused(&config("http://no-such-host.invalid", 1));
    assert_eq!(error.step, Status::ERR_RESOLVE);
    assert!(error.text.contains("no-such-host.invalid"), "{}", error.text);

    assert_eq!(refused(&Config::default()).step, Status::ERR_URL);

    let mut bad_pem = config("https://localhost", 1);
    bad_pem.set_ca_pem(b"no PEM at all").unwrap();
    assert_eq!(refused(&bad_pem).step, Status::ERR_TLS_CONFIG);

    let mut bad_address = config("http://127.0.0.1:1", 1);
    bad_address.set_bind_address(b"192.0.2.1").unwrap();
    assert_eq!(refused(&bad_address).step, Status::ERR_SYSTEM);
}

#[test]
fn a_venue_that_cannot_prove_itself_is_refused() {
    for (kind, word) in [
        (CertificateKind::Expired, "expired"),
        (CertificateKind::WrongHost, "not valid for"),
        (CertificateKind::UnknownCa, "UnknownIssuer"),
    ] {
        let venue = Venue::start(Options { certificate: kind, ..Options::tls() }).unwrap();
        let mut config = venue_config(&venue, 2);
        let error = refused(&config);
        assert_eq!(error.step, Status::ERR_TLS);
        assert!(error.text.contains(word), "{kind:?}: {}", error.text);
        // The built-in roots do not know the mock venue's CA either.
        let untrusted = crate::rig::config(&venue.url(), 1);
        assert_eq!(refused(&untrusted).step, Status::ERR_TLS);
        config.set_insecure_skip_verify(true);
        Pool::open(&config).unwrap().close().unwrap();
    }
}

#[test]
fn a_failed_open_leaves_nothing_behind() {
    let venue = Venue::start(Options::tls()).unwrap();
    // One connection too many for the venue: the others are closed properly.
    venue.set_fault("max-connections=3".parse().unwrap()).unwrap();
    let mut config = venue_config(&venue, 4);
    config.set_tls_handshake_timeout_ns(200_000_000).unwrap();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let error = refused(&config);
    assert_eq!(error.step, Status::ERR_TLS);
    until(|| (venue.stats().open == 0).then_some(()));
    assert_eq!(venue.stats().ended_reset, 0, "{:?}", venue.stats());
    let before = threads();
    assert_eq!(refused(&config).step, Status::ERR_TLS);
    until(|| (threads() <= before).then_some(()));
}

#[test]
fn a_degraded_open_heals_on() {
    let venue = Venue::start(Options::plain()).unwrap();
    let url = venue.url();
    venue.stop(mock_venue::How::Fin).unwrap();
    let mut config = config(&url, 2);
    config.set_allow_degraded_open(true);
    config.set_backoff_ns(1_000_000, 20_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(pool.counts().live, 0);
    venue.restart().unwrap();
    until_idle(&pool, 2);
    assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
    pool.close().unwrap();
}

#[test]
fn a_long_certificate_chain_both_versions_of_tls_and_client_certificates() {
    use mock_venue::Transport;
    let long = Options { certificate: CertificateKind::LongChain, ..Options::tls() };
    let old = Options { transport: Transport::Tls12, ..Options::tls() };
    let new = Options { transport: Transport::Tls13, ..Options::tls() };
    let mutual = Options { client_certificates: true, ..Options::tls() };
    for options in [long, old, new] {
        let venue = Venue::start(options).unwrap();
        let pool = Pool::open(&venue_config(&venue, 2)).unwrap();
        assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
        pool.close().unwrap();
    }
    let venue = Venue::start(mutual).unwrap();
    let mut config = venue_config(&venue, 1);
    let pem = venue.client_pem().as_bytes();
    config.set_client_cert_pem(pem, pem).unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
    pool.close().unwrap();
}

#[test]
fn addresses_can_be_pinned_with_the_name_kept() {
    let venue = Venue::start(Options::tls()).unwrap();
    let port = venue.address().port();
    let mut config = config(&format!("https://api.venue.invalid:{port}"), 1);
    config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
    config.set_addresses(b"127.0.0.1").unwrap();
    assert_eq!(refused(&config).step, Status::ERR_TLS, "the certificate is for localhost");
    config.set_server_name(b"localhost").unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
    pool.close().unwrap();
}

#[test]
fn one_dead_address_does_not_eat_the_whole_budget() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = venue_config(&venue, 1);
    // Refused at once, then the one that lives.
    config.set_addresses(b"127.0.0.2,127.0.0.1").unwrap();
    let pool = Pool::open(&config).unwrap();
    assert_eq!(status(&get(&pool, "/api/v3/ping")), 200);
    pool.close().unwrap();
}
