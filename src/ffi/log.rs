//! Records for the engine's log.

use std::ffi::c_void;
use std::sync::Arc;

use super::config::{configure, vp_config};
use super::types::vp_str;
use crate::error::Status;
use crate::log::{Level, LogHook, Record};

/// A pool or a session could not be opened.
pub const VP_LOG_ERROR: u32 = 1;
/// A connection or a dial failed, a pause began, or a pool could not publish.
pub const VP_LOG_WARN: u32 = 2;
/// A connection came up or went in good order, or the pool changed its state. A session has ended.
pub const VP_LOG_INFO: u32 = 3;
/// A dial began.
pub const VP_LOG_DEBUG: u32 = 4;
/// What can happen with each order: an answer that is late.
pub const VP_LOG_TRACE: u32 = 5;

/// A key of a record, and its value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vp_log_pair {
    /// The key, such as `slot`.
    pub key: vp_str,
    /// The value as text.
    pub value: vp_str,
}

/// A record for a log. New fields are only added at its end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct vp_log_record {
    /// The size of this struct as the library was compiled.
    pub struct_size: usize,
    /// A VP_LOG_ constant.
    pub level: u32,
    /// How many `pairs` there are.
    pub count: u32,
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// What it is about: `pool`, `connection`, `dial`, `pause` or `request`.
    pub target: vp_str,
    /// What happened, in words.
    pub message: vp_str,
    /// The same as keys and values; `pool` and `host` are always there.
    pub pairs: *const vp_log_pair,
}

/// Receives a record. It must be short, must not block, and must not throw: an exception ends the
/// process. It may do what an event's function may do, but may not open or close a pool.
///
/// `record` and all that it points to are borrowed until the function returns.
pub type vp_on_log =
    Option<unsafe extern "C" fn(context: *mut c_void, record: *const vp_log_record)>;

/// Sets the function that receives records for a log; NULL, the default, for none. `level`: the
/// least important one that it wants, 1 (VP_LOG_ERROR) to 5 (VP_LOG_TRACE). Nothing is formatted
/// for what is not wanted.
///
/// No record is made for an order but at VP_LOG_TRACE. A record never has a byte of a request or of
/// an answer, and no user or password of a proxy. See docs/seeing-inside.md.
///
/// Threads: as `vp_config_new`. The function runs on the pool thread, in both drives. For the
/// opening, the publishing, the drain and the end of a pool it runs on the thread that calls. On
/// the dial thread it tells that a key log has ended. Of a WebSocket session it runs on the
/// session's thread, and for an opening that has failed on the one that calls. So it may run on
/// several threads at once. A record of a session begins with "session: ", and has no byte of a
/// message.
/// Lifetime: `context` must be valid until `vp_pool_close` of each pool, and `vp_ws_close` of each
/// session, that was opened with this.
/// Errors: ERR_NULL, ERR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vp_config_set_log(
    config: *mut vp_config,
    level: u32,
    function: vp_on_log,
    context: *mut c_void,
) -> Status {
    // As a number, because the context is the caller's to share between threads.
    let context = context as usize;
    // SAFETY: the header.
    unsafe {
        configure(config, "vp_config_set_log", |config| {
            let level = Level::from_number(level).ok_or(Status::ERR_ARGUMENT)?;
            let hook = function.map(|function| LogHook {
                level,
                function: Arc::new(move |record: &Record<'_>| {
                    show(record, |view| {
                        // SAFETY: the header: the function takes what was given with it, and a
                        // view that is valid until it returns.
                        function(context as *mut c_void, view);
                    });
                }),
            });
            config.set_log_hook(hook);
            Ok(())
        })
    }
}

/// Shows a record as C sees it.
fn show(record: &Record<'_>, to: impl FnOnce(*const vp_log_record)) {
    let text = |text: &str| vp_str::new(text.as_bytes());
    let pair = |(key, value): &(&str, String)| vp_log_pair { key: text(key), value: text(value) };
    let pairs: Vec<vp_log_pair> = record.pairs.iter().map(pair).collect();
    to(&vp_log_record {
        struct_size: size_of::<vp_log_record>(),
        level: record.level as u32,
        count: pairs.len() as u32,
        time_ns: record.time_ns,
        target: text(record.target),
        message: text(record.message),
        pairs: pairs.as_ptr(),
    });
}
