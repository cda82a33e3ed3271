//! A venue behind a Unix socket: a sidecar that relays to it.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use mock_venue::{How, Options, Script, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status, WireState};
use venuepool::net::endpoints::Endpoints;

use crate::relay::relay;
use crate::rig::{
    config, get, lose_connections, next_completion, order, request, status, submit_soon, until,
    until_idle,
};

/// A path for one socket, in a folder of its own; removed with it.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::SeqCst);
        let folder = format!("venuepool-unix-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder.join("venue.sock"))
    }

    /// Relays each connection to `venue`.
    fn lead_to(&self, venue: SocketAddr) {
        let listener = UnixListener::bind(&self.0).unwrap();
        // Both end with the process.
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = TcpStream::connect(venue) else { continue };
                std::thread::spawn(move || relay(near, far));
            }
        });
    }

    /// A configuration for it. The host of the URL resolves nowhere.
    fn config(&self, url: &str, connections: usize) -> Config {
        let mut config = config(url, connections);
        config.set_unix_socket(self.0.as_os_str().as_encoded_bytes()).unwrap();
        config
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

#[test]
fn orders_go_over_a_unix_socket_in_both_drives_plain_and_over_tls() {
    for options in [Options::plain(), Options::tls()] {
        let venue = Venue::start(options).unwrap();
        let place = Place::new();
        place.lead_to(venue.address());
        // The certificate is for localhost: the name of the URL is what is checked.
        let url = venue.url().replace("127.0.0.1", "localhost");
        for drive in [Drive::Thread, Drive::Caller] {
            let mut config = place.config(&url, 2);
            config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
            config.set_drive(drive);
            let pool = Pool::open(&config).unwrap();
            for _ in 0..20 {
                let done = get(&pool, "/api/v3/time");
                assert_eq!((done.outcome, status(&done)), (Outcome::Ok, 200));
                assert!(done.evidence().is_none(), "the kernel counts no acknowledged bytes");
                assert_eq!(done.endpoints().copied(), Some(Endpoints::default()));
            }
            pool.close().unwrap();
        }
    }
}

#[test]
fn the_host_of_the_url_is_asked_for_and_checked() {
    let server = Script::serve(|peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            let is_right = request.header("Host") == Some("api.venue.invalid:8080");
            let status = if is_right { "200 OK" } else { "421 Misdirected Request" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            let _ = peer.write(answer.as_bytes());
        }
    });
    let (server, place) = (server.unwrap(), Place::new());
    place.lead_to(server.address());
    let pool = Pool::open(&place.config("http://api.venue.invalid:8080", 1)).unwrap();
    assert_eq!(status(&get(&pool, "/")), 200);
    pool.close().unwrap();

    let venue = Venue::start(Options::tls()).unwrap();
    let place = Place::new();
    place.lead_to(venue.address());
    let mut config = place.config("https://api.venue.invalid", 1);
    config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
    let error = Pool::open(&config).err().unwrap();
    assert_eq!(error.step, Status::ERR_TLS, "{}", error.text);
}

#[test]
fn lost_connections_are_healed() {
    let venue = Venue::start(Options::plain()).unwrap();
    let place = Place::new();
    place.lead_to(venue.address());
    for drive in [Drive::Thread, Drive::Caller] {
        let mut config = place.config("http://localhost", 2);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        lose_connections(&venue, How::Fin, 2);
        until(|| (pool.stats().connected.get() >= 4).then_some(()));
        until_idle(&pool, 2);
        assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
        pool.close().unwrap();
        until(|| (venue.stats().open == 0).then_some(()));
    }
}

#[test]
fn where_nothing_listens_the_dial_fails_and_goes_on_until_something_does() {
    let venue = Venue::start(Options::plain()).unwrap();
    let place = Place::new();
    let mut config = place.config("http://localhost", 1);
    config.set_backoff_ns(1_000_000, 20_000_000).unwrap();
    let error = Pool::open(&config).err().unwrap();
    assert_eq!((error.step, error.os_error), (Status::ERR_CONNECT, libc::ENOENT));
    assert!(error.text.contains(place.0.to_str().unwrap()), "{}", error.text);
    // A listener that has gone leaves its name behind.
    drop(UnixListener::bind(&place.0).unwrap());
    let error = Pool::open(&config).err().unwrap();
    assert_eq!((error.step, error.os_error), (Status::ERR_CONNECT, libc::ECONNREFUSED));
    std::fs::remove_file(&place.0).unwrap();
    config.set_allow_degraded_open(true);
    let pool = Pool::open(&config).unwrap();
    place.lead_to(venue.address());
    until_idle(&pool, 1);
    assert_eq!(status(&get(&pool, "/api/v3/time")), 200);
    pool.close().unwrap();
}

/// The system has no event for room in the queue of a listener.
#[test]
fn a_full_queue_of_the_listener_is_waited_for_within_the_connect_timeout() {
    let place = Place::new();
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    socket.bind(&socket2::SockAddr::unix(&place.0).unwrap()).unwrap();
    socket.listen(0).unwrap();
    let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
    let mut config = place.config("http://localhost", 4);
    config.set_connect_timeout_ns(20_000_000).unwrap();
    let error = Pool::open(&config).err().unwrap();
    assert_eq!((error.step, error.os_error), (Status::ERR_CONNECT, libc::EAGAIN));
    config.set_connect_timeout_ns(30_000_000_000).unwrap();
    // One after the other; it keeps all until the process ends.
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        listener.incoming().for_each(|stream| kept.push(stream));
    });
    Pool::open(&config).unwrap().close().unwrap();
}

#[test]
fn an_order_that_is_not_answered_is_sent_and_nothing_is_known_of_its_bytes() {
    let server = Script::serve(|peer, _| {
        let _ = peer.read_request();
        let _ = peer.wait_eof();
    });
    let (server, place) = (server.unwrap(), Place::new());
    place.lead_to(server.address());
    let pool = Pool::open(&place.config("http://localhost", 1)).unwrap();
    let mut request = request(&pool);
    order(&mut request, "silent");
    request.set_timeout_ns(50_000_000);
    submit_soon(&pool, &mut request);
    let done = next_completion(&pool);
    assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
    assert!(done.evidence().is_none());
    assert!(pool.submit(&mut request, None, WhenBusy::Queue).is_ok());
    pool.close().unwrap();
}

#[test]
fn a_unix_socket_and_addresses_do_not_go_together() {
    let place = Place::new();
    let mut config = place.config("http://localhost", 1);
    config.set_addresses(b"127.0.0.1").unwrap();
    assert_eq!(Pool::open(&config).err().unwrap().step, Status::ERR_ADDRESS);
}
