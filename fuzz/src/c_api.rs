//! The C functions, called in any order with any arguments that the header allows a program to get
//! wrong: NULL, text of impossible length, numbers out of range, struct sizes that are none, calls
//! out of order, leases and ids that are stale or invented.
//!
//! One pool lives as long as the process; its peer answers with whatever the input wants. Nothing
//! crashes, nothing leaks, no call answers ERR_INTERNAL, and each accepted request has exactly one
//! completion.

// Every call is unsafe for one reason, and sound for one: each pointer is NULL, or was made here or
// by the library, and is alive.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use venuepool::error::{Outcome, Status, WireState};
use venuepool::event::EventKind;
use venuepool::ffi::complete::{vp_pool_fd, vp_pool_poll, vp_pool_wait};
use venuepool::ffi::config::*;
use venuepool::ffi::edges::*;
use venuepool::ffi::fanout::*;
use venuepool::ffi::group::*;
use venuepool::ffi::handle::vp_pool;
use venuepool::ffi::histograms::*;
use venuepool::ffi::lanes::*;
use venuepool::ffi::late::*;
use venuepool::ffi::limits::*;
use venuepool::ffi::log::*;
use venuepool::ffi::maintenance::*;
use venuepool::ffi::metrics::*;
use venuepool::ffi::overload::*;
use venuepool::ffi::pool::*;
use venuepool::ffi::publish::*;
use venuepool::ffi::recorder::*;
use venuepool::ffi::request::*;
use venuepool::ffi::response::*;
use venuepool::ffi::sockets::*;
use venuepool::ffi::sources::*;
use venuepool::ffi::submit::*;
use venuepool::ffi::thread::*;
use venuepool::ffi::tls::*;
use venuepool::ffi::types::*;
use venuepool::ffi::version::*;
use venuepool::ffi::watch::*;

use super::input::Input;
use super::{peer, ws_calls};

/// Room for the largest struct size that the library takes for one, more than once.
const ROOM: usize = 64 * 1024;
const MAX_CALLS: usize = 40;
const PATIENCE: Duration = Duration::from_secs(20);

static CALLED_BACK: AtomicU64 = AtomicU64::new(0);

/// What one input works with.
struct World {
    config: *mut vp_config,
    requests: [*mut vp_request; 2],
    /// Which of the requests have a callback.
    calls_back: [bool; 2],
    /// Ids whose completions are owed to the queue.
    owed: Vec<u64>,
    /// Those of them that bring a lease.
    asked: Vec<u64>,
    /// Ids whose completions are owed to the callback.
    owed_calls: Vec<u64>,
    leases: Vec<vp_lease>,
    responses: Vec<*mut vp_response>,
    /// For structs of any size, aligned as C would.
    room: Vec<u64>,
    opened: bool,
}

/// The peer's address and the pool that all inputs share.
fn shared() -> (&'static str, *mut vp_pool) {
    static SHARED: OnceLock<(String, usize)> = OnceLock::new();
    let (url, pool) = SHARED.get_or_init(|| {
        let url = format!("http://{}/v1", peer::start());
        let mut config = null_mut();
        let mut pool = null_mut();
        unsafe {
            ok(vp_config_new(&raw mut config));
            assert!(ok(vp_config_set_url(config, text(url.as_bytes()))));
            assert!(ok(vp_config_set_connections(config, 3)));
            assert!(ok(vp_config_set_dials_per_second(config, 1000)));
            assert!(ok(vp_config_set_backoff(config, 1_000_000, 10_000_000)));
            assert!(ok(vp_config_set_request_timeout_ns(config, 5_000_000)));
            assert!(ok(vp_config_set_request_capacity(config, 4096)));
            assert!(ok(vp_config_set_completion_capacity(config, 16)));
            assert!(ok(vp_config_set_waiting_capacity(config, 4)));
            assert!(ok(vp_config_set_max_body_size(config, 512)));
            assert!(ok(vp_config_set_max_head_size(config, 1024)));
            assert!(ok(vp_config_watch_header(config, text(b"A"), null_mut())));
            assert!(ok(vp_pool_open(config, &raw mut pool, null_mut())));
            vp_config_free(config);
        }
        (url, pool as usize)
    });
    (url, *pool as *mut vp_pool)
}

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let (_, pool) = shared();
    let mut world = World {
        config: null_mut(),
        requests: [null_mut(); 2],
        calls_back: [false; 2],
        owed: Vec::new(),
        asked: Vec::new(),
        owed_calls: Vec::new(),
        leases: Vec::new(),
        responses: Vec::new(),
        room: vec![0; ROOM / 8],
        opened: false,
    };
    unsafe {
        assert!(ok(vp_config_new(&raw mut world.config)));
        for request in &mut world.requests {
            assert!(ok(vp_request_new(pool, request)));
        }
    }
    for _ in 0..MAX_CALLS {
        if input.0.is_empty() {
            break;
        }
        world.call(&mut input, pool);
    }
    world.finish(pool);
}

pub(super) fn ok(status: Status) -> bool {
    assert_ne!(status, Status::ERR_INTERNAL, "a panic was caught");
    status == Status::OK
}

pub(super) fn text(bytes: &[u8]) -> vp_str {
    vp_str { ptr: bytes.as_ptr().cast(), len: bytes.len() }
}

