//! A raw server for what has to be exact to the byte: each connection is handed to a function
//! that reads requests and writes whatever it likes.

use crate::accept;
use crate::certs::{CertificateKind, Certificates};
use crate::options::Transport;
use crate::tls;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No read or write of a script takes longer, so that none of them hangs for ever.
const LIMIT: Duration = Duration::from_secs(10);

/// How long dropping a server waits for its handlers, which all lose their sockets first.
const FAREWELL: Duration = Duration::from_secs(2);

/// A free port on loopback.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Starts servers whose every byte is scripted.
pub struct Script;

impl Script {
    /// Serves plain text on a free loopback port. The handler is called once per connection, on a
    /// thread of its own, with the number of the connection, counted from 0.
    pub fn serve<H>(handler: H) -> io::Result<ScriptServer>
    where
        H: Fn(&mut Peer, usize) + Send + Sync + 'static,
    {
        ScriptServer::start(LOOPBACK, Transport::Plain, None, handler)
    }

    /// Like [`Script::serve`], over TLS with a good certificate of this CA. The handler is called
    /// after the handshake; connections whose handshake fails count, but are not handled.
    pub fn serve_tls<H>(
        transport: Transport,
        certificates: &Certificates,
        handler: H,
    ) -> io::Result<ScriptServer>
    where
        H: Fn(&mut Peer, usize) + Send + Sync + 'static,
    {
        Self::serve_at(LOOPBACK, transport, certificates, handler)
    }

    /// Like [`Script::serve_tls`], over TLS 1.3 and without session tickets: each handshake is a
    /// full one.
    pub fn serve_tls_without_tickets<H>(
        certificates: &Certificates,
        handler: H,
    ) -> io::Result<ScriptServer>
    where
        H: Fn(&mut Peer, usize) + Send + Sync + 'static,
    {
        let credential = certificates.issue(CertificateKind::Good)?;
        let transport = Transport::Tls13;
        let mut config = tls::server_config(transport, certificates, credential, false)?;
        if let Some(config) = config.as_mut().and_then(Arc::get_mut) {
            config.send_tls13_tickets = 0;
        }
        ScriptServer::start(LOOPBACK, transport, config, handler)
    }

    /// Like [`Script::serve_tls`], at another address, and in the clear if `transport` says so.
    pub fn serve_at<H>(
        listen: SocketAddr,
        transport: Transport,
        certificates: &Certificates,
        handler: H,
    ) -> io::Result<ScriptServer>
    where
        H: Fn(&mut Peer, usize) + Send + Sync + 'static,
    {
        let credential = certificates.issue(CertificateKind::Good)?;
        let config = tls::server_config(transport, certificates, credential, false)?;
        ScriptServer::start(listen, transport, config, handler)
    }
}

/// A running scripted server. Dropping it cuts its connections and ends its threads.
pub struct ScriptServer {
    address: SocketAddr,
    transport: Transport,
    shared: Arc<Shared>,
    /// A second handle, to end its waiting from outside.
    listener: TcpListener,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    accepted: AtomicUsize,
    /// Second handles of the open sockets, to cut them from outside.
    sockets: Mutex<HashMap<usize, TcpStream>>,
}

impl Shared {
    fn sockets(&self) -> MutexGuard<'_, HashMap<usize, TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ScriptServer {
    fn start<H>(
        listen: SocketAddr,
        transport: Transport,
        config: Option<Arc<ServerConfig>>,
        handler: H,
    ) -> io::Result<Self>
    where
        H: Fn(&mut Peer, usize) + Send + Sync + 'static,
    {
        let listener = accept::listen(listen)?;
        listener.set_nonblocking(false)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let handler = Arc::new(handler);
        let acceptor = thread::Builder::new().name("script".into()).spawn({
            let (shared, listener) = (Arc::clone(&shared), listener.try_clone()?);
            move || accept_all(&listener, config.as_ref(), &shared, &handler)
        })?;
        Ok(Self { address, transport, shared, listener, acceptor: Some(acceptor) })
    }

    /// Where the server is, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        self.transport.url(self.address)
    }

    /// The address of its socket.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have been accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for ScriptServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the blocking accept, which then fails (Linux).
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Read);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept_all<H>(
    listener: &TcpListener,
    config: Option<&Arc<ServerConfig>>,
    shared: &Arc<Shared>,
    handler: &Arc<H>,
) where
    H: Fn(&mut Peer, usize) + Send + Sync + 'static,
{
    let mut handlers: Vec<JoinHandle<()>> = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        let Ok(peer) = Peer::new(stream, config, number, Arc::clone(shared)) else {
            continue;
        };
        let handler = Arc::clone(handler);
        handlers.push(thread::spawn(move || {
            let mut peer = peer;
            if peer.handshake().is_ok() {
                handler(&mut peer, number);
            }
        }));
    }
    for socket in shared.sockets().values() {
        let _ = socket.shutdown(Shutdown::Both);
    }
    let deadline = Instant::now() + FAREWELL;
    while handlers.iter().any(|handler| !handler.is_finished()) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
}

