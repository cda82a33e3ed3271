//! A pause, of the pool or of one source: until when nothing is sent, and whether connections are
//! kept meanwhile.
//!
//! A pause that begins in another one can make it longer and stricter, never shorter or milder.

/// The pause of a pool or of a source, if there is one. Times are nanoseconds on any clock that
/// never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// 0 while there is no pause.
    until_ns: u64,
    /// Until then no connection is kept or dialled; 0 if connections are kept.
    no_dial_until_ns: u64,
}

impl Pause {
    /// A pause of so long from now begins. Answers whether connections are to be closed for it.
    pub fn begin(&mut self, now_ns: u64, for_ns: u64, closes: bool) -> bool {
        // One that is over has nothing to say, also before somebody has ended it.
        if self.until_ns <= now_ns {
            *self = Self::default();
        }
        self.until_ns = self.until_ns.max(now_ns.saturating_add(for_ns));
        let closes = closes || self.no_dial_until_ns != 0;
        if closes {
            self.no_dial_until_ns = self.until_ns;
        }
        closes
    }

    /// The pause that both are together.
    pub fn with(&self, other: &Self) -> Self {
        Self {
            until_ns: self.until_ns.max(other.until_ns),
            no_dial_until_ns: self.no_dial_until_ns.max(other.no_dial_until_ns),
        }
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
        self.no_dial_until_ns.saturating_sub(now_ns)
    }
}

/// What a pause holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole pool.
    Pool,
    /// One source, by its number. In a pool without several sources that is the whole pool.
    Source(u32),
}

/// What a status of a response does to the pool, or to the source that it came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuspendRule {
    /// The status.
    pub http_status: u16,
    /// How long the pause is when the response does not ask for a time, in nanoseconds; 0 for none.
    pub for_ns: u64,
    /// Whether the connections are closed for the time of it.
    pub closes: bool,
}

/// A pause that a response asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it holds.
    pub scope: Scope,
    /// How long, in nanoseconds.
    pub for_ns: u64,
    /// Whether the connections are closed for the time of it.
    pub closes: bool,
}

/// Which responses begin a pause.
#[derive(Clone, Debug, Default)]
pub struct SuspendRules {
    rules: Vec<SuspendRule>,
    /// The longest pause that a response can ask for, in nanoseconds.
    cap_ns: u64,
    /// A pause holds the source only that its response came by.
    by_source: bool,
}

impl SuspendRules {
    /// These rules, at most one for each status. `cap_ns`: the longest pause that a response can
    /// ask for. `by_source`: it holds the source only that its response came by.
    pub fn new(rules: &[SuspendRule], cap_ns: u64, by_source: bool) -> Self {
        Self { rules: rules.to_vec(), cap_ns, by_source }
    }

    /// Whether there is a rule for that status.
    #[inline]
    pub fn has(&self, http_status: u16) -> bool {
        self.rules.iter().any(|rule| rule.http_status == http_status)
    }

    /// The pause that a response of this status begins, if it begins one. `source`: by which it
    /// came. `asked_ns`: how long it asks to wait, 0 if it does not say. It is called only if there
    /// is a rule.
    pub fn asked(
        &self,
        http_status: u16,
        source: impl FnOnce() -> u32,
        asked_ns: impl FnOnce() -> u64,
    ) -> Option<Asked> {
        let rule = self.rules.iter().find(|rule| rule.http_status == http_status)?;
        let for_ns = asked_for_ns(asked_ns(), rule.for_ns, self.cap_ns)?;
        let scope = if self.by_source { Scope::Source(source()) } else { Scope::Pool };
        Some(Asked { scope, for_ns, closes: rule.closes })
    }
}

/// How long the pause is that an answer asks for, in nanoseconds; `None`: there is none.
/// `asked_ns`: what the answer says, up to `most_ns`. `else_ns`: what counts if it says nothing.
fn asked_for_ns(asked_ns: u64, else_ns: u64, most_ns: u64) -> Option<u64> {
    // To ask for none, or to name a moment that has passed, says nothing of how long it should be.
    let for_ns = if asked_ns == 0 { else_ns } else { asked_ns.min(most_ns) };
    (for_ns != 0).then_some(for_ns)
}