/// Text of the input, or what no text should be.
pub(super) fn any_text(input: &mut Input<'_>) -> vp_str {
    match input.byte() {
        255 => vp_str { ptr: null(), len: 0 },
        254 => vp_str { ptr: null(), len: input.byte().into() },
        253 => vp_str { ptr: c"x".as_ptr(), len: usize::MAX - usize::from(input.byte()) },
        len => text(input.bytes(len.into())),
    }
}

/// Small numbers, powers of two and their neighbours, and the largest.
pub(super) fn any_number(input: &mut Input<'_>) -> u64 {
    let (kind, byte) = (input.byte(), u64::from(input.byte()));
    match kind % 5 {
        0 => byte,
        1 => (1 << (byte % 64)) - 1,
        2 => 1 << (byte % 64),
        3 => u64::MAX - byte,
        _ => byte * 1_000_000,
    }
}

/// `pointer`, or now and then NULL.
pub(super) fn or_null<T>(input: &mut Input<'_>, pointer: *mut T) -> *mut T {
    if input.byte() == 255 { null_mut() } else { pointer }
}

/// Fills the first placeholder, if it is of one byte, and withdraws each third request.
unsafe extern "C" fn fill_first(_: *mut c_void, sending: *const vp_sending) -> i32 {
    let byte = vp_str { ptr: c"1".as_ptr(), len: 1 };
    let _ = unsafe { vp_sending_fill(sending, 0, byte) };
    i32::from(unsafe { (*sending).id } % 3 == 0)
}

unsafe extern "C" fn on_complete(context: *mut c_void, completion: *const vp_completion) {
    let completion = unsafe { &*completion };
    assert_ne!(completion.outcome, Outcome::Internal);
    if !context.is_null() && !completion.response.is_null() {
        assert!(ok(unsafe { vp_response_retain(completion.response) }));
        unsafe { vp_response_release(completion.response) };
    }
    CALLED_BACK.fetch_add(1, Ordering::SeqCst);
}

impl World {
    fn call(&mut self, input: &mut Input<'_>, pool: *mut vp_pool) {
        match input.byte() % 16 {
            0 => names(input),
            1 | 2 => self.configure(input),
            3 if !self.opened => self.open(input),
            4..=6 => self.build(input),
            7 | 8 => self.build_well(input),
            9 | 10 => self.submit(input, pool),
            11 => self.lease(input, pool),
            12 => self.look(input, pool),
            13 => self.take(input, pool),
            14 => self.read(input),
            _ => self.cancel_or_execute(input, pool),
        }
    }

    fn configure(&self, input: &mut Input<'_>) {
        let config = or_null(input, self.config);
        let which = input.byte() % 59;
        unsafe {
            ok(match which {
                0 => vp_config_set_url(config, any_text(input)),
                1 => vp_config_set_base_path(config, any_text(input)),
                2 => vp_config_add_default_header(config, any_text(input), any_text(input)),
                3 => vp_config_set_thread_name(config, any_text(input)),
                4 => vp_config_set_bind_address(config, any_text(input)),
                5 => vp_config_set_addresses(config, any_text(input)),
                6 => vp_config_set_ca_pem(config, any_text(input)),
                7 => vp_config_set_client_cert_pem(config, any_text(input), any_text(input)),
                8 => vp_config_set_server_name(config, any_text(input)),
                9 => vp_config_set_alpn(config, any_text(input)),
                37 => {
                    let (method, path) = (any_text(input), any_text(input));
                    let (interval, timeout) = (any_number(input), any_number(input));
                    vp_config_set_heartbeat(config, method, path, interval, timeout)
                }
                38 => vp_config_set_heartbeat(config, text(b"GET"), text(b"/"), 1_000_000, 1_000),
                39 => vp_config_add_heartbeat_header(config, any_text(input), any_text(input)),
                40 => {
                    let bits = input.byte();
                    let (is_set, level) = (bits & 1 == 0, u32::from(bits >> 2) % 7);
                    match bits & 2 {
                        0 => vp_config_set_event(config, is_set.then_some(told), null_mut()),
                        _ => vp_config_set_log(config, level, is_set.then_some(logged), null_mut()),
                    }
                }
                49 => {
                    let mut index = 0;
                    let out = or_null(input, &raw mut index);
                    vp_config_watch_header(config, any_text(input), out)
                }
                56 => match input.byte() & 3 {
                    0 => vp_config_set_key_log_function(config, None, null_mut()),
                    1 => vp_config_set_key_log_function(config, Some(key_logged), null_mut()),
                    _ => vp_config_set_key_log_file(config, any_text(input)),
                },
                55 => vp_config_add_bind_address(config, any_text(input)),
                54 => vp_config_set_resolve_interval_ns(config, any_number(input)),
                53 => {
                    let (placement, margin) = (i32::from(input.byte() % 5), input.byte().into());
                    vp_config_set_placement(config, placement, margin, any_number(input))
                }
                52 => vp_config_add_proxy(config, proxy(input)),
                51 => vp_config_set_unix_socket(config, unix_path(input)),
                50 => vp_config_add_pin(config, pin(input)),
                _ => set_number(config, which, input),
            });
        }
    }

