//! Arbitrary calls of the builder: what the calls added is read back, by `httparse` and by a look
//! at each line, exactly as it was meant; and after a refused call nothing comes out at all, until
//! a begin or rewind succeeds. Default headers change at any moment, and the end has those of then.
//!
//! The input is a choice of origin, then calls: an operation and its pieces.

use std::sync::Arc;

use venuepool::error::Status;
use venuepool::http::origin::Origin;
use venuepool::http::request::Request;

use super::input::Input;

type Field = (Vec<u8>, Vec<u8>);
/// A default header; without a value it was removed.
type Default = (Vec<u8>, Option<Vec<u8>>);

/// What the request should come to: kept apart from the builder, and simple.
#[derive(Clone, Default)]
struct Shadow {
    method: Vec<u8>,
    target: Vec<u8>,
    headers: Vec<Field>,
    /// The body and its announced length.
    body: Option<Vec<u8>>,
    reserved: bool,
    finished: bool,
}

const BASE: &[u8] = b"/v1";
const DEFAULTS: [(&[u8], &[u8]); 4] =
    [(b"User-Agent", b"ua"), (b"X-Key", b""), (b"Accept", b"*/*, \xff"), (b"Connection", b"close")];

/// More headers than this tell nothing new.
const MAX_CALLS: usize = 48;

/// Checks one input.
pub fn check(data: &[u8]) {
    let mut input = Input(data);
    let choice = input.byte();
    let defaults = &DEFAULTS[..usize::from(choice & 7).min(DEFAULTS.len())];
    let capacity = [80, 130, 400, 4096][usize::from(choice >> 3 & 3)];
    let base = if choice & 32 == 0 { BASE } else { b"" };
    let Ok(origin) = Origin::new(b"[::1]:80", base, defaults.iter().copied(), capacity) else {
        return;
    };
    let origin = Arc::new(origin);
    let request = Request::new(Arc::clone(&origin));
    let known = |(name, value): &(&[u8], &[u8])| (name.to_vec(), Some(value.to_vec()));
    let defaults = defaults.iter().map(known).collect();
    let mut play = Play { origin, defaults, request, shadow: None, mark: None, spoiled: None };
    for _ in 0..MAX_CALLS {
        if input.0.is_empty() {
            break;
        }
        play.call(&mut input, base);
        let finished = play.shadow.as_ref().is_some_and(|shadow| shadow.finished);
        assert_eq!(play.request.bytes().is_ok(), finished && play.spoiled.is_none());
    }
    let Play { mut request, defaults, shadow, spoiled, .. } = play;
    let finished = request.finish().map(<[u8]>::to_vec);
    match (&finished, &shadow, spoiled) {
        (Ok(bytes), Some(shadow), None) => assert_reads_back(bytes, shadow, &defaults, &request),
        (Ok(_), ..) => panic!("a request that was spoiled, or never begun, has bytes"),
        (Err(status), _, Some(spoiled)) => assert_eq!(*status, spoiled),
        (Err(_), _, None) => {}
    }
    if let Ok(bytes) = finished {
        assert!(bytes.len() <= capacity);
        assert_eq!(request.finish(), Ok(&bytes[..]), "the end of a request is the end");
        assert!(request.header(b"A", b"b").is_err() && request.finish().is_err());
    }
}

/// A builder, and what it should come to.
struct Play {
    origin: Arc<Origin>,
    defaults: Vec<Default>,
    request: Request,
    shadow: Option<Shadow>,
    mark: Option<Shadow>,
    /// What the first refused call answered.
    spoiled: Option<Status>,
}

