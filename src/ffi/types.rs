//! The structs that C sees through. How old and new ones meet is in [`super::versioned`].

use std::ffi::{c_char, c_void};
use std::mem::{MaybeUninit, size_of};
use std::slice;

use crate::clock::by_wall_clock;
use crate::completion::{Completion, Detail};
use crate::error::{CloseReason, Outcome, Status, WireState};
use crate::event::EventKind;
use crate::metrics::snapshot::Summary;
use crate::net::endpoints::Endpoints;
use crate::pool::dispatch::Lease;
use crate::pool::health::Activity;

/// Borrowed text or bytes: not NUL-terminated. `ptr` may be NULL when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_str {
    /// The first byte.
    pub ptr: *const c_char,
    /// How many bytes.
    pub len: usize,
}

/// Why opening a pool, or healing a connection, failed.
///
/// Set `struct_size` to `sizeof(vp_error)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_error {
    /// `sizeof(vp_error)` as the caller was compiled.
    pub struct_size: usize,
    /// The step that failed, as a `vp_status`.
    pub status: i32,
    /// `errno` of the system call that failed; 0 when none did.
    pub os_error: i32,
    /// What was tried and what went wrong; NUL-terminated, shortened to fit.
    pub text: [c_char; 256],
}

/// A slot reserved by `vp_pool_try_acquire` or `vp_pool_acquire`: a value, not an object.
///
/// Copies are the same lease. A stale lease is recognised and refused.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_lease {
    /// Never used twice in one pool; 0 names no lease.
    pub generation: u64,
    /// The reserved slot.
    pub slot: u32,
    /// 0.
    pub reserved: u32,
}

/// A count of bytes that is not known.
pub const VP_BYTES_UNKNOWN: u64 = u64::MAX;

/// `slot` of a request that never got one.
pub const VP_NO_SLOT: u32 = u32::MAX;

/// Completion flag: the answer came after the completion of the request, which this one follows
/// (`vp_config_set_late_answers`).
pub const VP_COMPLETION_LATE: u32 = 1;

