//! Pools that publish a page of themselves: what is in it, and what becomes of the file.

use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mock_venue::{How, Options, Venue};
use venuepool::config::{Config, Drive};
use venuepool::driver::Pool;
use venuepool::error::{CloseReason, Outcome, Status};
use venuepool::lane::Lane;
use venuepool::metrics::Kind;
use venuepool::pool::health::Activity;
use venuepool::publish::file::{ReadError, read_page};
use venuepool::publish::layout::{Refusal, SEQUENCE_AT, VERSION};
use venuepool::publish::page::{Page, Percentiles};
use venuepool::publish::process::{Life, life, this_process};
use venuepool::threads::shared_thread::SharedThread;

use crate::rig::{get, lose_connections, until, until_idle, venue_config, venue_pool};

/// The shortest period that C may ask for.
const OFTEN: Duration = Duration::from_millis(10);

/// Longer than any test.
const ONCE: Duration = Duration::from_secs(3_600);

/// Where the child of a test publishes.
const CHILD_PUBLISHES_AT: &str = "IT_PUBLISH";

/// A path of its own, where nothing is left behind.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("venuepool-it-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn page(&self) -> Page {
        until(|| match read_page(&self.0) {
            Ok(page) => Some(page),
            // The writer was interrupted in a write for longer than a reader waits.
            Err(ReadError::Refused(Refusal::Torn)) => None,
            Err(error) => panic!("{error}"),
        })
    }

    /// The first page of which that holds.
    fn page_when(&self, holds: impl Fn(&Page) -> bool) -> Page {
        until(|| Some(self.page()).filter(&holds))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn outcome(page: &Page, outcome: Outcome) -> u64 {
    page.totals.outcomes[Outcome::ALL.iter().position(|its| *its == outcome).unwrap()]
}

fn check_trading_page(place: &Place, pool: &Arc<Pool>, venue: &Venue) {
    for _ in 0..20 {
        get(pool, "/api/v3/time");
    }
    // A page is put together while orders go on: the counts may be newer than the durations.
    let is_counted = |page: &Page| page.durations[Kind::Total as usize].all.count == 20;
    let page = place.page_when(|page| outcome(page, Outcome::Ok) == 20 && is_counted(page));
    assert_eq!((page.name.as_str(), page.writer), ("trade", this_process()));
    assert_eq!(page.host, format!("localhost:{}", venue.address().port()));
    assert_eq!(page.totals.accepted[Lane::Orders as usize], 20);
    assert_eq!((page.totals.dials, page.totals.connected, page.totals.heals), (2, 2, 0));
    assert_eq!((page.state.live, page.state.waiting, page.slots.len()), (2, 0, 2));
    assert!(page.state.has_histograms && !page.state.is_shut_down);
    let total = page.durations[Kind::Total as usize];
    assert_eq!((total.all.count, total.recent.count), (20, 20));
    assert!(0 < total.all.p50_ns && total.all.p50_ns <= total.all.p99_ns);
    assert!(total.all.p99_ns <= total.all.p999_ns && total.all.p999_ns <= total.all.max_ns);
    let requests: u64 = page.slots.iter().map(|slot| slot.requests).sum();
    assert_eq!(requests, 20);
    for slot in &page.slots {
        assert_eq!((slot.activity(), slot.connection, slot.heals), (Some(Activity::Idle), 1, 0));
        assert_eq!(slot.peer.unwrap().port(), venue.address().port());
        assert!(slot.local.is_some() && slot.up_ns != 0 && slot.up_ns < page.written_ns);
    }
    let page = place.page_when(|page| {
        get(pool, "/api/v3/time");
        page.rate.accepted > 0
    });
    assert!(page.rate.over_ns >= 1_000_000_000 && page.rate.ended <= page.rate.accepted + 1);
    assert!(page.rate.accepted <= page.totals.accepted[Lane::Orders as usize]);
    // The name may have an address beside that at which the venue listens.
    let serves = page.addresses.iter().find(|address| address.slots != 0).unwrap();
    assert_eq!(serves.slots, 2);
    assert!(serves.is_listed && serves.rtt_ns > 0);
}

#[test]
fn a_page_tells_what_the_pool_does_in_each_drive_and_on_a_shared_thread() {
    let venue = Venue::start(Options::tls()).unwrap();
    let shared = SharedThread::start(&Config::default()).unwrap();
    for (number, drive) in [Drive::Thread, Drive::Caller].into_iter().enumerate() {
        for shared in [None, Some(&shared)] {
            let place = Place::new(&format!("tells-{number}-{}", shared.is_some()));
            let mut config = venue_config(&venue, 2);
            config.set_drive(drive);
            config.set_thread_name(b"trade").unwrap();
            let pool = Pool::open_on(shared, &config).unwrap();
            pool.publish(&place.0, OFTEN).unwrap();
            assert_eq!(place.page().sequence, 1, "it is there when the call returns");
            check_trading_page(&place, &pool, &venue);
            pool.close().unwrap();
            assert!(!place.0.exists(), "it goes with the pool");
        }
    }
}

#[test]
fn states_of_the_pool_are_told() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, place) = (venue_pool(&venue, 2), Place::new("states"));
    pool.publish(&place.0, OFTEN).unwrap();
    lose_connections(&venue, How::Fin, 2);
    let page = place.page_when(|page| page.totals.heals == 2 && page.state.idle == 2);
    let closed = |page: &Page, reason| page.totals.closed[reason as usize];
    assert_eq!(closed(&page, CloseReason::IdleClosed), 2);
    for slot in &page.slots {
        assert_eq!((slot.connection, slot.heals), (2, 1));
        assert_eq!(slot.last_close_reason(), Some(CloseReason::IdleClosed));
    }
    pool.suspend(ONCE.as_nanos() as u64);
    let page = place.page_when(|page| page.state.suspended_until_ns != 0);
    assert!(page.state.suspended_until_ns > page.written_ns);
    assert_eq!(page.totals.pauses, 1);
    pool.suspend(0);
    let lease = pool.try_acquire().unwrap();
    let page = place.page_when(|page| page.state.leased == 1);
    assert_eq!(page.slots[lease.slot as usize].activity(), Some(Activity::Leased));
    pool.shutdown(ONCE);
    place.page_when(|page| page.state.is_shut_down);
    pool.release(lease).unwrap();
    pool.close().unwrap();
}

