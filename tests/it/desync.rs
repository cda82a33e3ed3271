//! No answer to the wrong request (promise 3). Each of these hands order B the answer of order A,
//! or of nobody, in a pool that trusts its connections.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock_venue::{Peer, Script, Transport};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{CloseReason, Outcome, WireState};

use crate::rig::{
    PATIENCE, body, config, get, request, script_pool, status, switch, until, until_idle,
};

fn answer(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// Answers each request with its own target.
fn echo_targets(peer: &mut Peer) {
    while let Ok(Some(request)) = peer.read_request() {
        if peer.write(answer(&request.target).as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn an_interim_response_is_not_the_answer() {
    let server = Script::serve(|peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            peer.write(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            peer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n").unwrap();
            peer.write(answer(&request.target).as_bytes()).unwrap();
        }
    })
    .unwrap();
    let pool = script_pool(&server);
    for target in ["/a", "/b", "/c"] {
        let done = get(&pool, target);
        assert_eq!((status(&done), body(&done).as_str()), (200, target));
    }
    assert_eq!(server.connections(), 1, "interim responses do not cost the connection");
    pool.close().unwrap();
}

#[test]
fn surplus_bytes_behind_an_answer_never_answer_the_next_request() {
    let server = Script::serve(|peer, _| {
        if let Ok(Some(request)) = peer.read_request() {
            let twice = answer(&request.target) + &answer("the answer of nobody");
            peer.write(twice.as_bytes()).unwrap();
            let _ = peer.wait_eof();
        }
    })
    .unwrap();
    let pool = script_pool(&server);
    for target in ["/a", "/b", "/c"] {
        assert_eq!(body(&get(&pool, target)), target);
    }
    until(|| (pool.stats().closed[CloseReason::SurplusBytes as usize].get() == 3).then_some(()));
    pool.close().unwrap();
}

#[test]
fn bytes_on_an_idle_connection_never_answer_the_next_request() {
    let (throw, thrown) = switch();
    let server = Script::serve(move |peer, number| {
        if number == 0 {
            thrown.lock().unwrap().recv().unwrap();
            peer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
        echo_targets(peer);
    })
    .unwrap();
    let pool = script_pool(&server);
    throw.send(()).unwrap();
    until(|| (server.connections() == 2).then_some(()));
    until_idle(&pool, 1);
    assert_eq!(pool.stats().closed[CloseReason::IdleBytes as usize].get(), 1);
    assert_eq!(body(&get(&pool, "/order")), "/order");
    pool.close().unwrap();
}

#[test]
fn unread_stray_bytes_do_not_answer_the_next_request() {
    // The pool thread is kept busy in a callback while the stray answer arrives, so that only the
    // look at check-out stands between it and the next order.
    let (throw, thrown) = switch();
    let (written, stray_is_there) = mpsc::channel();
    let server = Script::serve(move |peer, number| {
        if number == 0 {
            let first = peer.read_request().unwrap().unwrap();
            peer.write(answer(&first.target).as_bytes()).unwrap();
            thrown.lock().unwrap().recv().unwrap();
            peer.write(answer("the answer of nobody").as_bytes()).unwrap();
            written.send(()).unwrap();
        }
        echo_targets(peer);
    })
    .unwrap();
    let pool = script_pool(&server);
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let callback = Arc::new(move |_| {
        let _ = released.lock().unwrap().recv();
    });
    let mut first = request(&pool);
    first.begin(b"GET", b"/first").unwrap();
    pool.submit(&mut first, Some(callback), WhenBusy::Refuse).unwrap();
    until_idle(&pool, 1);
    throw.send(()).unwrap();
    stray_is_there.recv().unwrap();
    // Loopback delivers before write returns; the pool thread cannot have seen it.
    let mut second = request(&pool);
    second.begin(b"GET", b"/second").unwrap();
    pool.submit(&mut second, None, WhenBusy::Queue).unwrap();
    release.send(()).unwrap();
    let done = crate::rig::next_completion(&pool);
    assert_eq!(body(&done), "/second");
    pool.close().unwrap();
}

#[test]
fn an_idle_close_costs_no_request() {
    for transport in [None, Some(Transport::Tls)] {
        let (throw, thrown) = switch();
        let handler = move |peer: &mut Peer, number: usize| {
            if number == 0 {
                thrown.lock().unwrap().recv().unwrap();
                let _ = peer.close_notify();
                peer.finish().unwrap();
                return;
            }
            echo_targets(peer);
        };
        let certificates = mock_venue::Certificates::new().unwrap();
        let server = match transport {
            None => Script::serve(handler).unwrap(),
            Some(tls) => Script::serve_tls(tls, &certificates, handler).unwrap(),
        };
        let mut config = config(&server.url(), 1);
        config.set_ca_pem(certificates.ca_pem().as_bytes()).unwrap();
        let pool = Pool::open(&config).unwrap();
        throw.send(()).unwrap();
        until(|| (server.connections() == 2).then_some(()));
        let done = get(&pool, "/order");
        assert_eq!((done.outcome, body(&done).as_str()), (Outcome::Ok, "/order"));
        assert_eq!(pool.stats().closed[CloseReason::IdleClosed as usize].get(), 1);
        pool.close().unwrap();
    }
}

#[test]
fn a_late_answer_dies_with_its_connection() {
    let server = Script::serve(|peer, number| {
        if number == 0 {
            let _ = peer.read_request();
            // The client gives up meanwhile; then the answer comes.
            std::thread::sleep(Duration::from_millis(60));
            let _ = peer.write(answer("too late").as_bytes());
            return;
        }
        echo_targets(peer);
    })
    .unwrap();
    let pool = script_pool(&server);
    let mut first = request(&pool);
    first.begin(b"POST", b"/slow").unwrap();
    first.set_timeout_ns(20_000_000);
    let done = pool.execute(&mut first, WhenBusy::Refuse).unwrap();
    assert_eq!((done.outcome, done.wire_state), (Outcome::Timeout, WireState::Sent));
    for target in ["/b", "/c"] {
        assert_eq!(body(&get(&pool, target)), target);
    }
    pool.close().unwrap();
}

#[test]
fn a_response_that_says_close_ends_the_connection() {
    let server = Script::serve(|peer, _| {
        if let Ok(Some(request)) = peer.read_request() {
            let head = "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n";
            peer.write(format!("{head}{}", request.target).as_bytes()).unwrap();
            let _ = peer.wait_eof();
        }
    })
    .unwrap();
    let pool = script_pool(&server);
    for target in ["/a", "/b"] {
        assert_eq!(body(&get(&pool, target)), target);
    }
    until(|| (pool.stats().closed[CloseReason::ResponseClose as usize].get() == 2).then_some(()));
    pool.close().unwrap();
}

#[test]
fn stray_bytes_that_came_while_a_request_waited_in_the_queue_do_not_answer_it() {
    for drive in [Drive::Thread, Drive::Caller] {
        let (stray, wanted) = switch();
        let (written, is_written) = mpsc::channel();
        let written = Mutex::new(written);
        let handler = move |peer: &mut Peer, connection| {
            if connection > 0 {
                return echo_targets(peer);
            }
            if let Ok(Some(request)) = peer.read_request() {
                peer.write(answer(&request.target).as_bytes()).unwrap();
                let _ = wanted.lock().unwrap().recv();
                peer.write(answer("the answer of nobody").as_bytes()).unwrap();
                written.lock().unwrap().send(()).unwrap();
                let _ = peer.wait_eof();
            }
        };
        let server = Script::serve(handler).unwrap();
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let lease = pool.try_acquire().unwrap();
        let mut request = request(&pool);
        request.begin(b"GET", b"/queued").unwrap();
        pool.submit(&mut request, None, WhenBusy::Queue).unwrap();

        // The pool thread is held up behind the first answer, so that it does not see the bytes.
        let (begin, begun) = mpsc::channel();
        let (go_on, held_up) = switch();
        let callback = Arc::new(move |_| {
            begin.send(()).unwrap();
            if drive == Drive::Thread {
                let _ = held_up.lock().unwrap().recv();
            }
        });
        request.begin(b"GET", b"/first").unwrap();
        pool.submit_on(lease, &mut request, Some(callback)).unwrap();
        until(|| {
            if drive == Drive::Caller {
                pool.poll(8, |_| ()).unwrap();
            }
            begun.try_recv().ok()
        });
        drop(stray);
        is_written.recv_timeout(PATIENCE).unwrap();
        pool.release(lease).unwrap();
        drop(go_on);

        let mut queued = None;
        until(|| {
            pool.wait(1, Duration::from_millis(100), |done| queued = Some(done)).unwrap();
            queued.is_some().then_some(())
        });
        assert_eq!(body(&queued.unwrap()), "/queued");
        let idle_bytes = pool.stats().closed[CloseReason::IdleBytes as usize].get();
        assert_eq!(idle_bytes, 1);
        pool.close().unwrap();
    }
}