/// How one accepted request ended. Times are nanoseconds of CLOCK_MONOTONIC, 0 for what never was.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_completion {
    /// `sizeof(vp_completion)` as the caller was compiled.
    pub struct_size: usize,
    /// The id that submit gave.
    pub id: u64,
    /// The number given by `vp_request_set_user_data`.
    pub user_data: u64,
    /// OK, or why there is no whole response. Look at this first: also without a whole response
    /// there may be `http_status` and `response`.
    pub outcome: Outcome,
    /// Whether the request may have been executed.
    pub wire_state: WireState,
    /// The status code of the response; 0 when not even its head arrived. With another outcome than
    /// OK it says what the response would have been, not that it is here.
    pub http_status: i32,
    /// The slot that it was sent on, or `VP_NO_SLOT`.
    pub slot: u32,
    /// The response, whole if the outcome is OK. With another outcome: what had arrived of it, if
    /// that is at least its head (`vp_response_is_complete` answers 0); else NULL. From poll and
    /// wait it is the caller's, to be released; in a callback it is borrowed, to be retained if it
    /// is to be kept.
    pub response: *mut vp_response,
    /// The submit call began.
    pub submit_ns: u64,
    /// The kernel had taken the last byte of the request.
    pub write_ns: u64,
    /// The first byte of the response was read.
    pub first_byte_ns: u64,
    /// The exchange was over.
    pub done_ns: u64,
    /// Bytes of the request that the kernel took, as on the wire (under TLS: ciphertext).
    pub bytes_sent: u64,
    /// Of these, the bytes that the peer's TCP has acknowledged (TCP_INFO): they reached its
    /// kernel, which says nothing of its program. `VP_BYTES_UNKNOWN` when the outcome is OK, when
    /// nothing was sent, and where the system does not tell.
    pub bytes_acked: u64,
    /// Of these, the bytes that had not left this machine when the connection was reset, which
    /// drops them: they never will. The rest is on its way, or lost. `VP_BYTES_UNKNOWN` as for
    /// `bytes_acked`.
    pub bytes_unsent: u64,
    /// The request had a slot; 0 when it never had one. Until then it waited in the queue: since
    /// `submit_ns`, and if this is 0, until `done_ns`.
    pub start_ns: u64,
    /// The lease that `vp_pool_acquire_async` asked for: with `slot`, as `vp_completion_lease`
    /// gives it. 0 for a request, and when there is no lease.
    pub lease_generation: u64,
    /// How long the request waited in the queue, in nanoseconds.
    pub queue_wait_ns: u64,
    /// Sending began. Between `start_ns` and this a request with `vp_request_set_on_send` was
    /// signed; for any other both are the same. What follows is the look at the socket if one is
    /// due, encryption, and `send`.
    pub write_begin_ns: u64,
    /// `write_ns` by the system's clock: nanoseconds since 1970, UTC. It is computed, because a
    /// read for each request would cost time. So after somebody has set that clock it may be wrong
    /// for as long as the shortest timeout that is configured.
    pub write_wall_ns: u64,
    /// The head of the response was read to its end. `first_byte_ns`, this and `done_ns` are the
    /// times at which the pool began to read, so they are equal if one turn read it all.
    pub head_ns: u64,
    /// The completion was given to the engine: by poll or wait, or its callback began. Between
    /// `done_ns` and this it was decoded, and waited for the engine.
    pub delivered_ns: u64,
    /// Bytes that were read from the socket since the request was sent, as on the wire (under TLS:
    /// ciphertext).
    pub bytes_received: u64,
    /// The number of the connection that it was sent on, in its slot: from 1, as `connections` in
    /// `vp_slot_health`; 0 when it was never sent.
    pub connection: u32,
    /// Of `vp_submit_fanout`: how many copies left by then, at least in part. 0 for other requests.
    pub copies_sent: u32,
    /// `VP_COMPLETION_LATE` or 0.
    pub flags: u32,
    /// 0.
    pub reserved: u32,
    /// The IP address here of the connection that it was sent on, to find it in a capture: 16 bytes
    /// in network byte order. An IPv4 address is IPv4-mapped (RFC 4291 section 2.5.5.2): ten bytes
    /// 0, two bytes 255, and its four bytes. All 0 over a Unix socket, and while `connection` is 0.
    pub local_ip: [u8; 16],
    /// The IP address there, as `local_ip`: the venue's, or that of the proxy.
    pub peer_ip: [u8; 16],
    /// The port here, as a number; 0 without a `local_ip`.
    pub local_port: u32,
    /// The port there, as a number; 0 without a `peer_ip`.
    pub peer_port: u32,
    /// The kernel had the first bytes of the response: nanoseconds since 1970, UTC, by the system's
    /// clock. More exactly: the last segment of the read that brought them. 0 without
    /// `vp_config_set_kernel_times`, without a response, and where the kernel does not tell.
    pub arrival_wall_ns: u64,
}

/// Receives a completion. Runs on the pool thread, or in caller drive on the thread that drives: it
/// must be short, must not block, and must not throw. It may submit, cancel, retain, release and
/// shut down; it must not close the pool.
///
/// `completion` and its response are borrowed until the function returns.
pub type vp_on_complete =
    Option<unsafe extern "C" fn(context: *mut c_void, completion: *const vp_completion)>;

