//! Calls that wait until their message can go: by lane, and within a lane in the order of the
//! calls.
//!
//! The queue and the turns are those of the requests of a pool ([`Queue`]): a session is a pool of
//! one slot, which is free while its connection takes messages. Deadlines and keys are in
//! [`Calls`](super::calls::Calls), in which these calls are, too. What waits is any value `M`. It
//! knows no connection and no time.

use crate::error::Status;
use crate::lane::Lane;
use crate::pool::queue::Queue;
use crate::source::Source;

/// The calls of one session that wait.
#[derive(Debug)]
pub struct Waiting<M> {
    queue: Queue<M>,
    /// So many may wait in each lane.
    most: usize,
}

impl<M> Waiting<M> {
    /// None waits. `most` may wait in each lane; 0: none ever does.
    pub fn new(most: usize) -> Self {
        Self { queue: Queue::new(1), most }
    }

    /// Whether a message of that lane that comes now may go at once: no call waits that goes
    /// before it.
    #[inline]
    pub fn may_pass(&self, lane: Lane) -> bool {
        self.queue.turns().may_pass(lane, |_| true)
    }

    /// A message of that lane has gone at once. Those that wait below were passed over.
    #[inline]
    pub fn passed(&mut self, lane: Lane) {
        self.queue.turns_mut().served(lane, |_| true);
    }

    /// Whether a call of that lane may wait.
    ///
    /// # Errors
    /// `ERR_WAITING_FULL`.
    pub fn check(&self, lane: Lane) -> Result<(), Status> {
        if self.queue.len_of(lane) < self.most { Ok(()) } else { Err(Status::ERR_WAITING_FULL) }
    }

    /// The call of that number waits at the end of its lane; [`Waiting::check`] has allowed it.
    /// Numbers grow from call to call.
    pub fn join(&mut self, lane: Lane, id: u64, message: M) {
        self.queue.insert(lane, Source::ANY, id, message);
    }

    /// Takes the call out whose turn it is, because a message can go.
    pub fn take_first(&mut self) -> Option<(u64, M)> {
        let (lane, _) = self.queue.turns().next(|_| true)?;
        let id = self.queue.first(lane, 0)?.0;
        self.passed(lane);
        Some((id, self.queue.remove(id)?))
    }

    /// Takes the oldest call out, because none is sent any more.
    pub fn take_oldest(&mut self) -> Option<(u64, M)> {
        let (id, ..) = self.queue.first_where(|_, _| true)?;
        Some((id, self.queue.remove(id)?))
    }

    /// That call waits no more. `None`: it did not.
    pub fn leave(&mut self, id: u64) -> Option<M> {
        self.queue.remove(id)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::lanes::MOST_PASSED;

    #[test]
    fn lanes_go_before_those_below_and_calls_of_one_in_their_order() {
        let mut waiting = Waiting::new(2);
        waiting.join(Lane::Orders, 1, "order");
        waiting.join(Lane::Background, 2, "sync");
        waiting.join(Lane::Urgent, 3, "cancel");
        waiting.join(Lane::Orders, 4, "another order");
        assert_eq!(waiting.len(), 4);
        let gone: Vec<_> = std::iter::from_fn(|| waiting.take_first()).collect();
        assert_eq!(gone, [(3, "cancel"), (1, "order"), (4, "another order"), (2, "sync")]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn what_comes_now_passes_only_those_below_it() {
        let mut waiting = Waiting::new(1);
        assert!(Lane::ALL.into_iter().all(|lane| waiting.may_pass(lane)));
        waiting.join(Lane::Orders, 1, ());
        let passes = Lane::ALL.map(|lane| waiting.may_pass(lane));
        assert_eq!(passes, [true, false, false, false]);
        assert_eq!(waiting.leave(1), Some(()));
        assert_eq!((waiting.leave(1), waiting.may_pass(Lane::Background)), (None, true));
    }

    #[test]
    fn each_lane_has_its_own_bound() {
        let mut waiting = Waiting::new(1);
        waiting.join(Lane::Orders, 1, ());
        assert_eq!(waiting.check(Lane::Orders), Err(Status::ERR_WAITING_FULL));
        assert_eq!(waiting.check(Lane::Urgent), Ok(()));
        assert_eq!(Waiting::<()>::new(0).check(Lane::Urgent), Err(Status::ERR_WAITING_FULL));
    }

    /// Neither those that wait above nor those that go at once starve a lane.
    #[test]
    fn a_lane_that_was_passed_over_often_enough_has_the_next_turn() {
        let mut waiting = Waiting::new(usize::MAX);
        waiting.join(Lane::Queries, 1, ());
        (2..100).for_each(|id| waiting.join(Lane::Orders, id, ()));
        (0..MOST_PASSED / 2).for_each(|_| waiting.passed(Lane::Urgent));
        let before =
            (0..).take_while(|_| waiting.take_first().is_some_and(|(id, ())| id != 1)).count();
        assert_eq!(before as u32, MOST_PASSED - MOST_PASSED / 2);
    }

    #[test]
    fn at_the_end_the_oldest_leaves_first_whatever_its_lane() {
        let mut waiting = Waiting::new(8);
        waiting.join(Lane::Queries, 1, ());
        waiting.join(Lane::Urgent, 2, ());
        let left: Vec<_> =
            std::iter::from_fn(|| waiting.take_oldest()).map(|(id, ())| id).collect();
        assert_eq!(left, [1, 2]);
    }
}
