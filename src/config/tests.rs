//! Tests of the configuration: defaults, the bounds of each setter, and that a refusal changes
//! nothing.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::pool::connection_maintenance::Rules;
use crate::pool::edges::Placement;

mod ways;

fn with_url(url: &str) -> Config {
    let mut config = Config::default();
    config.set_url(url.as_bytes()).unwrap();
    config
}

/// The head that a GET of `/` has with this configuration.
fn head(config: &Config) -> String {
    let mut request = crate::http::Request::new(config.origin().unwrap().into());
    request.begin(b"GET", b"/").unwrap();
    String::from_utf8(request.finish().unwrap().to_vec()).unwrap()
}

fn user_agent() -> String {
    format!("User-Agent: venuepool/{}\r\n", env!("CARGO_PKG_VERSION"))
}

#[track_caller]
fn assert_refuses<T: fmt::Debug + PartialEq>(
    config: &mut Config,
    status: Status,
    call: impl FnOnce(&mut Config) -> Result<T, Status>,
) {
    let before = config.clone();
    assert_eq!(call(config), Err(status));
    assert_eq!(*config, before);
}

/// Checks that the numbers in `good` are taken and those in `bad` refused.
#[track_caller]
fn assert_bounds<T: Copy + fmt::Debug + PartialEq>(
    good: &[T],
    bad: &[T],
    set: fn(&mut Config, T) -> Result<(), Status>,
    get: fn(&Config) -> T,
) {
    let mut config = Config::default();
    for &value in good {
        assert_eq!(set(&mut config, value), Ok(()), "{value:?}");
        assert_eq!(get(&config), value);
    }
    for &value in bad {
        assert_refuses(&mut config, Status::ERR_ARGUMENT, |config| set(config, value));
    }
}

#[test]
fn defaults_are_those_of_the_design() {
    let config = Config::default();
    assert_eq!(config.connections(), 4);
    assert!(!config.allow_degraded_open());
    let timeouts = Timeouts {
        resolve_ns: 1_000_000_000,
        connect_ns: 1_000_000_000,
        tls_handshake_ns: 2_000_000_000,
        request_ns: 11_000_000_000,
        write_ns: 0,
        first_byte_ns: 0,
        queue_ns: 0,
        linger_ns: 0,
        late_completes: false,
    };
    assert_eq!(*config.timeouts(), timeouts);
    assert_eq!(config.backoff(), Backoff { first_ns: 100_000_000, max_ns: 5_000_000_000 });
    assert_eq!(config.dials_per_second(), 5);
    assert_eq!(config.maintenance().rules, Rules::default());
    assert_eq!(config.maintenance().look_after_ns, 10_000);
    assert!(config.suspend_rules().is_empty() && config.event_hook().is_none());
    assert_eq!(config.suspend_cap_ns(), 3 * 86_400 * S);
    assert!(!config.suspends_source());
    assert!(!config.busy_poll());
    assert_eq!((config.thread_name(), config.cpu()), ("venuepool", None));
    let sizes = config.sizes();
    assert_eq!((sizes.request_capacity, sizes.response_capacity), (65_536, 65_536));
    assert_eq!((sizes.completion_capacity, sizes.waiting_capacity), (4096, 1024));
    let limits = Limits {
        max_head_size: 32_768,
        max_headers: 128,
        max_interim: 16,
        max_chunk_line: 8_192,
        max_chunk_overhead: 16_384,
        max_trailer_size: 16_384,
        max_body_size: 16_777_216,
    };
    assert_eq!(*config.limits(), limits);
    let sockets = config.sockets();
    let keepalive = TcpKeepalive { time_ns: 30 * S, interval_ns: 5 * S, count: 3 };
    assert_eq!((sockets.nodelay, sockets.tcp_keepalive), (true, Some(keepalive)));
    assert_eq!((sockets.send_buffer, sockets.receive_buffer), (None, None));
    assert_eq!((sockets.bind_addresses.len(), sockets.addresses.len()), (0, 0));
    let tls = config.tls();
    assert_eq!(tls.alpn, [b"http/1.1"]);
    assert!(!tls.insecure_skip_verify && tls.key_log == KeyLog::Off);
    assert!(tls.ca_pem.is_none() && tls.client_cert.is_none() && tls.server_name.is_none());
}

