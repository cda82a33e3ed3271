//! What was sent and received, without what looks like a secret. In doubt it is left out.
//!
//! - Of a head the first line is kept, and all names of fields; of the values those that say how
//!   the connection goes on, and numbers.
//! - Behind a name such as `signature`, `token` or `apiKey` the value is left out, in a query, in
//!   JSON, in a form, and numbers too.
//! - A long run of letters and digits without a gap is left out, whatever its name: so are keys,
//!   signatures and tokens written.

use crate::http::field::is_token_byte;
use crate::recorder::excerpt::{Escaped, Excerpt, Push};

/// Stands for what was left out.
pub const LEFT_OUT: &[u8] = b"***";

/// Names whose values are left out contain one of these, in any case.
const SECRET_NAMES: [&[u8]; 12] = [
    b"auth",
    b"bearer",
    b"cookie",
    b"credential",
    b"jwt",
    b"key",
    b"nonce",
    b"pass",
    b"secret",
    b"session",
    b"sign",
    b"token",
];

/// A field or a parameter whose name has one of these may be a number, and secret all the same: a
/// password for one time, or for one person.
const SECRET_NUMBERS: [&[u8]; 5] = [b"2fa", b"code", b"mfa", b"otp", b"pin"];

/// Fields whose values are kept: they say how a message is framed, who sends it, and what is to be
/// waited for.
const KEPT_FIELDS: [&[u8]; 16] = [
    b"accept",
    b"accept-encoding",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"date",
    b"host",
    b"keep-alive",
    b"location",
    b"proxy-connection",
    b"retry-after",
    b"server",
    b"transfer-encoding",
    b"user-agent",
    b"via",
];

/// A run of this length is left out if it has letters and digits, or letters as base64 mixes them.
const MIXED_RUN: usize = 16;

/// So often a word of several words begins a new one, as in `InsufficientBalanceForOrder`.
const WORDS_OF_A_NAME: usize = 3;

/// A run of this length is left out.
const LONG_RUN: usize = 32;

/// The value of a field is told if it is a number of at most so many digits: a time, a limit or a
/// count. No key is so short.
const NUMBER: usize = 19;

/// What came behind an answer may go on with a secret that began in it. So its first run is left
/// out if it is longer than that.
const REST_OF_A_SECRET: usize = 8;

/// Of what came at most so many bytes are looked at.
const LOOKED_AT: usize = 1024;

/// Puts an answer into an excerpt: its head, if that is whole, and what came behind it. What begins
/// as a head without being one is taken for one.
pub fn answer<const N: usize>(head: &[u8], body: &[u8]) -> Excerpt<N> {
    let mut out = Excerpt::EMPTY;
    write_answer(head, body, &mut out);
    out
}

fn write_answer(head: &[u8], body: &[u8], out: &mut dyn Push) {
    let (head, body) = match head {
        b"" if body.starts_with(b"HTTP/") => {
            let end = body.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            body.split_at(end.map_or(body.len(), |end| end + 4))
        }
        _ => (head, body),
    };
    let head = &head[..head.len().min(LOOKED_AT)];
    write_head(head, text, out);
    text(&body[..body.len().min(LOOKED_AT)], out);
}

/// What came behind a whole answer, which it is no part of.
pub fn surplus<const N: usize>(bytes: &[u8]) -> Excerpt<N> {
    if bytes.starts_with(b"HTTP/") {
        return answer(b"", bytes);
    }
    let mut out = Excerpt::EMPTY;
    let run = bytes.iter().position(ends_value).unwrap_or(bytes.len());
    let is_told = run <= REST_OF_A_SECRET;
    out.push(if is_told { &bytes[..run] } else { LEFT_OUT });
    text(&bytes[run..], &mut out);
    out
}

/// The head of a request as it is told; "..." behind one that was cut.
pub fn request_head(head: &[u8]) -> String {
    told_head(head, request_line)
}

/// The head of an answer, as that of a request.
pub fn head(head: &[u8]) -> String {
    told_head(head, text)
}

fn told_head(head: &[u8], first_line: fn(&[u8], &mut dyn Push)) -> String {
    let mut out = Vec::new();
    write_head(head, first_line, &mut out);
    let is_cut = !head.is_empty() && !head.ends_with(b"\r\n\r\n");
    out.extend_from_slice(if is_cut { b"..." } else { b"" });
    Escaped(&out).to_string()
}

