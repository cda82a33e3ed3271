//! The roster's rules one by one, then all of them under a seeded storm of events.

use std::collections::VecDeque;

use super::*;

/// A request that is never too late.
const DUE: Due = Due { submit_ns: 0, deadline_ns: u64::MAX };
const EXCHANGE: Wanted = Wanted::Exchange(DUE);

fn checkout<W>(roster: &mut Roster<W>) -> Option<SlotIndex> {
    match roster.checkout(&DUE, 0) {
        Checkout::Slot(slot) => Some(slot),
        Checkout::NoneIdle => None,
        Checkout::TooLate => unreachable!("its deadline never comes"),
    }
}

fn live(slots: u32) -> Roster<&'static str> {
    let mut roster = Roster::new(slots, 8, Estimate::Measured);
    for slot in 0..slots {
        assert!(roster.came_up(slot, 1).is_none());
    }
    roster
}

#[test]
fn checkout_is_lifo() {
    let mut roster = live(3);
    assert_eq!(checkout(&mut roster), Some(2));
    assert_eq!(checkout(&mut roster), Some(1));
    assert!(roster.finished(2).is_none());
    assert_eq!(checkout(&mut roster), Some(2));
    assert_eq!(checkout(&mut roster), Some(0));
    assert_eq!(checkout(&mut roster), None);
}

#[test]
fn waiting_is_fifo_and_a_freed_slot_goes_to_the_first() {
    let mut roster = live(1);
    checkout(&mut roster).unwrap();
    roster.wait(1, EXCHANGE, 10, "first").unwrap();
    roster.wait(2, Wanted::Lease, 10, "second").unwrap();
    let grant = roster.finished(0).unwrap();
    assert_eq!((grant.slot, grant.lease, grant.waiter.who), (0, None, "first"));
    assert_eq!(roster.granted(), 1);
    assert!(!roster.carried_out(1));
    assert_eq!(roster.granted(), 0);
    let grant = roster.finished(0).unwrap();
    assert_eq!(grant.waiter.who, "second");
    let lease = grant.lease.unwrap();
    assert_eq!(checkout(&mut roster), None);
    assert!(roster.release(lease).unwrap().is_none());
    assert_eq!(checkout(&mut roster), Some(0));
}

#[test]
fn a_healed_slot_goes_to_the_first_waiter() {
    let mut roster = Roster::new(1, 8, Estimate::Measured);
    roster.wait(1, EXCHANGE, 10, "waiter").unwrap();
    assert_eq!(roster.came_up(0, 1).unwrap().waiter.who, "waiter");
}

#[test]
fn a_lease_sends_more_than_once_and_is_recognised_when_stale() {
    let mut roster = live(2);
    let lease = roster.lease().unwrap();
    for _ in 0..2 {
        assert_eq!(roster.begin(lease), Ok(lease.slot));
        assert_eq!(roster.begin(lease), Err(LeaseError::Busy));
        assert!(roster.finished(lease.slot).is_none());
    }
    roster.went_down(lease.slot, 1);
    assert_eq!(roster.begin(lease), Err(LeaseError::Down));
    assert!(roster.came_up(lease.slot, 2).is_none());
    assert_eq!(roster.census().idle, 1, "a leased slot does not become idle by healing");
    assert_eq!(roster.begin(lease), Ok(lease.slot));
    assert!(roster.release(lease).unwrap().is_none());
    assert_eq!(roster.census().idle, 1, "released while at work: still at work");
    roster.finished(lease.slot);
    assert_eq!(roster.census().idle, 2);
    assert_eq!(roster.release(lease), Err(LeaseError::Stale));
    assert_eq!(roster.begin(Lease { slot: 99, generation: 1 }), Err(LeaseError::Stale));
    assert_eq!(roster.begin(Lease { slot: 0, generation: 0 }), Err(LeaseError::Stale));
}

#[test]
fn a_lost_idle_slot_is_not_given_out() {
    let mut roster = live(2);
    roster.went_down(1, 1);
    assert_eq!(checkout(&mut roster), Some(0));
    assert_eq!(checkout(&mut roster), None);
}

#[test]
fn late_news_of_an_old_connection_do_no_harm() {
    let mut roster = live(1);
    assert_eq!(checkout(&mut roster), Some(0));
    roster.came_up(0, 2);
    roster.went_down(0, 1);
    roster.finished(0);
    assert_eq!(checkout(&mut roster), Some(0));
}

#[test]
fn the_waiting_line_is_bounded_expires_and_can_be_left() {
    let mut roster = Roster::new(1, 2, Estimate::Measured);
    roster.wait(1, EXCHANGE, 30, "a").unwrap();
    roster.wait(2, EXCHANGE, 20, "b").unwrap();
    assert_eq!(roster.wait(3, EXCHANGE, 10, "c"), Err("c"));
    assert_eq!(roster.next_deadline(), Some(20));
    assert_eq!(roster.expire(19), None);
    assert_eq!(roster.expire(20), Some("b"));
    assert_eq!(roster.expire(20), None);
    assert_eq!(roster.withdraw(1), Some("a"));
    assert_eq!(roster.withdraw(1), None);
    assert_eq!(roster.next_deadline(), None);
}

