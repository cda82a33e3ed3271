//! What a pool is opened with. Valid at every moment: a setter checks a value before it stores it.
//!
//! A setter that refuses its value leaves the configuration as it was. What is missing altogether,
//! or does not go together, shows in [`Config::origin`]. Text and PEM arrive as bytes, as C
//! hands them over. Durations are nanoseconds, sizes are bytes. Of the other layers this file knows
//! only the byte rules of HTTP and the `Origin` that it can make; certificates are stored unread.

mod edges;
mod key_log;
mod lanes;
mod limits;
mod maintenance;
mod overload;
mod proxy;
mod sizes;
mod sockets;
mod suspend;
mod tls;
mod url;
mod watch;
mod ways;

use std::fmt;
use std::ops::RangeInclusive;

pub use edges::EdgeSettings;
pub use key_log::{KeyLog, KeyLogFunction, KeyLogHook};
pub use maintenance::{Heartbeat, Maintenance};
pub use proxy::{Credentials, Proxy, ProxyKind};
pub use sizes::Sizes;
pub use sockets::{Sockets, TcpKeepalive, parse_address, parse_addresses};
pub use suspend::SuspendRule;
pub use tls::{ClientCert, Pem, Pin, Tls};
pub use url::{Scheme, Url};
pub use ways::Ways;

use zeroize::Zeroizing;

use crate::error::Status;
use crate::event::EventHook;
use crate::http::limits::Limits;
use crate::http::watch::WatchList;
use crate::http::{MAX_DEFAULT_HEADERS, Origin, field};
use crate::log::LogHook;
use crate::pool::exchange_time::Estimate;

/// What a pool is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    url: Option<Url>,
    /// Replaces the path of the URL, whichever of the two was set first.
    base_path: Option<String>,
    default_headers: Vec<Header>,
    connections: usize,
    allow_degraded_open: bool,
    drive: Drive,
    timeouts: Timeouts,
    sizes: Sizes,
    lanes: [lanes::LaneSetting; 4],
    limits: Limits,
    sockets: Sockets,
    ways: Ways,
    edges: EdgeSettings,
    backoff: Backoff,
    dials_per_second: u32,
    estimate: Estimate,
    maintenance: Maintenance,
    suspend_rules: Vec<SuspendRule>,
    suspend_cap_ns: u64,
    suspends_source: bool,
    event: Option<EventHook>,
    log: Option<LogHook>,
    watch: WatchList,
    has_histograms: bool,
    recorder: usize,
    recorder_heads: u16,
    thread_name: String,
    cpu: Option<usize>,
    busy_poll: bool,
    tls: Tls,
}

/// Who receives responses and delivers completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// The pool thread, as soon as they arrive.
    Thread,
    /// The engine's own loop, whenever it polls or waits.
    Caller,
}

/// A header that each request carries unless it brings its own of the same name.
#[derive(Clone, PartialEq, Eq)]
struct Header {
    name: Vec<u8>,
    /// May be an API key, so it is wiped in the end.
    value: Zeroizing<Vec<u8>>,
}

/// How long each step may take, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From a name to its addresses.
    pub resolve_ns: u64,
    /// From the first SYN to an established TCP connection.
    pub connect_ns: u64,
    /// From an established TCP connection to a finished TLS handshake.
    pub tls_handshake_ns: u64,
    /// From submit to completion, for a request without a timeout of its own.
    pub request_ns: u64,
    /// From the moment at which a request has its slot to the one at which the kernel has taken all
    /// of it; 0 for no limit but the request's.
    pub write_ns: u64,
    /// From then to the first byte of the response; 0 for no limit but the request's.
    pub first_byte_ns: u64,
    /// In the queue; 0 for no limit but the request's.
    pub queue_ns: u64,
    /// How long an answer is waited for after its deadline; 0 for not at all.
    pub linger_ns: u64,
    /// An answer that comes after the completion of its request is a second completion, and not an
    /// event.
    pub late_completes: bool,
}

/// The bounds of the wait between failed dials. The first dial after a loss is made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the second dial, in nanoseconds; it doubles with each failure.
    pub first_ns: u64,
    /// The longest wait at all, in nanoseconds.
    pub max_ns: u64,
}

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;
const DAY: u64 = 24 * 60 * 60 * S;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

