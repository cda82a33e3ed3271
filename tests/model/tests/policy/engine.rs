//! The engines of a simulated pool: what they ask for, by chance, and the moods of their venue.

use venuepool_model::lane::{Lane, LaneSet};
use venuepool_model::pool::admission;
use venuepool_model::pool::dispatch::{AfterCancel, End, Lease, LeaseRoute, Queued, Route, Want};
use venuepool_model::pool::exchange_time::Due;
use venuepool_model::pool::pause::Scope;
use venuepool_model::source::Source;

use crate::pool::{Direct, Event, NEVER, Pool};
use crate::world::{MS, S, US};

impl Pool {
    /// An engine does something.
    pub(crate) fn engine(&mut self) {
        if self.venue.healed {
            return;
        }
        if let Some(load) = &self.setting.load {
            let (every_ns, burst) = (load.every_ns, load.burst);
            self.send(Want::IdleOrQueue);
            if self.now >= 2 * S && burst > 0 {
                (0..burst).for_each(|_| self.send(Want::IdleOrQueue));
                self.setting.load.as_mut().expect("it is there").burst = 0;
            }
            return self.after(every_ns, Event::Engine);
        }
        match self.random.within(0, 99) {
            0..25 => self.send(Want::Idle),
            25..55 => self.send(Want::IdleOrQueue),
            55..65 => self.send_copies(),
            65..75 => self.acquire(false),
            75..85 => self.acquire(true),
            94..97 if self.setting.suspends_source => self.late_answer(),
            85..97 => self.cancel(),
            97 if self.random.percent(20) => {
                let for_ns = self.random.within(US, S);
                self.begin_pause(Scope::Pool, for_ns, false);
            }
            98 => self.resume(),
            99 if self.random.percent(4) => self.drain(),
            _ => {}
        }
        let wait_ns = match self.random.within(0, 99) {
            0 => self.random.within(0, 5 * S),
            1..80 => self.random.within(0, self.setting.think_ns),
            _ => self.random.within(0, 20 * MS),
        };
        self.after(wait_ns, Event::Engine);
    }

    /// An answer that comes late, from any slot, asks for a pause.
    fn late_answer(&mut self) {
        let slot = self.random.within(0, u64::from(self.setting.slots) - 1) as u32;
        let (for_ns, closes) = (self.random.within(US, 300 * MS), self.random.percent(20));
        self.is_asked_for_pause(slot, for_ns, closes);
    }

    /// An engine drains the pool: most close the lane of the orders only.
    fn drain(&mut self) {
        let all = LaneSet::ALL.bits();
        let bits = match self.random.percent(70) {
            true => all & !(1 << Lane::Orders as u32),
            false => self.random.within(0, u64::from(all)) as u32,
        };
        let open = LaneSet::from_bits(bits).expect("lanes");
        self.desk.drain(open);
        self.ledger.drained(open);
        self.dispatch();
    }

    fn promise(&mut self) -> (u64, Due) {
        let most_ns = self.setting.request_ns;
        let least_ns = if self.setting.load.is_some() { most_ns } else { most_ns / 2 };
        let own_ns = self.random.within(least_ns, most_ns);
        // Some bring no timeout of their own, and have that of the pool.
        let has_own = self.setting.load.is_some() || !self.random.percent(10);
        let (own_ns, timeout_ns) = if has_own { (own_ns, own_ns) } else { (0, most_ns) };
        let deadline_ns = admission::deadline_ns(self.now, own_ns, most_ns);
        assert_eq!(deadline_ns, self.now + timeout_ns, "a request has the time that it is given");
        let lane = match self.setting.uses_lanes {
            true => self.random.one_of(&Lane::ALL),
            false => Lane::Orders,
        };
        let source = self.source();
        let due = Due { submit_ns: self.now, deadline_ns, lane, source };
        (self.ledger.promise(deadline_ns, lane), due)
    }

    fn source(&mut self) -> Source {
        let sources = self.setting.sources;
        match sources > 0 && self.random.percent(50) {
            true => {
                let number = self.random.within(0, u64::from(sources)) as u32;
                let source = Source::from_number(number).expect("there are few");
                let has_it = admission::has_source(source, sources);
                assert_eq!(has_it, number < sources, "source {number} of {sources}");
                if has_it { source } else { Source::ANY }
            }
            false => Source::ANY,
        }
    }

    /// A request goes where the dispatcher says.
    fn send(&mut self, want: Want<'_>) {
        let (id, due) = self.promise();
        self.go(want, id, due);
    }

    /// An order goes on several connections.
    fn send_copies(&mut self) {
        let (id, due) = self.promise();
        let want = self.random.one_of(&[Want::Idle, Want::IdleOrQueue]);
        self.send_copies_of_order(id, due, want);
    }

