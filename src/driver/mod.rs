//! The pool at work: what any thread does with it, and the state that all of them share.
//!
//! ```text
//!  submit.rs    check out, start, send; wait in the queue, lease, cancel
//!  fanout.rs    the copies of an order
//!       ../slot.rs    the connection and the exchange on it (a lock per slot)
//!  deliver.rs   after a turn: who gets the slot, who the completion
//!  caller.rs    caller drive: the engine's thread receives and completes
//!  waiting.rs   callers that sleep in acquire and execute
//!  deadlines.rs ends what is past its deadline    pauses.rs  nothing is sent for a while
//!  log.rs       records for the engine's log
//! ```
//!
//! What a pool is made of is elsewhere, and knows no pool: `../orders.rs` (open orders of several
//! copies), `../caller.rs` (the right to drive), `../dialling.rs`, `../slot/` and `../threads/`.
//!
//! There is no `async` function in here, and no runtime is known. What the pool thread waits for is
//! a task (`src/tasks`), which stands on this folder. What follows from what has happened is
//! decided in `src/pool`.
//!
//! Locks: the dispatcher's and a slot's are never held at the same time. Under either, only locks
//! are taken under which nothing else is: of the free list, of what is handed over, of sleepers, of
//! a host.
//! The lock of late signing is taken before a slot's, and the function that signs runs under both.
//! The lock of the bytes of an order with several copies is taken before all others.
//! No lock of the pool is held while a callback for a completion or an event runs.

mod caller;
mod deadlines;
mod deliver;
mod fanout;
mod log;
mod pauses;
pub mod submit;
pub mod waiting;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::caller::Caller;
use crate::clock::{NEVER, compare_clocks, now_ns, wall_ns};
use crate::completion::queue::{CompletionQueue, Taker};
use crate::config::{Config, Drive};
use crate::dialling::{Dialling, Dials};
use crate::error::Status;
use crate::event::Events;
use crate::http::origin::Origin;
use crate::lane::LaneSet;
use crate::last_values::LastValues;
use crate::log::Level;
use crate::metrics::records::Records;
use crate::net::addresses::Placing;
use crate::net::code;
use crate::net::configured::ways;
use crate::net::connect::DialError;
use crate::net::edges::Edges;
use crate::orders::Orders;
use crate::pool::backoff::Bounds;
use crate::pool::dispatch::{Counts, Dispatcher};
use crate::pool::ending;
use crate::pool::maintenance::Heartbeats;
use crate::pool::pause::SuspendRules;
use crate::publish::thread::Publishing;
use crate::recorder::slot_recorder::{Size as RecorderSize, SlotRecorder};
use crate::slot::Setting;
use crate::slot::address_records::AddressRecords;
use crate::slot::heartbeat::Maintenance;
use crate::slot::in_flight::Acquirer;
use crate::slot::policy::Policy;
use crate::slot::recorded::Recorded;
use crate::slot::slots::Slots;
use crate::stats::Stats;
use crate::sync::{Mutex, MutexGuard};
use crate::threads::lifetime::Lifetime;
use crate::threads::timer::Timer;
use deliver::Delivery;
use pauses::PauseWatch;
use submit::Waits;

/// The dispatcher, locked.
pub(crate) type Dispatching<'a> = MutexGuard<'a, Dispatcher<Box<Waits>, Acquirer>>;

/// One pool: the connections to one origin. Each part has one job and a file of its own.
///
/// It begins with a cache line, so that an order touches as many lines wherever the heap puts it.
#[repr(align(64))]
pub struct Pool {
    origin: Arc<Origin>,
    pub(crate) policy: Policy,
    pub(crate) slots: Slots,
    dispatcher: Mutex<Dispatcher<Box<Waits>, Acquirer>>,
    pub(crate) delivery: Delivery,
    pub(crate) dialling: Dialling,
    /// Orders of several copies.
    orders: Orders,
    pub(crate) watches: Watches,
    pub(crate) reporting: Reporting,
    pub(crate) lifetime: Lifetime,
}

/// What any thread notes, and tasks of the pool thread sleep on.
pub(crate) struct Watches {
    /// Of all slots and of the queue.
    pub(crate) deadlines: Timer,
    pub(crate) maintenance: Maintenance,
    pub(crate) pauses: PauseWatch,
}

