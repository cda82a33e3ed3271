//! Large responses: they take their turns with all others, and what is left in a socket for a
//! further turn is never forgotten.

use std::os::fd::BorrowedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Certificates, Peer, Script, ScriptServer, Transport};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use venuepool::clock::now_ns;
use venuepool::completion::{Callback, Completion};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, WireState};
use venuepool::event::{Event, EventHook};
use venuepool::http::Request;

use crate::rig::{PATIENCE, body, config, request, switch, until};

/// Two turns and a bit, and not more than a socket holds on any system.
const LARGE: usize = 150_000;

/// Less than the ten seconds after which the venue ends idle connections, which wakes who was not
/// told.
const SOON: Duration = Duration::from_secs(8);

/// A pool whose answers are all in its sockets before the first of them is looked at.
struct Rig {
    pool: Arc<Pool>,
    request: Request,
    written: Receiver<String>,
    /// Keeps the pool thread in a callback until it is dropped, in thread drive.
    held: Option<Sender<()>>,
    server: ScriptServer,
}

const WAYS: [(Transport, Drive); 4] = [
    (Transport::Plain, Drive::Thread),
    (Transport::Plain, Drive::Caller),
    (Transport::Tls13, Drive::Thread),
    (Transport::Tls13, Drive::Caller),
];

impl Rig {
    /// The venue writes what `answer` says for each target, at once.
    fn new(
        way: (Transport, Drive),
        configure: impl FnOnce(&mut Config),
        answer: impl Fn(&str) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let (tell, written) = channel();
        let handler = move |peer: &mut Peer, _| {
            while let Ok(Some(request)) = peer.read_request() {
                if answer(&request.target).iter().any(|bytes| peer.write(bytes).is_err()) {
                    return;
                }
                let _ = tell.send(request.target);
            }
        };
        let certificates = Certificates::new().unwrap();
        let server = match way.0 {
            Transport::Plain => Script::serve(handler).unwrap(),
            transport => Script::serve_tls(transport, &certificates, handler).unwrap(),
        };
        let mut config = config(&server.url(), 4);
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
        config.set_drive(way.1);
        config.set_receive_buffer(Some(1 << 20)).unwrap();
        configure(&mut config);
        let pool = Pool::open(&config).unwrap();
        let mut rig = Self { request: request(&pool), pool, written, held: None, server };
        rig.open_the_windows();
        rig.held = (way.1 == Drive::Thread).then(|| hold(&rig.pool));
        rig
    }

    /// TCP lets a peer send as much as a socket has room for only after some traffic.
    fn open_the_windows(&mut self) {
        for _ in 0..3 {
            for _ in 0..4 {
                self.submit("/large");
            }
            for _ in 0..4 {
                assert_eq!(self.next().outcome, Outcome::Ok);
            }
        }
        while self.written.try_recv().is_ok() {}
    }

    fn submit(&mut self, target: &str) -> u64 {
        self.request.begin(b"GET", target.as_bytes()).unwrap();
        self.pool.submit(&mut self.request, None, WhenBusy::Queue).unwrap()
    }

    /// Submits, and waits until the whole answer is in the socket.
    fn submit_and_wait(&mut self, target: &str) -> u64 {
        let id = self.submit(target);
        while self.written.recv_timeout(PATIENCE).unwrap() != target {}
        until(|| (unacknowledged(self.server.address().port()) == 0).then_some(()));
        id
    }

    /// The pool goes on.
    fn release(&mut self) {
        self.held = None;
    }

    fn next(&self) -> Completion {
        until(|| {
            let mut taken = None;
            self.pool.poll(1, |completion| taken = Some(completion)).unwrap();
            taken
        })
    }
}

/// How many bytes those sockets hold whose own port this is, because their peers' TCP has not
/// acknowledged them.
fn unacknowledged(port: u16) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let queued = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let (local, queues) = (fields[1].split_once(':')?.1, fields[4].split_once(':')?.0);
        let is_it = u16::from_str_radix(local, 16) == Ok(port);
        is_it.then(|| u64::from_str_radix(queues, 16).unwrap())
    };
    table.lines().skip(1).filter_map(queued).sum()
}

