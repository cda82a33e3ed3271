//! Configuration, continued: what keeps live connections good, pauses, and events.

use std::ffi::c_void;

use super::complete::borrowed;
use super::config::{add, configure, switch, vp_config};
use super::types::{VP_NO_SLOT, vp_event, vp_on_event, vp_str};
use crate::error::Status;
use crate::event::{Event, EventHook};

/// Sets the heartbeat: a request that the pool sends on each connection that was idle for
/// `interval_ns`, give or take a fifth. GET is best, because many servers close after HEAD. At most
/// a quarter of the slots, but at least one, have a heartbeat at a time. Any answer within
/// `timeout_ns` proves that the connection lives; without one it is given up and healed. While it
/// is under way its slot takes no other request, so with a single slot an order may find none idle
/// for that time: use VP_QUEUE, or two slots. Leased slots have heartbeats too; an order of the
/// lease's holder that meets one goes right behind it (see `vp_lease_submit`). None is sent in a
/// pause. An interval of 0 ends it; off by default. A good value: a third of the venue's idle
/// timeout, 5 to 15 s.
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

/// Sets how long a connection may be idle and still take a request: less than the venue's own idle
/// timeout. Its replacement is dialled at eight to nine tenths of it, by chance, so that not all go
/// at once; it is closed at the limit even without one. 1 ms to 1 day; 0, the default, for no limit
/// but what the venue announces in `Keep-Alive: timeout=`, which always counts (0 there: the
/// connection is closed behind that answer). A limit that asks for more dials than
/// `vp_config_set_dials_per_second` allows is told: `VP_EVENT_KIND_TOO_FEW_DIALS`.
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

/// Sets the age at which a connection is replaced by a new one. The pool replaces it up to a fifth
/// earlier, by chance, so that not all go at once. It serves until the new one is live. 1 ms to 30
/// days; 0, the default, for never.
///
/// Threads: as `vp_config_new`.
/// Lifetime: none.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_max_age_ns(config: *mut vp_config, age_ns: u64) -> Status {
    // SAFETY: the header.
    unsafe { configure(config, "vp_config_set_max_age_ns", |config| config.set_max_age_ns(age_ns)) }
}

/// Sets how many requests a connection carries, heartbeats included. Its replacement is dialled a
/// tenth before. 0, the default, for any number but what the venue announces in `Keep-Alive: max=`,
/// which always counts.
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

/// Sets how recent the last look at an idle connection must be for a submit to send without looking
/// again. A look is one recv that does not wait. It finds a FIN, a reset or stray bytes. 0 to 1 s;
/// 10 us by default, so that an engine that answers a completion with the next order saves the
/// call; 0 looks each time.
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

/// Sets how long the kernel may take to accept a whole request, from submit on; the request then
/// ends as a timeout. 1 us to 1 day; 0, the default, for as long as the request may take.
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

/// Sets how long the first byte of a response may take, from the moment at which the request was
/// sent. 1 us to 1 day; 0, the default, for as long as the request may take.
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

/// Sets how long a request with VP_QUEUE may wait in the queue; it then ends as a timeout,
/// NOT_SENT. 1 us to 1 day; 0, the default, for as long as the request may take.
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

/// Sets how long the answer to a request is still waited for after its deadline. The completion
/// comes at the deadline all the same, as a timeout; the late answer comes as an event
/// (`VP_EVENT_KIND_LATE_RESPONSE`), and its connection is closed. The slot is healed meanwhile. A
/// request that is not on the wire to its last byte is not waited for: its connection is reset. 1
/// us to 1 day; 0, the default, for not at all.
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

/// Suspend policy: the connections stay.
pub const VP_SUSPEND_KEEP: u32 = 0;

/// Suspend policy: the connections are closed, and none is dialled until the pause is over.
pub const VP_SUSPEND_CLOSE: u32 = 1;

/// Makes responses of a status (429, 418, 403, 503 are usual) suspend the pool. It is suspended for
/// as long as the response's Retry-After says (seconds or a date, RFC 9110 section 10.2.3), but at
/// most for `vp_config_set_suspend_cap_ns`. Without Retry-After it is suspended for `for_ns`; 0 is
/// not at all. `for_ns` also counts when Retry-After asks for 0 seconds or names a moment that has
/// passed. A fraction of a second is rounded up. Of several values the longest counts. A number
/// from 1,000,000,000 on is a moment since 1970 in seconds, or from 1,000,000,000,000 on in
/// milliseconds.
///
/// Until the pause is over submits and leases are refused with ERR_SUSPENDED, and what waits in
/// line ends as SUSPENDED, NOT_SENT. The response itself is delivered as any other; one that comes
/// late, within the linger time, counts as well. The same status again replaces; at most 32.
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

/// Sets the longest pause that a response can ask for by its Retry-After, so that an absurd one
/// does not stop the pool for years. 1 ms to 30 days; 3 days by default, which is as long as venues
/// ban: with a shorter one the pool sends again while a longer ban goes on. `vp_pool_suspend` ends
/// a pause at any time.
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

/// Sets who is told what happens to connections; NULL, the default, for nobody. For logs and
/// alarms: no event is needed to trade.
///
/// Threads: as `vp_config_new`. The function runs on the pool thread, in both drives; for the first
/// time before `vp_pool_open` has returned, and so before it has given the handle of the pool.
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

/// Shows an event as C sees it.
fn tell(event: &Event, show: impl FnOnce(*const vp_event)) {
    let late = event.late.as_ref().map(borrowed);
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
        late: late.as_ref().map_or(std::ptr::null(), std::ptr::from_ref),
    };
    show(&view);
}
