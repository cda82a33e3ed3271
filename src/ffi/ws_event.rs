//! What a WebSocket session tells, as C sees it.

use std::ffi::c_void;
use std::sync::Arc;

use super::types::{VP_BYTES_UNKNOWN, vp_str};
use super::versioned::{Versioned, write_sized};
use super::ws_config::{message, opcode};
use crate::session::data::View;
use crate::session::event::{Ended, Event, Failed, Kept, Lost, Switched, Told};
use crate::session::{Health, Hook};
use crate::ws::frame::Kind;
use crate::ws::session::ledger::Fate;
use crate::ws::session::life::Stage;

/// The bytes of an event, opaque to C.
pub struct vp_ws_data {
    _private: [u8; 0],
}

/// `kind` of `vp_ws_event`: a message that answers no call.
pub const VP_WS_EVENT_MESSAGE: i32 = 1;
/// `kind` of `vp_ws_event`: a call has ended; `outcome` says how, and `payload` is the answer.
pub const VP_WS_EVENT_COMPLETION: i32 = 2;
/// `kind` of `vp_ws_event`: the session is up: `vp_ws_send` is accepted.
pub const VP_WS_EVENT_UP: i32 = 3;
/// `kind` of `vp_ws_event`: the connection was given up. `loss` says why, `payload` in words, and
/// the numbers of messages what became of them. With more connections than one it may be another
/// than the live one: `connection` says which. The numbers are 0 for one that was never live.
pub const VP_WS_EVENT_LOST: i32 = 4;
/// `kind` of `vp_ws_event`: a dial or an upgrade has failed. With an answer that was not 101
/// `http_status` is its status, and `payload` its body; else `payload` is the reason in words.
pub const VP_WS_EVENT_FAILED: i32 = 5;
/// `kind` of `vp_ws_event`: here `dropped` events are missing, because they were not taken.
pub const VP_WS_EVENT_DROPPED: i32 = 6;
/// `kind` of `vp_ws_event`: the session has ended; nothing follows.
pub const VP_WS_EVENT_CLOSED: i32 = 7;

/// `kind` of `vp_ws_event`: the session goes on by another connection, `connection`, without having
/// been down. `previous` was live before; `loss` says why it was left.
pub const VP_WS_EVENT_SWITCHED: i32 = 8;

/// One event of a session. Fields that a kind does not name are 0. Times are nanoseconds of
/// CLOCK_MONOTONIC.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_ws_event {
    /// `sizeof(vp_ws_event)` as the caller was compiled; in a function, as the library was.
    pub struct_size: usize,
    /// A VP_WS_EVENT number.
    pub kind: i32,
    /// MESSAGE, COMPLETION with an answer: VP_WS_TEXT or VP_WS_BINARY.
    pub opcode: i32,
    /// When it was read, or happened.
    pub time_ns: u64,
    /// The bytes: contiguous, followed by 64 readable zero bytes. In a function they are borrowed
    /// until it returns, and lie where they were received.
    pub payload: vp_str,
    /// From poll and wait: holds `payload`, for `vp_ws_data_release`; NULL if there are no bytes.
    /// NULL in a function.
    pub data: *mut vp_ws_data,
    /// MESSAGE with `has_key`, COMPLETION: the key.
    pub key: u64,
    /// MESSAGE: 1 if the function of `vp_ws_config_set_on_match` has read a key.
    pub has_key: u32,
    /// The number of the connection, from 1; 0 before the first.
    pub connection: u32,
    /// COMPLETION: a `vp_outcome`.
    pub outcome: i32,
    /// COMPLETION: a `vp_wire`.
    pub wire_state: i32,
    /// COMPLETION: the id of the call.
    pub id: u64,
    /// COMPLETION: the number that `vp_ws_call` was given.
    pub user_data: u64,
    /// COMPLETION: the message was sent; of a call that was not, it began.
    pub sent_ns: u64,
    /// COMPLETION: the number of its message; 0 for a call that has waited and was not sent, and
    /// then `connection` is 0, too.
    pub sequence: u64,
    /// LOST, SWITCHED: a `vp_ws_loss`.
    pub loss: i32,
    /// LOST: the code of the peer's close frame: 1005 if it had none, 0 if there was no such frame.
    pub close_code: u32,
    /// LOST: the number of the last message that the session has accepted.
    pub last_sequence: u64,
    /// LOST: the peer's TCP has acknowledged the messages up to this one. That says nothing of its
    /// program. It stays behind where the system does not tell.
    pub acked_through: u64,
    /// LOST: the kernel had taken the messages up to this one: they may have been executed.
    pub sent_through: u64,
    /// LOST: the kernel had taken a part of this one, which the peer cannot have whole; 0 for none.
    /// Messages behind it, or behind `sent_through` without it, were not sent.
    pub partial_sequence: u64,
    /// LOST: bytes of the message behind `acked_through` that the peer's TCP has acknowledged, as
    /// on the wire. VP_BYTES_UNKNOWN where the system does not tell.
    pub bytes_acked: u64,
    /// LOST, FAILED: when the next dial begins; 0 if there is none.
    pub until_ns: u64,
    /// FAILED: the step, a `vp_status`.
    pub status: i32,
    /// FAILED: the status code of an answer that was not 101, or 0.
    pub http_status: i32,
    /// FAILED: the system's error number, or 0.
    pub os_error: i32,
    /// SWITCHED: the number of the connection that was live before.
    pub previous: u32,
    /// DROPPED: how many events are missing.
    pub dropped: u64,
}

