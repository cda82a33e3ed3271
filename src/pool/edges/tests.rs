//! Where slots dial, and what moves them.

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

const A: char = 'a';
const B: char = 'b';
const C: char = 'c';

fn rules(placement: Placement) -> PlacementRules {
    PlacementRules { placement, margin_percent: 20, between_moves_ns: S }
}

/// A pool that knows these addresses.
fn edges(slots: u32, placement: Placement, addresses: &[char]) -> Edges<char> {
    let mut edges = Edges::new(slots, rules(placement));
    edges.looked_up(addresses);
    edges
}

/// The slot dials, the first address of its order is connected, and that serves.
fn dial(edges: &mut Edges<char>, slot: u32, good: &[char], now_ns: u64) -> char {
    let address = edges.begins(slot, good, now_ns)[0];
    edges.dialled(slot, address, MS, now_ns);
    edges.serves(slot);
    address
}

/// Each of these slots dials.
fn dial_all(edges: &mut Edges<char>, slots: std::ops::Range<u32>, good: &[char]) {
    for slot in slots {
        dial(edges, slot, good, 0);
    }
}

/// Each slot's round trip is that of its address.
fn measure(edges: &mut Edges<char>, delay_ns: impl Fn(char) -> u64, now_ns: u64) {
    for slot in 0..edges.slots.len() {
        if let Some(address) = edges.slots[slot].serves {
            let ns = delay_ns(address);
            edges.measured(address, 2 * ns, ns, now_ns);
        }
    }
}

fn slots_of(edges: &Edges<char>) -> Vec<u32> {
    edges.all().iter().map(|edge| edge.slots).collect()
}

#[test]
fn without_a_rule_the_given_order_holds_and_nothing_moves() {
    let mut edges = edges(3, Placement::InOrder, &[A, B]);
    for slot in 0..3 {
        assert_eq!(edges.begins(slot, &[B, A], 0), [B, A]);
        edges.dialled(slot, B, MS, 0);
        edges.serves(slot);
    }
    measure(&mut edges, |address| if address == B { S } else { MS }, S);
    assert_eq!(edges.next_move(100 * S), None);
    assert_eq!(slots_of(&edges), [0, 3]);
}

#[test]
fn addresses_of_the_name_do_not_count_while_the_user_has_given_others() {
    let mut edges = edges(1, Placement::Spread, &[A]);
    assert!(!edges.pinned(&[B]), "the name need not be looked up");
    edges.looked_up(&[A, C]);
    let listed = |edges: &Edges<char>| {
        let all = edges.all().into_iter();
        all.filter(|edge| edge.is_listed).map(|edge| edge.address).collect::<String>()
    };
    assert_eq!(listed(&edges), "b");
    assert!(edges.pinned(&[]), "the name is to be looked up at once");
    assert_eq!(listed(&edges), "b", "until it was");
    edges.looked_up(&[A, C]);
    assert_eq!(listed(&edges), "ac");
}

#[test]
fn round_trips_are_measured_as_often_as_slots_may_be_moved_and_once_a_second_at_least() {
    let every_ns = |placement, between_moves_ns| {
        PlacementRules { placement, margin_percent: 0, between_moves_ns }.measure_every_ns()
    };
    assert_eq!(every_ns(Placement::Best, 0), Some(S), "for monitors: nothing is moved");
    assert_eq!(every_ns(Placement::Best, 5 * S), Some(S));
    assert_eq!(every_ns(Placement::Spread, S / 5), Some(S / 5));
    assert_eq!(every_ns(Placement::InOrder, S / 5), None);
}

#[test]
fn spreading_gives_each_edge_as_many_slots_also_while_they_dial() {
    let mut edges = edges(5, Placement::Spread, &[A, B]);
    let first: Vec<_> = (0..5).map(|slot| edges.begins(slot, &[A, B], 0)[0]).collect();
    assert_eq!(first, [A, B, A, B, A]);
    edges.dial_failed(4);
    assert_eq!(edges.begins(4, &[B, A], 0)[0], B, "as many slots: the given order");
}

#[test]
fn spreading_moves_a_slot_from_the_crowd_and_not_for_one_slot_of_difference() {
    let mut edges = edges(4, Placement::Spread, &[A]);
    (0..4).for_each(|slot| assert_eq!(dial(&mut edges, slot, &[A], 0), A));
    edges.looked_up(&[A, B]);
    for now in [S, 2 * S] {
        let slot = edges.next_move(now).unwrap();
        assert_eq!(edges.next_move(now + S - 1), None, "one at a time");
        assert_eq!(dial(&mut edges, slot, &[A, B], now), B);
    }
    assert_eq!(slots_of(&edges), [2, 2]);
    assert_eq!(edges.next_move(10 * S), None);
    edges.lost(0);
    assert_eq!(edges.next_move(10 * S), None, "one of difference");
}

