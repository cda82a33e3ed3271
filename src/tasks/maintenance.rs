//! Does the maintenance of live connections, so that the next order finds a good one.
//!
//! One task for all slots. It sleeps until the next [`Round`] is due, and looks at all slots then.
//! The slot's state says what its connection needs,
//! [`Heartbeats`](crate::pool::maintenance::Heartbeats) when a heartbeat may be sent. The slots'
//! tasks replace or retire; the heartbeats are sent here. Exchanges cost this task no wake-up: what
//! they change makes things later, but for limits that a response announces (the timer's `note`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::NEVER;
use crate::clock::now_ns;
use crate::completion::queue::Taker;
use crate::driver::Pool;
use crate::lane::Lane;
use crate::net::watch::watch_socket;
use crate::pool::admission;
use crate::pool::maintenance::{Rest, Round, Sending, send_heartbeat};
use crate::pool::slot::NoStart;
use crate::slot::Slot;
use crate::slot::heartbeat::NextBeat;
use crate::slot::in_flight::{Label, Outgoing, Payload, Pending, Recipient};
use crate::source::Source;

/// The task that looks after live connections, until it is dropped.
pub(super) async fn maintain(pool: Arc<Pool>) {
    let timer = &pool.watches.maintenance.timer;
    loop {
        let sources = pool.policy.sources.clamp(1, pool.slots());
        let mut round = Round::new(&pool.policy.rules, sources, now_ns());
        // Before the first look, so that what changes during the round is seen.
        timer.arm(round.due_ns());
        pool.look_at_all(&mut round);
        let due = round.due_ns();
        timer.arm(due);
        let sleep = Duration::from_nanos(due.saturating_sub(now_ns()));
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = timer.rearm.notified() => {}
        }
    }
}

impl Pool {
    /// How many dials a second the limits of the connections ask for while the engine sends
    /// nothing, rounded up, and how many the pool may make. Both by the source that needs most.
    pub fn dials_needed_and_allowed(&self) -> (u32, u32) {
        let needed = self.watches.maintenance.dials_needed.load(Ordering::Relaxed);
        (needed, self.dialling.dials.per_second())
    }

    /// Looks after all slots.
    fn look_at_all(self: &Arc<Self>, round: &mut Round) {
        for slot in self.slots.iter() {
            round.add(slot.index, self.maintain(slot));
        }
        let needed = round.dials_needed();
        if self.watches.maintenance.dials_needed.swap(needed, Ordering::Relaxed) != needed {
            self.tell_whether_dials_suffice(needed);
        }
    }

    /// Does what the connection of the slot needs, and answers when to look again.
    fn maintain(self: &Arc<Self>, slot: &Slot) -> Rest {
        let needs = slot.maintain(&self.policy, now_ns());
        match needs.heartbeat {
            true => needs.rest_after_heartbeat(self.send_heartbeat(slot)),
            false => needs.rest,
        }
    }

    /// Sends a heartbeat if one may be sent now, and answers when to look again.
    fn send_heartbeat(self: &Arc<Self>, slot: &Slot) -> u64 {
        let Some(beat) = self.watches.maintenance.next_heartbeat() else { return NEVER };
        send_heartbeat(&mut Beating { pool: self, slot, beat, deadline_ns: NEVER })
    }
}

/// A heartbeat that is sent on a slot.
struct Beating<'a> {
    pool: &'a Arc<Pool>,
    slot: &'a Slot,
    beat: NextBeat,
    /// Of the exchange, once it has begun.
    deadline_ns: u64,
}

impl Sending for Beating<'_> {
    type NotSent = NoStart;

    fn begin(&mut self) -> Result<(), u64> {
        let pause = self.pool.pause_of_slot(self.slot.index);
        self.pool.watches.maintenance.limit().begin(&pause, now_ns())
    }

    fn take_slot(&mut self) -> bool {
        self.pool.dispatcher().heartbeat(self.slot.index, now_ns())
    }

    fn put_off(&mut self) -> u64 {
        self.pool.watches.maintenance.limit().put_off(now_ns())
    }

    fn start(&mut self) -> Result<(), NoStart> {
        let (id, user_data, submit_ns, source) = (0, 0, now_ns(), Source::ANY);
        let deadline_ns = admission::deadline_after_ns(submit_ns, self.beat.timeout_ns);
        self.deadline_ns = deadline_ns;
        let (recipient, lane) = (Recipient::Heartbeat, Lane::Background);
        let pending = Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source };
        let (payload, label) = (Payload::Ready(&self.beat.bytes), Label::NONE);
        let mut outgoing = Outgoing { payload, is_head: self.beat.is_head, closes: false, label };
        let started = self.slot.start(pending, &mut outgoing, &self.pool.policy);
        started.map(|_| ()).map_err(|not_started| not_started.why)
    }

    fn listen(&mut self) {
        self.pool.delivery.stats.heartbeats.add();
        let (pool, index) = (Arc::clone(self.pool), self.slot.index as usize);
        tokio::spawn(listen(pool, index, self.deadline_ns));
    }

    fn ended(&mut self) {
        self.pool.watches.maintenance.limit().ended();
    }

    fn give_back(&mut self, why: NoStart) {
        let mut dispatcher = self.pool.dispatcher();
        dispatcher.start_failed(self.slot.index, why);
        self.pool.dispatch(dispatcher);
    }
}

/// Sees to it that somebody looks for the answer of a heartbeat. In thread drive the slot's task
/// does, and is only told of the deadline. In caller drive the engine may not be driving, so
/// it is done here; when the engine's thread comes first, that is as good.
async fn listen(pool: Arc<Pool>, index: usize, deadline_ns: u64) {
    let slot = &pool.slots[index];
    let is_over = || !slot.has_heartbeat();
    let socket = match &pool.delivery.caller {
        Some(_) => slot.socket().and_then(|stream| watch_socket(stream).ok()),
        None => None,
    };
    let mut unread = false;
    // Asked before each wait: a socket that is watched for nothing cannot be watched for another
    // reason, and stays open.
    while !is_over() {
        let left = Duration::from_nanos(deadline_ns.saturating_sub(now_ns()));
        match &socket {
            _ if unread => pool.let_others_go_first().await,
            None => tokio::time::sleep(left).await,
            Some(socket) => {
                if let Ok(Ok(mut ready)) = tokio::time::timeout(left, socket.readable()).await {
                    ready.clear_ready();
                }
            }
        }
        if is_over() {
            return;
        }
        if pool.delivery.caller.is_none() {
            slot.wake.notify_one();
            return;
        }
        let permit = pool.next_turn().await;
        let mut over = None;
        let turn = slot.drive(pool.setting(), &mut over);
        let received = turn.received;
        unread = turn.unread;
        pool.after_turn(slot, &turn, &mut over, &mut Taker::none());
        permit.into_iter().for_each(|permit| permit.end(received));
    }
}
