//! The task of each slot: dial, install, drive until the connection is gone, dial again.
//!
//! One task per slot on the pool thread. It waits for the socket, for a wake from another thread,
//! or for the end of the pool, and each time lets the slot do what it can ([`Slot::drive`]). In
//! caller drive the engine does that, and the task only looks after the idle connection.
//!
//! It does what [`Healing`](crate::pool::healing::Healing) says of the dials: when one
//! begins, where its connection goes, and whether it goes on after a loss.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::clock::now_ns;
use crate::completion::queue::Taker;
use crate::driver::Pool;
use crate::error::{CloseReason, Status};
use crate::log::Level;
use crate::metrics::Kind;
use crate::net::connect::{DialError, Dialled};
use crate::net::connection::Connection;
use crate::net::dial_thread::DialThread;
use crate::net::path::Path;
use crate::net::probes;
use crate::net::watch::{Watch, watch, watch_set};
use crate::pool::connection_state::Loss;
use crate::pool::healing::{AfterLoss, Place};
use crate::pool::untold::UntoldTurns;
use crate::recorder::record::{What, Words};
use crate::slot::address_records::AddressRecord;
use crate::slot::{ConnectionEnd, Slot, Turn};
use crate::threads::guests;
use crate::threads::hosts::HostPlace;

thread_local! {
    /// Of this pool thread.
    static UNTOLD_TURNS: Cell<UntoldTurns> = const { Cell::new(UntoldTurns::none()) };
}

/// Takes the report of each slot's first dial.
pub(super) type Report = Sender<Result<(), DialError>>;

/// What a dial ends with.
struct Live {
    connection: Connection,
    path: Path,
    /// Of where it goes, if durations are counted.
    address: Option<Arc<AddressRecord>>,
    /// Its registration with the runtime, in thread drive.
    socket: Option<Watch>,
    /// Still to be told that there is a connection.
    report: Option<Report>,
}

/// The dials of a slot until one succeeds, and the waits between them.
/// What they end with is boxed: whoever waits for it among other things moves a pointer at each
/// turn and no more.
type Dial<'a> = Pin<Box<dyn Future<Output = Box<Live>> + Send + 'a>>;

/// What a slot waits for after a turn, besides its socket's becoming readable.
pub(super) struct Wants {
    /// Its socket to become writable.
    to_write: bool,
    /// Nothing: it has more to do, once the others had their turns.
    another_turn: bool,
    /// Nothing either: a connection was given up.
    has_loss: bool,
    /// Bytes of a response that the turn has received.
    received: usize,
}

/// Serves a slot until the pool ends. A panic in its task is a defect, but costs only the exchange
/// in flight: the slot is cleared and served anew.
pub(super) async fn run(
    pool: Arc<Pool>,
    dial_thread: Arc<DialThread>,
    index: usize,
    report: Report,
) {
    let mut report = Some(report);
    loop {
        let (its_pool, thread) = (Arc::clone(&pool), Arc::clone(&dial_thread));
        let task = dial_and_serve(its_pool, thread, index, report.take());
        if tokio::spawn(task).await.is_ok() {
            return;
        }
        pool.abandon(index);
    }
}

async fn dial_and_serve(
    pool: Arc<Pool>,
    dial_thread: Arc<DialThread>,
    index: usize,
    report: Option<Report>,
) {
    let slot = &pool.slots[index];
    let mut ending = pool.lifetime.ending.subscribe();
    pool.dialling.dials.tell(|healing| healing.begin(slot.index, now_ns(), fastrand::u64(..)));
    let mut task = SlotTask {
        pool: &pool,
        dial_thread: &dial_thread,
        slot,
        dial: None,
        socket: None,
        next_socket: None,
        lost_ns: None,
    };
    task.dial = Some(task.heal(report));
    loop {
        let live = tokio::select! {
            biased;
            _ = ending.wait_for(|ending| *ending) => return,
            live = finished(&mut task.dial) => live,
        };
        task.place(live);
        task.serve().await;
        // The runtime is not to watch what is gone.
        (task.socket, task.next_socket) = (None, None);
    }
}

/// What a slot's task holds.
struct SlotTask<'a> {
    pool: &'a Pool,
    dial_thread: &'a DialThread,
    slot: &'a Slot,
    dial: Option<Dial<'a>>,
    /// Of the connection that serves.
    socket: Option<Watch>,
    /// Of the connection that takes over when the other one has finished its exchange.
    next_socket: Option<Watch>,
    /// When the last connection was lost, if none has followed yet.
    lost_ns: Option<u64>,
}

