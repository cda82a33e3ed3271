//! To which address of the venue each slot dials, and which live connection is moved to another.
//!
//! A venue's name has several addresses, its *edges*, and one may be nearer. Each edge has a delay:
//! the smoothed minimum round trip of its connections, or the time of a TCP connect while no round
//! trip was measured. The minimum is taken because it has the least of the venue's own time in it.
//!
//! Rules, all kept here and nowhere else:
//! - [`Placement`] says where a slot dials. A slot that dials already counts where it dials to.
//! - A live connection is moved when another edge is better by the margin. Then its slot dials
//!   while the old connection serves. It is moved, too, when the user has taken its address away.
//! - The best edge stays the best one until another is better by the margin. One move is under way
//!   at a time, and the next one waits. So noise below the margin moves nothing.
//! - An edge that failed has no delay any more: it is never the aim of a move to the best.
//!   Spreading tries it again after a minute, then after two, and so on up to an hour.
//! - An address that a look-up leaves out is not dialled, but its connections stay: many names are
//!   answered with a part of their addresses in turn.
//!
//! An address is any value that can be compared. Times are nanoseconds on any clock that never goes
//! back.

use super::dispatch::SlotIndex;

const MINUTE_NS: u64 = 60_000_000_000;

/// The delay of an edge that has no slot counts as unknown when it was measured so long ago.
const FRESH_NS: u64 = 10 * MINUTE_NS;

/// The longest time before spreading tries an edge again that keeps failing.
const LONGEST_NS: u64 = 60 * MINUTE_NS;

/// Round trips are measured at least so often where slots are placed by them.
const MEASURE_NS: u64 = 1_000_000_000;

/// So many addresses are remembered. Then one is forgotten that is neither listed nor used.
pub(crate) const MAX_KNOWN: usize = 128;

/// Where slots dial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// To the first address that is good, in the order in which they are given.
    #[default]
    InOrder,
    /// To the edge with the fewest slots.
    Spread,
    /// To the edge with the least delay.
    Best,
    /// As [`Placement::Best`], but for one slot, which dials to another edge.
    BestAndOther,
}

/// How the slots of a pool are placed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlacementRules {
    /// Where they dial.
    pub placement: Placement,
    /// By so many percent of its own delay an edge must be behind to be left.
    pub margin_percent: u32,
    /// At least so much time is between two moves; 0: live connections are not moved.
    pub between_moves_ns: u64,
}

impl PlacementRules {
    /// Whether it is decided here where slots dial, and not by the order of the addresses.
    pub fn has_rules(&self) -> bool {
        self.placement != Placement::InOrder
    }

    /// How often round trips are measured, in nanoseconds: as often as slots may be moved, and at
    /// least once a second. `None`: nothing depends on them.
    pub fn measure_every_ns(&self) -> Option<u64> {
        let every_ns = match self.between_moves_ns {
            0 => MEASURE_NS,
            between_ns => between_ns.min(MEASURE_NS),
        };
        self.has_rules().then_some(every_ns)
    }
}

/// What was seen of one edge. Times are 0 while nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The shortest TCP connect.
    pub connect_min_ns: u64,
    /// The smoothed time of a TCP connect.
    pub connect_ns: u64,
    /// The shortest round trip of any connection.
    pub rtt_min_ns: u64,
    /// The smoothed round trip.
    pub rtt_ns: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Dials that failed there.
    pub failures: u64,
}

/// One edge, as monitors see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeHealth<A> {
    /// Its address.
    pub address: A,
    /// Whether slots may dial there: the newest list of addresses has it.
    pub is_listed: bool,
    /// How many slots have their connection there.
    pub slots: u32,
    /// What was seen of it.
    pub seen: Seen,
}