enum Channel {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    Closed,
}

impl Channel {
    fn socket(&self) -> io::Result<&TcpStream> {
        match self {
            Self::Plain(socket) => Ok(socket),
            Self::Tls(stream) => Ok(&stream.sock),
            Self::Closed => Err(closed()),
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
            Self::Closed => Err(closed()),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
            Self::Closed => Err(closed()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
            Self::Closed => Err(closed()),
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the script has closed this connection")
}

/// The server's side of one scripted connection.
///
/// When the handler returns, the socket is closed: with FIN, or, as the kernel has it, with RST
/// when bytes of the client have not been read. On TLS that comes without a `close_notify`.
pub struct Peer {
    channel: Channel,
    number: usize,
    shared: Arc<Shared>,
    /// Received, but not yet part of a request that was returned.
    received: Vec<u8>,
}

impl Peer {
    fn new(
        stream: TcpStream,
        config: Option<&Arc<ServerConfig>>,
        number: usize,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        shared.sockets().insert(number, stream.try_clone()?);
        let channel = match config {
            None => Channel::Plain(stream),
            Some(config) => {
                let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Channel::Tls(Box::new(StreamOwned::new(tls, stream)))
            }
        };
        Ok(Self { channel, number, shared, received: Vec::new() })
    }

    fn handshake(&mut self) -> io::Result<()> {
        if let Channel::Tls(stream) = &mut self.channel {
            while stream.conn.is_handshaking() {
                stream.conn.complete_io(&mut stream.sock)?;
            }
        }
        Ok(())
    }

    /// Reads one request with its body, whose length has to be declared by `Content-Length`.
    /// Nothing when the client has ended the connection instead.
    pub fn read_request(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some(request) = Request::parse(&self.received) {
                self.received.drain(..request.raw.len());
                return Ok(Some(request));
            }
            let mut buffer = [0; 16 * 1024];
            match self.channel.read(&mut buffer)? {
                0 if self.received.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.received.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Reads whatever is there, at least one byte; 0 when the client has ended the connection.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.channel.read(buffer)
    }

    /// Writes bytes and sends them off.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.channel.write_all(bytes)?;
        self.channel.flush()
    }

    /// Writes bytes in pieces of `chunk`, with a pause after each.
    pub fn write_slowly(&mut self, bytes: &[u8], chunk: usize, pause: Duration) -> io::Result<()> {
        for piece in bytes.chunks(chunk.max(1)) {
            self.write(piece)?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Ends the connection with RST. Nothing can be read or written after this.
    pub fn reset(&mut self) -> io::Result<()> {
        SockRef::from(self.channel.socket()?).set_linger(Some(Duration::ZERO))?;
        // Only closing the last handle of a socket resets its connection.
        self.shared.sockets().remove(&self.number);
        self.channel = Channel::Closed;
        Ok(())
    }

    /// Sends FIN. Reading is still possible.
    pub fn finish(&mut self) -> io::Result<()> {
        self.channel.socket()?.shutdown(Shutdown::Write)
    }

    /// Sends TLS's `close_notify`, and no FIN. Without TLS this does nothing.
    pub fn close_notify(&mut self) -> io::Result<()> {
        if let Channel::Tls(stream) = &mut self.channel {
            stream.conn.send_close_notify();
            while stream.conn.wants_write() {
                stream.conn.write_tls(&mut stream.sock)?;
            }
        }
        Ok(())
    }

    /// Reads until the client ends the connection in good order. An error tells otherwise: a
    /// reset, a missing `close_notify`, or no end within ten seconds.
    pub fn wait_eof(&mut self) -> io::Result<()> {
        io::copy(&mut self.channel, &mut io::sink()).map(|_| ())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.sockets().remove(&self.number);
    }
}

/// A request as a script has received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `POST`.
    pub method: String,
    /// The target, such as `/api/v3/order?symbol=BTCUSDT`.
    pub target: String,
    /// The names and values of the headers as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// All the bytes of the request.
    pub raw: Vec<u8>,
}

impl Request {
    /// The first value of a header, found regardless of the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The request at the start of `bytes`, once it is there to its end.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let body_start = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&bytes[..body_start]);
        let mut lines = head.lines();
        let mut words = lines.next().unwrap_or_default().split(' ').map(String::from);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let header = |line: &str| {
            line.split_once(':').map(|(name, value)| (name.into(), value.trim().into()))
        };
        let headers = lines.filter_map(header).collect();
        let mut request = Self { method, target, headers, body: Vec::new(), raw: Vec::new() };
        let length = request.header("content-length").map_or(Some(0), |text| text.parse().ok())?;
        let end = body_start.checked_add(length)?;
        request.body = bytes.get(body_start..end)?.to_vec();
        request.raw = bytes[..end].to_vec();
        Some(request)
    }
}