const DURATION_NS: RangeInclusive<u64> = US..=DAY;
/// What the system lets a thread name be (pthread_setname_np).
const MAX_THREAD_NAME: usize = 15;
/// As many as a `cpu_set_t` holds.
const MAX_CPUS: usize = 1024;

impl Default for Config {
    /// Every default but the URL, which has none.
    fn default() -> Self {
        let user_agent = concat!("venuepool/", env!("CARGO_PKG_VERSION"));
        Self {
            url: None,
            base_path: None,
            default_headers: vec![Header::new(b"User-Agent", user_agent.as_bytes())],
            connections: 4,
            allow_degraded_open: false,
            drive: Drive::Thread,
            has_histograms: true,
            recorder: 0,
            recorder_heads: 0,
            timeouts: Timeouts {
                resolve_ns: S,
                connect_ns: S,
                tls_handshake_ns: 2 * S,
                request_ns: 11 * S,
                write_ns: 0,
                first_byte_ns: 0,
                queue_ns: 0,
                linger_ns: 0,
                late_completes: false,
            },
            sizes: Sizes::default(),
            lanes: Default::default(),
            limits: Limits::default(),
            sockets: Sockets::default(),
            ways: Ways::default(),
            edges: EdgeSettings::default(),
            backoff: Backoff { first_ns: 100 * MS, max_ns: 5 * S },
            dials_per_second: 5,
            estimate: Estimate::Measured,
            maintenance: Maintenance::default(),
            suspend_rules: Vec::new(),
            // As long as the longest bans of venues: a shorter one would send into a ban.
            suspend_cap_ns: 3 * DAY,
            suspends_source: false,
            event: None,
            log: None,
            watch: WatchList::default(),
            thread_name: "venuepool".to_owned(),
            cpu: None,
            busy_poll: false,
            tls: Tls::default(),
        }
    }
}

/// The origin, and what every request to it carries.
impl Config {
    /// Sets where the pool connects to: `http://` or `https://`, a host, a port if it is not the
    /// scheme's own, and a base path. See [`Url::parse`] for what is refused.
    ///
    /// # Errors
    /// `ERR_URL`.
    pub fn set_url(&mut self, url: &[u8]) -> Result<(), Status> {
        self.url = Some(Url::parse(url)?);
        Ok(())
    }

    /// Sets what is put before the path of each request, in place of the path of the URL. Empty or
    /// `/` for nothing; trailing slashes are taken away.
    ///
    /// # Errors
    /// `ERR_PATH` if it does not begin with `/`, or holds a query or a byte that is not allowed.
    pub fn set_base_path(&mut self, path: &[u8]) -> Result<(), Status> {
        self.base_path = Some(url::base_path(path).ok_or(Status::ERR_PATH)?);
        Ok(())
    }

    /// Adds a header to each request that does not bring its own of the same name. A second call
    /// with the same name, in any case, replaces the first. An empty User-Agent is not sent at all.
    ///
    /// # Errors
    /// `ERR_HEADER_NAME`, `ERR_HEADER_VALUE` for bytes that are not allowed; `ERR_HEADER_RESERVED`
    /// as for the header of a request; `ERR_ARGUMENT` for one header too many: there may be 64,
    /// User-Agent included.
    pub fn add_default_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        field::check_setting(name, value)?;
        if value.is_empty() && name.eq_ignore_ascii_case(b"user-agent") {
            self.default_headers.retain(|h| !h.name.eq_ignore_ascii_case(name));
            return Ok(());
        }
        let known = self.default_headers.iter().position(|h| h.name.eq_ignore_ascii_case(name));
        match known {
            Some(index) => self.default_headers[index] = Header::new(name, value),
            None if self.default_headers.len() < MAX_DEFAULT_HEADERS => {
                self.default_headers.push(Header::new(name, value));
            }
            None => return Err(Status::ERR_ARGUMENT),
        }
        Ok(())
    }

    /// Where the pool connects to.
    ///
    /// # Errors
    /// `ERR_URL` if none was set.
    pub fn url(&self) -> Result<&Url, Status> {
        self.url.as_ref().ok_or(Status::ERR_URL)
    }

    /// What is put before the path of each request: empty, or beginning with `/`.
    pub fn base_path(&self) -> &str {
        let url_path = self.url.as_ref().map_or("", |url| &url.path);
        self.base_path.as_deref().unwrap_or(url_path)
    }

    /// The pre-encoded parts of each request.
    ///
    /// # Errors
    /// `ERR_URL` if none was set; `ERR_TOO_LARGE` if base path and default headers leave no room
    /// for a request within the request capacity.
    pub fn origin(&self) -> Result<Origin, Status> {
        let host = self.url()?.host_header();
        let headers = self.default_headers.iter().map(|h| (&h.name[..], &h.value[..]));
        let capacity = self.sizes.request_capacity;
        Origin::new(host.as_bytes(), self.base_path().as_bytes(), headers, capacity)
    }
}

