//! Dialling: resolve, connect, TLS handshake. Each step has a deadline and a named failure.
//!
//! Runs on the dial thread's runtime. Addresses are tried in the order of
//! [`Addresses`], the next one joining the race when one fails, or after 250 ms while none has won
//! (RFC 8305 section 5), so that one dead address does not eat the whole budget. What fails on this
//! machine, for want of descriptors, memory or local ports or by its own rules, counts against none
//! of them.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::addresses::{Addresses, Placing};
use super::connection::Connection;
use super::path::Path;
use super::resolve::Resolver;
use crate::config::Sockets;
use crate::error::Status;
use crate::net::pins::Unpinned;
use crate::net::standard::spared;

/// RFC 8305 section 5: the recommended connection attempt delay.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Where and how to dial.
#[derive(Clone)]
pub struct Dialer {
    /// The name, for messages.
    pub host: String,
    /// Its addresses.
    pub resolver: Arc<Resolver>,
    /// What is remembered of them, shared by all dials of a pool.
    pub addresses: Arc<Mutex<Addresses>>,
    /// Who says in which order a slot tries them; the resolver without it.
    pub placing: Option<Arc<dyn Placing>>,
    /// Socket settings.
    pub sockets: Arc<Sockets>,
    /// TLS, and the name that the certificate must prove.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The budget for resolving.
    pub resolve_timeout: Duration,
    /// The budget for connecting, all addresses together.
    pub connect_timeout: Duration,
    /// The budget for the TLS handshake.
    pub tls_handshake_timeout: Duration,
}

/// A live connection, and what its dial has seen of it.
pub struct Dialled {
    /// Ready for its first request.
    pub connection: Connection,
    /// Where it goes, and what it took.
    pub path: Path,
}

/// A TCP connection to one of several addresses.
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    pub(super) address: SocketAddr,
    pub(super) connect_ns: u64,
}

/// Why a dial failed.
#[derive(Clone, Debug)]
pub struct DialError {
    /// The step: `ERR_RESOLVE`, `ERR_CONNECT`, `ERR_PROXY`, `ERR_PROXY_AUTH`, `ERR_TLS`, `ERR_PIN`
    /// or `ERR_SYSTEM`.
    pub step: Status,
    /// The system's error number, 0 when there is none.
    pub os_error: i32,
    /// The step, the address and the reason, in words.
    pub text: String,
}

impl DialError {
    /// What the system, or the TLS library, says of a step.
    pub(super) fn new(step: Status, what: impl fmt::Display, error: &io::Error) -> Self {
        Self { step, os_error: error.raw_os_error().unwrap_or(0), text: format!("{what}: {error}") }
    }

    /// Says in which step the system has failed, for errors that are of no address.
    pub fn of_system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |error| Self::new(Status::ERR_SYSTEM, what, &error)
    }

    /// A step took longer than it may.
    pub(super) fn timeout(step: Status, what: impl fmt::Display, budget: Duration) -> Self {
        let text = format!("{what}: no answer within {budget:?}");
        Self { step, os_error: 0, text }
    }

    /// Whether it says nothing of the address, by what socket(2), bind(2) and connect(2) mean: a
    /// limit of the process or the system, no memory, no free local port or no such local address
    /// (or route cache: EAGAIN), a security policy or firewall of this machine.
    ///
    /// Not so a family of addresses that this machine does not have (EAFNOSUPPORT, EINVAL from a
    /// bind to the other one) and no route there (ENETUNREACH, EHOSTUNREACH): other addresses may
    /// do better.
    pub(super) fn is_of_this_machine(&self) -> bool {
        matches!(
            self.os_error,
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EAGAIN
                | libc::EADDRNOTAVAIL
                | libc::EADDRINUSE
                | libc::EACCES
                | libc::EPERM
        )
    }
}

