//! The pool's policy, pure: who gets which slot, which request can still be answered in time, when
//! to dial again and how often, what a live connection needs.
//!
//! Nothing here knows a clock, a socket, a thread or tokio. Times are nanoseconds given by the
//! caller, randomness is a number given by the caller, so that each rule is tested without a sleep.

pub mod admission;
pub mod after_turn;
pub mod backoff;
pub mod changes;
pub mod connection_maintenance;
pub mod connection_state;
pub mod deadlines;
pub mod delivery;
pub mod dial_limit;
pub mod dial_schedule;
pub mod dispatch;
pub mod driving;
pub mod edges;
pub mod ending;
pub mod exchange_time;
pub mod fair_looks;
pub mod fanout;
pub mod healing;
pub mod health;
pub mod host_limits;
pub mod idle;
pub mod lanes;
pub mod late_answers;
pub mod maintenance;
pub mod pause;
pub mod pauses;
pub mod queue;
pub mod quiet;
pub mod slot;
pub mod turn_budget;
pub mod untold;
pub mod watch_period;
