//! What a shared thread limits: connections and dials of a host, and how much a session receives
//! before others have their turn. And a thread that never sleeps.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mock_venue::{Options, Venue};
use tungstenite::Message;
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{Outcome, Status};
use venuepool::pool::host_limits::Limits;
use venuepool::session::Session;
use venuepool::session::event::{Event, Told};
use venuepool::threads::shared_thread::SharedThread;
use venuepool::ws::frame::Kind;

use crate::desk::{Desk, SECOND, config, settings};
use crate::peer::{Server, exchange};

const PATIENCE: Duration = Duration::from_secs(20);

fn thread(limits: Limits, busy_poll: bool) -> Arc<SharedThread> {
    let mut config = Config::default();
    config.set_busy_poll(busy_poll);
    let shared = SharedThread::start(&config).unwrap();
    shared.set_host_limits(limits).unwrap();
    shared
}

fn open(shared: &Arc<SharedThread>, config: &Config) -> Result<Desk, Status> {
    let opened = Session::open_on(Some(shared), config, &settings(), b"/ws");
    opened.map(Desk::of).map_err(|error| error.step)
}

#[test]
fn sessions_of_a_host_have_no_more_connections_than_it_may_have_in_both_drives() {
    for drive in [Drive::Thread, Drive::Caller] {
        let server = Server::start(false, |_, peer| exchange(peer));
        let shared = thread(Limits { connections: 2, dials_per_second: 0 }, false);
        let mut config = config(&server);
        config.set_drive(drive);
        let [one, other] = [0, 1].map(|_| open(&shared, &config).unwrap());
        assert_eq!(open(&shared, &config).err(), Some(Status::ERR_HOST_LIMIT));
        config.set_allow_degraded_open(true);
        let mut third = open(&shared, &config).unwrap();
        assert_eq!(third.failed().0.status, Status::ERR_HOST_LIMIT);
        assert_eq!(server.accepted(), 2);
        one.close();
        // Its place is free: the next dial has it.
        loop {
            match third.next().event {
                Event::Failed(failed) => assert_eq!(failed.status, Status::ERR_HOST_LIMIT),
                Event::Up => break,
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(shared.set_host_limits(Limits::default()), Err(Status::ERR_PHASE));
        third.close();
        other.close();
    }
}

#[test]
fn a_pool_and_a_session_of_a_host_share_its_connections() {
    let venue = Venue::start(Options::plain()).unwrap();
    let shared = thread(Limits { connections: 2, dials_per_second: 0 }, false);
    let mut its = Config::default();
    its.set_url(venue.url().as_bytes()).unwrap();
    its.set_connections(1).unwrap();
    let pool = Pool::open_on(Some(&shared), &its).unwrap();
    let desk = open(&shared, &its).unwrap();
    assert_eq!(open(&shared, &its).err(), Some(Status::ERR_HOST_LIMIT));
    let more = Pool::open_on(Some(&shared), &its);
    assert_eq!(more.err().map(|error| error.step), Some(Status::ERR_HOST_LIMIT));
    pool.close().unwrap();
    let another = open(&shared, &its).unwrap();
    desk.close();
    another.close();
}

#[test]
fn sessions_of_a_host_dial_no_more_often_than_it_allows() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let shared = thread(Limits { connections: 0, dials_per_second: 2 }, false);
    let begin = Instant::now();
    let desks = [0; 3].map(|_| open(&shared, &config(&server)).unwrap());
    assert!(begin.elapsed() >= Duration::from_secs(1), "the third waits for a second to pass");
    desks.into_iter().for_each(|desk| drop(desk.close()));
}

#[test]
fn a_flood_on_a_session_delays_another_by_no_more_than_one_round() {
    const MESSAGE: usize = 4096;
    const MESSAGES: usize = 1000;
    let (begun, begin) = channel::<()>();
    let begin = Mutex::new(begin);
    let (flows, flowing) = channel();
    let flood = Server::start(false, move |_, peer| {
        begin.lock().unwrap().recv().unwrap();
        for number in 0..MESSAGES {
            peer.send(Message::text("x".repeat(MESSAGE))).unwrap();
            if number == 15 {
                flows.send(()).unwrap();
            }
        }
        exchange(peer);
    });
    let (answers, answered) = channel();
    let quiet = Server::start(false, move |_, peer| {
        while let Ok(Message::Text(text)) = peer.read() {
            peer.send(Message::Text(text)).unwrap();
            answers.send(()).unwrap();
        }
    });
    let shared = thread(Limits::default(), false);
    let received = Arc::new(AtomicUsize::new(0));
    let with = |server: &Server, told: Box<dyn Fn() + Send + Sync>| {
        let mut settings = settings();
        settings.set_told(Some(Arc::new(move |its: &Told<'_>| {
            if let Event::Message(..) = its.event {
                told();
            }
        })));
        let mut config = config(server);
        config.set_receive_buffer(Some(4 << 20)).unwrap();
        Session::open_on(Some(&shared), &config, &settings, b"/").unwrap()
    };
    let count = Arc::clone(&received);
    let floods = with(
        &flood,
        Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }),
    );
    let ((tell, told), count) = (channel(), Arc::clone(&received));
    let beside = with(&quiet, Box::new(move || tell.send(count.load(Ordering::SeqCst)).unwrap()));
    // The thread is held until both have something.
    let ((held, is_held), (release, released)) = (channel(), channel::<()>());
    let released = Mutex::new(released);
    let holder = with(
        &quiet,
        Box::new(move || {
            held.send(()).unwrap();
            let _ = released.lock().unwrap().recv_timeout(PATIENCE);
        }),
    );
    holder.send(Kind::Text, b"hold").unwrap();
    is_held.recv_timeout(PATIENCE).unwrap();
    begun.send(()).unwrap();
    flowing.recv_timeout(PATIENCE).unwrap();
    beside.send(Kind::Text, b"quiet").unwrap();
    (0..2).for_each(|_| answered.recv_timeout(PATIENCE).unwrap());
    drop(release);
    let before = told.recv_timeout(PATIENCE).unwrap() * MESSAGE;
    assert!(before <= (256 + 64) * 1024, "{before} bytes came first");
    let begin = Instant::now();
    while received.load(Ordering::SeqCst) < MESSAGES {
        assert!(begin.elapsed() < PATIENCE, "the flood does not arrive");
        std::thread::yield_now();
    }
    for session in [floods, beside, holder] {
        session.shutdown(Some(1000), "").unwrap();
        session.close().unwrap();
    }
}

