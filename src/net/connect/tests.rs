//! The race of addresses, with an address that is silent: a listener whose queue is full.

use std::net::{IpAddr, TcpListener as StdListener, TcpStream as StdStream};

use socket2::SockAddr;

use super::*;

/// A listener that answers no further connection, and what fills its queue.
fn silent(port: u16) -> (SocketAddr, Socket, Vec<Socket>) {
    let address = SocketAddr::from(([127, 0, 0, 2], port));
    let listener = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    listener.bind(&SockAddr::from(address)).unwrap();
    listener.listen(0).unwrap();
    let fill = |_| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.set_nonblocking(true).unwrap();
        // The first is taken into the queue; the others are left without an answer.
        let _ = socket.connect(&SockAddr::from(address));
        socket
    };
    let queue = (0..3).map(fill).collect();
    let probe = StdStream::connect_timeout(&address, Duration::from_millis(50));
    assert!(probe.is_err(), "the queue is full");
    (address, listener, queue)
}

fn dialer(port: u16, addresses: &[IpAddr]) -> Dialer {
    Dialer {
        host: "venue.test".to_owned(),
        resolver: Resolver::of_addresses(addresses, port),
        addresses: Arc::default(),
        sockets: Arc::new(Sockets::default()),
        user_timeout: Duration::from_secs(10),
        tls: None,
        resolve_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        tls_handshake_timeout: Duration::from_secs(10),
    }
}

#[test]
fn a_silent_address_that_lost_the_race_comes_last_next_time() {
    let venue = StdListener::bind("127.0.0.1:0").unwrap();
    let good = venue.local_addr().unwrap();
    let (silent, _listener, _queue) = silent(good.port());
    let dialer = dialer(good.port(), &[silent.ip(), good.ip()]);
    let order = || dialer.memory().ordered(&[silent, good], Instant::now());
    assert_eq!(order(), [silent, good]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(dialer.dial()).is_ok());
    assert_eq!(order(), [good, silent]);
}
