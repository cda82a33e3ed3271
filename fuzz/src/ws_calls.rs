//! The C functions of WebSocket sessions, with anything in their arguments.
//!
//! The session meets a venue that speaks HTTP only, so it never comes up: what is tried is that
//! each call is answered, and that what was opened can be closed at any moment.

// Each pointer is NULL, or was made here or by the library, and is alive.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::c_void;
use std::ptr::null_mut;

use venuepool::error::Status;
use venuepool::ffi::config::{vp_config, vp_config_set_degraded_open};
use venuepool::ffi::group::{
    vp_group_add_ws, vp_group_free, vp_group_new, vp_group_poll, vp_group_ready_ws,
    vp_group_remove_ws, vp_group_wait,
};
use venuepool::ffi::types::*;
use venuepool::ffi::version::*;
use venuepool::ffi::ws::*;
use venuepool::ffi::ws_config::*;
use venuepool::ffi::ws_event::*;
use venuepool::ffi::ws_frame::*;

use super::c_api::{any_number, any_text, ok, or_null, text};
use super::input::Input;

unsafe extern "C" fn write_login(_: *mut c_void, _: u64, room: *mut u8, capacity: usize) -> i64 {
    if capacity > 0 {
        unsafe { room.write(b'x') };
    }
    1
}

unsafe extern "C" fn sign(_: *mut c_void, _: u64, message: *mut u8, length: usize) -> i32 {
    if length > 0 {
        unsafe { message.write(b's') };
    }
    i32::from(length == 3)
}

unsafe extern "C" fn acknowledge(_: *mut c_void, _: u32, _: i32, message: vp_str) -> i32 {
    i32::from(message.len > 2)
}

unsafe extern "C" fn key(_: *mut c_void, _: i32, message: vp_str, key: *mut u64) -> i32 {
    unsafe { key.write(message.len as u64) };
    1
}

unsafe extern "C" fn told(_: *mut c_void, event: *const vp_ws_event) {
    assert!(unsafe { (*event).kind } != 0);
}

unsafe fn settings(input: &mut Input<'_>, config: *mut vp_ws_config) {
    let opcode = i32::from(input.byte() % 4);
    let flags = u32::from(input.byte() % 3);
    let [a, b, c] = [any_number(input), any_number(input), any_number(input)];
    let (x, y, z) = (a as usize % 100_000, b as usize % 100_000, c as usize % 100_000);
    unsafe {
        ok(vp_ws_config_add_header(config, any_text(input), any_text(input)));
        ok(vp_ws_config_add_subprotocol(config, any_text(input)));
        ok(vp_ws_config_add_opening(config, opcode, any_text(input), flags));
        let writer = (input.byte() & 1 == 0).then_some(write_login as _);
        ok(vp_ws_config_add_opening_function(config, opcode, writer, null_mut(), flags));
        let judge = (input.byte() & 1 == 0).then_some(acknowledge as _);
        ok(vp_ws_config_set_on_acknowledge(or_null(input, config), judge, null_mut()));
        ok(vp_ws_config_set_on_match(or_null(input, config), Some(key), null_mut()));
        ok(vp_ws_config_set_keep_alive(config, a, b, c));
        ok(vp_ws_config_set_text_ping(config, opcode, any_text(input), any_text(input)));
        ok(vp_ws_config_set_timeouts(config, a, b, c));
        ok(vp_ws_config_set_source(config, if flags == 0 { a as u32 % 80 } else { u32::MAX }));
        ok(vp_ws_config_set_connections(config, a as u32 % 10));
        ok(vp_ws_config_set_max_age_ns(config, b, c));
        ok(vp_ws_config_set_queue(config, x, flags));
        ok(vp_ws_config_set_sizes(config, x, y, z));
        ok(vp_ws_config_set_counts(config, x % 1000, y % 1000));
        ok(vp_ws_config_set_waiting(config, x % 3));
        ok(vp_ws_config_set_codec(config, flags));
        // The upgrade is not to take long, whatever was set.
        assert!(ok(vp_ws_config_set_timeouts(config, 3_000_000, 3_000_000, 3_000_000)));
    }
}

unsafe fn live(input: &mut Input<'_>, session: *mut vp_ws) {
    let (mut number, mut fd) = (0, 0);
    unsafe {
        for _ in 0..input.byte() % 8 {
            let at = or_null(input, session);
            let opcode = i32::from(input.byte() % 4);
            match input.byte() % 8 {
                0 => drop(ok(vp_ws_send(at, opcode, any_text(input), &raw mut number))),
                1 => {
                    let (key, timeout) = (any_number(input), any_number(input));
                    let id = or_null(input, &raw mut number);
                    ok(vp_ws_call(at, opcode, any_text(input), key, timeout, 1, id));
                }
                2 => drop(ok(vp_ws_cancel(at, any_number(input)))),
                3 => drop(ok(vp_ws_fd(at, or_null(input, &raw mut fd)))),
                4 => {
                    let mut health: vp_ws_health = std::mem::zeroed();
                    health.struct_size = any_number(input) as usize % 57;
                    ok(vp_ws_state(at, &raw mut health));
                }
                5 => drop(ok(vp_ws_shutdown(at, any_number(input) as u16, any_text(input)))),
                6 => in_place(input, at, opcode),
                _ => take(at, any_number(input) % 1_000_000),
            }
        }
    }
}