    /// Opens a pool of its own with whatever was configured, except that it dials nobody else's
    /// port, waits for nothing long, and takes no gigabytes.
    fn open(&mut self, input: &mut Input<'_>) {
        self.opened = true;
        let (url, _) = shared();
        let tls = url.replace("http:", "https:");
        let choices = [url, "http://127.0.0.1:9/", &tls];
        let url = choices[usize::from(input.byte()) % choices.len()];
        let config = self.config;
        let mut own = null_mut();
        let size = self.any_size(input, size_of::<vp_error>());
        let error = or_null(input, self.room.as_mut_ptr().cast::<vp_error>());
        unsafe {
            assert!(ok(vp_config_set_url(config, text(url.as_bytes()))));
            assert!(ok(vp_config_set_addresses(config, text(b"127.0.0.1"))));
            assert!(ok(vp_config_set_connections(config, u32::from(input.byte() % 3) + 1)));
            assert!(ok(vp_config_set_connect_timeout_ns(config, 5_000_000)));
            assert!(ok(vp_config_set_tls_handshake_timeout_ns(config, 3_000_000)));
            assert!(ok(vp_config_set_request_timeout_ns(config, 3_000_000)));
            assert!(ok(vp_config_set_request_capacity(config, 8192)));
            assert!(ok(vp_config_set_response_capacity(config, 4096)));
            assert!(ok(vp_config_set_completion_capacity(config, 4)));
            // Whatever was set: no file is made.
            ok(vp_config_set_key_log(config, 0));
            if input.byte() & 1 == 0 {
                on_shared_thread(input, config);
            }
            if input.byte() == 0 {
                ws_calls::on_session(input, config);
            }
            self.room[0] = size as u64;
            if ok(vp_pool_open(or_null(input, config), &raw mut own, error)) {
                self.live_and_die(input, own);
            }
        }
    }

    /// The whole life of a pool, ended at any moment.
    unsafe fn live_and_die(&mut self, input: &mut Input<'_>, own: *mut vp_pool) {
        let mut request = null_mut();
        let mut owed = 0;
        unsafe {
            assert!(ok(vp_request_new(own, &raw mut request)));
            // A request of another pool is refused.
            let foreign = vp_submit(own, self.requests[0], 0, null_mut());
            assert!(!ok(foreign));
            ok(vp_request_begin(request, text(b"POST"), text(b"/own")));
            ok(vp_request_body(request, any_text(input)));
            for _ in 0..input.byte() % 4 {
                owed += i32::from(ok(vp_submit(own, request, VP_QUEUE, null_mut())));
            }
            if input.byte() & 1 == 0 {
                ok(vp_pool_shutdown(own, any_number(input)));
            }
            if input.byte() & 1 == 0 {
                owed -= self.drain(own);
            }
            if input.byte() & 1 == 0 {
                owed -= self.in_group(input, own);
            }
            assert!(ok(vp_pool_close(own)));
            ok(vp_submit(own, request, 0, null_mut()));
            vp_request_free(request);
            owed -= self.drain(own);
            assert_eq!(owed, 0, "each accepted request has one completion");
            ok(vp_pool_close(own));
            let mut again = null_mut();
            assert_eq!(vp_request_new(own, &raw mut again), Status::ERR_CLOSED);
        }
    }

    /// Takes what is in the queue of a pool of its own; answers how much.
    unsafe fn drain(&mut self, own: *mut vp_pool) -> i32 {
        let mut taken = 0;
        loop {
            self.room[0] = size_of::<vp_completion>() as u64;
            let out = self.room.as_mut_ptr().cast::<vp_completion>();
            let count = unsafe { vp_pool_poll(own, out, 1) };
            assert_ne!(count, Status::ERR_INTERNAL as i32);
            if count < 1 {
                return taken;
            }
            taken += count;
            unsafe { vp_response_release((*out).response) };
        }
    }

    /// Takes completions of a pool of its own by a group; answers how many.
    unsafe fn in_group(&mut self, input: &mut Input<'_>, own: *mut vp_pool) -> i32 {
        let (mut group, mut taken, mut fd) = (null_mut(), 0, 0);
        unsafe {
            assert!(ok(vp_group_new(&raw mut group)));
            assert!(ok(vp_group_add(group, own)));
            assert_eq!(vp_group_add(group, own), Status::ERR_GROUPED);
            for _ in 0..input.byte() % 4 {
                self.room[0] = size_of::<vp_completion>() as u64;
                let mut from = null_mut();
                let out = self.room.as_mut_ptr().cast::<vp_completion>();
                let (group, out) = (or_null(input, group), or_null(input, out));
                let from = or_null(input, &raw mut from);
                let capacity = usize::from(input.byte() & 1);
                let count = match input.byte() & 1 {
                    0 => vp_group_poll(group, out, from, capacity),
                    _ => vp_group_wait(group, out, from, capacity, any_number(input) % 100_000),
                };
                assert_ne!(count, Status::ERR_INTERNAL as i32);
                if count > 0 {
                    assert!(from.is_null() || *from == own);
                    vp_response_release((*out).response);
                    taken += count;
                }
            }
            ok(vp_group_fd(group, or_null(input, &raw mut fd)));
            if input.byte() & 1 == 0 {
                // A pool that has ended has left by itself.
                ok(vp_group_remove(group, or_null(input, own)));
            }
            assert!(ok(vp_group_free(group)));
        }
        taken
    }

    /// The right size, or a wrong one.
    fn any_size(&self, input: &mut Input<'_>, right: usize) -> usize {
        match input.byte() {
            0..=127 => right,
            128..=159 => right + 8 * usize::from(input.byte()),
            160..=191 => right + usize::from(input.byte()),
            192..=223 => usize::from(input.byte()),
            224..=239 => usize::MAX - usize::from(input.byte()),
            _ => right * usize::from(input.byte()),
        }
    }
}

