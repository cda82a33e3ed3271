//! The task that tells of pauses: each beginning, each new end, and the end.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::now_ns;
use crate::driver::Pool;
use crate::pool::pause::{Scope, Telling, Told};

/// The task that tells of pauses, until it is dropped.
pub(super) async fn watch_pauses(pool: Arc<Pool>) {
    let scopes = pool.dispatcher().pauses().scopes();
    let mut told: Vec<_> = scopes.map(|scope| (scope, Told::default())).collect();
    loop {
        let tell = |(scope, told): &mut (Scope, Told)| pool.tell_of_pauses(*scope, told);
        let again_ns = told.iter_mut().filter_map(tell).min();
        let now = now_ns();
        let sleep = Duration::from_nanos(again_ns.unwrap_or(now).saturating_sub(now));
        tokio::select! {
            () = tokio::time::sleep(sleep), if again_ns.is_some() => {}
            () = pool.watches.pauses.changed.notified() => {}
        }
    }
}

impl Pool {
    /// Tells what is new of the pauses of that scope. Answers when there is more to tell, if
    /// that is known.
    fn tell_of_pauses(&self, scope: Scope, told: &mut Told) -> Option<u64> {
        loop {
            let mut dispatcher = self.dispatcher();
            match told.next(dispatcher.pauses().of(scope), now_ns()) {
                Telling::Begun(until_ns) => {
                    drop(dispatcher);
                    self.tell_suspended(scope, until_ns);
                }
                Telling::Over(until_ns) => {
                    if dispatcher.resume(scope, until_ns) {
                        // Whoever waited for that source.
                        self.dispatch(dispatcher);
                        self.tell_resumed(scope);
                        told.over();
                    }
                }
                Telling::At(ns) => return Some(ns),
                Telling::Nothing => return None,
            }
        }
    }
}
