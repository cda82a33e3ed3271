//! Writes the secrets of TLS sessions to a file or to a function, in the NSS key log format
//! (draft-ietf-tls-keylogfile): a line has a label, the client's random bytes and a secret, in hex.
//!
//! The file is opened at once; the lines are written on the dial thread, in handshakes.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::Zeroizing;

use crate::config::{KeyLog, KeyLogHook};
use crate::error::Status;
use crate::net::connect::DialError;
use crate::net::standard::spared;

/// The variable of the environment that names a file.
const VARIABLE: &str = "SSLKEYLOGFILE";

/// A key log that is open.
pub struct OpenKeyLog {
    to: To,
    /// What is told when the file takes no more.
    on_failure: Box<dyn Fn(&io::Error) + Send + Sync>,
}

enum To {
    File {
        file: File,
        /// A line could not be written. What came next would stand in the middle of its line.
        has_failed: AtomicBool,
    },
    Function(KeyLogHook),
}

impl OpenKeyLog {
    /// Opens the key log, with the words for where it goes; `None` if none is wanted.
    /// `on_failure`: is called once, on the dial thread, when the file takes no more.
    ///
    /// # Errors
    /// `ERR_SYSTEM` if the file cannot be opened.
    pub fn open(
        to: &KeyLog,
        on_failure: impl Fn(&io::Error) + Send + Sync + 'static,
    ) -> Result<Option<(Self, String)>, DialError> {
        let (to, words) = match to {
            KeyLog::Off => return Ok(None),
            KeyLog::Environment => match std::env::var_os(VARIABLE) {
                Some(path) if !path.is_empty() => file(path.as_ref())?,
                _ => return Ok(None),
            },
            KeyLog::File(path) => file(path)?,
            KeyLog::Function(hook) => (To::Function(hook.clone()), "a function".to_owned()),
        };
        Ok(Some((Self { to, on_failure: Box::new(on_failure) }, words)))
    }
}

/// Opens the file. Others may write to it, too: each line is one write at its end.
fn file(path: &Path) -> Result<(To, String), DialError> {
    let mut options = OpenOptions::new();
    // O_NONBLOCK is for a FIFO: without a reader, or when it is full, a dial would hang.
    options.append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = spared(|| options.open(path));
    let refused = |error| {
        DialError::new(Status::ERR_SYSTEM, format_args!("key log {}", path.display()), &error)
    };
    let file = file.map_err(refused)?;
    Ok((To::File { file, has_failed: AtomicBool::new(false) }, path.display().to_string()))
}

impl rustls::KeyLog for OpenKeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = line(label, client_random, secret);
        match &self.to {
            To::Function(hook) => (hook.0)(line.trim_end().as_bytes()),
            To::File { file, has_failed } => {
                if has_failed.load(Ordering::Relaxed) {
                    return;
                }
                let mut file = file;
                if let Err(error) = file.write_all(line.as_bytes())
                    && !has_failed.swap(true, Ordering::Relaxed)
                {
                    (self.on_failure)(&error);
                }
            }
        }
    }
}

/// A line with its line break. It is wiped, and its memory never moves.
fn line(label: &str, client_random: &[u8], secret: &[u8]) -> Zeroizing<String> {
    let capacity = label.len() + 2 * (client_random.len() + secret.len()) + 3;
    let mut line = Zeroizing::new(String::with_capacity(capacity));
    line.push_str(label);
    for bytes in [client_random, secret] {
        line.push(' ');
        for byte in bytes {
            // Writing to a String does not fail.
            let _ = write!(line, "{byte:02x}");
        }
    }
    line.push('\n');
    line
}

impl fmt::Debug for OpenKeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenKeyLog")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;

    use rustls::KeyLog as _;

    use super::*;

    fn opened(path: &Path, on_failure: impl Fn(&io::Error) + Send + Sync + 'static) -> OpenKeyLog {
        OpenKeyLog::open(&KeyLog::File(path.to_owned()), on_failure).unwrap().unwrap().0
    }

    fn refused(path: &str) -> DialError {
        OpenKeyLog::open(&KeyLog::File(path.into()), |_| ()).expect_err("it is refused")
    }

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("venuepool-key-log-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_line_has_the_format_and_is_never_moved() {
        let line = line("CLIENT_RANDOM", &[0, 0x0f, 0xf0], &[0xff, 1]);
        assert_eq!(*line, "CLIENT_RANDOM 000ff0 ff01\n");
        assert_eq!(line.len(), line.capacity());
    }

    #[test]
    fn a_file_is_the_owners_alone_and_is_appended_to() {
        let path = path("appended");
        for secret in [1, 2] {
            opened(&path, |error| panic!("{error}")).log("LABEL", &[9], &[secret]);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "LABEL 09 01\nLABEL 09 02\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let error = refused("/nowhere/keys");
        assert_eq!((error.step, error.os_error), (Status::ERR_SYSTEM, libc::ENOENT));
        assert!(error.text.starts_with("key log /nowhere/keys: "), "{}", error.text);
        assert_eq!(refused("/").os_error, libc::EISDIR);
    }

    #[test]
    fn a_fifo_without_a_reader_is_refused_and_does_not_hang() {
        let path = path("fifo");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let error = refused(path.to_str().unwrap());
        assert_eq!(error.os_error, libc::ENXIO);
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_takes_no_more_is_told_once() {
        let told = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&told);
        let full = opened(Path::new("/dev/full"), move |error| {
            assert_eq!(error.raw_os_error(), Some(libc::ENOSPC));
            count.fetch_add(1, Ordering::SeqCst);
        });
        for _ in 0..3 {
            full.log("LABEL", &[1], &[2]);
        }
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}
