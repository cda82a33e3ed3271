//! How the sizes of structs let old and new callers meet.
//!
//! It reads the size that a caller's struct has, and writes as much of a struct as fits there. It
//! does not know what the fields mean.

use std::mem::size_of;

use super::types::{
    vp_address, vp_completion, vp_error, vp_health, vp_slot_health, vp_stats, vp_summary,
    vp_watched,
};
use crate::error::Status;

/// A struct that begins with its own size, so that callers of another version fit.
///
/// An older caller has a smaller struct: it gets the front part that it knows. A newer caller has a
/// larger one: what we do not know reads as zero. Fields are only ever added at the end.
///
/// # Safety
/// `repr(C)`, begins with `struct_size: usize`, holds no padding that matters.
pub(super) unsafe trait Versioned: Copy {
    /// The size of the first published version: no caller has less.
    const FIRST: usize;
}

// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_error {
    const FIRST: usize = 272;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_completion {
    const FIRST: usize = 88;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_health {
    const FIRST: usize = 32;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_slot_health {
    const FIRST: usize = 64;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_address {
    const FIRST: usize = 112;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_stats {
    const FIRST: usize = 224;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_watched {
    const FIRST: usize = 96;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_summary {
    const FIRST: usize = 64;
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<vp_error>() == vp_error::FIRST);
    assert!(size_of::<vp_completion>() == vp_completion::FIRST + 18 * 8);
    assert!(size_of::<vp_health>() == vp_health::FIRST + 24);
    assert!(size_of::<vp_slot_health>() == vp_slot_health::FIRST + 136);
    assert!(size_of::<vp_address>() == vp_address::FIRST);
    assert!(size_of::<vp_stats>() == vp_stats::FIRST + 32 * 8);
    assert!(size_of::<vp_watched>() == vp_watched::FIRST);
    assert!(size_of::<vp_summary>() == vp_summary::FIRST);
};

/// The size that the caller's struct has.
///
/// # Safety
/// `out` is NULL or points to a struct that begins with a readable `size_t`.
pub(super) unsafe fn struct_size<T: Versioned>(out: *const T) -> Result<usize, Status> {
    if out.is_null() {
        return Err(Status::ERR_NULL);
    }
    // SAFETY: the caller's promise, and `struct_size` is the first field.
    let size = unsafe { out.cast::<usize>().read() };
    // No version of a struct is ever this large, or ends off its own alignment: a stray number, not
    // a size. Of structs in a row the second would stand where none can.
    if !(T::FIRST..=64 * T::FIRST).contains(&size) || !size.is_multiple_of(align_of::<T>()) {
        return Err(Status::ERR_STRUCT_SIZE);
    }
    Ok(size)
}

/// Writes `value` into the caller's struct of `size` bytes, and keeps its `struct_size`.
///
/// # Safety
/// `out` points to `size` writable bytes, `size` as [`struct_size`] answered.
pub(super) unsafe fn write_sized<T: Versioned>(out: *mut T, size: usize, value: &T) {
    if size == size_of::<T>() {
        // Nearly always, and then no more than a few moves.
        // SAFETY: the caller's promise.
        unsafe {
            out.copy_from_nonoverlapping(value, 1);
            out.cast::<usize>().write(size);
        }
        return;
    }
    let known = size.min(size_of::<T>());
    let out = out.cast::<u8>();
    // SAFETY: the caller's promise; `known` is within both structs, and they do not overlap.
    unsafe {
        out.copy_from_nonoverlapping(std::ptr::from_ref(value).cast(), known);
        out.add(known).write_bytes(0, size - known);
        out.cast::<usize>().write(size);
    }
}

/// Writes what comes into the caller's structs of `size` bytes each, at most `capacity` of them.
/// Answers how many were written.
///
/// # Safety
/// `out` points to `capacity` structs of `size` writable bytes, `size` as [`struct_size`] answered.
///
/// # Errors
/// `ERR_ARGUMENT` for capacity 0.
pub(super) unsafe fn write_all<T: Versioned>(
    out: *mut T,
    size: usize,
    capacity: usize,
    values: impl Iterator<Item = T>,
) -> Result<usize, Status> {
    if capacity == 0 {
        return Err(Status::ERR_ARGUMENT);
    }
    let mut written = 0;
    for value in values.take(capacity) {
        // SAFETY: the caller's promise: fewer than `capacity` are written.
        unsafe { write_sized(out.byte_add(written * size), size, &value) };
        written += 1;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_newer_and_stray_struct_sizes() {
        let value =
            vp_health { slots: 1, waiting: 6, suspended_until_ns: 7, ..vp_health::default() };
        let mut newer = [usize::MAX; 8];
        newer[0] = 64;
        let out = newer.as_mut_ptr().cast::<vp_health>();
        // SAFETY: `newer` is 64 bytes long.
        unsafe {
            assert_eq!(struct_size(out), Ok(64));
            write_sized(out, 64, &value);
            assert_eq!((*out).slots, 1);
            assert_eq!((*out).waiting, 6);
        }
        assert_eq!((newer[0], &newer[4..]), (64, &[7, 0, 0, 0][..]));
        let mut older = [usize::MAX; 5];
        older[0] = 32;
        let out = older.as_mut_ptr().cast::<vp_health>();
        // SAFETY: `older` is longer than its 32 bytes.
        unsafe {
            assert_eq!(struct_size(out), Ok(32));
            write_sized(out, 32, &value);
        }
        assert_eq!((older[0], older[4]), (32, usize::MAX), "nothing behind it is written");
        for stray in [0, 8, 31, 33, 36, 1 << 20, usize::MAX] {
            newer[0] = stray;
            // SAFETY: only the first word is read.
            let answer = unsafe { struct_size(newer.as_ptr().cast::<vp_health>()) };
            assert_eq!(answer, Err(Status::ERR_STRUCT_SIZE));
        }
        // SAFETY: NULL is allowed.
        let answer = unsafe { struct_size(std::ptr::null::<vp_health>()) };
        assert_eq!(answer, Err(Status::ERR_NULL));
    }
}
