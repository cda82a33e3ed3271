//! Where the secrets of TLS sessions are written, for a look into captured traffic.
//!
//! One place at most: each setter replaces what another one has set. The file is opened when a pool
//! is opened.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Config;
use crate::error::Status;

/// Where the secrets go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeyLog {
    /// Nowhere.
    #[default]
    Off,
    /// To the file that the environment names as SSLKEYLOGFILE; nowhere if it names none.
    Environment,
    /// To that file.
    File(PathBuf),
    /// To a function.
    Function(KeyLogHook),
}

/// Receives the lines of a key log, each without its line break.
#[derive(Clone)]
pub struct KeyLogHook(pub Arc<KeyLogFunction>);

/// What is called with each line.
pub type KeyLogFunction = dyn Fn(&[u8]) + Send + Sync;

/// The key log.
impl Config {
    /// Sets whether session secrets are written to the file that SSLKEYLOGFILE names. The
    /// environment is read when a pool is opened.
    pub fn set_key_log(&mut self, on: bool) {
        self.tls.key_log = if on { KeyLog::Environment } else { KeyLog::Off };
    }

    /// Sets the file that session secrets are appended to. Empty: none are written.
    ///
    /// # Errors
    /// `ERR_ARGUMENT` if the path holds NUL.
    pub fn set_key_log_file(&mut self, path: &[u8]) -> Result<(), Status> {
        if path.contains(&0) {
            return Err(Status::ERR_ARGUMENT);
        }
        self.tls.key_log = match path {
            [] => KeyLog::Off,
            path => KeyLog::File(Path::new(OsStr::from_bytes(path)).to_owned()),
        };
        Ok(())
    }

    /// Sets the function that receives session secrets; `None`: they go
    /// nowhere.
    pub fn set_key_log_hook(&mut self, hook: Option<KeyLogHook>) {
        self.tls.key_log = hook.map_or(KeyLog::Off, KeyLog::Function);
    }
}

impl fmt::Debug for KeyLogHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLogHook")
    }
}

impl PartialEq for KeyLogHook {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for KeyLogHook {}
