//! The hosts of a shared thread, and what their limits mean for its pools.
//!
//! Who may dial is decided in [`HostLimits`]. Here are the hosts by name, the wake-ups of slots of
//! several pools, and the place of a connection as a value. No lock of a pool is taken here: slots
//! are woken by the bells that their pool has left.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::Notify;

use crate::error::Status;
use crate::net::connect::DialError;
use crate::pool::dial_limit::Purpose;
use crate::pool::dispatch::SlotIndex;
use crate::pool::host_limits::{Answer, Gate, HostLimits, Limits, PoolNumber};
use crate::sync::{Mutex, MutexGuard};

/// The most dials in a second that can be asked for.
const MOST_DIALS: u32 = 1_000;

/// The most connections that can be asked for.
const MOST_CONNECTIONS: u32 = 100_000;

/// The hosts of one thread.
#[derive(Default)]
pub(super) struct Hosts {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    limits: Limits,
    /// A pool was opened on the thread, so the limits stay.
    has_pools: bool,
    /// With those that no pool has any more, until the next pool is opened.
    hosts: Vec<Weak<Host>>,
}

/// One host, as it is connected from one source: a venue counts by address.
#[derive(Debug)]
struct Host {
    name: String,
    port: u16,
    /// `None`: the system chooses.
    source: Option<IpAddr>,
    pools: Mutex<Pools>,
}

/// The pools of a host.
#[derive(Debug)]
struct Pools {
    limits: HostLimits,
    /// The next one's number.
    next: PoolNumber,
    /// By slot: its dial is to go on.
    wakes: HashMap<PoolNumber, Arc<[Notify]>>,
}

/// A pool among those of its host.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    host: Arc<Host>,
    number: PoolNumber,
}

/// One of the connections that a host may have. It is given back when this is dropped.
pub(crate) struct HostPlace(Member);

impl Hosts {
    /// Sets the limits of each host, before the first pool is opened.
    pub(super) fn set_limits(&self, limits: Limits) -> Result<(), Status> {
        let Limits { dials_per_second, connections } = limits;
        if dials_per_second > MOST_DIALS || connections > MOST_CONNECTIONS {
            return Err(Status::ERR_ARGUMENT);
        }
        let mut inner = self.lock();
        if inner.has_pools {
            return Err(Status::ERR_PHASE);
        }
        inner.limits = limits;
        Ok(())
    }

    /// A pool is opened for that host, and a source of its own. `wakes`: by slot, its dial is to go
    /// on. `None`: there are no limits.
    pub(super) fn join(
        &self,
        of: (&str, u16, Option<IpAddr>),
        wakes: &Arc<[Notify]>,
    ) -> Option<Member> {
        let mut inner = self.lock();
        inner.has_pools = true;
        if inner.limits.is_none() {
            return None;
        }
        inner.hosts.retain(|host| host.strong_count() > 0);
        let known = inner.hosts.iter().filter_map(Weak::upgrade);
        let host = known.into_iter().find(|host| (&*host.name, host.port, host.source) == of);
        let host = host.unwrap_or_else(|| {
            let host = Arc::new(Host::new(of, inner.limits));
            inner.hosts.push(Arc::downgrade(&host));
            host
        });
        let number = host.enter(wakes);
        Some(Member { host, number })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn new((name, port, source): (&str, u16, Option<IpAddr>), limits: Limits) -> Self {
        let limits = HostLimits::new(limits);
        let pools = Mutex::new(Pools { limits, next: 0, wakes: HashMap::new() });
        Self { name: name.to_owned(), port, source, pools }
    }

    fn enter(&self, wakes: &Arc<[Notify]>) -> PoolNumber {
        let mut pools = self.lock();
        let number = pools.next;
        pools.next += 1;
        pools.wakes.insert(number, Arc::clone(wakes));
        number
    }

    /// Tells the limits what happened, or asks them, and wakes the slots that then go on.
    fn tell<T>(&self, what: impl FnOnce(&mut HostLimits) -> T) -> T {
        let mut pools = self.lock();
        let answer = what(&mut pools.limits);
        while let Some((pool, slot)) = pools.limits.next_wake() {
            if let Some(wakes) = pools.wakes.get(&pool) {
                wakes[slot as usize].notify_one();
            }
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// The place that was granted with a dial. Called once for each.
    pub(super) fn place(&self) -> HostPlace {
        HostPlace(self.clone())
    }

    /// The pool dials no more.
    pub(super) fn leave_all(&self) {
        self.host.lock().wakes.remove(&self.number);
        self.host.tell(|limits| limits.leave_all(self.number));
    }

    /// Why a slot has no connection that waits for a place.
    pub(super) fn no_place(&self) -> DialError {
        let Host { name, port, .. } = &*self.host;
        let connections = self.host.lock().limits.limits().connections;
        let text = format!(
            "{name}:{port} has {connections} connections on this thread, and may have no more"
        );
        DialError { step: Status::ERR_HOST_LIMIT, os_error: 0, text }
    }
}

impl Gate for Member {
    fn ask(&mut self, slot: SlotIndex, purpose: Purpose, now_ns: u64) -> Answer {
        self.host.tell(|limits| limits.ask(self.number, slot, purpose, now_ns))
    }

    fn leave(&mut self, purpose: Purpose) {
        self.host.tell(|limits| limits.leave(self.number, purpose));
    }
}

impl Drop for HostPlace {
    fn drop(&mut self) {
        self.0.host.tell(|limits| limits.give_back(self.0.number));
    }
}
