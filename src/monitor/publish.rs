//! Publishing: a pool shares its page in a file, until it is closed or told to end.
//!
//! What is in the page is put together by `page.rs`, and written on the thread of
//! `publish/thread.rs`.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::page::Publication;
use crate::driver::Pool;
use crate::error::Status;
use crate::log::Level;
use crate::publish::file::PageFile;
use crate::publish::thread::{Publishing, Repeated};

impl Pool {
    /// Shares what the pool knows of itself in a file, written anew each `period`. Any thread; it
    /// waits for the file system. A refusal changes nothing.
    ///
    /// # Errors
    /// `ERR_FILE` when the file cannot be made, `ERR_SYSTEM` when there can be no thread,
    /// `ERR_CLOSED`.
    pub fn publish(self: &Arc<Self>, path: &Path, period: Duration) -> Result<(), Status> {
        let published = self.begin_publishing(path, period);
        let (level, said) = match &published {
            Ok(()) => (Level::Info, "published".to_owned()),
            Err((_, why)) => (Level::Warn, format!("not published: {why}")),
        };
        self.log(level, "pool", || (said, vec![("path", path.display().to_string())]));
        published.map_err(|(status, _)| status)
    }

    fn begin_publishing(
        self: &Arc<Self>,
        path: &Path,
        period: Duration,
    ) -> Result<(), (Status, String)> {
        let mut publishing =
            self.reporting.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: who closes the pool ends this later.
        if self.is_closed() {
            return Err((Status::ERR_CLOSED, "the pool is closed".to_owned()));
        }
        let mut publication = Publication::new(Arc::clone(self), period);
        let old = publishing.as_ref().map(Publishing::file);
        let file = PageFile::create(path, publication.next_page(), old)
            .map_err(|error| (Status::ERR_FILE, error.to_string()))?;
        let file = Arc::new(file);
        let its = Arc::clone(&file);
        // A write that fails is made up for by the next one; monitors see that none has come.
        let job = move || drop(its.write(publication.next_page()));
        let job = Repeated::start(period, job)
            .map_err(|error| (Status::ERR_SYSTEM, error.to_string()))?;
        *publishing = Some(Publishing::new(job, file));
        Ok(())
    }
}