#[test]
fn without_a_url_there_is_no_origin() {
    let mut config = Config::default();
    assert_eq!(config.origin().unwrap_err(), Status::ERR_URL);
    assert_eq!(config.url(), Err(Status::ERR_URL));
    config.set_base_path(b"/a").unwrap();
    assert_eq!(config.origin().unwrap_err(), Status::ERR_URL);
    assert_refuses(&mut config, Status::ERR_URL, |config| config.set_url(b"h"));
    config.set_url(b"http://h").unwrap();
    assert!(config.origin().is_ok());
    assert_refuses(&mut config, Status::ERR_URL, |config| config.set_url(b"http://user@h"));
    assert_eq!(config.url().unwrap().host, "h");
}

#[test]
fn the_origin_carries_url_and_defaults() {
    let config = with_url("https://API.test:8443/v3/");
    let expected = format!("GET /v3/ HTTP/1.1\r\nHost: api.test:8443\r\n{}\r\n", user_agent());
    assert_eq!(head(&config), expected);
    assert_eq!(config.origin().unwrap().request_capacity(), 65_536);
}

#[test]
fn the_base_path_replaces_the_path_of_the_url_in_any_order() {
    let mut config = with_url("http://h/url");
    assert_eq!(config.base_path(), "/url");
    config.set_base_path(b"/base/").unwrap();
    assert_eq!(config.base_path(), "/base");
    config.set_url(b"http://h/other").unwrap();
    assert_eq!(config.base_path(), "/base");
    for nothing in [&b""[..], b"/", b"//"] {
        config.set_base_path(nothing).unwrap();
        assert_eq!(config.base_path(), "");
    }
}

#[test]
fn bad_base_paths() {
    for path in
        ["a", "a/", "*", "?", "/a?b", "/a#b", "/a b", "/a\r\n", "/a\0", "/%", "/%2", "/\u{e9}"]
    {
        let set = |config: &mut Config| config.set_base_path(path.as_bytes());
        assert_refuses(&mut with_url("http://h/url"), Status::ERR_PATH, set);
    }
}

#[test]
fn a_default_header_is_replaced_by_the_next_of_its_name() {
    let mut config = with_url("http://h");
    config.add_default_header(b"X-Key", b"1").unwrap();
    config.add_default_header(b"Accept", b"*/*").unwrap();
    config.add_default_header(b"x-kEY", b"2").unwrap();
    let expected = format!("{}x-kEY: 2\r\nAccept: */*\r\n\r\n", user_agent());
    assert!(head(&config).ends_with(&expected), "{}", head(&config));
}

#[test]
fn the_user_agent_is_the_callers() {
    let mut config = with_url("http://h");
    config.add_default_header(b"user-agent", b"mine").unwrap();
    assert!(head(&config).ends_with("Host: h\r\nuser-agent: mine\r\n\r\n"));
    config.add_default_header(b"User-Agent", b"").unwrap();
    assert!(head(&config).ends_with("Host: h\r\n\r\n"));
    config.add_default_header(b"User-Agent", b"").unwrap();
    config.add_default_header(b"User-Agent", b"again").unwrap();
    config.add_default_header(b"X-Empty", b"").unwrap();
    assert!(head(&config).ends_with("Host: h\r\nUser-Agent: again\r\nX-Empty: \r\n\r\n"));
}

#[test]
fn bad_default_headers() {
    let table: [(&[u8], &[u8], Status); 10] = [
        (b"", b"v", Status::ERR_HEADER_NAME),
        (b"A B", b"v", Status::ERR_HEADER_NAME),
        (b"A:", b"v", Status::ERR_HEADER_NAME),
        (b"A", b"v\r\nB: c", Status::ERR_HEADER_VALUE),
        (b"A", b"\0", Status::ERR_HEADER_VALUE),
        (b"host", b"v", Status::ERR_HEADER_RESERVED),
        (b"Content-Length", b"0", Status::ERR_HEADER_RESERVED),
        (b"Transfer-Encoding", b"chunked", Status::ERR_HEADER_RESERVED),
        (b"Expect", b"100-continue", Status::ERR_HEADER_RESERVED),
        (b"Connection", b"upgrade", Status::ERR_HEADER_RESERVED),
    ];
    for (name, value, status) in table {
        let add = |config: &mut Config| config.add_default_header(name, value);
        assert_refuses(&mut Config::default(), status, add);
    }
}