/// Asks for a histogram of an address.
unsafe fn address_histogram(input: &mut Input<'_>, pool: *mut vp_pool) -> Status {
    let (kind, flags) = (u32::from(input.byte() % 9), u32::from(input.byte() % 3));
    let ips: [&[u8]; 4] = [b"127.0.0.1", b"::ffff:127.0.0.1", b"127.0.0.9", b"venue"];
    let choice = usize::from(input.byte() % 5);
    let address = ips.get(choice).map_or_else(|| any_text(input), |ip| text(ip));
    let mut taken = null_mut();
    unsafe {
        let out = or_null(input, &raw mut taken);
        let status = vp_pool_address_histogram(pool, kind, address, flags, out);
        vp_histogram_free(taken);
        status
    }
}

/// Asks for a histogram, and reads it in each way.
unsafe fn histogram(input: &mut Input<'_>, pool: *mut vp_pool, out: *mut vp_summary) -> Status {
    let (kind, slot) = (u32::from(input.byte() % 9), u32::from(input.byte() % 3));
    let slot = if slot == 2 { VP_ALL_SLOTS } else { slot };
    let flags = u32::from(input.byte() % 3);
    let (mut taken, mut ns, mut needed) = (null_mut(), 0, 0);
    let mut text = [0; 512];
    let capacity = usize::from(input.byte()) * 2;
    unsafe {
        let status = vp_pool_histogram(pool, kind, slot, flags, or_null(input, &raw mut taken));
        ok(vp_histogram_summary(taken, out));
        ok(vp_histogram_percentile(taken, any_number(input) as f64, &raw mut ns));
        let buffer = or_null(input, text.as_mut_ptr());
        ok(vp_histogram_log(taken, flags, buffer, capacity, &raw mut needed));
        ok(vp_histogram_percentile_table(taken, buffer, capacity, &raw mut needed));
        vp_histogram_free(taken);
        status
    }
}

/// Asks for the text of a pool's metrics, or of several, which may be the same one.
unsafe fn metrics(input: &mut Input<'_>, pool: *mut vp_pool) -> Status {
    let mut needed = 0;
    let mut text = [0; 512];
    let (capacity, count) = (usize::from(input.byte()) * 2, usize::from(input.byte() % 3));
    let pools = [pool.cast_const(), or_null(input, pool).cast_const()];
    unsafe {
        let buffer = or_null(input, text.as_mut_ptr());
        ok(vp_metrics_text(pools.as_ptr(), count, buffer, capacity, &raw mut needed));
        vp_pool_metrics_text(pool, buffer, capacity, or_null(input, &raw mut needed))
    }
}

/// Has the pool publish at a path that may be made, or at one that cannot be.
unsafe fn publish(input: &mut Input<'_>, pool: *mut vp_pool) -> Status {
    // Only here, because a file is made there.
    let name = format!("venuepool-fuzz-{}", std::process::id());
    let path = std::env::temp_dir().join(name).into_os_string().into_encoded_bytes();
    let path = match input.byte() % 5 {
        0 => b"/no/such/folder".to_vec(),
        1 => b"/tmp/\0".to_vec(),
        2 => Vec::new(),
        3 => vec![b'x'; 5_000],
        _ => path,
    };
    let ptr = or_null(input, path.as_ptr().cast_mut());
    let path = vp_str { ptr: ptr.cast(), len: path.len() };
    unsafe {
        let status = vp_pool_publish(pool, path, any_number(input));
        // The pool outlives this input, and its file would outlive the process.
        ok(vp_pool_publish(pool, vp_str { ptr: null(), len: 0 }, 0));
        status
    }
}

/// Asks what has happened: in a slot, to a request, or to the requests with a tag.
unsafe fn recorder(input: &mut Input<'_>, pool: *mut vp_pool) -> Status {
    let mut needed = 0;
    let mut text = [0; 512];
    let capacity = usize::from(input.byte()) * 2;
    let format = u32::from(input.byte() % 3);
    unsafe {
        let (buffer, out) = (or_null(input, text.as_mut_ptr()), or_null(input, &raw mut needed));
        match input.byte() % 3 {
            0 => {
                let slot = [0, 1, 2, VP_ALL_SLOTS][usize::from(input.byte() % 4)];
                vp_pool_recorder_text(pool, slot, format, buffer, capacity, out)
            }
            1 => {
                let id = u64::from(input.byte());
                vp_pool_recorder_find(pool, id, format, buffer, capacity, out)
            }
            _ => vp_pool_recorder_find_tag(pool, any_text(input), format, buffer, capacity, out),
        }
    }
}

/// Has the pool opened on a thread that is let go of before it ends.
unsafe fn on_shared_thread(input: &mut Input<'_>, config: *mut vp_config) {
    let mut thread = null_mut();
    let (name, cpu) = (any_text(input), any_number(input) as i32);
    unsafe {
        if ok(vp_thread_new(name, cpu, 0, or_null(input, &raw mut thread))) {
            vp_thread_set_host_limits(thread, any_number(input) as u32, any_number(input) as u32);
            assert!(ok(vp_config_set_thread(config, thread)));
            vp_thread_free(thread);
        }
    }
}

