//! When a task of the pool thread looks next, which any thread may make sooner.
//!
//! Nearly always what is due comes after the next look anyway. Then no thread is woken for it.

use crate::sync::Notify;
use crate::sync::atomic::{AtomicU64, Ordering};

/// When a task looks next.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    /// In nanoseconds. 0 before the first look: everything is later, which is right, because the
    /// first look is yet to come.
    armed_ns: AtomicU64,
    /// Asks for a look at once.
    pub(crate) rearm: Notify,
}

impl Timer {
    /// Something is due at that time, and is stored where the task looks.
    pub(crate) fn note(&self, due_ns: u64) {
        if due_ns < self.armed_ns.load(Ordering::SeqCst) {
            self.rearm.notify_one();
        }
    }

    /// The next look is at that time; whoever looks must look once more after this call.
    pub(crate) fn arm(&self, at_ns: u64) {
        self.armed_ns.store(at_ns, Ordering::SeqCst);
    }
}