#[test]
fn there_are_at_most_64_default_headers() {
    let mut config = with_url("http://h");
    for index in 1..64 {
        config.add_default_header(format!("X-{index}").as_bytes(), b"v").unwrap();
    }
    let one_more = |config: &mut Config| config.add_default_header(b"X-64", b"v");
    assert_refuses(&mut config, Status::ERR_ARGUMENT, one_more);
    config.add_default_header(b"X-63", b"replaced").unwrap();
    assert!(head(&config).contains("X-63: replaced\r\n"));
    config.add_default_header(b"User-Agent", b"").unwrap();
    one_more(&mut config).unwrap();
}

#[test]
fn default_headers_must_leave_room_for_a_request() {
    let mut config = with_url("http://h");
    config.add_default_header(b"X", &[b'v'; 1024]).unwrap();
    assert!(config.origin().is_ok());
    config.set_request_capacity(1024).unwrap();
    assert_eq!(config.origin().unwrap_err(), Status::ERR_TOO_LARGE);
}

#[test]
fn counts_have_bounds() {
    assert_bounds(&[1, 1024], &[0, 1025, usize::MAX], Config::set_connections, |c| c.connections());
    let max = usize::MAX;
    let (set, bad) = (Config::set_dials_per_second, [0, 1001, u32::MAX]);
    assert_bounds(&[1, 1000], &bad, set, |c| c.dials_per_second());
    assert_bounds(&[1, 256], &[0, 257, max], Config::set_max_headers, |c| c.limits.max_headers);
    assert_bounds(&[0, 1000], &[1001, max], Config::set_max_interim, |c| c.limits.max_interim);
    let million = 1 << 20;
    let bad = [0, million + 1, max];
    let (set, get) = (Config::set_completion_capacity, |c: &Config| c.sizes.completion_capacity);
    assert_bounds(&[1, million], &bad, set, get);
    let (set, get) = (Config::set_waiting_capacity, |c: &Config| c.sizes.waiting_capacity);
    assert_bounds(&[1, million], &bad, set, get);
    let cpus = [Some(1024), Some(max)];
    assert_bounds(&[Some(0), Some(1023), None], &cpus, Config::set_cpu, |c| c.cpu());
}

#[test]
fn sizes_have_bounds() {
    let max = usize::MAX;
    let (good, bad) = ([1024, 64 << 20], [0, 1023, (64 << 20) + 1, max]);
    let (set, get) = (Config::set_request_capacity, |c: &Config| c.sizes().request_capacity);
    assert_bounds(&good, &bad, set, get);
    let (set, get) = (Config::set_response_capacity, |c: &Config| c.sizes().response_capacity);
    assert_bounds(&good, &bad, set, get);
    let (set, get) = (Config::set_max_body_size, |c: &Config| c.limits.max_body_size);
    assert_bounds(&[1, 1 << 30], &[(1 << 30) + 1, max], set, get);
    let mut config = Config::default();
    config.set_max_body_size(0).unwrap();
    assert_eq!(config.limits().max_body_size, max, "no limit");
    let (set, get) = (Config::set_max_head_size, |c: &Config| c.limits.max_head_size);
    assert_bounds(&[1024, 1 << 20], &[0, 1023, (1 << 20) + 1, max], set, get);
    let (set, get) = (Config::set_max_chunk_line, |c: &Config| c.limits.max_chunk_line);
    assert_bounds(&[32, 1 << 20], &[0, 31, (1 << 20) + 1, max], set, get);
    let (set, get) = (Config::set_max_chunk_overhead, |c: &Config| c.limits.max_chunk_overhead);
    assert_bounds(&[32, 64 << 20], &[0, 31, (64 << 20) + 1, max], set, get);
    let (set, get) = (Config::set_max_trailer_size, |c: &Config| c.limits.max_trailer_size);
    assert_bounds(&[0, 1 << 20], &[(1 << 20) + 1, max], set, get);
    let good = [Some(1024), Some(1 << 30), None];
    let bad = [Some(0), Some(1023), Some((1 << 30) + 1), Some(max)];
    assert_bounds(&good, &bad, Config::set_send_buffer, |c| c.sockets().send_buffer);
    assert_bounds(&good, &bad, Config::set_receive_buffer, |c| c.sockets().receive_buffer);
}

