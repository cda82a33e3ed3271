//! What is no pool and dials to a host of a shared thread (a WebSocket session): it keeps to the
//! limits that the pools of that host share.
//!
//! Who may dial is decided in [`HostLimits`](crate::pool::host_limits::HostLimits). Here one waits
//! for the answer. It knows no session, only lines that dial.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::hosts::{HostPlace, Hosts, Member};
use crate::clock::now_ns;
use crate::net::connect::DialError;
use crate::pool::dial_limit::Purpose;
use crate::pool::host_limits::{Answer, Gate};

/// One that dials, among the pools of its hosts. It leaves them when this is dropped.
pub(crate) struct HostDials {
    /// By line: its dial is to go on.
    wakes: Arc<[Notify]>,
    /// By source, or one if the system chooses. Empty if there are no limits.
    members: Vec<Member>,
}

impl HostDials {
    /// Joins the pools of a host, from these local addresses; none if the system chooses.
    pub(super) fn new(
        hosts: &Hosts,
        (name, port): (&str, u16),
        sources: &[IpAddr],
        lines: usize,
    ) -> Self {
        let wakes: Arc<[Notify]> = (0..lines).map(|_| Notify::new()).collect();
        let join = |source| hosts.join((name, port, source), &wakes);
        let members = match sources {
            [] => join(None).into_iter().collect(),
            _ => sources.iter().filter_map(|source| join(Some(*source))).collect(),
        };
        Self { wakes, members }
    }

    /// Waits until the dial of a line may begin. Gives its place among the connections of the host,
    /// if those are limited. One line waits at a time.
    ///
    /// # Errors
    /// `ERR_HOST_LIMIT` if the host has all connections that it may have.
    pub(crate) async fn place(
        &self,
        line: u32,
        purpose: Purpose,
    ) -> Result<Option<HostPlace>, DialError> {
        let Some(source) = line.checked_rem(self.members.len() as u32) else { return Ok(None) };
        let member = &self.members[source as usize];
        let mut asks = Asks { member: member.clone(), purpose };
        let woken = &self.wakes[line as usize];
        loop {
            let now = now_ns();
            match asks.member.ask(line, purpose, now) {
                Answer::Granted => return Ok(Some(member.place())),
                Answer::NoPlace => return Err(member.no_place()),
                Answer::Behind(_) => woken.notified().await,
                Answer::At(at_ns) => {
                    let sleep = Duration::from_nanos(at_ns.saturating_sub(now));
                    tokio::select! {
                        () = tokio::time::sleep(sleep) => {}
                        () = woken.notified() => {}
                    }
                }
            }
        }
    }
}

impl Drop for HostDials {
    fn drop(&mut self) {
        self.members.iter().for_each(Member::leave_all);
    }
}

/// A line asks, and leaves the line of the host however that ends.
struct Asks {
    member: Member,
    purpose: Purpose,
}

impl Drop for Asks {
    fn drop(&mut self) {
        self.member.leave(self.purpose);
    }
}