#[test]
fn a_useless_grant_goes_back_to_the_head() {
    let mut roster = live(2);
    checkout(&mut roster).unwrap();
    checkout(&mut roster).unwrap();
    roster.wait(1, EXCHANGE, 10, "a").unwrap();
    roster.wait(2, EXCHANGE, 10, "b").unwrap();
    let grant = roster.finished(1).unwrap();
    roster.went_down(1, 1);
    assert_eq!(roster.granted(), 1);
    assert_eq!(roster.wait_again(grant.waiter), Ok(None));
    assert_eq!(roster.granted(), 0);
    assert!(roster.finished(1).is_none());
    assert_eq!(roster.finished(0).unwrap().waiter.who, "a");
}

#[test]
fn a_request_on_its_way_to_a_slot_can_be_recalled() {
    let mut roster = live(2);
    checkout(&mut roster).unwrap();
    checkout(&mut roster).unwrap();
    for ticket in 1..=3 {
        roster.wait(ticket, EXCHANGE, 10, "waiter").unwrap();
    }
    let first = roster.finished(0).unwrap();
    let second = roster.finished(1).unwrap();
    assert!(!roster.recall(3), "it is in line still");
    assert!(roster.recall(1) && roster.recall(2));
    // The one was started and is to be cancelled; the other does not go back to the line.
    assert!(roster.carried_out(first.waiter.ticket));
    assert!(!roster.recall(1), "it has arrived");
    assert_eq!(roster.wait_again(second.waiter), Err("waiter"));
    assert_eq!((roster.granted(), roster.census().waiting), (0, 1));
}

#[test]
fn after_close_nothing_is_given_out() {
    let mut roster = live(2);
    checkout(&mut roster).unwrap();
    checkout(&mut roster).unwrap();
    roster.wait(1, EXCHANGE, 10, "waiter").unwrap();
    roster.close();
    assert!(roster.is_closed());
    assert!(roster.finished(1).is_none());
    assert_eq!(checkout(&mut roster), None);
    assert_eq!(roster.lease(), None);
    assert_eq!(roster.take_waiting().next().unwrap().who, "waiter");
}

/// SplitMix64: enough randomness for a test, and repeatable from its printed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// What the world outside the roster knows, to compare with.
#[derive(Default)]
struct World {
    at_work: Vec<SlotIndex>,
    leases: Vec<Lease>,
    line: VecDeque<u64>,
    epochs: [u32; 4],
    up: [bool; 4],
}

impl World {
    fn granted(&mut self, roster: &mut Roster<u64>, grant: Option<Grant<u64>>) {
        let Some(grant) = grant else { return };
        assert_eq!(Some(grant.waiter.who), self.line.pop_front(), "FIFO");
        match grant.lease {
            None => {
                assert!(!roster.carried_out(grant.waiter.ticket));
                self.at_work.push(grant.slot);
            }
            Some(lease) => self.leases.push(lease),
        }
    }

    fn check(&self, roster: &Roster<u64>) {
        let mut seen = roster.idle.clone();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), roster.idle.len(), "a slot is in the idle stack once");
        for slot in 0..4 {
            let free = self.up[slot as usize]
                && !self.at_work.contains(&slot)
                && !self.leases.iter().any(|lease| lease.slot == slot);
            assert_eq!(free, roster.idle.contains(&slot), "idle is exactly: up, unused, unleased");
        }
        assert!(
            roster.idle.is_empty() || roster.waiting.is_empty(),
            "no waiter beside an idle slot"
        );
        assert_eq!(roster.waiting.len(), self.line.len());
    }

    fn step(&mut self, roster: &mut Roster<u64>, random: &mut Random, now: u64) {
        let slot = random.below(4) as SlotIndex;
        match random.below(8) {
            0 | 1 => match checkout(roster) {
                Some(slot) => self.at_work.push(slot),
                None => {
                    let wanted = if random.below(2) == 0 { EXCHANGE } else { Wanted::Lease };
                    if roster.wait(now, wanted, now + random.below(50), now).is_ok() {
                        self.line.push_back(now);
                    }
                }
            },
            2 | 3 if !self.at_work.is_empty() => {
                let index = random.below(self.at_work.len() as u64) as usize;
                let slot = self.at_work.swap_remove(index);
                let grant = roster.finished(slot);
                self.granted(roster, grant);
            }
            4 => self.leases.extend(roster.lease()),
            5 if !self.leases.is_empty() => {
                let index = random.below(self.leases.len() as u64) as usize;
                let lease = self.leases.swap_remove(index);
                let grant = roster.release(lease).unwrap();
                self.granted(roster, grant);
            }
            6 if self.up[slot as usize] => {
                self.up[slot as usize] = false;
                roster.went_down(slot, self.epochs[slot as usize]);
                roster.went_down(slot, self.epochs[slot as usize].wrapping_sub(1));
            }
            7 if !self.up[slot as usize] => {
                self.up[slot as usize] = true;
                self.epochs[slot as usize] += 1;
                let grant = roster.came_up(slot, self.epochs[slot as usize]);
                self.granted(roster, grant);
            }
            _ => {
                while let Some(who) = roster.expire(now) {
                    self.line.retain(|waiting| *waiting != who);
                }
            }
        }
    }
}

#[test]
fn the_rules_hold_under_thousands_of_random_events() {
    for seed in 0..500 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut roster = Roster::new(4, 8, Estimate::Measured);
        let mut world = World::default();
        for now in 0..2_000 {
            world.step(&mut roster, &mut random, now);
            world.check(&roster);
        }
    }
}
