//! Watched headers: found in each answer, and the last value of each kept, whoever drives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use mock_venue::{Options, Peer, Script, ScriptServer, Venue};
use venuepool::clock::now_ns;
use venuepool::completion::Completion;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::{Outcome, Status};
use venuepool::recycle::Recycled;

use crate::rig::{PATIENCE, config, get, request, switch, until, venue_config};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

/// A configuration that watches `X-Seq`, as index 0.
fn watching(server: &ScriptServer, connections: usize, drive: Drive) -> Config {
    let mut config = config(&server.url(), connections);
    config.set_drive(drive);
    assert_eq!(config.watch_header(b"X-Seq"), Ok(0));
    config
}

/// The last value of `X-Seq`.
fn last(pool: &Pool) -> Option<u64> {
    pool.watched(0).ok()?.number
}

/// Drives until a completion comes, whoever's turn it is, and lets go of its response.
fn outcome(pool: &Pool) -> Outcome {
    let mut outcome = None;
    let take = |done: Completion| {
        outcome = Some(done.outcome);
        done.response.into_iter().for_each(Recycled::release);
    };
    assert_eq!(pool.wait(1, PATIENCE, take), Ok(Some(1)));
    outcome.unwrap()
}

/// Drives until a completion comes, and tells when the first byte of its response was read.
fn first_byte_ns(pool: &Pool) -> u64 {
    let mut first_byte_ns = 0;
    let take = |done: Completion| {
        assert_eq!(done.outcome, Outcome::Ok);
        first_byte_ns = done.times.first_byte_ns;
        done.response.into_iter().for_each(Recycled::release);
    };
    assert_eq!(pool.wait(1, PATIENCE, take), Ok(Some(1)));
    first_byte_ns
}

#[test]
fn what_answers_say_is_found_and_the_last_of_it_is_kept() {
    for (drive, options) in DRIVES.into_iter().zip([Options::plain(), Options::tls()]) {
        let venue = Venue::start(options).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_drive(drive);
        assert_eq!(config.watch_header(b"X-MBX-USED-WEIGHT-1M"), Ok(0));
        assert_eq!(config.watch_header(b"X-Not-There"), Ok(1));
        assert_eq!(config.watch_header(b"content-type"), Ok(2));
        let pool = Pool::open(&config).unwrap();
        assert_eq!(pool.watched(0), Err(Status::ERR_NOT_FOUND));
        let mut times = vec![now_ns()];
        for _ in 0..3 {
            let done = get(&pool, "/api/v3/time");
            let response = &done.response.as_ref().unwrap().response;
            let weight = response.watched(0).unwrap();
            assert_eq!(Some(weight), response.find(b"x-mbx-used-weight-1m"));
            assert_eq!(response.watched(1), Err(Status::ERR_NOT_FOUND));
            let last = pool.watched(0).unwrap();
            assert_eq!(&last.text[..last.len], weight);
            assert_eq!(last.number.unwrap().to_string().as_bytes(), weight);
            assert_eq!(last.time_ns, done.times.first_byte_ns);
            times.push(last.time_ns);
            assert_eq!(pool.watched(2).unwrap().number, None);
        }
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(pool.watched(1), Err(Status::ERR_NOT_FOUND));
        assert_eq!(pool.watched(3), Err(Status::ERR_ARGUMENT));
        pool.close().unwrap();
    }
}

#[test]
fn a_pool_that_watches_nothing_has_no_index() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = Pool::open(&venue_config(&venue, 1)).unwrap();
    let done = get(&pool, "/api/v3/time");
    assert_eq!(done.response.unwrap().response.watched(0), Err(Status::ERR_ARGUMENT));
    assert_eq!(pool.watched(0), Err(Status::ERR_ARGUMENT));
    pool.close().unwrap();
}

