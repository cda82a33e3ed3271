//! The limits that all pools of a host share on one thread: connections in all, dials a second.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mock_venue::Script;
use socket2::{Domain, Socket, Type};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{Outcome, Status};
use venuepool::event::{EventHook, EventKind};
use venuepool::pool::host_limits::Limits;
use venuepool::threads::shared_thread::SharedThread;

use crate::rig::{config, get, switch, until};

const MS: u64 = 1_000_000;
const DRIVES: [Drive; 2] = [Drive::Thread, Drive::Caller];

/// A venue that counts its connections, and answers nothing.
struct Counting {
    address: SocketAddr,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Counting {
    fn start() -> Self {
        Self::serve(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn serve(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let [now, most, accepted] = [0; 3].map(|_| Arc::<AtomicUsize>::default());
        let (open, is_over) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicBool>::default());
        let mut venue = Self { address, now, most, accepted, open, is_over, thread: None };
        let (now, most) = (Arc::clone(&venue.now), Arc::clone(&venue.most));
        let (accepted, open) = (Arc::clone(&venue.accepted), Arc::clone(&venue.open));
        let is_over = Arc::clone(&venue.is_over);
        venue.thread = Some(std::thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                let stream = listener.accept().map(|(stream, _)| stream);
                let mut open = open.lock().unwrap();
                if let Ok(stream) = stream {
                    stream.set_nonblocking(true).unwrap();
                    accepted.fetch_add(1, Ordering::SeqCst);
                    open.push(stream);
                }
                // A pool closes a connection before it dials for the next: the end is here first.
                open.retain(is_open);
                most.fetch_max(open.len(), Ordering::SeqCst);
                now.store(open.len(), Ordering::SeqCst);
                drop(open);
                std::thread::sleep(Duration::from_micros(100));
            }
        }));
        venue
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn until_open(&self, count: usize) {
        until(|| (self.now.load(Ordering::SeqCst) == count).then_some(()));
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Ends so many connections.
    fn lose(&self, count: usize) {
        drop(self.open.lock().unwrap().drain(..count));
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking());
    }
}

