//! What is sent and what must come back: the same bytes as in ../../harness.hpp. It does not know
//! how a request is sent.

/// The header which an engine looks up in each answer.
pub const COUNT_HEADER: &str = "x-mbx-order-count-10s";

/// The headers that are the same in each request, besides Host and Content-Length.
pub const DEFAULT_HEADERS: [(&str, &str); 4] = [
    ("User-Agent", "bench"),
    ("Accept", "application/json"),
    ("X-MBX-APIKEY", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"),
    ("Content-Type", "application/x-www-form-urlencoded"),
];

const ORDER_PATH: &str = "/api/v3/order";
const BODY_PATH: &str = "/api/v3/exchangeInfo";
const CHUNKED_PATH: &str = "/api/v3/depth";
const ORDER: &[u8; 159] = b"newClientOrderId=0000000000000000&symbol=BTCUSDT&side=BUY&type=LIMIT\
    &timeInForce=GTC&quantity=0.00100000&price=65000.00&recvWindow=5000&timestamp=1764090000000";
const ID_AT: usize = 17;

/// One request: its two headers and its body differ from the last one's by their numbers.
#[derive(Debug)]
pub struct Request {
    path: &'static str,
    id: [u8; 16],
    time: [u8; 13],
    body: [u8; ORDER.len()],
}

impl Request {
    /// For one kind of content; the first id comes after this one.
    pub fn new(content: &str, id: u64) -> Self {
        let path = match content {
            "order" => ORDER_PATH,
            "body" => BODY_PATH,
            _ => CHUNKED_PATH,
        };
        let mut digits = [0; 16];
        digits.copy_from_slice(format!("{id:016}").as_bytes());
        Self { path, id: digits, time: *b"1764090000000", body: *ORDER }
    }

    /// The next id, and with it the next time stamp.
    pub fn next(&mut self) {
        for digit in self.id.iter_mut().rev() {
            *digit += 1;
            if *digit <= b'9' {
                break;
            }
            *digit = b'0';
        }
        self.body[ID_AT..ID_AT + 16].copy_from_slice(&self.id);
        self.time[7..].copy_from_slice(&self.id[10..]);
    }

    /// Whether it is a POST, and has a body; a GET otherwise.
    pub fn is_order(&self) -> bool {
        self.path == ORDER_PATH
    }

    /// The target.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// The value of X-Request-Id.
    pub fn id(&self) -> &str {
        std::str::from_utf8(&self.id).expect("digits")
    }

    /// The value of X-Timestamp.
    pub fn time(&self) -> &str {
        std::str::from_utf8(&self.time).expect("digits")
    }

    /// What an order says.
    pub fn body(&self) -> &[u8] {
        if self.is_order() { &self.body } else { &[] }
    }

    /// Whether this is the answer to it.
    pub fn is_answered_by(&self, answer: &Answer<'_>) -> bool {
        if answer.status != 200 {
            return false;
        }
        if !self.is_order() {
            return answer.body.len() == if self.path == BODY_PATH { 16384 } else { 4096 };
        }
        !answer.count.is_empty() && answer.body.len() > 40 && answer.body[18..34] == self.id
    }
}

/// What a client found in the response: it has looked up one header, and has the whole body before
/// it, without chunks.
#[derive(Debug, Default)]
pub struct Answer<'a> {
    /// 0: there is none.
    pub status: u16,
    /// The value of [`COUNT_HEADER`].
    pub count: &'a [u8],
    /// In one piece.
    pub body: &'a [u8],
}
