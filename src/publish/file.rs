//! A page in a file: made, written, removed by the pool, and read by monitors.
//!
//! The writer never maps the file: it writes a page by one call. So a file that is cut off
//! cannot end the process by SIGBUS, and a reader that maps or reads it holds up no write. The
//! file appears with a complete page in it. What is in the way of it is replaced only if it is
//! a page of which the process has ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf, absolute};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::layout::{MAGIC, MAX_SIZE, Refusal, SEQUENCE_AT, decode};
use super::page::Page;
use super::process::{Life, life};
use crate::net::standard::spared;

/// Who may read it: all whom the folder and the umask of the process let.
const MODE: u32 = 0o644;

/// So often a page is read again that was written meanwhile.
const MAX_READS: u32 = 250;

/// Between two of these reads.
const BETWEEN_READS: Duration = Duration::from_micros(200);

/// Tells the files of one process apart until they have their names.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The file of a pool that publishes. It is removed when this is dropped, unless another one has
/// taken its place.
pub struct PageFile {
    file: File,
    path: PathBuf,
}

impl PageFile {
    /// Makes the file, with a first page in it. It may take the place of `old`.
    ///
    /// # Errors
    /// `AlreadyExists` when the path is a file that is no page, or the page of a process that may
    /// still run. Else what the system says.
    pub fn create(path: &Path, page: &[u8], old: Option<&Self>) -> io::Result<Self> {
        // The working folder may change before it is removed.
        let path = absolute(path)?;
        if !old.is_some_and(|old| old.path == path && old.is_there()) {
            check_replaceable(&path)?;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!(".venuepool-{}-{number}", std::process::id());
        let new = path.with_file_name(name);
        // What a process of the same number has left behind.
        let _ = fs::remove_file(&new);
        let open = || OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new);
        let file = spared(open)?;
        let made = file.write_all_at(page, 0).and_then(|()| fs::rename(&new, &path));
        if let Err(error) = made {
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        Ok(Self { file, path })
    }

    /// Writes the next page over the last one. It must be as long.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, page: &[u8]) -> io::Result<()> {
        self.file.write_all_at(page, 0)
    }

    /// Whether the file at the path is this one.
    fn is_there(&self) -> bool {
        match (self.file.metadata(), fs::symlink_metadata(&self.path)) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }
}

impl Drop for PageFile {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a new page may take the place of what is there.
fn check_replaceable(path: &Path) -> io::Result<()> {
    let taken = |why: String| Err(io::Error::new(ErrorKind::AlreadyExists, why));
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(known) if !known.is_file() => return taken("the path is not that of a file".to_owned()),
        Ok(_) => {}
    }
    match read_page(path) {
        Ok(page) if life(&page.writer) == Life::Ended => Ok(()),
        Ok(page) => taken(format!("process {} publishes there", page.writer.pid)),
        // What a writer of another version has left cannot be judged; one that ended in the midst
        // of a write has left a torn page.
        Err(ReadError::Refused(Refusal::Torn)) => Ok(()),
        Err(error) => taken(format!("the file is {error}")),
    }
}

/// Why no page was read.
#[derive(Debug)]
pub enum ReadError {
    /// The system says so.
    Io(io::Error),
    /// The file has no page that can be read.
    Refused(Refusal),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the page of a file. It waits some 50 ms at most for a writer that was interrupted in a
/// write, and holds up no writer.
///
/// # Errors
/// Why there is none.
pub fn read_page(path: &Path) -> Result<Page, ReadError> {
    let file = open(path)?;
    let mut bytes = Vec::new();
    for _ in 0..MAX_READS {
        let last_written = read_once(&file, &mut bytes)?;
        match decode(&bytes) {
            Err(Refusal::Torn) => {}
            Ok(page) if is_one_write(&file, &page, last_written)? => return Ok(page),
            Ok(_) => {}
            Err(refusal) => return Err(ReadError::Refused(refusal)),
        }
        thread::sleep(BETWEEN_READS);
    }
    Err(ReadError::Refused(Refusal::Torn))
}

/// Whether a file begins as a page does, whatever its version.
pub fn is_page(path: &Path) -> bool {
    let mut begin = [0; MAGIC.len()];
    open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == MAGIC
}

/// Without O_NONBLOCK, opening a pipe would wait for its writer (open(2)).
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// Reads all bytes, and before them the sequence number at the end, which is given.
fn read_once(file: &File, bytes: &mut Vec<u8>) -> io::Result<u64> {
    let len = file.metadata()?.len();
    let mut sequence = [0; 8];
    if let Some(end) = len.checked_sub(sequence.len() as u64) {
        fill(file, &mut sequence, end)?;
    }
    bytes.resize(len.min(MAX_SIZE) as usize, 0);
    let filled = fill(file, bytes, 0)?;
    bytes.truncate(filled);
    Ok(u64::from_le_bytes(sequence))
}

/// Reads until the buffer is full or the file ends, which it may do while it is read.
fn fill(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Whether a page that was read is all of one write. That write had ended before: `last_written`,
/// what it writes last, was read first. And the next one has not begun: what it writes first is
/// read last.
fn is_one_write(file: &File, page: &Page, last_written: u64) -> io::Result<bool> {
    let mut sequence = [0; 8];
    fill(file, &mut sequence, SEQUENCE_AT as u64)?;
    let next_begun = u64::from_le_bytes(sequence);
    Ok((last_written, next_begun) == (page.sequence, page.sequence))
}

#[cfg(test)]
mod tests;
