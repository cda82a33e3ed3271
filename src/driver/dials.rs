//! When a dial may begin: after its delay, in no pause without connections, and within the dial
//! limit of the pool.
//!
//! Dials that are beyond their delay wait in one of two lines: slots without a connection in the
//! one, replacements of live connections in the other, because the first may take more of the
//! limit. Only the first of a line has a timer. So a thousand slots that wait cost no more than
//! one, and they go in the order in which they came.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex as Line, Notify};

use super::Pool;
use super::clock::now_ns;
use super::slot::Slot;
use crate::pool::dial_limit::DialLimit;
use crate::sync::Mutex;

/// What a dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The slot has no connection.
    Loss,
    /// The slot's connection is to be replaced, and serves meanwhile.
    Replacement,
}

/// The dials of a pool that wait for their permit.
pub(super) struct Dials {
    limit: Mutex<DialLimit>,
    per_second: u32,
    losses: Waiting,
    replacements: Waiting,
    /// A pause was ended before its time.
    resumed: Notify,
    /// Dials that have their permit and are not over.
    under_way: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    /// Had by the first of the line. It hands it on in the order of asking.
    first: Line<()>,
    count: AtomicU64,
}

/// One more of what is counted, until it is dropped.
pub(super) struct Place<'a>(&'a AtomicU64);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Dials {
    /// The limit of a pool of so many slots. `random` is uniform.
    pub(super) fn new(slots: u32, per_second: u32, random: u64) -> Self {
        Self {
            limit: Mutex::new(DialLimit::new(slots, per_second, random)),
            per_second,
            losses: Waiting::default(),
            replacements: Waiting::default(),
            resumed: Notify::new(),
            under_way: AtomicU64::new(0),
        }
    }

    /// A dial is under way until the answer is dropped.
    pub(super) fn begins(&self) -> Place<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Place(&self.under_way)
    }

    /// Whether any dial is under way.
    pub(super) fn are_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
    }

    /// How many dials a second the pool may make in the long run.
    pub(super) fn per_second(&self) -> u32 {
        self.per_second
    }

    /// A pause was ended before its time: whoever waits for its end looks again.
    pub(super) fn resume(&self) {
        self.resumed.notify_waiters();
    }

    fn waiting(&self, purpose: Purpose) -> &Waiting {
        match purpose {
            Purpose::Loss => &self.losses,
            Purpose::Replacement => &self.replacements,
        }
    }

    fn take(&self, purpose: Purpose, now: u64) -> Result<(), u64> {
        let mut limit = self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        match purpose {
            Purpose::Loss => limit.take(now),
            Purpose::Replacement => limit.take_for_replacement(now),
        }
    }

    fn interval_ns(&self) -> u64 {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner).interval_ns()
    }
}

impl Pool {
    /// Waits for `delay_ns`, and then until a dial may begin; the slot says meanwhile when that is,
    /// at the earliest.
    pub(super) async fn await_permit(&self, slot: &Slot, purpose: Purpose, delay_ns: u64) {
        // Also 0 is told: this dial may stand in for one that was to wait.
        let begins_ns = if delay_ns == 0 { 0 } else { now_ns().saturating_add(delay_ns) };
        slot.next_dial_ns.store(begins_ns, Ordering::Relaxed);
        if delay_ns != 0 {
            tokio::time::sleep(Duration::from_nanos(delay_ns)).await;
        }
        let waiting = self.dials.waiting(purpose);
        let ahead = waiting.count.fetch_add(1, Ordering::Relaxed);
        let _place = Place(&waiting.count);
        if ahead > 0 {
            let wait_ns = ahead.saturating_mul(self.dials.interval_ns());
            slot.next_dial_ns.store(now_ns().saturating_add(wait_ns), Ordering::Relaxed);
        }
        let _first = waiting.first.lock().await;
        loop {
            // Listens before it looks, so that no end of a pause is missed in between.
            let mut resumed = std::pin::pin!(self.dials.resumed.notified());
            resumed.as_mut().enable();
            let now = now_ns();
            let Err(wait_ns) = self.take_permit(purpose, now) else { break };
            slot.next_dial_ns.store(now.saturating_add(wait_ns), Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(Duration::from_nanos(wait_ns)) => {}
                () = resumed => {}
            }
        }
        slot.next_dial_ns.store(0, Ordering::Relaxed);
    }

    /// Allows one dial now, or answers how many nanoseconds to wait before asking again.
    fn take_permit(&self, purpose: Purpose, now: u64) -> Result<(), u64> {
        // First, because a permit that is taken in a pause would be lost.
        match self.no_dial_ns(now) {
            0 => self.dials.take(purpose, now),
            pause_ns => Err(pause_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;

    const SLOTS: u64 = 1_000;

    /// A pool whose thread was never started: nobody dials but the test.
    fn pool(per_second: u32) -> Arc<Pool> {
        let mut config = Config::default();
        config.set_url(b"http://127.0.0.1:1").unwrap();
        config.set_connections(SLOTS as usize).unwrap();
        config.set_dials_per_second(per_second).unwrap();
        config.suspend_on(503, 0, true).unwrap();
        Arc::new(Pool::new(&config).unwrap())
    }

    /// All slots ask for a permit at once. Answers how often one of them was woken, and the order
    /// in which they were let in, as far as that came within the patience.
    fn all_ask(pool: &Arc<Pool>, patience: Duration, then: impl FnOnce(&Pool)) -> (u64, Vec<u64>) {
        let (wakes, order) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for index in 0..SLOTS {
                let (pool, wakes, order) =
                    (Arc::clone(pool), Arc::clone(&wakes), Arc::clone(&order));
                tokio::spawn(async move {
                    let slot = &pool.slots[index as usize];
                    let mut permit = pin!(pool.await_permit(slot, Purpose::Loss, 0));
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
        pool.begin_pause(60_000_000_000, true);
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
        pool.begin_pause(60_000_000_000, true);
        let begun_ns = now_ns();
        let (wakes, order) = all_ask(&pool, Duration::from_secs(2), |pool| pool.suspend(0));
        assert!(now_ns() < begun_ns + 30_000_000_000, "not by the end of the pause itself");
        assert_eq!(order, (0..SLOTS).collect::<Vec<_>>(), "a burst of all, in their order");
        assert_eq!(wakes, 2 * SLOTS);
    }

    #[test]
    fn slots_that_wait_for_the_limit_wake_one_after_the_other() {
        let pool = pool(100);
        while pool.dials.take(Purpose::Loss, now_ns()).is_ok() {}
        let (wakes, order) = all_ask(&pool, Duration::from_millis(400), |_| {});
        assert!((1..SLOTS / 2).contains(&(order.len() as u64)), "{} let in", order.len());
        assert!(order.is_sorted());
        // Each that was let in woke when it became the first, and when its time came.
        assert!(wakes <= SLOTS + 3 * (order.len() as u64 + 1), "{wakes} for {}", order.len());
    }
}