#[test]
fn the_best_is_dialled_once_each_was_tried() {
    let mut edges = edges(4, Placement::Best, &[A, B]);
    let delay = |address| if address == A { 3 * MS } else { MS };
    assert_eq!([dial(&mut edges, 0, &[A, B], 0), dial(&mut edges, 1, &[A, B], 0)], [A, B]);
    measure(&mut edges, delay, 1);
    assert_eq!(edges.begins(2, &[A, B], 1), [B, A]);
    edges.dialled(2, B, MS, 1);
    edges.serves(2);
    assert_eq!(edges.next_move(1), Some(0), "the slow one goes");
    assert_eq!(dial(&mut edges, 0, &[A, B], 1), B);
    assert_eq!(edges.next_move(S), None, "too early, and nothing to do");
    // The other one was not measured for long: a slot that dials anyway does it.
    let late = FRESH_NS + 2;
    measure(&mut edges, delay, late);
    assert_eq!(edges.begins(3, &[A, B], late)[0], A);
}

#[test]
fn a_difference_below_the_margin_moves_nothing() {
    let mut edges = edges(2, Placement::Best, &[A, B]);
    (0..2).for_each(|slot| assert!([A, B].contains(&dial(&mut edges, slot, &[A, B], 0))));
    assert_eq!(slots_of(&edges), [1, 1]);
    measure(&mut edges, |address| if address == A { 120 } else { 100 }, 1);
    assert_eq!(edges.next_move(10 * S), None);
    measure(&mut edges, |address| if address == A { 200 } else { 100 }, 1);
    assert_eq!(edges.next_move(10 * S), Some(0));
}

#[test]
fn one_slot_stays_elsewhere_and_another_edge_is_looked_at_each_time() {
    let mut edges = edges(3, Placement::BestAndOther, &[A, B, C]);
    let delay = |address: char| MS * (address as u64 - 'a' as u64 + 1);
    let all = [A, B, C];
    assert_eq!([0, 1, 2].map(|slot| dial(&mut edges, slot, &all, 0)), all);
    measure(&mut edges, delay, 1);
    let slot = edges.next_move(1).unwrap();
    assert_eq!((slot, dial(&mut edges, slot, &all, 1)), (2, A), "the slowest goes to the best");
    measure(&mut edges, delay, 2 * S);
    assert_eq!(edges.next_move(9 * S), None, "one is elsewhere, and may stay");
    edges.lost(1);
    assert_eq!(dial(&mut edges, 1, &all, 9 * S), C, "the one of which least is known");
    edges.lost(1);
    edges.looked_up(&[A]);
    assert_eq!(dial(&mut edges, 1, &[A], 9 * S), A, "there is no other");
    assert_eq!(edges.next_move(20 * S), None);
    edges.looked_up(&[A, B]);
    let slot = edges.next_move(20 * S).unwrap();
    assert_eq!(dial(&mut edges, slot, &[A, B], 20 * S), B, "there is one again");
}

#[test]
fn an_edge_that_failed_is_not_moved_to_until_it_was_connected_again() {
    let mut edges = edges(2, Placement::Best, &[A, B]);
    dial_all(&mut edges, 0..2, &[A, B]);
    measure(&mut edges, |address| if address == B { 9 * MS } else { MS }, 1);
    edges.failed(A, 2);
    assert_eq!(edges.next_move(10 * S), None);
    assert_eq!(edges.all()[0].seen.failures, 1);
    edges.lost(0);
    assert_eq!(dial(&mut edges, 0, &[B], 10 * S), B);
    assert_eq!(edges.next_move(10_000 * S), None, "nothing is known of it");
    assert_eq!(edges.begins(0, &[B, A], 10_000 * S)[0], A, "a dial tries it");
}

