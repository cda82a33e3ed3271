//! Does the maintenance of live connections, so that the next order finds a good one.
//!
//! One task for all slots. It sleeps until the next [`Round`] is due, and looks at all slots then.
//! The slot's state says what its connection needs, [`Heartbeats`] when a heartbeat may be sent.
//! The slots' tasks replace or retire; the heartbeats are sent here. Exchanges cost this task no
//! wake-up: what they change makes things later, but for limits that a response announces (the
//! timer's `note`).

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

use super::Pool;
use super::timer::Timer;
use crate::clock::NEVER;
use crate::clock::now_ns;
use crate::completion::Completion;
use crate::completion::queue::Taker;
use crate::config::Heartbeat;
use crate::lane::Lane;
use crate::net::watch::watch_socket;
use crate::pool::maintenance::{Heartbeats, Rest, Round};
use crate::recycle::Recycled;
use crate::slot::Slot;
use crate::slot::in_flight::{Label, Outgoing, Payload, Pending, Recipient};
use crate::source::Source;
use crate::sync::{Mutex, MutexGuard};

/// A heartbeat as it goes out.
struct NextBeat {
    bytes: Zeroizing<Vec<u8>>,
    is_head: bool,
    timeout_ns: u64,
}

/// The heartbeat of a pool, ready to be sent, and when maintenance looks next.
pub(super) struct Maintenance {
    /// `None`: no heartbeat is configured.
    heartbeat: Option<Mutex<Heartbeat>>,
    /// When maintenance looks next.
    pub(super) timer: Timer,
    limit: Mutex<Heartbeats>,
    /// The dials per second that the limits of the connections ask for at rest, rounded up.
    pub(super) dials_needed: AtomicU32,
}

impl Maintenance {
    pub(super) fn new(heartbeat: Option<Heartbeat>, limit: Heartbeats) -> Self {
        let (limit, dials_needed) = (Mutex::new(limit), AtomicU32::new(0));
        let heartbeat = heartbeat.map(Mutex::new);
        Self { heartbeat, timer: Timer::default(), limit, dials_needed }
    }

    fn heartbeat(&self) -> Option<MutexGuard<'_, Heartbeat>> {
        Some(self.heartbeat.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many bytes a heartbeat has without the default headers; 0 if there is none.
    pub(super) fn heartbeat_len(&self) -> usize {
        self.heartbeat().map_or(0, |beat| beat.request.len_without_defaults())
    }

    /// A heartbeat with the default headers of now. Its bytes are a copy, so that no lock is held
    /// while it is sent.
    fn next_heartbeat(&self) -> Option<NextBeat> {
        let mut beat = self.heartbeat()?;
        let (is_head, timeout_ns) = (beat.request.is_head(), beat.timeout_ns);
        // It fits: no default header is set that leaves no room for it.
        let bytes = Zeroizing::new(beat.request.finish().ok()?.to_vec());
        Some(NextBeat { bytes, is_head, timeout_ns })
    }

    /// How many heartbeats may be in flight.
    pub(super) fn limit(&self) -> MutexGuard<'_, Heartbeats> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that looks after live connections, until it is dropped.
pub(super) async fn maintain(pool: Arc<Pool>) {
    let timer = &pool.maintenance.timer;
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
        if self.maintenance.dials_needed.swap(needed, Ordering::Relaxed) != needed {
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

    /// How many dials a second the limits of the connections ask for while the engine sends
    /// nothing, rounded up, and how many the pool may make. Both by the source that needs most.
    pub fn dials_needed_and_allowed(&self) -> (u32, u32) {
        (self.maintenance.dials_needed.load(Ordering::Relaxed), self.dialling.dials.per_second())
    }

    /// Sends a heartbeat if one may be sent now, and answers when to look again.
    fn send_heartbeat(self: &Arc<Self>, slot: &Slot) -> u64 {
        let Some(beat) = self.maintenance.next_heartbeat() else { return NEVER };
        let pause = self.pause_of_slot(slot.index);
        if let Err(again_ns) = self.maintenance.limit().begin(&pause, now_ns()) {
            return again_ns;
        }
        if !self.dispatcher().heartbeat(slot.index, now_ns()) {
            return self.maintenance.limit().put_off(now_ns());
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
                self.maintenance.limit().ended();
                let mut dispatcher = self.dispatcher();
                dispatcher.start_failed(slot.index, not_started.why);
                self.dispatch(dispatcher);
            }
        }
        NEVER
    }

    /// A heartbeat was answered, or missed.
    pub(super) fn heartbeat_ended(&self, completion: Completion) {
        if let Some(response) = completion.response {
            Recycled::release(response);
        }
        self.maintenance.limit().ended();
        self.maintenance.timer.rearm.notify_one();
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
