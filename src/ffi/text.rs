//! A text for the caller's buffer. It does not know what is in it.

use std::ffi::c_char;

use super::borrow_mut;
use crate::error::Status;

/// Writes text and a NUL into the caller's buffer, if they fit.
///
/// # Safety
/// `capacity` writable bytes at `buffer`, and `needed` writable, or NULL.
pub(super) unsafe fn write_text(
    text: &str,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> Result<(), Status> {
    // SAFETY: the caller's promise.
    *unsafe { borrow_mut(needed) }? = text.len() + 1;
    if buffer.is_null() && capacity > 0 {
        return Err(Status::ERR_NULL);
    }
    if capacity <= text.len() {
        return Err(Status::ERR_TOO_LARGE);
    }
    // SAFETY: the caller's promise; the text and its NUL fit.
    unsafe {
        buffer.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        buffer.add(text.len()).write(0);
    }
    Ok(())
}
