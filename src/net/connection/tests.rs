//! A connection against real sockets and a real TLS peer.

use super::*;
use crate::net::resolve::Resolver;
use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use socket2::SockRef;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::net::connect::Dialer;
use crate::net::evidence::Evidence;
use crate::net::tls::{client_config, server_name};

/// A connection and its peer's end.
fn plain_pair() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    (Connection::plain(stream), listener.accept().unwrap().0)
}

/// Dials a TLS peer that runs `handler`.
fn tls_pair(
    handler: impl Fn(&mut Peer, usize) + Send + Sync + 'static,
) -> (Connection, ScriptServer) {
    let certificates = Certificates::new().unwrap();
    let server = Script::serve_tls(Transport::Tls, &certificates, handler).unwrap();
    let mut config = Config::default();
    config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
    let tls = client_config(config.tls()).unwrap();
    let dialer = Dialer {
        host: "localhost".to_owned(),
        resolver: Resolver::of_addresses(&[server.address().ip()], server.address().port()),
        addresses: Arc::default(),
        placing: None,
        sockets: Arc::new(config.sockets().clone()),
        tls: Some((Arc::new(tls), server_name("localhost").unwrap())),
        resolve_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        tls_handshake_timeout: Duration::from_secs(5),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    (runtime.block_on(dialer.dial(0)).unwrap().connection, server)
}

/// Repeats a non-blocking call until it answers something, for at most ten seconds.
fn until<T>(mut call: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = call() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "nothing happened");
        std::thread::yield_now();
    }
}

fn idle_end(connection: &mut Connection) -> CloseReason {
    until(|| connection.look_idle().err())
}

fn receive(connection: &mut Connection) -> Result<Vec<u8>, Received> {
    let mut space = [0; 4096];
    until(|| match connection.receive(&mut space) {
        Ok(Received::Bytes(n)) => Some(Ok(space[..n].to_vec())),
        Ok(Received::Nothing) => None,
        Ok(end) => Some(Err(end)),
        Err(fault) => panic!("{fault:?}"),
    })
}

#[test]
fn a_request_is_sent_at_once_and_an_answer_received() {
    let (mut connection, mut peer) = plain_pair();
    connection.start(b"hello").unwrap();
    assert_eq!((connection.wire_state(), connection.bytes_sent()), (WireState::Sent, 5));
    let mut got = [0; 5];
    peer.read_exact(&mut got).unwrap();
    peer.write_all(b"answer").unwrap();
    assert_eq!(receive(&mut connection).unwrap(), b"answer");
}

#[test]
fn what_the_kernel_does_not_take_is_kept_and_counted() {
    let (mut connection, mut peer) = plain_pair();
    let request = vec![b'x'; 32 << 20];
    connection.start(&request).unwrap();
    assert!(connection.has_unsent());
    assert_eq!(connection.wire_state(), WireState::Partial);
    assert!((1..request.len() as u64).contains(&connection.bytes_sent()));
    let reader = std::thread::spawn(move || {
        let mut got = vec![0; 32 << 20];
        peer.read_exact(&mut got).unwrap();
        got
    });
    until(|| {
        connection.flush().unwrap();
        (!connection.has_unsent()).then_some(())
    });
    assert_eq!(connection.wire_state(), WireState::Sent);
    assert_eq!(connection.bytes_sent(), request.len() as u64);
    assert!(reader.join().unwrap() == request);
}