/// Keeps the pool thread in a callback until the answer is dropped.
fn hold(pool: &Arc<Pool>) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (tell, told) = channel();
    let released = Mutex::new(released);
    let callback: Callback = Arc::new(move |_| {
        tell.send(()).unwrap();
        let _ = released.lock().unwrap().recv();
    });
    let mut request = request(pool);
    request.begin(b"GET", b"/small/hold").unwrap();
    pool.submit(&mut request, Some(callback), WhenBusy::Refuse).unwrap();
    told.recv_timeout(PATIENCE).unwrap();
    release
}

fn framed(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// `/large` has a large body, anything else its own name.
fn large_or_small(target: &str) -> Vec<Vec<u8>> {
    match target {
        "/large" => vec![framed(&[b'x'; LARGE])],
        _ => vec![framed(target.as_bytes())],
    }
}

#[test]
fn an_order_behind_a_large_response_is_answered_before_it_is_done() {
    for way in WAYS {
        let mut rig = Rig::new(way, |_| (), large_or_small);
        let large = rig.submit_and_wait("/large");
        let order = rig.submit_and_wait("/order");
        rig.release();
        let (first, second) = (rig.next(), rig.next());
        assert_eq!((first.id, second.id), (order, large), "{way:?}");
        assert_eq!((body(&first), body(&second).len()), ("/order".to_owned(), LARGE));
        rig.pool.close().unwrap();
    }
}

/// With one exchange in flight, and with more of them than are looked at one by one.
#[test]
fn what_is_left_for_another_turn_is_taken_however_the_engine_looks() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Look {
        Wait,
        Poll,
        Descriptor,
    }
    for transport in [Transport::Plain, Transport::Tls13] {
        for look in [Look::Wait, Look::Poll, Look::Descriptor] {
            for at_once in [1, 4] {
                let mut rig = Rig::new((transport, Drive::Caller), |_| (), large_or_small);
                // Asked for once, as an engine does.
                let pool = Arc::clone(&rig.pool);
                let fd = (look == Look::Descriptor).then(|| pool.event_fd().unwrap());
                let mut ids: Vec<_> = (0..at_once).map(|_| rig.submit_and_wait("/large")).collect();
                let mut taken = Vec::new();
                while taken.len() < at_once {
                    fd.into_iter().for_each(until_readable);
                    match look {
                        Look::Wait => rig.pool.wait(1, PATIENCE, |done| taken.push(done)),
                        _ => rig.pool.poll(1, |done| taken.push(done)),
                    }
                    .unwrap();
                }
                assert!(taken.iter().all(|done| body(done).len() == LARGE), "{look:?}");
                taken.sort_by_key(|done| done.id);
                ids.sort_unstable();
                assert!(taken.iter().map(|done| done.id).eq(ids));
                rig.pool.close().unwrap();
            }
        }
    }
}

