//! What a pool is opened with. Valid at every moment: a setter checks a value before it stores it.
//!
//! A setter that refuses its value leaves the configuration as it was. What is missing altogether,
//! or does not go together, shows in [`Config::origin`]. Text and PEM arrive as bytes, as C
//! hands them over. Durations are nanoseconds, sizes are bytes. Of the other layers this file knows
//! only the byte rules of HTTP and the `Origin` that it can make; certificates are stored unread.

mod url;

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

pub use url::{Scheme, Url};

use crate::error::Status;
use crate::http::{MAX_DEFAULT_HEADERS, Origin, field};

/// What a pool is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    url: Option<Url>,
    /// Replaces the path of the URL, whichever of the two was set first.
    base_path: Option<String>,
    default_headers: Vec<Header>,
    connections: usize,
    allow_degraded_open: bool,
    timeouts: Timeouts,
    sizes: Sizes,
    sockets: Sockets,
    backoff: Backoff,
    dials_per_second: u32,
    thread_name: String,
    cpu: Option<usize>,
    tls: Tls,
}

/// A header that each request carries unless it brings its own of the same name.
#[derive(Clone, PartialEq, Eq)]
struct Header {
    name: Vec<u8>,
    value: Vec<u8>,
}

/// How long each step may take, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first SYN to an established TCP connection.
    pub connect_ns: u64,
    /// From an established TCP connection to a finished TLS handshake.
    pub tls_handshake_ns: u64,
    /// From submit to completion, for a request without a timeout of its own.
    pub request_ns: u64,
}

/// How much memory things may take; bytes unless the name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The buffer of a request: the longest head and body together.
    pub request_capacity: usize,
    /// What a response buffer begins with; it grows as the body needs.
    pub response_capacity: usize,
    /// The longest body of a response.
    pub max_body_size: usize,
    /// The longest head of a response.
    pub max_head_size: usize,
    /// The most header fields in a response.
    pub max_headers: usize,
    /// The most completions that may be outstanding at a time in a completion queue.
    pub completion_capacity: usize,
    /// The most callers and requests that may wait in line for a slot.
    pub waiting_capacity: usize,
}

/// How sockets are set up before they connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// TCP_NODELAY.
    pub nodelay: bool,
    /// TCP keepalive probes, or none.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// SO_SNDBUF in bytes; the system's choice without it.
    pub send_buffer: Option<usize>,
    /// SO_RCVBUF in bytes; the system's choice without it.
    pub receive_buffer: Option<usize>,
    /// The local address to connect from; the system's choice without it.
    pub bind_address: Option<IpAddr>,
    /// The pinned addresses to connect to. Empty: the host of the URL is resolved.
    pub addresses: Vec<IpAddr>,
}

/// When the system probes a quiet connection. Whole seconds, as the system counts no finer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpKeepalive {
    /// Quiet time before the first probe, 1 s to 32767 s, in nanoseconds.
    pub time_ns: u64,
    /// Time between probes, 1 s to 32767 s, in nanoseconds.
    pub interval_ns: u64,
    /// Unanswered probes that end the connection, 1 to 127.
    pub count: u32,
}

/// The bounds of the wait between failed dials. The first dial after a loss is made at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the second dial, in nanoseconds; it doubles with each failure.
    pub first_ns: u64,
    /// The longest wait at all, in nanoseconds.
    pub max_ns: u64,
}

/// How an `https` origin is spoken to and trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Certificates to trust instead of the built-in web roots.
    pub ca_pem: Option<Pem>,
    /// What this client proves itself with.
    pub client_cert: Option<ClientCert>,
    /// The name to ask for and to check, instead of the host of the URL.
    pub server_name: Option<String>,
    /// Whether any certificate of the server is taken.
    pub insecure_skip_verify: bool,
    /// Whether session secrets are written to the file that SSLKEYLOGFILE names.
    pub key_log: bool,
    /// The protocols offered by ALPN (RFC 7301), best first. Empty: ALPN is not used.
    pub alpn: Vec<Vec<u8>>,
}

/// A client certificate; both parts PEM, not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCert {
    /// The certificate and those that lead to its root.
    pub chain: Pem,
    /// The private key.
    pub key: Pem,
}

/// PEM text, not read yet. Shown by its length alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem(Vec<u8>);

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;
const DAY: u64 = 24 * 60 * 60 * S;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