unsafe fn set_number(config: *mut vp_config, which: u8, input: &mut Input<'_>) -> Status {
    let number = any_number(input);
    let (small, on) = (number as u32, number as i32);
    unsafe {
        match which {
            10 => vp_config_set_connections(config, small),
            11 if number & 2 != 0 => vp_config_set_histograms(config, on),
            11 if number & 4 != 0 => vp_config_set_recorder(config, small >> 3),
            11 if number & 8 != 0 => vp_config_set_prefault(config, on),
            11 if number & 16 != 0 => vp_config_set_recorder_heads(config, small >> 4),
            11 => vp_config_set_degraded_open(config, on),
            12 => vp_config_set_cpu(config, on),
            13 => vp_config_set_connect_timeout_ns(config, number),
            14 => vp_config_set_tls_handshake_timeout_ns(config, number),
            15 => vp_config_set_request_timeout_ns(config, number),
            16 => vp_config_set_request_capacity(config, number),
            17 => vp_config_set_response_capacity(config, number),
            18 => vp_config_set_max_body_size(config, number),
            19 => vp_config_set_max_head_size(config, number),
            20 => vp_config_set_max_headers(config, small),
            21 => vp_config_set_completion_capacity(config, small),
            22 => vp_config_set_waiting_capacity(config, small),
            23 => vp_config_set_nodelay(config, on),
            24 => vp_config_set_tcp_keepalive(config, number, any_number(input), small % 9),
            25 => vp_config_set_socket_buffers(config, number, any_number(input)),
            26 => vp_config_set_backoff(config, number, any_number(input)),
            27 => vp_config_set_dials_per_second(config, small),
            28 => vp_config_set_insecure_skip_verify(config, on),
            29 => vp_config_set_tcp_keepalive(config, number, number, small),
            30 => vp_config_set_drive(config, small),
            31 => vp_config_set_drive(config, small & 1),
            32 => vp_config_set_max_interim(config, small),
            33 => vp_config_set_max_chunk_line(config, number),
            34 => vp_config_set_max_chunk_overhead(config, number),
            35 => vp_config_set_max_trailer_size(config, number),
            41 => vp_config_set_idle_limit_ns(config, number),
            42 => vp_config_set_max_age_ns(config, number),
            43 => vp_config_set_max_requests(config, number),
            44 => match number % 6 {
                0 => vp_config_set_write_timeout_ns(config, any_number(input)),
                1 => vp_config_set_first_byte_timeout_ns(config, any_number(input)),
                2 => vp_config_set_queue_timeout_ns(config, any_number(input)),
                3 => vp_config_set_resolve_timeout_ns(config, any_number(input)),
                4 => vp_config_set_late_answers(config, small & 3),
                _ => vp_config_set_linger_ns(config, any_number(input)),
            },
            45 if small & 4 != 0 => vp_config_set_suspend_scope(config, small % 3),
            45 => vp_config_suspend_on(config, on, any_number(input), small % 3),
            46 => vp_config_set_look_after_ns(config, number),
            36 => vp_config_set_lane(config, small % 5, small, small, small % 3),
            47 => vp_config_set_busy_poll(config, on & 1),
            48 => vp_config_set_suspend_cap_ns(config, number),
            57 => vp_config_set_kernel_times(config, on),
            58 => vp_config_set_exchange_time_ns(config, number),
            _ => vp_config_new(null_mut()),
        }
    }
}