#[test]
fn durations_have_bounds() {
    let (good, bad) = ([1_000, 86_400 * S], [0, 999, 86_400 * S + 1, u64::MAX]);
    let (set, get) = (Config::set_connect_timeout_ns, |c: &Config| c.timeouts().connect_ns);
    assert_bounds(&good, &bad, set, get);
    let (set, get) = (Config::set_resolve_timeout_ns, |c: &Config| c.timeouts().resolve_ns);
    assert_bounds(&good, &bad, set, get);
    let set = Config::set_tls_handshake_timeout_ns;
    assert_bounds(&good, &bad, set, |c| c.timeouts().tls_handshake_ns);
    let (set, get) = (Config::set_request_timeout_ns, |c: &Config| c.timeouts().request_ns);
    assert_bounds(&good, &bad, set, get);
    let set = |c: &mut Config, (first, max)| c.set_backoff_ns(first, max);
    let get = |c: &Config| (c.backoff().first_ns, c.backoff().max_ns);
    let good = [(1_000, 1_000), (1_000, 86_400 * S), (S, S), (86_400 * S, 86_400 * S)];
    let bad = [(0, S), (999, S), (S, 0), (S + 1, S), (S, 86_400 * S + 1), (u64::MAX, u64::MAX)];
    assert_bounds(&good, &bad, set, get);
}

#[test]
fn maintenance_has_bounds() {
    let (good, bad) = ([0, 1_000_000, 86_400 * S], [1, 999_999, 86_400 * S + 1, u64::MAX]);
    let (set, get) = (Config::set_idle_limit_ns, |c: &Config| c.maintenance().rules.idle_limit_ns);
    assert_bounds(&good, &bad, set, get);
    let (good, bad) = ([0, 1_000_000, 30 * 86_400 * S], [1, 999_999, u64::MAX]);
    let (set, get) = (Config::set_max_age_ns, |c: &Config| c.maintenance().rules.max_age_ns);
    assert_bounds(&good, &bad, set, get);
    let (good, bad) = ([1_000_000, 30 * 86_400 * S], [0, 999_999, 30 * 86_400 * S + 1, u64::MAX]);
    assert_bounds(&good, &bad, Config::set_suspend_cap_ns, Config::suspend_cap_ns);
    let (set, get) = (Config::set_look_after_ns, |c: &Config| c.maintenance().look_after_ns);
    assert_bounds(&[0, 1, S], &[S + 1, u64::MAX], set, get);
    let (good, bad) = ([0, 1_000, 86_400 * S], [1, 999, 86_400 * S + 1, u64::MAX]);
    assert_bounds(&good, &bad, Config::set_write_timeout_ns, |c| c.timeouts().write_ns);
    let set = Config::set_first_byte_timeout_ns;
    assert_bounds(&good, &bad, set, |c| c.timeouts().first_byte_ns);
    assert_bounds(&good, &bad, Config::set_queue_timeout_ns, |c| c.timeouts().queue_ns);
    assert_bounds(&good, &bad, Config::set_linger_ns, |c| c.timeouts().linger_ns);
}

#[test]
fn the_time_that_an_exchange_needs_is_measured_fixed_or_none() {
    let mut config = Config::default();
    assert_eq!(config.estimate(), Estimate::Measured);
    for ns in [0, 1_000, 86_400 * S] {
        config.set_exchange_time_ns(ns).unwrap();
        assert_eq!(config.estimate(), Estimate::Fixed(ns));
    }
    for ns in [1, 999, 86_400 * S + 1, u64::MAX - 1] {
        assert_refuses(&mut config, Status::ERR_ARGUMENT, |c| c.set_exchange_time_ns(ns));
    }
    config.set_exchange_time_ns(u64::MAX).unwrap();
    assert_eq!(config.estimate(), Estimate::Measured);
}

