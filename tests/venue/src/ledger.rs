//! What the venue has received: the counts that tests assert on, and the order book of ids.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// What a venue has seen since it was started. A restart does not set it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open at this moment.
    pub open: u64,
    /// TLS handshakes completed.
    pub tls_handshakes: u64,
    /// TLS handshakes that failed.
    pub tls_failed: u64,
    /// Completed handshakes that resumed an earlier session.
    pub tls_resumed: u64,
    /// Requests received whole.
    pub requests: u64,
    /// Orders received whole, save those that a refusal (a status below 500) turned away.
    pub orders: u64,
    /// Different client order ids among these orders.
    pub distinct_orders: u64,
    /// Orders whose client order id had been seen before.
    pub duplicates: u64,
    /// The most requests that came over one connection.
    pub max_requests_on_connection: u64,
    /// Connections that the client ended with a TLS `close_notify`.
    pub ended_close_notify: u64,
    /// Connections that the client ended with FIN alone.
    pub ended_fin: u64,
    /// Connections that the client reset.
    pub ended_reset: u64,
}

/// How a client ended its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientEnd {
    CloseNotify,
    Fin,
    Reset,
}

/// The counts, the orders and the rate limits of a venue.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) stats: Stats,
    ids: HashMap<String, Placed>,
    last_order: u64,
    weight: Window,
    orders_10s: Window,
    orders_1d: Window,
}

struct Placed {
    order_id: u64,
    times: u64,
}

/// What the rate-limit headers of an answer say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) weight_1m: u64,
    pub(crate) orders_10s: u64,
    pub(crate) orders_1d: u64,
}

impl Ledger {
    /// Counts a request that is the `nth` on its connection.
    pub(crate) fn request(&mut self, nth: u64) {
        self.stats.requests += 1;
        self.stats.max_requests_on_connection = self.stats.max_requests_on_connection.max(nth);
        self.weight.add(now_ms() / 60_000, 1);
    }

    /// The state of the rate limits at this moment.
    pub(crate) fn usage(&mut self) -> Usage {
        let second = now_ms() / 1_000;
        Usage {
            weight_1m: self.weight.add(second / 60, 0),
            orders_10s: self.orders_10s.add(second / 10, 0),
            orders_1d: self.orders_1d.add(second / 86_400, 0),
        }
    }

    /// Takes an order and gives it a number.
    pub(crate) fn order(&mut self, client_id: &str) -> u64 {
        let second = now_ms() / 1_000;
        self.orders_10s.add(second / 10, 1);
        self.orders_1d.add(second / 86_400, 1);
        self.last_order += 1;
        self.stats.orders += 1;
        if let Some(placed) = self.ids.get_mut(client_id) {
            placed.times += 1;
            self.stats.duplicates += 1;
        } else {
            self.ids.insert(client_id.into(), Placed { order_id: self.last_order, times: 1 });
            self.stats.distinct_orders += 1;
        }
        self.last_order
    }

    /// The number of the first order with this client order id.
    pub(crate) fn find(&self, client_id: &str) -> Option<u64> {
        self.ids.get(client_id).map(|placed| placed.order_id)
    }

    /// How many orders came with this client order id.
    pub(crate) fn times(&self, client_id: &str) -> u64 {
        self.ids.get(client_id).map_or(0, |placed| placed.times)
    }

    pub(crate) fn client_end(&mut self, end: ClientEnd) {
        match end {
            ClientEnd::CloseNotify => self.stats.ended_close_notify += 1,
            ClientEnd::Fin => self.stats.ended_fin += 1,
            ClientEnd::Reset => self.stats.ended_reset += 1,
        }
    }
}

/// A count that starts again with every period.
#[derive(Default)]
struct Window {
    period: u64,
    count: u64,
}

impl Window {
    fn add(&mut self, period: u64, amount: u64) -> u64 {
        if self.period != period {
            *self = Self { period, count: 0 };
        }
        self.count += amount;
        self.count
    }
}

/// The venue's clock, in milliseconds as its answers show it.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
