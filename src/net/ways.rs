//! How a dial gets to the venue: straight, or over a Unix socket.
//!
//! It chooses who connects, and hands the stream on for TLS.

use std::path::Path;
use std::sync::Arc;

use super::connect::{DialError, Dialer};
use super::connection::Connection;
use super::unix;

/// How the dials of a pool get to the venue.
#[derive(Clone)]
pub struct Ways {
    /// The venue: its name, TLS, and the time limits.
    pub dialer: Dialer,
    /// How to get there.
    pub way: Way,
}

/// How to get to the venue.
#[derive(Clone)]
pub enum Way {
    /// Over TCP, to one of its addresses.
    Straight,
    /// To the Unix socket at that path.
    Unix(Arc<Path>),
}

impl Ways {
    /// How often the last good answer stood in for a look-up that failed or took too long.
    pub fn stale_answers(&self) -> u64 {
        self.dialer.resolver.stale()
    }

    /// Makes one connection, ready for its first request.
    pub async fn dial(&self) -> Result<Connection, DialError> {
        let dialer = &self.dialer;
        match &self.way {
            Way::Straight => dialer.dial().await,
            Way::Unix(path) => {
                let stream = unix::connect(path, &dialer.sockets, dialer.connect_timeout).await?;
                dialer.secure(stream).await
            }
        }
    }
}