/// Any text; now and then a good pin.
fn pin(input: &mut Input<'_>) -> vp_str {
    match input.byte() & 1 {
        0 => text(b"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        _ => any_text(input),
    }
}

/// Any text; now and then a good path, on which nothing listens, or none.
fn unix_path(input: &mut Input<'_>) -> vp_str {
    match input.byte() % 3 {
        0 => text(b"/nonexistent/venue.sock"),
        1 => text(b""),
        _ => any_text(input),
    }
}

/// Any text; now and then a good proxy, on a port where nothing listens. A pool with a proxy is
/// refused at open, because addresses are set there.
fn proxy(input: &mut Input<'_>) -> vp_str {
    match input.byte() % 3 {
        0 => text(b"http://user:pass%20word@127.0.0.1:9"),
        1 => text(b"socks5://127.0.0.1:9"),
        _ => any_text(input),
    }
}

/// Any name, value and pool; now and then a good token, or none.
unsafe fn set_default_header(input: &mut Input<'_>, pool: *mut vp_pool) -> Status {
    const TOKENS: [&[u8]; 3] = [b"Bearer 1", b"Bearer 22", b""];
    let token = match input.byte() % 4 {
        3 => vp_str { ptr: null(), len: 0 },
        good => text(TOKENS[usize::from(good)]),
    };
    unsafe {
        match input.byte() & 1 {
            0 => vp_pool_set_default_header(pool, text(b"Authorization"), token),
            // Not kept, so that the names are not used up.
            _ => vp_pool_set_default_header(pool, any_text(input), vp_str { ptr: null(), len: 0 }),
        }
    }
}

/// Reads a record to its end.
unsafe extern "C" fn key_logged(_: *mut c_void, _: vp_str) {
    unreachable!("the key log is turned off before a pool is opened");
}

unsafe extern "C" fn logged(_: *mut c_void, record: *const vp_log_record) {
    let record = unsafe { &*record };
    assert!(record.message.len > 0 && record.target.len > 0 && record.count >= 2);
    for index in 0..record.count as usize {
        let pair = unsafe { &*record.pairs.add(index) };
        assert!(pair.key.len > 0 && !pair.value.ptr.is_null());
    }
}

/// Reads an event to its end.
unsafe extern "C" fn told(_: *mut c_void, event: *const vp_event) {
    let event = unsafe { &*event };
    let name = unsafe { CStr::from_ptr(vp_event_name(event.kind as i32)) };
    assert!(name.to_bytes().starts_with(b"VP_EVENT_KIND_"));
    assert!(event.text.len > 0 && !event.text.ptr.is_null());
    assert_eq!(event.late.is_null(), event.kind != EventKind::LateResponse);
    assert_eq!(event.recording.ptr.is_null(), event.recording.len == 0);
    assert!(event.recording.ptr.is_null() || event.kind == EventKind::Lost);
}

fn names(input: &mut Input<'_>) {
    let number = any_number(input) as i32;
    for name in [
        vp_status_name,
        vp_outcome_name,
        vp_wire_name,
        vp_close_reason_name,
        vp_event_name,
        vp_slot_state_name,
    ] {
        let name = name(number);
        assert!(unsafe { CStr::from_ptr(name) }.to_bytes().starts_with(b"VP_"));
    }
    assert_eq!(vp_version_number(), VP_VERSION_NUMBER);
    assert!(!vp_version_string().is_null());
    unsafe {
        vp_config_free(null_mut());
        vp_request_free(null_mut());
        vp_response_release(null_mut());
        assert!(!ok(vp_pool_close(null_mut())));
        assert!(!ok(vp_pool_shutdown(null_mut(), number as u64)));
        assert!(!ok(vp_response_retain(null_mut())));
    }
}

impl World {
    fn build(&mut self, input: &mut Input<'_>) {
        let index = usize::from(input.byte() & 1);
        let request = or_null(input, self.requests[index]);
        let mut view = vp_str { ptr: null(), len: 0 };
        unsafe {
            ok(match input.byte() % 16 {
                0 => vp_request_begin(request, any_text(input), any_text(input)),
                1 => vp_request_query(request, any_text(input), any_text(input)),
                2 => vp_request_query_raw(request, any_text(input)),
                3 => vp_request_header(request, any_text(input), any_text(input)),
                4 => vp_request_body(request, any_text(input)),
                5 => vp_request_mark(request),
                6 => vp_request_rewind(request),
                7 => vp_request_set_timeout_ns(request, any_number(input)),
                8 => vp_request_set_user_data(request, any_number(input)),
                9 => vp_request_bytes(request, or_null(input, &raw mut view)),
                10 => return self.reserve(input, request),
                11 => match input.byte() {
                    byte @ 0..64 => vp_request_set_lane(request, u32::from(byte % 5)),
                    64..128 => vp_request_set_tag(request, any_text(input)),
                    byte => vp_request_set_source(request, u32::from(byte % 3)),
                },
                13 => vp_request_placeholder(request, usize::from(input.byte()), &mut 0),
                14 => {
                    let (offset, len) = (usize::from(input.byte()), usize::from(input.byte()));
                    vp_request_body_placeholder(request, offset, len, &mut 0)
                }
                15 => vp_request_set_on_send(request, Some(fill_first), null_mut()),
                _ => return self.set_callback(input, index),
            });
            if !view.ptr.is_null() {
                let bytes = std::slice::from_raw_parts(view.ptr.cast::<u8>(), view.len);
                assert!(bytes.ends_with(b"\r\n\r\n") || bytes.len() > 16);
            }
        }
    }

    unsafe fn reserve(&self, input: &mut Input<'_>, request: *mut vp_request) {
        let mut body = null_mut();
        let (capacity, len) = (any_number(input) as usize, any_number(input) as usize);
        unsafe {
            if ok(vp_request_body_reserve(request, capacity, or_null(input, &raw mut body))) {
                body.write_bytes(b'x', capacity);
            }
            ok(vp_request_body_commit(request, len));
        }
    }

    unsafe fn set_callback(&mut self, input: &mut Input<'_>, index: usize) {
        let on = input.byte() & 1 == 0;
        let context = or_null(input, self.requests[index].cast::<c_void>());
        let function: vp_on_complete = if on { Some(on_complete) } else { None };
        unsafe { ok(vp_request_set_on_complete(self.requests[index], function, context)) };
        self.calls_back[index] = on;
    }

    /// A request that is taken, and what its answer shall be.
    fn build_well(&mut self, input: &mut Input<'_>) {
        const PATHS: [&[u8]; 4] = [b"/", b"/a", b"/f", b"/n"];
        const METHODS: [&[u8]; 4] = [b"POST", b"GET", b"HEAD", b"PUT"];
        const GOOD: [&[u8]; 4] = [
            b"",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        ];
        let choice = usize::from(input.byte());
        let request = self.requests[choice & 1];
        unsafe {
            let (method, path) = (METHODS[choice >> 1 & 3], PATHS[choice >> 3 & 3]);
            assert!(ok(vp_request_begin(request, text(method), text(path))));
            let body = match choice >> 5 {
                good @ 0..=3 => text(GOOD[good]),
                _ => any_text(input),
            };
            ok(vp_request_body(request, body));
        }
    }

    fn submit(&mut self, input: &mut Input<'_>, pool: *mut vp_pool) {
        let index = usize::from(input.byte() & 1);
        let flags = if input.byte() == 255 { any_number(input) as u32 } else { VP_QUEUE };
        let mut id = 0;
        let request = or_null(input, self.requests[index]);
        let status = if input.byte() & 7 == 7 {
            let (copies, hedge_after_ns) = (u32::from(input.byte()), any_number(input));
            let flags = flags | u32::from(input.byte() & 6);
            unsafe { vp_submit_fanout(pool, request, copies, hedge_after_ns, flags, &raw mut id) }
        } else {
            unsafe { vp_submit(or_null(input, pool), request, flags, &raw mut id) }
        };
        self.note(status, id, index);
    }

    fn note(&mut self, status: Status, id: u64, index: usize) {
        if !ok(status) {
            return;
        }
        assert_ne!(id, 0);
        if self.calls_back[index] {
            self.owed_calls.push(id);
        } else {
            self.owed.push(id);
        }
    }

    fn lease(&mut self, input: &mut Input<'_>, pool: *mut vp_pool) {
        let mut lease = vp_lease { generation: 0, slot: 0, reserved: 0 };
        if self.leases.is_empty() || input.byte() & 3 == 0 {
            let out = or_null(input, &raw mut lease);
            let patience = any_number(input) % 100_000;
            let (how, source) = (input.byte() % 6, u32::from(input.byte() % 3));
            if how % 3 == 2 {
                let (mut id, context) = (0, null_mut());
                let status = unsafe {
                    match how {
                        2 => vp_pool_acquire_async(pool, patience, 0, None, context, &mut id),
                        _ => vp_pool_acquire_async_from(
                            pool, source, patience, 0, None, context, &mut id,
                        ),
                    }
                };
                if ok(status) {
                    self.owed.push(id);
                    self.asked.push(id);
                }
                return;
            }
            let acquired = unsafe {
                match how {
                    0 => vp_pool_try_acquire(pool, out),
                    1 => vp_pool_acquire(pool, patience, out),
                    3 => vp_pool_try_acquire_from(pool, source, out),
                    _ => vp_pool_acquire_from(pool, source, patience, out),
                }
            };
            if ok(acquired) {
                self.leases.push(lease);
            }
            return;
        }
        lease = self.leases[usize::from(input.byte()) % self.leases.len()];
        if input.byte() >= 224 {
            lease.generation = lease.generation.wrapping_add(any_number(input));
            lease.slot = lease.slot.wrapping_add(u32::from(input.byte()));
        }
        let index = usize::from(input.byte() & 1);
        let mut id = 0;
        if input.byte() & 1 == 0 {
            let request = self.requests[index];
            let status = unsafe { vp_lease_submit(pool, lease, request, &raw mut id) };
            self.note(status, id, index);
        } else {
            ok(unsafe { vp_lease_release(pool, lease) });
        }
    }

    fn look(&mut self, input: &mut Input<'_>, pool: *mut vp_pool) {
        let pool = or_null(input, pool);
        let which = input.byte() % 18;
        let right = [
            size_of::<vp_health>(),
            size_of::<vp_stats>(),
            size_of::<vp_error>(),
            size_of::<vp_slot_health>(),
            size_of::<vp_watched>(),
            size_of::<vp_address>(),
        ];
        let size = match which {
            12 => size_of::<vp_summary>(),
            _ => right[usize::from(which) % 6],
        };
        self.room[0] = self.any_size(input, size) as u64;
        let mut fd = 0;
        unsafe {
            let out = or_null(input, self.room.as_mut_ptr());
            ok(match which {
                0 => vp_pool_health(pool, out.cast()),
                1 => vp_pool_stats(pool, out.cast()),
                2 => vp_pool_last_dial_error(pool, out.cast()),
                3 => {
                    let count = vp_pool_slots(pool, out.cast(), usize::from(input.byte() % 8));
                    assert_ne!(count, Status::ERR_INTERNAL as i32);
                    Status::OK
                }
                4 => vp_pool_watched(pool, u32::from(input.byte() & 1), out.cast()),
                5 => match input.byte() {
                    // A drain has no end, so there are few.
                    bits @ 0xd0..0xf0 => vp_pool_drain(pool, u32::from(bits - 0xd0)),
                    // A short pause, ended by the next look or by itself.
                    byte => vp_pool_suspend(pool, u64::from(byte & 1) * 100_000),
                },
                6 => set_default_header(input, pool),
                7 => {
                    let lists: [&[u8]; 4] = [b"127.0.0.1", b"127.0.0.1,127.0.0.1", b"", b"venue"];
                    vp_pool_set_addresses(pool, text(lists[usize::from(input.byte() % 4)]))
                }
                11 => {
                    let capacity = usize::from(input.byte() % 8);
                    let count = vp_pool_addresses(pool, out.cast(), capacity);
                    assert_ne!(count, Status::ERR_INTERNAL as i32);
                    Status::OK
                }
                12 => histogram(input, pool, out.cast()),
                13 => metrics(input, pool),
                14 => publish(input, pool),
                15 => recorder(input, pool),
                16 => address_histogram(input, pool),
                _ => vp_pool_fd(pool, or_null(input, &raw mut fd)),
            });
        }
    }

    /// Polls or waits, with structs of any size.
    fn take(&mut self, input: &mut Input<'_>, pool: *mut vp_pool) {
        let size = self.any_size(input, size_of::<vp_completion>());
        let capacity = usize::from(input.byte() % 8);
        let patience = any_number(input) % 100_000;
        self.room[0] = size as u64;
        let out = or_null(input, self.room.as_mut_ptr().cast::<vp_completion>());
        let count = unsafe {
            match input.byte() & 1 {
                0 => vp_pool_poll(or_null(input, pool), out, capacity),
                _ => vp_pool_wait(or_null(input, pool), out, capacity, patience),
            }
        };
        self.collect(count, size);
    }

    /// Checks and settles the completions in the room.
    fn collect(&mut self, count: i32, size: usize) {
        assert_ne!(count, Status::ERR_INTERNAL as i32);
        for index in 0..usize::try_from(count).unwrap_or(0) {
            let at = self.room.as_ptr().cast::<u8>().wrapping_add(index * size);
            let completion = unsafe { at.cast::<vp_completion>().read_unaligned() };
            let place = self.owed.iter().position(|id| *id == completion.id);
            self.owed.swap_remove(place.expect("a completion that nobody is owed"));
            if !self.asked.contains(&completion.id) {
                self.settle(&completion);
            } else if size == size_of::<vp_completion>() {
                let lease = unsafe { vp_completion_lease(&raw const completion) };
                assert_eq!(completion.outcome == Outcome::Ok, lease.generation != 0);
                self.leases.extend((lease.generation != 0).then_some(lease));
            }
        }
    }

    fn settle(&mut self, completion: &vp_completion) {
        assert_ne!(completion.outcome, Outcome::Internal);
        assert_eq!(completion.outcome == Outcome::Ok, !completion.response.is_null());
        assert_eq!(completion.outcome == Outcome::Ok, completion.http_status != 0);
        if completion.outcome == Outcome::Ok {
            assert_eq!(completion.wire_state, WireState::Answered);
            self.responses.push(completion.response);
        }
    }

    /// Views of a response, or of none.
    fn read(&mut self, input: &mut Input<'_>) {
        let choice = usize::from(input.byte());
        let response = match self.responses.len() {
            0 => null_mut(),
            len => or_null(input, self.responses[choice % len]),
        };
        let mut views = [vp_str { ptr: null(), len: 0 }; 2];
        let [name, value] = &mut views;
        unsafe {
            let status = vp_response_status(response);
            let _ = vp_response_is_complete(response);
            assert!(status == 0 || (200..600).contains(&status));
            assert_eq!(vp_response_version(response) == 0, response.is_null());
            let index = any_number(input) as usize;
            let (name, value) = (or_null(input, name), or_null(input, value));
            let found = vp_response_header_at(response, index, name, value);
            let count = vp_response_header_count(response);
            assert_eq!(ok(found), index < count, "{count} headers");
            let wanted = any_text(input);
            ok(vp_response_header_find(response, wanted, or_null(input, views[1..].as_mut_ptr())));
            let (mut watched, mut number) = (vp_str { ptr: null(), len: 0 }, 0);
            let index = u32::from(input.byte() & 1);
            ok(vp_response_watched_u64(response, index, or_null(input, &raw mut number)));
            if ok(vp_response_watched(response, index, or_null(input, &raw mut watched))) {
                let mut found = vp_str { ptr: null(), len: 0 };
                assert!(ok(vp_response_header_find(response, text(b"A"), &raw mut found)));
                assert_eq!((index, watched.ptr, watched.len), (0, found.ptr, found.len));
            }
            for view in [vp_response_body(response), vp_response_reason(response), watched] {
                if view.len > 0 {
                    let bytes = std::slice::from_raw_parts(view.ptr.cast::<u8>(), view.len);
                    std::hint::black_box(bytes.iter().fold(0_u8, |sum, byte| sum ^ byte));
                }
            }
            if input.byte() & 1 == 0 && ok(vp_response_retain(response)) {
                self.responses.push(response);
            } else if let Some(released) = self.responses.pop() {
                vp_response_release(released);
            }
        }
    }

    fn cancel_or_execute(&mut self, input: &mut Input<'_>, pool: *mut vp_pool) {
        if input.byte() & 1 == 0 {
            let id = match self.owed.last() {
                Some(id) if input.byte() & 1 == 0 => *id,
                _ => any_number(input),
            };
            ok(unsafe { vp_cancel(or_null(input, pool), id) });
            return;
        }
        let size = self.any_size(input, size_of::<vp_completion>());
        self.room[0] = size as u64;
        let out = self.room.as_mut_ptr().cast::<vp_completion>();
        let request = self.requests[usize::from(input.byte() & 1)];
        let completion = unsafe {
            // Waits for the answer, so the patience is not the input's to choose.
            ok(vp_request_set_timeout_ns(request, 1_000_000));
            let (flags, request) = (u32::from(input.byte() % 3), or_null(input, request));
            ok(vp_execute(pool, request, flags, out)).then(|| out.read_unaligned())
        };
        if let Some(completion) = completion {
            self.settle(&completion);
        }
    }

    /// Gives everything back, and counts.
    fn finish(mut self, pool: *mut vp_pool) {
        let size = size_of::<vp_completion>();
        unsafe {
            for lease in &self.leases {
                ok(vp_lease_release(pool, *lease));
            }
            for id in self.owed.iter().chain(&self.owed_calls) {
                ok(vp_cancel(pool, *id));
            }
        }
        while !self.owed.is_empty() {
            self.room[0] = size as u64;
            let out = self.room.as_mut_ptr().cast::<vp_completion>();
            let patience = u64::try_from(PATIENCE.as_nanos()).expect("it is short");
            let count = unsafe { vp_pool_wait(pool, out, 8, patience) };
            assert!(count > 0, "completions of {:?} never came: {count}", self.owed);
            self.collect(count, size);
        }
        let (start, owed) = (Instant::now(), self.owed_calls.len() as u64);
        while CALLED_BACK.load(Ordering::SeqCst) < owed {
            assert!(start.elapsed() < PATIENCE, "a callback was never called");
            std::thread::sleep(Duration::from_micros(50));
        }
        let called = CALLED_BACK.swap(0, Ordering::SeqCst);
        assert_eq!(called, owed, "a callback was called twice");
        unsafe {
            for response in self.responses {
                vp_response_release(response);
            }
            for request in self.requests {
                vp_request_free(request);
            }
            vp_config_free(self.config);
        }
    }
}