fn write_head(head: &[u8], first_line: fn(&[u8], &mut dyn Push), out: &mut dyn Push) {
    for (number, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let colon = line.iter().position(|byte| *byte == b':');
        match colon {
            // Goes on with the value of the field before.
            _ if line.starts_with(b" ") || line.starts_with(b"\t") => _ = out.push(LEFT_OUT),
            _ if number == 0 => first_line(line, out),
            Some(colon) => field(line, colon, out),
            None => text(line, out),
        }
    }
}

/// The first line of a request, with its query. What is cut may be a secret whose name is not seen.
fn request_line(line: &[u8], out: &mut dyn Push) {
    let query = line.iter().position(|byte| *byte == b'?').map_or(line.len(), |mark| mark + 1);
    text(&line[..query], out);
    let end = line[query..].iter().position(|byte| *byte == b' ');
    let (parameters, behind) = line[query..].split_at(end.unwrap_or(line.len() - query));
    let mut rest = parameters.split(|byte| *byte == b'&').peekable();
    while let Some(parameter) = rest.next() {
        let name_len = parameter.iter().position(|byte| *byte == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at(name_len);
        let is_cut = end.is_none() && rest.peek().is_none();
        // A name that is encoded is not read.
        let is_secret =
            is_secret(name) || has_one_of(name, &SECRET_NUMBERS) || name.contains(&b'%');
        if !value.is_empty() && (is_cut || is_secret) {
            text(name, out);
            out.push(b"=");
            out.push(LEFT_OUT);
        } else {
            text(parameter, out);
        }
        out.push(if rest.peek().is_some() { b"&" } else { b"" });
    }
    text(behind, out);
}

/// A request line as it is told: a part of the path that looks like a secret is left out.
pub fn path<const N: usize>(line: &Excerpt<N>) -> Excerpt<N> {
    let mut out = Excerpt::EMPTY;
    text(line.bytes(), &mut out);
    if line.is_cut() { out.cut() } else { out }
}

/// A line of a head that is a field.
fn field(line: &[u8], colon: usize, out: &mut dyn Push) {
    let (name, value) = line.split_at(colon);
    if KEPT_FIELDS.iter().any(|kept| name.eq_ignore_ascii_case(kept)) {
        return text(line, out);
    }
    // The byte that may not stand in a name, and not what follows it.
    let good = name.iter().take_while(|byte| is_token_byte(**byte)).count();
    out.push(&name[..name.len().min(good + 1)]);
    out.push(if good < name.len() { LEFT_OUT } else { b"" });
    if is_number(&value[1..]) && !is_secret(name) && !has_one_of(name, &SECRET_NUMBERS) {
        out.push(value);
        return;
    }
    out.push(b": ");
    out.push(LEFT_OUT);
    out.push(&value[value.trim_ascii_end().len()..]);
}

/// Any text: values of secret names are left out, and long runs.
fn text(bytes: &[u8], out: &mut dyn Push) {
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|byte| is_of_run(**byte)).count();
        if run == 0 {
            if !out.push(&[*first]) {
                return;
            }
            rest = &rest[1..];
            continue;
        }
        let (word, behind) = rest.split_at(run);
        if !out.push(if looks_secret(word) { LEFT_OUT } else { word }) {
            return;
        }
        rest = behind;
        if let Some(begin) = value_begins(word, behind) {
            out.push(&behind[..begin]);
            out.push(LEFT_OUT);
            rest = &behind[begin + value_len(behind, begin)..];
        }
    }
}

/// Part of a name, a number, a key in base64 or in hexadecimal digits.
fn is_of_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'%' | b'~')
}

