//! How a dial gets to the venue: straight, through a proxy, or over a Unix socket.
//!
//! It chooses who connects, tries one proxy after the other, and hands the stream on for TLS.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::connect::{Connected, DialError, Dialer, Dialled};
use super::proxy::{self, Target};
use super::proxy_order::ProxyOrder;
use super::unix;
use crate::config::Proxy;
use crate::error::Status;

/// How the dials of a pool get to the venue.
#[derive(Clone)]
pub struct Ways {
    /// The venue: its name, TLS, and the time limits.
    pub dialer: Dialer,
    /// How to get there.
    pub way: Way,
    /// The port of the venue.
    pub port: u16,
}

/// How to get to the venue.
#[derive(Clone)]
pub enum Way {
    /// Over TCP, to one of its addresses.
    Straight,
    /// To the Unix socket at that path.
    Unix(Arc<Path>),
    /// Through one of these proxies.
    Proxies(Arc<Proxies>),
}

/// Proxies, and what is remembered of them, shared by all dials of a pool.
pub struct Proxies {
    list: Vec<(Proxy, Dialer)>,
    target: Target,
    order: Mutex<ProxyOrder>,
}

impl Proxies {
    /// Proxies, each with what connects to it, that are to lead to `target`.
    pub fn new(list: Vec<(Proxy, Dialer)>, target: Target) -> Self {
        let order = Mutex::new(ProxyOrder::new(list.len()));
        Self { list, target, order }
    }

    /// A stream that leads to the venue, and the proxy that it goes through: the first in the
    /// slot's order that can be had. All of them together may take as long as one look-up and one
    /// connect.
    async fn reach(&self, slot: u32) -> Result<(Connected, usize), DialError> {
        let now = Instant::now();
        let order = self.order().of_slot(slot, now);
        let mut last_error = None;
        for proxy in order {
            let (_, dialer) = &self.list[proxy];
            let budget = dialer.resolve_timeout + dialer.connect_timeout;
            let in_time = timeout_at(now + budget, self.through(slot, proxy)).await;
            match in_time.unwrap_or_else(|_| Err(self.late(proxy, budget))) {
                Ok(connected) => return Ok((connected, proxy)),
                Err(error) => {
                    self.blame(proxy, &error);
                    last_error = Some(error);
                }
            }
            if Instant::now() >= now + budget {
                break;
            }
        }
        Err(last_error.expect("there is a proxy"))
    }

    /// A stream that leads to the venue through that proxy, within the connect timeout.
    async fn through(&self, slot: u32, index: usize) -> Result<Connected, DialError> {
        let (proxy, dialer) = &self.list[index];
        let unreachable = |error: DialError| DialError {
            // Want of something on this machine keeps its name.
            step: if error.step == Status::ERR_SYSTEM { error.step } else { Status::ERR_PROXY },
            text: format!("proxy {proxy}: {}", error.text),
            ..error
        };
        let resolved = dialer.resolve().await.map_err(unreachable)?;
        let connect_and_ask = async {
            let connected = dialer.connect(slot, &resolved).await.map_err(unreachable)?;
            proxy::ask(&connected.stream, proxy, &self.target).await?;
            dialer.judge(connected.address, Ok(()));
            Ok(connected)
        };
        let in_time = timeout(dialer.connect_timeout, connect_and_ask).await;
        in_time.unwrap_or_else(|_| Err(self.late(index, dialer.connect_timeout)))
    }

    fn late(&self, proxy: usize, budget: Duration) -> DialError {
        let (proxy, _) = &self.list[proxy];
        DialError::timeout(Status::ERR_PROXY, format_args!("proxy {proxy}"), budget)
    }

    /// The proxy goes behind the others, if it may be to blame.
    fn blame(&self, proxy: usize, error: &DialError) {
        if !error.is_of_this_machine() {
            self.order().failed(proxy, Instant::now());
        }
    }

    fn order(&self) -> MutexGuard<'_, ProxyOrder> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ways {
    /// Whether connections go to the addresses of the venue themselves.
    pub fn is_straight(&self) -> bool {
        matches!(self.way, Way::Straight)
    }

    /// How often the last good answer stood in for a look-up that failed or took too long.
    pub fn stale_answers(&self) -> u64 {
        match &self.way {
            Way::Proxies(proxies) => {
                proxies.list.iter().map(|(_, dialer)| dialer.resolver.stale()).sum()
            }
            Way::Straight | Way::Unix(_) => self.dialer.resolver.stale(),
        }
    }

    /// Makes one connection for the slot, ready for its first request.
    pub async fn dial(&self, slot: u32) -> Result<Dialled, DialError> {
        let dialer = &self.dialer;
        match &self.way {
            Way::Straight => dialer.dial(slot).await,
            Way::Unix(path) => {
                let stream = unix::connect(path, &dialer.sockets, dialer.connect_timeout).await?;
                dialer.secure(slot, stream, 0).await
            }
            Way::Proxies(proxies) => {
                let (connected, proxy) = proxies.reach(slot).await?;
                let dialled = dialer.secure(slot, connected.stream, connected.connect_ns).await;
                match &dialled {
                    Ok(_) => proxies.order().worked(proxy),
                    Err(error) => proxies.blame(proxy, error),
                }
                dialled
            }
        }
    }
}
