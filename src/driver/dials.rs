//! Carries out when the slots dial: waits as long as [`Healing`] says, and wakes whom it says.
//!
//! It decides nothing. What a loss means, when a dial begins and who comes first is decided in
//! `src/pool`.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::Pool;
use super::edges::Edges;
use crate::clock::now_ns;
use crate::net::connect::DialError;
use crate::net::path::Path;
use crate::net::ways::Ways;
use crate::pool::backoff::Bounds;
use crate::pool::dial_limit::DialLimit;
use crate::pool::dispatch::SlotIndex;
use crate::pool::healing::{Healing, Next};
use crate::pool::host_limits::Gate;
use crate::slot::Slot;
use crate::slot::address_records::{AddressRecord, AddressRecords};
use crate::sync::Mutex;
use crate::threads::hosts::{HostPlace, Hosts, Member};

/// The dials of a pool.
pub(super) struct Dials {
    healing: Mutex<Healing>,
    per_second: u32,
    /// By slot: its dial is to go on.
    wakes: Arc<[Notify]>,
    /// By source: the pool among those of its host. Empty if that has no limits.
    members: Vec<Member>,
}

/// What a pool dials with, and what came of it.
pub(crate) struct Dialling {
    pub(crate) ways: Ways,
    pub(super) dials: Dials,
    pub(crate) edges: Arc<Edges>,
    /// Of the addresses that connections went to, if durations are counted.
    pub(crate) records: Option<AddressRecords>,
    last_error: Mutex<Option<DialError>>,
}

impl Dialling {
    /// Nothing was dialled yet.
    pub(super) fn new(
        ways: Ways,
        dials: Dials,
        edges: Arc<Edges>,
        records: Option<AddressRecords>,
    ) -> Self {
        Self { ways, dials, edges, records, last_error: Mutex::default() }
    }

