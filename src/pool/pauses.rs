//! The pauses of a pool: that of the whole pool, and those of its sources.
//!
//! A venue that counts by address asks one address to wait. Such a pause holds one source, if the
//! pool has several. Both kinds count: a source is held while either says so. What that means for
//! requests is in [`super::dispatch`].

use super::pause::{Pause, Scope};
use crate::source::{SourceSet, source_of_slot};

/// All pauses of a pool. Times are nanoseconds on any clock that never goes back.
#[derive(Debug)]
pub struct Pauses {
    pool: Pause,
    /// Of each source; empty in a pool without several sources.
    of_source: Vec<Pause>,
    /// From then on nothing is held.
    last_until_ns: u64,
}

impl Pauses {
    /// There is none. `sources`: how many there are, at least 1.
    pub fn new(sources: u32) -> Self {
        let sources = if sources > 1 { sources as usize } else { 0 };
        Self {
            pool: Pause::default(),
            of_source: vec![Pause::default(); sources],
            last_until_ns: 0,
        }
    }

    /// What a pause may hold: the pool, and each source if there are several.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> + use<> {
        let sources = 0..self.of_source.len() as u32;
        [Scope::Pool].into_iter().chain(sources.map(Scope::Source))
    }

    /// A pause begins. Answers whether connections are to be closed for it.
    pub fn begin(&mut self, scope: Scope, now_ns: u64, for_ns: u64, closes: bool) -> bool {
        let closes = self.place(scope).begin(now_ns, for_ns, closes);
        self.look_at_all();
        closes
    }

    /// Ends the pause that ends at that moment; `false` when another one has begun meanwhile.
    pub fn end(&mut self, scope: Scope, until_ns: u64) -> bool {
        let has_ended = self.place(scope).end(until_ns);
        self.look_at_all();
        has_ended
    }

    /// Ends all of them, before their time.
    pub fn end_all(&mut self) {
        self.pool = Pause::default();
        self.of_source.fill(Pause::default());
        self.last_until_ns = 0;
    }

    /// Whether there is a pause of that scope now. One that begins then makes it longer, and is not
    /// a further one.
    pub fn has(&self, scope: Scope, now_ns: u64) -> bool {
        self.of(scope).until_ns() > now_ns
    }

    /// Whether a pause of that scope holds the slot, so that one that closes connections closes
    /// that of the slot.
    pub fn covers(&self, scope: Scope, slot: u32) -> bool {
        match (scope, self.of_source.len() as u32) {
            (Scope::Pool, _) | (_, 0) => true,
            (Scope::Source(source), sources) => source_of_slot(slot, sources) == source,
        }
    }

    /// That of the whole pool, or of one source alone.
    pub fn of(&self, scope: Scope) -> &Pause {
        match scope {
            Scope::Source(source) => self.of_source.get(source as usize).unwrap_or(&self.pool),
            Scope::Pool => &self.pool,
        }
    }

    /// What counts for a slot: that of the pool and that of its source, as one.
    pub fn of_slot(&self, slot: u32) -> Pause {
        match self.of_source.len() as u32 {
            0 => self.pool,
            sources => self.pool.with(&self.of_source[source_of_slot(slot, sources) as usize]),
        }
    }

    /// From then on nothing is held.
    pub fn last_until_ns(&self) -> u64 {
        self.last_until_ns
    }

    /// The sources that have a pause of their own now.
    pub fn held(&self, now_ns: u64) -> SourceSet {
        let mut held = SourceSet::NONE;
        let is_held = |pause: &Pause| now_ns < pause.until_ns();
        (0..).zip(&self.of_source).filter(|(_, it)| is_held(it)).for_each(|(it, _)| held.add(it));
        held
    }

    /// Whether each of these sources is held now.
    #[inline(never)] // Asked only while there is a pause.
    pub fn hold_all(&self, sources: SourceSet, now_ns: u64) -> bool {
        let has_several = !self.of_source.is_empty();
        now_ns < self.pool.until_ns()
            || has_several && {
                let held = self.held(now_ns);
                let mut those = (0..self.of_source.len() as u32).filter(|it| sources.has(*it));
                those.all(|source| held.has(source))
            }
    }

    /// Until when no source is open; 0 if one is.
    pub fn all_held_until_ns(&self, now_ns: u64) -> u64 {
        let first_ns = self.of_source.iter().map(Pause::until_ns).min().unwrap_or(0);
        let until_ns = self.pool.until_ns().max(first_ns);
        if until_ns > now_ns { until_ns } else { 0 }
    }

    fn place(&mut self, scope: Scope) -> &mut Pause {
        match scope {
            Scope::Source(it) => self.of_source.get_mut(it as usize).unwrap_or(&mut self.pool),
            Scope::Pool => &mut self.pool,
        }
    }

    fn look_at_all(&mut self) {
        let all = self.of_source.iter().chain([&self.pool]);
        self.last_until_ns = all.map(Pause::until_ns).max().unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_has_a_pause_of_its_own() {
        let mut pauses = Pauses::new(3);
        assert_eq!((pauses.last_until_ns(), pauses.held(0)), (0, SourceSet::NONE));
        assert!(!pauses.begin(Scope::Source(1), 100, 50, false));
        assert!(pauses.begin(Scope::Source(2), 100, 20, true));
        assert!(pauses.held(110).numbers().eq([1, 2]) && pauses.held(120).numbers().eq([1]));
        assert_eq!([1, 2, 5].map(|slot| pauses.of_slot(slot).no_dial_ns(110)), [0, 10, 10]);
        assert_eq!([0, 4].map(|slot| pauses.of_slot(slot).until_ns()), [0, 150]);
        assert_eq!((pauses.last_until_ns(), pauses.all_held_until_ns(110)), (150, 0));
        assert!(!pauses.end(Scope::Source(1), 149) && pauses.end(Scope::Source(1), 150));
        assert_eq!(pauses.last_until_ns(), 120);
        assert_eq!(*pauses.of(Scope::Source(1)), Pause::default());
    }

    #[test]
    fn the_pool_has_pauses_and_each_source_if_there_are_several() {
        let sources = [Scope::Pool, Scope::Source(0), Scope::Source(1)];
        assert!(Pauses::new(2).scopes().eq(sources));
        assert!(Pauses::new(1).scopes().eq([Scope::Pool]), "a pause of one is the pool's");
    }

    #[test]
    fn a_pause_covers_the_slots_of_its_source_or_all() {
        let pauses = Pauses::new(3);
        let covered = |pauses: &Pauses, scope| {
            (0..6).filter(|slot| pauses.covers(scope, *slot)).collect::<Vec<_>>()
        };
        assert_eq!(covered(&pauses, Scope::Source(1)), [1, 4]);
        assert_eq!(covered(&pauses, Scope::Pool), [0, 1, 2, 3, 4, 5]);
        assert_eq!(covered(&Pauses::new(1), Scope::Source(0)), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_pause_that_begins_in_another_is_not_a_further_one() {
        let mut pauses = Pauses::new(2);
        assert!(!pauses.has(Scope::Source(1), 100));
        pauses.begin(Scope::Source(1), 100, 50, false);
        assert!(pauses.has(Scope::Source(1), 149) && !pauses.has(Scope::Source(1), 150));
        assert!(!pauses.has(Scope::Pool, 149) && !pauses.has(Scope::Source(0), 149));
    }

    #[test]
    fn sources_that_are_all_held_are_held_until_the_first_is_open() {
        let mut pauses = Pauses::new(2);
        pauses.begin(Scope::Source(0), 100, 50, false);
        let [none, first] = [SourceSet::NONE, SourceSet::only(0)];
        assert!(pauses.hold_all(first, 149) && !pauses.hold_all(first, 150));
        assert!(!pauses.hold_all(SourceSet::ALL, 100) && pauses.hold_all(none, 100));
        pauses.begin(Scope::Source(1), 100, 80, false);
        assert!(pauses.hold_all(SourceSet::ALL, 149) && !pauses.hold_all(SourceSet::ALL, 150));
        assert_eq!((pauses.all_held_until_ns(100), pauses.all_held_until_ns(150)), (150, 0));
        pauses.begin(Scope::Pool, 100, 60, false);
        assert!(pauses.hold_all(SourceSet::ALL, 159) && !pauses.hold_all(SourceSet::ALL, 160));
        assert_eq!((pauses.all_held_until_ns(100), pauses.last_until_ns()), (160, 180));
        pauses.end_all();
        assert_eq!((pauses.last_until_ns(), pauses.hold_all(SourceSet::ALL, 100)), (0, false));
    }

    #[test]
    fn without_several_sources_a_pause_holds_the_pool() {
        let mut pauses = Pauses::new(1);
        assert!(pauses.begin(Scope::Source(0), 100, 50, true));
        assert_eq!(pauses.of(Scope::Pool).until_ns(), 150);
        assert_eq!((pauses.of_slot(7).no_dial_ns(100), pauses.held(100)), (50, SourceSet::NONE));
        assert!(pauses.hold_all(SourceSet::only(0), 100) && pauses.end(Scope::Source(0), 150));
        assert_eq!(pauses.last_until_ns(), 0);
    }
}
