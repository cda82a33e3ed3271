//! Which slot of a session is live, which ones wait to take over, and when one is replaced.
//!
//! A slot is the place of one connection. It stays when the connection is lost.
//!
//! ```text
//!  Coming ─► Ready ─► Live ─► (lost) ─► Coming ...        a slot heals by itself (life.rs)
//!    ▲                  │ replaced by a slot that is ready
//!  Spare ◄── (lost) ◄─ Leaving: its calls get their answers, then it is closed
//! ```
//!
//! When the live slot is lost, a ready one takes over at once. A slot that is too old is replaced:
//! a spare one opens, logs in and takes its place, and then the old one leaves. Age alone loses no
//! message, so an old slot serves until then. Policy only: no clock, no socket, no chance.

/// The settings. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StandbyRules {
    /// The slots that are to be logged in, the live one included; at least 1.
    pub slots: usize,
    /// A slot is replaced at this age, or up to a fifth earlier; 0: at none.
    pub max_age_ns: u64,
    /// So long the calls of a replaced slot may await their answers.
    pub drain_ns: u64,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing, until that time or until something happens; `None`: for ever.
    Wait(Option<u64>),
    /// A spare slot begins to dial.
    Open(usize),
    /// The session is up: this slot is live, and there was none.
    Up(usize),
    /// The session goes on by the slot `to`.
    Switch {
        /// The slot that was live. It is lost, or it leaves.
        from: usize,
        /// The slot that is live now.
        to: usize,
        /// The slot `from` has left because of its age.
        is_rotation: bool,
    },
    /// This slot is to be closed.
    Close(usize),
}

/// What becomes of a slot whose connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It dials anew.
    Heals,
    /// It is needed no more.
    Rests,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Spare,
    Coming { replaces: Option<usize> },
    Ready { since_ns: u64, due_ns: u64 },
    Live { due_ns: u64 },
    Leaving { until_ns: u64, is_closing: bool },
}

/// The slots of one session.
#[derive(Debug)]
pub struct Standby {
    rules: StandbyRules,
    roles: Vec<Role>,
    /// The slot that was live, lost in this moment.
    lost: Option<usize>,
    /// A replacement has become ready: the slot that leaves, and the one that comes.
    replaced: Option<(usize, usize)>,
}

impl Standby {
    /// The slots of a session that begins. One more than the rules say, if any grows old.
    pub fn new(rules: StandbyRules) -> Self {
        let mut roles = vec![Role::Coming { replaces: None }; rules.slots];
        if rules.max_age_ns > 0 {
            roles.push(Role::Spare);
        }
        Self { rules, roles, lost: None, replaced: None }
    }

    /// How many slots there are. They are numbered from 0.
    pub fn slots(&self) -> usize {
        self.roles.len()
    }

    /// The slot that the engine's messages go by.
    pub fn live(&self) -> Option<usize> {
        self.roles.iter().position(|role| matches!(role, Role::Live { .. }))
    }

    /// How many slots wait to take over.
    pub fn ready_lines(&self) -> usize {
        self.roles.iter().filter(|role| matches!(role, Role::Ready { .. })).count()
    }

    /// Whether the slot has been replaced, and awaits its end.
    pub fn is_leaving(&self, slot: usize) -> bool {
        matches!(self.roles[slot], Role::Leaving { .. })
    }

    /// Whether the connection that comes on the slot is to replace one that is too old.
    pub fn is_replacement(&self, slot: usize) -> bool {
        matches!(self.roles[slot], Role::Coming { replaces: Some(_) })
    }

    /// Whether no connection is wanted on the slot.
    pub fn is_spare(&self, slot: usize) -> bool {
        self.roles[slot] == Role::Spare
    }

    /// Whether the engine is told what comes on the slot. Of slots that wait it would be told
    /// twice.
    pub fn is_told(&self, slot: usize) -> bool {
        match self.roles[slot] {
            Role::Live { .. } | Role::Leaving { .. } => true,
            _ => self.live().is_none(),
        }
    }