fn looks_secret(word: &[u8]) -> bool {
    // A path is no run: its parts are.
    word.split(|byte| *byte == b'/').any(|part| {
        let has = |is: fn(&u8) -> bool| part.iter().any(is);
        let begins_word =
            |pair: &&[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
        let is_mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
            || part.windows(2).filter(begins_word).count() > WORDS_OF_A_NAME;
        part.len() >= LONG_RUN || part.len() >= MIXED_RUN && is_mixed
    })
}

/// Whether that is the name of a secret.
fn is_secret(name: &[u8]) -> bool {
    has_one_of(name, &SECRET_NAMES)
}

/// Whether a part of the name is one of these, in any case.
fn has_one_of(name: &[u8], parts: &[&[u8]]) -> bool {
    let has = |part: &&[u8]| name.windows(part.len()).any(|some| some.eq_ignore_ascii_case(part));
    parts.iter().any(has)
}

/// Whether the value of a field is a short number.
fn is_number(value: &[u8]) -> bool {
    let digits = value.trim_ascii();
    let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    (1..=NUMBER).contains(&digits.len()) && digits.iter().all(is_digit)
}

/// If the word is the name of a secret: how far behind it the value begins.
fn value_begins(word: &[u8], behind: &[u8]) -> Option<usize> {
    let is_between = |byte: &&u8| matches!(**byte, b' ' | b'\t' | b'"' | b'\'' | b'\\');
    let joint = behind.iter().take_while(is_between).count();
    let is_joint = behind.get(joint).is_some_and(|byte| matches!(byte, b':' | b'='));
    if !is_joint || !is_secret(word) {
        return None;
    }
    Some(joint + 1 + behind[joint + 1..].iter().take_while(is_between).count())
}

/// How long the value is that begins there. A value that is a list or an object is all that
/// follows.
fn value_len(behind: &[u8], begin: usize) -> usize {
    let value = &behind[begin..];
    if value.first().is_some_and(|byte| matches!(byte, b'{' | b'[')) {
        return value.len();
    }
    value.iter().position(ends_value).unwrap_or(value.len())
}

fn ends_value(byte: &u8) -> bool {
    b"\"'\\&,;}]<>\r\n".contains(byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(bytes: &[u8]) -> String {
        let mut out = Excerpt::<250>::EMPTY;
        text(bytes, &mut out);
        out.to_string()
    }

    #[test]
    fn what_tells_why_an_order_was_refused_is_kept() {
        for kept in [
            r#"{"code":-1121,"msg":"Invalid symbol."}"#,
            r#"{"code":-1021,"msg":"Timestamp for this request is outside of the recvWindow."}"#,
            r#"{"code":-2015,"msg":"Invalid API-key, IP, or permissions for action."}"#,
            r#"{"error":["EOrder:Insufficient funds"],"time":1700000000123456789}"#,
            "SSH-2.0-OpenSSH_9.2p1 Debian",
            "SYMBOL_NOT_FOUND INSUFFICIENT_BALANCE InsufficientBalanceForOrder",
            "POST /api/v3/order/cancelReplace/all/of/them/now",
        ] {
            assert_eq!(told(kept.as_bytes()), kept);
        }
    }

    #[test]
    fn values_of_secret_names_are_left_out_however_they_are_written() {
        let cases = [
            ("symbol=BTC&signature=5ea1&side=BUY", "symbol=BTC&signature=***&side=BUY"),
            (r#"{"listenKey":"pqia9","a":1}"#, r#"{"listenKey":"***","a":1}"#),
            ("X-MBX-APIKEY: vmPU Zzz\r\nA: b", "X-MBX-APIKEY: ***\\r\\nA: b"),
            ("Authorization: Bearer abc", "Authorization: ***"),
            (r#"{\"token\":\"abc\"}"#, r#"{\\"token\\":\\"***\\"}"#),
            (r#"{"auth":{"user":"a","id":"b"}}"#, r#"{"auth":***"#),
            ("passphrase = 'x y' z", "passphrase = '***' z"),
            ("Set-Cookie: a=b; c", "Set-Cookie: ***; c"),
            ("api_secret=", "api_secret=***"),
        ];
        for (sent, expected) in cases {
            assert_eq!(told(sent.as_bytes()), expected);
        }
    }

    #[test]
    fn long_runs_are_left_out_whatever_their_name() {
        let hex = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJlbmdpbmUifQ.AbCdEfGhIjKlMnOpQrStUvWxYzabcdefgh";
        assert_eq!(told(format!("x={hex}&y=1").as_bytes()), "x=***&y=1");
        assert_eq!(told(jwt.as_bytes()), "***.***.***");
        assert_eq!(told(b"id 61f0c404-5cb3-11e7-907b-a6006ad3dba0."), "id ***.");
    }

    #[test]
    fn a_head_keeps_its_names_and_what_says_how_it_goes_on() {
        let head = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nX-Echo: s3cret\r\n\
                     Retry-After:  7\r\n\r\n";
        let excerpt = answer::<250>(head, b"no key=s3cret");
        let expected = "HTTP/1.1 401 Unauthorized\\r\\nContent-Type: text/plain\\r\\n\
                        X-Echo: ***\\r\\nRetry-After:  7\\r\\n\\r\\nno key=***";
        assert_eq!(excerpt.to_string(), expected);
        let all = [&head[..], b"no key=s3cret"].concat();
        assert_eq!(answer::<250>(b"", &all).to_string(), expected, "not taken for a head");
        let broken =
            b"HTTP/1.1 200 OK\r\nContent-Length: x\r\nX-Echo: s3cret\r\n s3cret: s3cret\r\n\
                       X-MBX-USED-WEIGHT-1M: 7\r\nBad s3cret: x";
        let told = answer::<250>(b"", broken).to_string();
        assert!(told.contains("Content-Length: x") && !told.contains("s3cret"), "{told}");
        assert!(told.ends_with("X-MBX-USED-WEIGHT-1M: 7\\r\\nBad ***: ***"), "{told}");
    }

    #[test]
    fn the_head_of_a_request_is_told_without_keys_and_signatures() {
        let sent = b"POST /api/v3/order?symbol=BTCUSDT&timestamp=1700000000000&%73ig=x1&otp=123456\
                     &signature=a;b\"c&apiKey= HTTP/1.1\r\nHost: api.venue.test\r\n\
                     X-MBX-APIKEY: 12345\r\nAuthorization: Bearer s3cret\r\nX-Pin: 1234\r\n\
                     X-Timestamp: 1700000000000\r\nX-Note: s3cret\r\nContent-Length: 5\r\n\r\n";
        let expected = "POST /api/v3/order?symbol=BTCUSDT&timestamp=1700000000000&%73ig=***&otp=***\
                        &signature=***&apiKey=*** HTTP/1.1\\r\\nHost: api.venue.test\\r\\n\
                        X-MBX-APIKEY: ***\\r\\nAuthorization: ***\\r\\nX-Pin: ***\\r\\n\
                        X-Timestamp: 1700000000000\\r\\nX-Note: ***\\r\\n\
                        Content-Length: 5\\r\\n\\r\\n";
        assert_eq!(request_head(sent), expected);
        assert_eq!(request_head(b"GET /time HTTP/1.1\r\n\r\n"), "GET /time HTTP/1.1\\r\\n\\r\\n");
        assert_eq!((request_head(b""), head(b"")), (String::new(), String::new()));
    }

    #[test]
    fn a_head_that_is_cut_anywhere_tells_no_secret() {
        let sent =
            b"GET /a?b=s3cret&signature=s3cret HTTP/1.1\r\nCookie: s3cret\r\nX-A: s3cret\r\n";
        for cut in 1..sent.len() {
            let told = request_head(&sent[..cut]);
            // Of the first parameter the name tells nothing, so its value is told when it is whole.
            let behind = told.strip_prefix("GET /a?b=s3cret&").unwrap_or(&told);
            assert!(!behind.contains("s3") && told.ends_with("..."), "{told}");
        }
    }

    #[test]
    fn what_came_behind_an_answer_is_told_without_the_rest_of_a_secret() {
        for (came, expected) in [
            (&b"0\r\n\r\n"[..], "0\\r\\n\\r\\n"),
            (
                b"HTTP/1.1 200 OK\r\nX-A: s3cret\r\n\r\n",
                "HTTP/1.1 200 OK\\r\\nX-A: ***\\r\\n\\r\\n",
            ),
            (b"rest-of-a-key\",\"n\":1}", "***\",\"n\":1}"),
            (b"{\"token\":\"s3cret\"}", "{\"token\":\"***\"}"),
            (b"rest-of-a-key", "***"),
        ] {
            assert_eq!(surplus::<64>(came).to_string(), expected);
        }
    }

    #[test]
    fn a_secret_that_is_cut_short_is_left_out_all_the_same() {
        for cut in 0..40 {
            let sent = &b"{\"listenKey\":\"s3cret-s3cret-s3cret\"}"[..cut.min(36)];
            assert!(!told(sent).contains("s3"), "{}", told(sent));
            let small = answer::<20>(b"", b"a=1&signature=s3cret&b=2");
            assert!(!small.to_string().contains("s3cret"));
        }
    }
}