/// Sleeps on the descriptor as an engine does.
fn until_readable(fd: BorrowedFd<'_>) {
    let mut ready = [PollFd::new(fd, PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(SOON).unwrap();
    assert_eq!(nix::poll::poll(&mut ready, limit), Ok(1), "the descriptor stays silent");
}

/// A wait ends with an order's answer while the large one is half read.
#[test]
fn a_response_half_read_by_a_wait_keeps_the_descriptor_readable() {
    for asked_before in [true, false] {
        let mut rig = Rig::new((Transport::Plain, Drive::Caller), |_| (), large_or_small);
        let pool = Arc::clone(&rig.pool);
        let before = asked_before.then(|| pool.event_fd().unwrap());
        let large = rig.submit_and_wait("/large");
        rig.submit_and_wait("/order");
        assert_eq!(
            rig.pool.wait(1, PATIENCE, |done| assert_eq!(body(&done), "/order")),
            Ok(Some(1))
        );
        let fd = before.unwrap_or_else(|| pool.event_fd().unwrap());
        let mut taken = Vec::new();
        while taken.is_empty() {
            until_readable(fd);
            rig.pool.poll(1, |done| taken.push(done)).unwrap();
        }
        assert_eq!((taken[0].id, body(&taken[0]).len()), (large, LARGE));
        rig.pool.close().unwrap();
    }
}

#[test]
fn a_cancel_ends_a_large_response_between_two_turns() {
    for transport in [Transport::Plain, Transport::Tls13] {
        let mut rig = Rig::new((transport, Drive::Caller), |_| (), large_or_small);
        let large = rig.submit_and_wait("/large");
        assert_eq!(rig.pool.poll(1, drop), Ok(Some(0)), "one turn does not take it all");
        rig.pool.cancel(large).unwrap();
        let done = rig.next();
        assert_eq!((done.id, done.outcome), (large, Outcome::Cancelled));
        assert_eq!(done.wire_state, WireState::Answering);
        rig.pool.close().unwrap();
    }
}

#[test]
fn a_large_response_that_came_in_time_is_taken_though_the_engine_looks_late() {
    for transport in [Transport::Plain, Transport::Tls13] {
        let mut rig = Rig::new((transport, Drive::Caller), |_| (), large_or_small);
        rig.request.set_timeout_ns(100_000_000);
        let deadline = now_ns() + 100_000_000;
        let large = rig.submit_and_wait("/large");
        until(|| (now_ns() > deadline).then_some(()));
        let done = rig.next();
        assert_eq!((done.id, done.outcome, body(&done).len()), (large, Outcome::Ok, LARGE));
        rig.pool.close().unwrap();
    }
}

/// The venue never stops, so the socket always has more.
#[test]
fn a_response_without_end_delays_no_other_ends_at_its_deadline_and_can_be_cancelled() {
    for (transport, drive) in WAYS {
        let handler = |peer: &mut Peer, _| {
            while let Ok(Some(request)) = peer.read_request() {
                if request.target != "/endless" {
                    peer.write(&framed(request.target.as_bytes())).unwrap();
                    continue;
                }
                let piece = [b'x'; 1 << 16];
                let mut more = peer.write(b"HTTP/1.1 200 OK\r\n\r\n").is_ok();
                while more {
                    more = peer.write(&piece).is_ok();
                }
            }
        };
        let certificates = Certificates::new().unwrap();
        let server = match transport {
            Transport::Plain => Script::serve(handler).unwrap(),
            _ => Script::serve_tls(transport, &certificates, handler).unwrap(),
        };
        let mut config = config(&server.url(), 2);
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
        config.set_drive(drive);
        config.set_max_body_size(1 << 30).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        let next = || {
            let mut taken = None;
            assert_eq!(pool.wait(1, PATIENCE, |done| taken = Some(done)), Ok(Some(1)));
            taken.unwrap()
        };
        request.set_timeout_ns(60_000_000_000);
        request.begin(b"GET", b"/endless").unwrap();
        let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        for number in 0..20 {
            let target = format!("/{number}");
            request.begin(b"GET", target.as_bytes()).unwrap();
            let order = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
            let done = next();
            assert_eq!((done.id, body(&done)), (order, target));
        }
        let cancelled = std::thread::scope(|scope| {
            scope.spawn(|| pool.cancel(id).unwrap());
            next()
        });
        assert_eq!((cancelled.id, cancelled.outcome), (id, Outcome::Cancelled));

        request.set_timeout_ns(50_000_000);
        request.begin(b"GET", b"/endless").unwrap();
        let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        let done = next();
        assert_eq!((done.id, done.outcome), (id, Outcome::Timeout));
        assert_eq!(done.wire_state, WireState::Answering);
        let late_ns = done.times.done_ns - done.times.submit_ns - 50_000_000;
        assert!(late_ns < 2_000_000_000, "{late_ns}");
        pool.close().unwrap();
    }
}

/// What the pool thread reads by itself in both drives: heartbeats and late answers.
#[test]
fn large_answers_to_heartbeats_and_behind_a_deadline_are_read_to_their_end() {
    for drive in [Drive::Thread, Drive::Caller] {
        let (throw, thrown) = switch();
        let server = Script::serve(move |peer, _| {
            while let Ok(Some(request)) = peer.read_request() {
                if request.target == "/late" {
                    let _ = thrown.lock().unwrap().recv();
                }
                if peer.write(&framed(&[b'x'; LARGE])).is_err() {
                    return;
                }
            }
        })
        .unwrap();
        let (tell, told) = channel();
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        config.set_heartbeat(b"GET", b"/beat", 2_000_000, 20_000_000_000).unwrap();
        config.set_linger_ns(20_000_000_000).unwrap();
        config.set_event_hook(Some(EventHook(Arc::new(move |event: &Event| {
            if let Some(late) = &event.late {
                let _ = tell.send((late.id, body(late).len()));
            }
        }))));
        let pool = Pool::open(&config).unwrap();
        until(|| (pool.slot_healths()[0].requests >= 5).then_some(()));
        assert_eq!(pool.stats().connected.get(), 1);
        let mut request = request(&pool);
        request.begin(b"GET", b"/late").unwrap();
        request.set_timeout_ns(20_000_000);
        // A heartbeat may have the slot just then.
        let done = until(|| {
            let done = pool.execute(&mut request, WhenBusy::Queue).unwrap();
            (done.wire_state != WireState::NotSent).then_some(done)
        });
        assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
        throw.send(()).unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), (done.id, LARGE));
        drop(throw);
        pool.close().unwrap();
    }
}

