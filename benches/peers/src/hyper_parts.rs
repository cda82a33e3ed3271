//! What hyper's users share: kept parts of requests, and bodies in one piece.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, Uri};

use crate::{Answer, COUNT_HEADER, DEFAULT_HEADERS, Options, Request};

const ID: HeaderName = HeaderName::from_static("x-request-id");
const TIME: HeaderName = HeaderName::from_static("x-timestamp");
const COUNT: HeaderName = HeaderName::from_static(COUNT_HEADER);

/// What is the same in each request, made once; to clone it is cheap.
#[derive(Debug)]
pub struct Template {
    uri: Uri,
    headers: HeaderMap,
    method: Method,
}

impl Template {
    /// `origin` comes before the path.
    pub fn new(origin: &str, options: &Options) -> Self {
        let request = Request::new(&options.content, 0);
        let uri = format!("{origin}{}", request.path()).parse().expect("it is one");
        let mut headers = default_headers();
        let host = format!("{}:{}", options.host, options.port);
        headers.insert(hyper::header::HOST, host.parse().expect("it is one"));
        let method = if request.is_order() { Method::POST } else { Method::GET };
        Self { uri, headers, method }
    }

    /// A request of hyper; the only copies are those which its types ask for.
    pub fn fill(&self, request: &Request) -> hyper::Request<Full<Bytes>> {
        let mut filled = hyper::Request::new(Full::new(Bytes::copy_from_slice(request.body())));
        *filled.method_mut() = self.method.clone();
        *filled.uri_mut() = self.uri.clone();
        *filled.headers_mut() = self.headers.clone();
        add_numbers(filled.headers_mut(), request);
        filled
    }
}

/// The headers that are the same in each request.
pub fn default_headers() -> HeaderMap {
    // Room for what a request adds.
    let mut headers = HeaderMap::with_capacity(12);
    for (name, value) in DEFAULT_HEADERS {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("it is one");
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
}

/// The two that differ.
pub fn add_numbers(headers: &mut HeaderMap, request: &Request) {
    headers.insert(ID, HeaderValue::from_str(request.id()).expect("digits"));
    headers.insert(TIME, HeaderValue::from_str(request.time()).expect("digits"));
}

/// Tells the answer once its body is whole; it is copied only if it came in more than one piece.
pub async fn tell(
    response: Response<Incoming>,
    answered: impl FnOnce(&Answer<'_>),
) -> Result<(), hyper::Error> {
    let (head, mut body) = response.into_parts();
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.reserve(32 * 1024);
                whole.extend_from_slice(&first);
            }
            whole.extend_from_slice(&data);
        }
        if body.is_end_stream() {
            break;
        }
    }
    let count = head.headers.get(COUNT).map_or(&b""[..], HeaderValue::as_bytes);
    let body = if whole.is_empty() { &first } else { &whole[..] };
    answered(&Answer { status: head.status.as_u16(), count, body });
    Ok(())
}
