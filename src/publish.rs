//! What a pool shares with monitors outside its process: a page in a file, written again and again.
//!
//! [`page`] is what is told, [`layout`] its bytes, [`file`](mod@file) the file, and [`process`]
//! tells whether the writer still runs. They know no pool, thread or clock.

pub mod file;
pub mod layout;
pub mod page;
pub mod process;
pub(crate) mod thread;