impl<'a> SlotTask<'a> {
    /// Puts the connection of a dial where it belongs.
    fn place(&mut self, live: Box<Live>) {
        let live = *live;
        self.dial = None;
        let edges = &self.pool.dialling.edges;
        edges.dialled(self.slot.index, &live.path);
        self.slot.happened(|| What::Live(live.path));
        match self.pool.dialling.dials.tell(|healing| healing.dialled(self.slot.index)) {
            Place::Empty => {
                self.socket = live.socket;
                let (random, free_list) = (fastrand::u64(..), &self.pool.slots.free_list);
                self.slot.install(live.connection, live.address, random, free_list);
                edges.serves(self.slot.index);
                self.pool.slot_is_up(self.slot);
                if let Some(lost_ns) = self.lost_ns.take() {
                    self.pool.delivery.stats.heals.add();
                    let down_ns = now_ns().saturating_sub(lost_ns);
                    self.slot.record(Kind::Heal, down_ns);
                    probes::healed(
                        &self.pool.policy,
                        self.slot.index,
                        down_ns,
                        &self.pool.reporting.name,
                    );
                    self.pool.slots.heals[self.slot.index as usize].add();
                }
            }
            Place::Taken => {
                self.next_socket = live.socket;
                self.slot.replace(live.connection, live.address, fastrand::u64(..));
            }
        }
        if let Some(report) = live.report {
            // The report is not read when another slot's failure has ended the opening.
            let _ = report.send(Ok(()));
        }
    }

    /// Dials when it is time, and goes on until there is a live connection.
    fn heal(&self, mut report: Option<Report>) -> Dial<'a> {
        let (pool, dial_thread, slot) = (self.pool, self.dial_thread, self.slot);
        Box::pin(async move {
            loop {
                let place =
                    pool.await_dial(slot, |error| pool.has_no_place(slot, error, &mut report));
                let error = match dial(pool, dial_thread, slot, place.await).await {
                    Ok(live) => return Box::new(Live { report, ..live }),
                    Err(error) => error,
                };
                pool.dial_failed(slot, &error);
                if let Some(report) = report.take() {
                    let _ = report.send(Err(error));
                }
            }
        })
    }

    /// Drives, or in caller drive looks after, live connections until there is none. Then there is
    /// a dial that is to bring the next. The end of the pool wakes the slot, too.
    async fn serve(&mut self) {
        let (pool, slot) = (self.pool, self.slot);
        // It waits on over the turns: to begin and to end the waiting has a price, too.
        let mut woken = pin!(slot.wake.notified());
        loop {
            let turn = pool.next_turn().await;
            let wants = pool.take_turn(slot);
            turn.into_iter().for_each(|turn| turn.end(wants.received));
            pool.tell_in_time();
            while wants.has_loss
                && let Some((loss, end)) = slot.take_loss()
            {
                let after = pool.slot_lost(slot, &loss, &end);
                if after != AfterLoss::Replaced {
                    self.lost_ns = Some(now_ns());
                }
                match after {
                    AfterLoss::Replaced => {
                        self.socket = self.next_socket.take();
                        pool.delivery.stats.rotations.add();
                        pool.log(Level::Info, "connection", || {
                            let index = slot.index;
                            let text = format!("slot {index}: rotated, without a gap");
                            (text, vec![("slot", index.to_string())])
                        });
                        pool.dialling.edges.serves(slot.index);
                        pool.slot_is_up(slot);
                    }
                    AfterLoss::DialGoesOn => return,
                    AfterLoss::DialAnew => return self.dial = Some(self.heal(None)),
                }
            }
            tokio::select! {
                biased; // An order would be drawn by lot otherwise, at a price, each time.
                // What is read after readiness was cleared, and before it is announced again, was
                // there when the slot looked: it looks until the socket has nothing.
                () = readable(self.socket.as_ref()), if !wants.another_turn => {}
                () = writable(self.socket.as_ref()), if wants.to_write => {}
                () = woken.as_mut() => {
                    woken.set(slot.wake.notified());
                    if pool.wants_dial(slot) {
                        self.dial = Some(self.heal(None));
                    }
                }
                live = finished(&mut self.dial) => self.place(live),
                () = pool.let_others_go_first(), if wants.another_turn => {}
            }
        }
    }
}

/// A connection on its way from the dial thread. The pool may end before it is there: then it is
/// ended in good order, and not by the mere close of its socket.
struct UnderWay(Option<Dialled>);

impl UnderWay {
    /// It has arrived.
    fn take(mut self) -> Dialled {
        self.0.take().expect("it is there until it is taken")
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(dialled) = self.0.take() {
            dialled.connection.end();
        }
    }
}

