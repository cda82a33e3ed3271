//! Opening, watching and ending a pool.

use std::ffi::c_char;
use std::net::SocketAddr;
use std::time::Duration;

use super::config::vp_config;
use super::edges::ip_text;
use super::handle::vp_pool;
use super::types::{VP_NO_SOURCE, vp_error, vp_health, vp_slot_health, vp_stats, vp_str};
use super::versioned::{struct_size, write_all, write_sized};
use super::{borrow, borrow_mut, count, status};
use crate::driver::Pool;
use crate::error::{Status, WireState};
use crate::lane::LaneSet;
use crate::net::cancellation::PutOff;
use crate::net::connect::DialError;
use crate::net::path::Path;
use crate::pool::health::SlotHealth;
use crate::stats::Counter;

/// Opens a pool: starts its thread, dials all connections in parallel, and returns when all are
/// live. When one cannot be had, the call undoes all and `error` says why;
/// `vp_config_set_degraded_open` changes this. `error` may be NULL.
///
/// The configuration remembers each `vp_config_*` call that was refused. A refused
/// `vp_config_set_*` is forgotten when the same function is called with success. A refused
/// `vp_config_add_*` or `vp_config_suspend_on` is never forgotten. While a refusal is remembered,
/// this call returns the status of the first one, and `error` names the function.
///
/// Threads: any. Blocks for at most the resolve, connect and TLS handshake timeouts together. It is
/// longer only when the dials of the host are limited (`vp_thread_set_host_limits`).
/// Lifetime: `config` stays yours. The pool is open until `vp_pool_close`; its handle stays valid
/// for ever, and answers ERR_CLOSED after that.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE, ERR_URL, ERR_ADDRESS, ERR_TLS_CONFIG, ERR_TOO_LARGE,
/// ERR_RESOLVE, ERR_CONNECT, ERR_PROXY, ERR_PROXY_AUTH, ERR_TLS, ERR_PIN, ERR_SYSTEM,
/// ERR_HOST_LIMIT, and the status of a refused `vp_config_*` call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_open(
    config: *const vp_config,
    out: *mut *mut vp_pool,
    error: *mut vp_error,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (config, out) = unsafe { (borrow(config)?, borrow_mut(out)?) };
        // SAFETY: the header; checked before anything is done.
        let size = (!error.is_null()).then(|| unsafe { struct_size(error) }).transpose()?;
        let _put_off = PutOff::begin();
        let opened = match config.refusal() {
            Some((function, step)) => Err(refused(function, step)),
            None if config.shared.as_ref().is_some_and(|shared| !shared.is_here()) => {
                Err(refused("vp_config_set_thread", Status::ERR_FORKED))
            }
            None => Pool::open_on(config.shared.as_ref(), &config.config),
        };
        match opened {
            Ok(pool) => {
                *out = std::ptr::from_ref(vp_pool::new(pool)).cast_mut();
                Ok(())
            }
            Err(reason) => {
                if let Some(size) = size {
                    // SAFETY: the header; `size` is what the caller's struct has.
                    unsafe { write_sized(error, size, &vp_error::new(&reason)) };
                }
                Err(reason.step)
            }
        }
    })
}

fn refused(function: &str, step: Status) -> DialError {
    let text = format!("{function} was refused: {}", step.name().to_string_lossy());
    DialError { step, os_error: 0, text }
}

/// Lanes of `vp_pool_drain`: all but the orders.
pub const VP_LANES_BUT_ORDERS: u32 = 13;

/// Drains the pool: it accepts no request any more, but for requests of `open_lanes`. So an engine
/// stops in this order: drain, wait for its last completions, ask the venue about each order whose
/// end is not certain, cancel what rests there, close. See docs/drain.md.
///
/// `open_lanes` has the bit `1 << lane` for each lane that stays open, for example
/// `1u << VP_LANE_QUERIES`. VP_LANES_BUT_ORDERS is what most engines want: cancels, queries and
/// background. 0 is no lane. A second call can only close more lanes, so the same call again
/// changes nothing. There is no way back but a new pool.
///
/// Of a lane that is not open, each submit that begins after this call has returned is refused with
/// ERR_DRAINING. Requests that wait in the queue, or behind a heartbeat, end at once as DRAINING,
/// NOT_SENT: an order that waited would reach the venue when its engine is about to leave. What is
/// in flight goes on as before. One that another thread is sending at this moment may still go out;
/// each that does is accepted, and has its one completion. `outstanding` in `vp_health` tells how
/// many have not ended yet.
///
/// `vp_pool_try_acquire` and `vp_pool_acquire` count as orders. A lease that was given before stays
/// valid; of a request on it, the lane says whether it is accepted. Heartbeats, healing, pauses and
/// late responses go on as before: in a pause, an open lane is refused with ERR_SUSPENDED.
///
/// Threads: any, also in a callback. Callbacks of requests that end run on the thread that drives.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a bit that is no lane, ERR_FORKED, ERR_CLOSED after
/// `vp_pool_shutdown` or `vp_pool_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_drain(pool: *mut vp_pool, open_lanes: u32) -> Status {
    status(|| {
        // SAFETY: the header.
        let pool = unsafe { borrow(pool) }?;
        let open = LaneSet::from_bits(open_lanes).ok_or(Status::ERR_ARGUMENT)?;
        pool.with_open(|pool| pool.drain(open))
    })
}