#[test]
fn a_heartbeat_is_a_request_of_its_own() {
    let mut config = Config::default();
    config.set_url(b"https://h/base").unwrap();
    config.set_heartbeat(b"GET", b"/ping", S, S / 2).unwrap();
    config.add_heartbeat_header(b"X-Probe", b"1").unwrap();
    let heartbeat = config.heartbeat(&config.origin().unwrap().into()).unwrap().unwrap();
    let text = String::from_utf8(heartbeat.request.bytes().unwrap().to_vec()).unwrap();
    assert!(text.starts_with("GET /base/ping HTTP/1.1\r\nHost: h\r\n"), "{text}");
    assert!(text.contains("X-Probe: 1\r\n"), "{text}");
    assert_eq!((heartbeat.request.is_head(), heartbeat.timeout_ns), (false, S / 2));
    let refused = |method: &'static [u8], path: &'static [u8], interval, timeout| {
        move |c: &mut Config| c.set_heartbeat(method, path, interval, timeout)
    };
    assert_refuses(&mut config, Status::ERR_METHOD, refused(b"G T", b"/", S, S));
    assert_refuses(&mut config, Status::ERR_PATH, refused(b"GET", b"ping", S, S));
    assert_refuses(&mut config, Status::ERR_ARGUMENT, refused(b"GET", b"/", 999_999, S));
    assert_refuses(&mut config, Status::ERR_ARGUMENT, refused(b"GET", b"/", S, 0));
    let reserved = |c: &mut Config| c.add_heartbeat_header(b"Host", b"x");
    assert_refuses(&mut config, Status::ERR_HEADER_RESERVED, reserved);
    config.set_heartbeat(b"", b"", 0, 0).unwrap();
    assert!(config.heartbeat(&config.origin().unwrap().into()).unwrap().is_none());
    assert_eq!(config.maintenance().rules.heartbeat_ns, 0);
}

#[test]
fn a_status_suspends_once() {
    let mut config = Config::default();
    config.suspend_on(429, S, false).unwrap();
    config.suspend_on(429, 0, true).unwrap();
    let rule = SuspendRule { http_status: 429, for_ns: 0, closes: true };
    assert_eq!(config.suspend_rules(), [rule]);
    for status in [0, 200, 299, 600, 65_535] {
        assert_refuses(&mut config, Status::ERR_ARGUMENT, |c| c.suspend_on(status, S, false));
    }
    assert_refuses(&mut config, Status::ERR_ARGUMENT, |c| c.suspend_on(418, u64::MAX, false));
    (500..531).for_each(|status| config.suspend_on(status, S, false).unwrap());
    assert_refuses(&mut config, Status::ERR_ARGUMENT, |c| c.suspend_on(599, S, false));
    config.suspend_on(500, 2 * S, false).unwrap();
}

#[test]
fn keepalive_has_bounds() {
    let probes = |time_ns, interval_ns, count| Some(TcpKeepalive { time_ns, interval_ns, count });
    let most = 32_767 * S;
    let good = [probes(S, S, 1), probes(most, most, 127), None];
    let bad = [
        probes(0, S, 1),
        probes(S, 0, 1),
        probes(S, S, 0),
        probes(S - 1, S, 1),
        probes(S, S + 1, 1),
        probes(S + S / 2, S, 1),
        probes(most + S, S, 1),
        probes(S, most + S, 1),
        probes(S, S, 128),
    ];
    assert_bounds(&good, &bad, Config::set_tcp_keepalive, |c| c.sockets().tcp_keepalive);
}

#[test]
fn switches() {
    let mut config = Config::default();
    config.set_nodelay(false);
    config.set_allow_degraded_open(true);
    config.set_insecure_skip_verify(true);
    assert!(!config.sockets().nodelay && config.allow_degraded_open());
    assert!(config.tls().insecure_skip_verify);
}

#[test]
fn the_last_key_log_is_the_only_one() {
    let mut config = Config::default();
    let hook = KeyLogHook(Arc::new(|_| ()));
    config.set_key_log(true);
    assert_eq!(config.tls().key_log, KeyLog::Environment);
    config.set_key_log_file(b"keys").unwrap();
    assert_eq!(config.tls().key_log, KeyLog::File("keys".into()));
    config.set_key_log_hook(Some(hook.clone()));
    assert_eq!(config.tls().key_log, KeyLog::Function(hook.clone()));
    assert_eq!(config.set_key_log_file(b"ke\0ys"), Err(Status::ERR_ARGUMENT));
    assert_eq!(config.tls().key_log, KeyLog::Function(hook.clone()));
    let offs: [fn(&mut Config); 3] = [
        |config| config.set_key_log(false),
        |config| config.set_key_log_file(b"").unwrap(),
        |config| config.set_key_log_hook(None),
    ];
    for off in offs {
        config.set_key_log_hook(Some(hook.clone()));
        off(&mut config);
        assert_eq!(config.tls().key_log, KeyLog::Off);
    }
}