#[derive(Debug)]
struct Edge<A> {
    address: A,
    is_listed: bool,
    /// `None`: nothing was measured since the last failure.
    delay_ns: Option<u64>,
    /// The delay is a round trip, and no connect.
    has_round_trip: bool,
    measured_ns: u64,
    failures_in_a_row: u32,
    /// No slot is moved there before.
    again_ns: u64,
    seen: Seen,
}

#[derive(Clone, Copy, Debug)]
struct Slot<A> {
    /// Where its connection goes.
    serves: Option<A>,
    /// Where its dial goes, or the replacement that waits to take over.
    next: Option<A>,
    is_moving: bool,
}

/// The edges of a venue, and the slots of a pool on them.
#[derive(Debug)]
pub struct Edges<A> {
    rules: PlacementRules,
    known: Vec<Edge<A>>,
    slots: Vec<Slot<A>>,
    best: Option<A>,
    /// The list is the user's: what it leaves out is not used any more.
    is_users: bool,
    /// The user has said which addresses hold, so that those of the name do not count.
    is_pinned: bool,
    moved_ns: Option<u64>,
}

/// What happened.
impl<A: Copy + Eq> Edges<A> {
    /// Nothing is known, and all `slots` are down.
    pub fn new(slots: u32, rules: PlacementRules) -> Self {
        let slot = Slot { serves: None, next: None, is_moving: false };
        let slots = vec![slot; slots as usize];
        let (is_users, is_pinned) = (false, false);
        Self { rules, known: Vec::new(), slots, best: None, is_users, is_pinned, moved_ns: None }
    }

    /// A look-up of the venue's name has these addresses. They do not count while the user has
    /// given others.
    pub fn looked_up(&mut self, addresses: &[A]) {
        if !self.is_pinned {
            self.listed(addresses, false);
        }
    }

    /// The user gives these addresses, so that connections to others are to go. None: those of the
    /// name count again, and it is to be looked up at once. Answers whether it is.
    pub fn pinned(&mut self, addresses: &[A]) -> bool {
        self.is_pinned = !addresses.is_empty();
        if self.is_pinned {
            self.listed(addresses, true);
        }
        !self.is_pinned
    }

    /// The addresses of the venue are these now. `is_users`: the user has given them.
    fn listed(&mut self, addresses: &[A], is_users: bool) {
        self.is_users = is_users;
        for edge in &mut self.known {
            edge.is_listed = addresses.contains(&edge.address);
        }
        for address in addresses {
            self.edge(*address).is_listed = true;
        }
        while self.known.len() > MAX_KNOWN {
            let is_of_use = |edge: &Edge<A>| edge.is_listed || self.load(edge.address, None) != 0;
            let Some(old) = self.known.iter().position(|edge| !is_of_use(edge)) else { return };
            self.known.remove(old);
        }
    }

    /// The dial of a slot begins. `good` are the addresses that have not failed of late, in the
    /// order in which they would be tried without a rule. Answers the order in which they are.
    pub fn begins(&mut self, slot: SlotIndex, good: &[A], now_ns: u64) -> Vec<A> {
        self.choose_best(now_ns);
        let mut order = good.to_vec();
        match self.rules.placement {
            Placement::InOrder => {}
            Placement::Spread => order.sort_by_key(|address| self.load(*address, Some(slot))),
            Placement::Best => self.order_by_delay(slot, &mut order, now_ns),
            Placement::BestAndOther => {
                self.order_by_delay(slot, &mut order, now_ns);
                if self.is_for_other(slot) {
                    self.put_other_first(&mut order);
                }
            }
        }
        self.slot(slot).next = order.first().copied();
        order
    }

    /// A dial there has failed, or its TLS handshake.
    pub fn failed(&mut self, address: A, now_ns: u64) {
        let edge = self.edge(address);
        edge.seen.failures += 1;
        (edge.delay_ns, edge.has_round_trip) = (None, false);
        let wait_ns = MINUTE_NS << edge.failures_in_a_row.min(6);
        edge.again_ns = now_ns.saturating_add(wait_ns.min(LONGEST_NS));
        edge.failures_in_a_row += 1;
    }

