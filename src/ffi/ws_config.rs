//! The settings of a WebSocket session, besides the configuration of a pool.

use std::ffi::c_void;
use std::sync::Arc;

use super::sources::parse;
use super::types::vp_str;
use super::{borrow_mut, guard, status};
use crate::error::Status;
use crate::session::settings::{Settings, Verdict};
use crate::ws::frame::Kind;
use crate::ws::session::inbox::Overflow;
use crate::ws::text_ping::TextPing;

/// The settings of a session, opaque to C.
pub struct vp_ws_config {
    pub(super) settings: Settings,
}

/// A text message, which must be UTF-8; that is for the engine to see.
pub const VP_WS_TEXT: i32 = 1;
/// A binary message.
pub const VP_WS_BINARY: i32 = 2;

/// Flag of an opening message: the next thing waits until it is acknowledged
/// (`vp_ws_config_set_on_acknowledge`).
pub const VP_WS_AWAIT: u32 = 1;

/// A message for which there is no room takes the place of the oldest one, which is dropped.
pub const VP_WS_DROP_OLDEST: u32 = 0;
/// A message for which there is no room ends the connection.
pub const VP_WS_CLOSE: u32 = 1;

/// Flag of `vp_ws_config_set_codec`: the server may compress what it sends (RFC 7692).
pub const VP_WS_DEFLATE: u32 = 1;
/// Flag of `vp_ws_config_set_codec`: texts are not checked to be UTF-8.
pub const VP_WS_UNCHECKED_UTF8: u32 = 2;

/// Writes an opening message into `room`, which has `capacity` bytes, and returns its length; a
/// negative number gives the connection up. `wall_ns` is the system's time in nanoseconds since
/// 1970, for a signature. Runs on the session's thread: it must be short and must not throw.
pub type vp_ws_on_opening = Option<
    unsafe extern "C" fn(context: *mut c_void, wall_ns: u64, room: *mut u8, capacity: usize) -> i64,
>;

/// Says whether a message acknowledges the opening message of that index, from 0: 1 for yes, 0 for
/// a message that has nothing to do with it, a negative number if the opening message is refused.
/// Runs on the session's thread: it must be short and must not throw. `message` is followed by 64
/// readable zero bytes, and is borrowed until the function returns.
pub type vp_ws_on_acknowledge = Option<
    unsafe extern "C" fn(context: *mut c_void, index: u32, opcode: i32, message: vp_str) -> i32,
>;

/// Reads the key of a message that answers a call: returns 1 and sets `*key`, or 0 if the message
/// has none. Runs on the session's thread for each message: it must be short and must not throw.
/// `message` is followed by 64 readable zero bytes, and is borrowed until the function returns.
pub type vp_ws_on_match = Option<
    unsafe extern "C" fn(context: *mut c_void, opcode: i32, message: vp_str, key: *mut u64) -> i32,
>;

/// # Safety
/// `config` is as the header demands.
unsafe fn change(
    config: *mut vp_ws_config,
    change: impl FnOnce(&mut Settings) -> Result<(), Status>,
) -> Status {
    // SAFETY: the caller's promise.
    status(|| change(&mut unsafe { borrow_mut(config) }?.settings))
}

/// The kind of message that C means.
pub(super) const fn kind(opcode: i32) -> Result<Kind, Status> {
    match opcode {
        VP_WS_TEXT => Ok(Kind::Text),
        VP_WS_BINARY => Ok(Kind::Binary),
        _ => Err(Status::ERR_ARGUMENT),
    }
}

/// As C says it.
pub(super) const fn opcode(kind: Kind) -> i32 {
    match kind {
        Kind::Text => VP_WS_TEXT,
        Kind::Binary => VP_WS_BINARY,
    }
}

const fn awaits(flags: u32) -> Result<bool, Status> {
    match flags {
        0 => Ok(false),
        VP_WS_AWAIT => Ok(true),
        _ => Err(Status::ERR_ARGUMENT),
    }
}