#[test]
fn recent_durations_do_not_outlive_a_reset() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, place) = (venue_pool(&venue, 1), Place::new("reset"));
    get(&pool, "/api/v3/time");
    pool.publish(&place.0, OFTEN).unwrap();
    let total = |page: &Page| page.durations[Kind::Total as usize];
    let first = total(&place.page());
    assert_eq!((first.all.count, first.recent.count), (1, 0), "recent: since it publishes");
    assert_eq!(first.recent, Percentiles::default());
    get(&pool, "/api/v3/time");
    place.page_when(|page| total(page).recent.count == 1);
    pool.histogram(Kind::Total, None, true).unwrap();
    place.page_when(|page| total(page).all.count == 0 && total(page).recent.count == 0);
    get(&pool, "/api/v3/time");
    place.page_when(|page| total(page).all.count == 1 && total(page).recent.count == 1);
    pool.close().unwrap();
}

#[test]
fn readers_see_whole_pages_that_go_forward_while_orders_run() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, place) = (venue_pool(&venue, 4), Place::new("forward"));
    pool.publish(&place.0, OFTEN).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    get(&pool, "/api/v3/time");
                }
            });
        }
        let mut last = Page::default();
        while last.sequence < 30 {
            let page = place.page();
            assert!(page.sequence >= last.sequence && page.written_ns >= last.written_ns);
            let accepted: u64 = page.totals.accepted.iter().sum();
            assert!(accepted >= last.totals.accepted.iter().sum());
            assert!(outcome(&page, Outcome::Ok) >= outcome(&last, Outcome::Ok));
            assert_eq!(page.slots.len(), 4);
            last = page;
        }
        assert!(outcome(&last, Outcome::Ok) > 0);
        is_over.store(true, Ordering::Relaxed);
    });
    pool.close().unwrap();
}

#[test]
fn a_reader_that_holds_a_map_holds_up_nothing() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, place) = (venue_pool(&venue, 1), Place::new("map"));
    pool.publish(&place.0, OFTEN).unwrap();
    let file = fs::File::open(&place.0).unwrap();
    let (len, read, shared) = (4096, libc::PROT_READ, libc::MAP_SHARED);
    // SAFETY: a new mapping, of a file that is longer.
    let map = unsafe { libc::mmap(std::ptr::null_mut(), len, read, shared, file.as_raw_fd(), 0) };
    assert_ne!(map, libc::MAP_FAILED);
    // SAFETY: eight bytes within the mapping, which is aligned to pages.
    let sequence = unsafe { map.byte_add(SEQUENCE_AT).cast::<u64>() };
    // SAFETY: as above. It is written meanwhile, by another view of the same memory.
    let in_map = || u64::from_le(unsafe { sequence.read_volatile() });
    let first = in_map();
    until(|| (in_map() > first + 3).then_some(()));
    get(&pool, "/api/v3/time");
    pool.close().unwrap();
    assert!(in_map() > first, "the map outlives the file");
    // SAFETY: what was mapped above, of which no reference is left.
    assert_eq!(unsafe { libc::munmap(map, len) }, 0);
}

