//! Pools on one thread: a flood on one of them delays another by no more than its budget.
//!
//! What is measured is bytes, and not time: the thread is held until all answers are in the
//! sockets. Then what it receives for the one pool before it serves the other is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use mock_venue::{Peer, Script, ScriptServer};
use venuepool::completion::{Callback, Completion};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::pool::turn_budget::{MAX_BYTES, MAX_TURNS};
use venuepool::threads::shared_thread::SharedThread;

use crate::rig::{PATIENCE, config, request};

const FLOOD: usize = 32;

/// A venue that answers each request at once with a body of so many bytes, and says when it has.
fn venue(bytes: usize) -> (ScriptServer, Receiver<()>) {
    let (tell, answered) = channel();
    let handler = move |peer: &mut Peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n");
            let answer = [head.into_bytes(), vec![b'x'; bytes]].concat();
            if peer.write(&answer).is_err() {
                return;
            }
            let _ = tell.send(());
        }
    };
    (Script::serve(handler).unwrap(), answered)
}

fn pool(shared: &Arc<SharedThread>, server: &ScriptServer, connections: usize) -> Arc<Pool> {
    let mut config = config(&server.url(), connections);
    config.set_drive(Drive::Thread);
    config.set_receive_buffer(Some(1 << 20)).unwrap();
    Pool::open_on(Some(shared), &config).unwrap()
}

fn submit(pool: &Pool, callback: impl Fn(Completion) + Send + Sync + 'static) {
    let mut request = request(pool);
    request.begin(b"GET", b"/").unwrap();
    let callback: Callback = Arc::new(callback);
    pool.submit(&mut request, Some(callback), WhenBusy::Refuse).unwrap();
}

/// Keeps the thread of the pool in a callback, until what is answered is dropped.
fn hold(pool: &Pool) -> Sender<()> {
    let ((release, released), (tell, is_held)) = (channel::<()>(), channel());
    let released = std::sync::Mutex::new(released);
    submit(pool, move |_| {
        tell.send(()).unwrap();
        let _ = released.lock().unwrap().recv_timeout(PATIENCE);
    });
    is_held.recv_timeout(PATIENCE).unwrap();
    release
}

/// How many answers, of so many bytes each, of a pool with many connections are received before the
/// one of another pool that is in its socket since before.
fn flooded_by(bytes: usize, busy_poll: bool) -> usize {
    let mut thread = Config::default();
    thread.set_busy_poll(busy_poll);
    let shared = SharedThread::start(&thread).unwrap();
    let ((flood, flooded), (quiet, answered)) = (venue(bytes), venue(10));
    let floods = pool(&shared, &flood, FLOOD);
    let [beside, holder] = [0, 1].map(|_| pool(&shared, &quiet, 1));
    let held = hold(&holder);
    answered.recv_timeout(PATIENCE).unwrap();
    let received = Arc::new(AtomicUsize::new(0));
    let (tell, told) = channel();
    for _ in 0..FLOOD {
        let (received, tell) = (Arc::clone(&received), tell.clone());
        submit(&floods, move |done| {
            assert_eq!(done.outcome, Outcome::Ok);
            received.fetch_add(1, Ordering::SeqCst);
            tell.send(None).unwrap();
        });
    }
    (0..FLOOD).for_each(|_| flooded.recv_timeout(PATIENCE).unwrap());
    submit(&beside, move |_| tell.send(Some(received.load(Ordering::SeqCst))).unwrap());
    answered.recv_timeout(PATIENCE).unwrap();
    drop(held);
    let ends: Vec<_> = (0..=FLOOD).map(|_| told.recv_timeout(PATIENCE).unwrap()).collect();
    [floods, beside, holder].iter().for_each(|pool| pool.close().unwrap());
    ends.into_iter().flatten().next().unwrap()
}

#[test]
fn a_flood_of_large_answers_delays_another_pool_by_the_bytes_of_one_round() {
    // Each is one turn, and is in the socket although the peer knows of 64 KiB of room only.
    const LARGE: usize = 48 * 1024;
    for busy_poll in [false, true] {
        let before = flooded_by(LARGE, busy_poll);
        assert!(before * LARGE <= MAX_BYTES, "busy polling {busy_poll}: {before} answers");
    }
}

#[test]
fn a_flood_of_small_answers_delays_another_pool_by_the_turns_of_one_round() {
    for busy_poll in [false, true] {
        let before = flooded_by(10, busy_poll);
        assert!(before <= MAX_TURNS as usize, "busy polling {busy_poll}: {before} answers");
    }
}