const STRAY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nSTRAY";

/// A chunked response whose bytes are so many.
fn chunked(bytes: usize) -> Vec<u8> {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let around = |size: usize| [head, format!("{size:05x}\r\n").as_bytes()].concat();
    let body = vec![b'x'; bytes - around(0).len() - b"\r\n0\r\n\r\n".len()];
    [&around(body.len())[..], &body, b"\r\n0\r\n\r\n"].concat()
}

/// Makes a response whose bytes are so many.
type Make = fn(usize) -> Vec<u8>;

const CHUNKED: Make = chunked;
const FRAMED: Make = |bytes| framed(&vec![b'x'; bytes - framed(&[b'x'; 10_000]).len() + 10_000]);

/// Nothing tells of what a read has left in the socket because it had no more room, and the next
/// order comes before the time after which an idle connection is looked at again.
#[test]
fn what_follows_a_response_that_fills_the_read_to_the_byte_does_not_answer_the_next_order() {
    // A read of plaintext has room for one turn. One of TLS has room for 18 KiB of ciphertext: here
    // two records, each with 22 bytes around its text.
    let sizes = WAYS.into_iter().zip([65_536, 65_536, 18_388, 18_388]);
    for ((way, bytes), make) in sizes.flat_map(|size| [(size, CHUNKED), (size, FRAMED)]) {
        let cut = bytes.min(16_384);
        let answer = move |target: &str| match target {
            "/first" => {
                // Under TLS each piece is a record of its own.
                let whole = make(bytes);
                vec![whole[..cut].to_vec(), whole[cut..].to_vec(), STRAY.to_vec()]
            }
            _ => large_or_small(target),
        };
        let configure = |config: &mut Config| {
            config.set_look_after_ns(1_000_000_000).unwrap();
        };
        let mut rig = Rig::new(way, configure, answer);
        let first = rig.submit_and_wait("/first");
        rig.release();
        let done = rig.next();
        assert_eq!((done.id, done.outcome), (first, Outcome::Ok), "{way:?}");
        for number in 0..8 {
            let target = format!("/{number}");
            let id = rig.submit(&target);
            let done = rig.next();
            assert_eq!((done.id, body(&done)), (id, target), "{way:?}");
        }
        let surplus = || rig.pool.stats().closed[CloseReason::SurplusBytes as usize].get();
        until(|| (surplus() == 1).then_some(()));
        rig.pool.close().unwrap();
    }
}

/// The same with the end of the connection behind such a response.
#[test]
fn an_end_behind_a_response_that_fills_the_read_costs_no_order() {
    let (tell, told) = channel();
    let server = Script::serve(move |peer, number| {
        while let Ok(Some(request)) = peer.read_request() {
            if request.target == "/first" && number == 0 {
                peer.write(&chunked(65_536)).unwrap();
                peer.finish().unwrap();
                tell.send(()).unwrap();
            } else {
                peer.write(&framed(request.target.as_bytes())).unwrap();
            }
        }
    })
    .unwrap();
    let mut config = config(&server.url(), 1);
    config.set_drive(Drive::Caller);
    config.set_receive_buffer(Some(1 << 20)).unwrap();
    config.set_look_after_ns(1_000_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    let mut request = request(&pool);
    for target in ["/first", "/second"] {
        request.begin(b"GET", target.as_bytes()).unwrap();
        let id = pool.submit(&mut request, None, WhenBusy::Queue).unwrap();
        if target == "/first" {
            told.recv_timeout(PATIENCE).unwrap();
            until(|| (unacknowledged(server.address().port()) == 0).then_some(()));
        }
        let done = until(|| {
            let mut taken = None;
            pool.poll(1, |done| taken = Some(done)).unwrap();
            taken
        });
        assert_eq!((done.id, done.outcome), (id, Outcome::Ok), "{target}");
    }
    pool.close().unwrap();
}