/// Creates the settings of a session with their defaults. What a session shares with a pool (URL,
/// TLS, addresses, proxies, sources, backoff) is in a `vp_config`.
///
/// Threads: any; the object by one thread at a time.
/// Lifetime: yours, until `vp_ws_config_free`.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_new(out: *mut *mut vp_ws_config) -> Status {
    status(|| {
        // SAFETY: the header.
        let out = unsafe { borrow_mut(out) }?;
        *out = Box::into_raw(Box::new(vp_ws_config { settings: Settings::default() }));
        Ok(())
    })
}

/// Frees the settings; NULL is allowed. Sessions that were opened with them do not need them any
/// more.
///
/// Threads: any; no other thread may use the object.
/// Lifetime: ends it.
/// Errors: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_free(config: *mut vp_ws_config) {
    guard((), || {
        if !config.is_null() {
            // SAFETY: the header: made by `vp_ws_config_new`, and not freed before.
            drop(unsafe { Box::from_raw(config) });
        }
    });
}

/// Adds a header to the request for the upgrade, behind the default headers of the `vp_config`.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_HEADER_NAME, ERR_HEADER_VALUE, ERR_HEADER_RESERVED for one that the
/// library sets, ERR_ARGUMENT for more than 1024.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_add_header(
    config: *mut vp_ws_config,
    name: vp_str,
    value: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.add_header(name.bytes()?, value.bytes()?)) }
}

/// Offers a subprotocol, the most wanted first. A server that selects none of them is accepted.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for what is no token, or is there twice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_add_subprotocol(
    config: *mut vp_ws_config,
    name: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.add_subprotocol(name.bytes()?)) }
}

/// Adds an opening message: it is sent on each new connection before the session is up, in the
/// order of the calls. `opcode` is VP_WS_TEXT or VP_WS_BINARY, `flags` is 0 or VP_WS_AWAIT.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: the message is copied.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_add_opening(
    config: *mut vp_ws_config,
    opcode: i32,
    message: vp_str,
    flags: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            settings.add_opening(kind(opcode)?, message.bytes()?, awaits(flags)?)
        })
    }
}

/// Adds an opening message that a function writes in the moment when it is sent, for a login that
/// is signed with the time.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: `context` must be valid until each session that was opened with this is closed.
/// Errors: ERR_NULL also for no function, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_add_opening_function(
    config: *mut vp_ws_config,
    opcode: i32,
    on_opening: vp_ws_on_opening,
    context: *mut c_void,
    flags: u32,
) -> Status {
    // SAFETY: the header; the function takes what it is given, and writes within the room.
    unsafe {
        change(config, |settings| {
            let function = on_opening.ok_or(Status::ERR_NULL)?;
            let context = context as usize;
            let write = move |wall_ns, room: &mut [u8]| {
                let (at, capacity) = (room.as_mut_ptr(), room.len());
                let len = function(context as *mut c_void, wall_ns, at, capacity);
                usize::try_from(len).ok()
            };
            settings.add_written(kind(opcode)?, Arc::new(write), awaits(flags)?)
        })
    }
}

/// Sets the function that judges whether a message acknowledges an opening message with
/// VP_WS_AWAIT. Each message is told to the engine besides. NULL for none.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: `context` as in `vp_ws_config_add_opening_function`.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_on_acknowledge(
    config: *mut vp_ws_config,
    on_acknowledge: vp_ws_on_acknowledge,
    context: *mut c_void,
) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            let context = context as usize;
            settings.set_match_ack(on_acknowledge.map(|function| {
                Arc::new(move |index: usize, kind, padded: &[u8]| {
                    let (context, index) = (context as *mut c_void, index as u32);
                    match function(context, index, opcode(kind), message(padded)) {
                        0 => Verdict::Other,
                        1.. => Verdict::Acknowledged,
                        _ => Verdict::Refused,
                    }
                }) as _
            }));
            Ok(())
        })
    }
}