/// The time that the thread of that name has run, in ticks of the scheduler's clock.
fn ticks(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let of_it = stats.filter(|stat| stat.contains(&format!("({name})")));
    of_it
        .map(|stat| {
            let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn with_busy_polling_the_thread_never_sleeps_and_calls_are_answered() {
    let server = Server::start(true, |_, peer| exchange(peer));
    let mut config = config(&server);
    config.set_busy_poll(true);
    config.set_thread_name(b"vp-ws-busy").unwrap();
    let mut desk = Desk::of(Session::open(&config, &settings(), b"/").unwrap());
    desk.up();
    // Nothing comes, and it runs all the same: a tick is 10 ms.
    let begin = Instant::now();
    while ticks("vp-ws-busy") < 10 {
        assert!(begin.elapsed() < PATIENCE, "it sleeps");
        std::thread::yield_now();
    }
    for key in 0..100 {
        let id = desk.call(key);
        let (ended, _) = desk.completion();
        assert_eq!((ended.call.id, ended.outcome), (id, Outcome::Ok));
    }
    let late = desk.session.call(Kind::Text, b"no answer has its key", 7, SECOND / 100, 0);
    desk.message();
    assert_eq!(desk.fails(late.unwrap()).0, Outcome::Timeout);
    desk.close();
}

#[test]
fn with_busy_polling_sessions_share_a_thread() {
    let server = Server::start(false, |_, peer| exchange(peer));
    let shared = thread(Limits::default(), true);
    let mut desks = [0; 3].map(|_| open(&shared, &config(&server)).unwrap());
    desks.iter_mut().for_each(Desk::up);
    for key in 0..50 {
        for desk in &mut desks {
            let id = desk.call(key);
            assert_eq!(desk.completion().0.call.id, id);
        }
    }
    desks.into_iter().for_each(|desk| drop(desk.close()));
}