/// Connections, healing and the pool thread.
impl Config {
    /// Sets how many connections the pool keeps, 1 to 1024.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_connections(&mut self, count: usize) -> Result<(), Status> {
        self.connections = within(count, 1..=1024)?;
        Ok(())
    }

    /// Sets who receives and completes.
    pub const fn set_drive(&mut self, drive: Drive) {
        self.drive = drive;
    }

    /// Whether to count durations in histograms; each slot reserves 110 KiB for them,
    /// and each address 100 KiB.
    pub const fn set_histograms(&mut self, enabled: bool) {
        self.has_histograms = enabled;
    }

    /// Sets how many orders, and how many events of its connections, the flight recorder keeps of
    /// each slot, 1 to 4096, or 0 for none. One of each takes 640 bytes together.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_recorder(&mut self, events_per_slot: usize) -> Result<(), Status> {
        self.recorder = within(events_per_slot, 0..=4096)?;
        Ok(())
    }

    /// Sets how many bytes the flight recorder keeps of the head of each order, and as many of the
    /// head of its answer: 64 to 4096, or 0 for none.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_recorder_heads(&mut self, bytes_per_head: usize) -> Result<(), Status> {
        let bytes = if bytes_per_head == 0 { 0 } else { within(bytes_per_head, 64..=4096)? };
        self.recorder_heads = bytes as u16;
        Ok(())
    }

    /// Sets whether a pool opens though some connection could not be had, and heals it later.
    pub const fn set_allow_degraded_open(&mut self, allow: bool) {
        self.allow_degraded_open = allow;
    }

    /// Sets how long a look-up of the name may take, 1 us to 1 day.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_resolve_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.resolve_ns = within(timeout_ns, DURATION_NS)?;
        Ok(())
    }

    /// Sets how long a TCP connect may take, 1 us to 1 day.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_connect_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.connect_ns = within(timeout_ns, DURATION_NS)?;
        Ok(())
    }

    /// Sets how long a TLS handshake may take, 1 us to 1 day.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_tls_handshake_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.tls_handshake_ns = within(timeout_ns, DURATION_NS)?;
        Ok(())
    }

    /// Sets how long an exchange may take if its request does not say, 1 us to 1 day.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_request_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.request_ns = within(timeout_ns, DURATION_NS)?;
        Ok(())
    }

    /// Sets how long the kernel may take to accept a whole request, 1 us to 1 day, or 0 for as long
    /// as the request may take.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_write_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.write_ns = optional(timeout_ns)?;
        Ok(())
    }

    /// Sets how long the first byte of a response may take after the request was sent, 1 us to 1
    /// day, or 0 for as long as the request may take.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_first_byte_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.first_byte_ns = optional(timeout_ns)?;
        Ok(())
    }

    /// Sets how long a request may wait in the queue, 1 us to 1 day, or 0 for as long as it may
    /// take.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_queue_timeout_ns(&mut self, timeout_ns: u64) -> Result<(), Status> {
        self.timeouts.queue_ns = optional(timeout_ns)?;
        Ok(())
    }

    /// Sets how long an answer is still waited for after its deadline, 1 us to 1 day, or 0 for not
    /// at all. It comes as an event, or as a completion.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_linger_ns(&mut self, linger_ns: u64) -> Result<(), Status> {
        self.timeouts.linger_ns = optional(linger_ns)?;
        Ok(())
    }

    /// Sets whether a late answer, after the completion of its request, is another completion.
    pub const fn set_late_completes(&mut self, completes: bool) {
        self.timeouts.late_completes = completes;
    }

    /// Sets who is told what happens to the connections.
    pub fn set_event_hook(&mut self, hook: Option<EventHook>) {
        self.event = hook;
    }

    /// Sets who receives records for a log.
    pub fn set_log_hook(&mut self, hook: Option<LogHook>) {
        self.log = hook;
    }

    /// Sets the first and the longest wait between failed dials, each 1 us to 1 day.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`, also if the first is the longer one.
    pub fn set_backoff_ns(&mut self, first_ns: u64, max_ns: u64) -> Result<(), Status> {
        let max_ns = within(max_ns, DURATION_NS)?;
        self.backoff = Backoff { first_ns: within(first_ns, US..=max_ns)?, max_ns };
        Ok(())
    }

    /// Sets how many dials the whole pool may make per second after a burst of one per connection,
    /// 1 to 1000.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_dials_per_second(&mut self, dials: u32) -> Result<(), Status> {
        self.dials_per_second = within(dials, 1..=1000)?;
        Ok(())
    }

    /// Names the pool thread: 1 to 15 printable ASCII characters.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_thread_name(&mut self, name: &[u8]) -> Result<(), Status> {
        within(name.len(), 1..=MAX_THREAD_NAME)?;
        self.thread_name = printable(name).ok_or(Status::ERR_ARGUMENT)?.to_owned();
        Ok(())
    }

    /// Pins the pool thread to one CPU, 0 to 1023, or to none.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_cpu(&mut self, cpu: Option<usize>) -> Result<(), Status> {
        self.cpu = cpu.map(|cpu| within(cpu, 0..=MAX_CPUS - 1)).transpose()?;
        Ok(())
    }

    /// Sets whether the pool thread never sleeps but looks at the sockets in flight all the time.
    pub const fn set_busy_poll(&mut self, busy: bool) {
        self.busy_poll = busy;
    }

    /// Whether the pool thread never sleeps.
    pub const fn busy_poll(&self) -> bool {
        self.busy_poll
    }

    /// Who receives records for a log.
    pub const fn log_hook(&self) -> Option<&LogHook> {
        self.log.as_ref()
    }

    /// Who is told what happens to the connections.
    pub const fn event_hook(&self) -> Option<&EventHook> {
        self.event.as_ref()
    }

    /// How many connections the pool keeps.
    pub const fn connections(&self) -> usize {
        self.connections
    }

    /// Who receives and completes.
    pub const fn drive(&self) -> Drive {
        self.drive
    }

    /// Whether durations are counted in histograms.
    pub const fn has_histograms(&self) -> bool {
        self.has_histograms
    }

    /// How many orders and events the flight recorder keeps of each slot; 0 for none.
    pub const fn recorder(&self) -> usize {
        self.recorder
    }

    /// How many bytes of each head the flight recorder keeps; 0 for none.
    pub const fn recorder_heads(&self) -> u16 {
        self.recorder_heads
    }

    /// Whether a pool opens though some connection could not be had.
    pub const fn allow_degraded_open(&self) -> bool {
        self.allow_degraded_open
    }

    /// How long each step may take.
    pub const fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// The bounds of the wait between failed dials.
    pub const fn backoff(&self) -> Backoff {
        self.backoff
    }

    /// How many dials the whole pool may make per second after its first burst.
    pub const fn dials_per_second(&self) -> u32 {
        self.dials_per_second
    }

    /// The name of the pool thread.
    pub fn thread_name(&self) -> &str {
        &self.thread_name
    }

    /// The CPU that the pool thread is pinned to.
    pub const fn cpu(&self) -> Option<usize> {
        self.cpu
    }
}

impl Header {
    fn new(name: &[u8], value: &[u8]) -> Self {
        Self { name: name.to_vec(), value: Zeroizing::new(value.to_vec()) }
    }
}

/// The value may be an API key.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ({} bytes)", self.name.escape_ascii(), self.value.len())
    }
}

fn within<T: PartialOrd>(value: T, range: RangeInclusive<T>) -> Result<T, Status> {
    if range.contains(&value) { Ok(value) } else { Err(Status::ERR_ARGUMENT) }
}

/// A duration, or 0 for none.
fn optional(duration_ns: u64) -> Result<u64, Status> {
    if duration_ns == 0 { Ok(0) } else { within(duration_ns, DURATION_NS) }
}

fn printable(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte)).then_some(text)
}

/// The items between commas, without the white space around them. Empty text has no items.
fn list(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let items = text.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    items.filter(|_| !text.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests;