impl Play {
    /// One call on the builder, and on the shadow if it was taken.
    fn call(&mut self, input: &mut Input<'_>, base: &[u8]) {
        match input.byte() % 11 {
            0 => {
                let (method, path) = (input.piece(), input.piece());
                self.begin(method, path, base);
            }
            1 => {
                const METHODS: [&[u8]; 4] = [b"GET", b"POST", b"HEAD", b"OPTIONS"];
                let method = METHODS[usize::from(input.byte() & 3)];
                let path = if input.byte() & 1 == 0 { &b"/p?q"[..] } else { b"*" };
                self.begin(method, path, base);
            }
            2 => {
                let (name, value) = (input.piece(), input.piece());
                let answer = self.request.query(name, value);
                let piece = [&encoded(name)[..], b"=", &encoded(value)].concat();
                self.note(answer, |shadow| shadow.join(&piece));
            }
            3 => {
                let piece = input.piece();
                let answer = self.request.query_raw(piece);
                self.note(answer, |shadow| shadow.join(piece));
            }
            4 | 5 => {
                let (name, value) = (input.piece(), input.piece());
                let answer = self.request.header(name, value);
                let field = (name.to_vec(), trim(value).to_vec());
                self.note(answer, |shadow| shadow.headers.push(field));
            }
            6 => {
                let body = input.piece();
                let answer = self.request.body(body);
                self.note(answer, |shadow| shadow.end_with(Some(body.to_vec())));
            }
            _ => self.more_calls(input),
        }
    }

    fn more_calls(&mut self, input: &mut Input<'_>) {
        match input.byte() % 6 {
            0 => {
                let (body, more) = (input.piece(), usize::from(input.byte()));
                let reserved = self.request.body_reserve(body.len() + more).map(|space| {
                    assert_eq!(space.len(), body.len() + more);
                    space[..body.len()].copy_from_slice(body);
                });
                self.note(reserved, |shadow| {
                    shadow.body = Some(body.to_vec());
                    shadow.reserved = true;
                });
            }
            1 => {
                let body = self.shadow.as_ref().and_then(|shadow| shadow.body.clone());
                let more = if input.byte() == 255 { 256 } else { 0 };
                let answer = self.request.body_commit(body.as_ref().map_or(0, Vec::len) + more);
                self.note(answer, |shadow| {
                    assert!(shadow.reserved && more == 0);
                    shadow.end_with(body);
                });
            }
            2 => {
                self.mark = None;
                let answer = self.request.mark();
                self.note(answer, |_| ());
                self.mark = answer.ok().and(self.shadow.clone());
            }
            3 => match self.request.rewind() {
                Ok(()) => {
                    self.shadow = Some(self.mark.clone().expect("there was a mark"));
                    self.spoiled = None;
                }
                Err(status) => self.spoiled = Some(status),
            },
            4 => {
                let answer = self.request.finish().map(drop);
                self.note(answer, |shadow| {
                    if !shadow.finished {
                        let body = shadow.expects_body().then(Vec::new);
                        shadow.end_with(body);
                    }
                });
            }
            _ => self.change_default(input),
        }
    }

    fn change_default(&mut self, input: &mut Input<'_>) {
        const NAMES: [&[u8]; 4] = [b"X-KEY", b"accept", b"Connection", b"X-New"];
        let name = NAMES[usize::from(input.byte() & 3)];
        let value = (input.byte() & 3 != 0).then(|| input.piece());
        if self.origin.set_default_header(name, value, 0).is_err() {
            return;
        }
        let changed = (name.to_vec(), value.map(|value| trim(value).to_vec()));
        match self.defaults.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some(known) => *known = changed,
            None => self.defaults.push(changed),
        }
    }

    fn begin(&mut self, method: &[u8], path: &[u8], base: &[u8]) {
        self.mark = None;
        match self.request.begin(method, path) {
            Ok(()) => {
                self.shadow = Some(begun(method, path, base));
                self.spoiled = None;
            }
            Err(status) => self.spoiled = Some(status),
        }
    }

    /// A call that was taken goes to the shadow; one that was refused spoils the request, and every
    /// later one is refused alike.
    fn note(&mut self, answer: Result<(), Status>, taken: impl FnOnce(&mut Shadow)) {
        match (answer, self.spoiled) {
            (Ok(()), None) => taken(self.shadow.as_mut().expect("nothing is taken before begin")),
            (Ok(()), Some(_)) => panic!("a spoiled request took a call"),
            (Err(status), Some(first)) => assert_eq!(status, first),
            (Err(status), None) => self.spoiled = Some(status),
        }
    }
}