    /// The dial of a slot has brought no connection.
    pub fn dial_failed(&mut self, slot: SlotIndex) {
        self.slot(slot).next = None;
    }

    /// The dial of a slot has brought a connection to that address, of which the TCP connect took
    /// so long.
    pub fn dialled(&mut self, slot: SlotIndex, address: A, connect_ns: u64, now_ns: u64) {
        self.slot(slot).next = Some(address);
        let edge = self.edge(address);
        (edge.failures_in_a_row, edge.again_ns) = (0, 0);
        edge.seen.connections += 1;
        least(&mut edge.seen.connect_min_ns, connect_ns);
        smooth(&mut edge.seen.connect_ns, connect_ns);
        if !edge.has_round_trip {
            (edge.delay_ns, edge.measured_ns) = (Some(edge.seen.connect_ns), now_ns);
        }
    }

    /// The connection that was dialled last serves.
    pub fn serves(&mut self, slot: SlotIndex) {
        let slot = self.slot(slot);
        *slot = Slot { serves: slot.next.take(), next: None, is_moving: false };
    }

    /// The slot has no connection any more.
    pub fn lost(&mut self, slot: SlotIndex) {
        let slot = self.slot(slot);
        (slot.serves, slot.is_moving) = (None, false);
    }

    /// The kernel tells the smoothed round trip of a connection to that address, and the shortest.
    pub fn measured(&mut self, address: A, rtt_ns: u64, rtt_min_ns: u64, now_ns: u64) {
        let edge = self.edge(address);
        least(&mut edge.seen.rtt_min_ns, rtt_min_ns);
        smooth(&mut edge.seen.rtt_ns, rtt_ns);
        let before_ns = edge.delay_ns.filter(|_| edge.has_round_trip);
        let mut delay_ns = before_ns.unwrap_or(0);
        smooth(&mut delay_ns, rtt_min_ns);
        (edge.delay_ns, edge.has_round_trip) = (Some(delay_ns), true);
        edge.measured_ns = now_ns;
    }
}

/// What follows.
impl<A: Copy + Eq> Edges<A> {
    /// A slot whose live connection is to be replaced by one to another edge. It is answered once.
    pub fn next_move(&mut self, now_ns: u64) -> Option<SlotIndex> {
        self.choose_best(now_ns);
        if let Some(slot) = self.on_removed() {
            self.slot(slot).is_moving = true;
            return Some(slot);
        }
        let PlacementRules { placement, between_moves_ns, .. } = self.rules;
        let is_early = self.moved_ns.is_some_and(|ns| now_ns < ns.saturating_add(between_moves_ns));
        if between_moves_ns == 0 || is_early || self.slots.iter().any(|slot| slot.is_moving) {
            return None;
        }
        let slot = match placement {
            Placement::InOrder => None,
            Placement::Spread => self.most_crowded(now_ns),
            Placement::Best => self.slowest(0, now_ns),
            Placement::BestAndOther => {
                self.slowest(1, now_ns).or_else(|| self.one_too_many(now_ns))
            }
        }?;
        self.moved_ns = Some(now_ns);
        self.slot(slot).is_moving = true;
        Some(slot)
    }

    /// Whether a connection goes to an address that the user has taken away.
    pub fn has_removed(&self) -> bool {
        self.on_removed().is_some()
    }

    /// Each edge that is known.
    pub fn all(&self) -> Vec<EdgeHealth<A>> {
        let health = |edge: &Edge<A>| {
            let serves = |slot: &&Slot<A>| slot.serves == Some(edge.address);
            let slots = self.slots.iter().filter(serves).count() as u32;
            let (address, is_listed, seen) = (edge.address, edge.is_listed, edge.seen);
            EdgeHealth { address, is_listed, slots, seen }
        };
        self.known.iter().map(health).collect()
    }