impl Dialer {
    /// Makes one connection for the slot, ready for its first request.
    pub async fn dial(&self, slot: u32) -> Result<Dialled, DialError> {
        let resolved = self.resolve().await?;
        let connected = self.connect(slot, &resolved).await?;
        let address = connected.address;
        let dialled = self.secure(slot, connected.stream, connected.connect_ns).await;
        self.judge(address, dialled.as_ref().map(|_| ()));
        dialled
    }

    /// The addresses of the host.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, DialError> {
        let what = || format!("resolve {}", self.host);
        let resolved = self.resolver.resolve(self.resolve_timeout).await;
        if let (Ok(addresses), Some(placing)) = (&resolved, &self.placing) {
            placing.resolved(addresses);
        }
        resolved.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                DialError::timeout(Status::ERR_RESOLVE, what(), self.resolve_timeout)
            }
            _ => {
                // No descriptor or no thread.
                let of_system = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
                    || error.kind() == io::ErrorKind::WouldBlock;
                let step = if of_system { Status::ERR_SYSTEM } else { Status::ERR_RESOLVE };
                DialError::new(step, what(), &error)
            }
        })
    }

    /// Connects to one of the addresses, and says to which.
    pub(super) async fn connect(
        &self,
        slot: u32,
        resolved: &[SocketAddr],
    ) -> Result<Connected, DialError> {
        let source = self.sockets.source_of(slot).map(|(_, ip)| ip);
        let resolved = of_family(resolved, source);
        let (good, bad) = self.memory().good_and_bad(&resolved, Instant::now());
        let mut ordered = match &self.placing {
            Some(placing) => placing.order(slot, good),
            None => good,
        };
        ordered.extend(bad);
        self.connect_any(&ordered, source).await
    }

    /// Remembers what came of an address that was connected.
    pub(super) fn judge(&self, address: SocketAddr, result: Result<(), &DialError>) {
        match result {
            Ok(()) => self.memory().worked(address.ip()),
            Err(error) => self.blame(address, error),
        }
    }

    /// Makes a connection of a stream: by a TLS handshake, if the venue speaks TLS.
    /// `connect_ns`: how long it took to connect.
    pub(super) async fn secure(
        &self,
        slot: u32,
        stream: TcpStream,
        connect_ns: u64,
    ) -> Result<Dialled, DialError> {
        let (local, peer) = (stream.local_addr().ok(), stream.peer_addr().ok());
        // A Unix socket has no address, and so no source.
        let source = local.and_then(|_| self.sockets.source_of(slot)).map(|(index, _)| index);
        let path = Path { local, source, peer, connect_ns, ..Path::default() };
        let mut dialled = match &self.tls {
            None => Dialled { connection: Connection::plain(detach(stream)?), path },
            Some((config, name)) => self.handshake(stream, path, config, name).await?,
        };
        if self.sockets.kernel_times {
            dialled.connection.note_arrivals();
        }
        Ok(dialled)
    }

    /// Connects to the first address that answers, and says which that was.
    async fn connect_any(
        &self,
        addresses: &[SocketAddr],
        source: Option<IpAddr>,
    ) -> Result<Connected, DialError> {
        let deadline = Instant::now() + self.connect_timeout;
        let mut race = Race::default();
        let mut running = Vec::new();
        let mut rest = addresses.iter();
        let mut last_error = None;
        loop {
            if let Some(address) = rest.next() {
                race.0.push(Box::pin(connect_one(*address, source, Arc::clone(&self.sockets))));
                running.push((*address, Instant::now()));
            }
            let next_attempt = match rest.len() {
                0 => deadline,
                _ => deadline.min(Instant::now() + ATTEMPT_DELAY),
            };
            match timeout_at(next_attempt, race.next()).await {
                Ok(Some((address, Ok(stream)))) => {
                    self.outrun(&running, address);
                    let since = running.iter().find(|(running, _)| *running == address);
                    let connect_ns = since.map_or(0, |(_, since)| elapsed_ns(*since));
                    return Ok(Connected { stream, address, connect_ns });
                }
                Ok(Some((address, Err(error)))) => {
                    self.blame(address, &error);
                    running.retain(|(running, _)| *running != address);
                    last_error = Some(error);
                }
                Ok(None) => break,
                Err(_) if Instant::now() >= deadline => {
                    running.iter().for_each(|(late, _)| self.failed(late.ip()));
                    let what = format!("connect {}", listed(addresses));
                    let text = DialError::timeout(Status::ERR_CONNECT, what, self.connect_timeout);
                    return Err(last_error.unwrap_or(text));
                }
                Err(_) => {}
            }
        }
        let gone = || DialError::timeout(Status::ERR_CONNECT, "connect", self.connect_timeout);
        Err(last_error.unwrap_or_else(gone))
    }

    /// What was silent for so long that the next one was tried, and then lost to it, goes behind
    /// it: it would cost each dial that time.
    fn outrun(&self, running: &[(SocketAddr, Instant)], winner: SocketAddr) {
        let now = Instant::now();
        for (silent, since) in running {
            if *silent != winner && now.duration_since(*since) >= ATTEMPT_DELAY {
                self.failed(silent.ip());
            }
        }
    }

    /// The address goes behind the others, if it is to blame.
    fn blame(&self, address: SocketAddr, error: &DialError) {
        if !error.is_of_this_machine() {
            self.failed(address.ip());
        }
    }

    fn failed(&self, ip: IpAddr) {
        self.memory().failed(ip, Instant::now());
        if let Some(placing) = &self.placing {
            placing.failed(ip);
        }
    }

    fn memory(&self) -> MutexGuard<'_, Addresses> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        mut path: Path,
        config: &Arc<ClientConfig>,
        name: &ServerName<'static>,
    ) -> Result<Dialled, DialError> {
        let what = match path.peer {
            Some(address) => format!("TLS handshake with {address} ({})", name.to_str()),
            None => format!("TLS handshake ({})", name.to_str()),
        };
        let begun = Instant::now();
        let connector = TlsConnector::from(Arc::clone(config));
        let handshake = connector.connect(name.clone(), NoVectored(stream));
        match timeout(self.tls_handshake_timeout, handshake).await {
            Err(_) => Err(DialError::timeout(Status::ERR_TLS, what, self.tls_handshake_timeout)),
            Ok(Err(error)) => Err(match Unpinned::in_handshake(&error) {
                Some(unpinned) => {
                    let text = format!("{what}: {unpinned}");
                    DialError { step: Status::ERR_PIN, os_error: 0, text }
                }
                None => DialError::new(Status::ERR_TLS, what, &error),
            }),
            Ok(Ok(stream)) => {
                let (NoVectored(stream), session) = stream.into_inner();
                path.handshake_ns = elapsed_ns(begun);
                path.tls_version = session.protocol_version().map_or(0, u16::from);
                path.is_resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
                let connection = Connection::tls(detach(stream)?, session)
                    .map_err(DialError::of_system("memory"))?;
                Ok(Dialled { connection, path })
            }
        }
    }
}

