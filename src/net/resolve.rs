//! Names to addresses: one look-up at a time, and the last good answer for when there is none.
//!
//! The system's resolver does the work (getaddrinfo: hosts file, nsswitch, search domains, as
//! operators expect), on a thread of its own that ends with the look-up. It cannot be cancelled,
//! only left behind: so all dials of a pool share one look-up, and while one hangs no other begins.
//! Addresses that were pinned stand in for all look-ups.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use crate::net::thread;

/// A thread of Linux has a name of up to 15 bytes.
const MAX_THREAD_NAME: usize = 15;

/// What the name of a look-up's thread ends with.
const SUFFIX: &str = "-dns";

/// A look-up under way.
type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Begins a look-up: the system's, or a test's.
pub type LookUp = Box<dyn Fn() -> LookingUp + Send + Sync>;

/// What came of the newest look-up.
#[derive(Clone, Default)]
struct Answer {
    /// Counts the look-ups that have ended.
    serial: u64,
    /// Why it failed, if it did.
    error: Option<Arc<io::Error>>,
    /// The newest addresses that any look-up found.
    last_good: Vec<SocketAddr>,
}

/// The resolver of one pool.
pub struct Resolver {
    look_up: LookUp,
    answer: watch::Sender<Answer>,
    /// When the look-up began that is under way.
    begun: Mutex<Option<Instant>>,
    stale: AtomicU64,
    /// Empty: nothing is pinned.
    pinned: Mutex<Vec<SocketAddr>>,
}

impl Resolver {
    /// A resolver that asks the system for `host`, on a thread that is named after the pool's.
    pub fn of_host(host: &str, port: u16, pool_thread: &str) -> Arc<Self> {
        let (host, name) = (host.to_owned(), thread_name(pool_thread));
        Self::new(Box::new(move || {
            let host = host.clone();
            let (tell, told) = oneshot::channel();
            let started = thread::spawn(&name, None, move || {
                // The asker may have gone.
                let _ = tell.send(ask_system(&host, port));
            });
            Box::pin(async move {
                started?;
                told.await.unwrap_or_else(|_| Err(io::Error::other("the look-up's thread ended")))
            })
        }))
    }

    /// A resolver that knows.
    pub fn of_addresses(ips: &[IpAddr], port: u16) -> Arc<Self> {
        let known: Vec<_> = ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
        Self::new(Box::new(move || Box::pin(std::future::ready(Ok(known.clone())))))
    }

    /// A resolver that asks `look_up`.
    pub fn new(look_up: LookUp) -> Arc<Self> {
        let (answer, _) = watch::channel(Answer::default());
        let (begun, stale) = (Mutex::default(), AtomicU64::new(0));
        Arc::new(Self { look_up, answer, begun, stale, pinned: Mutex::default() })
    }