/// The state of a pool at one moment.
///
/// Set `struct_size` to `sizeof(vp_health)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct vp_health {
    /// `sizeof(vp_health)` as the caller was compiled.
    pub struct_size: usize,
    /// All slots.
    pub slots: u32,
    /// Slots with a live connection.
    pub live: u32,
    /// Live slots that a submit can take now.
    pub idle: u32,
    /// Slots with an exchange in flight.
    pub in_flight: u32,
    /// Slots reserved by a lease.
    pub leased: u32,
    /// Requests and callers waiting in the queue.
    pub waiting: u32,
    /// When the pause that the pool keeps is over, in nanoseconds of CLOCK_MONOTONIC; 0 without
    /// one. When pauses hold each source, it is when the first of them is over.
    pub suspended_until_ns: u64,
    /// How many dials a second the limits of the connections (idle time, age, requests; configured
    /// or announced) ask for while the engine sends nothing, rounded up. More than `dials_allowed`:
    /// some slots are down at times. With several bind addresses it is what the slots of one ask
    /// for, the one that needs most, times their number: each has a limit of its own.
    pub dials_needed: u32,
    /// How many dials a second the pool may make: `vp_config_set_dials_per_second`, from all its
    /// bind addresses together.
    pub dials_allowed: u32,
    /// The lanes whose requests are accepted, with the bit `1 << lane` for each: all, those of
    /// `vp_pool_drain`, or after a shutdown none. A pause is told by `suspended_until_ns`.
    pub open_lanes: u32,
    /// Requests in flight and in the queue, also behind a heartbeat on a leased slot, and callers
    /// of `vp_pool_acquire` that wait. Heartbeats are not counted. 0 in a drain: each request has
    /// ended, and the last completion is delivered or about to be.
    pub outstanding: u32,
}

/// The state of one slot at one moment. Times are nanoseconds of CLOCK_MONOTONIC, 0 for what never
/// was.
///
/// Set `struct_size` of the first to `sizeof(vp_slot_health)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_slot_health {
    /// `sizeof(vp_slot_health)` as the caller was compiled.
    pub struct_size: usize,
    /// Its number, as in `vp_completion`.
    pub slot: u32,
    /// What it does.
    pub state: Activity,
    /// When its connection came up; 0 when it has none.
    pub up_ns: u64,
    /// Exchanges on this connection, heartbeats included.
    pub requests: u64,
    /// When the peer last proved that it is there: by an answer, or by accepting the connection.
    pub proven_ns: u64,
    /// From the last byte sent to the first byte received, in the last answered exchange: a
    /// heartbeat's is the round trip and the venue's own time.
    pub rtt_ns: u64,
    /// When the next dial begins at the earliest, if it waits for that; `UINT64_MAX` while it waits
    /// until another connection of its host ends (`vp_thread_set_host_limits`).
    pub next_dial_ns: u64,
    /// Connections that it had, the present one included.
    pub connections: u32,
    /// Why the one before was given up, a `vp_close_reason`; -1 when there was none.
    pub last_close_reason: i32,
    /// How long the TCP connect of its connection took; 0 over a Unix socket and without one.
    pub connect_ns: u64,
    /// How long the TLS handshake took; 0 on plaintext.
    pub handshake_ns: u64,
    /// The TLS version as it is on the wire: 0x0303 is 1.2, 0x0304 is 1.3; 0 on plaintext.
    pub tls_version: u32,
    /// 1 if the TLS session goes on from an earlier one.
    pub is_resumed: u32,
    /// The number of the local address, in the order of `vp_config_set_bind_address` and
    /// `vp_config_add_bind_address`; VP_NO_SOURCE if the system has chosen it.
    pub source: u32,
    /// The port here, to find the connection in a capture.
    pub local_port: u16,
    /// The port there.
    pub peer_port: u16,
    /// The IP address here as text, NUL-terminated; empty over a Unix socket and without one.
    pub local_address: [c_char; VP_ADDRESS_TEXT],
    /// The IP address there: the venue's, or that of the proxy.
    pub peer_address: [c_char; VP_ADDRESS_TEXT],
    /// When the pause is over that holds the slot, the pool's or its source's; 0 without one.
    pub suspended_until_ns: u64,
}

