//! A pause of the pool: until when nothing is sent, and whether connections are kept meanwhile.
//!
//! A pause that begins in another one can make it longer and stricter, never shorter or milder.

/// The pause of a pool, if there is one. Times are nanoseconds on any clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// 0 while there is no pause.
    until_ns: u64,
    /// No connection is kept or dialled in it.
    closes: bool,
}

impl Pause {
    /// A pause of so long from now begins. Answers whether connections are to be closed for it.
    pub fn begin(&mut self, now_ns: u64, for_ns: u64, closes: bool) -> bool {
        // One that is over has nothing to say, also before somebody has ended it.
        if self.until_ns <= now_ns {
            *self = Self::default();
        }
        self.until_ns = self.until_ns.max(now_ns.saturating_add(for_ns));
        self.closes |= closes;
        self.closes
    }

    /// Ends the pause that ends at that moment; `false` when another one has begun meanwhile.
    pub fn end(&mut self, until_ns: u64) -> bool {
        let is_it = self.until_ns == until_ns;
        if is_it {
            *self = Self::default();
        }
        is_it
    }

    /// When it ends; 0 when there is none.
    pub fn until_ns(&self) -> u64 {
        self.until_ns
    }

    /// How long no dial may begin.
    pub fn no_dial_ns(&self, now_ns: u64) -> u64 {
        if self.closes { self.until_ns.saturating_sub(now_ns) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_in_a_pause_makes_it_longer_and_stricter_only() {
        let mut pause = Pause::default();
        assert!(!pause.begin(100, 50, false));
        assert_eq!((pause.until_ns(), pause.no_dial_ns(110)), (150, 0));
        assert!(pause.begin(110, 10, true));
        assert!(pause.begin(110, 20, false));
        assert_eq!((pause.until_ns(), pause.no_dial_ns(110), pause.no_dial_ns(150)), (150, 40, 0));
        assert!(!pause.end(120));
        assert!(pause.end(150));
        assert_eq!((pause.until_ns(), pause.no_dial_ns(110)), (0, 0));
        assert!(pause.begin(200, 10, true));
        assert!(!pause.begin(210, u64::MAX, false), "the strict one is over by now");
        assert_eq!(pause.until_ns(), u64::MAX);
    }
}