const DURATION_NS: RangeInclusive<u64> = US..=DAY;
const MAX_ADDRESSES: usize = 64;
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
            timeouts: Timeouts { connect_ns: S, tls_handshake_ns: 2 * S, request_ns: 11 * S },
            sizes: Sizes::default(),
            sockets: Sockets::default(),
            backoff: Backoff { first_ns: 100 * MS, max_ns: 5 * S },
            dials_per_second: 5,
            thread_name: "venuepool".to_owned(),
            cpu: None,
            tls: Tls::default(),
        }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            request_capacity: 64 * KIB,
            response_capacity: 64 * KIB,
            max_body_size: 16 * MIB,
            max_head_size: 32 * KIB,
            max_headers: 128,
            completion_capacity: 4096,
            waiting_capacity: 1024,
        }
    }
}

impl Default for Sockets {
    fn default() -> Self {
        Self {
            nodelay: true,
            tcp_keepalive: Some(TcpKeepalive { time_ns: 30 * S, interval_ns: 5 * S, count: 3 }),
            send_buffer: None,
            receive_buffer: None,
            bind_address: None,
            addresses: Vec::new(),
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            ca_pem: None,
            client_cert: None,
            server_name: None,
            insecure_skip_verify: false,
            key_log: false,
            alpn: vec![b"http/1.1".to_vec()],
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
        field::check_header(name, value)?;
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

    /// Sets whether a pool opens though some connection could not be had, and heals it later.
    pub const fn set_allow_degraded_open(&mut self, allow: bool) {
        self.allow_degraded_open = allow;
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

    /// How many connections the pool keeps.
    pub const fn connections(&self) -> usize {
        self.connections
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

/// Sizes.
impl Config {
    /// Sets the size of the buffer of each request, 1 KiB to 64 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_request_capacity(&mut self, bytes: usize) -> Result<(), Status> {
        self.sizes.request_capacity = within(bytes, KIB..=64 * MIB)?;
        Ok(())
    }

    /// Sets what each response buffer begins with, 1 KiB to 64 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_response_capacity(&mut self, bytes: usize) -> Result<(), Status> {
        self.sizes.response_capacity = within(bytes, KIB..=64 * MIB)?;
        Ok(())
    }

    /// Sets the longest body of a response, 1 byte to 1 GiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_body_size(&mut self, bytes: usize) -> Result<(), Status> {
        self.sizes.max_body_size = within(bytes, 1..=GIB)?;
        Ok(())
    }

    /// Sets the longest head of a response, 1 KiB to 1 MiB.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_head_size(&mut self, bytes: usize) -> Result<(), Status> {
        self.sizes.max_head_size = within(bytes, KIB..=MIB)?;
        Ok(())
    }

    /// Sets the most header fields in a response, 1 to 256.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_headers(&mut self, count: usize) -> Result<(), Status> {
        self.sizes.max_headers = within(count, 1..=256)?;
        Ok(())
    }

    /// Sets how many completions a completion queue can hold, 1 to 1048576.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_completion_capacity(&mut self, count: usize) -> Result<(), Status> {
        self.sizes.completion_capacity = within(count, 1..=MIB)?;
        Ok(())
    }

    /// Sets how many may wait in line for a slot, 1 to 1048576.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_waiting_capacity(&mut self, count: usize) -> Result<(), Status> {
        self.sizes.waiting_capacity = within(count, 1..=MIB)?;
        Ok(())
    }

    /// How much memory things may take.
    pub const fn sizes(&self) -> &Sizes {
        &self.sizes
    }
}

/// Sockets.
impl Config {
    /// Sets TCP_NODELAY.
    pub const fn set_nodelay(&mut self, on: bool) {
        self.sockets.nodelay = on;
    }

    /// Sets the keepalive probes, or turns them off.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if a time or the count is out of its range, or a time is not whole seconds.
    pub fn set_tcp_keepalive(&mut self, keepalive: Option<TcpKeepalive>) -> Result<(), Status> {
        if let Some(TcpKeepalive { time_ns, interval_ns, count }) = keepalive {
            for ns in [time_ns, interval_ns] {
                within(ns, S..=32_767 * S)?;
                within(ns % S, 0..=0)?;
            }
            within(count, 1..=127)?;
        }
        self.sockets.tcp_keepalive = keepalive;
        Ok(())
    }