/// What it tells of itself.
pub(crate) struct Reporting {
    /// For monitors and logs.
    pub(crate) name: Box<str>,
    pub(crate) events: Events,
    pub(crate) recorded: Recorded,
    /// Of the header fields that are watched; `None` if none are.
    pub(crate) last_values: Option<LastValues>,
    /// The page that it shares with monitors, while it does.
    pub(crate) publishing: Mutex<Option<Publishing>>,
}

impl Pool {
    /// A pool that is not on a thread yet: nothing dials.
    pub(crate) fn new(config: &Config) -> Result<Self, DialError> {
        let url = config.url().map_err(refused("no URL is set"))?;
        let origin = config.origin().map_err(refused("the default headers are too long"))?;
        let (slots, sizes) = (config.connections() as u32, config.sizes());
        let backoff = config.backoff();
        let bounds = Bounds { first_ns: backoff.first_ns, max_ns: backoff.max_ns };
        let origin = Arc::new(origin);
        let beat = config.heartbeat(&origin).map_err(refused("the heartbeat is too long"))?;
        let completions = CompletionQueue::new(sizes.completion_capacity);
        if sizes.prefault {
            completions.touch();
            code::touch();
        }
        let caller = match config.drive() {
            Drive::Thread => None,
            Drive::Caller => {
                Some(Caller::new(&completions, slots).map_err(DialError::of_system("epoll"))?)
            }
        };
        let lanes = config.lanes().map_err(refused("the lanes reserve every slot"))?;
        let policy = Policy::new(config);
        let dispatcher = Dispatcher::new(slots, policy.sources, lanes, config.estimate());
        let dials = Dials::new(slots, policy.sources, bounds, config.dials_per_second());
        let (rules, cap_ns) = (config.suspend_rules(), config.suspend_cap_ns());
        let suspend_rules = SuspendRules::new(rules, cap_ns, config.suspends_source());
        let watch = config.watched();
        compare_clocks();
        let since_wall_ns = wall_ns();
        let records = || -> Result<_, DialError> {
            let records = config.has_histograms().then(|| Records::new(since_wall_ns));
            let mut records = records.transpose().map_err(DialError::of_system("histograms"))?;
            records.iter_mut().filter(|_| sizes.prefault).for_each(Records::touch);
            Ok(records)
        };
        let recorder_size =
            RecorderSize { records: config.recorder(), head_bytes: config.recorder_heads() };
        let recorder = || (recorder_size.records > 0).then(|| SlotRecorder::new(recorder_size));
        let address_records = config.has_histograms().then(AddressRecords::default);
        let edges = Arc::new(Edges::new(config));
        let placing: Arc<dyn Placing> = Arc::<Edges>::clone(&edges);
        let ways = ways(config, url, placing)?;
        let host = format!("{}:{}", ways.dialer.host, ways.port);
        Ok(Self {
            watches: Watches {
                deadlines: Timer::default(),
                maintenance: Maintenance::new(beat, Heartbeats::new(slots, &policy.rules)),
                pauses: PauseWatch::new(suspend_rules),
            },
            policy,
            slots: Slots::new(slots, records, recorder, sizes, watch.clone())?,
            dispatcher: Mutex::new(dispatcher),
            delivery: Delivery::new(completions, caller, records()?),
            dialling: Dialling::new(ways, dials, edges, address_records),
            orders: Orders::default(),
            reporting: Reporting {
                name: config.thread_name().into(),
                events: Events::new(config.event_hook(), config.log_hook()),
                recorded: Recorded::new(recorder_size, config.thread_name(), &host),
                last_values: watch.map(|list| LastValues::new(list.len())),
                publishing: Mutex::new(None),
            },
            lifetime: Lifetime::new(),
            origin,
        })
    }

