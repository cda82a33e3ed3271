//! A group: the completions of many pools by one call, and one descriptor for all of them.
//!
//! It knows the descriptor of each pool, and polls those that the system names. So a look at a
//! group in which nothing has happened is one system call, however many pools there are. It drives
//! no slot itself: [`Pool::poll`] does, on the thread that looks.
//!
//! Fair: pools are served in the order in which they were told of, at most [`BUDGET`] completions
//! of each in one call. One that has more stands behind the others.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use super::{Pool, lifetime};
use crate::clock::NEVER;
use crate::clock::now_ns;
use crate::completion::{Completion, Taker};
use crate::error::Status;
use crate::net::live_set::LiveSet;

/// At most so many completions of one pool in one call.
pub const BUDGET: usize = 16;

/// Pools that one thread looks at together. `T` is what the owner knows a pool by.
pub struct Group<T> {
    set: LiveSet,
    /// In the order of their numbers.
    members: Vec<Member<T>>,
    /// No number is used twice, so that none means a later pool.
    next_number: u64,
    /// Those that the system has told of and that had no look since, the first one first.
    due: VecDeque<u64>,
}

struct Member<T> {
    number: u64,
    pool: Arc<Pool>,
    tag: T,
    is_due: bool,
}

impl<T> Group<T> {
    /// A group without a pool.
    pub fn new() -> io::Result<Self> {
        let set = LiveSet::of_descriptors()?;
        Ok(Self { set, members: Vec::new(), next_number: 0, due: VecDeque::new() })
    }

    /// Adds a pool, which belongs to no group.
    pub fn add(&mut self, pool: Arc<Pool>, tag: T) -> io::Result<()> {
        let number = self.next_number;
        self.set.add_level(pool.event_fd()?, number)?;
        self.next_number += 1;
        self.members.push(Member { number, pool, tag, is_due: false });
        // A look allocates nothing.
        self.due.reserve(self.members.len());
        Ok(())
    }

    /// Takes a pool out, with what it was known by. The pool goes on as before.
    pub fn remove(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.members.iter().position(|member| is_it(&member.tag))?;
        Some(self.leave(at))
    }

    /// Whether no pool is left.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes up to `limit` completions ([`Taker::new`]), after a look at the pools to which
    /// something has happened. A pool that has ended leaves when its last completion was taken.
    /// `Ok(None)`: no pool is left. `Err`: nothing was taken, and a pool has refused its look.
    pub fn poll(
        &mut self,
        limit: usize,
        take: impl FnMut(&T, &mut Completion),
    ) -> Result<Option<usize>, Status> {
        if self.is_empty() {
            return Ok(None);
        }
        self.look(Some(Duration::ZERO))?;
        self.serve(limit, take).map(Some)
    }

    /// As [`Group::poll`], but sleeps until there is a completion, at most for `patience`. Not on a
    /// pool thread.
    pub fn wait(
        &mut self,
        limit: usize,
        patience: Duration,
        mut take: impl FnMut(&T, &mut Completion),
    ) -> Result<Option<usize>, Status> {
        if lifetime::is_any_pool_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        // A deadline too far to represent is no deadline.
        let patience_ns = u64::try_from(patience.as_nanos()).unwrap_or(NEVER);
        let deadline_ns = now_ns().saturating_add(patience_ns);
        let mut left = (deadline_ns != NEVER).then_some(patience);
        while !self.is_empty() {
            self.look(left)?;
            let taken = self.serve(limit, &mut take)?;
            if taken > 0 || left.is_some_and(|left| left.is_zero()) {
                return Ok(Some(taken));
            }
            left = left.map(|_| Duration::from_nanos(deadline_ns.saturating_sub(now_ns())));
        }
        Ok(None)
    }

    /// Asks the system which pools have something. Each that has stays readable until it was taken.
    fn look(&mut self, patience: Option<Duration>) -> Result<(), Status> {
        let patience = if self.due.is_empty() { patience } else { Some(Duration::ZERO) };
        let Self { set, members, due, .. } = self;
        let told = set.wait(patience, |number| {
            if let Ok(at) = members.binary_search_by_key(&number, |member| member.number)
                && !members[at].is_due
            {
                members[at].is_due = true;
                due.push_back(number);
            }
        });
        told.map_err(|_| Status::ERR_SYSTEM)
    }

    /// Polls each pool that is due, once, until there are `limit` completions.
    fn serve(
        &mut self,
        limit: usize,
        mut take: impl FnMut(&T, &mut Completion),
    ) -> Result<usize, Status> {
        let (mut taken, mut refusal) = (0, None);
        for _ in 0..self.due.len() {
            if taken == limit {
                break;
            }
            let Some(number) = self.due.pop_front() else { break };
            let found = self.members.binary_search_by_key(&number, |member| member.number);
            // It may have left meanwhile.
            let Ok(at) = found else { continue };
            let Member { pool, tag, is_due, .. } = &mut self.members[at];
            *is_due = false;
            let mut take = |completion: &mut Completion| take(tag, completion);
            match pool.poll_to(&mut Taker::new(BUDGET.min(limit - taken), &mut take)) {
                Ok(Some(count)) => taken += count,
                Ok(None) => drop(self.leave(at)),
                Err(status) => refusal = Some(status),
            }
        }
        match refusal {
            Some(status) if taken == 0 => Err(status),
            _ => Ok(taken),
        }
    }

    fn leave(&mut self, at: usize) -> T {
        let Member { pool, tag, .. } = self.members.remove(at);
        if let Ok(fd) = pool.event_fd() {
            self.set.remove(fd);
        }
        tag
    }
}

impl<T> AsFd for Group<T> {
    /// Readable while a look may find something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}