/// `source` of a connection whose local address the system has chosen, and of an event that is not
/// about one source.
pub const VP_NO_SOURCE: u32 = u32::MAX;

/// The room for an IP address as text, its NUL included.
pub const VP_ADDRESS_TEXT: usize = 48;

/// One address of the venue. Durations are in nanoseconds, 0 while nothing was measured.
///
/// Set `struct_size` of the first to `sizeof(vp_address)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_address {
    /// `sizeof(vp_address)` as the caller was compiled.
    pub struct_size: usize,
    /// The shortest TCP connect.
    pub connect_min_ns: u64,
    /// The smoothed time of a TCP connect.
    pub connect_ns: u64,
    /// The shortest round trip of any connection there, by the kernel (`tcpi_min_rtt`).
    pub rtt_min_ns: u64,
    /// The smoothed round trip (`tcpi_rtt`). It may contain the venue's own time.
    pub rtt_ns: u64,
    /// Connections that were made there.
    pub connections: u64,
    /// Dials that failed there: by connecting, in the TLS handshake, or because another address was
    /// faster by 250 ms.
    pub failures: u64,
    /// Slots whose connection goes there.
    pub slots: u32,
    /// The port.
    pub port: u16,
    /// 1 if slots may dial there: the newest list of addresses has it.
    pub is_listed: u16,
    /// The IP address as text, NUL-terminated.
    pub address: [c_char; VP_ADDRESS_TEXT],
}

/// One event of a pool, for logs and monitors.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_event {
    /// The size of this struct as the library was compiled.
    pub struct_size: usize,
    /// What happened.
    pub kind: EventKind,
    /// The slot that it is about, or `VP_NO_SLOT`.
    pub slot: u32,
    /// When, in nanoseconds of CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// How many slots are live now.
    pub live: u32,
    /// Why a connection was given up, a `vp_close_reason`; else -1.
    pub close_reason: i32,
    /// At which step a dial failed, a `vp_status`; else 0.
    pub status: i32,
    /// 0.
    pub reserved: u32,
    /// When the next dial begins, or when the pause ends; else 0.
    pub until_ns: u64,
    /// The same in words, for a log.
    pub text: vp_str,
    /// The late completion of `VP_EVENT_KIND_LATE_RESPONSE`, borrowed; else NULL.
    pub late: *const vp_completion,
    /// Of `VP_EVENT_KIND_SUSPENDED` and `VP_EVENT_KIND_RESUMED`: the number of the source that the
    /// pause holds, as in `vp_slot_health`. VP_NO_SOURCE if it holds the pool, and for other kinds.
    pub source: u32,
    /// 0.
    pub reserved2: u32,
    /// Of `VP_EVENT_KIND_LOST`, if an order was lost with the connection: what the flight recorder
    /// has of both, as VP_RECORDER_TEXT. `ptr` is NULL if no order was, without a recorder
    /// (`vp_config_set_recorder`), and for other kinds.
    pub recording: vp_str,
}

/// Receives an event. Runs on the pool thread with no lock held: it must be short, must not block,
/// and must not throw. It may do what a completion callback in thread drive may do.
///
/// `event` and all that it points to are borrowed until the function returns.
pub type vp_on_event = Option<unsafe extern "C" fn(context: *mut c_void, event: *const vp_event)>;

/// The room for close reasons in `vp_stats`; more than there are today.
pub const VP_CLOSE_REASONS: usize = 32;

const _: () = assert!(VP_CLOSE_REASONS >= CloseReason::ALL.len());