/// One dial, on the dial thread; here only the live connection is registered.
async fn dial(
    pool: &Pool,
    dial_thread: &DialThread,
    slot: &Slot,
    place: Option<HostPlace>,
) -> Result<Live, DialError> {
    pool.delivery.stats.dials.add();
    slot.happened(|| What::Dials);
    pool.log(Level::Debug, "dial", || {
        (format!("slot {}: dials", slot.index), vec![("slot", slot.index.to_string())])
    });
    let (ways, index, prefault) = (pool.dialling.ways.clone(), slot.index, pool.policy.prefault);
    let dial = async move {
        let mut dialled = ways.dial(index).await?;
        place.into_iter().for_each(|place| dialled.connection.keep(Box::new(place)));
        if prefault {
            dialled.connection.touch();
        }
        Ok::<_, DialError>(UnderWay(Some(dialled)))
    };
    let dialled = dial_thread.run(dial).await;
    let dialled = dialled.map_err(DialError::of_system("dial thread"))??.take();
    let Dialled { connection, path } = dialled;
    let address = pool.address_record(&path)?;
    // 0: there was no such step.
    for (kind, ns) in [(Kind::Connect, path.connect_ns), (Kind::Handshake, path.handshake_ns)] {
        if ns > 0 {
            slot.record_dial(kind, ns, address.as_ref());
        }
    }
    let socket = pool.watch(slot, &connection)?;
    Ok(Live { connection, path, address, socket, report: None })
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
async fn finished(dial: &mut Option<Dial<'_>>) -> Box<Live> {
    match dial {
        Some(dial) => dial.await,
        None => pending().await,
    }
}

/// Caller drive: tells the slots' tasks of ended and reset connections. Data never wakes it.
pub(super) async fn watch_losses(pool: Arc<Pool>) {
    let Some(caller) = &pool.delivery.caller else { return };
    // Without a descriptor for it losses are still found at check-out.
    let Ok(losses) = watch_set(Arc::clone(&caller.losses)) else { return };
    while let Ok(mut ready) = losses.readable().await {
        ready.clear_ready();
        let tell = |slot| pool.slots[slot as usize].wake.notify_one();
        let _ = losses.get_ref().tell_all(tell);
    }
}

impl Pool {
    /// Makes the socket known to whoever drives: to the runtime, or in caller drive to the sets.
    fn watch(&self, slot: &Slot, connection: &Connection) -> Result<Option<Watch>, DialError> {
        let watched = match &self.delivery.caller {
            None => watch(connection).map(Some),
            Some(caller) => caller.add(connection.stream(), slot.index).map(|()| None),
        };
        watched.map_err(DialError::of_system("watch the socket"))
    }

    /// Lets the slot do what it can, as its task does at each wake-up.
    pub(super) fn take_turn(&self, slot: &Slot) -> Wants {
        let mut over = None;
        let turn = match self.delivery.caller {
            None => slot.drive(self.setting(), &mut over),
            Some(_) => slot.drive_unless_in_flight(self.setting(), &mut over),
        };
        let Turn { wants_write: to_write, unread: another_turn, has_loss, received, .. } = turn;
        let wants = Wants { to_write, another_turn, has_loss, received };
        self.after_turn(slot, &turn, &mut over, &mut Taker::none());
        wants
    }

    /// After each turn: tells of completions if that is due.
    fn tell_in_time(&self) {
        let mut turns = UNTOLD_TURNS.get();
        let is_due = turns.turn_is_over();
        UNTOLD_TURNS.set(turns);
        if is_due {
            self.tell_of_completions();
            guests::tell_of_all();
        }
    }

    /// Tells the engine of the completions of this thread's turns.
    pub(super) fn tell_of_completions(&self) {
        UNTOLD_TURNS.set(UntoldTurns::none());
        self.delivery.completions.ring();
    }

    /// Lets all other tasks do what they can, and look for what has come in for them, before this
    /// one goes on. The engine is told of what they have completed: that is done when the runtime
    /// goes to sleep, and as long as there is a task that goes on like this it does not.
    pub(super) async fn let_others_go_first(&self) {
        tokio::task::yield_now().await;
        self.tell_of_completions();
        guests::tell_of_all();
    }

    /// The slot has a new live connection.
    pub(super) fn slot_is_up(&self, slot: &Slot) {
        self.delivery.stats.connected.add();
        let (epoch, path) = (slot.epoch(), slot.path_number());
        let mut dispatcher = self.dispatcher();
        dispatcher.takes_path(slot.index, path);
        dispatcher.came_up(slot.index, epoch);
        self.dispatch(dispatcher);
        self.watches.maintenance.timer.rearm.notify_one();
        self.tell_up(slot.index);
        // Last, because a pause that begins after this look finds the connection here.
        let (pause, now) = (self.pause_of_slot(slot.index), now_ns());
        let retires = self.dialling.dials.tell(|healing| healing.came_up(slot.index, &pause, now));
        if let Some(reason) = retires {
            slot.retire(reason);
        }
    }

    /// Whether the slot is to dial for a replacement.
    fn wants_dial(&self, slot: &Slot) -> bool {
        let (now, random) = (now_ns(), fastrand::u64(..));
        slot.wants_replacement().is_some_and(|proof| {
            self.dialling.dials.tell(|it| it.replacement_wanted(slot.index, proof, now, random))
        })
    }

    /// A connection was given up. Answers what follows.
    pub(super) fn slot_lost(&self, slot: &Slot, loss: &Loss, end: &ConnectionEnd) -> AfterLoss {
        self.note_lost(slot, loss.reason, loss.lifetime_ns);
        let answered_ns = self.dispatcher().answered_ns();
        let (now, random) = (now_ns(), fastrand::u64(..));
        let after = self
            .dialling
            .dials
            .tell(|healing| healing.lost(slot.index, loss, answered_ns, now, random));
        if after != AfterLoss::Replaced {
            self.dialling.edges.lost(slot.index);
            // The thread that gave it up may not have told the dispatcher yet. The event below must
            // come after that. A second report changes nothing.
            let epoch = slot.epoch();
            self.dispatcher().went_down(slot.index, epoch);
        }
        if let Some(tls_error) = &end.tls_error
            && loss.is_failed_dial(true)
        {
            let host = &self.dialling.ways.dialer.host;
            let text = format!("TLS with {host} after the handshake: {tls_error}");
            self.note_dial_error(DialError { step: Status::ERR_TLS, os_error: 0, text });
        }
        self.tell_lost(slot.index, loss, end);
        after
    }

    /// The slot waits until another connection of its host ends. So does a pool that is opened
    /// degraded, and any other is not opened.
    fn has_no_place(&self, slot: &Slot, error: DialError, report: &mut Option<Report>) {
        self.note_dial_error(error.clone());
        self.tell_dial_failed(slot.index, &error, 0);
        if let Some(report) = report.take() {
            let _ = report.send(Err(error));
        }
    }

    fn note_lost(&self, slot: &Slot, reason: CloseReason, lifetime_ns: u64) {
        self.delivery.stats.closed(reason);
        probes::lost(&self.policy, slot.index, reason, lifetime_ns, &self.reporting.name);
    }

    fn note_dial_error(&self, error: DialError) {
        self.dialling.note_error(error);
    }

    fn dial_failed(&self, slot: &Slot, error: &DialError) {
        let (now, random) = (now_ns(), fastrand::u64(..));
        let next_ns =
            self.dialling.dials.tell(|healing| healing.dial_failed(slot.index, now, random));
        self.dialling.edges.dial_failed(slot.index);
        self.delivery.stats.dial_failed(error.step);
        let words = || Words::of(error.text.as_bytes());
        slot.happened(|| What::DialFailed { step: error.step, words: words() });
        self.note_dial_error(error.clone());
        self.tell_dial_failed(slot.index, error, next_ns);
    }

    /// Clears a slot whose task panicked.
    fn abandon(&self, index: usize) {
        let slot = &self.slots[index];
        let ended = slot.abandon();
        self.note_lost(slot, CloseReason::Internal, 0);
        self.dialling.edges.lost(slot.index);
        self.dialling.edges.dial_failed(slot.index);
        let epoch = slot.epoch();
        self.dispatcher().went_down(slot.index, epoch);
        if let Some(ended) = ended {
            self.slots.in_flight.remove(slot.index);
            self.dispatcher().finished(slot.index, None, 0);
            self.deliver(ended);
            self.dispatch(self.dispatcher());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// The peer has sent something already, as with session tickets. The mere close of a socket
    /// with unread bytes is a reset.
    #[test]
    fn a_connection_that_never_arrives_is_ended_in_good_order() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut peer = listener.accept().unwrap().0;
        peer.write_all(b"ticket").unwrap();
        assert_eq!(stream.peek(&mut [0; 6]).unwrap(), 6);
        stream.set_nonblocking(true).unwrap();
        let connection = Connection::plain(stream);
        let dialled = Dialled { connection, path: Path::default() };
        drop(UnderWay(Some(dialled)));
        assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0, "FIN, and no reset");
    }
}
