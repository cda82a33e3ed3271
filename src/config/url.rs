//! The address of an origin, read from an `http://` or `https://` URL.
//!
//! Its one job is to take a URL apart strictly (RFC 3986, RFC 9110 section 4.2): one that is only
//! half understood connects to the wrong place. It resolves nothing, and knows no other setting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Status;
use crate::http::field;

/// Whether connections to the origin are plain or run over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain TCP; port 80 unless another is given.
    Http,
    /// TLS; port 443 unless another is given.
    Https,
}

/// A URL that names an origin and a base path, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Plain or TLS.
    pub scheme: Scheme,
    /// A name in lower case, or an IP address in its shortest form, IPv6 without brackets.
    pub host: String,
    /// The port, 1 to 65535.
    pub port: u16,
    /// The path without its trailing slashes; empty or beginning with `/`.
    pub path: String,
}

/// The longest name that DNS can carry (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Url {
    /// Reads `scheme://host[:port][/path]`.
    ///
    /// Scheme and host may be in any case. A host is a name, an IPv4 address, or an IPv6 address in
    /// brackets; an international name must be given in its ASCII form (punycode). Refused are
    /// user information, a query, a fragment, a zone id, an empty or zero port, and every byte
    /// that does not belong where it stands.
    ///
    /// # Errors
    /// `ERR_URL`.
    pub fn parse(url: &[u8]) -> Result<Self, Status> {
        Self::split(url).ok_or(Status::ERR_URL)
    }

    /// The IP address that the host is, if it is no name.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The value of the Host field: the host, IPv6 in brackets, and the port if it is not the
    /// scheme's own (RFC 9110 section 7.2).
    pub fn host_header(&self) -> String {
        let host = match self.ip() {
            Some(IpAddr::V6(ip)) => format!("[{ip}]"),
            _ => self.host.clone(),
        };
        if self.port == self.scheme.default_port() { host } else { format!("{host}:{}", self.port) }
    }

    fn split(url: &[u8]) -> Option<Self> {
        let url = std::str::from_utf8(url).ok()?;
        let (scheme, rest) = url.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        let port = port.map_or(Some(scheme.default_port()), parse_port)?;
        let path = base_path(path.as_bytes())?;
        Some(Self { scheme, host: parse_host(host)?, port, path })
    }
}

/// Checks a base path and takes its trailing slashes away: `/api/v3/` is `/api/v3`, `/` is nothing.
pub(super) fn base_path(path: &[u8]) -> Option<String> {
    if !field::is_base_path(path) {
        return None;
    }
    let path = std::str::from_utf8(path).ok()?;
    Some(path.trim_end_matches('/').to_owned())
}

/// Checks a host name: labels of letters, digits, `-` and `_`, joined by dots. Gives it in lower
/// case. A last label that is a number would make it a broken IPv4 address, so it is refused.
fn host_name(name: &str) -> Option<String> {
    let label_is_good = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next()?;
    let looks_like_number = last.bytes().all(|b| b.is_ascii_digit())
        || last.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    let good = name.len() <= MAX_NAME && name.split('.').all(label_is_good) && !looks_like_number;
    good.then(|| name.to_ascii_lowercase())
}

/// Checks a name that a certificate can be made out to: a host name or an IP address, IPv6 without
/// brackets.
pub(super) fn server_name(name: &str) -> Option<String> {
    match name.parse::<IpAddr>() {
        Ok(ip) => Some(ip.to_string()),
        Err(_) => host_name(name),
    }
}

/// The host, still in the brackets of an IPv6 address, and the text behind its colon.
pub(super) fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let host_end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_end);
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(port))),
        None => rest.is_empty().then_some((host, None)),
    }
}

pub(super) fn parse_host(host: &str) -> Option<String> {
    if let Some(literal) = host.strip_prefix('[') {
        let ip: Ipv6Addr = literal.strip_suffix(']')?.parse().ok()?;
        return Some(ip.to_string());
    }
    match host.parse::<Ipv4Addr>() {
        Ok(ip) => Some(ip.to_string()),
        Err(_) => host_name(host),
    }
}

