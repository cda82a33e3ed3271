//! A proxy, read from its URL.
//!
//! As strict as the URL of the venue, because one that is only half understood sends orders to the
//! wrong place. User and password are wiped in the end, and shown nowhere.

use std::fmt;
use std::net::Ipv6Addr;

use zeroize::Zeroizing;

use super::url::{parse_host, parse_port, split_port};
use crate::error::Status;

/// The most bytes of a user, and of a password (RFC 1929 section 2).
const MAX_SECRET: usize = 255;

/// How a proxy is asked for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// By CONNECT (RFC 9110 section 9.3.6), over plaintext.
    Http,
    /// By SOCKS version 5 (RFC 1928).
    Socks5,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// How it is asked.
    pub kind: ProxyKind,
    /// A name in lower case, or an IP address, IPv6 without brackets.
    pub host: String,
    /// The port, 1 to 65535.
    pub port: u16,
    /// What it lets this client in by.
    pub credentials: Option<Credentials>,
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub user: Zeroizing<Vec<u8>>,
    /// The password.
    pub password: Zeroizing<Vec<u8>>,
}

impl Proxy {
    /// Reads `http://[user[:password]@]host:port` or `socks5://[user:password@]host:port`, with
    /// `socks5h` for `socks5`, too. User and password may be percent-encoded (RFC 3986 section
    /// 2.1), and must be where they hold a byte that is no visible ASCII, or one of `%:@/?#[]`.
    ///
    /// # Errors
    /// `ERR_URL`.
    pub fn parse(url: &[u8]) -> Result<Self, Status> {
        Self::split(url).ok_or(Status::ERR_URL)
    }

    fn split(url: &[u8]) -> Option<Self> {
        let url = std::str::from_utf8(url).ok()?;
        let (scheme, rest) = url.split_once("://")?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => ProxyKind::Http,
            "socks5" | "socks5h" => ProxyKind::Socks5,
            _ => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (userinfo, authority) = match rest.split_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, rest),
        };
        let (host, port) = split_port(authority)?;
        let credentials = match userinfo {
            Some(userinfo) => Some(Credentials::parse(kind, userinfo)?),
            None => None,
        };
        Some(Self { kind, host: parse_host(host)?, port: parse_port(port?)?, credentials })
    }
}

/// Names the proxy, and not who uses it.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ProxyKind::Http => "http",
            ProxyKind::Socks5 => "socks5",
        };
        match self.host.parse::<Ipv6Addr>() {
            Ok(ip) => write!(f, "{scheme}://[{ip}]:{}", self.port),
            Err(_) => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl Credentials {
    fn parse(kind: ProxyKind, userinfo: &str) -> Option<Self> {
        let (user, password) = match userinfo.split_once(':') {
            Some((user, password)) => (user, password),
            None => (userinfo, ""),
        };
        let (user, password) = (percent_decoded(user)?, percent_decoded(password)?);
        let fits = |secret: &[u8]| (1..=MAX_SECRET).contains(&secret.len());
        let is_good = match kind {
            // RFC 7617 section 2: no control bytes, and no colon in the user.
            ProxyKind::Http => {
                let is_text = |secret: &[u8]| !secret.iter().any(u8::is_ascii_control);
                let fits = fits(&user) && password.len() <= MAX_SECRET;
                fits && is_text(&user) && is_text(&password) && !user.contains(&b':')
            }
            ProxyKind::Socks5 => fits(&user) && fits(&password),
        };
        is_good.then_some(Self { user, password })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} and {} bytes)", self.user.len(), self.password.len())
    }
}

