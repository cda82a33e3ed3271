//! What the fuzz targets check, as plain functions of bytes.
//!
//! Nothing here knows libFuzzer: `tests/corpus.rs` of the library includes this file and runs the
//! whole corpus through the same checks on the stable toolchain, so that what was found once stays
//! found.

pub mod c_api;
pub mod exchanges;
mod input;
mod peer;
pub mod request;
pub mod response;
mod ws_calls;
pub mod ws_frames;
pub mod ws_handshake;

// The same model that the library's own tests use.
#[path = "../../src/http/exchange/tests/model.rs"]
mod model;

use venuepool::error::CloseReason;
use venuepool::http::exchange::Reuse;
use venuepool::http::limits::Limits;
