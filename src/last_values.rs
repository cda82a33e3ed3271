//! The last value of each watched header field, for whoever wants to know at a glance.
//!
//! Written by the thread that ends an exchange, read by any thread. A reader copies the value and
//! looks whether it was written meanwhile, so it does not hold up the writer. Only a reader that
//! has met a writer copies again under a lock. A value that a later response has said is never
//! replaced by an earlier one, on whatever thread their exchanges end. It knows no pool.

use crossbeam_utils::atomic::AtomicCell;

use crate::completion::Completion;
use crate::http::watch::number;

/// How many bytes of a value are kept; as a string of C, they have room in 64 bytes.
pub const KEPT_BYTES: usize = 63;

/// The last value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastValue {
    /// When the first byte of its response was read.
    pub time_ns: u64,
    /// The number that the whole value is, if it is one.
    pub number: Option<u64>,
    /// The length of the whole value in bytes.
    pub len: usize,
    /// Its first bytes, with zeros behind them.
    pub text: [u8; KEPT_BYTES],
}

impl LastValue {
    fn new(value: &[u8], time_ns: u64) -> Self {
        let mut text = [0; KEPT_BYTES];
        let kept = value.len().min(KEPT_BYTES);
        text[..kept].copy_from_slice(&value[..kept]);
        Self { time_ns, number: number(value), len: value.len(), text }
    }
}

/// The last value of each field, by its index.
pub(crate) struct LastValues(Box<[AtomicCell<Option<LastValue>>]>);

impl LastValues {
    /// For so many fields, of which nothing is known yet.
    pub(crate) fn new(fields: usize) -> Self {
        Self((0..fields).map(|_| AtomicCell::new(None)).collect())
    }

    /// Keeps what the response of a completion says.
    #[inline(never)] // The values would be on the stack of whoever watches nothing.
    pub(crate) fn keep_all(&self, completion: &Completion) {
        let Some(recycled) = &completion.response else { return };
        for index in 0..self.0.len() {
            if let Ok(value) = recycled.response.watched(index) {
                self.keep(index, LastValue::new(value, completion.times.first_byte_ns));
            }
        }
    }

    /// The last value of the field with that index, or `Some(None)` if no response had it. `None`:
    /// there is no such field.
    pub(crate) fn get(&self, index: usize) -> Option<Option<LastValue>> {
        self.0.get(index).map(AtomicCell::load)
    }

    /// Keeps a value, unless a later one is known.
    fn keep(&self, index: usize, value: LastValue) {
        let cell = &self.0[index];
        let mut known = cell.load();
        while known.is_none_or(|known| known.time_ns <= value.time_ns) {
            match cell.compare_exchange(known, Some(value)) {
                Ok(_) => return,
                Err(other) => known = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_cut_to_what_is_kept_and_its_number_is_read_before() {
        let long = [b'7'; KEPT_BYTES + 1];
        for (value, number) in [(&b""[..], None), (b"17", Some(17)), (b"3ms", None), (&long, None)]
        {
            let last = LastValue::new(value, 5);
            assert_eq!((last.time_ns, last.number, last.len), (5, number, value.len()));
            let kept = value.len().min(KEPT_BYTES);
            assert_eq!(last.text[..kept], value[..kept]);
            assert_eq!(last.text[kept..], [0; KEPT_BYTES][kept..]);
        }
        let padded = [&[b'0'; KEPT_BYTES][..], b"12"].concat();
        assert_eq!(LastValue::new(&padded, 5).number, Some(12));
    }

    #[test]
    fn an_earlier_value_does_not_replace_a_later_one() {
        let last = LastValues::new(2);
        for (value, time_ns, kept) in [("a", 5, "a"), ("b", 4, "a"), ("c", 5, "c"), ("d", 9, "d")] {
            last.keep(1, LastValue::new(value.as_bytes(), time_ns));
            assert_eq!(last.0[1].load().unwrap().text[0], kept.as_bytes()[0]);
        }
        assert_eq!(last.0[0].load(), None);
    }

    /// Two threads write and two read: each value that is seen is whole, and none goes back.
    #[test]
    fn readers_see_whole_values_that_never_go_back_in_time() {
        const WRITES: u64 = 100_000;
        let last = LastValues::new(1);
        let value = |time_ns: u64| LastValue {
            time_ns,
            number: Some(time_ns),
            len: time_ns as usize,
            text: [time_ns as u8; KEPT_BYTES],
        };
        std::thread::scope(|scope| {
            for first in [1, 2] {
                let times = (first..=WRITES).step_by(2);
                let last = &last;
                scope.spawn(move || times.for_each(|time_ns| last.keep(0, value(time_ns))));
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut seen = 0;
                    while seen < WRITES {
                        let Some(now) = last.0[0].load() else { continue };
                        assert_eq!(now, value(now.time_ns));
                        assert!(now.time_ns >= seen);
                        seen = now.time_ns;
                    }
                });
            }
        });
    }
}