#[test]
fn the_answers_of_heartbeats_are_watched_while_no_thread_drives() {
    for drive in DRIVES {
        let beats = AtomicU64::new(0);
        let server = Script::serve(move |peer: &mut Peer, _| {
            while let Ok(Some(_)) = peer.read_request() {
                let number = beats.fetch_add(1, Ordering::SeqCst);
                let answer = format!("HTTP/1.1 204 No Content\r\nX-Seq: {number}\r\n\r\n");
                if peer.write(answer.as_bytes()).is_err() {
                    return;
                }
            }
        })
        .unwrap();
        let mut config = watching(&server, 1, drive);
        config.set_heartbeat(b"GET", b"/ping", 2 * MS, 2_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        until(|| (last(&pool)? >= 5).then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn a_late_answer_is_watched() {
    for drive in DRIVES {
        let (throw, thrown) = switch();
        let server = Script::serve(move |peer: &mut Peer, _| {
            if matches!(peer.read_request(), Ok(Some(_))) {
                let _ = thrown.lock().unwrap().recv();
                let _ = peer.write(b"HTTP/1.1 204 No Content\r\nX-Seq: 7\r\n\r\n");
            }
        })
        .unwrap();
        let mut config = watching(&server, 1, drive);
        config.set_linger_ns(20_000 * MS).unwrap();
        let pool = Pool::open(&config).unwrap();
        let mut request = request(&pool);
        request.begin(b"GET", b"/").unwrap();
        request.set_timeout_ns(20 * MS);
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        assert_eq!((outcome(&pool), last(&pool)), (Outcome::Timeout, None));
        throw.send(()).unwrap();
        assert_eq!(until(|| last(&pool)), 7);
        pool.close().unwrap();
    }
}

#[test]
fn what_broke_off_behind_its_head_is_watched() {
    for drive in DRIVES {
        let server = Script::serve(|peer: &mut Peer, _| {
            if matches!(peer.read_request(), Ok(Some(_))) {
                let answer = b"HTTP/1.1 200 OK\r\nX-Seq: 3\r\nContent-Length: 100\r\n\r\nhello";
                let _ = peer.write(answer);
                let _ = peer.finish();
            }
        })
        .unwrap();
        let pool = Pool::open(&watching(&server, 1, drive)).unwrap();
        let done = get(&pool, "/");
        assert_eq!(done.outcome, Outcome::ConnectionClosed);
        assert_eq!(done.response.unwrap().response.watched(0), Ok(&b"3"[..]));
        assert_eq!(last(&pool), Some(3));
        pool.close().unwrap();
    }
}

/// A long answer began first and ends last: what it said is not the last that the venue said.
#[test]
fn an_answer_that_began_earlier_does_not_replace_a_later_one() {
    let (throw, thrown) = switch();
    let (tell, began) = channel();
    let tell = Mutex::new(tell);
    let server = Script::serve(move |peer: &mut Peer, _| {
        while let Ok(Some(request)) = peer.read_request() {
            if request.target == "/long" {
                peer.write(b"HTTP/1.1 200 OK\r\nX-Seq: 1\r\nContent-Length: 5\r\n\r\nhe").unwrap();
                tell.lock().unwrap().send(()).unwrap();
                let _ = thrown.lock().unwrap().recv();
                peer.write(b"llo").unwrap();
            } else {
                peer.write(b"HTTP/1.1 204 No Content\r\nX-Seq: 2\r\n\r\n").unwrap();
            }
        }
    })
    .unwrap();
    let pool = Pool::open(&watching(&server, 2, Drive::Caller)).unwrap();
    let mut request = request(&pool);
    let mut submit = |path: &[u8]| {
        request.begin(b"GET", path).unwrap();
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
    };
    // A beginning that is on its way may still come behind the other answer: then once more.
    until(|| {
        submit(b"/long");
        began.recv_timeout(PATIENCE).unwrap();
        assert_eq!(pool.poll(1, |_| panic!("it is not over")), Ok(Some(0)));
        submit(b"/short");
        let short_ns = first_byte_ns(&pool);
        assert_eq!(last(&pool), Some(2), "kept when the exchange is over");
        throw.send(()).unwrap();
        let long_ns = first_byte_ns(&pool);
        let later = if long_ns < short_ns { 2 } else { 1 };
        assert_eq!(last(&pool), Some(later));
        (later == 2).then_some(())
    });
    pool.close().unwrap();
}

/// Engines place orders while another thread looks: it sees whole values, and none goes back.
#[test]
fn any_thread_may_look_while_orders_go_on() {
    const ORDERS: u64 = 2_000;
    let numbers = AtomicU64::new(1);
    let server = Script::serve(move |peer: &mut Peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            let number = numbers.fetch_add(1, Ordering::SeqCst);
            let answer = format!("HTTP/1.1 204 No Content\r\nX-Seq: {number:050}\r\n\r\n");
            if peer.write(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
    .unwrap();
    let pool = Pool::open(&watching(&server, 1, Drive::Caller)).unwrap();
    let looking = {
        let pool = Arc::clone(&pool);
        std::thread::spawn(move || {
            let mut seen = 0;
            while seen < ORDERS {
                let Ok(value) = pool.watched(0) else { continue };
                let number = value.number.unwrap();
                assert_eq!(value.text[..value.len], *format!("{number:050}").as_bytes());
                assert!(number >= seen);
                seen = number;
            }
        })
    };
    let mut request = request(&pool);
    for _ in 0..ORDERS {
        request.begin(b"GET", b"/").unwrap();
        pool.submit(&mut request, None, WhenBusy::Refuse).unwrap();
        assert_eq!(outcome(&pool), Outcome::Ok);
    }
    looking.join().unwrap();
    pool.close().unwrap();
}