/// Receives the events of a session. Runs on the session's thread: it must be short, must not
/// block, and must not throw. It may send, call, cancel and shut down; it must not close.
///
/// `event` and its payload are borrowed until the function returns.
pub type vp_ws_on_event =
    Option<unsafe extern "C" fn(context: *mut c_void, event: *const vp_ws_event)>;

/// `stage` of `vp_ws_health`: the next dial waits.
pub const VP_WS_WAITING: i32 = 0;
/// `stage` of `vp_ws_health`: it dials, or waits for the answer to the upgrade.
pub const VP_WS_DIALLING: i32 = 1;
/// `stage` of `vp_ws_health`: it sends its opening messages.
pub const VP_WS_OPENING: i32 = 2;
/// `stage` of `vp_ws_health`: the engine may send.
pub const VP_WS_UP: i32 = 3;
/// `stage` of `vp_ws_health`: the close handshake is on its way.
pub const VP_WS_CLOSING: i32 = 4;
/// `stage` of `vp_ws_health`: it has ended.
pub const VP_WS_CLOSED: i32 = 5;

/// The state of a session at one moment.
///
/// Set `struct_size` to `sizeof(vp_ws_health)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_ws_health {
    /// `sizeof(vp_ws_health)` as the caller was compiled.
    pub struct_size: usize,
    /// Where it stands: VP_WS_WAITING to VP_WS_CLOSED.
    pub stage: i32,
    /// Connections that it had, the present ones included.
    pub connections: u32,
    /// Calls that are not answered, with those that wait.
    pub calls: u64,
    /// Bytes that wait for the kernel to take them.
    pub bytes_unsent: u64,
    /// The last round trip of a ping in nanoseconds; 0 before the first.
    pub rtt_ns: u64,
    /// Connections that are logged in and wait to take over.
    pub ready: u64,
    /// Calls that wait until they can go (`vp_ws_config_set_waiting`).
    pub waiting: u64,
}

// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_ws_event {
    const FIRST: usize = 184;
}
// SAFETY: `repr(C)` with `struct_size` first.
unsafe impl Versioned for vp_ws_health {
    const FIRST: usize = 56;
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<vp_ws_event>() == vp_ws_event::FIRST);
    assert!(size_of::<vp_ws_health>() == vp_ws_health::FIRST);
};

impl vp_ws_health {
    pub(super) fn new(health: &Health) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            stage: match health.stage {
                Stage::Waiting => VP_WS_WAITING,
                Stage::Dialling => VP_WS_DIALLING,
                Stage::Opening => VP_WS_OPENING,
                Stage::Up => VP_WS_UP,
                Stage::Closing => VP_WS_CLOSING,
                Stage::Closed => VP_WS_CLOSED,
            },
            connections: health.connections,
            calls: health.calls as u64,
            bytes_unsent: health.unsent as u64,
            rtt_ns: health.rtt_ns,
            ready: health.ready as u64,
            waiting: health.waiting as u64,
        }
    }
}

const NOTHING: vp_ws_event = vp_ws_event {
    struct_size: size_of::<vp_ws_event>(),
    kind: 0,
    opcode: 0,
    time_ns: 0,
    payload: vp_str { ptr: std::ptr::null(), len: 0 },
    data: std::ptr::null_mut(),
    key: 0,
    has_key: 0,
    connection: 0,
    outcome: 0,
    wire_state: 0,
    id: 0,
    user_data: 0,
    sent_ns: 0,
    sequence: 0,
    loss: 0,
    close_code: 0,
    last_sequence: 0,
    acked_through: 0,
    sent_through: 0,
    partial_sequence: 0,
    bytes_acked: 0,
    until_ns: 0,
    status: 0,
    http_status: 0,
    os_error: 0,
    previous: 0,
    dropped: 0,
};

impl vp_ws_event {
    /// Borrows what is told; reasons in words lie in `told`.
    fn new(told: &Told<'_>) -> Self {
        let (time_ns, connection) = (told.time_ns, told.connection);
        let event = Self { time_ns, connection, payload: message(told.padded), ..NOTHING };
        match told.event {
            Event::Message(kind, key) => {
                let Self { payload, .. } = event;
                Self { time_ns, connection, payload, ..of_message(*kind, *key) }
            }
            Event::Completion(ended, kind) => {
                let opcode = if event.payload.len == 0 { 0 } else { opcode(*kind) };
                Self { opcode, ..event.with_end(ended) }
            }
            Event::Up => Self { kind: VP_WS_EVENT_UP, ..event },
            Event::Switched(Switched { previous, loss }) => Self {
                kind: VP_WS_EVENT_SWITCHED,
                previous: *previous,
                loss: *loss as i32,
                ..event
            },
            Event::Lost(lost) => event.with_loss(lost),
            Event::Failed(failed) => event.with_failure(failed),
            Event::Dropped(dropped) => {
                Self { kind: VP_WS_EVENT_DROPPED, dropped: *dropped, ..event }
            }
            Event::Closed => Self { kind: VP_WS_EVENT_CLOSED, ..event },
        }
    }