    /// Whether the second delay is behind the first by the margin.
    fn is_better(&self, delay_ns: u64, than_ns: u64) -> bool {
        let with_margin = u128::from(delay_ns) * (100 + u128::from(self.rules.margin_percent));
        with_margin < u128::from(than_ns) * 100
    }

    /// The best edge stays so until another one is better by the margin, or it cannot be dialled.
    fn choose_best(&mut self, now_ns: u64) {
        let may_be = |edge: &&Edge<A>| edge.is_listed && edge.again_ns <= now_ns;
        let delay = |edge: &Edge<A>| Some((self.delay_ns(edge.address, now_ns)?, edge.address));
        let delays: Vec<_> = self.known.iter().filter(may_be).filter_map(delay).collect();
        let Some((least_ns, first)) = delays.iter().min_by_key(|delay| delay.0).copied() else {
            return self.best = None;
        };
        let present = delays.iter().find(|delay| Some(delay.1) == self.best);
        if present.is_none_or(|(ns, _)| self.is_better(least_ns, *ns)) {
            self.best = Some(first);
        }
    }

    /// What was not measured of late comes first, unless a slot dials there already or this one
    /// is moved. Then the best edge, then the others by their delay.
    fn order_by_delay(&self, slot: SlotIndex, order: &mut [A], now_ns: u64) {
        let explores = !self.slots[slot as usize].is_moving;
        order.sort_by_key(|address| {
            let edge = self.known.iter().find(|edge| edge.address == *address);
            let may_explore = edge.is_none_or(|edge| edge.again_ns <= now_ns);
            let load = self.load(*address, Some(slot));
            match self.delay_ns(*address, now_ns) {
                Some(_) if Some(*address) == self.best => (1, 0),
                Some(delay_ns) => (2, delay_ns),
                None if explores && may_explore && load == 0 => (0, 0),
                None => (3, u64::from(load)),
            }
        });
    }

    /// Whether this slot is the one that dials to another edge than the best.
    fn is_for_other(&self, slot: SlotIndex) -> bool {
        self.best.is_some() && self.slots.len() > 1 && self.elsewhere(Some(slot)) == 0
    }

    /// Puts the edge first that is not the best, and of which the least is known.
    fn put_other_first(&self, order: &mut [A]) {
        let measured_ns = |address: &A| {
            let edge = self.known.iter().find(|edge| edge.address == *address);
            edge.filter(|edge| edge.delay_ns.is_some()).map_or(0, |edge| edge.measured_ns)
        };
        let others = order.iter().enumerate().filter(|(_, one)| Some(**one) != self.best);
        if let Some((index, _)) = others.min_by_key(|(_, one)| measured_ns(one)) {
            order[..=index].rotate_right(1);
        }
    }

    /// A slot on an address that the user has taken away.
    fn on_removed(&self) -> Option<SlotIndex> {
        let is_listed =
            |address| self.known.iter().any(|edge| edge.address == address && edge.is_listed);
        let is_left = |slot: &Slot<A>| {
            !slot.is_moving && slot.serves.is_some_and(|address| !is_listed(address))
        };
        let slot = self.slots.iter().position(is_left).filter(|_| self.is_users)?;
        Some(slot as SlotIndex)
    }

    /// A slot of the edge that has most of them, if another edge has two fewer.
    fn most_crowded(&self, now_ns: u64) -> Option<SlotIndex> {
        let may_be = |edge: &&Edge<A>| edge.is_listed && edge.again_ns <= now_ns;
        let loads = self.known.iter().filter(may_be).map(|edge| self.load(edge.address, None));
        let least = loads.min()?;
        let (slot, most) = (self.resting())
            .map(|(slot, address)| (slot, self.load(address, None)))
            .max_by_key(|(_, load)| *load)?;
        (most >= least + 2).then_some(slot)
    }

