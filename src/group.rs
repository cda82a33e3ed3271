//! A group: the completions of many pools by one call, and one descriptor for all of them.
//!
//! It knows the descriptor of each pool, and polls those that the system names. So a look at a
//! group in which nothing has happened is one system call, however many pools there are. It drives
//! no slot itself: the pool does, on the thread that looks.
//!
//! A pool is known by what it is asked to do ([`Polled`]). What is no pool (a WebSocket session)
//! may be a member, too ([`Driven`]). It gives no completions: it tells its engine by a function,
//! or the engine takes from it, and the group names it ([`Group::take_ready`]).
//!
//! In which order they are looked at, and how much is taken of each, is decided in
//! [`fair_looks`](crate::pool::fair_looks).

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::NEVER;
use crate::clock::now_ns;
use crate::completion::Completion;
use crate::completion::queue::Taker;
use crate::error::Status;
use crate::net::live_set::LiveSet;
use crate::pool::fair_looks::FairLooks;
use crate::threads::current::is_any_pool_thread;

/// Pools that one thread looks at together. `T` is what the owner knows a pool by.
pub struct Group<T> {
    set: LiveSet,
    /// In the order of their numbers.
    members: Vec<Member<T>>,
    /// No number is used twice, so that none means a later pool.
    next_number: u64,
    due: FairLooks,
    /// Those that are no pools, have something to take, and were not named since.
    ready: VecDeque<u64>,
}

struct Member<T> {
    number: u64,
    what: What,
    tag: T,
    is_due: bool,
    is_ready: bool,
}

enum What {
    Pool(Arc<dyn Polled>),
    Driven(Arc<dyn Driven>),
}

/// What gives completions to who polls it.
pub trait Polled: Send + Sync {
    /// A descriptor that is readable while a look may find something.
    ///
    /// # Errors
    /// What the system refuses.
    fn fd(&self) -> io::Result<BorrowedFd<'_>>;

    /// Takes completions, after a look at what is in flight. `Ok(None)`: it has ended, and all were
    /// taken.
    ///
    /// # Errors
    /// A status, when it cannot be driven now.
    fn look(&self, taker: &mut Taker<'_>) -> Result<Option<usize>, Status>;
}

/// What is no pool, and is driven by who looks, if it needs that.
pub trait Driven: Send + Sync {
    /// A descriptor that is readable while a look may find something.
    ///
    /// # Errors
    /// What the system refuses.
    fn fd(&self) -> io::Result<BorrowedFd<'_>>;

    /// A look. Answers whether its function has run, or there is something to take. `None`: it has
    /// ended, and all was told and taken.
    ///
    /// # Errors
    /// A status, when it cannot be driven now.
    fn look(&self) -> Result<Option<bool>, Status>;

    /// Whether the engine takes from it what it tells. If not, that is for its function.
    fn is_taken_from(&self) -> bool;
}

/// What a look has come to.
#[derive(Clone, Copy, Default)]
struct Served {
    /// So many completions were taken.
    taken: usize,
    /// A function of what is no pool has run, or there is something to take.
    has_told: bool,
}

impl<T> Group<T> {
    /// A group without a pool.
    pub fn new() -> io::Result<Self> {
        let set = LiveSet::of_descriptors()?;
        let (due, ready) = Default::default();
        Ok(Self { set, members: Vec::new(), next_number: 0, due, ready })
    }

    /// Adds a pool, which belongs to no group.
    pub fn add(&mut self, pool: Arc<impl Polled + 'static>, tag: T) -> io::Result<()> {
        self.set.add_level(pool.fd()?, self.next_number)?;
        self.enter(What::Pool(pool), tag);
        Ok(())
    }

    /// Adds what is no pool, and belongs to no group.
    pub fn add_driven(&mut self, driven: Arc<dyn Driven>, tag: T) -> io::Result<()> {
        self.set.add_level(driven.fd()?, self.next_number)?;
        self.enter(What::Driven(driven), tag);
        Ok(())
    }

