//! The life of a slot: dial, install, drive until the connection is gone, dial again.
//!
//! One task per slot on the pool thread. It waits for the socket, for news from other threads, or
//! for the end of the pool, and each time lets the slot do what it can ([`Slot::drive`]). In caller
//! drive the engine does that, and the task only looks after the idle connection.

use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Pool;
use super::clock::now_ns;
use super::slot::{Loss, Slot};
use super::thread::system;
use crate::error::CloseReason;
use crate::net::connect::DialError;
use crate::net::connection::Connection;
use crate::net::watch::{Watch, watch, watch_set};
use crate::pool::backoff::Backoff;

/// Takes the report of each slot's first dial.
pub(super) type Report = Sender<Result<(), DialError>>;

/// Tends a slot until the pool ends. A panic in its task is a defect, but costs only the exchange
/// in flight: the slot is cleared and tended anew.
pub(super) async fn tend_forever(pool: Arc<Pool>, index: usize, report: Report) {
    let mut report = Some(report);
    loop {
        let task = tokio::spawn(tend(Arc::clone(&pool), index, report.take()));
        if task.await.is_ok() {
            return;
        }
        pool.abandon(index);
    }
}

async fn tend(pool: Arc<Pool>, index: usize, mut report: Option<Report>) {
    let slot = &pool.slots[index];
    let mut ending = pool.ending.subscribe();
    let mut backoff = Backoff::new(pool.backoff);
    while let Some((connection, watch)) =
        heal(&pool, slot, &mut backoff, &mut ending, &mut report).await
    {
        let epoch = slot.install(connection, &pool.shelf);
        pool.stats.connected.add();
        let grant = pool.roster().came_up(slot.index, epoch);
        pool.carry_out(grant);
        if let Some(report) = report.take() {
            // Nobody listens any more when another slot's failure has ended the opening.
            let _ = report.send(Ok(()));
        }
        let loss = match watch {
            Some(socket) => serve(&pool, slot, &socket, &mut ending).await,
            None => stand_by(&pool, slot, &mut ending).await,
        };
        pool.stats.closed(loss.reason);
        backoff.lived(loss.lifetime_ns);
        // What the engine itself cut short says nothing against the venue.
        if loss.answered || loss.reason == CloseReason::Cancelled {
            backoff.proven();
        }
    }
}

/// Dials until there is a live connection, or until the pool ends.
async fn heal(
    pool: &Pool,
    slot: &Slot,
    backoff: &mut Backoff,
    ending: &mut watch::Receiver<bool>,
    report: &mut Option<Report>,
) -> Option<(Connection, Option<Watch>)> {
    loop {
        let delay = Duration::from_nanos(backoff.next_delay(fastrand::u64(..)));
        let attempt = async {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            pool.await_dial_permit().await;
            pool.stats.dials.add();
            let connection = pool.dialer.dial().await?;
            let watch = pool.watch(slot, &connection)?;
            Ok((connection, watch))
        };
        let result: Result<_, DialError> = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => return None,
            result = attempt => result,
        };
        match result {
            Ok(live) => return Some(live),
            Err(error) => {
                pool.stats.dial_failed(error.step);
                *pool.last_dial_error.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(error.clone());
                if let Some(report) = report.take() {
                    let _ = report.send(Err(error));
                }
            }
        }
    }
}

impl Pool {
    /// Makes the socket known to whoever drives: to the runtime, or in caller drive to the sets.
    fn watch(&self, slot: &Slot, connection: &Connection) -> Result<Option<Watch>, DialError> {
        let watched = match &self.caller {
            None => watch(connection).map(Some),
            Some(caller) => caller.add(connection.stream(), slot.index).map(|()| None),
        };
        watched.map_err(system("watch the socket"))
    }
}

/// Thread drive: drives a live connection until it is gone.
async fn serve(
    pool: &Pool,
    slot: &Slot,
    socket: &Watch,
    ending: &mut watch::Receiver<bool>,
) -> Loss {
    let mut ending_seen = false;
    loop {
        let turn = slot.drive(pool.setting());
        let wants_write = turn.wants_write;
        pool.settle(slot, turn);
        if let Some(loss) = slot.take_loss() {
            return loss;
        }
        tokio::select! {
            // What is read after readiness was cleared, and before it is announced again, was there
            // when the slot looked: it looks until the socket has nothing.
            ready = socket.readable() => {
                if let Ok(mut ready) = ready { ready.clear_ready() }
            }
            ready = socket.writable(), if wants_write => {
                if let Ok(mut ready) = ready { ready.clear_ready() }
            }
            () = slot.news.notified() => {}
            _ = ending.wait_for(|ending| *ending), if !ending_seen => ending_seen = true,
        }
    }
}

/// Caller drive: looks after a live connection while nothing is in flight on it.
async fn stand_by(pool: &Pool, slot: &Slot, ending: &mut watch::Receiver<bool>) -> Loss {
    let mut ending_seen = false;
    loop {
        let turn = slot.drive_unless_in_flight(pool.setting());
        pool.settle(slot, turn);
        if let Some(loss) = slot.take_loss() {
            return loss;
        }
        tokio::select! {
            () = slot.news.notified() => {}
            _ = ending.wait_for(|ending| *ending), if !ending_seen => ending_seen = true,
        }
    }
}

/// Caller drive: tells the slots' tasks of ended and reset connections. Data never wakes it.
pub(super) async fn watch_losses(pool: Arc<Pool>) {
    let Some(caller) = &pool.caller else { return };
    // Without a descriptor for it losses are still found at check-out.
    let Ok(losses) = watch_set(Arc::clone(&caller.losses)) else { return };
    while let Ok(mut ready) = losses.readable().await {
        ready.clear_ready();
        let tell = |slot| pool.slots[slot as usize].news.notify_one();
        let _ = losses.get_ref().wait(Some(Duration::ZERO), tell);
    }
}

impl Pool {
    /// Clears a slot whose task panicked.
    fn abandon(&self, index: usize) {
        let slot = &self.slots[index];
        let ended = slot.abandon();
        self.stats.closed(CloseReason::Internal);
        self.roster().went_down(slot.index, slot.epoch());
        if let Some(ended) = ended {
            let grant = self.roster().finished(slot.index);
            self.deliver(ended);
            self.carry_out(grant);
        }
    }

    /// Waits until the dial limit allows one more dial.
    async fn await_dial_permit(&self) {
        loop {
            let permit =
                self.dial_limit.lock().unwrap_or_else(PoisonError::into_inner).take(now_ns());
            match permit {
                Ok(()) => return,
                Err(wait_ns) => tokio::time::sleep(Duration::from_nanos(wait_ns)).await,
            }
        }
    }
}
