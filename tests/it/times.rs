//! What a completion tells of its order: when each step was, on which connection, how many bytes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mock_venue::{How, Options, Script, Venue};
use venuepool::completion::{Completion, Times};
use venuepool::config::Drive;
use venuepool::driver::Pool;
use venuepool::driver::submit::WhenBusy;
use venuepool::error::Outcome;
use venuepool::http::late::Sending;
use venuepool::net::endpoints::Endpoints;

use crate::rig::{
    PATIENCE, config, get, lose_connections, order, request, script_pool, until, until_idle,
    venue_config, venue_pool,
};

/// The step after each other step, as the engine sees them.
fn assert_in_order(times: &Times) {
    let steps = [
        times.submit_ns,
        times.start_ns,
        times.write_begin_ns,
        times.write_ns,
        times.first_byte_ns,
        times.head_ns,
        times.done_ns,
    ];
    assert!(steps[0] > 0 && steps.is_sorted(), "{times:?}");
    assert_eq!(times.queue_wait_ns(), times.start_ns - times.submit_ns);
}

/// Takes one completion as an engine does.
fn taken(pool: &Pool) -> Completion {
    let mut completion = None;
    pool.wait(1, PATIENCE, |it| completion = Some(it)).unwrap();
    completion.unwrap()
}

fn now_wall_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Plain and over TLS, in both drives.
fn ways() -> impl Iterator<Item = (Options, Drive)> {
    let drives = |options: Options| [Drive::Thread, Drive::Caller].map(|it| (options.clone(), it));
    [Options::plain(), Options::tls()].into_iter().flat_map(drives)
}

#[test]
fn the_steps_of_an_order_are_in_their_order_in_each_way() {
    for (options, drive) in ways() {
        let venue = Venue::start(options).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        let mut orders = request(&pool);
        for number in 0..20 {
            order(&mut orders, &number.to_string());
            assert_in_order(&pool.execute(&mut orders, WhenBusy::Refuse).unwrap().times);
            until_idle(&pool, 1);
            order(&mut orders, &format!("{number} by the queue"));
            pool.submit(&mut orders, None, WhenBusy::Refuse).unwrap();
            assert_in_order(&taken(&pool).times);
        }
        pool.close().unwrap();
    }
}

#[test]
fn the_kernel_tells_when_it_had_an_answer_if_that_is_wanted() {
    for (options, drive) in ways() {
        let venue = Venue::start(options).unwrap();
        let mut config = venue_config(&venue, 1);
        config.set_drive(drive);
        config.set_kernel_times(true);
        let pool = Pool::open(&config).unwrap();
        let mut orders = request(&pool);
        let mut told = None;
        // The kernel begins to note times a moment after the first socket has asked for them.
        let begun = Instant::now();
        for number in 0_u64.. {
            assert!(begun.elapsed() < PATIENCE, "the kernel has told no time");
            let sent_wall_ns = now_wall_ns();
            order(&mut orders, &number.to_string());
            let done = pool.execute(&mut orders, WhenBusy::Queue).unwrap();
            assert_eq!(done.outcome, Outcome::Ok);
            if done.arrival_wall_ns() > 0 {
                told = Some((sent_wall_ns..=now_wall_ns()).contains(&done.arrival_wall_ns()));
                break;
            }
        }
        assert_eq!(told, Some(true));
        pool.close().unwrap();
    }
}

#[test]
fn no_arrival_is_told_by_default() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    assert_eq!(get(&pool, "/api/v3/time").arrival_wall_ns(), 0);
    pool.close().unwrap();
}

#[test]
fn the_steps_are_told_to_a_callback() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let (tell, told) = std::sync::mpsc::channel();
    let mut orders = request(&pool);
    order(&mut orders, "1");
    let callback = Arc::new(move |completion: Completion| tell.send(completion.times).unwrap());
    pool.submit(&mut orders, Some(callback), WhenBusy::Refuse).unwrap();
    assert_in_order(&told.recv_timeout(PATIENCE).unwrap());
    pool.close().unwrap();
}

#[test]
fn each_byte_of_a_plain_exchange_is_counted() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let server = Script::serve(move |peer, _| {
        while let Ok(Some(_)) = peer.read_request() {
            peer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n").unwrap();
            peer.write(answer).unwrap();
        }
    })
    .unwrap();
    let pool = script_pool(&server);
    let mut plain = request(&pool);
    for _ in 0..3 {
        plain.begin(b"GET", b"/time").unwrap();
        let sent = plain.finish().unwrap().len() as u64;
        let done = pool.execute(&mut plain, WhenBusy::Queue).unwrap();
        assert_eq!((done.outcome, done.bytes_sent), (Outcome::Ok, sent));
        assert_eq!(done.bytes_received, 28 + answer.len() as u64);
    }
    pool.close().unwrap();
}

#[test]
fn ciphertext_is_counted_as_it_is_on_the_wire() {
    let venue = Venue::start(Options::tls()).unwrap();
    let pool = venue_pool(&venue, 1);
    let done = get(&pool, "/api/v3/exchangeInfo?bytes=100000");
    let body = done.response.as_ref().unwrap().response.body().len() as u64;
    assert_eq!(body, 100_000);
    // Each record has an overhead, and session tickets may have come, too.
    let most = body + body / 10 + 16_384;
    assert!((body..most).contains(&done.bytes_received), "{}", done.bytes_received);
    pool.close().unwrap();
}

#[test]
fn the_connection_of_each_order_is_told() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    for number in 1..4 {
        let done = get(&pool, "/api/v3/time");
        assert_eq!((done.slot, done.connection), (Some(0), number));
        assert_eq!(pool.slot_healths()[0].connections, number);
        lose_connections(&venue, How::Fin, 1);
        until(|| (pool.slot_healths()[0].connections > number).then_some(()));
    }
    pool.close().unwrap();
}

