//! The life of a slot: dial, install, drive until the connection is gone, dial again.
//!
//! One task per slot on the pool thread. It waits for the socket, for news from other threads, or
//! for the end of the pool, and each time lets the slot do what it can ([`Slot::drive`]).

use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Pool;
use super::clock::now_ns;
use super::slot::{Slot, Turn};
use crate::error::{CloseReason, Status};
use crate::net::connect::DialError;
use crate::net::connection::Connection;
use crate::net::watch::{Watch, watch};
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
    while let Some((connection, socket)) = heal(&pool, &mut backoff, &mut ending, &mut report).await
    {
        let epoch = slot.install(connection, &pool.shelf);
        pool.stats.connected.add();
        let grant = pool.roster().came_up(slot.index, epoch);
        pool.carry_out(grant);
        if let Some(report) = report.take() {
            // Nobody listens any more when another slot's failure has ended the opening.
            let _ = report.send(Ok(()));
        }
        let (reason, lifetime_ns) =
            serve(&pool, slot, epoch, &socket, &mut ending, &mut backoff).await;
        backoff.lived(lifetime_ns);
        pool.stats.closed(reason);
    }
}

/// Dials until there is a live connection, or until the pool ends.
async fn heal(
    pool: &Pool,
    backoff: &mut Backoff,
    ending: &mut watch::Receiver<bool>,
    report: &mut Option<Report>,
) -> Option<(Connection, Watch)> {
    loop {
        let delay = Duration::from_nanos(backoff.next_delay(fastrand::u64(..)));
        let attempt = async {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            pool.await_dial_permit().await;
            pool.stats.dials.add();
            let connection = pool.dialer.dial().await?;
            let socket = watch_socket(&connection)?;
            Ok((connection, socket))
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

/// Registers the socket with the runtime.
fn watch_socket(connection: &Connection) -> Result<Watch, DialError> {
    watch(connection).map_err(|error| DialError {
        step: Status::ERR_SYSTEM,
        os_error: error.raw_os_error().unwrap_or(0),
        text: format!("watch the socket: {error}"),
    })
}

/// Drives a live connection until it is gone; answers why, and how long it lived (ns).
async fn serve(
    pool: &Pool,
    slot: &Slot,
    epoch: u32,
    socket: &Watch,
    ending: &mut watch::Receiver<bool>,
    backoff: &mut Backoff,
) -> (CloseReason, u64) {
    let mut ending_seen = false;
    loop {
        let turn = slot.drive(pool.setting());
        if turn.ended.as_ref().is_some_and(|ended| ended.completion.response.is_some()) {
            backoff.proven();
        }
        let (wants_write, gone) = (turn.wants_write, turn.gone);
        pool.settle(slot, epoch, turn);
        if let Some(gone) = gone {
            return gone;
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

impl Pool {
    /// Tells the roster what a turn came to, delivers the completion, serves who waits.
    fn settle(&self, slot: &Slot, epoch: u32, turn: Turn) {
        if turn.gone.is_some() {
            self.roster().went_down(slot.index, epoch);
        }
        let Some(ended) = turn.ended else { return };
        // First the slot, so that a callback finds it free; then the answer; then who waits,
        // because sending for them takes longer than either.
        let grant = self.roster().finished(slot.index);
        self.deliver(ended);
        self.carry_out(grant);
    }

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