/// Sets the function that reads from a message which call it answers (`vp_ws_call`). NULL for none:
/// then no call is answered.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: `context` as in `vp_ws_config_add_opening_function`.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_on_match(
    config: *mut vp_ws_config,
    on_match: vp_ws_on_match,
    context: *mut c_void,
) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            let context = context as usize;
            settings.set_match(on_match.map(|function| {
                Arc::new(move |kind, padded: &[u8]| {
                    let (context, mut key) = (context as *mut c_void, 0);
                    let (opcode, message) = (opcode(kind), message(padded));
                    let has_key = function(context, opcode, message, &raw mut key) != 0;
                    has_key.then_some(key)
                }) as _
            }));
            Ok(())
        })
    }
}

/// Sets the keep-alive: a ping each `interval_ns` (15 s), whose pong must come within `deadline_ns`
/// (5 s), and the longest silence, `idle_ns` (0: any). An interval of 0: no pings.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for more than a day, or pings without a deadline.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_keep_alive(
    config: *mut vp_ws_config,
    interval_ns: u64,
    deadline_ns: u64,
    idle_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_keep_alive(interval_ns, deadline_ns, idle_ns)) }
}

/// Sets the message that is sent as a ping in place of a control frame, for venues that answer no
/// other. The interval and the deadline are those of `vp_ws_config_set_keep_alive`. `message` has 1
/// to 4096 bytes. In it `{number}` stands for the number of the ping on its connection, `{wall_ms}`
/// for the milliseconds since 1970. The answer is a message of at most 4096 bytes that contains
/// `pong`, which has 1 to 128 bytes. You are given it as any other message. Both empty: pings are
/// control frames, as by default.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: both texts are copied.
/// Errors: ERR_NULL, ERR_ARGUMENT for an unknown opcode or a length out of its range.
/// `vp_ws_open` answers ERR_TOO_LARGE if a ping can be longer than `max_sent`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_text_ping(
    config: *mut vp_ws_config,
    opcode: i32,
    message: vp_str,
    pong: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            let (message, pong) = (message.bytes()?, pong.bytes()?);
            let ping = if message.is_empty() && pong.is_empty() {
                None
            } else {
                Some(TextPing::new(kind(opcode)?, message, pong)?)
            };
            settings.set_text_ping(ping);
            Ok(())
        })
    }
}

/// Sets which local address the session connects from, at each dial: its number, from 0 to 63, in
/// the order of `vp_config_set_bind_address` and `vp_config_add_bind_address`. VP_SOURCE_ANY, the
/// default: the first one, or as the system chooses if there are none. All connections of the
/// session come from it, also those that wait to take over.
///
/// `vp_ws_open` answers ERR_ADDRESS if its configuration has no such address, or a Unix socket. So
/// pools and sessions share one configuration, and each session has its own address.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a number above 63 that is not VP_SOURCE_ANY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_source(config: *mut vp_ws_config, source: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            settings.set_source(parse(source)?);
            Ok(())
        })
    }
}

/// Sets how many connections are logged in, 1 to 8; 1 by default. One of them is live. The others
/// have sent their opening messages, with their acknowledgements, and answer pings. When the live
/// one is lost, or closed by the venue, one of them takes over at once: VP_WS_EVENT_SWITCHED.
///
/// What comes on those that wait is judged for acknowledgements, and not told. They come one after
/// the other, once the session is up. The venue sees a login and subscriptions of each. With a
/// bound address, all of them have that one.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_connections(
    config: *mut vp_ws_config,
    count: u32,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_connections(count as usize)) }
}

/// Sets the age at which a connection is replaced, or up to a fifth earlier, by chance; 0, the
/// default, for none. A venue that ends each connection after a day then never ends a live one. The
/// next connection is logged in first. Then the session switches (VP_WS_EVENT_SWITCHED), and the
/// old one is closed with 1000 (VP_WS_EVENT_LOST with VP_WS_LOSS_ROTATED).
///
/// Before that, calls on the old connection may await their answers for `drain_ns`. What still
/// comes on it is told. Calls that are left then end as CONNECTION_CLOSED, SENT.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for an age of more than 30 days, or more than a day for calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_max_age_ns(
    config: *mut vp_ws_config,
    age_ns: u64,
    drain_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_max_age_ns(age_ns, drain_ns)) }
}

