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
use crate::pool::maintenance::{Rest, Round};
use crate::slot::Slot;
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
        let pause = self.pause_of_slot(slot.index);
        if let Err(again_ns) = self.watches.maintenance.limit().begin(&pause, now_ns()) {
            return again_ns;
        }
        if !self.dispatcher().heartbeat(slot.index, now_ns()) {
            return self.watches.maintenance.limit().put_off(now_ns());
        }
        let now = now_ns();
        let deadline_ns = now.saturating_add(beat.timeout_ns);
        let recipient = Recipient::Heartbeat;
        let lane = Lane::Background;
        let (id, user_data, submit_ns, source) = (0, 0, now, Source::ANY);
        let pending = Pending { id, user_data, recipient, submit_ns, deadline_ns, lane, source };
        let (payload, label) = (Payload::Ready(&beat.bytes), Label::NONE);
        let mut outgoing = Outgoing { payload, is_head: beat.is_head, closes: false, label };
        match slot.start(pending, &mut outgoing, &self.policy) {
            Ok(_) => {
                self.delivery.stats.heartbeats.add();
                tokio::spawn(listen(Arc::clone(self), slot.index as usize, deadline_ns));
            }
            Err(not_started) => {
                self.watches.maintenance.limit().ended();
                let mut dispatcher = self.dispatcher();
                dispatcher.start_failed(slot.index, not_started.why);
                self.dispatch(dispatcher);
            }
        }
        NEVER
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