#[test]
fn spreading_tries_a_dead_edge_again_more_and_more_rarely() {
    let mut edges = edges(4, Placement::Spread, &[A, B]);
    dial_all(&mut edges, 0..4, &[A]);
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..8 {
        edges.failed(B, now);
        let begun = now;
        while edges.next_move(now).is_none() {
            now += S;
        }
        waits.push((now - begun) / MINUTE_NS);
        // It fails there and falls back.
        let slot = edges.slots.iter().position(|slot| slot.is_moving).unwrap() as u32;
        edges.dialled(slot, A, MS, now);
        edges.serves(slot);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn a_list_of_the_user_moves_all_slots_that_it_leaves_out_and_an_answer_of_a_name_none() {
    let mut edges = edges(3, Placement::InOrder, &[A, B]);
    dial_all(&mut edges, 0..3, &[A, B]);
    edges.looked_up(&[B]);
    assert_eq!(edges.next_move(0), None);
    edges.pinned(&[B]);
    assert!(edges.has_removed());
    let moved: Vec<_> = std::iter::from_fn(|| edges.next_move(0)).collect();
    assert_eq!(moved, [0, 1, 2], "all at once: the dial limit is there for the rest");
    (0..3).for_each(|slot| assert_eq!(dial(&mut edges, slot, &[B], 0), B));
    assert_eq!((edges.has_removed(), edges.next_move(0)), (false, None));
    // A dial that was under way ends at an address that is gone.
    edges.dialled(1, A, MS, 0);
    edges.serves(1);
    assert_eq!(edges.next_move(0), Some(1));
}

#[test]
fn addresses_that_come_and_go_do_not_fill_the_memory() {
    let mut edges = edges(1, Placement::InOrder, &[A]);
    assert_eq!(dial(&mut edges, 0, &[A], 0), A);
    for number in 0..1_000 {
        let address = char::from_u32(0x1000 + number).unwrap();
        edges.looked_up(&[address]);
        assert!(edges.known.len() <= MAX_KNOWN);
    }
    assert_eq!(edges.all()[0], EdgeHealth { slots: 1, ..edges.all()[0] });
    assert_eq!(edges.all()[0].address, A, "it is in use");
}

#[test]
fn times_are_smoothed_and_the_shortest_is_kept() {
    let mut edges = edges(1, Placement::InOrder, &[A]);
    for connect_ns in [4_000, 8_000] {
        edges.dialled(0, A, connect_ns, 0);
    }
    edges.serves(0);
    edges.measured(A, 4_000, 2_000, 0);
    edges.measured(A, 8_000, 1_000, 0);
    let seen = edges.all()[0].seen;
    assert_eq!((seen.connect_min_ns, seen.connect_ns, seen.connections), (4_000, 5_000, 2));
    assert_eq!((seen.rtt_min_ns, seen.rtt_ns, seen.failures), (1_000, 5_000, 0));
}

fn placements() -> impl Strategy<Value = Placement> {
    prop_oneof![Just(Placement::Spread), Just(Placement::Best), Just(Placement::BestAndOther)]
}

/// A slot has moved at that second, from one edge to another.
type Move = (u64, char, char);

/// Each second, all round trips are measured with noise, and what is to move is moved.
fn moves(
    edges: &mut Edges<char>,
    seconds: std::ops::Range<u64>,
    delay_ns: impl Fn(char) -> u64,
    mut noise_percent: impl FnMut() -> u64,
) -> Vec<Move> {
    let all: Vec<_> = edges.known.iter().map(|edge| edge.address).collect();
    let mut moves = Vec::new();
    for second in seconds {
        for slot in 0..edges.slots.len() {
            let address = edges.slots[slot].serves.unwrap();
            let ns = delay_ns(address) * (100 + noise_percent()) / 100;
            edges.measured(address, ns, ns, second * S);
        }
        while let Some(slot) = edges.next_move(second * S) {
            let from = edges.slots[slot as usize].serves.unwrap();
            moves.push((second, from, dial(edges, slot, &all, second * S)));
        }
    }
    moves
}

proptest! {
    /// However the edges differ, when noise stays below the margin: once the smoothed delays have
    /// followed, a slot is moved to a faster edge only. So nothing goes to and fro.
    #[test]
    fn noise_below_the_margin_flaps_nothing(
        placement in placements(),
        slots in 1_u32..9,
        delays in prop::collection::vec((1_u64..50, 1_u64..50), 1..5),
        noises in prop::collection::vec(0_u64..20, 64),
    ) {
        let all: Vec<_> = (0..delays.len()).map(|index| (b'a' + index as u8) as char).collect();
        let mut edges = edges(slots, placement, &all);
        dial_all(&mut edges, 0..slots, &all);
        let mut noises = noises.iter().copied().cycle();
        let index = |address: char| address as usize - 'a' as usize;
        let now = |address: char| MS * delays[index(address)].0;
        let later = |address: char| MS * delays[index(address)].1;
        // The smoothed delays follow within half a minute. Until then a slot may be moved twice.
        let settles = u64::from(slots) + 30;
        for (begin, delay) in [(1, &now as &dyn Fn(char) -> u64), (1_000, &later)] {
            let noise = || noises.next().unwrap();
            let moved = moves(&mut edges, begin..begin + 900, delay, noise);
            let late = moved.iter().filter(|(second, ..)| *second >= begin + settles);
            prop_assert!(late.clone().all(|(_, from, to)| delay(*to) < delay(*from)), "{moved:?}");
            prop_assert!(placement != Placement::Spread || late.count() == 0, "{moved:?}");
            prop_assert!(moved.len() <= 3 * slots as usize, "{moved:?}");
        }
    }

    /// However wild the round trips are, the time between two moves is kept, and all slots serve.
    #[test]
    fn between_two_moves_there_is_time(
        placement in placements(),
        noises in prop::collection::vec(0_u64..10_000, 64),
    ) {
        let all = [A, B, C];
        let mut edges = edges(4, placement, &all);
        edges.rules.between_moves_ns = 5 * S;
        dial_all(&mut edges, 0..4, &all);
        let mut noises = noises.iter().copied().cycle();
        let moved = moves(&mut edges, 1..500, |_| MS, || noises.next().unwrap());
        prop_assert!(moved.windows(2).all(|two| two[1].0 >= two[0].0 + 5), "{moved:?}");
        prop_assert_eq!(slots_of(&edges).iter().sum::<u32>(), 4);
    }
}