#[test]
fn the_path_and_the_end_of_publishing_can_be_chosen_while_the_pool_is_open() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (one, two) = (Place::new("one"), Place::new("two"));
    let pool = venue_pool(&venue, 1);
    pool.publish(&one.0, ONCE).unwrap();
    pool.publish(&two.0, ONCE).unwrap();
    assert!(!one.0.exists());
    assert_eq!(two.page().period_ns, ONCE.as_nanos() as u64);
    pool.publish(&two.0, OFTEN).unwrap();
    two.page_when(|page| page.sequence > 3 && page.period_ns == OFTEN.as_nanos() as u64);
    pool.end_publishing();
    assert!(!two.0.exists());
    get(&pool, "/api/v3/time");
    pool.publish(&one.0, ONCE).unwrap();
    assert_eq!(outcome(&one.page(), Outcome::Ok), 1);
    pool.close().unwrap();
    assert!(!one.0.exists());
    assert_eq!(pool.publish(&one.0, ONCE), Err(Status::ERR_CLOSED));
    assert!(!one.0.exists());
}

#[test]
fn a_refused_path_changes_nothing() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, other) = (venue_pool(&venue, 1), venue_pool(&venue, 1));
    let (place, theirs) = (Place::new("mine"), Place::new("theirs"));
    pool.publish(&place.0, OFTEN).unwrap();
    other.publish(&theirs.0, OFTEN).unwrap();
    let script = Place::new("script");
    fs::write(&script.0, "#!/bin/sh\n").unwrap();
    let folder = Path::new("/no/such/folder/page");
    for refused in [theirs.0.as_path(), &script.0, folder, Path::new("/dev/null")] {
        assert_eq!(pool.publish(refused, OFTEN), Err(Status::ERR_FILE), "{}", refused.display());
    }
    assert_eq!(fs::read_to_string(&script.0).unwrap(), "#!/bin/sh\n");
    let sequence = place.page().sequence;
    place.page_when(|page| page.sequence > sequence);
    other.close().unwrap();
    pool.publish(&theirs.0, OFTEN).unwrap();
    pool.close().unwrap();
}

#[test]
fn what_is_no_page_of_this_version_is_refused_by_name() {
    let venue = Venue::start(Options::plain()).unwrap();
    let (pool, place) = (venue_pool(&venue, 1), Place::new("version"));
    pool.publish(&place.0, ONCE).unwrap();
    let bytes = fs::read(&place.0).unwrap();
    pool.close().unwrap();
    let refusal = |bytes: &[u8]| {
        fs::write(&place.0, bytes).unwrap();
        match read_page(&place.0) {
            Err(ReadError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    let mut newer = bytes.clone();
    newer[8..16].copy_from_slice(&(VERSION + 1).to_le_bytes());
    assert_eq!(refusal(&newer), Refusal::Version(VERSION + 1));
    assert_eq!(refusal(&bytes[..bytes.len() / 2]), Refusal::Truncated);
    assert_eq!(refusal(b"garbage"), Refusal::NotAPage);
    let mut damaged = bytes.clone();
    damaged[600] ^= 1;
    assert_eq!(refusal(&damaged), Refusal::Torn);
}

/// The child of the next test: it publishes once, says so, and waits to be killed.
fn publish_and_wait(path: &str) {
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    pool.publish(Path::new(path), ONCE).unwrap();
    // Its end is the pipe's, so that no child is left behind.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn the_page_of_a_killed_process_tells_its_end_and_gives_way() {
    if let Ok(path) = std::env::var(CHILD_PUBLISHES_AT) {
        return publish_and_wait(&path);
    }
    let place = Place::new("killed");
    let name = "publish::the_page_of_a_killed_process_tells_its_end_and_gives_way";
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", name, "--nocapture"]).env(CHILD_PUBLISHES_AT, &place.0);
    let mut child = again.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let page = until(|| read_page(&place.0).ok());
    assert_eq!((page.writer.pid, life(&page.writer)), (child.id().into(), Life::Runs));
    let venue = Venue::start(Options::plain()).unwrap();
    let pool = venue_pool(&venue, 1);
    assert_eq!(pool.publish(&place.0, ONCE), Err(Status::ERR_FILE), "it still runs");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.page(), page);
    assert_eq!(life(&page.writer), Life::Ended);
    pool.publish(&place.0, ONCE).unwrap();
    assert_eq!(place.page().writer, this_process());
    until_idle(&pool, 1);
    pool.close().unwrap();
}
