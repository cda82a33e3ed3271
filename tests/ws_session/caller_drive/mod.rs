//! The tests of both drives once more, in caller drive, and the tests of that drive.
//!
//! Each file is compiled a second time, with the engine's side of this folder.

#[path = "../desk.rs"]
mod desk;
mod driving;
#[path = "../faults.rs"]
mod faults;
#[path = "../frames.rs"]
mod frames;
mod grouped;
#[path = "../late.rs"]
mod late;
#[path = "../log.rs"]
mod log;
#[path = "../named.rs"]
mod named;
#[path = "../opening.rs"]
mod opening;
#[path = "../python.rs"]
mod python;
#[path = "../roads.rs"]
mod roads;
#[path = "../standby.rs"]
mod standby;
#[path = "../storm.rs"]
mod storm;
#[path = "../trading.rs"]
mod trading;
#[path = "../waiting.rs"]
mod waiting;

const DRIVE: venuepool::config::Drive = venuepool::config::Drive::Caller;