    /// Drains the pool: from now on nothing is accepted but requests of these lanes, and what waits
    /// in the others ends. What is in flight goes on. A second call can only close more lanes. Any
    /// thread, also in a callback.
    pub fn drain(&self, open: LaneSet) -> Result<(), Status> {
        let mut dispatcher = self.dispatcher();
        if !dispatcher.drain(open) {
            return Err(Status::ERR_CLOSED);
        }
        self.dispatch(dispatcher);
        self.log(Level::Info, "pool", || {
            ("drained".to_owned(), vec![("open_lanes", open.bits().to_string())])
        });
        Ok(())
    }

    /// The lanes whose requests are accepted; none after a shutdown.
    pub fn open_lanes(&self) -> LaneSet {
        self.dispatcher().open_lanes()
    }

    /// Ends the pool: from now on nothing is accepted, what waits in the queue fails at once, what
    /// is in flight may finish within `grace`. Returns at once; any thread, also in a callback.
    pub fn shutdown(&self, grace: Duration) {
        let grace = u64::try_from(grace.as_nanos()).unwrap_or(NEVER);
        let until = ending::grace_ends_ns(now_ns(), grace);
        self.log(Level::Info, "pool", || {
            ("shut down".to_owned(), vec![("grace_ms", (grace / 1_000_000).to_string())])
        });
        self.lifetime.end_by(until);
        self.dispatcher().close();
        self.lifetime.ending.send_replace(true);
        // Who serves a connection looks at the end only when it is woken.
        for slot in self.slots.iter() {
            slot.wake.notify_one();
        }
        self.watches.deadlines.rearm.notify_one();
    }

    /// Waits for the end of the pool thread, after shutting down without grace if it is still open.
    /// When it returns, no callback runs and none will.
    pub fn close(&self) -> Result<(), Status> {
        if self.is_delivering() {
            return Err(Status::ERR_WOULD_DEADLOCK);
        }
        if !self.lifetime.close() {
            return Err(Status::ERR_CLOSED);
        }
        if ending::is_open(self.lifetime.grace_ns()) {
            self.shutdown(Duration::ZERO);
        }
        let Some(caller) = &self.delivery.caller else {
            self.lifetime.join();
            self.end_publishing();
            return Ok(());
        };
        // Perhaps no thread drives any more: then what is in flight is received here, and the last
        // callbacks run here, once no other thread is still about to run one.
        let _driving = self.last_turn(caller);
        let driven = self.drive_until(caller, Duration::MAX, &mut Taker::none(), |_| {
            self.delivery.completions.has_ended()
        });
        if driven.is_err() {
            self.shutdown(Duration::ZERO);
        }
        self.lifetime.join();
        self.end_publishing();
        self.deliver_handed_over();
        self.leave_readable(caller);
        Ok(())
    }

    /// Ends what [`Pool::publish`] has begun, and removes the file.
    pub fn end_publishing(&self) {
        self.reporting.publishing.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether [`Pool::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.lifetime.is_closed()
    }

    /// What all requests to this pool begin with.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Sets the value of a default header, or removes it, for all requests that are submitted once
    /// this has returned, and for heartbeats. Any thread; see [`Origin::set_default_header`].
    pub fn set_default_header(&self, name: &[u8], value: Option<&[u8]>) -> Result<(), Status> {
        self.origin.set_default_header(name, value, self.watches.maintenance.heartbeat_len())
    }

    /// The completion queue.
    pub fn completions(&self) -> &CompletionQueue {
        &self.delivery.completions
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.delivery.stats
    }

    /// How often the last good answer stood in for a look-up of the name.
    pub fn stale_answers(&self) -> u64 {
        self.dialling.ways.stale_answers()
    }

    /// How many slots are in which state.
    pub fn counts(&self) -> Counts {
        self.dispatcher().counts()
    }

    /// The number of slots.
    pub fn slots(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Why the last failed dial failed.
    pub fn last_dial_error(&self) -> Option<DialError> {
        self.dialling.last_error()
    }

    pub(crate) fn dispatcher(&self) -> Dispatching<'_> {
        self.dispatcher.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn setting(&self) -> Setting<'_> {
        Setting {
            policy: &self.policy,
            free_list: &self.slots.free_list,
            grace_ns: self.lifetime.grace_ns(),
        }
    }
}

pub(crate) fn refused(text: &'static str) -> impl FnOnce(Status) -> DialError {
    move |step| DialError { step, os_error: 0, text: text.to_owned() }
}
