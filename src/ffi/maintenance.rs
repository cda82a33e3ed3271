//! Configuration, continued: what keeps live connections good, pauses, and events.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use super::complete::write_borrowed;
use super::config::{add, configure, switch, vp_config};
use super::types::{VP_NO_SLOT, VP_NO_SOURCE, vp_event, vp_on_event, vp_str};
use crate::clock::now_ns;
use crate::error::Status;
use crate::event::{Event, EventHook};

/// Sets the heartbeat: a request that the pool sends on each connection that was idle for
/// `interval_ns`, plus or minus a fifth. Any response within `timeout_ns` proves that the
/// connection lives. Without one the pool closes the connection and heals the slot. An interval of
/// 0 turns heartbeats off, which is the default. A good interval is a third of the venue's idle
/// timeout, 5 to 15 s. Prefer GET, because many servers close the connection after HEAD.
///
/// At most a quarter of the slots, but at least one, have a heartbeat in flight at a time. Such a
/// slot takes no other request. A pool with a single slot may therefore refuse an order for that
/// time: use VP_QUEUE, or two slots. Leased slots have heartbeats too. An order of the lease's
/// holder that meets one is sent directly after it (see `vp_lease_submit`). No heartbeat is sent in
/// a pause.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `method` and `path` are copied. The path is put behind the base path.
/// Errors: ERR_NULL, ERR_METHOD, ERR_PATH, ERR_ARGUMENT for an interval outside 1 ms to 1 day or a
/// timeout outside 1 us to 1 day.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_heartbeat(
    config: *mut vp_config,
    method: vp_str,
    path: vp_str,
    interval_ns: u64,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_heartbeat", |config| {
            config.set_heartbeat(method.bytes()?, path.bytes()?, interval_ns, timeout_ns)
        })
    }
}

/// Adds a header to each heartbeat, besides the default headers. At most 64.
///
/// Threads: as `vp_config_new`.
/// Lifetime: `name` and `value` are copied.
/// Errors: ERR_NULL, ERR_HEADER_NAME, ERR_HEADER_VALUE, ERR_HEADER_RESERVED, ERR_ARGUMENT for one
/// too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_add_heartbeat_header(
    config: *mut vp_config,
    name: vp_str,
    value: vp_str,
) -> Status {
    // SAFETY: the header.
    unsafe {
        add(config, "vp_config_add_heartbeat_header", |c| {
            c.add_heartbeat_header(name.bytes()?, value.bytes()?)
        })
    }
}

/// Sets how long a connection may be idle and still take a request, 1 ms to 1 day. Choose less than
/// the venue's own idle timeout. 0, the default, sets no limit. The limit that the venue announces
/// in `Keep-Alive: timeout=` always counts; when it announces 0, the pool closes the connection
/// after that response.
///
/// The pool dials the replacement at a random time between eight and nine tenths of the limit, so
/// that not all connections are replaced together. It closes the connection at the limit even
/// without a replacement. `VP_EVENT_KIND_TOO_FEW_DIALS` tells when the limit asks for more dials
/// than `vp_config_set_dials_per_second` allows.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_idle_limit_ns(
    config: *mut vp_config,
    limit_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_idle_limit_ns", |config| {
            config.set_idle_limit_ns(limit_ns)
        })
    }
}

/// Sets the age at which a new connection replaces an old one, 1 ms to 30 days; 0, the default, for
/// never. The pool replaces it up to a fifth earlier, at a random time, so that not all connections
/// are replaced together. The old connection serves until the new one is live.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_age_ns(config: *mut vp_config, age_ns: u64) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_max_age_ns", |config| config.set_max_age_ns(age_ns)) }
}

/// Sets the largest number of requests on one connection, heartbeats included. The pool dials the
/// replacement when nine tenths of them are used. 0, the default, for any number. The number that
/// the venue announces in `Keep-Alive: max=` always counts.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_requests(
    config: *mut vp_config,
    requests: u64,
) -> Status {
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_max_requests(requests)) }
}