/// The bytes that a part of the user information stands for; `None` if one is out of place.
fn percent_decoded(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // As large as it gets, so that no part of a secret is left behind by a move.
    let mut decoded = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex(bytes.next()?)? << 4 | hex(bytes.next()?)?,
            b':' | b'/' | b'?' | b'#' | b'[' | b']' => return None,
            byte if byte.is_ascii_graphic() => byte,
            _ => return None,
        });
    }
    Some(decoded)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str) -> Proxy {
        Proxy::parse(url.as_bytes()).unwrap_or_else(|_| panic!("{url}"))
    }

    fn credentials(url: &str) -> (Vec<u8>, Vec<u8>) {
        let credentials = proxy(url).credentials.unwrap();
        (credentials.user.to_vec(), credentials.password.to_vec())
    }

    #[test]
    fn good_urls_are_taken_apart() {
        for (text, kind, host, port) in [
            ("http://proxy:3128", ProxyKind::Http, "proxy", 3128),
            ("HTTP://Proxy.Test:80/", ProxyKind::Http, "proxy.test", 80),
            ("socks5://10.0.0.1:1080", ProxyKind::Socks5, "10.0.0.1", 1080),
            ("socks5h://[::1]:1080", ProxyKind::Socks5, "::1", 1080),
        ] {
            let proxy = proxy(text);
            assert_eq!((proxy.kind, proxy.host.as_str(), proxy.port), (kind, host, port), "{text}");
            assert_eq!(proxy.credentials, None, "{text}");
        }
        assert_eq!(proxy("socks5h://u:p@[::1]:1080").to_string(), "socks5://[::1]:1080");
        assert_eq!(proxy("http://u:p@proxy:3128").to_string(), "http://proxy:3128");
    }

    #[test]
    fn credentials_are_decoded() {
        let both = (b"u:@r".to_vec(), b"p/s%\xe9".to_vec());
        assert_eq!(credentials("socks5://u%3A%40r:p%2fs%25%E9@h:1"), both);
        assert_eq!(credentials("http://user@h:1"), (b"user".to_vec(), Vec::new()));
        assert_eq!(credentials("http://user:@h:1"), (b"user".to_vec(), Vec::new()));
        assert_eq!(credentials("http://u:p!$&'()*+,;=-._~@h:1").1, b"p!$&'()*+,;=-._~");
        let longest = "a".repeat(255);
        for kind in ["http", "socks5"] {
            credentials(&format!("{kind}://{longest}:{longest}@h:1"));
        }
    }

    #[test]
    fn bad_urls_are_refused() {
        let long = "a".repeat(256);
        let long = [format!("http://{long}:p@h:1"), format!("socks5://u:{long}@h:1")];
        let bad = [
            "",
            "h:1",
            "//h:1",
            "http://",
            "http://h",
            "http://h:",
            "http://h:0",
            "http://h:65536",
            "http://:1",
            "http://h:1/path",
            "http://h:1?q",
            "http://h:1#f",
            "http://h:1//",
            "https://h:1",
            "socks://h:1",
            "socks4://h:1",
            "socks4a://h:1",
            "ftp://h:1",
            "http://@h:1",
            "http://:p@h:1",
            "http://u:p:q@h:1",
            "http://u@v@h:1",
            "http://u/v@h:1",
            "http://u%@h:1",
            "http://u%4@h:1",
            "http://u%4g@h:1",
            "http://u%3av:p@h:1",
            "http://u:p%0d%0aX@h:1",
            "http://u:%00@h:1",
            "http://u p@h:1",
            "http://\u{e9}@h:1",
            "socks5://u@h:1",
            "socks5://u:@h:1",
            "socks5://:p@h:1",
            "http://h:1 ",
            " http://h:1",
            "http://h\r\n:1",
            "http://[::1:1",
            "http://::1:1",
            "http://-h:1",
        ];
        for text in bad.into_iter().chain(long.iter().map(String::as_str)) {
            assert_eq!(Proxy::parse(text.as_bytes()), Err(Status::ERR_URL), "{text:?}");
        }
        assert_eq!(Proxy::parse(b"http://\xff:1"), Err(Status::ERR_URL));
    }

    #[test]
    fn debug_and_display_show_no_secret() {
        let proxy = proxy("http://someone:secret@h:1");
        let text = format!("{proxy} {proxy:?}");
        assert!(!text.contains("someone") && !text.contains("secret"), "{text}");
        assert!(!text.contains(&format!("{:?}", b"secret")), "{text}");
    }
}
