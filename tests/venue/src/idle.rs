//! The clock of a connection that waits for its next request.

use crate::fault::{Faults, IdleAction};
use crate::line::ExchangeRef;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Waits until a fault is to happen to an idle connection.
pub(crate) struct IdleWatch {
    sleep: Pin<Box<Sleep>>,
}

impl IdleWatch {
    pub(crate) fn new() -> Self {
        Self { sleep: Box::pin(tokio::time::sleep(Duration::ZERO)) }
    }

    /// Has to be polled after the connection, in the same task: then it sees every change that
    /// the connection's progress has made to the idle time.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &ExchangeRef,
        faults: &Faults,
    ) -> Poll<IdleAction> {
        loop {
            let Some((deadline, limit)) = next(exchange, faults) else {
                return Poll::Pending;
            };
            if self.sleep.deadline() != deadline {
                self.sleep.as_mut().reset(deadline);
            }
            ready!(self.sleep.as_mut().poll(cx));
            exchange.notice_idle(limit);
            if let Some(action) = faults.idle_action(limit) {
                return Poll::Ready(action);
            }
        }
    }
}

fn next(exchange: &ExchangeRef, faults: &Faults) -> Option<(Instant, Duration)> {
    let (since, noticed) = exchange.idle()?;
    let limit = faults.next_idle(noticed)?;
    Some((since + limit, limit))
}
