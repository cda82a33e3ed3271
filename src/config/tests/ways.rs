//! Tests of the settings that say how a connection gets to the venue, and which key it must meet.

use super::*;

const PIN: &str = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn pins() {
    let mut config = Config::default();
    config.add_pin(PIN.as_bytes()).unwrap();
    assert_eq!(config.tls().pins, [Pin(std::array::from_fn(|at| at as u8))]);
    assert_eq!(config.tls().pins[0].to_string(), PIN);
    let cut = &PIN[..PIN.len() - 1];
    let short = "sha256//AAECAw==";
    let long = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
    let list = format!("{PIN};{PIN}");
    let bare = &PIN["sha256//".len()..];
    for text in ["", "sha256//", "SHA256//", cut, short, long, &list, bare, " "] {
        let add = |config: &mut Config| config.add_pin(text.as_bytes());
        assert_refuses(&mut config, Status::ERR_TLS_CONFIG, add);
    }
    for _ in 1..16 {
        config.add_pin(PIN.as_bytes()).unwrap();
    }
    assert_refuses(&mut config, Status::ERR_TLS_CONFIG, |c| c.add_pin(PIN.as_bytes()));
}

#[test]
fn a_unix_socket_has_an_absolute_path_that_fits() {
    let mut config = Config::default();
    let longest = format!("/{}", "a".repeat(106));
    for path in ["/run/venue.sock", "/", "/a b", &longest] {
        config.set_unix_socket(path.as_bytes()).unwrap();
        assert_eq!(config.ways().unix_socket.as_deref(), Some(std::path::Path::new(path)));
    }
    for path in ["venue.sock", "./venue.sock", "unix:/venue.sock", "/a\0b", &format!("{longest}a")]
    {
        let set = |config: &mut Config| config.set_unix_socket(path.as_bytes());
        assert_refuses(&mut config, Status::ERR_ADDRESS, set);
    }
    config.set_unix_socket(b"").unwrap();
    assert_eq!(config.ways().unix_socket, None);
}

#[test]
fn proxies_are_a_list() {
    let mut config = Config::default();
    for number in 1..=64_u16 {
        config.add_proxy(format!("http://proxy:{number}").as_bytes()).unwrap();
        assert_eq!(config.ways().proxies.last().unwrap().port, number);
    }
    assert_refuses(&mut config, Status::ERR_ARGUMENT, |c| c.add_proxy(b"http://proxy:65"));
    assert_refuses(&mut config, Status::ERR_URL, |c| c.add_proxy(b"http://proxy"));
}