/// Counters since the pool was opened.
///
/// Set `struct_size` to `sizeof(vp_stats)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct vp_stats {
    /// `sizeof(vp_stats)` as the caller was compiled.
    pub struct_size: usize,
    /// Requests accepted.
    pub submitted: u64,
    /// Requests and leases refused because nothing was free.
    pub refused: u64,
    /// Requests that ended with a full response.
    pub answered: u64,
    /// Requests that ended without one.
    pub failed: u64,
    /// Connections begun.
    pub dials: u64,
    /// Connections that came to live. More than the pool has slots means that it healed.
    pub connected: u64,
    /// Dials that failed to resolve the name.
    pub failed_resolve: u64,
    /// Dials that failed to connect, or at a proxy.
    pub failed_connect: u64,
    /// Dials that failed in TLS, certificate checks and pins included.
    pub failed_tls: u64,
    /// Dials that failed at a system call of our own (no descriptor left, for example).
    pub failed_system: u64,
    /// Connections given up, at the index of their `vp_close_reason`.
    pub closed: [u64; VP_CLOSE_REASONS],
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Answers that came after the completion of their request.
    pub late: u64,
    /// Dials for which the last good answer stood in for a name look-up that failed or hung.
    pub stale_answers: u64,
    /// Slots that had no connection and have one again.
    pub heals: u64,
    /// Connections that took over from one that still served.
    pub rotations: u64,
    /// Pauses that began.
    pub pauses: u64,
    /// Orders of several copies (`vp_submit_fanout`).
    pub fanouts: u64,
    /// Their copies, each one's first among them.
    pub copies: u64,
    /// Requests accepted, at the index of their lane.
    pub lanes: [u64; 4],
    /// Requests that ended, at the index of their `vp_wire_state`. A lease that was given by a
    /// completion counts as NOT_SENT.
    pub wire_states: [u64; 5],
}

const _: () = assert!(WireState::ALL.len() == 5);

/// The room for the text of a `vp_watched`, the NUL at its end included.
pub const VP_WATCHED_TEXT: usize = 64;

/// The last value of a watched header.
///
/// Set `struct_size` to `sizeof(vp_watched)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct vp_watched {
    /// `sizeof(vp_watched)` as the caller was compiled.
    pub struct_size: usize,
    /// When the first byte of the response that said it was read, in nanoseconds of
    /// CLOCK_MONOTONIC.
    pub time_ns: u64,
    /// The number, if `is_number` is 1; else 0.
    pub number: u64,
    /// 1 if the value is a number as `vp_response_watched_u64` reads it; else 0.
    pub is_number: i32,
    /// The length of the whole value in bytes, also of one that does not fit into `text`.
    pub len: u32,
    /// The value; NUL-terminated, shortened to fit.
    pub text: [c_char; VP_WATCHED_TEXT],
}

/// The most important numbers of a histogram. Durations are in nanoseconds.
///
/// Set `struct_size` to `sizeof(vp_summary)` before the call.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct vp_summary {
    /// `sizeof(vp_summary)` as the caller was compiled.
    pub struct_size: usize,
    /// How many durations.
    pub count: u64,
    /// The shortest one; 0 if there is none.
    pub min_ns: u64,
    /// The longest one; 0 if there is none.
    pub max_ns: u64,
    /// The mean.
    pub mean_ns: u64,
    /// The standard deviation.
    pub stdev_ns: u64,
    /// The first moment that counts, by the system's clock: nanoseconds since 1970.
    pub since_wall_ns: u64,
    /// The last one: when the snapshot was taken.
    pub until_wall_ns: u64,
}

/// A response, shared by reference count. Its bytes stay where they are until the last release.
pub struct vp_response {
    _private: [u8; 0],
}

impl vp_str {
    /// Text that the library owns.
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    /// As the header says of `vp_str`: `len` readable bytes at `ptr`, for as long as `'a`.
    pub(super) unsafe fn bytes<'a>(self) -> Result<&'a [u8], Status> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.ptr.is_null() {
            return Err(Status::ERR_NULL);
        }
        if self.len > isize::MAX as usize {
            return Err(Status::ERR_ARGUMENT);
        }
        // SAFETY: the caller's promise; not NULL, and not longer than any object can be.
        Ok(unsafe { slice::from_raw_parts(self.ptr.cast(), self.len) })
    }
}