#[test]
fn thread_names() {
    let mut config = Config::default();
    for name in ["a", "fifteen letters", "venue-1"] {
        config.set_thread_name(name.as_bytes()).unwrap();
        assert_eq!(config.thread_name(), name);
    }
    for name in ["", "sixteen letters!", "a\0", "a\n", "\u{e9}", "\x7f"] {
        let set = |config: &mut Config| config.set_thread_name(name.as_bytes());
        assert_refuses(&mut config, Status::ERR_ARGUMENT, set);
    }
    assert_refuses(&mut config, Status::ERR_ARGUMENT, |config| config.set_thread_name(b"\xff"));
}

const BAD_ADDRESSES: [&str; 9] =
    ["h", "1.2.3", "256.1.1.1", "[::1]", "::1%eth0", "1.2.3.4:80", "1.2.3.4/8", "::g", "\0"];

#[test]
fn bind_addresses() {
    let mut config = Config::default();
    config.set_bind_address(b"10.0.0.1").unwrap();
    for address in BAD_ADDRESSES.into_iter().chain([" ", "1.1.1.1,1.1.1.2"]) {
        let set = |config: &mut Config| config.set_bind_address(address.as_bytes());
        assert_refuses(&mut config, Status::ERR_ADDRESS, set);
    }
    assert_refuses(&mut config, Status::ERR_ADDRESS, |config| config.set_bind_address(b"\xff"));
    assert_eq!(config.sockets().bind_addresses, [IpAddr::from([10, 0, 0, 1])]);
    config.set_bind_address(b"::1").unwrap();
    assert_eq!(config.sockets().bind_addresses, ["::1".parse::<IpAddr>().unwrap()]);
    config.set_bind_address(b"").unwrap();
    assert!(config.sockets().bind_addresses.is_empty());
}

#[test]
fn several_bind_addresses_are_spread_over_the_slots() {
    let mut config = Config::default();
    assert_eq!(config.sockets().source_of(3), None);
    for address in BAD_ADDRESSES.into_iter().chain(["", "1.1.1.1,1.1.1.2"]) {
        let add = |config: &mut Config| config.add_bind_address(address.as_bytes());
        assert_refuses(&mut config, Status::ERR_ADDRESS, add);
    }
    config.set_bind_address(b"10.0.0.1").unwrap();
    config.add_bind_address(b"10.0.0.2").unwrap();
    let of = |slot| config.sockets().source_of(slot).unwrap();
    let [one, two] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
    assert_eq!([of(0), of(1), of(2)], [(0, one), (1, two), (0, one)]);
    let second = config.from_source(1).unwrap();
    assert_eq!(second.sockets().bind_addresses, [two]);
    assert_eq!(config.from_source(2), None);
    (2..64).for_each(|_| config.add_bind_address(b"10.0.0.3").unwrap());
    let add = |config: &mut Config| config.add_bind_address(b"10.0.0.3");
    assert_refuses(&mut config, Status::ERR_ARGUMENT, add);
    config.set_bind_address(b"").unwrap();
    assert_eq!(config.sockets().source_of(0), None, "the system chooses again");
}

#[test]
fn placements() {
    let mut config = Config::default();
    assert_eq!(*config.edges(), EdgeSettings::default());
    for (margin, between_ns) in [(1, 0), (1000, MS), (20, DAY)] {
        config.set_placement(Placement::Best, margin, between_ns).unwrap();
    }
    for (margin, between_ns) in [(0, 0), (1001, 0), (20, 1), (20, MS - 1), (20, DAY + 1)] {
        let set = |config: &mut Config| config.set_placement(Placement::Spread, margin, between_ns);
        assert_refuses(&mut config, Status::ERR_ARGUMENT, set);
    }
    let placement = config.edges().placement;
    assert_eq!((placement.placement, placement.margin_percent), (Placement::Best, 20));
    for interval_ns in [1, MS - 1, DAY + 1] {
        let set = |config: &mut Config| config.set_resolve_interval_ns(interval_ns);
        assert_refuses(&mut config, Status::ERR_ARGUMENT, set);
    }
    for interval_ns in [MS, DAY, 0] {
        config.set_resolve_interval_ns(interval_ns).unwrap();
        assert_eq!(config.edges().resolve_interval_ns, interval_ns);
    }
}