pub(super) fn parse_port(port: &str) -> Option<u16> {
    // The standard parser would take a sign.
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if digits { port.parse().ok().filter(|&port| port != 0) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URL, host, port, path, Host field; the scheme is the URL's.
    const GOOD: &[(&str, &str, u16, &str, &str)] = &[
        ("http://h", "h", 80, "", "h"),
        ("https://h", "h", 443, "", "h"),
        ("https://h/", "h", 443, "", "h"),
        ("https://h//", "h", 443, "", "h"),
        ("HTTPS://API.Venue.COM", "api.venue.com", 443, "", "api.venue.com"),
        ("hTTp://h", "h", 80, "", "h"),
        ("http://h:80", "h", 80, "", "h"),
        ("http://h:443", "h", 443, "", "h:443"),
        ("https://h:443/", "h", 443, "", "h"),
        ("https://h:80", "h", 80, "", "h:80"),
        ("http://h:1", "h", 1, "", "h:1"),
        ("http://h:65535", "h", 65535, "", "h:65535"),
        ("http://h:00080", "h", 80, "", "h"),
        ("http://h/api/v3", "h", 80, "/api/v3", "h"),
        ("http://h:8080/api/v3/", "h", 8080, "/api/v3", "h:8080"),
        ("http://h/a%20b/~c;d=e,f:g@h", "h", 80, "/a%20b/~c;d=e,f:g@h", "h"),
        ("http://h//a", "h", 80, "//a", "h"),
        ("http://h/a:b", "h", 80, "/a:b", "h"),
        ("http://127.0.0.1", "127.0.0.1", 80, "", "127.0.0.1"),
        ("http://127.0.0.1:9/x", "127.0.0.1", 9, "/x", "127.0.0.1:9"),
        ("https://[::1]", "::1", 443, "", "[::1]"),
        ("https://[::1]:443", "::1", 443, "", "[::1]"),
        ("https://[::1]:8443/v1", "::1", 8443, "/v1", "[::1]:8443"),
        ("http://[2001:DB8:0:0:0:0:0:1]", "2001:db8::1", 80, "", "[2001:db8::1]"),
        ("http://[::ffff:1.2.3.4]", "::ffff:1.2.3.4", 80, "", "[::ffff:1.2.3.4]"),
        ("http://my_host-1.local", "my_host-1.local", 80, "", "my_host-1.local"),
        ("http://xn--bcher-kva.example", "xn--bcher-kva.example", 80, "", "xn--bcher-kva.example"),
        ("http://1.2.3.4.example", "1.2.3.4.example", 80, "", "1.2.3.4.example"),
        ("http://3com", "3com", 80, "", "3com"),
    ];

    const BAD: &[&str] = &[
        "",
        "h",
        "h:80",
        "//h",
        "http:",
        "http:/h",
        "http://",
        "http:///",
        "http:///path",
        "http://:80",
        "://h",
        " http://h",
        "http://h ",
        "ftp://h",
        "ws://h",
        "httpss://h",
        "http ://h",
        "http://user@h",
        "http://user:password@h",
        "http://@h",
        "http://h?",
        "http://h?a=b",
        "http://h/?a=b",
        "http://h/a?b",
        "http://h#",
        "http://h/#f",
        "http://h/a#f",
        "http://h:",
        "http://h:/",
        "http://h:0",
        "http://h:65536",
        "http://h:99999999999999999999",
        "http://h:+80",
        "http://h:-80",
        "http://h:8o",
        "http://h:80:80",
        "http://h: 80",
        "http://h:http",
        "http://h/a b",
        "http://h/a\tb",
        "http://h/a\r\nHost: evil",
        "http://h\r\n",
        "http://h\0",
        "http://h/\0",
        "http://h\x7f",
        "http://h\\path",
        "http://h/a\\b",
        "http://h/%",
        "http://h/%2",
        "http://h/%zz",
        "http://h/b\u{fc}cher",
        "http://b\u{fc}cher.example",
        "http://h%41",
        "http://h.",
        "http://.h",
        "http://a..b",
        "http://-a",
        "http://a-",
        "http://a.-b.c",
        "http://a,b",
        "http://a*b",
        "http://1.2.3",
        "http://1.2.3.4.5",
        "http://256.1.1.1",
        "http://127.0.0.01",
        "http://127.1",
        "http://2130706433",
        "http://0x7f000001",
        "http://1.2.3.0x4",
        "http://[",
        "http://[]",
        "http://[::1",
        "http://::1",
        "http://[::1]80",
        "http://[::1]:",
        "http://[::1]x",
        "http://[::1]]",
        "http://[::1%25eth0]",
        "http://[fe80::1%eth0]",
        "http://[1.2.3.4]",
        "http://[::1::]",
        "http://[g::1]",
        "http://[v1.x]",
        "http://a[::1]",
    ];

    #[test]
    fn good_urls_are_taken_apart() {
        for &(text, host, port, path, host_header) in GOOD {
            let url = Url::parse(text.as_bytes()).unwrap_or_else(|_| panic!("{text}"));
            let parts = (url.host.as_str(), url.port, url.path.as_str());
            assert_eq!(parts, (host, port, path), "{text}");
            assert_eq!(url.host_header(), host_header, "{text}");
            let tls = text.to_lowercase().starts_with("https");
            assert_eq!(url.scheme == Scheme::Https, tls, "{text}");
        }
    }

    #[test]
    fn bad_urls_are_refused() {
        for text in BAD {
            assert_eq!(Url::parse(text.as_bytes()), Err(Status::ERR_URL), "{text:?}");
        }
        assert_eq!(Url::parse(b"http://\xff"), Err(Status::ERR_URL));
        assert_eq!(Url::parse(b"http://h/\xff"), Err(Status::ERR_URL));
    }

    #[test]
    fn no_byte_out_of_place_in_a_host() {
        for byte in 0..=u8::MAX {
            let text = [b"http://a", &[byte][..], b"b"].concat();
            let good = byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
            assert_eq!(Url::parse(&text).is_ok(), good, "{byte:#x}");
        }
    }

    #[test]
    fn names_have_limits() {
        let label = |len| "a".repeat(len);
        assert!(host_name(&label(63)).is_some());
        assert!(host_name(&label(64)).is_none());
        let name = |last| [label(63), label(63), label(63), label(last)].join(".");
        assert_eq!(name(61).len(), 253);
        assert!(host_name(&name(61)).is_some());
        assert!(host_name(&name(62)).is_none());
    }

    #[test]
    fn an_address_is_known_as_one() {
        let ip = |url: &str| Url::parse(url.as_bytes()).unwrap().ip();
        assert_eq!(ip("http://[::1]"), Some("::1".parse().unwrap()));
        assert_eq!(ip("http://10.0.0.1"), Some("10.0.0.1".parse().unwrap()));
        assert_eq!(ip("http://venue.test"), None);
    }
}