/// Begins the shutdown of the pool, and returns at once. The pool accepts no request any more.
/// Requests and callers in the queue fail at once as NOT_SENT. Requests in flight may finish within
/// `grace_ns`, and fail then. A second call can only shorten the grace.
///
/// Threads: any, also in a callback.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_FORKED, ERR_CLOSED after `vp_pool_close`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_shutdown(pool: *mut vp_pool, grace_ns: u64) -> Status {
    status(|| {
        // SAFETY: the header.
        let pool = unsafe { borrow(pool) }?;
        pool.with_open(|pool| {
            pool.shutdown(Duration::from_nanos(grace_ns));
            Ok(())
        })
    })
}

/// Closes the pool: shuts it down without grace unless a shutdown has begun before, closes the
/// connections (close_notify, FIN) and waits for the pool thread. When it returns, no callback runs
/// and none will run. Completions that were not polled can still be polled; until then the pool
/// keeps its memory. Responses stay valid.
///
/// Threads: any but the pool thread. Blocks for the rest of the grace, or until what is in flight
/// has ended. Then it waits until the calls of other threads on this pool have returned, which the
/// end of the pool makes them do. In caller drive it receives what is in flight itself, and runs
/// callbacks.
/// Lifetime: the handle stays valid as a tombstone: every later call answers ERR_CLOSED.
/// Errors: ERR_NULL, ERR_FORKED, ERR_WOULD_DEADLOCK in a callback, ERR_CLOSED the second time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_close(pool: *mut vp_pool) -> Status {
    status(|| {
        // SAFETY: the header.
        unsafe { borrow(pool) }?.close()
    })
}

/// Counts the slots and waiters by their present state.
///
/// Threads: any.
/// Lifetime: `out` is written; set its `struct_size` first.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_health(pool: *const vp_pool, out: *mut vp_health) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        let health = pool.with_open(|pool| Ok(vp_health::new(pool)))?;
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { write_sized(out, size, &health) };
        Ok(())
    })
}

/// Reads the state of up to `capacity` slots, in the order of their numbers, and returns how many
/// were written.
///
/// Threads: any. It does not wait for exchanges.
/// Lifetime: `out[]` is written; set the `struct_size` of the first, which is also the distance
/// from one to the next.
/// Errors: ERR_NULL, ERR_ARGUMENT for capacity 0, ERR_STRUCT_SIZE, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_slots(
    pool: *const vp_pool,
    out: *mut vp_slot_health,
    capacity: usize,
) -> i32 {
    count(|| {
        // SAFETY: the header.
        let (pool, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        let (slots, paths) = pool.with_open(|pool| Ok((pool.slot_healths(), pool.slot_paths())))?;
        let slots = slots.iter().zip(paths);
        let healths =
            slots.map(|(slot, path)| vp_slot_health::new(slot, &path.unwrap_or_default()));
        // SAFETY: the header: `capacity` structs of `size` bytes each.
        unsafe { write_all(out, size, capacity, healths) }
    })
}

/// Suspends the pool for `for_ns` from now, unless it is suspended for longer already; 0 ends any
/// pause at once, also that of a source (`vp_config_set_suspend_scope`). Use it when the status
/// code of a response alone does not show that the venue asks for a pause. For what is exempt see
/// `vp_config_suspend_on`.
///
/// Threads: any, also in a callback.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_suspend(pool: *mut vp_pool, for_ns: u64) -> Status {
    status(|| {
        // SAFETY: the header.
        let pool = unsafe { borrow(pool) }?;
        pool.with_open(|pool| {
            pool.suspend(for_ns);
            Ok(())
        })
    })
}

/// Sets the value of a default header (`vp_config_add_default_header`) while the pool is open, for
/// example a token that is renewed. Each submit that begins after this call has returned sends the
/// new value, whenever its request was begun, marked as a template, or built. So do heartbeats. A
/// submit that runs at the same time sends either value as a whole. A request that waits in the
/// queue keeps the value of its submit. A request with a header of that name of its own keeps that.
///
/// A `value` whose `ptr` is NULL removes the header. A `value` of no bytes whose `ptr` is not NULL
/// is sent as an empty value, except for User-Agent, which is then not sent. A name that was no
/// default header is added; there may be 64 names, and a name that was removed still counts.
///
/// The library wipes the old value from its memory as soon as its last holder is gone. A request
/// object holds it until its next `vp_request_body`, `_body_reserve`, `_bytes`, submit, or
/// `vp_request_free`; a request in the queue until it was sent. The kernel's copies are not wiped.
///
/// Threads: any, also in a callback. A submit of another thread waits for no lock meanwhile, but
/// for the first one of each request object after a change.
/// Lifetime: `name` and `value` are copied.
/// Errors: as `vp_config_add_default_header`, and ERR_NOT_FOUND if there is no such header to be
/// removed, ERR_TOO_LARGE if no request or not the heartbeat would fit, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_set_default_header(
    pool: *mut vp_pool,
    name: vp_str,
    value: vp_str,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, name, bytes) = unsafe { (borrow(pool)?, name.bytes()?, value.bytes()?) };
        let value = (!value.ptr.is_null()).then_some(bytes);
        pool.with_open(|pool| pool.set_default_header(name, value))
    })
}

