//! The race of addresses, and what counts against one. An address that is silent is a listener
//! whose queue is full.

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
        placing: None,
        sockets: Arc::new(Sockets::default()),
        tls: None,
        resolve_timeout: Duration::from_secs(10),
        connect_timeout: Duration::from_secs(10),
        tls_handshake_timeout: Duration::from_secs(10),
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}

#[test]
fn a_silent_address_that_lost_the_race_comes_last_next_time() {
    let venue = StdListener::bind("127.0.0.1:0").unwrap();
    let good = venue.local_addr().unwrap();
    let (silent, _listener, _queue) = silent(good.port());
    let dialer = dialer(good.port(), &[silent.ip(), good.ip()]);
    let order = || dialer.memory().ordered(&[silent, good], Instant::now());
    assert_eq!(order(), [silent, good]);
    assert!(run(dialer.dial(0)).is_ok());
    assert_eq!(order(), [good, silent]);
}

/// The memory of a dead address would be worth nothing otherwise: all addresses fail then, and the
/// dead one is the first again.
#[test]
fn what_this_machine_lacks_counts_against_no_address() {
    let addresses = [[127, 0, 0, 2], [127, 0, 0, 3]].map(IpAddr::from);
    let [dead, good] = addresses.map(|ip| SocketAddr::new(ip, 1));
    let mut dialer = dialer(1, &addresses);
    // An address for documentation (RFC 5737), which no machine has.
    let bind_addresses = vec![IpAddr::from([192, 0, 2, 1])];
    dialer.sockets = Arc::new(Sockets { bind_addresses, ..Sockets::default() });
    dialer.memory().failed(dead.ip(), Instant::now());
    let error = run(dialer.dial(0)).err().unwrap();
    assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::EADDRNOTAVAIL));
    assert_eq!(dialer.memory().ordered(&[dead, good], Instant::now()), [good, dead]);
}

#[test]
fn a_refusal_counts_against_its_address() {
    // Bound, so that no other program listens there, and not listening itself.
    let bound = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    bound.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 2], 0)))).unwrap();
    let refusing = bound.local_addr().unwrap().as_socket().unwrap();
    let dialer = dialer(refusing.port(), &[refusing.ip()]);
    let error = run(dialer.dial(0)).err().unwrap();
    assert_eq!((error.step, error.os_error), (Status::ERR_CONNECT, libc::ECONNREFUSED));
    let other = SocketAddr::from(([127, 0, 0, 3], refusing.port()));
    assert_eq!(dialer.memory().ordered(&[refusing, other], Instant::now()), [other, refusing]);
}

#[test]
fn whose_failure_it_is() {
    let is_of_this_machine = |number| {
        let error = io::Error::from_raw_os_error(number);
        DialError::new(Status::ERR_CONNECT, "connect", &error).is_of_this_machine()
    };
    let ours = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EADDRNOTAVAIL];
    let rules = [libc::EAGAIN, libc::EADDRINUSE, libc::EACCES, libc::EPERM];
    assert!(ours.into_iter().chain(rules).all(is_of_this_machine));
    let theirs = [libc::ECONNREFUSED, libc::ECONNRESET, libc::ETIMEDOUT, libc::EHOSTUNREACH];
    let families = [libc::ENETUNREACH, libc::EAFNOSUPPORT, libc::EINVAL];
    assert!(!theirs.into_iter().chain(families).any(is_of_this_machine));
    let late = DialError::timeout(Status::ERR_TLS, "TLS handshake", Duration::from_secs(1));
    assert!(!late.is_of_this_machine());
}

/// A dialling socket that is bound to the port to which it connects, as the kernel may choose.
#[test]
fn a_socket_that_is_connected_to_itself_is_a_failed_dial_and_frees_its_port() {
    run(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        let stream = socket.connect(address).await.unwrap();
        assert_eq!(stream.local_addr().unwrap(), stream.peer_addr().unwrap());
        let refused = refuse_self(stream).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(StdListener::bind(address).is_ok(), "the venue can have its port");
    });
}

#[test]
fn a_source_is_of_the_family_of_what_it_connects_to() {
    let list = |text: &str| {
        text.split(' ').map(|it| SocketAddr::new(it.parse().unwrap(), 1)).collect::<Vec<_>>()
    };
    let both = list("1.0.0.1 ::1 1.0.0.2");
    assert_eq!(of_family(&both, None), both);
    assert_eq!(of_family(&both, "10.0.0.1".parse().ok()), list("1.0.0.1 1.0.0.2"));
    assert_eq!(of_family(&both, "::2".parse().ok()), list("::1"));
    assert_eq!(
        of_family(&list("::1"), "10.0.0.1".parse().ok()),
        list("::1"),
        "the system says why"
    );
}

#[test]
fn a_local_address_takes_no_port_before_the_connect() {
    for ip in ["127.0.0.1", "::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let Ok(venue) = StdListener::bind((ip, 0)) else {
            assert!(ip.is_ipv6(), "only IPv6 may be missing");
            continue;
        };
        let address = venue.local_addr().unwrap();
        let options = Sockets::default();
        run(async {
            let socket = open_socket(address, Some(ip), &options).unwrap();
            assert_eq!(socket.local_addr().unwrap(), SocketAddr::new(ip, 0));
            let stream = socket.connect(address).await.unwrap();
            let local = stream.local_addr().unwrap();
            assert!(local.ip() == ip && local.port() != 0, "{local}");
        });
    }
}