/// What an attempt to connect ends with.
type Attempt = (SocketAddr, Result<TcpStream, DialError>);

/// The attempts under way. They are no tasks, so that no socket outlives the dial.
#[derive(Default)]
struct Race(Vec<Pin<Box<dyn Future<Output = Attempt> + Send>>>);

impl Race {
    /// The first one that ends; `None` when none is under way.
    async fn next(&mut self) -> Option<Attempt> {
        poll_fn(|context| {
            for index in 0..self.0.len() {
                if let Poll::Ready(attempt) = self.0[index].as_mut().poll(context) {
                    drop(self.0.swap_remove(index));
                    return Poll::Ready(Some(attempt));
                }
            }
            if self.0.is_empty() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }
}

async fn connect_one(
    address: SocketAddr,
    source: Option<IpAddr>,
    options: Arc<Sockets>,
) -> Attempt {
    let failed =
        |step, what: &str, error| DialError::new(step, format!("{what} {address}"), &error);
    let stream = match open_socket(address, source, &options) {
        Err(error) => Err(failed(Status::ERR_SYSTEM, "socket", error)),
        Ok(socket) => {
            let connected = socket.connect(address).await.and_then(refuse_self);
            connected.map_err(|error| failed(Status::ERR_CONNECT, "connect", error))
        }
    };
    (address, stream)
}

/// Refuses a connection to itself. When no program listens on a port of this host, the kernel may
/// choose just that port for the dialling socket, and TCP connects it to itself by a simultaneous
/// open (RFC 9293 section 3.5). Every order would then be its own answer, and the venue could not
/// bind its port. Reset, so that the port is free at once.
fn refuse_self(stream: TcpStream) -> io::Result<TcpStream> {
    if stream.local_addr()? != stream.peer_addr()? {
        return Ok(stream);
    }
    stream.set_zero_linger()?;
    let text = "nobody listens there: the socket was connected to itself";
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, text))
}

