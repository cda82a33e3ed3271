//! The life of a slot: dial, install, drive until the connection is gone, dial again.
//!
//! One task per slot on the pool thread. It waits for the socket, for news from other threads, or
//! for the end of the pool, and each time lets the slot do what it can ([`Slot::drive`]). In caller
//! drive the engine does that, and the task only looks after the idle connection.
//!
//! A slot has one dial at a time. It is begun when the connection is lost, or before, when upkeep
//! wants a replacement: then the old connection serves until the new one is live. A replacement
//! whose dial still waits when the old connection is lost is dialled anew, by the rule of
//! [`Backoff`](crate::pool::backoff::Backoff) for losses.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};

use super::Pool;
use super::clock::now_ns;
use super::dials::Purpose;
use super::slot::Slot;
use super::thread::system;
use crate::error::{CloseReason, Status};
use crate::net::connect::DialError;
use crate::net::connection::Connection;
use crate::net::watch::{Watch, watch, watch_set};
use crate::pool::tenure::Loss;

/// The runtime tells of completions when it goes to sleep. With many busy slots it never does, so
/// they are also told of after so many turns. More turns would be a longer delay, fewer would wake
/// the engine more often for the same completions.
const MAX_UNTOLD_TURNS: u32 = 16;

thread_local! {
    /// The turns that this pool thread has given since it last told of completions.
    static UNTOLD_TURNS: Cell<u32> = const { Cell::new(0) };
}

/// Takes the report of each slot's first dial.
pub(super) type Report = Sender<Result<(), DialError>>;

/// What a dial ends with.
struct Live {
    connection: Connection,
    /// The runtime's eye on it, in thread drive.
    socket: Option<Watch>,
    /// Still to be told that there is a connection.
    report: Option<Report>,
}

/// A dial under way, with all its attempts. It ends with a live connection.
type Dial<'a> = Pin<Box<dyn Future<Output = Live> + Send + 'a>>;

/// What a slot waits for after a turn, besides its socket's becoming readable.
pub(super) struct Wants {
    /// Its socket to become writable.
    to_write: bool,
    /// Nothing: it has more to do, once the others had their turns.
    another_turn: bool,
}

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

async fn tend(pool: Arc<Pool>, index: usize, report: Option<Report>) {
    let slot = &pool.slots[index];
    let mut ending = pool.ending.subscribe();
    let mut dial = heal(&pool, slot, Purpose::Loss, report);
    loop {
        let live = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => return,
            live = &mut dial => live,
        };
        slot.install(live.connection, fastrand::u64(..), &pool.shelf);
        pool.slot_is_up(slot);
        if let Some(report) = live.report {
            // Nobody listens any more when another slot's failure has ended the opening.
            let _ = report.send(Ok(()));
        }
        dial = serve(&pool, slot, live.socket).await;
    }
}

/// Begins to dial, and goes on until there is a live connection.
fn heal<'a>(
    pool: &'a Pool,
    slot: &'a Slot,
    purpose: Purpose,
    mut report: Option<Report>,
) -> Dial<'a> {
    Box::pin(async move {
        let mut delay_ns = slot.backoff().next_delay(fastrand::u64(..));
        loop {
            let error = match attempt(pool, slot, purpose, delay_ns).await {
                Ok((connection, socket)) => return Live { connection, socket, report },
                Err(error) => error,
            };
            delay_ns = slot.backoff().next_delay(fastrand::u64(..));
            pool.dial_failed(slot, &error, now_ns().saturating_add(delay_ns));
            if let Some(report) = report.take() {
                let _ = report.send(Err(error));
            }
        }
    })
}

/// One attempt to dial, after `delay_ns`.
async fn attempt(
    pool: &Pool,
    slot: &Slot,
    purpose: Purpose,
    delay_ns: u64,
) -> Result<(Connection, Option<Watch>), DialError> {
    pool.await_permit(slot, purpose, delay_ns).await;
    slot.backoff().begins();
    pool.stats.dials.add();
    let _under_way = pool.dials.begins();
    let connection = pool.dialer.dial().await?;
    let socket = pool.watch(slot, &connection)?;
    Ok((connection, socket))
}

/// Drives, or in caller drive looks after, live connections until there is none, and answers the
/// dial that is to bring the next. The end of the pool is news of the slot, too.
async fn serve<'a>(pool: &'a Pool, slot: &'a Slot, mut socket: Option<Watch>) -> Dial<'a> {
    // A replacement: first it is dialled, then it waits for the old one to finish its exchange.
    let mut dial: Option<Dial<'a>> = None;
    let mut next_socket = None;
    loop {
        let wants = pool.take_turn(slot);
        pool.tell_in_time();
        while let Some((loss, words)) = slot.take_loss() {
            pool.slot_lost(slot, &loss, words.as_deref());
            if !loss.replaced {
                // Before it has begun, all that is dropped with it is its wait.
                let begun = dial.filter(|_| slot.backoff().has_begun());
                return begun.unwrap_or_else(|| heal(pool, slot, Purpose::Loss, None));
            }
            socket = next_socket.take();
            pool.slot_is_up(slot);
        }
        tokio::select! {
            biased; // An order would be drawn by lot otherwise, at a price, each time.
            // What is read after readiness was cleared, and before it is announced again, was there
            // when the slot looked: it looks until the socket has nothing.
            () = readable(socket.as_ref()), if !wants.another_turn => {}
            () = writable(socket.as_ref()), if wants.to_write => {}
            () = slot.news.notified() => {
                if dial.is_none() && let Some(proof) = slot.wants_replacement() {
                    slot.backoff().replaces(proof);
                    dial = Some(heal(pool, slot, Purpose::Replacement, None));
                }
            }
            live = finished(&mut dial) => {
                dial = None;
                next_socket = live.socket;
                slot.replace(live.connection, fastrand::u64(..));
            }
            () = pool.let_others_go_first(), if wants.another_turn => {}
        }
    }
}

