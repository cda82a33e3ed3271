//! Answers that come too late: waited for a while, told as an event or as a completion, good for
//! nothing else.
//!
//! The engine has its completion (a timeout) and the slot heals; the old connection stays aside
//! until its answer is there or the linger time is over, and is then closed. The waiting is on the
//! pool thread in both drives.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::driver::Pool;
use crate::net::watch::watch;
use crate::pool::late_answers::{LateAnswers, Receiver};
use crate::pool::turn_budget::TURN_BYTES;
use crate::slot::in_flight::{Ended, LateLook, Lingering, Recipient};

impl Pool {
    /// Tells of the answers that have come late.
    fn tell_late_answers(&self) {
        let answers = self.delivery.late.take_answers();
        answers.into_iter().for_each(|answer| self.late_answer(answer));
    }

    /// An answer has come after the completion of its request: it is another completion, or an
    /// event.
    fn late_answer(&self, late: Ended) {
        self.delivery.stats.late.add();
        self.reporting.recorded.late(&self.slots, &late.completion);
        let Ended { recipient, completion } = late;
        let queue = &self.delivery.completions;
        let receiver = match recipient {
            Recipient::Callback(_) => Receiver::Callback,
            Recipient::Queue => Receiver::Queue,
            _ => Receiver::Other,
        };
        if !self.late_answers().is_completion(receiver, || queue.reserve()) {
            return self.tell_late(completion);
        }
        match recipient {
            Recipient::Callback(callback) => {
                self.deliver(Ended { recipient: Recipient::LateCallback(callback), completion });
            }
            _ => {
                queue.push(completion);
                queue.announce();
                queue.ring();
            }
        }
    }

    fn late_answers(&self) -> LateAnswers {
        LateAnswers { slots: self.slots.len(), completes: self.policy.late_completes }
    }
}

/// The task that waits for late answers, until it is dropped. Of those there are never more than
/// slots: one too many is given up.
pub(super) async fn await_late_answers(pool: Arc<Pool>) {
    let mut waiting = JoinSet::new();
    loop {
        let queue = pool.delivery.late.take_lingering();
        pool.tell_late_answers();
        for lingering in queue {
            if pool.late_answers().waits(waiting.len()) {
                waiting.spawn(await_answer(Arc::clone(&pool), lingering));
            }
        }
        tokio::select! {
            () = pool.delivery.late.wake.notified() => {}
            Some(_) = waiting.join_next() => {}
        }
    }
}

async fn await_answer(pool: Arc<Pool>, mut lingering: Lingering) {
    let patience = Duration::from_nanos(pool.policy.linger_ns);
    let answer = tokio::time::timeout(patience, read(&pool, &mut lingering)).await;
    if let Ok(Some(late)) = answer {
        // Too late for its order, and in time for all that follow.
        pool.check_pause(&late.completion);
        if let Some(last) = &pool.reporting.last_values {
            last.keep_all(&late.completion);
        }
        pool.late_answer(*late);
    }
}

async fn read(pool: &Pool, lingering: &mut Lingering) -> Option<Box<Ended>> {
    let socket = watch(lingering.connection()?).ok()?;
    loop {
        let turn = pool.next_turn().await;
        let look = lingering.advance(&pool.policy.limits);
        // It is not counted how many bytes that were, because it is rare.
        turn.into_iter().for_each(|turn| turn.end(TURN_BYTES));
        match look {
            LateLook::Over(end) => return end,
            LateLook::Unread => pool.let_others_go_first().await,
            LateLook::NotYet => socket.readable().await.ok()?.clear_ready(),
        }
    }
}
