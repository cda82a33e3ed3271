//! Starting, stopping, restarting and killing.

use crate::client::{Client, fault, is_reset, tcp, until};
use mock_venue::{How, Options, Venue};

fn start() -> Venue {
    Venue::start(Options::plain()).unwrap()
}

fn connected(venue: &Venue) -> Client {
    let mut client = Client::connect(venue.address());
    assert_eq!(client.get("/api/v3/ping").unwrap().status, 200);
    client
}

#[test]
fn connections_are_killed_in_either_way() {
    let venue = start();
    for (how, reset) in [(How::Fin, false), (How::BareFin, false), (How::Rst, true)] {
        let mut clients = [connected(&venue), connected(&venue)];
        assert_eq!(venue.kill_connections(how), 2);
        assert_eq!(venue.stats().open, 0);
        for client in &mut clients {
            assert_eq!(is_reset(client.end()), reset, "{how:?}");
        }
    }
    assert_eq!(venue.kill_connections(How::Rst), 0);
    assert!(!venue.kill_one(How::Rst));
}

#[test]
fn one_connection_is_killed_and_it_is_the_oldest() {
    let venue = start();
    let (mut first, mut second) = (connected(&venue), connected(&venue));
    assert!(venue.kill_one(How::Rst));
    assert!(is_reset(first.end()));
    assert_eq!(second.get("/api/v3/ping").unwrap().status, 200);
}

#[test]
fn a_stopped_venue_refuses_until_it_is_restarted() {
    let venue = start();
    let address = venue.address();
    for how in [How::Fin, How::Rst] {
        let mut client = connected(&venue);
        venue.stop(how).unwrap();
        assert_eq!(is_reset(client.end()), how == How::Rst);
        assert!(tcp(address).is_err());
        venue.restart().unwrap();
        assert_eq!(venue.address(), address);
        connected(&venue);
    }
    assert_eq!(venue.stats().requests, 4);
}

#[test]
fn a_restart_ends_connections() {
    let venue = start();
    let mut client = connected(&venue);
    venue.restart().unwrap();
    assert!(is_reset(client.end()));
    connected(&venue);
}

#[test]
fn refusing_spares_the_connections_there_are() {
    let venue = start();
    let mut client = connected(&venue);
    venue.set_fault(fault("refuse")).unwrap();
    assert!(tcp(venue.address()).is_err());
    assert_eq!(client.get("/api/v3/ping").unwrap().status, 200);
    // A restart does not overrule the fault.
    venue.restart().unwrap();
    assert!(tcp(venue.address()).is_err());
    venue.clear_faults().unwrap();
    connected(&venue);

    let refusing = Options { faults: vec![fault("refuse")], ..Options::plain() };
    let venue = Venue::start(refusing).unwrap();
    assert!(tcp(venue.address()).is_err());
    venue.clear_faults().unwrap();
    connected(&venue);
}

#[test]
fn a_dropped_venue_is_gone() {
    let venue = start();
    let address = venue.address();
    let mut client = connected(&venue);
    drop(venue);
    assert!(client.end().is_ok());
    assert!(tcp(address).is_err());
}

#[test]
fn the_ends_of_clients_are_told_apart() {
    let venue = start();
    drop(connected(&venue));
    until(&venue, |stats| stats.ended_fin == 1);
    let client = connected(&venue);
    socket2::SockRef::from(&client.stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    until(&venue, |stats| stats.ended_reset == 1 && stats.open == 0);
    let mut client = connected(&venue);
    venue.kill_connections(How::Fin);
    assert!(client.end().is_ok());
    let stats = venue.stats();
    assert_eq!((stats.ended_fin, stats.ended_reset, stats.ended_close_notify), (1, 1, 0));
}
