//! The heads of the last orders and of their answers, in memory that is taken once.
//!
//! They stand here as they were on the wire, because to leave out secrets takes too long for the
//! path of an order. So they hold keys and signatures. Who reads has a copy that is wiped, and
//! tells nothing of it but what [`redact`](super::redact) leaves. No byte of a body is here.

use memchr::memmem::Finder;
use zeroize::Zeroizing;

/// What a head ends with (RFC 9112 section 2.1).
const END: &[u8] = b"\r\n\r\n";

/// So many heads belong to an order: its own, and that of its answer.
const EACH: usize = 2;

/// The heads of an order, the request's first. One that does not end with [`END`] was cut, or broke
/// off; an empty one is not there.
pub type Pair<T> = [T; EACH];

/// Room for both heads of so many orders.
pub struct Heads {
    /// Each head has the same room, and those of an order stand side by side.
    bytes: Zeroizing<Vec<u8>>,
    lens: Box<[Pair<u16>]>,
    room: usize,
    end: Finder<'static>,
}

/// Copies of heads, for a moment.
pub struct HeadCopies {
    bytes: Zeroizing<Vec<u8>>,
    lens: Vec<Pair<u16>>,
}

impl Heads {
    /// For so many orders, with room for so many bytes of each head.
    pub fn new(orders: usize, room: u16) -> Self {
        let room = usize::from(room);
        let mut bytes = vec![0; orders * EACH * room];
        // Zeros would be memory that the system gives later, to the first orders.
        bytes.fill(b' ');
        let lens = vec![Pair::default(); orders].into_boxed_slice();
        Self { bytes: Zeroizing::new(bytes), lens, room, end: Finder::new(END) }
    }

    /// The order of that place begins. `request`: its bytes.
    pub fn began(&mut self, place: usize, request: &[u8]) {
        let len = self.keep(place, 0, self.head_of(request));
        self.lens[place] = [len, 0];
    }

    /// The answer to the order of that place has come, with this head.
    pub fn answered(&mut self, place: usize, head: &[u8]) {
        self.lens[place][1] = self.keep(place, 1, head);
    }

    /// What came as the answer to the order of that place has no good head.
    pub fn refused(&mut self, place: usize, received: &[u8]) {
        self.answered(place, self.head_of(received));
    }

    /// Keeps what the head begins with, and answers how much that is.
    fn keep(&mut self, place: usize, which: usize, head: &[u8]) -> u16 {
        let (start, len) = (self.start(place, which), head.len().min(self.room));
        self.bytes[start..start + len].copy_from_slice(&head[..len]);
        // The room is a u16.
        len as u16
    }

    /// The head that these bytes begin with, or as much of it as there is room for.
    fn head_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let seen = &bytes[..bytes.len().min(self.room)];
        self.end.find(seen).map_or(seen, |end| &seen[..end + END.len()])
    }

    fn start(&self, place: usize, which: usize) -> usize {
        (place * EACH + which) * self.room
    }

    /// Appends the heads of the order of that place.
    pub fn copy(&self, place: usize, to: &mut HeadCopies) {
        for (which, len) in self.lens[place].into_iter().enumerate() {
            let start = self.start(place, which);
            to.bytes.extend_from_slice(&self.bytes[start..start + usize::from(len)]);
        }
        to.lens.push(self.lens[place]);
    }
}

impl HeadCopies {
    /// With room for those of so many orders.
    pub fn with_room(orders: usize, room: u16) -> Self {
        let bytes = Vec::with_capacity(orders * EACH * usize::from(room));
        Self { bytes: Zeroizing::new(bytes), lens: Vec::with_capacity(orders) }
    }

    /// The heads of each order, in the order of copying. Nothing is left here.
    pub fn take(&mut self, mut each: impl FnMut(Pair<&[u8]>)) {
        let mut rest = &self.bytes[..];
        for lens in self.lens.drain(..) {
            each(lens.map(|len| {
                let (head, behind) = rest.split_at(usize::from(len));
                rest = behind;
                head
            }));
        }
        // The room stays, and is wiped at the end.
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(heads: &Heads, place: usize) -> Pair<Vec<u8>> {
        let (mut copies, mut found) = (HeadCopies::with_room(1, 64), Pair::default());
        heads.copy(place, &mut copies);
        copies.take(|pair| found = pair.map(<[u8]>::to_vec));
        found
    }

    #[test]
    fn a_head_is_kept_and_no_body() {
        let mut heads = Heads::new(2, 64);
        heads.began(1, b"POST / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n");
        heads.answered(1, b"HTTP/1.1 204 No Content\r\n\r\n");
        let expected =
            [&b"POST / HTTP/1.1\r\nA: b\r\n\r\n"[..], b"HTTP/1.1 204 No Content\r\n\r\n"];
        assert_eq!(of(&heads, 1), expected.map(<[u8]>::to_vec));
        assert_eq!(of(&heads, 0), [b"", b""].map(|none| none.to_vec()));
        heads.refused(1, b"HTTP/1.1 x\r\n\r\nbody");
        assert_eq!(of(&heads, 1)[1], b"HTTP/1.1 x\r\n\r\n");
        heads.began(1, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(of(&heads, 1), [b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new()], "a new order");
    }

    #[test]
    fn a_longer_head_is_cut() {
        let mut heads = Heads::new(1, 64);
        heads.began(0, &[b'x'; 100]);
        heads.answered(0, b"");
        assert_eq!(of(&heads, 0), [vec![b'x'; 64], Vec::new()]);
        heads.refused(0, &[&[b'y'; 62][..], END, b"body"].concat());
        assert_eq!(of(&heads, 0)[1], [&[b'y'; 62][..], b"\r\n"].concat());
    }

    #[test]
    fn copies_of_several_orders_stay_apart() {
        let mut heads = Heads::new(2, 64);
        heads.began(0, b"a\r\n\r\n");
        heads.began(1, b"b\r\n\r\n");
        heads.answered(1, b"c\r\n\r\n");
        let mut copies = HeadCopies::with_room(2, 64);
        for _ in 0..2 {
            let mut found = Vec::new();
            heads.copy(0, &mut copies);
            heads.copy(1, &mut copies);
            copies.take(|pair| found.extend(pair.map(<[u8]>::to_vec)));
            assert_eq!(found, [&b"a\r\n\r\n"[..], b"", b"b\r\n\r\n", b"c\r\n\r\n"]);
        }
    }
}