fn is_open(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(bytes) => bytes > 0,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

fn thread(dials_per_second: u32, connections: u32) -> Arc<SharedThread> {
    let mut config = Config::default();
    config.set_thread_name(b"vp-host-limits").unwrap();
    let thread = SharedThread::start(&config).unwrap();
    thread.set_host_limits(Limits { dials_per_second, connections }).unwrap();
    thread
}

fn degraded(url: &str, connections: usize, drive: Drive) -> Config {
    let mut config = config(url, connections);
    config.set_allow_degraded_open(true);
    config.set_backoff_ns(MS, 2 * MS).unwrap();
    config.set_drive(drive);
    config
}

fn open(thread: &Arc<SharedThread>, config: &Config) -> Arc<Pool> {
    Pool::open_on(Some(thread), config).unwrap()
}

fn live(pool: &Pool) -> u32 {
    pool.counts().live
}

/// How many slots wait until another connection of the host ends.
fn without_place(pool: &Pool) -> usize {
    pool.slot_healths().iter().filter(|slot| slot.next_dial_ns == u64::MAX).count()
}

#[test]
fn all_pools_of_a_host_together_have_no_more_connections_than_it_may_have() {
    for drive in DRIVES {
        let venue = Counting::start();
        let thread = thread(0, 3);
        let mut config = degraded(&venue.url(), 2, drive);
        let first = open(&thread, &config);
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        config.set_event_hook(Some(EventHook(Arc::new(move |event| {
            if event.kind == EventKind::DialFailed {
                log.lock().unwrap().push((event.status, event.until_ns));
            }
        }))));
        let second = open(&thread, &config);
        assert_eq!((live(&first), live(&second), without_place(&second)), (2, 1, 1));
        let error = second.last_dial_error().unwrap();
        assert_eq!(error.step, Status::ERR_HOST_LIMIT);
        assert!(error.text.ends_with("has 3 connections on this thread, and may have no more"));
        assert_eq!(*told.lock().unwrap(), [(Some(Status::ERR_HOST_LIMIT), 0)]);
        // A host of another port is another host.
        let elsewhere = Counting::start();
        let apart = open(&thread, &degraded(&elsewhere.url(), 3, drive));
        assert_eq!(live(&apart), 3);
        // One that is not to be degraded is not opened.
        config.set_allow_degraded_open(false);
        let refused = Pool::open_on(Some(&thread), &config).err().unwrap();
        assert_eq!(refused.step, Status::ERR_HOST_LIMIT);
        assert_eq!((live(&first), live(&second)), (2, 1));
        // Lost connections are healed, and never is there one too many.
        venue.until_open(3);
        for round in 1..20 {
            venue.lose(1 + round % 3);
            until(|| {
                (venue.accepted() == 3 + (1..=round).map(|it| 1 + it % 3).sum::<usize>())
                    .then_some(())
            });
            until(|| (live(&first) + live(&second) == 3).then_some(()));
            assert!(live(&first) > 0 && live(&second) > 0, "each pool has one");
            venue.until_open(3);
        }
        // What one gives back, the other takes.
        first.close().unwrap();
        until(|| (live(&second) == 2).then_some(()));
        venue.until_open(2);
        let third = open(&thread, &degraded(&venue.url(), 2, drive));
        assert_eq!((live(&third), without_place(&third)), (1, 1));
        assert_eq!(venue.most.load(Ordering::SeqCst), 3);
        [second, third, apart].iter().for_each(|pool| pool.close().unwrap());
    }
}

#[test]
fn all_pools_of_a_host_together_dial_no_more_often_than_it_allows() {
    const DIALS: u64 = 3;
    let venue = Counting::start();
    let thread = thread(DIALS as u32, 0);
    let begun = Instant::now();
    let opening = DRIVES.map(|drive| {
        let (thread, config) = (Arc::clone(&thread), degraded(&venue.url(), 4, drive));
        std::thread::spawn(move || open(&thread, &config))
    });
    // Permit number n + DIALS is at least a second behind permit number n, so this holds however
    // slow the machine is.
    let looks = || {
        let accepted = venue.accepted() as u64;
        let allowed = DIALS * (begun.elapsed().as_secs() + 1);
        assert!(accepted <= allowed, "{accepted} dials, and {allowed} are allowed");
        (accepted == 8).then_some(())
    };
    until(looks);
    assert!(begun.elapsed() >= Duration::from_secs(2), "eight dials take three seconds' share");
    for pool in opening.map(|opening| opening.join().unwrap()) {
        assert_eq!(live(&pool), 4);
        pool.close().unwrap();
    }
}

#[test]
fn a_replacement_waits_for_a_place_and_its_old_connection_serves() {
    for drive in DRIVES {
        let venue = Counting::start();
        let thread = thread(0, 3);
        let mut config = degraded(&venue.url(), 2, drive);
        config.set_max_age_ns(10 * MS).unwrap();
        let ages = open(&thread, &config);
        // It rotates within the place that is left.
        until(|| (ages.stats().rotations.get() > 3).then_some(()));
        let stays = open(&thread, &degraded(&venue.url(), 2, drive));
        until(|| (live(&stays) == 1 && without_place(&ages) > 0).then_some(()));
        let rotations = ages.stats().rotations.get();
        // The venue takes note of a connection a little later than the pool.
        until(|| (venue.accepted() as u64 >= 3 + rotations).then_some(()));
        assert_eq!(live(&ages), 2);
        // With a place left it goes on.
        stays.close().unwrap();
        until(|| (ages.stats().rotations.get() > rotations + 1).then_some(()));
        ages.close().unwrap();
        assert!(venue.most.load(Ordering::SeqCst) <= 3);
    }
}

/// A port that is had, and at which nobody listens yet.
fn silent() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

#[test]
fn a_dial_that_fails_gives_its_place_back() {
    for drive in DRIVES {
        let (socket, address) = silent();
        let thread = thread(0, 1);
        let config = degraded(&format!("http://{address}"), 2, drive);
        let pools = [0, 1].map(|_| open(&thread, &config));
        pools.iter().for_each(|pool| {
            until(|| (pool.stats().dials.get() > 5).then_some(()));
        });
        socket.listen(16).unwrap();
        let venue = Counting::serve(socket.into());
        until(|| (pools.iter().map(|pool| live(pool)).sum::<u32>() == 1).then_some(()));
        until(|| (pools.iter().map(|pool| without_place(pool)).sum::<usize>() == 3).then_some(()));
        venue.until_open(1);
        assert_eq!((venue.accepted(), venue.most.load(Ordering::SeqCst)), (1, 1));
        pools.iter().for_each(|pool| pool.close().unwrap());
    }
}

#[test]
fn a_connection_that_waits_for_a_late_answer_keeps_its_place() {
    for drive in DRIVES {
        let (throw, thrown) = switch();
        let server = Script::serve(move |peer, number| {
            while let Ok(Some(_)) = peer.read_request() {
                if number == 0 && thrown.lock().unwrap().recv().is_err() {
                    return;
                }
                if peer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").is_err() {
                    return;
                }
            }
        })
        .unwrap();
        let thread = thread(0, 1);
        let mut config = degraded(&server.url(), 1, drive);
        config.set_linger_ns(60_000 * MS).unwrap();
        config.set_request_timeout_ns(20 * MS).unwrap();
        let pool = open(&thread, &config);
        assert_eq!(get(&pool, "/").outcome, Outcome::Timeout);
        until(|| (without_place(&pool) == 1).then_some(()));
        assert_eq!((live(&pool), pool.stats().dials.get()), (0, 1));
        throw.send(()).unwrap();
        until(|| (live(&pool) == 1).then_some(()));
        pool.close().unwrap();
    }
}

#[test]
fn the_limits_are_set_before_the_first_pool() {
    let thread = thread(5, 5);
    let limits = |dials_per_second, connections| {
        thread.set_host_limits(Limits { dials_per_second, connections })
    };
    assert_eq!(limits(1_001, 0), Err(Status::ERR_ARGUMENT));
    assert_eq!(limits(0, 100_001), Err(Status::ERR_ARGUMENT));
    assert_eq!((limits(1_000, 100_000), limits(0, 0)), (Ok(()), Ok(())));
    let venue = Counting::start();
    let pool = open(&thread, &config(&venue.url(), 8));
    assert_eq!(limits(0, 0), Err(Status::ERR_PHASE));
    pool.close().unwrap();
    assert_eq!(limits(0, 0), Err(Status::ERR_PHASE));
}
