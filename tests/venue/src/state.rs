//! What the threads of one venue share: its counts, its faults, its certificate and the list of
//! open connections.

use crate::fault::Faults;
use crate::ledger::{Ledger, Stats};
use crate::options::How;
use crate::replies;
use crate::signature::SigningKey;
use bytes::Bytes;
use rustls::ServerConfig;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a caller waits for connections to be gone. They go at once unless the machine is
/// overloaded; the bound keeps a defect from becoming a test that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// A message to the task of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// End now.
    End(How),
    /// The faults have changed: look at the idle times again.
    Recheck,
}

/// What a venue's handle, its control server and its connections have in common.
pub(crate) struct State {
    pub(crate) faults: Faults,
    pub(crate) signing_key: Option<SigningKey>,
    pub(crate) chunked: bool,
    ledger: Mutex<Ledger>,
    tls: Mutex<Option<Arc<ServerConfig>>>,
    exchange_info: Mutex<Bytes>,
    open: Mutex<Open>,
    left: Condvar,
}

#[derive(Default)]
struct Open {
    last_id: u64,
    connections: BTreeMap<u64, UnboundedSender<Order>>,
}

impl State {
    pub(crate) fn new(
        signing_key: Option<SigningKey>,
        chunked: bool,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        Self {
            faults: Faults::default(),
            signing_key,
            chunked,
            ledger: Mutex::default(),
            tls: Mutex::new(tls),
            exchange_info: Mutex::default(),
            open: Mutex::default(),
            left: Condvar::new(),
        }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        lock(&self.tls).clone()
    }

    /// Handshakes from now on use `tls`.
    pub(crate) fn set_tls(&self, tls: Option<Arc<ServerConfig>>) {
        *lock(&self.tls) = tls;
    }

    /// Exchange information of this size. It is kept: making megabytes anew for every request
    /// would hold up the other connections.
    pub(crate) fn exchange_info(&self, size: usize) -> Bytes {
        let mut kept = lock(&self.exchange_info);
        if kept.len() != size {
            *kept = replies::exchange_info(size);
        }
        kept.clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        let open = lock(&self.open).connections.len() as u64;
        Stats { open, ..self.ledger().stats }
    }

    /// Enters a connection in the list of open ones until the returned guest leaves.
    pub(crate) fn admit(self: &Arc<Self>) -> (Guest, UnboundedReceiver<Order>) {
        let (sender, orders) = unbounded_channel();
        let mut open = lock(&self.open);
        open.last_id += 1;
        let id = open.last_id;
        open.connections.insert(id, sender);
        self.ledger().stats.connections += 1;
        let others = open.connections.len() as u64 - 1;
        (Guest { state: Arc::clone(self), id, others }, orders)
    }

    /// Ends up to `limit` of the connections that are open now, the oldest first, waits until
    /// they are gone, and says how many there were.
    pub(crate) fn end_connections(&self, how: How, limit: usize) -> usize {
        let open = lock(&self.open);
        let ended: Vec<u64> = open.connections.keys().copied().take(limit).collect();
        for id in &ended {
            // A task that no longer listens is on its way out already.
            let _ = open.connections[id].send(Order::End(how));
        }
        let any_left = |open: &mut Open| ended.iter().any(|id| open.connections.contains_key(id));
        drop(self.left.wait_timeout_while(open, PATIENCE, any_left));
        ended.len()
    }

    /// Has every connection look at the faults again.
    pub(crate) fn recheck_faults(&self) {
        for connection in lock(&self.open).connections.values() {
            let _ = connection.send(Order::Recheck);
        }
    }
}

/// A connection's entry in the list of open ones.
pub(crate) struct Guest {
    state: Arc<State>,
    id: u64,
    /// How many connections were open when this one came.
    pub(crate) others: u64,
}

impl Drop for Guest {
    fn drop(&mut self) {
        lock(&self.state.open).connections.remove(&self.id);
        self.state.left.notify_all();
    }
}

/// A panic elsewhere is reported by the test that caused it; the counts stay readable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
