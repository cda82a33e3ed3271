//! Builds the bytes of one request, in one buffer that is used again and again.
//!
//! ```text
//!  begin ──► query* ──► header* ──┬───────────────────────────────┬─► finish
//!             │           │       ├─► body ───────────────────────┤
//!             └── mark ◄──┘       └─► body_reserve ─► body_commit ┘
//!
//!  rewind: from anywhere back to the mark     begin: from anywhere to a new request
//! ```
//!
//! Default headers are written at the end. If they change afterwards, the next `finish` writes them
//! anew ([`take_over`]).
//!
//! The buffer has its full size from the start and stays initialised: building allocates nothing,
//! and a reserved body need not be zeroed. `State` says how much of it counts.
//!
//! A refused call spoils the request: whoever overlooks the refusal must not send an order that
//! lacks a piece, or the order before it once more. Every later call answers the same status, until
//! `begin` or `rewind` succeeds. This file knows no connection, no clock and no configuration.

mod options;
mod placeholder;
mod take_over;
mod upgrade;
mod writer;

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::error::Status;
use crate::http::default_headers::{DefaultHeaders, HeaderSet};
use crate::http::field;
use crate::http::late::{MAX_PLACES, OnSend, Place};
use crate::http::origin::Origin;
use crate::lane::Lane;
use crate::source::Source;
use crate::tag::Tag;
use writer::{Writer, decimal_width, write_decimal};

/// A request under construction, and then its bytes. Made once, built many times.
pub struct Request {
    origin: Arc<Origin>,
    /// As they were when they were last looked at.
    defaults: Arc<DefaultHeaders>,
    /// INVARIANT: `origin.request_capacity()` bytes long, for ever at the same place.
    buf: Box<[u8]>,
    /// How many bytes of the buffer were written, ever; those of `state` may not be counted yet.
    dirty: usize,
    state: State,
    mark: Option<State>,
    /// How many names of default headers the mark has been compared with.
    mark_names: usize,
    timeout_ns: u64,
    user_data: u64,
    lane: Lane,
    source: Source,
    tag: Tag,
    on_send: Option<OnSend>,
    /// As many of them as `state` counts.
    places: [Place; MAX_PLACES],
}

/// All that a call can change, and that `rewind` brings back.
#[derive(Clone, Copy, Debug)]
struct State {
    phase: Phase,
    /// How many bytes of the buffer count.
    len: usize,
    method_len: usize,
    /// Where the path ends; behind it is the query, or the end of the request line.
    path_end: usize,
    /// What the next piece of the query is joined with: `?` or `&`.
    joint: &'static [u8],
    /// The default headers that this request has replaced by its own.
    overridden: HeaderSet,
    /// Where the default headers begin, once they are written.
    defaults_at: usize,
    /// A header of the request itself says `Connection: close`.
    closes: bool,
    /// The last line is a header of the request itself, to whose value more may be added.
    takes_place: bool,
    body_len: usize,
    /// How many places there are to be filled when it is sent.
    places: usize,
}

/// What has been written, and so what may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing.
    Empty,
    /// The method and a part of the target: more query, a header or the end may follow.
    Target,
    /// The request line, Host and some headers: another header or the end may follow.
    Header,
    /// The whole head, with a blank Content-Length that waits for `body_commit`.
    Reserved { capacity: usize },
    /// All of it.
    Finished,
    /// A call was refused: nothing of this is to be sent.
    Spoiled(Status),
}

const CONTENT_LENGTH: &[u8] = b"Content-Length: ";
const HEAD_END: &[u8] = b"\r\n\r\n";

impl Request {
    /// An empty request to `origin`. Allocates its buffer, once and for all.
    pub fn new(origin: Arc<Origin>) -> Self {
        let buf = vec![0; origin.request_capacity()].into_boxed_slice();
        Self {
            defaults: origin.default_headers(),
            origin,
            buf,
            dirty: 0,
            state: State::EMPTY,
            mark: None,
            mark_names: 0,
            timeout_ns: 0,
            user_data: 0,
            lane: Lane::Orders,
            source: Source::ANY,
            tag: Tag::NONE,
            on_send: None,
            places: [Place::default(); MAX_PLACES],
        }
    }

    /// The origin that this request is for.
    pub const fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Begins a new request and forgets the last one and its mark.
    ///
    /// `method` is any token but CONNECT, which is no request to an origin. `path` begins with `/`,
    /// may hold a query, and is sent as it is behind the base path; `*` is for OPTIONS alone and
    /// stands for the server as a whole (RFC 9112 section 3.2.4): no base path, no query.
    ///
    /// # Errors
    /// `ERR_METHOD`, `ERR_PATH`; `ERR_TOO_LARGE` if the request line is over the capacity.
    #[inline(always)] // One of the calls of each order.
    pub fn begin(&mut self, method: &[u8], path: &[u8]) -> Result<(), Status> {
        // Also when it is refused: what was built before is over.
        self.mark = None;
        let written = self.write_request_line(method, path);
        self.keep(written)
    }

