//! Which sources a pause holds, in plain lists, and what that means for who asks for a slot.

use venuepool_model::lane::Lane;
use venuepool_model::pool::pause::{Pause, Scope};
use venuepool_model::source::Source;

use super::Desk;
use crate::world::MS;

/// A pause, of the pool or of a source.
#[derive(Clone, Copy, Default)]
pub(super) struct Hold {
    until_ns: u64,
    /// Until then it has no connections.
    closed_until_ns: u64,
}

impl Desk {
    /// The pool's pause, and then those of the sources, if there are several.
    pub(super) fn holds(sources: u32) -> Vec<Hold> {
        vec![Hold::default(); 1 + if sources > 1 { sources as usize } else { 0 }]
    }

    /// What may be held: the pool, and each source if there are several.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let sources = self.holds.len() as u32 - 1;
        let scopes = [Scope::Pool].into_iter().chain((0..sources).map(Scope::Source));
        assert!(self.dispatcher.pauses().scopes().eq(scopes.clone()), "what may be held");
        scopes.collect()
    }

    /// In a pool without several sources, a pause of one holds the pool.
    pub(crate) fn place_of(&self, scope: Scope) -> usize {
        match scope {
            Scope::Source(source) if self.holds.len() > 1 => 1 + source as usize,
            _ => 0,
        }
    }

    pub(crate) fn suspend(&mut self, scope: Scope, now: u64, for_ns: u64, closes: bool) -> bool {
        let place = self.place_of(scope);
        let hold = &mut self.holds[place];
        if hold.until_ns <= now {
            *hold = Hold::default();
        }
        hold.until_ns = hold.until_ns.max(now + for_ns);
        let closes_now = closes || hold.closed_until_ns > 0;
        if closes_now {
            hold.closed_until_ns = hold.until_ns;
        }
        let answer = self.dispatcher.suspend(scope, now, for_ns, closes);
        assert_eq!(answer, closes_now, "whether connections are closed");
        answer
    }

    pub(crate) fn resume(&mut self, scope: Scope, until_ns: u64) -> bool {
        let place = self.place_of(scope);
        let is_it = self.holds[place].until_ns == until_ns;
        if is_it {
            self.holds[place] = Hold::default();
        }
        assert_eq!(self.dispatcher.resume(scope, until_ns), is_it, "the pause that ends");
        is_it
    }

    pub(crate) fn resume_all(&mut self) {
        self.holds.fill(Hold::default());
        self.dispatcher.resume_all();
    }

    pub(crate) fn pause_of(&self, scope: Scope) -> Pause {
        let pause = *self.dispatcher.pauses().of(scope);
        assert_eq!(pause.until_ns(), self.holds[self.place_of(scope)].until_ns, "{scope:?}");
        pause
    }

    /// What counts for that slot.
    pub(crate) fn pause_of_slot(&self, slot: u32, now: u64) -> Pause {
        let pause = self.dispatcher.pauses().of_slot(slot);
        assert_eq!(pause.until_ns(), self.suspended_until_ns(slot), "slot {slot}");
        assert_eq!(pause.no_dial_ns(now), self.no_dial_ns(slot, now), "slot {slot}");
        pause
    }

    /// Whether a pause of that scope closes the connection of the slot, if it closes any.
    pub(crate) fn covers(&self, scope: Scope, slot: u32) -> bool {
        let covers = self.dispatcher.pauses().covers(scope, slot);
        let place = self.place_of(scope);
        let is_its = place == 0 || place == self.place_of(Scope::Source(self.source_of(slot)));
        assert_eq!(covers, is_its, "slot {slot} in a pause of {scope:?}");
        covers
    }

    fn holds_of_slot(&self, slot: u32) -> [Hold; 2] {
        let scope = Scope::Source(self.source_of(slot));
        [self.holds[0], self.holds[self.place_of(scope)]]
    }

    pub(crate) fn suspended_until_ns(&self, slot: u32) -> u64 {
        let [pool, source] = self.holds_of_slot(slot);
        pool.until_ns.max(source.until_ns)
    }

    pub(crate) fn no_dial_ns(&self, slot: u32, now: u64) -> u64 {
        let [pool, source] = self.holds_of_slot(slot);
        pool.closed_until_ns.max(source.closed_until_ns).saturating_sub(now)
    }

    /// From then on nothing is held.
    pub(crate) fn last_until_ns(&self) -> u64 {
        self.holds.iter().map(|hold| hold.until_ns).max().unwrap_or(0)
    }

    /// Whether a pause is over, and nobody has ended it: that is done soon.
    pub(super) fn is_over_by_now(&self, now: u64) -> bool {
        let mut over = self.holds.iter().filter(|it| it.until_ns != 0 && it.until_ns <= now);
        let soon = |hold: &Hold| assert!(now <= hold.until_ns + MS, "nobody ends a pause");
        over.clone().for_each(soon);
        over.next().is_some()
    }

    /// Whether a pause of its own holds the source.
    pub(super) fn is_held(&self, source: u32, now: u64) -> bool {
        self.holds.get(1 + source as usize).is_some_and(|hold| now < hold.until_ns)
    }

    /// Whether only an exempt lane may send on that slot.
    pub(super) fn is_silent(&self, slot: u32, now: u64) -> bool {
        now < self.suspended_until_ns(slot)
    }

    /// Whether some source is held, and that of this slot is not.
    pub(crate) fn is_beside_held(&self, slot: u32, now: u64) -> bool {
        !self.is_silent(slot, now) && (0..self.sources).any(|source| self.is_held(source, now))
    }

    /// The source of a slot, as a request asks for it.
    pub(super) fn as_source(&self, slot: u32) -> Source {
        Source::from_number(self.source_of(slot)).expect("there are few")
    }

    /// Whether a pause stops a request: it is not exempt, and holds all that it may use.
    pub(super) fn is_suspended(&self, lane: Lane, source: Source, now: u64) -> bool {
        let mut usable = (0..self.sources).filter(|it| source.number().is_none_or(|no| no == *it));
        let is_held = now < self.holds[0].until_ns || usable.all(|it| self.is_held(it, now));
        is_held && !self.lanes.of(lane).through_pause
    }

    /// Whether a request of that lane may have an idle slot of that source, if there is one. What
    /// is kept for lanes above is kept for each: first on held slots, if the lane is exempt.
    pub(super) fn may_use(&self, lane: Lane, source: u32, now: u64) -> bool {
        self.may_use_if(lane, source, now, |_| true)
    }

    /// The same, whatever is in use on held slots. To use one of those can leave more of the open
    /// ones to the lanes below, who learn of that when somebody asks what to do next.
    pub(super) fn may_use_anyway(&self, lane: Lane, source: u32, now: u64) -> bool {
        self.may_use_if(lane, source, now, |slot| !self.is_held(self.source_of(slot), now))
    }

    fn may_use_if(&self, lane: Lane, source: u32, now: u64, counts: impl Fn(u32) -> bool) -> bool {
        let is_exempt = |lane: Lane| self.lanes.of(lane).through_pause;
        let is_held = self.is_held(source, now);
        let here = self
            .idle
            .iter()
            .partition::<Vec<u32>, _>(|slot| self.is_held(self.source_of(**slot), now));
        let (held, open) = (here.0.len() as u32, here.1.len() as u32);
        let (mut kept, mut kept_for_exempt) = (0, 0);
        for above in Lane::ALL.into_iter().take(lane as usize) {
            let slots =
                self.kept_to(above as usize + 1, &counts) - self.kept_to(above as usize, &counts);
            *(if is_exempt(above) { &mut kept_for_exempt } else { &mut kept }) += slots;
        }
        match is_held {
            true if !is_exempt(lane) || held == 0 => false,
            true => open.saturating_sub(kept) >= kept_for_exempt.saturating_sub(held - 1),
            false => open > kept + kept_for_exempt.saturating_sub(held),
        }
    }
}
