//! The checker's primitives, under the names of the real ones, and small models of what it lacks.
//!
//! Where a real one promises little, its model promises no more: the array behind the completion
//! queue hands over with acquire and release, although crossbeam's orders more than that today.

pub use loom::sync::{Arc as Shared, Condvar, Mutex, MutexGuard};
pub use loom::thread::{ThreadId, yield_now};

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use crossbeam_channel::{TryRecvError, TrySendError};
use nix::sys::eventfd::EfdFlags;

use atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// The checker's atomics. It knows the one order of sequentially consistent fences, but not that of
/// accesses, on which deadlines rest: for these the fences are put beside the accesses.
pub mod atomic {
    pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

    use Ordering::SeqCst;

    /// A moment, an id, a set of bits.
    #[derive(Debug, Default)]
    pub struct AtomicU64(loom::sync::atomic::AtomicU64);

    macro_rules! changes {
        ($($name:ident)*) => {
            $(
                #[doc = "As in std."]
                pub fn $name(&self, value: u64, order: Ordering) -> u64 {
                    let old = self.0.$name(value, order);
                    fence_if(order);
                    old
                }
            )*
        };
    }

    impl AtomicU64 {
        /// As in std.
        pub fn new(value: u64) -> Self {
            Self(loom::sync::atomic::AtomicU64::new(value))
        }

        /// As in std.
        pub fn load(&self, order: Ordering) -> u64 {
            fence_if(order);
            self.0.load(order)
        }

        /// As in std; swapped, because the checker puts a store beside a swap in two orders.
        pub fn store(&self, value: u64, order: Ordering) {
            self.swap(value, order);
        }

        /// As in std.
        pub fn compare_exchange(
            &self,
            from: u64,
            to: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            fence_if(success);
            self.0.compare_exchange(from, to, success, failure)
        }

        changes!(swap fetch_add fetch_and fetch_max fetch_min fetch_or);
    }

    fn fence_if(order: Ordering) {
        if order == SeqCst {
            fence(SeqCst);
        }
    }
}

/// The calling thread of the model.
pub fn current_thread() -> loom::thread::Thread {
    loom::thread::current()
}

thread_local! {
    /// Threads of a model are no threads of the system: all of them see this.
    static NOW_NS: Cell<u64> = const { Cell::new(1) };
}

/// The time of the running model, which stands still.
pub fn now_ns() -> u64 {
    NOW_NS.get()
}

/// Makes it later, or earlier for the next run.
pub fn set_now_ns(now: u64) {
    NOW_NS.set(now);
}

/// Where the one thread of a model that runs tasks sleeps.
#[derive(Default)]
struct Bed {
    is_called: Mutex<bool>,
    bell: Condvar,
}

thread_local! {
    static BED: RefCell<Option<Arc<Bed>>> = const { RefCell::new(None) };
}

/// Begins a run of a model: its clock, and the bed of the thread that runs tasks.
pub fn begin_run() {
    set_now_ns(1_000);
    BED.set(Some(Arc::default()));
}

fn bed() -> Arc<Bed> {
    BED.with_borrow(|bed| Arc::clone(bed.as_ref().expect("a run was begun")))
}

/// What the thread that runs tasks does when none is ready.
pub fn park_runtime() {
    let bed = bed();
    let mut is_called = bed.is_called.lock().expect("no thread panics here");
    while !*is_called {
        is_called = bed.bell.wait(is_called).expect("no thread panics here");
    }
    *is_called = false;
}

/// A task is ready, or a socket.
pub fn unpark_runtime() {
    let bed = bed();
    *bed.is_called.lock().expect("no thread panics here") = true;
    bed.bell.notify_one();
}

/// A model of `tokio::sync::Notify` with one waiter, a task: news are kept until it is polled.
#[derive(Debug, Default)]
pub struct Notify(AtomicBool);

impl Notify {
    /// Nothing is new yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves news, and wakes the thread that runs tasks.
    pub fn notify_one(&self) {
        self.0.swap(true, Ordering::AcqRel);
        unpark_runtime();
    }

    /// Whether the task is ready.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }

    /// For the tasks themselves, which no model runs: it runs what they do at each wake-up.
    pub async fn notified(&self) {
        while !self.take() {
            park_runtime();
        }
    }
}

/// A model of `std::sync::OnceLock`.
#[derive(Debug)]
pub struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
}