    /// A request, or one copy of it, goes where the dispatcher says.
    pub(crate) fn go(&mut self, want: Want<'_>, id: u64, due: Due) {
        let route = self.desk.route(want, &due, self.now);
        self.follow(route, want, id, due);
    }

    /// A request has a slot, and is sent on it if that is as good as it was.
    pub(crate) fn send_direct(&mut self, direct: Direct) {
        let Direct { want, used, id, due, slot } = direct;
        let want = want.unwrap_or(Want::Apart(&used));
        match self.start(slot, Some(id), due) {
            Ok(()) => self.accepted(id),
            Err(why) => {
                let route = self.desk.reroute(want, &due, slot, why, self.now);
                self.follow(route, want, id, due);
            }
        }
    }

    fn follow(&mut self, route: Route, want: Want<'_>, id: u64, due: Due) {
        match route {
            Route::Send(slot) => self.send_direct_later(Direct::new(want, id, due, slot)),
            Route::Wait => self.wait_for_slot(want, id, due),
            Route::End(end) => {
                self.end_waiting(id, end);
                self.dispatch();
                self.accepted(id);
            }
            Route::Refuse(_) => {
                self.dispatch();
                self.refused(id);
            }
        }
    }

    fn wait_for_slot(&mut self, want: Want<'_>, id: u64, due: Due) {
        self.ledger.counts.behind += u64::from(matches!(want, Want::Leased(_)));
        let queued = Queued::new(id, due, self.setting.queue_ns, id);
        let deadline_ns = queued.deadline_ns;
        if self.desk.wait(want, queued, self.now).is_err() {
            return self.refused(id);
        }
        self.dispatch();
        self.note(deadline_ns);
        self.accepted(id);
    }

    fn acquire(&mut self, waits: bool) {
        let source = self.source();
        match LeaseRoute::of(self.desk.lease(source, self.now)) {
            LeaseRoute::Given(lease) => return self.after(0, Event::Lease(lease)),
            LeaseRoute::Wait if waits => {}
            LeaseRoute::Wait | LeaseRoute::Refuse(_) => return,
        }
        // A number of its own, from the same row as those of requests.
        let ticket = self.ledger.promise(NEVER - S, Lane::Orders);
        self.ledger.refused(ticket);
        let patience_ns = self.random.within(0, 200 * MS);
        // It sleeps, and watches its own deadline; or its lease comes as a completion.
        let sleeps = self.random.percent(50);
        let deadline_ns = if sleeps { NEVER } else { self.now + patience_ns };
        if self.desk.enqueue_caller(ticket, source, deadline_ns, self.now).is_ok() {
            self.dispatch();
            if sleeps {
                self.after(patience_ns, Event::Impatient(ticket));
            } else {
                self.note(deadline_ns);
            }
        }
    }

    /// Whoever has a lease sends on it, or gives it back, or both.
    pub(crate) fn use_lease(&mut self, lease: Lease) {
        if !self.venue.healed && self.random.percent(60) {
            self.send(Want::Leased(lease));
            if self.random.percent(70) {
                // Now and then long enough for a heartbeat.
                let most_ns = if self.random.percent(30) { 300 * MS } else { 10 * MS };
                let pause_ns = self.random.within(0, most_ns);
                return self.after(pause_ns, Event::Lease(lease));
            }
        }
        self.desk.release(lease).expect("it was never given back");
        self.dispatch();
        assert!(self.desk.release(lease).is_err(), "a lease is given back once");
    }

    /// Cancels one of the newest requests, wherever it is.
    fn cancel(&mut self) {
        let Some(id) = self.ledger.newest_open(&mut self.random) else { return };
        let has_copies = self.cancel_copies(id);
        match self.desk.cancel(id).follows(has_copies) {
            AfterCancel::Ends(_) => return self.end_waiting(id, End::Cancelled),
            AfterCancel::IsKnown => return,
            AfterCancel::MayBeOnSlot => {}
        }
        let _ = (0..self.slots.len()).any(|index| self.cancel_on(index, id));
    }

    /// The venue changes its mood.
    pub(crate) fn mood(&mut self) {
        if self.venue.healed || self.setting.load.is_some() {
            return;
        }
        for (id, arrival) in self.venue.turn(&mut self.random) {
            let ns = self.random.within(0, 10 * MS);
            self.after(ns, Event::Arrives(id, arrival));
        }
        let for_ns = self.random.within(100 * MS, 4 * S);
        self.after(for_ns, Event::Mood);
    }

    /// The world is well from now on, and the engines ask for nothing more.
    pub(crate) fn all_is_well(&mut self) {
        for (id, arrival) in self.venue.heal() {
            self.after(MS, Event::Arrives(id, arrival));
        }
    }
}