/// Sets how old the last look at an idle connection may be for a submit to send without a new look,
/// 0 to 1 s; 10 us by default. A look is one recv that does not wait. It finds a FIN, a reset or
/// stray bytes. With the default, an engine that answers a completion with the next order saves the
/// call. 0 looks each time.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_look_after_ns(
    config: *mut vp_config,
    age_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_look_after_ns", |config| config.set_look_after_ns(age_ns))
    }
}

/// Sets how long the kernel may take to accept a whole request, counted from submit, 1 us to 1 day.
/// The request then ends as a timeout. 0, the default, sets no limit but the request timeout.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_write_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_write_timeout_ns", |config| {
            config.set_write_timeout_ns(timeout_ns)
        })
    }
}

/// Sets how long the first byte of a response may take after the request was sent, 1 us to 1 day.
/// 0, the default, sets no limit but the request timeout.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_first_byte_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_first_byte_timeout_ns", |config| {
            config.set_first_byte_timeout_ns(timeout_ns)
        })
    }
}

/// Sets how long a request with VP_QUEUE may wait in the queue, 1 us to 1 day. It then ends as a
/// timeout, NOT_SENT. 0, the default, sets no limit but the request timeout.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_queue_timeout_ns(
    config: *mut vp_config,
    timeout_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_queue_timeout_ns", |config| {
            config.set_queue_timeout_ns(timeout_ns)
        })
    }
}

/// Sets how long the pool still waits for a response after the deadline of its request, 1 us to 1
/// day; 0, the default, for not at all. The completion comes at the deadline in any case, as a
/// timeout. A late response is told as `vp_config_set_late_answers` says, and its connection is
/// closed. The slot is healed meanwhile. When a request was not sent to its last
/// byte, the pool does not wait: it resets the connection.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_linger_ns(config: *mut vp_config, linger_ns: u64) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_linger_ns", |config| config.set_linger_ns(linger_ns))
    }
}

/// Late answers: as events (`VP_EVENT_KIND_LATE_RESPONSE`), on the pool thread.
pub const VP_LATE_EVENT: u32 = 0;
/// Late answers: as completions with the flag `VP_COMPLETION_LATE`, in the way in which the request
/// was to be completed.
pub const VP_LATE_COMPLETION: u32 = 1;

/// Sets how an answer is told that comes after the completion of its request: within the linger
/// time (`vp_config_set_linger_ns`), or of another copy (`vp_submit_fanout`). The default is
/// `VP_LATE_EVENT`.
///
/// With `VP_LATE_COMPLETION` the callback of the request is called once more, or the completion
/// queue has one completion more. Its `flags` have `VP_COMPLETION_LATE`. So an engine that lives in
/// one loop reconciles there. It is an event all the same when the completion queue is full, and
/// for `vp_execute`.
///
/// Threads: as `vp_config_new`.
/// Lifetime: the callbacks of all requests must be valid until the pool is closed.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_late_answers(config: *mut vp_config, how: u32) -> Status {
    let completes = match how {
        VP_LATE_EVENT => Ok(false),
        VP_LATE_COMPLETION => Ok(true),
        _ => Err(Status::ERR_ARGUMENT),
    };
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_late_answers", |config| {
            completes.map(|completes| config.set_late_completes(completes))
        })
    }
}

/// Suspend policy: the pool keeps its connections open.
pub const VP_SUSPEND_KEEP: u32 = 0;

/// Suspend policy: the pool closes its connections, and dials none until the pause is over.
pub const VP_SUSPEND_CLOSE: u32 = 1;

