//! What a pool dials with, and the state of its dials.
//!
//! It decides nothing. What a loss means, when a dial begins and who comes first is decided in
//! `src/pool`. Whoever tells [`Healing`] something wakes whom it says. The waits are in
//! `src/tasks/dials.rs`.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};

use tokio::sync::Notify;

use crate::net::connect::DialError;
use crate::net::edges::Edges;
use crate::net::ways::Ways;
use crate::pool::backoff::Bounds;
use crate::pool::dial_limit::DialLimit;
use crate::pool::dispatch::SlotIndex;
use crate::pool::healing::Healing;
use crate::pool::host_limits::Gate;
use crate::slot::address_records::AddressRecords;
use crate::sync::Mutex;
use crate::threads::hosts::{Hosts, Member};

/// The dials of a pool.
pub(crate) struct Dials {
    healing: Mutex<Healing>,
    per_second: u32,
    /// By slot: its dial is to go on.
    pub(crate) wakes: Arc<[Notify]>,
    /// By source: the pool among those of its host. Empty if that has no limits.
    members: Vec<Member>,
}

/// What a pool dials with, and what came of it.
pub(crate) struct Dialling {
    pub(crate) ways: Ways,
    pub(crate) dials: Dials,
    pub(crate) edges: Arc<Edges>,
    /// Of the addresses that connections went to, if durations are counted.
    pub(crate) records: Option<AddressRecords>,
    last_error: Mutex<Option<DialError>>,
}

impl Dialling {
    /// Nothing was dialled yet.
    pub(crate) fn new(
        ways: Ways,
        dials: Dials,
        edges: Arc<Edges>,
        records: Option<AddressRecords>,
    ) -> Self {
        Self { ways, dials, edges, records, last_error: Mutex::default() }
    }

    /// Shares the limits of the host with the other pools of a thread, if there are any.
    /// `sources`: the local addresses of the pool; none if the system chooses.
    pub(crate) fn share_host(&mut self, hosts: &Hosts, sources: &[IpAddr]) {
        let (name, port) = (&*self.ways.dialer.host, self.ways.port);
        let join = |source| hosts.join((name, port, source), &self.dials.wakes);
        let members: Vec<_> = match sources {
            [] => join(None).into_iter().collect(),
            _ => sources.iter().filter_map(|source| join(Some(*source))).collect(),
        };
        let gates = members.iter().map(|member| Box::new(member.clone()) as Box<dyn Gate>);
        self.dials.tell(|healing| healing.share_host(gates));
        self.dials.members = members;
    }

    /// Keeps why a dial has failed.
    pub(crate) fn note_error(&self, error: DialError) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The address of a source.
    pub(crate) fn source_address(&self, source: u32) -> Option<IpAddr> {
        self.ways.dialer.sockets.bind_addresses.get(source as usize).copied()
    }

    /// Why the last failed dial failed.
    pub(crate) fn last_error(&self) -> Option<DialError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Dials {
    /// The dials of a pool of so many slots and sources, each with `per_second`. `sources` is 0
    /// when the kernel chooses.
    pub(crate) fn new(slots: u32, sources: u32, bounds: Bounds, per_second: u32) -> Self {
        let sources = sources.max(1);
        let limits = DialLimit::by_source(slots, sources, per_second, || fastrand::u64(..));
        Self {
            healing: Mutex::new(Healing::new(slots, bounds, limits)),
            per_second: DialLimit::in_all(slots, sources, per_second),
            wakes: (0..slots).map(|_| Notify::new()).collect(),
            members: Vec::new(),
        }
    }

    /// How many dials a second the pool may make in the long run, from all its sources.
    pub(crate) fn per_second(&self) -> u32 {
        self.per_second
    }

    /// The pool dials no more, and leaves the line of its host.
    pub(crate) fn leave_host(&self) {
        self.members.iter().for_each(Member::leave_all);
    }

    /// The pool among those of its host, as that slot connects.
    pub(crate) fn member(&self, slot: SlotIndex) -> Option<&Member> {
        let source = slot.checked_rem(self.members.len() as u32)?;
        Some(&self.members[source as usize])
    }

    /// Tells the state machine what happened, or asks it, and wakes the slots that then go on.
    pub(crate) fn tell<T>(&self, what: impl FnOnce(&mut Healing) -> T) -> T {
        let mut healing = self.healing.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = what(&mut healing);
        while let Some(slot) = healing.next_wake() {
            self.wakes[slot as usize].notify_one();
        }
        answer
    }
}
