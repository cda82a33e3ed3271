//! A pool is opened: its thread, its tasks, its first dials.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::thread;
use crate::config::Config;
use crate::driver::{Pool, refused};
use crate::error::Status;
use crate::log::{Level, LogHook, tell};
use crate::net::connect::DialError;
use crate::threads::shared_thread::SharedThread;

impl Pool {
    /// Opens a pool: starts its thread, dials all slots in parallel, and returns when all are live.
    /// When one cannot be had, all is undone, unless the configuration allows a degraded start.
    pub fn open(config: &Config) -> Result<Arc<Self>, DialError> {
        Self::open_on(None, config)
    }

    /// As [`Pool::open`], but on a thread that it shares with other pools. Not on that thread.
    pub fn open_on(
        shared: Option<&Arc<SharedThread>>,
        config: &Config,
    ) -> Result<Arc<Self>, DialError> {
        let opened = Self::open_unlogged(shared, config);
        match &opened {
            Ok(pool) => pool.log(Level::Info, "pool", || {
                ("opened".to_owned(), vec![("slots", pool.slots().to_string())])
            }),
            Err(error) => {
                let host = config.url().map_or("", |url| &url.host);
                tell_not_opened(config.log_hook(), config.thread_name(), host, error);
            }
        }
        opened
    }

    fn open_unlogged(
        shared: Option<&Arc<SharedThread>>,
        config: &Config,
    ) -> Result<Arc<Self>, DialError> {
        let mut pool = Self::new(config)?;
        let (report, reports) = mpsc::channel();
        let (pool, until_end) = match shared {
            None => {
                let pool = Arc::new(pool);
                let until_end = thread::spawn(Arc::clone(&pool), config, report)?;
                (pool, until_end)
            }
            Some(shared) if shared.is_current() => {
                return Err(refused("open on its own thread")(Status::ERR_WOULD_DEADLOCK));
            }
            Some(shared) => {
                pool.policy.busy_poll = shared.busy_poll();
                pool.lifetime.turns = Some(shared.turns());
                let sources = &config.sockets().bind_addresses;
                pool.dialling.share_host(shared.hosts(), sources);
                let pool = Arc::new(pool);
                let until_end = thread::run_on(shared, Arc::clone(&pool), report)?;
                (pool, until_end)
            }
        };
        pool.lifetime.set_until_end(until_end);
        // Each slot reports its first dial, which has a deadline at every step.
        for first_dial in reports.iter().take(pool.slots.len()) {
            if let Err(error) = first_dial
                && !config.allow_degraded_open()
            {
                pool.shutdown(Duration::ZERO);
                pool.lifetime.join();
                return Err(error);
            }
        }
        Ok(pool)
    }
}

/// Tells the log that a pool could not be opened.
fn tell_not_opened(hook: Option<&LogHook>, name: &str, host: &str, error: &DialError) {
    tell(hook, (Level::Error, "pool"), (name, host), || {
        let step = error.step.name().to_string_lossy().into_owned();
        (format!("not opened: {}", error.text), vec![("status", step)])
    });
}
