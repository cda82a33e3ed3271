//! How a connection gets to the venue, when not straight to its address.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Config;
use super::proxy::Proxy;
use crate::error::Status;

/// What `sun_path` holds beside the NUL at its end (unix(7)).
const MAX_UNIX_PATH: usize = 107;

const MAX_PROXIES: usize = 64;

/// How a connection gets to the venue. Without any of these: over TCP, to one of its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// The Unix socket to connect to.
    pub unix_socket: Option<PathBuf>,
    /// The proxies to go through, spread over the slots.
    pub proxies: Vec<Proxy>,
}

/// Ways.
impl Config {
    /// Sets the Unix socket to connect to, by its absolute path. The host of the URL is then not
    /// resolved, but still is the name that is asked for and checked. Empty: over TCP again.
    ///
    /// # Errors
    /// `ERR_ADDRESS` if the path is not absolute, holds NUL, or is longer than 107 bytes.
    pub fn set_unix_socket(&mut self, path: &[u8]) -> Result<(), Status> {
        if path.is_empty() {
            self.ways.unix_socket = None;
            return Ok(());
        }
        if !path.starts_with(b"/") || path.contains(&0) || path.len() > MAX_UNIX_PATH {
            return Err(Status::ERR_ADDRESS);
        }
        self.ways.unix_socket = Some(Path::new(OsStr::from_bytes(path)).to_owned());
        Ok(())
    }

    /// Adds a proxy to go through. Several are spread over the slots.
    ///
    /// # Errors
    /// `ERR_URL`, see [`Proxy::parse`]; `ERR_ARGUMENT` for more than 64.
    pub fn add_proxy(&mut self, url: &[u8]) -> Result<(), Status> {
        let proxy = Proxy::parse(url)?;
        if self.ways.proxies.len() == MAX_PROXIES {
            return Err(Status::ERR_ARGUMENT);
        }
        self.ways.proxies.push(proxy);
        Ok(())
    }

    /// How a connection gets to the venue.
    pub const fn ways(&self) -> &Ways {
        &self.ways
    }
}
