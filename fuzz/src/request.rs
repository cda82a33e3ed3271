//! Arbitrary calls of the request builder: each is refused and changes nothing, or what it added
//! is read back, by `httparse` and by a look at every line, exactly as it was meant.
//!
//! The input is a choice of origin, then calls: an operation and its pieces.

use std::sync::Arc;

use venuepool::http::origin::Origin;
use venuepool::http::request::Request;

use super::input::Input;

type Field = (Vec<u8>, Vec<u8>);

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
    let mut request = Request::new(Arc::new(origin));
    let mut shadow = None;
    let mut mark = None;
    for _ in 0..MAX_CALLS {
        if input.0.is_empty() {
            break;
        }
        call(&mut input, &mut request, &mut shadow, &mut mark, base);
        assert_eq!(request.bytes().is_ok(), shadow.as_ref().is_some_and(|s| s.finished));
    }
    let finished = request.finish().map(<[u8]>::to_vec);
    match (&finished, &shadow) {
        (Ok(bytes), Some(shadow)) => assert_reads_back(bytes, shadow, defaults, &request),
        (Ok(_), None) => panic!("a request that was never begun has bytes"),
        (Err(_), _) => {}
    }
    if let Ok(bytes) = finished {
        assert!(bytes.len() <= capacity);
        assert_eq!(request.finish(), Ok(&bytes[..]), "the end of a request is the end");
        assert!(request.header(b"A", b"b").is_err() && request.body(b"x").is_err());
    }
}

/// One call on the builder, and on the shadow if it was taken.
fn call(
    input: &mut Input<'_>,
    request: &mut Request,
    shadow: &mut Option<Shadow>,
    mark: &mut Option<Shadow>,
    base: &[u8],
) {
    match input.byte() % 11 {
        0 => {
            let (method, path) = (input.piece(), input.piece());
            if request.begin(method, path).is_ok() {
                *shadow = Some(begun(method, path, base));
                *mark = None;
            }
        }
        1 => {
            const METHODS: [&[u8]; 4] = [b"GET", b"POST", b"HEAD", b"OPTIONS"];
            let method = METHODS[usize::from(input.byte() & 3)];
            let path = if input.byte() & 1 == 0 { &b"/p?q"[..] } else { b"*" };
            if request.begin(method, path).is_ok() {
                *shadow = Some(begun(method, path, base));
                *mark = None;
            }
        }
        2 => {
            let (name, value) = (input.piece(), input.piece());
            if request.query(name, value).is_ok() {
                let piece = [&encoded(name)[..], b"=", &encoded(value)].concat();
                taken(shadow).join(&piece);
            }
        }
        3 => {
            let piece = input.piece();
            if request.query_raw(piece).is_ok() && !piece.is_empty() {
                taken(shadow).join(piece);
            }
        }
        4 | 5 => {
            let (name, value) = (input.piece(), input.piece());
            if request.header(name, value).is_ok() {
                taken(shadow).headers.push((name.to_vec(), trim(value).to_vec()));
            }
        }
        6 => {
            let body = input.piece();
            if request.body(body).is_ok() {
                taken(shadow).end_with(Some(body.to_vec()));
            }
        }
        _ => more_calls(input, request, shadow, mark),
    }
}

fn more_calls(
    input: &mut Input<'_>,
    request: &mut Request,
    shadow: &mut Option<Shadow>,
    mark: &mut Option<Shadow>,
) {
    match input.byte() % 5 {
        0 => {
            let (body, more) = (input.piece(), usize::from(input.byte()));
            let reserved = request.body_reserve(body.len() + more);
            if let Ok(space) = reserved {
                assert_eq!(space.len(), body.len() + more);
                space[..body.len()].copy_from_slice(body);
                taken(shadow).body = Some(body.to_vec());
                taken(shadow).reserved = true;
            }
        }
        1 => {
            let len = shadow.as_ref().and_then(|s| s.body.as_ref()).map_or(0, Vec::len);
            if request.body_commit(len).is_ok() {
                let shadow = taken(shadow);
                assert!(shadow.reserved);
                let body = shadow.body.take();
                shadow.end_with(body);
            }
        }
        2 => {
            if request.mark().is_ok() {
                *mark = Some(taken(shadow).clone());
            }
        }
        3 => {
            if request.rewind().is_ok() {
                *shadow = Some(mark.clone().expect("there was a mark"));
            }
        }
        _ => {
            if request.finish().is_ok() && !taken(shadow).finished {
                let shadow = taken(shadow);
                let expected = [&b"POST"[..], b"PUT", b"PATCH"].contains(&&shadow.method[..]);
                shadow.end_with(expected.then(Vec::new));
            }
        }
    }
}

fn taken(shadow: &mut Option<Shadow>) -> &mut Shadow {
    shadow.as_mut().expect("nothing is taken before begin")
}

fn begun(method: &[u8], path: &[u8], base: &[u8]) -> Shadow {
    let target = if path == b"*" { path.to_vec() } else { [base, path].concat() };
    Shadow { method: method.to_vec(), target, ..Shadow::default() }
}

impl Shadow {
    fn join(&mut self, piece: &[u8]) {
        self.target.push(if self.target.contains(&b'?') { b'&' } else { b'?' });
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
fn assert_reads_back(bytes: &[u8], shadow: &Shadow, defaults: &[(&[u8], &[u8])], r: &Request) {
    let expects_body = [&b"POST"[..], b"PUT", b"PATCH"].contains(&&shadow.method[..]);
    let body = shadow.body.clone().or((!shadow.finished && expects_body).then(Vec::new));
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
    wanted.extend(kept.map(|(name, value)| (name.to_vec(), value.to_vec())));
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