impl vp_lease {
    pub(super) fn lease(self) -> Lease {
        Lease { slot: self.slot, generation: self.generation }
    }
}

impl From<Lease> for vp_lease {
    fn from(lease: Lease) -> Self {
        Self { generation: lease.generation, slot: lease.slot, reserved: 0 }
    }
}

impl vp_summary {
    pub(super) fn new(summary: &Summary) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            count: summary.count,
            min_ns: summary.min_ns,
            max_ns: summary.max_ns,
            mean_ns: summary.mean_ns,
            stdev_ns: summary.stdev_ns,
            since_wall_ns: summary.since_wall_ns,
            until_wall_ns: summary.until_wall_ns,
        }
    }
}

impl vp_completion {
    /// Writes the C form into its place, as [`vp_completion::new`].
    ///
    /// A call, because the compiler then knows that the two are apart, and moves field by field.
    #[inline(never)]
    pub(super) fn place<'a>(
        place: &'a mut MaybeUninit<Self>,
        completion: &Completion,
        response: *mut vp_response,
        delivered_ns: u64,
    ) -> &'a mut Self {
        place.write(Self::new(completion, response, delivered_ns))
    }

    /// Adds what only few completions have.
    #[cold]
    #[inline(never)]
    pub(super) fn add(&mut self, detail: &Detail) {
        if let Some(evidence) = detail.evidence {
            self.bytes_acked = evidence.bytes_acked;
            self.bytes_unsent = evidence.bytes_unsent;
        }
        if self.outcome != Outcome::Ok {
            let Endpoints { local, peer } = detail.endpoints;
            (self.local_ip, self.local_port) = (local.ip, local.port.into());
            (self.peer_ip, self.peer_port) = (peer.ip, peer.port.into());
        }
        self.lease_generation = detail.lease_generation;
        self.copies_sent = detail.copies_sent;
        self.flags = if detail.is_late { VP_COMPLETION_LATE } else { 0 };
    }

    /// The C form, without what [`vp_completion::add`] adds. `response` is passed on as it is:
    /// counted or borrowed is the caller's to say. `delivered_ns`: now.
    #[inline(always)]
    pub(super) fn new(
        completion: &Completion,
        response: *mut vp_response,
        delivered_ns: u64,
    ) -> Self {
        let recycled = completion.response.as_deref();
        let Endpoints { local, peer } = recycled.map(|it| it.endpoints).unwrap_or_default();
        let http_status = recycled.map_or(0, |it| it.response.status().into());
        Self {
            struct_size: size_of::<Self>(),
            id: completion.id,
            user_data: completion.user_data,
            outcome: completion.outcome,
            wire_state: completion.wire_state,
            http_status,
            slot: completion.slot.map_or(VP_NO_SLOT, u32::from),
            response,
            submit_ns: completion.times.submit_ns,
            write_ns: completion.times.write_ns,
            first_byte_ns: completion.times.first_byte_ns,
            done_ns: completion.times.done_ns,
            bytes_sent: completion.bytes_sent,
            bytes_acked: VP_BYTES_UNKNOWN,
            bytes_unsent: VP_BYTES_UNKNOWN,
            start_ns: completion.times.start_ns,
            lease_generation: 0,
            queue_wait_ns: completion.times.queue_wait_ns(),
            write_begin_ns: completion.times.write_begin_ns,
            write_wall_ns: by_wall_clock(completion.times.write_ns),
            head_ns: completion.times.head_ns,
            delivered_ns,
            bytes_received: completion.bytes_received,
            connection: completion.connection,
            copies_sent: 0,
            flags: 0,
            reserved: 0,
            local_ip: local.ip,
            peer_ip: peer.ip,
            local_port: local.port.into(),
            peer_port: peer.port.into(),
            arrival_wall_ns: recycled.map_or(0, |it| it.arrival_wall_ns),
        }
    }
}