/// Sets three time limits. The answer to the upgrade may take 5 s, and so may all opening messages
/// with their acknowledgements. Each half of the close handshake may take 1 s.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for 0 or more than a day.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_timeouts(
    config: *mut vp_ws_config,
    upgrade_ns: u64,
    opening_ns: u64,
    close_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_timeouts(upgrade_ns, opening_ns, close_ns)) }
}

/// Sets how many messages may wait for `vp_ws_poll` (65,536), and what becomes of more:
/// VP_WS_DROP_OLDEST or VP_WS_CLOSE. With a function (`vp_ws_open`) there is no such queue.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_queue(
    config: *mut vp_ws_config,
    capacity: usize,
    overflow: u32,
) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            let overflow = match overflow {
                VP_WS_DROP_OLDEST => Overflow::DropOldest,
                VP_WS_CLOSE => Overflow::Close,
                _ => return Err(Status::ERR_ARGUMENT),
            };
            settings.set_queue(capacity, overflow)
        })
    }
}

/// Sets three sizes in bytes, up to 1 GiB each: the longest message that is sent (64 KiB), and the
/// longest that is received (16 MiB). `max_unsent` bytes may wait when the kernel takes no more
/// (1 MiB).
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_sizes(
    config: *mut vp_ws_config,
    max_sent: usize,
    max_received: usize,
    max_unsent: usize,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_sizes(max_sent, max_received, max_unsent)) }
}

/// Sets how many calls may be on their way (1024), and how many messages may be sent that the
/// peer's TCP has not acknowledged (4096). Up to 1,048,576 each.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_counts(
    config: *mut vp_ws_config,
    max_calls: usize,
    max_unacknowledged: usize,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_counts(max_calls, max_unacknowledged)) }
}

/// Sets how many calls may wait in each lane, up to 1,048,576; 0, the default: none waits, and a
/// call that cannot go now is refused. A call (`vp_ws_call`, `vp_ws_call_frame`) waits while the
/// session is not up. It waits while the kernel does not take all bytes of messages before it, or
/// too many messages are not acknowledged. And it waits behind calls of its lane, and of lanes
/// above, that do. It is sent on the session's thread. Calls that wait count for `max_calls`, too.
///
/// The lanes are those of requests (`vp_config_set_lane`, `vp_ws_frame_set_lane`): a lane goes
/// before the lanes below it, which have larger numbers. A call without a frame is of
/// VP_LANE_ORDERS. Within a lane, calls go in their order. While a lane waits, at most 64 messages
/// in a row go before it from lanes above. What is on its way to the kernel is never overtaken.
///
/// A call of a frame has its frame while it waits. One without a frame is copied when it has to
/// wait, so the memory for each lane is at most `capacity` messages of `max_sent`
/// (`vp_ws_config_set_sizes`).
///
/// While a call waits, a message that cannot wait is refused with ERR_WAITING_FULL, unless it is of
/// a lane above: that of `vp_ws_send` and `vp_ws_send_frame`. So the order of calls stays the order
/// on the wire.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_waiting(
    config: *mut vp_ws_config,
    capacity: usize,
) -> Status {
    // SAFETY: the header.
    unsafe { change(config, |settings| settings.set_waiting(capacity)) }
}

/// Sets flags of the codec: VP_WS_DEFLATE, VP_WS_UNCHECKED_UTF8, both or 0, which is the default.
///
/// Threads: as `vp_ws_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_ws_config_set_codec(config: *mut vp_ws_config, flags: u32) -> Status {
    // SAFETY: the header.
    unsafe {
        change(config, |settings| {
            if flags & !(VP_WS_DEFLATE | VP_WS_UNCHECKED_UTF8) != 0 {
                return Err(Status::ERR_ARGUMENT);
            }
            let has = |flag| flags & flag != 0;
            settings.set_codec(has(VP_WS_DEFLATE), !has(VP_WS_UNCHECKED_UTF8));
            Ok(())
        })
    }
}

/// A message without the zeros behind it.
pub(super) fn message(padded: &[u8]) -> vp_str {
    vp_str::new(&padded[..padded.len().saturating_sub(crate::buf::TAIL)])
}
