//! Answers that come after the completion of their request: how many are waited for, and how each
//! is told.
//!
//! Rules, all kept here:
//! - Of the exchanges that are waited for there are never more than slots. One too many is given
//!   up.
//! - A late answer is an event. If the engine wants it as another completion, it goes where the
//!   first one went: to a callback, or to the completion queue if that has room.

/// Where the completion of the request went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// To a callback.
    Callback,
    /// To the completion queue.
    Queue,
    /// To a caller that slept for it, or to a part of the pool.
    Other,
}

/// What a pool does about late answers.
#[derive(Clone, Copy, Debug)]
pub struct LateAnswers {
    /// The slots of the pool.
    pub slots: usize,
    /// The engine wants them as completions.
    pub completes: bool,
}

impl LateAnswers {
    /// Whether one more exchange is waited for, besides so many.
    pub fn waits(&self, waiting: usize) -> bool {
        waiting < self.slots
    }

    /// Whether the answer is another completion, as opposed to an event. `has_room` reserves a
    /// place in the queue, and is asked only if the completion would go there.
    pub fn is_completion(&self, receiver: Receiver, has_room: impl FnOnce() -> bool) -> bool {
        self.completes
            && match receiver {
                Receiver::Callback => true,
                Receiver::Queue => has_room(),
                Receiver::Other => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_waited_for_than_there_are_slots() {
        let late = LateAnswers { slots: 2, completes: false };
        assert!(late.waits(1) && !late.waits(2) && !late.waits(3));
    }

    #[test]
    fn a_late_answer_is_an_event_unless_the_engine_wants_a_completion_and_it_has_a_place() {
        let [by_event, by_completion] = [false, true].map(|completes| {
            let late = LateAnswers { slots: 1, completes };
            move |receiver, has_room: bool| late.is_completion(receiver, || has_room)
        });
        for receiver in [Receiver::Callback, Receiver::Queue, Receiver::Other] {
            assert!(!by_event(receiver, true), "{receiver:?}");
        }
        assert!(by_completion(Receiver::Callback, false), "it needs no place");
        assert!(by_completion(Receiver::Queue, true) && !by_completion(Receiver::Queue, false));
        assert!(!by_completion(Receiver::Other, true));
        let unasked = || panic!("a place would be reserved for nothing");
        let late = LateAnswers { slots: 1, completes: false };
        assert!(!late.is_completion(Receiver::Queue, unasked));
    }
}
