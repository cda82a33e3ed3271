//! The checker's primitives, under the names of the real ones, and small models of what it lacks.

pub use loom::sync::{Arc as Shared, Condvar, Mutex, MutexGuard};
pub use loom::thread::{ThreadId, yield_now};

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::eventfd::EfdFlags;

use atomic::{AtomicBool, Ordering};

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

    /// A flag of which who sets it and who looks at it know the one order of their accesses.
    #[derive(Debug)]
    pub struct OrderedBool(AtomicBool);

    impl OrderedBool {
        /// As in std.
        pub fn new(value: bool) -> Self {
            Self(AtomicBool::new(value))
        }

        /// As in std.
        pub fn load(&self, order: Ordering) -> bool {
            fence_if(order);
            self.0.load(order)
        }

        /// As in std; swapped, for the same reason.
        pub fn store(&self, value: bool, order: Ordering) {
            self.swap(value, order);
        }

        /// As in std.
        pub fn swap(&self, value: bool, order: Ordering) -> bool {
            let old = self.0.swap(value, order);
            fence_if(order);
            old
        }
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

/// A model of `tokio::sync::Notify` with one waiter, a task: a notification is kept until it is
/// polled.
#[derive(Debug, Default)]
pub struct Notify(AtomicBool);

impl Notify {
    /// Nothing is new yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves a notification, and wakes the thread that runs tasks.
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
