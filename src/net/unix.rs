//! Connecting to a Unix socket.
//!
//! The result has the type of a TCP stream, because that is what a connection is made of: a
//! descriptor that takes `send` and `recv`. What only TCP has is not asked of it: options and
//! addresses. `TCP_INFO` answers with an error there, so that no evidence is told.

use std::io;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::connect::DialError;
use super::standard::spared;
use crate::config::Sockets;
use crate::error::Status;

/// How long to wait while the queue of the listener is full: no event tells when it is not.
const RETRY_DELAY: Duration = Duration::from_millis(2);

/// Connects to the socket at `path`, within `budget`.
pub(super) async fn connect(
    path: &Path,
    options: &Sockets,
    budget: Duration,
) -> Result<TcpStream, DialError> {
    let failed = |step, what: &'static str| {
        move |error| DialError::new(step, format_args!("{what} unix:{}", path.display()), &error)
    };
    let address = SockAddr::unix(path).map_err(failed(Status::ERR_ADDRESS, "connect"))?;
    let socket = open_socket(options).map_err(failed(Status::ERR_SYSTEM, "socket"))?;
    let connected = timeout(budget, connect_once_there_is_room(&socket, &address)).await;
    let is_full = |_| Err(io::Error::from_raw_os_error(libc::EAGAIN));
    connected.unwrap_or_else(is_full).map_err(failed(Status::ERR_CONNECT, "connect"))?;
    TcpStream::from_std(socket.into()).map_err(failed(Status::ERR_SYSTEM, "socket"))
}

async fn connect_once_there_is_room(socket: &Socket, address: &SockAddr) -> io::Result<()> {
    loop {
        match socket.connect(address) {
            // connect(2): for a Unix socket that does not block, its listener's queue is full.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(RETRY_DELAY).await,
            done => return done,
        }
    }
}

/// A socket with those options that are not TCP's.
fn open_socket(options: &Sockets) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = spared(|| Socket::new(Domain::UNIX, kind, None))?;
    if let Some(size) = options.send_buffer {
        socket.set_send_buffer_size(size)?;
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    Ok(socket)
}