/// Waits until the socket is readable, and clears that; without a socket for ever.
async fn readable(socket: Option<&Watch>) {
    match socket {
        Some(socket) => {
            // One task waits for this socket, so its waker can stay where the socket keeps it.
            if let Ok(mut ready) = poll_fn(|context| socket.poll_read_ready(context)).await {
                ready.clear_ready();
            }
        }
        None => pending().await,
    }
}

/// Waits until the socket is writable, and clears that; without a socket for ever.
async fn writable(socket: Option<&Watch>) {
    match socket {
        Some(socket) => {
            if let Ok(mut ready) = poll_fn(|context| socket.poll_write_ready(context)).await {
                ready.clear_ready();
            }
        }
        None => pending().await,
    }
}

/// Waits for the end of the dial; without one for ever.
async fn finished(dial: &mut Option<Dial<'_>>) -> Live {
    match dial {
        Some(dial) => dial.await,
        None => pending().await,
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
        let _ = losses.get_ref().tell_all(tell);
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

    /// Lets the slot do what it can, as its task does at each wake-up.
    pub(super) fn take_turn(&self, slot: &Slot) -> Wants {
        let turn = match self.caller {
            None => slot.drive(self.setting()),
            Some(_) => slot.drive_unless_in_flight(self.setting()),
        };
        let wants = Wants { to_write: turn.wants_write, another_turn: turn.unread };
        self.settle(slot, turn);
        wants
    }

    /// After each turn: tells of completions if that is due.
    fn tell_in_time(&self) {
        let turns = UNTOLD_TURNS.get() + 1;
        UNTOLD_TURNS.set(turns);
        if turns == MAX_UNTOLD_TURNS {
            self.tell_of_completions();
        }
    }

    /// Tells the engine of the completions of this thread's turns.
    pub(super) fn tell_of_completions(&self) {
        UNTOLD_TURNS.set(0);
        self.completions.ring();
    }

    /// Lets all other tasks do what they can, and look for what has come in for them, before this
    /// one goes on. The engine is told of what they have completed: that is done when the runtime
    /// goes to sleep, and as long as there is a task that goes on like this it does not.
    pub(super) async fn let_others_go_first(&self) {
        tokio::task::yield_now().await;
        self.tell_of_completions();
    }

    /// The slot has a new live connection.
    pub(super) fn slot_is_up(&self, slot: &Slot) {
        self.stats.connected.add();
        slot.backoff().came_up();
        let epoch = slot.epoch();
        let mut dispatcher = self.dispatcher();
        dispatcher.came_up(slot.index, epoch);
        self.dispatch(dispatcher);
        self.beats.alarm.rearm.notify_one();
        self.tell_up(slot.index);
        if self.no_dial_ns(now_ns()) != 0 {
            // The pause began while this one was dialled.
            slot.retire(CloseReason::Suspended);
        }
    }

    /// A connection was given up; what it did says whether to hurry with the next. `words`: what
    /// ended its TLS session.
    pub(super) fn slot_lost(&self, slot: &Slot, loss: &Loss, words: Option<&str>) {
        self.stats.closed(loss.reason);
        let answered_ns = self.dispatcher().answered_ns();
        slot.backoff().lost(loss, answered_ns);
        if !loss.replaced {
            // Who gave it up may not have come to saying so, and what is told must be so. Said
            // twice it does no harm.
            let epoch = slot.epoch();
            self.dispatcher().went_down(slot.index, epoch);
        }
        if let Some(words) = words
            && !loss.answered
        {
            // In TLS 1.3 the peer judges the client's certificate when the handshake is over here.
            let text = format!("TLS with {} after the handshake: {words}", self.dialer.host);
            self.note_dial_error(DialError { step: Status::ERR_TLS, os_error: 0, text });
        }
        self.tell_lost(slot.index, loss, words);
    }

    fn note_dial_error(&self, error: DialError) {
        *self.last_dial_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn dial_failed(&self, slot: &Slot, error: &DialError, next_ns: u64) {
        self.stats.dial_failed(error.step);
        self.note_dial_error(error.clone());
        self.tell_dial_failed(slot.index, error, next_ns);
    }

    /// Clears a slot whose task panicked.
    fn abandon(&self, index: usize) {
        let slot = &self.slots[index];
        let ended = slot.abandon();
        self.stats.closed(CloseReason::Internal);
        let epoch = slot.epoch();
        self.dispatcher().went_down(slot.index, epoch);
        if let Some(ended) = ended {
            self.flights.remove(slot.index);
            self.dispatcher().finished(slot.index, None, 0);
            self.deliver(ended);
            self.dispatch(self.dispatcher());
        }
    }
}
