//! The two ends of a TCP connection, in a form that is copied with each order.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};

/// An IP address and a port. All zero if there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The address in network byte order. An IPv4 one is IPv4-mapped (RFC 4291 section 2.5.5.2).
    pub ip: [u8; 16],
    /// The port, as a number.
    pub port: u16,
}

/// Both ends of a connection. All zero over a Unix socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The end here.
    pub local: Endpoint,
    /// The end there: the venue's, or that of the proxy.
    pub peer: Endpoint,
}

impl Endpoint {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The address as the system has it: IPv4 if it is an IPv4 one.
    pub fn ip(&self) -> IpAddr {
        Ipv6Addr::from(self.ip).to_canonical()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self { ip: ip.octets(), port: address.port() }
    }
}

impl Endpoints {
    /// Those of a connected socket; all zero if the system does not tell both.
    pub fn of(stream: &TcpStream) -> Self {
        match (stream.local_addr(), stream.peer_addr()) {
            (Ok(local), Ok(peer)) => Self { local: local.into(), peer: peer.into() },
            _ => Self::default(),
        }
    }

    /// Whether the peer is on another host, as far as addresses tell.
    pub fn is_far(&self) -> bool {
        self.local.ip != self.peer.ip && !self.peer.ip().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_each_family_keeps_its_bytes() {
        let v4 = Endpoint::from(SocketAddr::from(([192, 0, 2, 1], 443)));
        assert_eq!(v4.ip, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]);
        assert_eq!((v4.port, v4.ip()), (443, IpAddr::from([192, 0, 2, 1])));
        let ip = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
        let v6 = Endpoint::from(SocketAddr::from((ip, 1)));
        assert_eq!((v6.ip, v6.port, v6.ip()), (ip.octets(), 1, IpAddr::from(ip)));
        assert!(Endpoint::default().is_none() && !v6.is_none());
    }

    #[test]
    fn loopback_and_this_host_are_near() {
        let end = |ip: [u8; 4]| Endpoint::from(SocketAddr::from((ip, 1)));
        let far = |local, peer| Endpoints { local: end(local), peer: end(peer) }.is_far();
        assert!(far([192, 0, 2, 1], [192, 0, 2, 2]));
        assert!(!far([192, 0, 2, 1], [192, 0, 2, 1]));
        assert!(!far([127, 0, 0, 1], [127, 0, 0, 2]));
        assert!(!Endpoints::default().is_far());
    }
}