/// A frame of any size is made, filled, sent and freed, with calls left out and made twice.
unsafe fn in_place(input: &mut Input<'_>, session: *mut vp_ws, opcode: i32) {
    let (mut frame, mut room, mut capacity) = (null_mut(), null_mut(), 0);
    unsafe {
        let size = any_number(input) as usize % 100_000;
        if !ok(vp_ws_frame_new(session, size, &raw mut frame)) {
            return;
        }
        for _ in 0..input.byte() % 4 {
            let at = or_null(input, frame);
            let len = any_number(input) as usize % 100_000;
            match input.byte() % 6 {
                5 => drop(ok(vp_ws_frame_set_lane(at, any_number(input) as u32 % 6))),
                4 => {
                    let signer = (input.byte() & 1 == 0).then_some(sign as _);
                    ok(vp_ws_frame_set_on_send(at, signer, null_mut()));
                }
                0 if ok(vp_ws_frame_room(at, &raw mut room, &raw mut capacity)) => {
                    assert_eq!(capacity, size);
                    room.write_bytes(b'x', capacity);
                }
                1 => vp_ws_frame_free(at),
                2 => drop(ok(vp_ws_send_frame(session, at, opcode, len, null_mut()))),
                _ => {
                    let (key, timeout) = (any_number(input), any_number(input));
                    ok(vp_ws_call_frame(session, at, opcode, len, key, timeout, 1, null_mut()));
                }
            }
        }
        vp_ws_frame_free(frame);
    }
}

unsafe fn take(session: *mut vp_ws, timeout_ns: u64) {
    let mut event: vp_ws_event = unsafe { std::mem::zeroed() };
    event.struct_size = size_of::<vp_ws_event>();
    let count = unsafe {
        match timeout_ns % 2 {
            0 => vp_ws_poll(session, &raw mut event, 1),
            _ => vp_ws_wait(session, &raw mut event, 1, timeout_ns),
        }
    };
    assert_ne!(count, Status::ERR_INTERNAL as i32);
    if count == 1 && !event.data.is_null() {
        unsafe {
            assert!(ok(vp_ws_data_retain(event.data)));
            vp_ws_data_release(event.data);
            vp_ws_data_release(event.data);
        }
    }
    vp_ws_loss_name(event.loss);
}

/// A session is put into a group, looked at there, and taken out or left in.
unsafe fn in_group(input: &mut Input<'_>, session: *mut vp_ws) {
    let mut group = null_mut();
    unsafe {
        assert!(ok(vp_group_new(&raw mut group)));
        ok(vp_group_add_ws(group, or_null(input, session)));
        let mut completion: vp_completion = std::mem::zeroed();
        completion.struct_size = size_of::<vp_completion>();
        for _ in 0..input.byte() % 3 {
            let count = match any_number(input) % 1_000_000 {
                0 => vp_group_poll(group, &raw mut completion, null_mut(), 1),
                timeout => vp_group_wait(group, &raw mut completion, null_mut(), 1, timeout),
            };
            assert!(count <= 0 && count != Status::ERR_INTERNAL as i32);
            let mut ready = null_mut();
            let room = any_number(input) as usize % 2;
            let named = vp_group_ready_ws(group, or_null(input, &raw mut ready), room);
            assert!(named < 1 || ready == session);
            assert_ne!(named, Status::ERR_INTERNAL as i32);
        }
        ok(vp_group_remove_ws(group, or_null(input, session)));
        assert!(ok(vp_group_free(group)));
    }
}

/// A session with any settings, opened, used and closed.
pub(super) unsafe fn on_session(input: &mut Input<'_>, config: *mut vp_config) {
    let (mut ws_config, mut session) = (null_mut(), null_mut());
    unsafe {
        assert!(ok(vp_ws_config_new(&raw mut ws_config)));
        settings(input, ws_config);
        ok(vp_config_set_degraded_open(config, 1));
        let function: vp_ws_on_event = (input.byte() & 1 == 0).then_some(told as _);
        let path = if input.byte() & 1 == 0 { text(b"/ws") } else { any_text(input) };
        let (out, error) = (&raw mut session, null_mut());
        if ok(vp_ws_open(config, ws_config, path, function, null_mut(), out, error)) {
            live(input, session);
            in_group(input, session);
            assert!(ok(vp_ws_close(session)));
            ok(vp_ws_close(session));
            assert!(!ok(vp_ws_send(session, VP_WS_TEXT, text(b"late"), null_mut())));
        }
        ok(vp_config_set_degraded_open(config, 0));
        vp_ws_config_free(ws_config);
    }
}