impl<T> OnceLock<T> {
    /// As in std.
    #[expect(clippy::new_without_default, reason = "as little as is used")]
    pub fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false) }
    }

    /// As in std.
    pub fn get(&self) -> Option<&T> {
        self.is_set.load(Ordering::Acquire).then(|| self.value.get()).flatten()
    }

    /// As in std.
    pub fn get_or_init(&self, value: impl FnOnce() -> T) -> &T {
        let value = self.value.get_or_init(value);
        self.is_set.store(true, Ordering::Release);
        value
    }
}

/// A model of an eventfd: one number, changed in one step. It orders nothing else.
#[derive(Debug)]
pub struct EventFd {
    count: loom::sync::atomic::AtomicU64,
    /// Never used; whoever asks for the descriptor gets one.
    real: nix::sys::eventfd::EventFd,
}

impl EventFd {
    /// As in nix.
    pub fn from_value_and_flags(value: u32, flags: EfdFlags) -> nix::Result<Self> {
        let real = nix::sys::eventfd::EventFd::from_value_and_flags(0, flags)?;
        Ok(Self { count: loom::sync::atomic::AtomicU64::new(u64::from(value)), real })
    }

    /// As in nix.
    pub fn write(&self, value: u64) -> nix::Result<usize> {
        self.count.fetch_add(value, Ordering::Relaxed);
        Ok(8)
    }

    /// As in nix.
    pub fn read(&self) -> nix::Result<u64> {
        match self.count.swap(0, Ordering::Relaxed) {
            0 => Err(nix::Error::EAGAIN),
            count => Ok(count),
        }
    }

    /// What `poll` would tell.
    pub fn is_readable(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.real.as_fd()
    }
}

/// A model of crossbeam's bounded channel: its algorithm, with weaker orders.
struct Array<T> {
    head: AtomicUsize,
    tail: AtomicUsize,
    places: Box<[Place<T>]>,
}

struct Place<T> {
    /// The position that may be written next; one more: it may be read.
    stamp: AtomicUsize,
    /// Ordered by the stamp. A lock that the checker does not see, and that is never waited for.
    message: std::sync::Mutex<Option<T>>,
}

/// One end of it.
pub struct Sender<T>(Arc<Array<T>>);

/// The other end.
pub struct Receiver<T>(Arc<Array<T>>);

/// As in crossbeam.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let place = |position| Place {
        stamp: AtomicUsize::new(position),
        message: std::sync::Mutex::new(None),
    };
    let array = Arc::new(Array {
        head: AtomicUsize::new(0),
        tail: AtomicUsize::new(0),
        places: (0..capacity).map(place).collect(),
    });
    (Sender(Arc::clone(&array)), Receiver(array))
}

impl<T> Array<T> {
    fn place(&self, position: usize) -> &Place<T> {
        &self.places[position % self.places.len()]
    }

    /// Takes a position from `counter`; `false` when another thread was faster.
    fn take(counter: &AtomicUsize, position: usize) -> bool {
        counter
            .compare_exchange(position, position + 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }
}

impl<T> Sender<T> {
    /// As in crossbeam.
    pub fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        loop {
            let position = self.0.tail.load(Ordering::Relaxed);
            let place = self.0.place(position);
            let stamp = place.stamp.load(Ordering::Acquire);
            if stamp == position && Array::<T>::take(&self.0.tail, position) {
                *place.message.try_lock().expect("the place is ours") = Some(message);
                place.stamp.store(position + 1, Ordering::Release);
                return Ok(());
            }
            if stamp < position {
                fence(Ordering::SeqCst);
                let lap = self.0.places.len();
                if self.0.head.load(Ordering::Relaxed) + lap == position {
                    return Err(TrySendError::Full(message));
                }
            }
            yield_now();
        }
    }
}

impl<T> Receiver<T> {
    /// As in crossbeam.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        loop {
            let position = self.0.head.load(Ordering::Relaxed);
            let place = self.0.place(position);
            let stamp = place.stamp.load(Ordering::Acquire);
            if stamp == position + 1 && Array::<T>::take(&self.0.head, position) {
                let message = place.message.try_lock().expect("the place is ours").take();
                place.stamp.store(position + self.0.places.len(), Ordering::Release);
                return Ok(message.expect("it was written before its stamp"));
            }
            if stamp == position {
                fence(Ordering::SeqCst);
                if self.0.tail.load(Ordering::Relaxed) == position {
                    return Err(TryRecvError::Empty);
                }
            }
            yield_now();
        }
    }

    /// As in crossbeam.
    pub fn is_empty(&self) -> bool {
        // The newest, by changing it to what it is: an old one costs no more than a look in vain,
        // but of these the checker would try without end.
        let head = self.0.head.fetch_add(0, Ordering::Relaxed);
        self.0.tail.load(Ordering::Acquire) == head
    }
}
