//! Venues behind proxies: real ones, and such as only a test writes.

mod fakes;
mod faults;
mod logs;
mod real;
mod secrets;

use std::net::SocketAddr;

use mock_venue::Venue;
use socket2::{Domain, Socket, Type};
use venuepool::config::Config;

use crate::rig::config;

const USER: &str = "engine";
const PASSWORD: &str = "s3cret";

/// A configuration for a venue behind proxies. The name of the venue resolves at the proxy.
fn config_through(proxies: &[String], venue: &Venue, connections: usize) -> Config {
    let url = venue.url().replace("127.0.0.1", "localhost");
    config_for(&url, proxies, venue, connections)
}

/// The same, for a URL of the venue.
fn config_for(url: &str, proxies: &[String], venue: &Venue, connections: usize) -> Config {
    let mut config = config(url, connections);
    config.set_ca_pem(venue.ca_pem().as_bytes()).unwrap();
    proxies.iter().for_each(|proxy| config.add_proxy(proxy.as_bytes()).unwrap());
    config
}

/// A port that nobody listens on, while this lives.
fn nobody() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}
