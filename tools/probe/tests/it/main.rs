//! The program as its users have it: run against the mock venue, and judged by what it writes.

mod ends;
mod files;
mod man;
mod measured;
mod run;