/// TCP_USER_TIMEOUT is not set: it would take the place of the keepalive probes' own count
/// (tcp(7)), and one number cannot stand for the deadlines of all requests. An exchange has its
/// deadline, at which its connection is reset; an idle connection has the probes.
fn open_socket(
    address: SocketAddr,
    source: Option<IpAddr>,
    options: &Sockets,
) -> io::Result<TcpSocket> {
    let domain = Domain::for_address(address);
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = spared(|| Socket::new(domain, kind, Some(Protocol::TCP)))?;
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(probes) = options.tcp_keepalive {
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_nanos(probes.time_ns))
            .with_interval(Duration::from_nanos(probes.interval_ns))
            .with_retries(probes.count);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    if let Some(size) = options.send_buffer {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    if let Some(ip) = source {
        #[cfg(target_os = "linux")]
        bind_without_port(&socket);
        socket.bind(&SocketAddr::new(ip, 0).into())?;
    }
    Ok(TcpSocket::from_std_stream(socket.into()))
}

/// Lets the kernel choose the local port when it connects and not when it binds. So only the four
/// numbers of the connection must be unique, and ports do not run out sooner than without a local
/// address (ip(7), IP_BIND_ADDRESS_NO_PORT; it also counts for IPv6 sockets). A kernel that does
/// not know the option chooses when it binds, which is worse and still a connection: no error.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn bind_without_port(socket: &Socket) {
    let on: libc::c_int = 1;
    let (on_at, len) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    let (level, option) = (libc::SOL_IP, libc::IP_BIND_ADDRESS_NO_PORT);
    // SAFETY: the option is an int, and the descriptor is open while `socket` is.
    unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, on_at, len) };
}

/// Takes the socket out of the runtime; it stays non-blocking.
fn detach(stream: TcpStream) -> Result<std::net::TcpStream, DialError> {
    stream.into_std().map_err(|error| DialError::new(Status::ERR_SYSTEM, "take socket", &error))
}

/// The addresses that can be connected from the source. All, if that is none: then the system says
/// why it cannot.
fn of_family(addresses: &[SocketAddr], source: Option<IpAddr>) -> Vec<SocketAddr> {
    let fits = |address: &&SocketAddr| source.is_none_or(|ip| ip.is_ipv6() == address.is_ipv6());
    let fitting: Vec<_> = addresses.iter().filter(fits).copied().collect();
    if fitting.is_empty() { addresses.to_vec() } else { fitting }
}

fn elapsed_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn listed(addresses: &[SocketAddr]) -> String {
    let list: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    list.join(", ")
}

/// A TCP stream that leaves `poll_write_vectored` at its default, which goes through `poll_write`
/// and so through `send` with `MSG_NOSIGNAL`. The stream's own would be `writev`, and a peer that
/// closes during the handshake would raise SIGPIPE in the host process.
struct NoVectored(TcpStream);

impl AsyncRead for NoVectored {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for NoVectored {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests;
