//! Waits until the dial of a slot begins: as long as [`Healing`](crate::pool::healing::Healing)
//! says, or until the slot is woken.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::now_ns;
use crate::driver::Pool;
use crate::net::connect::DialError;
use crate::net::path::Path;
use crate::pool::healing::Next;
use crate::slot::Slot;
use crate::slot::address_records::AddressRecord;
use crate::threads::hosts::{HostPlace, Member};

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
            let next = dials.tell(|healing| healing.next(slot.index, &pause, now));
            if next.is_outdated(&pause, || self.pause_of_slot(slot.index)) {
                continue;
            }
            match next {
                // It was granted with the dial.
                Next::Dial => return dials.member(slot.index).map(Member::place),
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
    use crate::pool::healing::Healing;
    use crate::pool::pause::Scope;
    use crate::sync::Mutex;

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