    /// Appends `name=value` to the query. All but unreserved characters is percent-encoded, with
    /// upper-case digits (RFC 3986 section 2.1), so the bytes may be any.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, for `*`, or after a header; `ERR_TOO_LARGE`.
    pub fn query(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        let written = self.write_query(name, value);
        self.keep(written)
    }

    /// Appends a piece of query that is already encoded, such as `symbol=BTCUSDT&side=BUY`. An
    /// empty piece appends nothing.
    ///
    /// # Errors
    /// `ERR_PHASE` as [`query`](Self::query); `ERR_PATH` for a byte that may not stand in a query
    /// (RFC 3986 section 3.4) or a broken percent triplet; `ERR_TOO_LARGE`.
    pub fn query_raw(&mut self, piece: &[u8]) -> Result<(), Status> {
        let written = self.write_query_raw(piece);
        self.keep(written)
    }

    /// Appends a header. It takes the place of a default header of the same name. White space
    /// around the value is left as it is; a name may be used more than once.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, or after the body; `ERR_HEADER_NAME` if the name is no token;
    /// `ERR_HEADER_VALUE` for a control byte in the value (RFC 9110 section 5.5);
    /// `ERR_HEADER_RESERVED` for Host, Content-Length and Transfer-Encoding, and for Expect,
    /// Upgrade and `Connection: upgrade`, which the pool does not do; `ERR_TOO_LARGE`.
    #[inline(always)] // One of the calls of each order.
    pub fn header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        let written = self.write_header(name, value);
        self.keep(written)
    }

    /// Ends the request with a copy of `body`, and its Content-Length, also when it is empty.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, or after a body; `ERR_TOO_LARGE`.
    pub fn body(&mut self, body: &[u8]) -> Result<(), Status> {
        let written = self.write_body(body);
        self.keep(written)
    }

    /// Ends the head and gives `capacity` bytes in place for a body to be written into. What is in
    /// them is left from earlier requests. The length is given afterwards to
    /// [`body_commit`](Self::body_commit): Content-Length is as wide as `capacity` needs, and a
    /// smaller number is right-aligned in it behind optional white space (RFC 9112 section 5), so
    /// the body never moves.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, or after a body; `ERR_TOO_LARGE`.
    pub fn body_reserve(&mut self, capacity: usize) -> Result<&mut [u8], Status> {
        let reserved = self.reserve_body(capacity);
        let start = self.keep(reserved)?;
        Ok(&mut self.buf[start..start + capacity])
    }

    /// Ends the request with the first `len` bytes of what was reserved.
    ///
    /// # Errors
    /// `ERR_PHASE` if nothing is reserved; `ERR_ARGUMENT` if `len` is more than what is reserved.
    pub fn body_commit(&mut self, len: usize) -> Result<(), Status> {
        let written = self.commit_body(len);
        self.keep(written)
    }

    /// Ends the request, if no body has done so, and gives its bytes, with the default headers of
    /// now. A request without a body has no Content-Length, but `Content-Length: 0` with POST, PUT
    /// and PATCH, for which a server expects a body (RFC 9110 section 8.6). May be called again.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, or if a reserved body was not committed; `ERR_TOO_LARGE` if the
    /// default headers do not fit into what was built.
    pub fn finish(&mut self) -> Result<&[u8], Status> {
        self.end()?;
        self.bytes()
    }

    /// As [`finish`](Self::finish), for who asks for the bytes later.
    ///
    /// # Errors
    /// As `finish`.
    pub fn end(&mut self) -> Result<(), Status> {
        let ended = self.write_end();
        self.keep(ended)
    }

    /// The bytes of a request that is at its end: after `body`, `body_commit` or `finish`.
    ///
    /// # Errors
    /// `ERR_PHASE` before that.
    pub fn bytes(&self) -> Result<&[u8], Status> {
        match self.state.phase {
            Phase::Finished => Ok(&self.buf[..self.state.len]),
            _ => Err(self.not_now()),
        }
    }

    /// Makes all that was built so far a template, for [`rewind`](Self::rewind). Replaces an
    /// earlier mark.
    ///
    /// # Errors
    /// `ERR_PHASE` if not begun, or after a body or `finish`.
    pub fn mark(&mut self) -> Result<(), Status> {
        // Also when it is refused: a rewind must not bring back another template than meant.
        self.mark = None;
        if !matches!(self.state.phase, Phase::Target | Phase::Header) {
            let refusal = self.not_now();
            return self.keep(Err(refusal));
        }
        self.mark = Some(self.state);
        self.mark_names = self.defaults.len();
        Ok(())
    }

    /// Goes back to the mark, as often as wanted. Timeout and user data stay as they are.
    ///
    /// # Errors
    /// `ERR_PHASE` if nothing was marked since `begin`.
    pub fn rewind(&mut self) -> Result<(), Status> {
        let mark = self.mark.ok_or(Status::ERR_PHASE);
        let mark = self.keep(mark)?;
        self.forget();
        self.state = mark;
        if self.mark_names != self.defaults.len() {
            self.compare_again();
        }
        Ok(())
    }

    /// Spoils the request: a piece of it was refused before it came here.
    pub fn spoil(&mut self, status: Status) {
        self.state.phase = Phase::Spoiled(status);
    }

    /// How many bytes the method and the path have together, without the query.
    pub const fn line_len(&self) -> usize {
        self.state.path_end
    }

    /// The method; empty before [`begin`](Self::begin).
    pub fn method(&self) -> &[u8] {
        &self.buf[..self.state.method_len]
    }

    /// Whether the response has a head but no body (RFC 9112 section 6.3).
    pub fn is_head(&self) -> bool {
        self.method() == b"HEAD"
    }

    /// Whether this request says `Connection: close`, so that the connection ends with its
    /// response (RFC 9112 section 9.6).
    pub fn closes(&self) -> bool {
        self.state.closes || self.defaults.closes(self.state.overridden)
    }

    #[inline(always)]
    fn write_request_line(&mut self, method: &[u8], path: &[u8]) -> Result<(), Status> {
        if !field::is_token(method) || method == b"CONNECT" {
            return Err(Status::ERR_METHOD);
        }
        let whole_server = method == b"OPTIONS" && path == b"*";
        let target = match path {
            _ if whole_server => field::Target { query: None },
            [b'/', ..] => field::target(path).ok_or(Status::ERR_PATH)?,
            _ => return Err(Status::ERR_PATH),
        };
        let (phase, base_path) = match whole_server {
            true => (Phase::Header, &b""[..]),
            false => (Phase::Target, self.origin.base_path()),
        };
        let mut out = Writer { buf: &mut self.buf, at: 0 };
        match base_path {
            // To copy nothing is a call all the same.
            b"" => out.put_all([method, b" ", path])?,
            _ => out.put_all([method, b" ", base_path, path])?,
        }
        let target_end = out.at;
        if whole_server {
            out.put(self.origin.target_end())?;
        }
        let len = out.at;
        let query = target.query;
        let path_end = target_end - query.map_or(0, |query| path.len() - query);
        let joint: &[u8] = match query {
            None => b"?",
            // A query that has begun, and is empty.
            Some(query) if query == path.len() - 1 => b"",
            Some(_) => joint_behind(path),
        };
        self.forget();
        let method_len = method.len();
        self.state = State { phase, len, method_len, path_end, joint, ..State::EMPTY };
        Ok(())
    }

    fn write_query(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        let joint = self.state.joint;
        let mut out = self.query_writer()?;
        out.put(joint)?;
        out.put_encoded(name)?;
        out.put(b"=")?;
        out.put_encoded(value)?;
        self.state.len = out.at;
        self.state.joint = b"&";
        Ok(())
    }

    fn write_query_raw(&mut self, piece: &[u8]) -> Result<(), Status> {
        let joint = self.state.joint;
        let mut out = self.query_writer()?;
        if !field::is_target(piece) {
            return Err(Status::ERR_PATH);
        }
        if piece.is_empty() {
            return Ok(());
        }
        out.put(joint)?;
        out.put(piece)?;
        self.state.len = out.at;
        self.state.joint = joint_behind(piece);
        Ok(())
    }

    #[inline(always)]
    fn write_header(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        let mut out = self.header_writer()?;
        field::check_header(name, value)?;
        out.put_all([name, b": ", value, b"\r\n"])?;
        self.state.len = out.at;
        self.state.phase = Phase::Header;
        self.state.overridden |= self.defaults.overridden_by(name);
        let is_connection = field::is_connection(name);
        self.state.closes |= is_connection && field::says_close(name, value);
        // What Connection says must be known before it is sent.
        self.state.takes_place = !is_connection;
        Ok(())
    }

    fn write_body(&mut self, body: &[u8]) -> Result<(), Status> {
        let mut out = self.head_writer()?;
        out.put(CONTENT_LENGTH)?;
        write_decimal(out.skip(decimal_width(body.len()))?, body.len());
        out.put(HEAD_END)?;
        out.put(body)?;
        let len = out.at;
        self.end_at(len);
        self.state.body_len = body.len();
        Ok(())
    }

    fn commit_body(&mut self, len: usize) -> Result<(), Status> {
        let Phase::Reserved { capacity } = self.state.phase else {
            return Err(self.not_now());
        };
        if len > capacity {
            return Err(Status::ERR_ARGUMENT);
        }
        let start = self.state.len;
        let length_end = start - HEAD_END.len();
        let length_start = length_end - decimal_width(capacity);
        write_decimal(&mut self.buf[length_start..length_end], len);
        self.dirty = self.dirty.max(start + capacity);
        self.end_at(start + len);
        self.state.body_len = len;
        Ok(())
    }

    /// Answers where the reserved bytes begin.
    fn reserve_body(&mut self, capacity: usize) -> Result<usize, Status> {
        let mut out = self.head_writer()?;
        out.put(CONTENT_LENGTH)?;
        out.skip(decimal_width(capacity))?;
        out.put(HEAD_END)?;
        let start = out.at;
        out.skip(capacity)?;
        self.state.len = start;
        self.state.phase = Phase::Reserved { capacity };
        Ok(start)
    }

    fn write_end(&mut self) -> Result<(), Status> {
        if self.state.phase != Phase::Finished {
            let expects_body = matches!(self.method(), b"POST" | b"PUT" | b"PATCH");
            let mut out = self.head_writer()?;
            out.put(if expects_body { b"Content-Length: 0\r\n\r\n" } else { b"\r\n" })?;
            let len = out.at;
            self.end_at(len);
        } else if self.origin.has_changed(&self.defaults) {
            self.write_defaults_anew()?;
        }
        Ok(())
    }

    /// Spoils the request if `answer` is a refusal.
    fn keep<T>(&mut self, answer: Result<T, Status>) -> Result<T, Status> {
        answer.inspect_err(|status| {
            // What did not fit may have been written in part.
            self.dirty = self.buf.len();
            self.spoil(*status);
        })
    }

    /// What was built is over, and what was written is to be wiped one day.
    fn forget(&mut self) {
        self.dirty = self.dirty.max(self.state.len);
    }

    /// What the phase says to a call that it does not allow.
    fn not_now(&self) -> Status {
        match self.state.phase {
            Phase::Spoiled(status) => status,
            _ => Status::ERR_PHASE,
        }
    }

    /// A writer behind the target so far.
    fn query_writer(&mut self) -> Result<Writer<'_>, Status> {
        match self.state.phase {
            Phase::Target => Ok(Writer { buf: &mut self.buf, at: self.state.len }),
            _ => Err(self.not_now()),
        }
    }

    /// A writer behind the request line, Host and the headers so far.
    fn header_writer(&mut self) -> Result<Writer<'_>, Status> {
        let phase = self.state.phase;
        if !matches!(phase, Phase::Target | Phase::Header) {
            return Err(self.not_now());
        }
        let mut out = Writer { buf: &mut self.buf, at: self.state.len };
        if phase == Phase::Target {
            out.put(self.origin.target_end())?;
        }
        Ok(out)
    }

    /// A writer behind all headers but Content-Length: default headers come last, as only then it
    /// is known which of them are overridden.
    #[inline(always)]
    fn head_writer(&mut self) -> Result<Writer<'_>, Status> {
        let at = self.header_writer()?.at;
        if self.origin.has_changed(&self.defaults) {
            self.take_over();
        }
        self.state.defaults_at = at;
        let mut out = Writer { buf: &mut self.buf, at };
        match self.state.overridden {
            0 => out.put(self.defaults.all_lines())?,
            overridden => out.put_each(&self.defaults, overridden)?,
        }
        Ok(out)
    }

    /// Makes the first `len` bytes the whole request.
    fn end_at(&mut self, len: usize) {
        self.state.len = len;
        self.state.phase = Phase::Finished;
    }
}

/// A request holds API keys and signatures.
impl Drop for Request {
    fn drop(&mut self) {
        self.forget();
        self.buf[..self.dirty].zeroize();
    }
}

/// A request holds API keys and signatures: its shape is shown, its bytes are not.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("origin", &self.origin)
            .field("state", &self.state)
            .field("mark", &self.mark)
            .field("timeout_ns", &self.timeout_ns)
            .field("user_data", &self.user_data)
            .field("lane", &self.lane)
            .field("source", &self.source)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

impl State {
    const EMPTY: Self = Self {
        phase: Phase::Empty,
        len: 0,
        method_len: 0,
        path_end: 0,
        joint: b"?",
        overridden: 0,
        defaults_at: 0,
        closes: false,
        takes_place: false,
        body_len: 0,
        places: 0,
    };
}

/// What joins the next piece to this query: nothing if a separator stands there already.
fn joint_behind(query: &[u8]) -> &'static [u8] {
    if query.ends_with(b"&") { b"" } else { b"&" }
}

#[cfg(test)]
mod tests;