    /// The slot with the longest delay, if that is behind the best by the margin, and more slots
    /// than so many are elsewhere.
    fn slowest(&self, may_stay: u32, now_ns: u64) -> Option<SlotIndex> {
        let best_ns = self.delay_ns(self.best?, now_ns)?;
        if self.elsewhere(None) <= may_stay {
            return None;
        }
        let (slot, delay_ns) = (self.resting())
            .filter(|(_, address)| Some(*address) != self.best)
            .filter_map(|(slot, address)| Some((slot, self.delay_ns(address, now_ns)?)))
            .max_by_key(|(_, delay_ns)| *delay_ns)?;
        self.is_better(best_ns, delay_ns).then_some(slot)
    }

    /// A slot of the best edge, if all are there and another edge can be dialled.
    fn one_too_many(&self, now_ns: u64) -> Option<SlotIndex> {
        let is_other = |edge: &Edge<A>| {
            edge.is_listed && edge.again_ns <= now_ns && Some(edge.address) != self.best
        };
        let has_other = self.best.is_some() && self.known.iter().any(is_other);
        if !has_other || self.slots.len() < 2 || self.elsewhere(None) != 0 {
            return None;
        }
        Some(self.resting().next()?.0)
    }

    /// The slots that have a connection and dial nowhere, and where that goes.
    fn resting(&self) -> impl Iterator<Item = (SlotIndex, A)> {
        let slots = self.slots.iter().enumerate().filter(|(_, slot)| slot.next.is_none());
        slots.filter_map(|(index, slot)| Some((index as SlotIndex, slot.serves?)))
    }

    /// How many slots are there, or dial there, but for one.
    fn load(&self, address: A, but: Option<SlotIndex>) -> u32 {
        self.heads(but).filter(|head| *head == address).count() as u32
    }

    /// How many slots are not at the best edge, but for one.
    fn elsewhere(&self, but: Option<SlotIndex>) -> u32 {
        self.heads(but).filter(|head| Some(*head) != self.best).count() as u32
    }

    /// Where each slot goes, but for one.
    fn heads(&self, but: Option<SlotIndex>) -> impl Iterator<Item = A> {
        let slots = self.slots.iter().enumerate();
        let others = slots.filter(move |(index, _)| but != Some(*index as SlotIndex));
        others.filter_map(|(_, slot)| slot.next.or(slot.serves))
    }

    /// The delay of an edge, if it was measured of late.
    fn delay_ns(&self, address: A, now_ns: u64) -> Option<u64> {
        let edge = self.known.iter().find(|edge| edge.address == address)?;
        let is_fresh = now_ns < edge.measured_ns.saturating_add(FRESH_NS);
        edge.delay_ns.filter(|_| is_fresh || self.slots.iter().any(|it| it.serves == Some(address)))
    }

    fn slot(&mut self, slot: SlotIndex) -> &mut Slot<A> {
        &mut self.slots[slot as usize]
    }

    fn edge(&mut self, address: A) -> &mut Edge<A> {
        let index = self.known.iter().position(|edge| edge.address == address);
        let index = index.unwrap_or_else(|| {
            self.known.push(Edge {
                address,
                is_listed: false,
                delay_ns: None,
                has_round_trip: false,
                measured_ns: 0,
                failures_in_a_row: 0,
                again_ns: 0,
                seen: Seen::default(),
            });
            self.known.len() - 1
        });
        &mut self.known[index]
    }
}

/// The lesser one of what was seen, of which 0 is nothing.
fn least(seen_ns: &mut u64, ns: u64) {
    *seen_ns = if *seen_ns == 0 { ns } else { ns.min(*seen_ns) };
}

/// The weight of a new time is a quarter; the first one is taken as it is.
fn smooth(smoothed_ns: &mut u64, ns: u64) {
    let before = if *smoothed_ns == 0 { ns } else { *smoothed_ns };
    *smoothed_ns = before - before / 4 + ns / 4;
}

#[cfg(test)]
mod tests;
