//! Registers live sockets with the runtime, to hear when they are ready.
//!
//! It knows readiness only; bytes go through the [`Connection`] that the socket belongs to.

use std::io;
use std::sync::Arc;

use tokio::io::unix::AsyncFd;

use super::connection::Connection;
use super::live_set::LiveSet;
use super::socket::Socket;

/// A live socket, registered with the runtime until this is dropped.
pub type Watch = AsyncFd<Arc<Socket>>;

/// Registers the socket of a connection with the runtime of the calling thread.
pub fn watch(connection: &Connection) -> io::Result<Watch> {
    watch_socket(Arc::clone(connection.stream()))
}

/// Registers a socket with the runtime of the calling thread.
#[allow(unsafe_code)]
pub fn watch_socket(socket: Arc<Socket>) -> io::Result<Watch> {
    // SAFETY: the `Arc` keeps the descriptor open for as long as it is registered, and a
    // `Socket` that is shared cannot be replaced by another.
    let watch = unsafe { AsyncFd::register(socket) };
    watch.map_err(io::Error::from)
}

/// Registers a set of sockets with the runtime of the calling thread: it is readable while it has
/// something to tell.
#[allow(unsafe_code)]
pub fn watch_set(set: Arc<LiveSet>) -> io::Result<AsyncFd<Arc<LiveSet>>> {
    // SAFETY: the `Arc` keeps the descriptor open for as long as it is registered, and a set never
    // replaces its descriptor.
    let watch = unsafe { AsyncFd::register(set) };
    watch.map_err(io::Error::from)
}
