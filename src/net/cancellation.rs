//! pthread_cancel must not end a thread in the midst of a call.
//!
//! Sending, receiving and sleeping are cancellation points (pthreads(7)). A cancel that takes
//! effect there unwinds through Rust frames that hold locks, which aborts the process. So it is
//! put off until the call is over, and in the pool's own thread for ever.

use std::ffi::c_int;
use std::marker::PhantomData;
use std::ptr;

/// PTHREAD_CANCEL_DISABLE of Linux's pthread.h.
const DISABLE: c_int = 1;

#[allow(unsafe_code)]
unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old_state: *mut c_int) -> c_int;
}

/// Cancels of the calling thread are put off until this is dropped. No system call.
pub struct PutOff {
    before: c_int,
    /// The state is the thread's.
    _not_send: PhantomData<*const ()>,
}

impl PutOff {
    /// Puts cancels off from now on.
    #[allow(unsafe_code)]
    pub fn begin() -> Self {
        let mut before = 0;
        // SAFETY: the state is one of the two that there are, and the old one is written to an int.
        unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
        Self { before, _not_send: PhantomData }
    }

    /// Leaves it so until the thread ends.
    pub fn for_ever(self) {
        std::mem::forget(self);
    }
}

impl Drop for PutOff {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // Not a cancellation point itself (pthread_setcancelstate(3)).
        // SAFETY: the state is what the same thread had before; nothing is written to NULL.
        unsafe { pthread_setcancelstate(self.before, ptr::null_mut()) };
    }
}
