//! Header fields that an engine wants to see of each response, found once, when its head is whole.
//!
//! A name has an index, in the order in which the names were added. One walk over the fields of a
//! head, whichever way the head was read, says where the value of each name stands. The length of
//! a name decides for nearly all fields, without a look at the bytes. This file knows names and
//! places; it does not know what a value means, or who keeps it.

use std::sync::Arc;

use super::field;
use super::head::Field;
use crate::error::Status;

/// The most names that can be watched.
pub const MAX_WATCHED: usize = 16;

/// The names to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchList {
    names: Vec<Box<[u8]>>,
    /// A bit for each length that a name has; the last one is for that length and all above.
    lengths: u64,
}

impl WatchList {
    /// Adds a name and gives its index. A name that is there already, in any case, keeps its index.
    ///
    /// # Errors
    /// `ERR_HEADER_NAME` if it is no token; `ERR_ARGUMENT` for one name too many.
    pub fn add(&mut self, name: &[u8]) -> Result<usize, Status> {
        if !field::is_token(name) {
            return Err(Status::ERR_HEADER_NAME);
        }
        if let Some(index) = self.index_of(name) {
            return Ok(index);
        }
        if self.names.len() == MAX_WATCHED {
            return Err(Status::ERR_ARGUMENT);
        }
        self.names.push(name.into());
        self.lengths |= length_bit(name.len());
        Ok(self.names.len() - 1)
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing is watched.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn index_of(&self, name: &[u8]) -> Option<usize> {
        self.names.iter().position(|known| known.eq_ignore_ascii_case(name))
    }

    fn may_have(&self, length: usize) -> bool {
        self.lengths & length_bit(length) != 0
    }
}

fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// Where the watched fields of one head stand.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    list: Arc<WatchList>,
    /// By the index of the name.
    fields: [Option<Field>; MAX_WATCHED],
}

impl Watched {
    /// No head was looked at yet.
    pub(super) fn new(list: Arc<WatchList>) -> Self {
        Self { list, fields: [None; MAX_WATCHED] }
    }

    /// Finds the watched fields among `fields`, which stand in `head`, and forgets those of an
    /// earlier head. Of two fields of one name it is the first, as in `Response::find`.
    #[inline(never)] // Whoever watches nothing reads none of its code.
    pub(super) fn find(&mut self, fields: &[Field], head: &[u8]) {
        self.fields = [None; MAX_WATCHED];
        for field in fields.iter().filter(|field| self.list.may_have(field.name_len())) {
            if let Some(index) = self.list.index_of(field.name(head)) {
                self.fields[index].get_or_insert(*field);
            }
        }
    }

    /// Where the field of the name with that index stands.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if no name has it; `ERR_NOT_FOUND` if the head has no such field.
    pub(super) fn field(&self, index: usize) -> Result<Field, Status> {
        if index >= self.list.len() {
            return Err(Status::ERR_ARGUMENT);
        }
        self.fields[index].ok_or(Status::ERR_NOT_FOUND)
    }
}

/// The number that a value is: digits and nothing else, at most `u64::MAX`.
pub fn number(value: &[u8]) -> Option<u64> {
    // Rust's own parser would take a sign.
    let is_number = value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()
}

#[cfg(test)]
mod tests;
