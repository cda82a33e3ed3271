//! How sockets are set up before they connect, and where they connect to.

use std::net::IpAddr;

use super::{Config, GIB, KIB, S, list, within};
use crate::error::Status;

const MAX_ADDRESSES: usize = 64;

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
    /// Whether the kernel tells when it had the bytes of an answer.
    pub kernel_times: bool,
    /// The local addresses to connect from, spread over the slots; the system's choice without any.
    pub bind_addresses: Vec<IpAddr>,
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

impl Default for Sockets {
    fn default() -> Self {
        Self {
            nodelay: true,
            tcp_keepalive: Some(TcpKeepalive { time_ns: 30 * S, interval_ns: 5 * S, count: 3 }),
            send_buffer: None,
            receive_buffer: None,
            kernel_times: false,
            bind_addresses: Vec::new(),
            addresses: Vec::new(),
        }
    }
}

impl Sockets {
    /// The local address that a slot connects from, and its number.
    pub fn source_of(&self, slot: u32) -> Option<(u32, IpAddr)> {
        let index = slot.checked_rem(self.bind_addresses.len() as u32)?;
        Some((index, self.bind_addresses[index as usize]))
    }
}

/// Sockets.
impl Config {
    /// Sets TCP_NODELAY.
    pub const fn set_nodelay(&mut self, on: bool) {
        self.sockets.nodelay = on;
    }

    /// Whether the kernel is asked when it had the first bytes of each answer.
    pub const fn set_kernel_times(&mut self, on: bool) {
        self.sockets.kernel_times = on;
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
        self.sockets.bind_addresses = given.map(parse_address).transpose()?.into_iter().collect();
        Ok(())
    }

    /// Adds a local IP address to connect from. Several are spread over the slots.
    ///
    /// # Errors
    /// `ERR_ADDRESS` if it is no IP address, `ERR_ARGUMENT` if there are 64 already.
    pub fn add_bind_address(&mut self, address: &[u8]) -> Result<(), Status> {
        let address = parse_address(address)?;
        if self.sockets.bind_addresses.len() == MAX_ADDRESSES {
            return Err(Status::ERR_ARGUMENT);
        }
        self.sockets.bind_addresses.push(address);
        Ok(())
    }

    /// The same configuration with that one of its local addresses only; `None`: it has none of
    /// that number.
    pub fn from_source(&self, source: u32) -> Option<Self> {
        let address = *self.sockets.bind_addresses.get(source as usize)?;
        let mut config = self.clone();
        config.sockets.bind_addresses = vec![address];
        Some(config)
    }

    /// Pins the IP addresses to connect to, separated by commas; the host is then not resolved, but
    /// still is the name that is asked for and checked. Empty: it is resolved again.
    ///
    /// # Errors
    /// `ERR_ADDRESS` if one is no IP address, or if there are more than 64.
    pub fn set_addresses(&mut self, addresses: &[u8]) -> Result<(), Status> {
        self.sockets.addresses = parse_addresses(addresses)?;
        Ok(())
    }

    /// How sockets are set up.
    pub const fn sockets(&self) -> &Sockets {
        &self.sockets
    }
}

/// At most 64 IP addresses, separated by commas.
///
/// # Errors
/// `ERR_ADDRESS`.
pub fn parse_addresses(addresses: &[u8]) -> Result<Vec<IpAddr>, Status> {
    let addresses = list(addresses).map(parse_address).collect::<Result<Vec<_>, _>>()?;
    if addresses.len() > MAX_ADDRESSES {
        return Err(Status::ERR_ADDRESS);
    }
    Ok(addresses)
}

/// An IP address without brackets, port or zone.
///
/// # Errors
/// `ERR_ADDRESS`.
pub fn parse_address(address: &[u8]) -> Result<IpAddr, Status> {
    let address = std::str::from_utf8(address).map_err(|_| Status::ERR_ADDRESS)?;
    address.parse().map_err(|_| Status::ERR_ADDRESS)
}