    /// The slot is logged in, on a connection that there is since `since_ns`. `random` is uniform
    /// over all of `u64`. [`Standby::step`] comes next.
    pub fn ready(&mut self, slot: usize, since_ns: u64, random: u64) {
        let Role::Coming { replaces } = self.roles[slot] else { return };
        let due_ns = self.due_ns(since_ns, random);
        self.roles[slot] = Role::Ready { since_ns, due_ns };
        if let Some(old) = replaces {
            self.replaced = Some((old, slot));
        }
    }

    /// At 8/10 to 10/10 of the age, by chance: slots that came together do not go together.
    fn due_ns(&self, since_ns: u64, random: u64) -> u64 {
        match self.rules.max_age_ns {
            0 => u64::MAX,
            age_ns => {
                let fifth = u128::from(age_ns / 5);
                let early_ns = ((fifth * u128::from(random)) >> 64) as u64;
                since_ns.saturating_add(age_ns - early_ns)
            }
        }
    }

    /// The peer has begun to close the connection of the slot, so nothing is sent on it any more.
    /// If it is live and another one is ready, that takes over now. If it waits, it waits no more.
    pub fn going(&mut self, slot: usize, now_ns: u64) {
        let leaving = Role::Leaving { until_ns: now_ns, is_closing: true };
        match self.roles[slot] {
            Role::Live { .. } if self.youngest().is_some() => {
                self.stands_alone(slot);
                self.roles[slot] = leaving;
                self.lost = Some(slot);
            }
            Role::Ready { .. } => {
                self.roles[slot] = match self.stands_alone(slot) {
                    true => leaving,
                    false => Role::Coming { replaces: None },
                };
            }
            _ => {}
        }
    }

    /// What was to replace the slot comes for itself now. `false`: nothing was.
    fn stands_alone(&mut self, slot: usize) -> bool {
        let is_it = |role: &&mut Role| **role == Role::Coming { replaces: Some(slot) };
        let replacement = self.roles.iter_mut().find(is_it);
        replacement.is_some_and(|role| {
            *role = Role::Coming { replaces: None };
            true
        })
    }

    /// The connection of the slot is lost.
    pub fn lost(&mut self, slot: usize) -> Then {
        let role = self.roles[slot];
        if let Role::Live { .. } = role {
            self.lost = Some(slot);
        }
        let rests = match role {
            Role::Leaving { .. } | Role::Spare => true,
            Role::Ready { .. } | Role::Live { .. } => self.stands_alone(slot),
            Role::Coming { .. } => return Then::Heals,
        };
        self.roles[slot] = if rests { Role::Spare } else { Role::Coming { replaces: None } };
        if rests { Then::Rests } else { Then::Heals }
    }

    /// What is to be done now; ask until it is [`Step::Wait`]. `has_calls` answers whether calls of
    /// a slot await their answers.
    pub fn step(&mut self, now_ns: u64, has_calls: impl Fn(usize) -> bool) -> Step {
        if let Some((old, new)) = self.replaced.take() {
            return self.replace(old, new, now_ns);
        }
        let lost = self.lost.take();
        if self.live().is_none()
            && let Some(to) = self.youngest()
        {
            self.goes_live(to);
            return match lost {
                Some(from) => Step::Switch { from, to, is_rotation: false },
                None => Step::Up(to),
            };
        }
        if let Some(slot) = self.leaver(now_ns, has_calls) {
            return Step::Close(slot);
        }
        match self.missing().or_else(|| self.too_old(now_ns)) {
            Some(slot) => Step::Open(slot),
            None => Step::Wait(self.until_ns(now_ns)),
        }
    }