    fn with_end(self, ended: &Ended) -> Self {
        let Ended { call, outcome, wire_state } = ended;
        Self {
            kind: VP_WS_EVENT_COMPLETION,
            key: call.key,
            outcome: *outcome as i32,
            wire_state: *wire_state as i32,
            id: call.id,
            user_data: call.user_data,
            sent_ns: call.sent_ns,
            sequence: call.sequence,
            ..self
        }
    }

    fn with_loss(self, lost: &Lost) -> Self {
        let Fate { last, acked_through, sent_through, partial, bytes_acked } = lost.fate;
        Self {
            kind: VP_WS_EVENT_LOST,
            payload: vp_str::new(lost.text.as_bytes()),
            loss: lost.loss as i32,
            close_code: lost.close_code.into(),
            last_sequence: last,
            acked_through,
            sent_through,
            partial_sequence: partial,
            bytes_acked: bytes_acked.unwrap_or(VP_BYTES_UNKNOWN),
            until_ns: lost.until_ns,
            ..self
        }
    }

    fn with_failure(self, failed: &Failed) -> Self {
        let has_body = self.payload.len != 0;
        let payload = if has_body { self.payload } else { vp_str::new(failed.text.as_bytes()) };
        Self {
            kind: VP_WS_EVENT_FAILED,
            payload,
            until_ns: failed.until_ns,
            status: failed.status as i32,
            http_status: failed.http_status.into(),
            os_error: failed.os_error,
            ..self
        }
    }
}

/// The function of C as the session calls it.
pub(super) fn hook(on_event: vp_ws_on_event, context: *mut c_void) -> Option<Hook> {
    let function = on_event?;
    let context = context as usize;
    Some(Arc::new(move |told: &Told<'_>| {
        let mut event = vp_ws_event::new(told);
        // Words are followed by zeros, too.
        let words = words(told).map(View::of);
        if let Some(words) = &words {
            event.payload = message(words.padded());
        }
        // SAFETY: the header: the function takes these.
        unsafe { function(context as *mut c_void, &raw const event) };
    }))
}

/// Moves what was told to the caller's struct.
///
/// # Safety
/// `out` points to `size` writable bytes, `size` as `struct_size` answered.
#[inline]
pub(super) unsafe fn write_kept(out: *mut vp_ws_event, size: usize, kept: Kept) {
    if let Kept { time_ns, connection, event: Event::Message(kind, key), data: Some(data) } = kept {
        let (payload, data) = (message(data.padded()), given(data));
        let event = vp_ws_event { time_ns, connection, payload, data, ..of_message(kind, key) };
        if size == size_of::<vp_ws_event>() {
            // Made where it is to be: what would be copied here is as long as a message.
            // SAFETY: the caller's promise.
            unsafe { out.write(event) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { write_sized(out, size, &event) };
        }
    } else {
        // SAFETY: the caller's promise.
        unsafe { write_other(out, size, kept) };
    }
}

/// What is known of a message by its kind and key.
#[inline]
const fn of_message(kind: Kind, key: Option<u64>) -> vp_ws_event {
    let (has_key, key) = match key {
        Some(key) => (1, key),
        None => (0, 0),
    };
    vp_ws_event { kind: VP_WS_EVENT_MESSAGE, opcode: opcode(kind), key, has_key, ..NOTHING }
}

/// The count of the bytes goes to C with this pointer.
#[inline]
fn given(data: View) -> *mut vp_ws_data {
    Arc::into_raw(data.into_data()).cast::<vp_ws_data>().cast_mut()
}

/// As [`write_kept`], for what is seldom told.
///
/// # Safety
/// As for [`write_kept`].
unsafe fn write_other(out: *mut vp_ws_event, size: usize, kept: Kept) {
    let mut event = vp_ws_event::new(&kept.told());
    let words = words(&kept.told()).map(View::of);
    if let Some(data) = words.or(kept.data) {
        event.payload = message(data.padded());
        event.data = given(data);
    }
    // SAFETY: the caller's promise.
    unsafe { write_sized(out, size, &event) };
}

/// The reason in words, for what has no bytes of its own.
fn words<'a>(told: &Told<'a>) -> Option<&'a [u8]> {
    match told.event {
        Event::Lost(lost) => Some(lost.text.as_bytes()),
        Event::Failed(failed) if told.padded.is_empty() => Some(failed.text.as_bytes()),
        _ => None,
    }
}
