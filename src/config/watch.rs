//! Which header fields of responses the engine wants to see without a search.

use std::sync::Arc;

use super::Config;
use crate::error::Status;
use crate::http::watch::WatchList;

/// Watched headers.
impl Config {
    /// Lets the header of that name be found in each response, and gives its index: 0 for the
    /// first name, and one more for each new one. A name that is watched already, in any case,
    /// keeps its index.
    ///
    /// # Errors
    /// `ERR_HEADER_NAME` if it is no token; `ERR_ARGUMENT` for one name too many: there may be 16.
    pub fn watch_header(&mut self, name: &[u8]) -> Result<usize, Status> {
        self.watch.add(name)
    }

    /// The watched headers; `None` if there are none.
    pub fn watched(&self) -> Option<Arc<WatchList>> {
        (!self.watch.is_empty()).then(|| Arc::new(self.watch.clone()))
    }
}
