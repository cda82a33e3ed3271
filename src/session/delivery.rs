//! How what a session tells reaches the engine: by its function on the thread that drives, or by a
//! queue that it polls, waits for, or watches by a descriptor.
//!
//! With a function, messages are lent where they were received. What other threads tell (a cancel)
//! is kept in the queue until the thread that drives hands it on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::eventfd::EfdFlags;

use super::batch::Batch;
use super::data::{Home, Row, View};
use super::event::{Event, Kept, Told};
use crate::buf::TAIL;
use crate::error::Status;
use crate::net::standard::spared;
use crate::sync::{Condvar, EventFd, Mutex, MutexGuard, OnceLock};
use crate::ws::frame::Kind;
use crate::ws::session::inbox::{Class, Inbox, Item, Overflow, Several};

/// Receives what is told.
pub type Hook = Arc<dyn Fn(&Told<'_>) + Send + Sync>;

pub(super) struct Delivery {
    hook: Option<Hook>,
    queue: Mutex<Queue>,
    /// How many items are in the queue, so that a look at it takes no lock. Written under the lock.
    len: AtomicUsize,
    wakes: Condvar,
    event: OnceLock<EventFd>,
    home: Arc<Home>,
    /// How often the function was called.
    told: AtomicU64,
}

struct Queue {
    inbox: Inbox<Untaken>,
    has_ended: bool,
    sleepers: usize,
    /// Those that slept at that moment were woken, and none has begun to sleep since.
    is_notified: bool,
    /// The descriptor is readable.
    is_signalled: bool,
}

impl Delivery {
    pub(super) fn new(hook: Option<Hook>, capacity: usize, overflow: Overflow) -> Self {
        let inbox = Inbox::new(capacity, overflow);
        Self {
            hook,
            queue: Mutex::new(Queue {
                inbox,
                has_ended: false,
                sleepers: 0,
                is_notified: false,
                is_signalled: false,
            }),
            len: AtomicUsize::new(0),
            wakes: Condvar::new(),
            event: OnceLock::new(),
            home: Arc::default(),
            told: AtomicU64::new(0),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many ends of calls were not taken.
    pub(super) fn untaken_completions(&self) -> usize {
        self.queue().inbox.completions()
    }

    /// How often the function was called, by who drives.
    pub(super) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Tells something, on the thread that drives. `false`: a message for which there is no room.
    pub(super) fn tell(&self, told: &Told<'_>) -> bool {
        match &self.hook {
            Some(hook) => {
                self.hand_on();
                self.call(hook, told);
                true
            }
            None => self.keep(told),
        }
    }

    /// Messages on their way to the queue.
    pub(super) fn batch(&self) -> Batch {
        Batch::new(&self.home)
    }

    /// Tells a message that answers no call, on the thread that drives: at once, or with others of
    /// its batch. `false`: there is no room for one of them.
    pub(super) fn tell_message(
        &self,
        batch: &mut Batch,
        (kind, key): (Kind, Option<u64>),
        (time_ns, connection): (u64, u32),
        padded: &[u8],
    ) -> bool {
        if self.hook.is_some() {
            let event = Event::Message(kind, key);
            return self.tell(&Told { time_ns, connection, event: &event, padded });
        }
        let payload = &padded[..padded.len().saturating_sub(TAIL)];
        let is_kept = batch.has_room(payload.len()) || self.keep_row(batch, (time_ns, connection));
        batch.put(kind, key, payload);
        is_kept
    }

    /// Keeps the messages of a batch in the queue, and wakes who sleeps. `false`: there is no room
    /// for one of them.
    pub(super) fn keep_batch(&self, batch: &mut Batch, when: (u64, u32)) -> bool {
        let are_kept = self.keep_row(batch, when);
        if std::mem::take(&mut batch.is_unnotified) {
            self.notify(self.queue());
        }
        are_kept
    }

    fn keep_row(&self, batch: &mut Batch, (time_ns, connection): (u64, u32)) -> bool {
        let Some(row) = batch.take() else { return true };
        // Who sleeps is woken once for all rows of a read.
        batch.is_unnotified = true;
        let mut queue = self.queue();
        let row = Untaken::Row { time_ns, connection, row };
        let are_kept = queue.inbox.push(Class::Message, row);
        self.len.store(queue.inbox.len(), Ordering::Relaxed);
        are_kept
    }

    /// Keeps something in the queue; any thread.
    pub(super) fn keep(&self, told: &Told<'_>) -> bool {
        let payload = &told.padded[..told.padded.len().saturating_sub(TAIL)];
        let has_payload = matches!(told.event, Event::Message(..)) || !payload.is_empty();
        let (time_ns, connection, event) = (told.time_ns, told.connection, told.event.clone());
        let data = has_payload.then(|| self.home.keep(payload));
        let class = match &event {
            Event::Message(..) => Class::Message,
            Event::Completion(..) => Class::Completion,
            _ => Class::Event,
        };
        let mut queue = self.queue();
        let kept = Kept { time_ns, connection, event, data };
        let is_kept = queue.inbox.push(class, Untaken::One(kept));
        self.notify(queue);
        is_kept
    }

    /// Something was put into the queue, or nothing comes any more.
    fn notify(&self, mut queue: MutexGuard<'_, Queue>) {
        self.len.store(queue.inbox.len(), Ordering::Relaxed);
        if let Some(event) = self.event.get()
            && !queue.is_signalled
        {
            queue.is_signalled = event.write(1).is_ok();
        }
        let is_armed = queue.sleepers > 0 && !queue.is_notified;
        queue.is_notified |= is_armed;
        // Outside, so that who wakes up does not run into the closed lock.
        drop(queue);
        if is_armed {
            self.wakes.notify_all();
        }
    }

    /// Hands what other threads have told to the engine's function.
    pub(super) fn hand_on(&self) {
        let Some(hook) = &self.hook else { return };
        // What another thread has put there before it let go of the session's lock is seen.
        while self.len() > 0
            && let Some(kept) = self.take()
        {
            self.call(hook, &kept.told());
        }
    }

    fn call(&self, hook: &Hook, told: &Told<'_>) {
        // By who drives, and by no other thread.
        self.told.store(self.told() + 1, Ordering::Relaxed);
        hook(told);
    }

    /// Nothing is told any more.
    pub(super) fn end(&self) {
        let mut queue = self.queue();
        queue.has_ended = true;
        self.notify(queue);
    }

    fn take(&self) -> Option<Kept> {
        let mut queue = self.queue();
        let kept = queue.take();
        self.len.store(queue.inbox.len(), Ordering::Relaxed);
        kept
    }

    /// How many items are in the queue. What another thread is about to put there or to take may be
    /// missed, but not what the caller knows to have happened.
    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Whether there is something to take, or that nothing follows.
    pub(super) fn has_any(&self) -> bool {
        let queue = self.queue();
        !queue.inbox.is_empty() || queue.has_ended
    }

    /// Takes up to `limit` items, and answers how many; `None`: nothing is there, or ever will be.
    ///
    /// # Errors
    /// `ERR_PHASE` if there is a function for them.
    pub(super) fn poll(
        &self,
        limit: usize,
        patience: Duration,
        give: impl FnMut(Kept),
    ) -> Result<Option<usize>, Status> {
        if self.hook.is_some() {
            return Err(Status::ERR_PHASE);
        }
        Ok(self.wait(limit, patience, give))
    }

    /// The same without waiting, and whether there is a function or not.
    pub(super) fn drain(&self, limit: usize, give: impl FnMut(Kept)) -> Option<usize> {
        self.wait(limit, Duration::ZERO, give)
    }

    /// The same, whether there is a function or not.
    pub(super) fn wait(
        &self,
        limit: usize,
        patience: Duration,
        mut give: impl FnMut(Kept),
    ) -> Option<usize> {
        let mut queue = self.queue();
        if !patience.is_zero() {
            queue = self.sleep(queue, patience);
        }
        let mut count = 0;
        while count < limit {
            count += queue.inbox.take_firsts(limit - count, |first| {
                if let Untaken::One(kept) = first {
                    give(kept);
                }
            });
            if count == limit {
                break;
            }
            let Some(kept) = queue.take() else { break };
            give(kept);
            count += 1;
        }
        self.len.store(queue.inbox.len(), Ordering::Relaxed);
        // When all is told, the descriptor stays readable: no one is to wait for more.
        if queue.is_signalled && queue.inbox.is_empty() && !queue.has_ended {
            queue.is_signalled = self.event.get().is_some_and(|event| event.read().is_err());
        }
        (count > 0 || !queue.has_ended).then_some(count)
    }

    fn sleep<'a>(
        &'a self,
        mut queue: MutexGuard<'a, Queue>,
        patience: Duration,
    ) -> MutexGuard<'a, Queue> {
        // A deadline too far to represent is no deadline.
        let deadline = Instant::now().checked_add(patience);
        queue.sleepers += 1;
        while queue.inbox.is_empty() && !queue.has_ended {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            queue.is_notified = false;
            queue = match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    let waited = self.wakes.wait_timeout(queue, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wakes.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
        queue.sleepers -= 1;
        queue
    }

    /// A descriptor that is readable while something is in the queue; made at the first call.
    pub(super) fn event_fd(&self) -> io::Result<BorrowedFd<'_>> {
        let mut queue = self.queue();
        if self.event.get().is_none() {
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let made = spared(|| Ok(EventFd::from_value_and_flags(0, flags)?))?;
            let event = self.event.get_or_init(|| made);
            if !queue.inbox.is_empty() || queue.has_ended {
                queue.is_signalled = event.write(1).is_ok();
            }
        }
        self.event.get().map(AsFd::as_fd).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether the descriptor is readable.
    #[cfg(feature = "model")]
    pub(super) fn is_readable(&self) -> bool {
        self.event.get().is_some_and(EventFd::is_readable)
    }

    /// Whether all was told and taken.
    pub(super) fn is_drained(&self) -> bool {
        let queue = self.queue();
        queue.has_ended && queue.inbox.is_empty()
    }
}

/// What waits for the engine.
enum Untaken {
    One(Kept),
    /// Messages that came by one read.
    Row {
        time_ns: u64,
        connection: u32,
        row: Row,
    },
}

impl Several for Untaken {
    fn count(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Row { row, .. } => row.len(),
        }
    }

    #[inline]
    fn take_first(&mut self) -> Option<Self> {
        let Self::Row { time_ns, connection, row } = self else { return None };
        if row.len() == 1 {
            return None;
        }
        let first = row.take_first()?;
        Some(Self::One(message(*time_ns, *connection, first)))
    }

    fn truncate(&mut self, count: usize) {
        if let Self::Row { row, .. } = self {
            row.truncate(count);
        }
    }
}

#[inline]
fn message(time_ns: u64, connection: u32, (kind, key, view): (Kind, Option<u64>, View)) -> Kept {
    Kept { time_ns, connection, event: Event::Message(kind, key), data: Some(view) }
}

impl Queue {
    fn take(&mut self) -> Option<Kept> {
        Some(match self.inbox.take()? {
            Item::Told(_, Untaken::One(kept)) => kept,
            Item::Told(_, Untaken::Row { time_ns, connection, row }) => {
                message(time_ns, connection, row.take_last()?)
            }
            Item::Dropped(count) => {
                Kept { time_ns: 0, connection: 0, event: Event::Dropped(count), data: None }
            }
        })
    }
}