/// The ends of the connection that the slot has now, as its dial saw them.
fn ends(pool: &Pool, slot: usize) -> Endpoints {
    let path = pool.slot_paths()[slot].unwrap();
    Endpoints { local: path.local.unwrap().into(), peer: path.peer.unwrap().into() }
}

#[test]
fn the_ends_of_the_connection_of_each_order_are_told_in_each_way() {
    for (options, drive) in ways() {
        let venue = Venue::start(options).unwrap();
        let mut config = venue_config(&venue, 2);
        config.set_drive(drive);
        let pool = Pool::open(&config).unwrap();
        assert_ne!(ends(&pool, 0).local.port, ends(&pool, 1).local.port);
        let leases = [pool.try_acquire().unwrap(), pool.try_acquire().unwrap()];
        for lease in leases {
            let expected = ends(&pool, lease.slot as usize);
            assert_eq!(expected.peer, venue.address().into());
            let mut orders = request(&pool);
            order(&mut orders, &format!("{} by the queue", lease.slot));
            pool.submit_on(lease, &mut orders, None).unwrap();
            assert_eq!(taken(&pool).endpoints(), Some(&expected));
        }
        leases.into_iter().for_each(|lease| pool.release(lease).unwrap());
        let done = get(&pool, "/api/v3/time");
        assert_eq!(done.endpoints(), Some(&ends(&pool, done.slot.unwrap().into())));
        pool.close().unwrap();
    }
}

#[test]
fn the_ends_are_those_of_the_connection_and_not_of_its_slot() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let before = ends(&pool, 0);
    let mut orders = request(&pool);
    order(&mut orders, "1");
    pool.submit(&mut orders, None, WhenBusy::Refuse).unwrap();
    until(|| pool.completions().has_any().then_some(()));
    lose_connections(&venue, How::Fin, 1);
    until(|| (pool.slot_healths()[0].connections == 2).then_some(()));
    let now = until(|| (pool.counts().idle == 1).then(|| ends(&pool, 0)));
    assert_ne!(before.local, now.local);
    assert_eq!(taken(&pool).endpoints(), Some(&before), "it waited in the queue meanwhile");
    assert_eq!(get(&pool, "/api/v3/time").endpoints(), Some(&now));
    pool.close().unwrap();
}

#[test]
fn an_order_without_a_whole_answer_has_its_ends_too() {
    for (sent, drive) in [
        (&b""[..], Drive::Thread),
        (b"", Drive::Caller),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", Drive::Thread),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", Drive::Caller),
    ] {
        let server = Script::serve(move |peer, _| {
            if let Ok(Some(_)) = peer.read_request() {
                let _ = peer.write(sent);
                let _ = peer.wait_eof();
            }
        });
        let server = server.unwrap();
        let mut config = config(&server.url(), 1);
        config.set_drive(drive);
        config.set_request_timeout_ns(50_000_000).unwrap();
        let pool = Pool::open(&config).unwrap();
        let expected = ends(&pool, 0);
        let mut orders = request(&pool);
        order(&mut orders, "1");
        pool.submit(&mut orders, None, WhenBusy::Refuse).unwrap();
        let done = taken(&pool);
        assert_eq!((done.outcome, done.response.is_some()), (Outcome::Timeout, !sent.is_empty()));
        assert_eq!(done.endpoints(), Some(&expected));
        pool.close().unwrap();
    }
}

#[test]
fn the_wait_in_the_queue_and_the_signature_are_told_apart() {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    let lease = pool.try_acquire().unwrap();
    let mut late = request(&pool);
    late.begin(b"GET", b"/api/v3/time").unwrap();
    let signing = Duration::from_millis(3);
    late.set_on_send(Some(Arc::new(move |_: &mut Sending<'_>| {
        std::thread::sleep(signing);
        true
    })));
    pool.submit(&mut late, None, WhenBusy::Queue).unwrap();
    let waiting = Duration::from_millis(5);
    std::thread::sleep(waiting);
    pool.release(lease).unwrap();
    let done = taken(&pool);
    let times = &done.times;
    assert_in_order(times);
    assert!(times.queue_wait_ns() >= waiting.as_nanos() as u64, "{times:?}");
    assert!(times.write_begin_ns - times.start_ns >= signing.as_nanos() as u64, "{times:?}");
    pool.close().unwrap();
}

#[test]
fn an_order_that_never_had_a_slot_has_only_waited() {
    let venue = Venue::start(Options::plain()).unwrap();
    let mut config = config(&venue.url(), 1);
    config.set_request_timeout_ns(10_000_000).unwrap();
    let pool = Pool::open(&config).unwrap();
    let lease = pool.try_acquire().unwrap();
    let mut orders = request(&pool);
    order(&mut orders, "1");
    pool.submit(&mut orders, None, WhenBusy::Queue).unwrap();
    let done = taken(&pool);
    let times = &done.times;
    assert_eq!((done.outcome, done.slot, done.connection), (Outcome::Timeout, None, 0));
    assert_eq!((done.bytes_sent, done.bytes_received), (0, 0));
    assert_eq!(done.endpoints(), None);
    assert_eq!(times.queue_wait_ns(), times.done_ns - times.submit_ns);
    assert!(times.queue_wait_ns() >= 10_000_000);
    assert_eq!([times.start_ns, times.write_begin_ns, times.write_ns], [0; 3]);
    pool.release(lease).unwrap();
    pool.close().unwrap();
}
