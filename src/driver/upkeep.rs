//! Upkeep: looks after live connections in time, so that the next order finds a good one.
//!
//! One task for all slots. It sleeps until the earliest moment at which any connection may need
//! something ([`Upkeep`](crate::pool::upkeep::Upkeep) says what), tells the slots' tasks to replace
//! or retire, and sends the heartbeats itself. Exchanges cost it no wake-up: what they change only
//! makes things later, but for limits that a response announces (the alarm's `note`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::NEVER;
use super::Pool;
use super::alarm::Alarm;
use super::clock::now_ns;
use super::in_flight::{Outgoing, Promise, Recipient};
use super::slot::{Rest, Slot};
use crate::completion::Completion;
use crate::config::Heartbeat;
use crate::net::watch::watch_socket;
use crate::pool::upkeep::{Action, most_beating};
use crate::recycle::Recycled;

/// The heartbeat of a pool, ready to be sent, and when upkeep looks next.
pub(super) struct Beats {
    /// `None`: no heartbeat is configured.
    request: Option<Heartbeat>,
    /// When upkeep looks next.
    pub(super) alarm: Alarm,
    /// Slots with a heartbeat in flight.
    beating: AtomicU32,
    /// The dials per second that the limits of the connections ask for at rest, rounded up.
    pub(super) dials_needed: AtomicU32,
}

impl Beats {
    pub(super) fn new(request: Option<Heartbeat>) -> Self {
        let (beating, dials_needed) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { request, alarm: Alarm::default(), beating, dials_needed }
    }
}

/// The task that looks after live connections, until it is dropped.
pub(super) async fn keep_up(pool: Arc<Pool>) {
    let alarm = &pool.beats.alarm;
    let most_ns = pool.policy.rules.shortest_ns();
    loop {
        // What is at work now is looked at again after the shortest time that any rule has.
        let latest = now_ns().saturating_add(most_ns);
        alarm.arm(latest);
        let due = pool.keep_all_up().min(latest);
        alarm.arm(due);
        let sleep = Duration::from_nanos(due.saturating_sub(now_ns()));
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = alarm.rearm.notified() => {}
        }
    }
}

impl Pool {
    /// Looks after all slots, and answers when to look again.
    fn keep_all_up(self: &Arc<Self>) -> u64 {
        let (mut due, mut dials) = (NEVER, 0u64);
        for slot in &self.slots {
            let rest = self.keep_up(slot);
            due = due.min(rest.look_ns);
            dials = dials.saturating_add(rest.dials);
        }
        let needed = u32::try_from(dials.div_ceil(1_000)).unwrap_or(u32::MAX);
        if self.beats.dials_needed.swap(needed, Ordering::Relaxed) != needed {
            self.tell_whether_dials_suffice(needed);
        }
        due
    }

    /// Does what the connection of the slot needs, and answers when to look again.
    fn keep_up(self: &Arc<Self>, slot: &Slot) -> Rest {
        loop {
            match slot.upkeep(&self.policy, now_ns()) {
                Err(rest) => return rest,
                Ok(Action::Heartbeat) => {
                    let dials = slot.dials_at_rest(&self.policy);
                    return Rest { look_ns: self.beat(slot), dials };
                }
                Ok(_) => {}
            }
        }
    }

    /// How many dials a second the limits of the connections ask for while the engine sends
    /// nothing, rounded up, and how many the pool may make.
    pub fn dials_needed_and_allowed(&self) -> (u32, u32) {
        (self.beats.dials_needed.load(Ordering::Relaxed), self.dials.per_second())
    }

    /// Sends a heartbeat if the slot is idle, and answers when to look again.
    fn beat(self: &Arc<Self>, slot: &Slot) -> u64 {
        let Some(beat) = &self.beats.request else { return NEVER };
        let soon = now_ns().saturating_add(self.policy.rules.beat_turn_ns());
        let most = most_beating(self.slots());
        // The venue has asked for silence.
        let suspended_until_ns = self.suspended_until_ns();
        if suspended_until_ns != 0 {
            return suspended_until_ns;
        }
        if self.beats.beating.load(Ordering::Relaxed) >= most {
            return soon;
        }
        if !self.dispatcher().heartbeat(slot.index, now_ns()) {
            // It is in use, which is better proof than any heartbeat.
            return soon;
        }
        let now = now_ns();
        let deadline_ns = now.saturating_add(beat.timeout_ns);
        let recipient = Recipient::Heartbeat;
        let promise = Promise { id: 0, user_data: 0, recipient, submit_ns: now, deadline_ns };
        let outgoing = Outgoing { bytes: &beat.bytes, is_head: beat.is_head, closes: false };
        match slot.start(promise, outgoing, &self.policy) {
            Ok(_) => {
                self.stats.heartbeats.add();
                self.beats.beating.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(listen(Arc::clone(self), slot.index as usize, deadline_ns));
            }
            Err(not_started) => {
                let mut dispatcher = self.dispatcher();
                dispatcher.gave_up(slot.index, not_started.lost);
                self.dispatch(dispatcher);
            }
        }
        NEVER
    }

    /// A heartbeat was answered, or missed.
    pub(super) fn beat_ended(&self, completion: Completion) {
        if let Some(response) = completion.response {
            Recycled::release(response);
        }
        self.beats.beating.fetch_sub(1, Ordering::Relaxed);
        self.beats.alarm.rearm.notify_one();
    }
}

/// Sees to it that somebody looks for the answer of a heartbeat. In thread drive the slot's task
/// does, and is only told of the deadline. In caller drive nobody may be driving, so it is done
/// here; when the engine's thread comes first, that is as good.
async fn listen(pool: Arc<Pool>, index: usize, deadline_ns: u64) {
    let slot = &pool.slots[index];
    let is_over = || slot.report().at_work != Some(true);
    let socket = match &pool.caller {
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
        if pool.caller.is_none() {
            slot.news.notify_one();
            return;
        }
        let turn = slot.drive(pool.setting());
        unread = turn.unread;
        pool.settle(slot, turn);
    }
}