    /// Sets the size of the send buffer, 1 KiB to 1 GiB, or leaves it to the system.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_send_buffer(&mut self, bytes: Option<usize>) -> Result<(), Status> {
        self.sockets.send_buffer = bytes.map(|bytes| within(bytes, KIB..=GIB)).transpose()?;
        Ok(())
    }

    /// Sets the size of the receive buffer, 1 KiB to 1 GiB, or leaves it to the system.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_receive_buffer(&mut self, bytes: Option<usize>) -> Result<(), Status> {
        self.sockets.receive_buffer = bytes.map(|bytes| within(bytes, KIB..=GIB)).transpose()?;
        Ok(())
    }

    /// Sets the local IP address to connect from; empty leaves it to the system.
    ///
    /// # Errors
    /// `ERR_ADDRESS` if it is no IP address.
    pub fn set_bind_address(&mut self, address: &[u8]) -> Result<(), Status> {
        let given = (!address.is_empty()).then_some(address);
        self.sockets.bind_address = given.map(parse_address).transpose()?;
        Ok(())
    }

    /// Pins the IP addresses to connect to, separated by commas; the host is then not resolved, but
    /// still is the name that is asked for and checked. Empty: it is resolved again.
    ///
    /// # Errors
    /// `ERR_ADDRESS` if one is no IP address, or if there are more than 64.
    pub fn set_addresses(&mut self, addresses: &[u8]) -> Result<(), Status> {
        let addresses = list(addresses).map(parse_address).collect::<Result<Vec<_>, _>>()?;
        if addresses.len() > MAX_ADDRESSES {
            return Err(Status::ERR_ADDRESS);
        }
        self.sockets.addresses = addresses;
        Ok(())
    }

    /// How sockets are set up.
    pub const fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

/// TLS.
impl Config {
    /// Sets the certificates to trust, in PEM, instead of the built-in web roots.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if empty. What it holds is read when the pool is opened.
    pub fn set_ca_pem(&mut self, pem: &[u8]) -> Result<(), Status> {
        self.tls.ca_pem = Some(Pem::new(pem)?);
        Ok(())
    }

    /// Sets the certificate chain and the private key of this client, in PEM.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if one is empty. What they hold is read when the pool is opened.
    pub fn set_client_cert_pem(&mut self, chain: &[u8], key: &[u8]) -> Result<(), Status> {
        self.tls.client_cert = Some(ClientCert { chain: Pem::new(chain)?, key: Pem::new(key)? });
        Ok(())
    }

    /// Sets the host name or IP address that the server must prove to be, and that is sent as SNI
    /// if it is a name, instead of the host of the URL. Empty: the host of the URL again.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if it is neither.
    pub fn set_server_name(&mut self, name: &[u8]) -> Result<(), Status> {
        self.tls.server_name = match printable(name).ok_or(Status::ERR_TLS_CONFIG)? {
            "" => None,
            name => Some(url::server_name(name).ok_or(Status::ERR_TLS_CONFIG)?),
        };
        Ok(())
    }

    /// Sets whether any certificate of the server is taken. For tests only: whoever is in between
    /// can read and change every order.
    pub const fn set_insecure_skip_verify(&mut self, skip: bool) {
        self.tls.insecure_skip_verify = skip;
    }

    /// Sets whether session secrets are written to the file that SSLKEYLOGFILE names, for a look
    /// into the traffic with Wireshark.
    pub const fn set_key_log(&mut self, on: bool) {
        self.tls.key_log = on;
    }

    /// Sets the protocols offered by ALPN, separated by commas, best first; empty: none is offered.
    ///
    /// # Errors
    /// `ERR_TLS_CONFIG` if one is not 1 to 255 visible ASCII characters, or is `h2`, which the pool
    /// does not speak.
    pub fn set_alpn(&mut self, protocols: &[u8]) -> Result<(), Status> {
        let is_good = |protocol: &[u8]| {
            let len_is_good = (1..=255).contains(&protocol.len());
            len_is_good && protocol.iter().all(u8::is_ascii_graphic) && protocol != b"h2"
        };
        if !list(protocols).all(is_good) {
            return Err(Status::ERR_TLS_CONFIG);
        }
        self.tls.alpn = list(protocols).map(<[u8]>::to_vec).collect();
        Ok(())
    }

    /// How an `https` origin is spoken to and trusted.
    pub const fn tls(&self) -> &Tls {
        &self.tls
    }
}

impl Header {
    fn new(name: &[u8], value: &[u8]) -> Self {
        Self { name: name.to_vec(), value: value.to_vec() }
    }
}

/// The value may be an API key.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ({} bytes)", self.name.escape_ascii(), self.value.len())
    }
}

impl Pem {
    fn new(pem: &[u8]) -> Result<Self, Status> {
        if pem.is_empty() { Err(Status::ERR_TLS_CONFIG) } else { Ok(Self(pem.to_vec())) }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pem({} bytes)", self.0.len())
    }
}

fn within<T: PartialOrd>(value: T, range: RangeInclusive<T>) -> Result<T, Status> {
    if range.contains(&value) { Ok(value) } else { Err(Status::ERR_ARGUMENT) }
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

/// An IP address without brackets, port or zone.
fn parse_address(address: &[u8]) -> Result<IpAddr, Status> {
    let address = std::str::from_utf8(address).map_err(|_| Status::ERR_ADDRESS)?;
    address.parse().map_err(|_| Status::ERR_ADDRESS)
}

#[cfg(test)]
mod tests;