/// Makes responses with this status suspend the pool; 429, 418, 403 and 503 are usual. The pool is
/// suspended for as long as the response's Retry-After says (seconds or a date, RFC 9110 section
/// 10.2.3), but at most for `vp_config_set_suspend_cap_ns`.
///
/// Without Retry-After the pool is suspended for `for_ns`; 0 is not at all. `for_ns` also counts
/// when Retry-After asks for 0 seconds or names a moment that has passed. A fraction of a second is
/// rounded up. Of several values the longest counts. A number from 1,000,000,000 on is a moment
/// since 1970 in seconds, or from 1,000,000,000,000 on in milliseconds.
///
/// Until the pause is over, submits and leases are refused with ERR_SUSPENDED. Requests that wait
/// in the queue end as SUSPENDED, NOT_SENT. Lanes with VP_LANE_THROUGH_PAUSE are exempt. The
/// response itself is delivered as any other. A late response, within the linger time, counts as
/// well. A second call with the same status replaces the first; at most 32 statuses.
/// `vp_config_set_suspend_scope` lets a pause hold one bind address only.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT for a status outside 300 to 599, a time outside 0 to 30 days, an
/// unknown policy, one status too many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_suspend_on(
    config: *mut vp_config,
    http_status: i32,
    for_ns: u64,
    policy: u32,
) -> Status {
    let rule = || {
        let closes = match policy {
            VP_SUSPEND_KEEP => false,
            VP_SUSPEND_CLOSE => true,
            _ => return Err(Status::ERR_ARGUMENT),
        };
        Ok((u16::try_from(http_status).map_err(|_| Status::ERR_ARGUMENT)?, closes))
    };
    // SAFETY: the header.
    unsafe {
        add(config, "vp_config_suspend_on", |config| {
            let (http_status, closes) = rule()?;
            config.suspend_on(http_status, for_ns, closes)
        })
    }
}

/// Sets the longest pause that Retry-After of a response can cause, 1 ms to 30 days; 3 days by
/// default. The cap protects the pool from an absurd value, which would stop it for years. Venues
/// ban for up to 3 days. With a shorter cap the pool sends again while a longer ban goes on.
/// `vp_pool_suspend` ends a pause at any time.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_suspend_cap_ns(
    config: *mut vp_config,
    cap_ns: u64,
) -> Status {
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_suspend_cap_ns", |config| {
            config.set_suspend_cap_ns(cap_ns)
        })
    }
}

/// Sets the function that receives events, for logs and monitors; NULL, the default, for none.
/// Trading needs no event.
///
/// Threads: as `vp_config_new`. The function runs on the pool thread, in both drives. Its first run
/// is before `vp_pool_open` has returned, and so before the engine has the handle of the pool.
/// Lifetime: `context` must be valid until `vp_pool_close` of each pool opened with this.
/// Errors: ERR_NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_event(
    config: *mut vp_config,
    function: vp_on_event,
    context: *mut c_void,
) -> Status {
    // As a number, because the context is the caller's to share between threads.
    let context = context as usize;
    let hook = function.map(|function| {
        EventHook(std::sync::Arc::new(move |event: &Event| {
            tell(event, |view| {
                // SAFETY: the header: the function takes what was given with it, and a view that is
                // valid until it returns.
                unsafe { function(context as *mut c_void, view) }
            });
        }))
    });
    // SAFETY: the header.
    unsafe { switch(config, |config| config.set_event_hook(hook)) }
}

/// There is none.
const NO_TEXT: vp_str = vp_str { ptr: std::ptr::null(), len: 0 };

/// Shows an event as C sees it.
fn tell(event: &Event, show: impl FnOnce(*const vp_event)) {
    let mut place = MaybeUninit::uninit();
    let late = event.late.as_ref().map(|late| write_borrowed(&mut place, late, now_ns()));
    let view = vp_event {
        struct_size: size_of::<vp_event>(),
        kind: event.kind,
        slot: event.slot.unwrap_or(VP_NO_SLOT),
        time_ns: event.time_ns,
        live: event.live,
        close_reason: event.close_reason.map_or(-1, |reason| reason as i32),
        status: event.status.unwrap_or(Status::OK) as i32,
        reserved: 0,
        until_ns: event.until_ns,
        text: vp_str::new(event.text.as_bytes()),
        late: late.map_or(std::ptr::null(), std::ptr::from_ref),
        source: event.source.unwrap_or(VP_NO_SOURCE),
        reserved2: 0,
        recording: event.recording.as_ref().map_or(NO_TEXT, |text| vp_str::new(text.as_bytes())),
    };
    show(&view);
}