/// Reads the counters of the pool.
///
/// Threads: any.
/// Lifetime: `out` is written; set its `struct_size` first.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE, ERR_FORKED, ERR_CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_stats(pool: *const vp_pool, out: *mut vp_stats) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        let stats = pool.with_open(|pool| Ok(vp_stats::new(pool)))?;
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { write_sized(out, size, &stats) };
        Ok(())
    })
}

/// Reads why the last failed dial failed, or why TLS ended a connection before its first response.
/// In TLS 1.3 a venue refuses a client certificate only after the handshake.
///
/// Threads: any.
/// Lifetime: `out` is written; set its `struct_size` first.
/// Errors: ERR_NULL, ERR_STRUCT_SIZE, ERR_FORKED, ERR_CLOSED, ERR_NOT_FOUND when none ever failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_pool_last_dial_error(
    pool: *const vp_pool,
    out: *mut vp_error,
) -> Status {
    status(|| {
        // SAFETY: the header.
        let (pool, size) = unsafe { (borrow(pool)?, struct_size(out)?) };
        let error = pool.with_open(|pool| pool.last_dial_error().ok_or(Status::ERR_NOT_FOUND))?;
        // SAFETY: the header; `size` is what the caller's struct has.
        unsafe { write_sized(out, size, &vp_error::new(&error)) };
        Ok(())
    })
}

impl vp_error {
    pub(super) fn new(error: &DialError) -> Self {
        let mut text = [0; 256];
        // The last byte stays NUL.
        for (to, from) in text.iter_mut().take(255).zip(error.text.bytes()) {
            *to = from as c_char;
        }
        let struct_size = size_of::<Self>();
        Self { struct_size, status: error.step as i32, os_error: error.os_error, text }
    }
}

impl vp_health {
    fn new(pool: &Pool) -> Self {
        let counts = pool.counts();
        let (dials_needed, dials_allowed) = pool.dials_needed_and_allowed();
        Self {
            struct_size: size_of::<Self>(),
            slots: pool.slots(),
            live: counts.live,
            idle: counts.idle,
            in_flight: counts.in_use,
            leased: counts.leased,
            waiting: counts.waiting,
            suspended_until_ns: pool.suspended_until_ns(),
            dials_needed,
            dials_allowed,
            open_lanes: pool.open_lanes().bits(),
            outstanding: counts.outstanding(),
        }
    }
}

impl vp_slot_health {
    fn new(slot: &SlotHealth, path: &Path) -> Self {
        let text = |address: Option<SocketAddr>| address.map_or([0; _], |it| ip_text(it.ip()));
        let port = |address: Option<SocketAddr>| address.map_or(0, |address| address.port());
        Self {
            struct_size: size_of::<Self>(),
            slot: slot.slot,
            state: slot.state,
            up_ns: slot.up_ns,
            requests: slot.requests,
            proven_ns: slot.proven_ns,
            rtt_ns: slot.rtt_ns,
            next_dial_ns: slot.next_dial_ns,
            connections: slot.connections,
            last_close_reason: slot.last_close_reason.map_or(-1, |reason| reason as i32),
            connect_ns: path.connect_ns,
            handshake_ns: path.handshake_ns,
            tls_version: path.tls_version.into(),
            is_resumed: path.is_resumed.into(),
            source: path.source.unwrap_or(VP_NO_SOURCE),
            local_port: port(path.local),
            peer_port: port(path.peer),
            local_address: text(path.local),
            peer_address: text(path.peer),
            suspended_until_ns: slot.suspended_until_ns,
        }
    }
}

impl vp_stats {
    fn new(pool: &Pool) -> Self {
        let stats = pool.stats();
        let [resolve, connect, tls, system] = &stats.dial_failures;
        Self {
            struct_size: size_of::<Self>(),
            submitted: stats.submitted.get(),
            refused: stats.refused.get(),
            answered: stats.answered.get(),
            failed: stats.failed.get(),
            dials: stats.dials.get(),
            connected: stats.connected.get(),
            failed_resolve: resolve.get(),
            failed_connect: connect.get(),
            failed_tls: tls.get(),
            failed_system: system.get(),
            heartbeats: stats.heartbeats.get(),
            late: stats.late.get(),
            stale_answers: pool.stale_answers(),
            heals: stats.heals.get(),
            rotations: stats.rotations.get(),
            pauses: stats.pauses.get(),
            fanouts: stats.fanouts.get(),
            copies: stats.copies.get(),
            lanes: std::array::from_fn(|lane| stats.submitted.of(lane)),
            wire_states: std::array::from_fn(|state| stats.wire_state(WireState::ALL[state])),
            closed: std::array::from_fn(|reason| stats.closed.get(reason).map_or(0, Counter::get)),
        }
    }
}