    /// Shares the limits of the host with the other pools of a thread, if there are any.
    /// `sources`: the local addresses of the pool; none if the system chooses.
    pub(super) fn share_host(&mut self, hosts: &Hosts, sources: &[IpAddr]) {
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
    pub(super) fn note_error(&self, error: DialError) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// The address of a source.
    pub(super) fn source_address(&self, source: u32) -> Option<IpAddr> {
        self.ways.dialer.sockets.bind_addresses.get(source as usize).copied()
    }

    /// Why the last failed dial failed.
    pub(super) fn last_error(&self) -> Option<DialError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Dials {
    /// The dials of a pool of so many slots and sources, each with `per_second`. `sources` is 0
    /// when the kernel chooses.
    pub(super) fn new(slots: u32, sources: u32, bounds: Bounds, per_second: u32) -> Self {
        let sources = sources.max(1);
        let limits = DialLimit::by_source(slots, sources, per_second, || fastrand::u64(..));
        Self {
            healing: Mutex::new(Healing::new(slots, bounds, limits)),
            per_second: per_second * sources.min(slots),
            wakes: (0..slots).map(|_| Notify::new()).collect(),
            members: Vec::new(),
        }
    }

    /// How many dials a second the pool may make in the long run, from all its sources.
    pub(super) fn per_second(&self) -> u32 {
        self.per_second
    }

    /// The pool dials no more, and leaves the line of its host.
    pub(super) fn leave_host(&self) {
        self.members.iter().for_each(Member::leave_all);
    }

    /// The pool among those of its host, as that slot connects.
    fn member(&self, slot: SlotIndex) -> Option<&Member> {
        let source = slot.checked_rem(self.members.len() as u32)?;
        Some(&self.members[source as usize])
    }

    /// Tells the state machine what happened, or asks it, and wakes the slots that then go on.
    pub(super) fn tell<T>(&self, what: impl FnOnce(&mut Healing) -> T) -> T {
        let mut healing = self.healing.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = what(&mut healing);
        while let Some(slot) = healing.next_wake() {
            self.wakes[slot as usize].notify_one();
        }
        answer
    }
}

impl Pool {
    /// The record of the address that a connection goes to; `None` over a Unix socket, and if no
    /// durations are counted.
    pub(super) fn address_record(
        &self,
        path: &Path,
    ) -> Result<Option<Arc<AddressRecord>>, DialError> {
        let (Some(records), Some(peer)) = (&self.dialling.records, path.peer) else {
            return Ok(None);
        };
        records.obtain(peer.ip()).map(Some).map_err(DialError::of_system("histograms"))
    }

    /// Waits until the dial of the slot begins. Gives its place among the connections of the host,
    /// if those are limited. `no_place` is called once if there is none for a slot that has no
    /// connection.
    pub(super) async fn await_dial(
        &self,
        slot: &Slot,
        no_place: impl FnOnce(DialError),
    ) -> Option<HostPlace> {
        let dials = &self.dialling.dials;
        let woken = &dials.wakes[slot.index as usize];
        let mut no_place = Some(no_place);
        loop {
            let (pause, now) = (self.pause_of_slot(slot.index), now_ns());
            match dials.tell(|healing| healing.next(slot.index, &pause, now)) {
                // It was granted with the dial.
                Next::Dial => return dials.member(slot.index).map(Member::place),
                // The pause has changed, perhaps before the slot could be woken for that.
                Next::At(_) if self.pause_of_slot(slot.index) != pause => {}
                Next::At(ns) => {
                    let sleep = Duration::from_nanos(ns.saturating_sub(now));
                    tokio::select! {
                        () = tokio::time::sleep(sleep) => {}
                        () = woken.notified() => {}
                    }
                }
                Next::WhenWoken => woken.notified().await,
                Next::NoPlace => {
                    if let (Some(tell), Some(member)) = (no_place.take(), dials.member(slot.index))
                    {
                        tell(member.no_place());
                    }
                    woken.notified().await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::config::Config;
    use crate::pool::pause::Scope;

    const SLOTS: u64 = 1_000;

    /// A pool whose thread was never started: only the test dials.
    fn pool(per_second: u32) -> Arc<Pool> {
        let mut config = Config::default();
        config.set_url(b"http://127.0.0.1:1").unwrap();
        config.set_connections(SLOTS as usize).unwrap();
        config.set_dials_per_second(per_second).unwrap();
        config.suspend_on(503, 0, true).unwrap();
        Arc::new(Pool::new(&config).unwrap())
    }

    /// All slots ask for their dial at once. Answers how often one of them was woken, and the order
    /// in which they dialled, as far as that came within the patience.
    fn all_ask(pool: &Arc<Pool>, patience: Duration, then: impl FnOnce(&Pool)) -> (u64, Vec<u64>) {
        let (wakes, order) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for index in 0..SLOTS {
                let (pool, wakes, order) =
                    (Arc::clone(pool), Arc::clone(&wakes), Arc::clone(&order));
                tokio::spawn(async move {
                    let slot = &pool.slots[index as usize];
                    pool.dialling.dials.tell(|healing| healing.begin(slot.index, now_ns(), 0));
                    let mut permit = pin!(pool.await_dial(slot, |_| {}));
                    poll_fn(|context| {
                        wakes.fetch_add(1, Ordering::Relaxed);
                        permit.as_mut().poll(context)
                    })
                    .await;
                    order.lock().unwrap().push(index);
                });
            }
            tokio::time::sleep(patience / 2).await;
            then(pool);
            tokio::time::sleep(patience / 2).await;
        });
        let order = order.lock().unwrap().clone();
        (wakes.load(Ordering::Relaxed), order)
    }

    #[test]
    fn a_thousand_slots_wait_for_the_end_of_a_pause_without_waking() {
        let pool = pool(5);
        pool.begin_pause(Scope::Pool, 60_000_000_000, true);
        let (wakes, order) = all_ask(&pool, Duration::from_millis(400), |_| {});
        assert!(order.is_empty(), "{order:?}");
        assert_eq!(wakes, SLOTS, "each has asked once");
        let until_ns = pool.suspended_until_ns();
        for slot in pool.slot_healths() {
            assert!(slot.next_dial_ns >= until_ns, "{slot:?}");
        }
    }

    #[test]
    fn the_end_of_a_pause_before_its_time_lets_all_in_that_the_limit_allows() {
        let pool = pool(5);
        pool.begin_pause(Scope::Pool, 60_000_000_000, true);
        let begun_ns = now_ns();
        let (wakes, order) = all_ask(&pool, Duration::from_secs(2), |pool| pool.suspend(0));
        assert!(now_ns() < begun_ns + 30_000_000_000, "not by the end of the pause itself");
        assert_eq!(order, (0..SLOTS).collect::<Vec<_>>(), "a burst of all, in their order");
        assert_eq!(wakes, 2 * SLOTS);
    }

    #[test]
    fn slots_that_wait_for_the_limit_wake_one_after_the_other() {
        let pool = pool(100);
        let pause = pool.pause_of_slot(0);
        let dial = |healing: &mut Healing| {
            healing.begin(0, 0, 0);
            healing.next(0, &pause, now_ns()) == Next::Dial
        };
        while pool.dialling.dials.tell(dial) {}
        let (wakes, order) = all_ask(&pool, Duration::from_millis(400), |_| {});
        assert!((1..SLOTS / 2).contains(&(order.len() as u64)), "{} let in", order.len());
        assert!(order.is_sorted());
        // Each that was let in woke when it became the first, and when its time came.
        assert!(wakes <= SLOTS + 3 * (order.len() as u64 + 1), "{wakes} for {}", order.len());
    }
}