/// What is to be done about telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Tell that there is a pause until then.
    Begun(u64),
    /// The pause that ends at that moment is over: end it. If it was that one ([`Pause::end`]),
    /// tell so, and say [`Told::over`].
    Over(u64),
    /// Ask again at that time, or when a pause begins or ends.
    At(u64),
    /// Ask again when a pause begins.
    Nothing,
}

/// What was told of the pauses of a pool, or of a source: each beginning and each new end once, and
/// then the end.
#[derive(Debug, Default)]
pub struct Told {
    /// The end of the pause that was told and is not over; 0 for none.
    until_ns: u64,
}

impl Told {
    /// What is to be done now.
    pub fn next(&mut self, pause: &Pause, now_ns: u64) -> Telling {
        let until_ns = pause.until_ns;
        if until_ns != 0 && until_ns != self.until_ns {
            self.until_ns = until_ns;
            return Telling::Begun(until_ns);
        }
        match self.until_ns {
            0 => Telling::Nothing,
            // In time, or because the engine has ended it.
            _ if until_ns <= now_ns => Telling::Over(until_ns),
            _ => Telling::At(until_ns),
        }
    }

    /// The end was told.
    pub fn over(&mut self) {
        self.until_ns = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pauses_together_are_as_long_and_as_strict_as_either() {
        let (mut long, mut strict) = (Pause::default(), Pause::default());
        long.begin(100, 50, false);
        strict.begin(100, 20, true);
        for both in [long.with(&strict), strict.with(&long)] {
            assert_eq!((both.until_ns(), both.no_dial_ns(100)), (150, 20));
        }
        assert_eq!(long.with(&Pause::default()), long);
    }

    #[test]
    fn an_answer_asks_for_a_pause_up_to_the_cap_and_the_rule_counts_if_it_does_not() {
        assert_eq!(asked_for_ns(5, 7, 10), Some(5));
        assert_eq!(asked_for_ns(50, 7, 10), Some(10));
        assert_eq!(asked_for_ns(0, 7, 5), Some(7), "the cap is for what answers say");
        assert_eq!(asked_for_ns(0, 0, 10), None);
    }

    #[test]
    fn a_response_begins_a_pause_by_the_rule_for_its_status() {
        let slow = SuspendRule { http_status: 429, for_ns: 7, closes: false };
        let banned = SuspendRule { http_status: 418, for_ns: 0, closes: true };
        for (by_source, scope) in [(false, Scope::Pool), (true, Scope::Source(2))] {
            let rules = SuspendRules::new(&[slow, banned], 100, by_source);
            let asked = |for_ns, closes| Some(Asked { scope, for_ns, closes });
            assert_eq!(rules.asked(429, || 2, || 0), asked(7, false));
            assert_eq!(rules.asked(418, || 2, || 500), asked(100, true));
            assert_eq!(rules.asked(418, || 2, || 0), None, "neither says how long");
            assert!(rules.has(429) && !rules.has(200));
            assert_eq!(rules.asked(200, || 2, || panic!("no rule, so nobody reads it")), None);
        }
    }

    #[test]
    fn each_beginning_and_each_new_end_is_told_once_and_then_the_end() {
        let (mut pause, mut told) = (Pause::default(), Told::default());
        assert_eq!(told.next(&pause, 100), Telling::Nothing);
        pause.begin(100, 50, false);
        assert_eq!(told.next(&pause, 100), Telling::Begun(150));
        assert_eq!(told.next(&pause, 100), Telling::At(150));
        pause.begin(120, 50, false);
        assert_eq!(told.next(&pause, 120), Telling::Begun(170));
        assert_eq!(told.next(&pause, 169), Telling::At(170));
        assert_eq!(told.next(&pause, 170), Telling::Over(170));
        assert_eq!(told.next(&pause, 170), Telling::Over(170), "nobody has told it");
        assert!(pause.end(170));
        told.over();
        assert_eq!(told.next(&pause, 170), Telling::Nothing);
        pause.begin(200, 50, false);
        assert_eq!(told.next(&pause, 200), Telling::Begun(250));
        assert!(pause.end(250));
        assert_eq!(told.next(&pause, 210), Telling::Over(0), "the engine has ended it");
    }

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
