//! Version and names.

use std::ffi::{CStr, c_char};

use super::guard;
use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::event::EventKind;
use crate::pool::health::Activity;
use crate::session::event::WsLoss;

/// The version of the package. `tests/header.rs` writes it into the header.
/// cbindgen:ignore
pub const VP_VERSION_NUMBER: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
    + part(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
    + part(env!("CARGO_PKG_VERSION_PATCH"));

const fn part(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("cargo gives numbers"),
    }
}

/// The ABI of this header; the number in the soname `libvenuepool.so.N`.
pub const VP_ABI_VERSION: u32 = 0;

const UNKNOWN: &CStr = c"VP_UNKNOWN";

/// Returns the version of the library, for example "0.1.0".
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_version_string() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// Returns the version of the library, to compare with `VP_VERSION_NUMBER` of the header.
///
/// Threads: any. Lifetime: none. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_version_number() -> u32 {
    VP_VERSION_NUMBER
}

/// Returns the name of a `vp_status`, for example "VP_ERR_NO_SLOT"; "VP_UNKNOWN" for any other
/// number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_status_name(status: i32) -> *const c_char {
    name(Status::ALL, status, |s| s as i32, Status::name)
}

/// Returns the name of a `vp_outcome`; "VP_UNKNOWN" for any other number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_outcome_name(outcome: i32) -> *const c_char {
    name(Outcome::ALL, outcome, |o| o as i32, Outcome::name)
}

/// Returns the name of a `vp_wire`; "VP_UNKNOWN" for any other number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_wire_name(wire_state: i32) -> *const c_char {
    name(WireState::ALL, wire_state, |w| w as i32, WireState::name)
}

/// Returns the name of a `vp_close_reason`; "VP_UNKNOWN" for any other number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_close_reason_name(reason: i32) -> *const c_char {
    name(CloseReason::ALL, reason, |c| c as i32, CloseReason::name)
}

/// Returns the name of a `vp_event_kind`; "VP_UNKNOWN" for any other number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_event_name(kind: i32) -> *const c_char {
    name(EventKind::ALL, kind, |e| e as i32, EventKind::name)
}

/// Returns the name of a `vp_slot_state`; "VP_UNKNOWN" for any other number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_slot_state_name(state: i32) -> *const c_char {
    name(Activity::ALL, state, |s| s as i32, Activity::name)
}

/// Returns the name of a `vp_ws_loss`; "VP_UNKNOWN" for any other number.
///
/// Threads: any. Lifetime: static text. Errors: none.
#[unsafe(no_mangle)]
pub extern "C" fn vp_ws_loss_name(loss: i32) -> *const c_char {
    name(WsLoss::ALL, loss, |l| l as i32, WsLoss::name)
}

fn name<T: Copy>(
    all: &[T],
    number: i32,
    number_of: impl Fn(T) -> i32,
    name_of: impl Fn(T) -> &'static CStr,
) -> *const c_char {
    let find =
        || all.iter().find(|one| number_of(**one) == number).map_or(UNKNOWN, |one| name_of(*one));
    guard(UNKNOWN, find).as_ptr()
}