    fn enter(&mut self, what: What, tag: T) {
        let number = self.next_number;
        self.next_number += 1;
        self.members.push(Member { number, what, tag, is_due: false, is_ready: false });
        // A look allocates nothing.
        self.due.reserve(self.members.len());
        self.ready.reserve(self.members.len());
    }

    /// Takes a pool out, with what it was known by. The pool goes on as before.
    pub fn remove(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let at = self.members.iter().position(|member| is_it(&member.tag))?;
        Some(self.leave(at))
    }

    /// Names a member that is no pool and had something to take when it was looked at. Each is
    /// named once behind a look; of what is left, the next look tells.
    pub fn take_ready(&mut self) -> Option<&T> {
        while let Some(number) = self.ready.pop_front() {
            let found = self.members.binary_search_by_key(&number, |member| member.number);
            // It may have left meanwhile.
            if let Ok(at) = found {
                let member = &mut self.members[at];
                member.is_ready = false;
                return Some(&member.tag);
            }
        }
        None
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
        self.serve(limit, take).map(|served| Some(served.taken))
    }

    /// As [`Group::poll`], but sleeps until there is a completion, or the function of what is no
    /// pool has run, at most for `patience`. Not on a pool thread.
    pub fn wait(
        &mut self,
        limit: usize,
        patience: Duration,
        mut take: impl FnMut(&T, &mut Completion),
    ) -> Result<Option<usize>, Status> {
        if is_any_pool_thread() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        // A deadline too far to represent is no deadline.
        let patience_ns = u64::try_from(patience.as_nanos()).unwrap_or(NEVER);
        let deadline_ns = now_ns().saturating_add(patience_ns);
        let mut left = (deadline_ns != NEVER).then_some(patience);
        while !self.is_empty() {
            self.look(left)?;
            let Served { taken, has_told } = self.serve(limit, &mut take)?;
            if taken > 0 || has_told || left.is_some_and(|left| left.is_zero()) {
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
            if let Ok(at) = members.binary_search_by_key(&number, |member| member.number) {
                due.told(number, &mut members[at].is_due);
            }
        });
        told.map_err(|_| Status::ERR_SYSTEM)
    }

    /// Looks at each member that is due, once, until there are `limit` completions.
    fn serve(
        &mut self,
        limit: usize,
        mut take: impl FnMut(&T, &mut Completion),
    ) -> Result<Served, Status> {
        let (mut served, mut refusal) = (Served::default(), None);
        let mut call = self.due.call(limit);
        while let Some((number, budget)) = self.due.next(&mut call) {
            let found = self.members.binary_search_by_key(&number, |member| member.number);
            // It may have left meanwhile.
            let Ok(at) = found else { continue };
            let Member { what, tag, is_due, is_ready, .. } = &mut self.members[at];
            *is_due = false;
            let looked = match what {
                What::Pool(pool) => {
                    let mut take = |completion: &mut Completion| take(tag, completion);
                    pool.look(&mut Taker::new(budget, &mut take))
                }
                What::Driven(driven) => driven.look().map(|told| {
                    // The last thing that it tells is its end.
                    served.has_told |= told != Some(false);
                    if told == Some(true) && driven.is_taken_from() && !*is_ready {
                        *is_ready = true;
                        self.ready.push_back(number);
                    }
                    told.map(|_| 0)
                }),
            };
            match looked {
                Ok(Some(count)) => {
                    served.taken += count;
                    call.took(count);
                }
                Ok(None) => drop(self.leave(at)),
                Err(status) => refusal = Some(status),
            }
        }
        match refusal {
            Some(status) if served.taken == 0 => Err(status),
            _ => Ok(served),
        }
    }

    fn leave(&mut self, at: usize) -> T {
        let Member { what, tag, .. } = self.members.remove(at);
        let fd = match &what {
            What::Pool(pool) => pool.fd(),
            What::Driven(driven) => driven.fd(),
        };
        if let Ok(fd) = fd {
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