    /// From now on these are the addresses, without a look-up; an empty list lets it look up again.
    pub fn pin(&self, addresses: Vec<SocketAddr>) {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// How often the last good answer stood in for a look-up that failed or took too long.
    pub fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// The addresses, at least one: of a look-up made now, or else those of the last good one.
    ///
    /// # Errors
    /// What the look-up said, or `TimedOut`, when none has ever succeeded.
    pub async fn resolve(
        self: &Arc<Self>,
        patience: Duration,
    ) -> Result<Vec<SocketAddr>, io::Error> {
        let pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !pinned.is_empty() {
            return Ok(pinned);
        }
        let mut answers = self.answer.subscribe();
        let before = answers.borrow().serial;
        let begun = self.begin();
        // One that hangs is not waited for by each dial anew, if there is a way around it.
        let hangs = begun.elapsed() >= patience && !answers.borrow().last_good.is_empty();
        let patience = if hangs { Duration::ZERO } else { patience };
        let fresh = answers.wait_for(|answer| answer.serial > before);
        let in_time = tokio::time::timeout(patience, fresh).await;
        let late = || Answer {
            error: Some(Arc::new(io::ErrorKind::TimedOut.into())),
            ..self.answer.borrow().clone()
        };
        let answer = match in_time {
            Ok(Ok(answer)) => answer.clone(),
            _ => late(),
        };
        match answer.error {
            Some(error) if answer.last_good.is_empty() => Err(match error.raw_os_error() {
                Some(number) => io::Error::from_raw_os_error(number),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            Some(_) => {
                self.stale.fetch_add(1, Ordering::Relaxed);
                Ok(answer.last_good)
            }
            None => Ok(answer.last_good),
        }
    }

    /// Begins a look-up unless one is under way, and answers when it began.
    fn begin(self: &Arc<Self>) -> Instant {
        let now = Instant::now();
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = *begun {
            return begun;
        }
        *begun = Some(now);
        let (resolver, looking_up) = (Arc::clone(self), (self.look_up)());
        tokio::spawn(async move {
            let found = looking_up.await;
            resolver.end(found);
        });
        now
    }

    fn end(&self, found: io::Result<Vec<SocketAddr>>) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.answer.send_modify(|answer| {
            answer.serial += 1;
            answer.error = match found {
                Ok(found) if found.is_empty() => Some(Arc::new(io::ErrorKind::NotFound.into())),
                Ok(found) => {
                    answer.last_good = found;
                    None
                }
                Err(error) => Some(Arc::new(error)),
            };
        });
    }
}

fn thread_name(pool_thread: &str) -> String {
    let room = MAX_THREAD_NAME - SUFFIX.len();
    let end = (0..=room).rev().find(|end| pool_thread.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{SUFFIX}", &pool_thread[..end])
}

fn ask_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    match (host, port).to_socket_addrs() {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(want_of_descriptors().unwrap_or(error)),
    }
}

/// The system's resolver answers "name or service not known" when it cannot open its own files. So
/// after a failure it is asked whether a descriptor can be had at all; the error, if not.
fn want_of_descriptors() -> Option<io::Error> {
    let error = std::fs::File::open("/dev/null").err()?;
    let is_want = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    is_want.then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::sync::atomic::AtomicUsize;

    /// What the system answers, one after the other; after the last it hangs.
    #[derive(Clone)]
    enum Says {
        Found(&'static str),
        Fails,
        Nothing,
    }

    fn resolver(says: &[Says]) -> (Arc<Resolver>, Arc<AtomicUsize>) {
        let says = Mutex::new(VecDeque::from(says.to_vec()));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let resolver = Resolver::new(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let next = says.lock().unwrap().pop_front();
            Box::pin(async move {
                // A look-up is never done before it was waited for.
                tokio::task::yield_now().await;
                match next {
                    Some(Says::Found(address)) => Ok(vec![address.parse().unwrap()]),
                    Some(Says::Fails) => Err(io::Error::other("no such host")),
                    Some(Says::Nothing) => Ok(Vec::new()),
                    None => std::future::pending().await,
                }
            })
        }));
        (resolver, asked)
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(test)
    }

    const PATIENCE: Duration = Duration::from_secs(30);
    const ONE: &str = "1.0.0.1:443";
    const TWO: &str = "1.0.0.2:443";

    fn addresses(text: &str) -> Vec<SocketAddr> {
        vec![text.parse().unwrap()]
    }

    #[test]
    fn each_dial_asks_anew_and_a_change_is_seen() {
        run(async {
            let (resolver, asked) = resolver(&[Says::Found(ONE), Says::Found(TWO)]);
            assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(ONE));
            assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(TWO));
            assert_eq!((asked.load(Ordering::SeqCst), resolver.stale()), (2, 0));
        });
    }

    #[test]
    fn dials_at_the_same_time_share_one_look_up() {
        run(async {
            let (resolver, asked) = resolver(&[Says::Found(ONE)]);
            let three =
                tokio::join!(resolver.resolve(PATIENCE), resolver.resolve(PATIENCE), async {
                    resolver.resolve(PATIENCE).await
                });
            for answer in [three.0, three.1, three.2] {
                assert_eq!(answer.unwrap(), addresses(ONE));
            }
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        });
    }

    #[test]
    fn the_last_good_answer_stands_in_for_one_that_fails_or_is_empty() {
        run(async {
            let says = [Says::Found(ONE), Says::Fails, Says::Nothing, Says::Found(TWO)];
            let (resolver, _) = resolver(&says);
            for expected in [ONE, ONE, ONE, TWO] {
                assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(expected));
            }
            assert_eq!(resolver.stale(), 2);
        });
    }

    #[test]
    fn a_look_up_that_gets_no_thread_is_over_and_the_next_one_is_made() {
        run(async {
            let (resolver, asked) = resolver(&[Says::Fails, Says::Found(ONE)]);
            assert!(resolver.resolve(PATIENCE).await.is_err());
            assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(ONE));
            assert_eq!(asked.load(Ordering::SeqCst), 2);
        });
    }

    #[test]
    fn the_thread_of_a_look_up_has_a_name_that_the_system_shows_whole() {
        assert_eq!(thread_name("venuepool"), "venuepool-dns");
        assert_eq!(thread_name("venuepool-three"), "venuepool-t-dns");
        assert_eq!(thread_name("ninebytes\u{e9}\u{e9}"), "ninebytes\u{e9}-dns");
    }

    #[test]
    fn the_systems_error_number_is_kept() {
        run(async {
            let emfile = || io::Error::from_raw_os_error(libc::EMFILE);
            let look_up: LookUp = Box::new(move || Box::pin(std::future::ready(Err(emfile()))));
            let error = Resolver::new(look_up).resolve(PATIENCE).await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
        });
    }

    #[test]
    fn without_any_good_answer_the_reason_is_told() {
        run(async {
            let (resolver, _) = resolver(&[Says::Fails, Says::Nothing]);
            let error = resolver.resolve(PATIENCE).await.unwrap_err();
            assert!(error.to_string().contains("no such host"));
            let error = resolver.resolve(PATIENCE).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            let error = resolver.resolve(Duration::from_millis(1)).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_look_up_that_hangs_is_neither_repeated_nor_waited_for_again() {
        run(async {
            let (resolver, asked) = resolver(&[Says::Found(ONE)]);
            resolver.resolve(PATIENCE).await.unwrap();
            let patience = Duration::from_millis(200);
            assert_eq!(resolver.resolve(patience).await.unwrap(), addresses(ONE));
            // Its time is over: no dial waits for it from now on.
            let all = async {
                for _ in 0..100 {
                    assert_eq!(resolver.resolve(patience).await.unwrap(), addresses(ONE));
                }
            };
            // Half of what they would take if each waited.
            tokio::time::timeout(50 * patience, all).await.expect("none waits");
            assert_eq!((asked.load(Ordering::SeqCst), resolver.stale()), (2, 101));
        });
    }

    #[test]
    fn what_is_pinned_is_not_looked_up_until_it_is_let_go() {
        run(async {
            let (resolver, asked) = resolver(&[Says::Found(ONE)]);
            resolver.pin(addresses(TWO));
            assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(TWO));
            assert_eq!(asked.load(Ordering::SeqCst), 0);
            resolver.pin(Vec::new());
            assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(ONE));
        });
    }

    #[test]
    fn pinned_addresses_are_what_they_are() {
        run(async {
            let resolver = Resolver::of_addresses(&["1.0.0.1".parse().unwrap()], 443);
            assert_eq!(resolver.resolve(PATIENCE).await.unwrap(), addresses(ONE));
        });
    }
}