#[test]
fn pinned_addresses() {
    let mut config = Config::default();
    let mut set = |text: &str| {
        let answer = config.set_addresses(text.as_bytes());
        let addresses: Vec<String> =
            config.sockets().addresses.iter().map(ToString::to_string).collect();
        answer.map(|()| addresses.join(" "))
    };
    assert_eq!(set("10.0.0.1"), Ok("10.0.0.1".to_owned()));
    assert_eq!(set("10.0.0.1, ::1 ,10.0.0.2"), Ok("10.0.0.1 ::1 10.0.0.2".to_owned()));
    assert_eq!(set(&["::1"; 64].join(",")), Ok(["::1"; 64].join(" ")));
    assert_eq!(set(" "), Ok(String::new()));
    assert_eq!(set("10.0.0.3"), Ok("10.0.0.3".to_owned()));

    let many = ["::1"; 65].join(",");
    let lists = ["10.0.0.1,", ",10.0.0.1", "10.0.0.1,,10.0.0.2", ",", "10.0.0.1;10.0.0.2", &many];
    for text in BAD_ADDRESSES.into_iter().chain(lists) {
        let set = |config: &mut Config| config.set_addresses(text.as_bytes());
        assert_refuses(&mut config, Status::ERR_ADDRESS, set);
    }
    assert_eq!(config.sockets().addresses, [IpAddr::from([10, 0, 0, 3])]);
}

#[test]
fn pem_is_stored_unread() {
    let mut config = Config::default();
    assert_refuses(&mut config, Status::ERR_TLS_CONFIG, |config| config.set_ca_pem(b""));
    config.set_ca_pem(b"ca").unwrap();
    config.set_client_cert_pem(b"chain", b"key").unwrap();
    for (chain, key) in [(&b""[..], &b"key"[..]), (b"chain", b""), (b"", b"")] {
        let set = |config: &mut Config| config.set_client_cert_pem(chain, key);
        assert_refuses(&mut config, Status::ERR_TLS_CONFIG, set);
    }
    let tls = config.tls();
    assert_eq!(tls.ca_pem.as_ref().unwrap().as_bytes(), b"ca");
    let cert = tls.client_cert.as_ref().unwrap();
    assert_eq!((cert.chain.as_bytes(), cert.key.as_bytes()), (&b"chain"[..], &b"key"[..]));
}

#[test]
fn server_names() {
    let mut config = Config::default();
    for (name, stored) in
        [("Venue.Test", "venue.test"), ("10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("a_b", "a_b")]
    {
        config.set_server_name(name.as_bytes()).unwrap();
        assert_eq!(config.tls().server_name.as_deref(), Some(stored));
    }
    for name in ["[::1]", "a b", "a:1", "https://a", "a.", "-a", "1.2.3", "\u{e9}", "a\0", "*.a"] {
        let set = |config: &mut Config| config.set_server_name(name.as_bytes());
        assert_refuses(&mut config, Status::ERR_TLS_CONFIG, set);
    }
    config.set_server_name(b"").unwrap();
    assert_eq!(config.tls().server_name, None);
}

#[test]
fn alpn_protocols() {
    let mut config = Config::default();
    config.set_alpn(b"").unwrap();
    assert!(config.tls().alpn.is_empty());
    config.set_alpn(b"http/1.1, http/1.0").unwrap();
    assert_eq!(config.tls().alpn, [b"http/1.1", b"http/1.0"]);
    let long = "a".repeat(256);
    for text in ["h2", "http/1.1,h2", "http/1.1,", ",", "a b", "\0", "\u{e9}", &long] {
        let set = |config: &mut Config| config.set_alpn(text.as_bytes());
        assert_refuses(&mut config, Status::ERR_TLS_CONFIG, set);
    }
    config.set_alpn("a".repeat(255).as_bytes()).unwrap();
}

#[test]
fn debug_shows_no_secret() {
    let mut config = with_url("https://h");
    config.add_default_header(b"X-Key", b"secret").unwrap();
    config.set_ca_pem(b"secret").unwrap();
    config.set_client_cert_pem(b"secret", b"secret").unwrap();
    let text = format!("{config:?}");
    assert!(text.contains("X-Key") && !text.contains("secret"), "{text}");
    // The value of each byte string would show as numbers, too.
    assert!(!text.contains(&format!("{:?}", b"secret")), "{text}");
}