    /// The new slot takes the place of the old one, which leaves.
    fn replace(&mut self, old: usize, new: usize, now_ns: u64) -> Step {
        let was_live = matches!(self.roles[old], Role::Live { .. });
        let until_ns = now_ns.saturating_add(self.rules.drain_ns);
        self.roles[old] = Role::Leaving { until_ns, is_closing: !was_live };
        if !was_live {
            return Step::Close(old);
        }
        self.goes_live(new);
        Step::Switch { from: old, to: new, is_rotation: true }
    }

    fn goes_live(&mut self, slot: usize) {
        if let Role::Ready { due_ns, .. } = self.roles[slot] {
            self.roles[slot] = Role::Live { due_ns };
        }
    }

    /// Of the slots that wait, the one that lasts longest.
    fn youngest(&self) -> Option<usize> {
        let ready = self.roles.iter().enumerate().filter_map(|(slot, role)| match role {
            Role::Ready { since_ns, .. } => Some((*since_ns, slot)),
            _ => None,
        });
        ready.max().map(|(_, slot)| slot)
    }

    /// A slot whose time to leave is over.
    fn leaver(&mut self, now_ns: u64, has_calls: impl Fn(usize) -> bool) -> Option<usize> {
        let is_due = |slot: &usize| match self.roles[*slot] {
            Role::Leaving { until_ns, is_closing: false } => {
                now_ns >= until_ns || !has_calls(*slot)
            }
            _ => false,
        };
        let slot = (0..self.roles.len()).find(is_due)?;
        self.roles[slot] = Role::Leaving { until_ns: now_ns, is_closing: true };
        Some(slot)
    }

    /// A spare slot that is to come because one has left without a replacement.
    fn missing(&mut self) -> Option<usize> {
        let spare = self.roles.iter().position(|role| *role == Role::Spare)?;
        let counts = |role: &&Role| {
            let stays = matches!(role, Role::Ready { .. } | Role::Live { .. });
            stays || **role == Role::Coming { replaces: None }
        };
        if self.roles.iter().filter(counts).count() >= self.rules.slots {
            return None;
        }
        self.roles[spare] = Role::Coming { replaces: None };
        Some(spare)
    }

    /// A spare slot that is to replace one that is too old, the live one first. One at a time.
    fn too_old(&mut self, now_ns: u64) -> Option<usize> {
        let spare = self.roles.iter().position(|role| *role == Role::Spare)?;
        let is_coming = |role: &Role| matches!(role, Role::Coming { replaces: Some(_) });
        if self.roles.iter().any(is_coming) {
            return None;
        }
        let old =
            self.aged().filter(|(due_ns, ..)| *due_ns <= now_ns).map(|(_, is_ready, slot)| {
                // The live slot, and then the oldest.
                (is_ready, slot)
            });
        let (_, slot) = old.min()?;
        self.roles[spare] = Role::Coming { replaces: Some(slot) };
        Some(spare)
    }

    /// Each slot that grows old: when it is due, whether it waits, which.
    fn aged(&self) -> impl Iterator<Item = (u64, bool, usize)> + '_ {
        self.roles.iter().enumerate().filter_map(|(slot, role)| match role {
            Role::Ready { due_ns, .. } => Some((*due_ns, true, slot)),
            Role::Live { due_ns } => Some((*due_ns, false, slot)),
            _ => None,
        })
    }

    fn until_ns(&self, now_ns: u64) -> Option<u64> {
        let has_spare = self.roles.contains(&Role::Spare);
        let aged = self.aged().map(|(due_ns, ..)| due_ns);
        // What is due already waits for the slot that comes, or for the one that leaves.
        let aged = aged.filter(|due_ns| has_spare && *due_ns != u64::MAX && *due_ns > now_ns);
        let leaving = self.roles.iter().filter_map(|role| match role {
            Role::Leaving { until_ns, is_closing: false } => Some(*until_ns),
            _ => None,
        });
        aged.chain(leaving).min()
    }
}

#[cfg(test)]
mod tests;
