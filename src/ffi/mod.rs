//! The C face: glue only.
//!
//! One file per section of the header, in the header's order. Each function has the same skeleton:
//! [`guard`] (no panic leaves the library), checks (NULL, sizes, forked, closed), one safe call, a
//! status. Pointers, integers and `vp_str` come in; no Rust reference and no enum ever does,
//! because C can pass any bits. What a pointer must be is said in the header; `SAFETY:` lines that
//! name "the header" mean that.
#![allow(non_camel_case_types)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::Status;

// In the header's order, which cbindgen takes from here; the blank lines keep rustfmt from sorting.
mod text;
pub mod types;
mod versioned;

pub mod version;

pub mod config;

pub mod limits;

pub mod sockets;
pub mod sources;

pub mod edges;

pub mod tls;

pub mod maintenance;

pub mod overload;

pub mod thread;

pub mod pool;

pub mod request;

pub mod lanes;

pub mod late;

pub mod submit;

pub mod fanout;

pub mod complete;

pub mod group;

pub mod response;

pub mod watch;

pub mod histograms;

pub mod metrics;

pub mod publish;
pub mod recorder;

pub mod log;

pub mod ws_config;

pub mod ws_event;

pub mod ws;

pub mod ws_frame;

pub mod handle;

/// Runs a call; a panic, which would be a defect of ours, becomes `on_panic`.
fn guard<T>(on_panic: T, call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or(on_panic)
}

/// A call that answers a status.
fn status(call: impl FnOnce() -> Result<(), Status>) -> Status {
    guard(Status::ERR_INTERNAL, || call().err().unwrap_or(Status::OK))
}

/// A call that answers a count, or a negative status.
fn count(call: impl FnOnce() -> Result<usize, Status>) -> i32 {
    guard(Status::ERR_INTERNAL as i32, || match call() {
        Ok(count) => i32::try_from(count).unwrap_or(i32::MAX),
        Err(status) => status as i32,
    })
}

/// A pointer that the header allows to be read, or `ERR_NULL`.
///
/// # Safety
/// Not NULL means: valid for reading, and not written to by others, for as long as `'a`.
unsafe fn borrow<'a, T>(pointer: *const T) -> Result<&'a T, Status> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or(Status::ERR_NULL)
}

/// A pointer that the header allows to be written, or `ERR_NULL`.
///
/// # Safety
/// Not NULL means: valid, and used by no other thread, for as long as `'a`.
unsafe fn borrow_mut<'a, T>(pointer: *mut T) -> Result<&'a mut T, Status> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_mut() }.ok_or(Status::ERR_NULL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_panic_leaves_the_library() {
        let answer = status(|| panic!("a defect, on purpose"));
        assert_eq!(answer, Status::ERR_INTERNAL);
        assert_eq!(count(|| panic!("a defect, on purpose")), Status::ERR_INTERNAL as i32);
    }
}