#[test]
fn a_request_cut_short_is_reset_so_that_it_never_completes() {
    let (mut connection, mut peer) = plain_pair();
    let request = vec![b'x'; 32 << 20];
    connection.start(&request).unwrap();
    connection.end();
    let mut total = 0;
    let mut chunk = vec![0; 1 << 16];
    let error = loop {
        match peer.read(&mut chunk) {
            Ok(0) => panic!("a FIN would let the peer believe that this was all"),
            Ok(n) => total += n,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(total < request.len());
}

#[test]
fn an_idle_connection_shows_fin_rst_and_stray_bytes() {
    let (mut quiet, _peer) = plain_pair();
    assert_eq!(quiet.look_idle(), Ok(()));
    let (mut connection, peer) = plain_pair();
    drop(peer);
    assert_eq!(idle_end(&mut connection), CloseReason::IdleClosed);
    let (mut connection, peer) = plain_pair();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    assert_eq!(idle_end(&mut connection), CloseReason::IdleReset);
    let (mut connection, mut peer) = plain_pair();
    peer.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").unwrap();
    assert_eq!(idle_end(&mut connection), CloseReason::IdleBytes);
}

/// The kernel tells of a reset once. A body until the close must not be whole because of that.
#[test]
fn a_reset_that_sending_met_is_not_read_as_an_end() {
    let (mut connection, mut peer) = plain_pair();
    peer.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf of").unwrap();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    // The reset is on its way on loopback, right behind the bytes.
    assert!(matches!(until(|| connection.start(b"order").err()), Fault::Reset));
    assert_eq!(receive(&mut connection).unwrap(), b"HTTP/1.1 200 OK\r\n\r\nhalf of");
    for _ in 0..2 {
        assert!(matches!(connection.receive(&mut [0; 64]), Err(Fault::Reset)));
    }
}

/// A reset behind the peer's FIN takes nothing back.
#[test]
fn an_end_that_came_before_the_reset_is_an_end() {
    let (mut connection, mut peer) = plain_pair();
    connection.start(b"what the peer does not read makes its close a reset").unwrap();
    peer.write_all(b"HTTP/1.1 413 Too Large\r\n\r\nall of it").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    drop(peer);
    assert!(matches!(until(|| connection.start(b"more").err()), Fault::Reset));
    assert_eq!(receive(&mut connection).unwrap(), b"HTTP/1.1 413 Too Large\r\n\r\nall of it");
    assert_eq!(receive(&mut connection), Err(Received::End { clean: true }));
}

#[test]
fn a_dead_peer_fails_the_send_without_a_byte_counted() {
    let (mut connection, peer) = plain_pair();
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    drop(peer);
    idle_end(&mut connection);
    assert!(matches!(connection.start(b"order"), Err(Fault::Reset)));
    assert_eq!(connection.wire_state(), WireState::NotSent);
}

#[test]
fn tls_carries_a_request_and_its_answer_and_ends_in_good_order() {
    let (mut connection, server) = tls_pair(|peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            peer.write(&request.body).unwrap();
        }
        // The end of the loop is the client's close_notify: an unclean end would be an error.
        peer.write(b"never read").ok();
    });
    connection.start(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nping").unwrap();
    assert_eq!(connection.wire_state(), WireState::Sent);
    assert!(connection.bytes_sent() > 44, "ciphertext is longer than the plaintext");
    assert_eq!(receive(&mut connection).unwrap(), b"ping");
    connection.end();
    drop(server);
}

#[test]
fn session_tickets_on_an_idle_tls_connection_are_no_sin() {
    let (mut connection, _server) = tls_pair(|peer, _| {
        let _ = peer.wait_eof();
    });
    // TLS 1.3 tickets arrive after the handshake, sooner or later; look until they surely did.
    for _ in 0..100 {
        assert_eq!(connection.look_idle(), Ok(()));
        std::thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn an_idle_tls_connection_shows_its_end_and_stray_bytes() {
    let (mut connection, _server) = tls_pair(|peer, _| peer.close_notify().unwrap());
    assert_eq!(idle_end(&mut connection), CloseReason::IdleClosed);
    let (mut connection, _server) = tls_pair(|peer, _| peer.finish().unwrap());
    assert_eq!(idle_end(&mut connection), CloseReason::IdleClosed);
    let (mut connection, _server) = tls_pair(|peer, _| peer.write(b"HTTP/1.1 408").unwrap());
    assert_eq!(idle_end(&mut connection), CloseReason::IdleBytes);
}

#[test]
fn a_tls_end_is_clean_only_with_close_notify() {
    let after_request = |clean: bool| {
        tls_pair(move |peer, _| {
            let _ = peer.read_request();
            if clean { peer.close_notify().unwrap() } else { peer.finish().unwrap() }
        })
    };
    for clean in [true, false] {
        let (mut connection, _server) = after_request(clean);
        connection.start(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(receive(&mut connection), Err(Received::End { clean }));
    }
}

#[test]
fn surplus_plaintext_behind_an_answer_is_seen() {
    let (mut connection, _server) = tls_pair(|peer, _| {
        let _ = peer.read_request();
        peer.write(b"answer and more").unwrap();
        let _ = peer.wait_eof();
    });
    connection.start(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut space = [0; 6];
    until(|| matches!(connection.receive(&mut space), Ok(Received::Bytes(6))).then_some(()));
    assert_eq!(connection.look_behind(), Err(CloseReason::SurplusBytes));
}

/// A request that the peer's full window holds back, and the peer, which has read nothing.
fn held_back() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&listener).set_recv_buffer_size(4096).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut connection = Connection::plain(stream);
    let peer = listener.accept().unwrap().0;
    // As if an earlier request had been answered without being read.
    connection.start(&[b'x'; 64 << 10]).unwrap();
    until(|| {
        let evidence = connection.evidence()?;
        (evidence.bytes_acked > 0 && evidence.bytes_unsent > 0).then_some(())
    });
    connection.start(b"order").unwrap();
    assert_eq!((connection.wire_state(), connection.has_unsent()), (WireState::Sent, false));
    (connection, peer)
}

/// Reads until the peer's reset, and answers all that came.
fn read_to_reset(peer: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let error = peer.read_to_end(&mut all).expect_err("a FIN would say that this was all");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    all
}

/// Whether the kernel lets this process filter what a TCP socket receives. Some want CAP_NET_ADMIN.
fn may_deafen() -> bool {
    let (connection, _peer) = plain_pair();
    match evidence::deafen(&connection.stream) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            false
        }
    }
}

/// Otherwise a window that opens between the two lets out what was told as unsent.
#[test]
fn what_is_told_as_unsent_never_leaves_although_the_window_opens() {
    let (mut connection, mut peer) = held_back();
    if !may_deafen() {
        // Then nothing is told, because it could become wrong.
        assert_eq!(connection.last_evidence(), None);
        connection.end();
        assert!(!read_to_reset(&mut peer).ends_with(b"order"));
        return;
    }
    let evidence = connection.last_evidence().unwrap();
    assert_eq!(evidence, Evidence { bytes_acked: 0, bytes_unsent: 5 });
    // Makes room for all of it, and waits for what comes.
    peer.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut before = Vec::new();
    assert!(peer.read_to_end(&mut before).is_err(), "nothing more comes");
    assert_eq!(connection.evidence(), Some(evidence), "and the evidence holds");
    connection.end();
    peer.set_read_timeout(None).unwrap();
    let behind = read_to_reset(&mut peer);
    assert!(before.len() + behind.len() < 64 << 10 && !behind.ends_with(b"order"));
}

#[test]
fn a_request_that_is_held_back_comes_whole_to_whoever_makes_room_before_its_end() {
    let (connection, mut peer) = held_back();
    let mut all = vec![0; (64 << 10) + 5];
    peer.read_exact(&mut all).unwrap();
    assert!(all.ends_with(b"order"));
    until(|| (connection.evidence().unwrap().bytes_acked == 5).then_some(()));
    // Then nothing is told as unsent, and the end is an orderly one.
    let mut connection = connection;
    assert_eq!(connection.last_evidence().unwrap().bytes_unsent, 0);
    connection.end();
    assert_eq!(peer.read(&mut [0]).unwrap(), 0);
}

/// The peer has all that the kernel took, so that only the rest here says that it is not whole.
#[test]
fn a_partial_request_is_reset_also_when_all_that_was_sent_is_acknowledged() {
    let (mut connection, mut peer) = plain_pair();
    connection.start(&vec![b'x'; 32 << 20]).unwrap();
    assert_eq!(connection.wire_state(), WireState::Partial);
    let mut taken = vec![0; usize::try_from(connection.bytes_sent()).unwrap()];
    peer.read_exact(&mut taken).unwrap();
    until(|| (connection.evidence()?.bytes_acked == connection.bytes_sent()).then_some(()));
    connection.end();
    assert_eq!(read_to_reset(&mut peer), b"", "nothing more is sent");
}

/// It does not hear the peer's half of an orderly end, and would wait for it in the kernel.
#[test]
fn a_connection_that_hears_no_more_is_reset_although_all_is_acknowledged() {
    let (mut connection, mut peer) = plain_pair();
    connection.start(b"order").unwrap();
    until(|| (connection.evidence()?.bytes_acked == 5).then_some(()));
    if may_deafen() {
        evidence::deafen(&connection.stream).unwrap();
    }
    connection.end.is_deaf = true;
    connection.end();
    assert_eq!(read_to_reset(&mut peer), b"order");
}

/// Over a Unix socket there is nothing to reset: what the kernel took is the peer's.
#[test]
fn a_unix_socket_has_no_evidence_and_its_partial_request_ends_for_the_peer_at_once() {
    let (near, mut peer) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut connection = Connection::plain(TcpStream::from(OwnedFd::from(near)));
    connection.start(&vec![b'x'; 32 << 20]).unwrap();
    assert_eq!(connection.wire_state(), WireState::Partial);
    assert_eq!((connection.last_evidence(), connection.is_unheard()), (None, false));
    let sent = connection.bytes_sent();
    // Whoever watches it holds the socket, too.
    let _watched = Arc::clone(connection.stream());
    connection.end();
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    assert_eq!(all.len() as u64, sent);
}
