//! How live connections are kept good: heartbeat, limits, the look at check-out.

use std::sync::Arc;

use super::{Config, DAY, DURATION_NS, Header, MAX_DEFAULT_HEADERS, S, US, within};
use crate::error::Status;
use crate::http::{Origin, Request, field};
use crate::pool::connection_maintenance::Rules;

/// How live connections are kept good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Limits, and the interval of the heartbeat; 0 for none.
    pub rules: Rules,
    /// What is sent as a heartbeat.
    heartbeat: Option<Ping>,
    heartbeat_headers: Vec<Header>,
    /// A connection that was looked at more recently is sent on without another look, in
    /// nanoseconds.
    pub look_after_ns: u64,
}

/// What a heartbeat asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ping {
    method: Vec<u8>,
    path: Vec<u8>,
    timeout_ns: u64,
}

/// What proves that a connection lives.
#[derive(Debug)]
pub struct Heartbeat {
    /// The finished request.
    pub request: Request,
    /// How long its answer may take, in nanoseconds.
    pub timeout_ns: u64,
}

/// How long the default for a look at check-out is, in nanoseconds: shorter than any peer's pause,
/// longer than an engine's own between a completion and the next order.
const LOOK_AFTER_NS: u64 = 10 * US;

impl Default for Maintenance {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            heartbeat: None,
            heartbeat_headers: Vec::new(),
            look_after_ns: LOOK_AFTER_NS,
        }
    }
}

/// Maintenance.
impl Config {
    /// Sets what is sent on a connection that was idle for the interval, give or take a fifth, and
    /// how long the answer may take. Interval 1 ms to 1 day, or 0 for no heartbeat; timeout 1 us to
    /// 1 day.
    ///
    /// # Errors
    /// `ERR_METHOD`, `ERR_PATH` as for a request; `ERR_ARGUMENT`.
    pub fn set_heartbeat(
        &mut self,
        method: &[u8],
        path: &[u8],
        interval_ns: u64,
        timeout_ns: u64,
    ) -> Result<(), Status> {
        if interval_ns == 0 {
            self.maintenance.rules.heartbeat_ns = 0;
            self.maintenance.heartbeat = None;
            return Ok(());
        }
        let interval_ns = within(interval_ns, 1_000 * US..=DAY)?;
        let timeout_ns = within(timeout_ns, DURATION_NS)?;
        // Tried on an origin of no weight: the real one may not be known yet.
        let origin = Origin::new(b"h", b"", std::iter::empty(), self.sizes.request_capacity)?;
        Request::new(Arc::new(origin)).begin(method, path)?;
        self.maintenance.rules.heartbeat_ns = interval_ns;
        let (method, path) = (method.to_vec(), path.to_vec());
        self.maintenance.heartbeat = Some(Ping { method, path, timeout_ns });
        Ok(())
    }

    /// Adds a header to each heartbeat.
    ///
    /// # Errors
    /// As [`Config::add_default_header`].
    pub fn add_heartbeat_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        field::check_setting(name, value)?;
        if self.maintenance.heartbeat_headers.len() == MAX_DEFAULT_HEADERS {
            return Err(Status::ERR_ARGUMENT);
        }
        self.maintenance.heartbeat_headers.push(Header::new(name, value));
        Ok(())
    }

    /// Sets how long a connection may be idle and still take a request, 1 ms to 1 day, or 0 for
    /// ever. Its replacement is dialled at eight to nine tenths of it, by chance.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_idle_limit_ns(&mut self, limit_ns: u64) -> Result<(), Status> {
        self.maintenance.rules.idle_limit_ns = limit(limit_ns, DAY)?;
        Ok(())
    }

    /// Sets the age at which a connection is replaced, by chance up to a fifth earlier, 1 ms to 30
    /// days, or 0 for never.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_max_age_ns(&mut self, age_ns: u64) -> Result<(), Status> {
        self.maintenance.rules.max_age_ns = limit(age_ns, 30 * DAY)?;
        Ok(())
    }

    /// Sets how many requests a connection carries, heartbeats included; 0 for any number.
    pub const fn set_max_requests(&mut self, requests: u64) {
        self.maintenance.rules.max_requests = requests;
    }

    /// Sets how recent the last look at an idle connection must be to spare it another at
    /// check-out, 0 to 1 second.
    ///
    /// # Errors
    /// `ERR_ARGUMENT`.
    pub fn set_look_after_ns(&mut self, age_ns: u64) -> Result<(), Status> {
        self.maintenance.look_after_ns = within(age_ns, 0..=S)?;
        Ok(())
    }

    /// How live connections are kept good.
    pub const fn maintenance(&self) -> &Maintenance {
        &self.maintenance
    }

    /// The heartbeat, if there is one.
    ///
    /// # Errors
    /// `ERR_TOO_LARGE` if it does not fit the request capacity.
    pub fn heartbeat(&self, origin: &Arc<Origin>) -> Result<Option<Heartbeat>, Status> {
        let Some(ping) = &self.maintenance.heartbeat else { return Ok(None) };
        let mut request = Request::new(Arc::clone(origin));
        request.begin(&ping.method, &ping.path)?;
        for header in &self.maintenance.heartbeat_headers {
            request.header(&header.name, &header.value)?;
        }
        request.finish()?;
        Ok(Some(Heartbeat { request, timeout_ns: ping.timeout_ns }))
    }
}

fn limit(value: u64, most: u64) -> Result<u64, Status> {
    if value == 0 { Ok(0) } else { within(value, 1_000 * US..=most) }
}
