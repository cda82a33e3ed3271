//! The bytes of a page: what was written is read, and nothing else is.

use proptest::prelude::*;

use super::*;
use crate::error::CloseReason;
use crate::pool::health::Activity;

/// A page in which each field differs from the others.
fn sample(slots: usize, addresses: usize) -> Page {
    let mut page =
        Page { name: "trade".to_owned(), host: "venue:443".to_owned(), ..Page::default() };
    page.slots.resize(slots, Slot::default());
    page.addresses.resize(addresses, Address::default());
    let mut bytes = Vec::new();
    encode(&mut page, &mut bytes);
    // Each number is read as another one; texts and addresses are set behind that.
    let body = SEQUENCE_AT + 3 * 8;
    let end = bytes.len() - TRAILER;
    for (number, field) in bytes[body..end].chunks_exact_mut(8).enumerate() {
        field.copy_from_slice(&(number as u64 + 1).to_le_bytes());
    }
    let mut page = read(&bytes[SEQUENCE_AT..end]).unwrap();
    (page.sequence, page.name, page.host) = (7, "trade".to_owned(), "venue.example:443".to_owned());
    let address = |number: usize| match number % 3 {
        0 => Some(SocketAddr::from(([10, 0, 0, number as u8], 443))),
        1 => Some(SocketAddr::from(([0x20, 1, 0, 0, 0, 0, 0, number as u16], 8443))),
        _ => None,
    };
    for (number, slot) in page.slots.iter_mut().enumerate() {
        (slot.local, slot.peer) = (address(number), address(number + 1));
    }
    for (number, its) in page.addresses.iter_mut().enumerate() {
        its.address = address(number);
    }
    page
}

fn bytes_of(page: &Page) -> Vec<u8> {
    let mut bytes = vec![1, 2, 3];
    encode(&mut page.clone(), &mut bytes);
    bytes
}

/// Makes the checksum right again, as whoever forges a page would.
fn seal(bytes: &mut [u8]) {
    let body = bytes.len() - TRAILER;
    let sum = checksum(&bytes[..body]);
    bytes[body..body + 8].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn what_was_written_is_read() {
    for (slots, addresses) in [(0, 0), (1, 1), (5, 3), (MAX_SLOTS, MAX_ADDRESSES)] {
        let page = sample(slots, addresses);
        let bytes = bytes_of(&page);
        assert!(bytes.len() as u64 <= MAX_SIZE);
        assert_eq!(decode(&bytes), Ok(page));
    }
}

#[test]
fn a_change_of_the_layout_has_another_version() {
    let page = sample(2, 2);
    // Which field has which of the numbers, by the names of the fields.
    let found = (VERSION, bytes_of(&page).len(), checksum(format!("{page:?}").as_bytes()));
    // For another layout: raise VERSION, and write here what was found.
    assert_eq!(found, (1, 12_656, 904_197_174));
}

#[test]
fn no_part_of_a_page_is_a_page() {
    let bytes = bytes_of(&sample(3, 2));
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), Err(Refusal::Truncated), "{end}");
    }
    let longer = [&bytes[..], &[0; 8]].concat();
    assert_eq!(decode(&longer), Err(Refusal::Torn));
}

#[test]
fn a_page_of_another_version_is_refused_by_its_number() {
    let mut bytes = bytes_of(&sample(1, 1));
    bytes[8..16].copy_from_slice(&(VERSION + 1).to_le_bytes());
    seal(&mut bytes);
    assert_eq!(decode(&bytes), Err(Refusal::Version(VERSION + 1)));
    assert!(Refusal::Version(9).to_string().contains("version 9"));
    assert_eq!(decode(&bytes[..16]), Err(Refusal::Version(VERSION + 1)), "however it goes on");
    assert_eq!(decode(b"#!/bin/sh"), Err(Refusal::NotAPage));
    assert_eq!(decode(b"#!"), Err(Refusal::NotAPage));
}

#[test]
fn a_mixture_of_two_pages_is_torn() {
    let (mut before, mut after) = (sample(4, 2), sample(4, 2));
    (before.sequence, after.sequence) = (8, 9);
    after.rate.ended += 1;
    after.slots[3].requests += 1;
    let (before, after) = (bytes_of(&before), bytes_of(&after));
    for cut in 0..=before.len() {
        let mixture = [&after[..cut], &before[cut..]].concat();
        let is_whole = mixture == before || mixture == after;
        assert_eq!(decode(&mixture).is_ok(), is_whole, "{cut}");
        let mixture = [&before[..cut], &after[cut..]].concat();
        let is_whole = mixture == before || mixture == after;
        assert_eq!(decode(&mixture).is_ok(), is_whole, "{cut}");
    }
}

#[test]
fn numbers_without_a_name_have_none() {
    let slot = Slot { state: 99, last_close: 0, ..Slot::default() };
    assert_eq!((slot.activity(), slot.last_close_reason()), (None, None));
    for state in Activity::ALL {
        assert_eq!(Slot { state: *state as u64, ..slot }.activity(), Some(*state));
    }
    for reason in CloseReason::ALL {
        let slot = Slot { last_close: *reason as u64 + 1, ..slot };
        assert_eq!(slot.last_close_reason(), Some(*reason));
    }
}

#[test]
fn a_long_name_is_cut_between_letters() {
    let mut page = sample(0, 0);
    page.name = "ä".repeat(NAME);
    assert_eq!(decode(&bytes_of(&page)).unwrap().name, "ä".repeat(NAME / 2));
    page.name = format!("x{}", "ä".repeat(NAME));
    assert_eq!(decode(&bytes_of(&page)).unwrap().name.len(), NAME - 1);
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
        prop_assert!(decode(&bytes).is_err());
        let begun = [&MAGIC[..], &VERSION.to_le_bytes(), &bytes].concat();
        prop_assert!(decode(&begun).is_err());
    }

    #[test]
    fn a_damaged_page_is_refused(at in any::<usize>(), with in 1..=u8::MAX) {
        let mut bytes = bytes_of(&sample(3, 2));
        let at = at % bytes.len();
        bytes[at] ^= with;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn a_forged_page_does_no_harm(
        at in any::<usize>(),
        forged in proptest::collection::vec(any::<u8>(), 1..64),
    ) {
        let mut bytes = bytes_of(&sample(3, 2));
        let room = bytes.len() - TRAILER;
        let at = at % room;
        let end = room.min(at + forged.len());
        bytes[at..end].copy_from_slice(&forged[..end - at]);
        seal(&mut bytes);
        if let Ok(page) = decode(&bytes) {
            prop_assert!(page.slots.len() == 3 && page.addresses.len() <= MAX_ADDRESSES);
            for slot in &page.slots {
                let _names = (slot.activity(), slot.last_close_reason());
            }
        }
    }
}