fn begun(method: &[u8], path: &[u8], base: &[u8]) -> Shadow {
    let target = if path == b"*" { path.to_vec() } else { [base, path].concat() };
    Shadow { method: method.to_vec(), target, ..Shadow::default() }
}

impl Shadow {
    fn expects_body(&self) -> bool {
        [&b"POST"[..], b"PUT", b"PATCH"].contains(&&self.method[..])
    }

    fn join(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        if !self.target.contains(&b'?') {
            self.target.push(b'?');
        } else if self.target.iter().position(|b| *b == b'?') != Some(self.target.len() - 1)
            && !self.target.ends_with(b"&")
        {
            self.target.push(b'&');
        }
        self.target.extend_from_slice(piece);
    }

    fn end_with(&mut self, body: Option<Vec<u8>>) {
        assert!(!self.finished, "a request ends once");
        self.body = body;
        self.reserved = false;
        self.finished = true;
    }
}

/// Reads `bytes` with an independent parser.
fn assert_reads_back(bytes: &[u8], shadow: &Shadow, defaults: &[Default], r: &Request) {
    let expects_body = !shadow.finished && shadow.expects_body();
    let body = shadow.body.clone().or(expects_body.then(Vec::new));
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut fields);
    let head_len = parsed.parse(bytes).expect("it is a request").unwrap();
    assert_eq!(parsed.method.map(str::as_bytes), Some(&shadow.method[..]));
    assert_eq!(parsed.path.map(str::as_bytes), Some(&shadow.target[..]));
    assert_eq!(parsed.version, Some(1));
    let found: Vec<Field> =
        parsed.headers.iter().map(|h| (h.name.as_bytes().to_vec(), h.value.to_vec())).collect();
    let mut wanted = vec![(b"Host".to_vec(), b"[::1]:80".to_vec())];
    wanted.extend(shadow.headers.iter().cloned());
    let own = |name: &[u8]| shadow.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let kept = defaults.iter().filter(|(name, _)| !own(name));
    wanted.extend(kept.filter_map(|(name, value)| Some((name.clone(), value.clone()?))));
    if let Some(body) = &body {
        wanted.push((b"Content-Length".to_vec(), body.len().to_string().into_bytes()));
    }
    assert_eq!(found, wanted);
    assert_eq!(&bytes[head_len..], body.as_deref().unwrap_or_default());
    let closes = |(name, value): &Field| {
        let close = |item: &[u8]| trim(item).eq_ignore_ascii_case(b"close");
        name.eq_ignore_ascii_case(b"connection") && value.split(|b| *b == b',').any(close)
    };
    assert_eq!(r.closes(), found.iter().any(closes));
    assert_eq!(r.is_head(), shadow.method == b"HEAD");
    assert_clean(&bytes[..head_len]);
}

/// What `httparse` would forgive: each line ends with CRLF, and no other control byte is in it.
fn assert_clean(head: &[u8]) {
    let text = str::from_utf8(head).map_or_else(|_| String::from_utf8_lossy(head), Into::into);
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[lines.len() - 2..], ["", ""]);
    assert!(!lines[..lines.len() - 2].iter().any(|line| line.is_empty()));
    assert!(!lines.iter().any(|line| line.contains(|c: char| c.is_ascii_control() && c != '\t')));
    assert!(!lines.iter().any(|line| line.starts_with([' ', '\t'])));
    assert_eq!(lines[0].split(' ').count(), 3);
    let lower = text.to_ascii_lowercase();
    for (name, most) in [("host", 1), ("content-length", 1), ("transfer-encoding", 0)] {
        assert!(lower.matches(&format!("\r\n{name}:")).count() <= most, "{name}");
    }
}

fn encoded(bytes: &[u8]) -> Vec<u8> {
    let encode = |byte: &u8| match byte {
        b'-' | b'.' | b'_' | b'~' => vec![*byte],
        _ if byte.is_ascii_alphanumeric() => vec![*byte],
        _ => format!("%{byte:02X}").into_bytes(),
    };
    bytes.iter().flat_map(encode).collect()
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}
