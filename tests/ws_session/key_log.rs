//! A session has the key log of its configuration, as a pool has.

use std::sync::{Arc, Mutex};

use venuepool::log::{Level, LogHook, Record};
use venuepool::session::Session;

use crate::capture::{Folder, Tap};
use crate::desk::{Desk, config, settings};
use crate::peer::{Server, exchange};

const ORDER: &str = "a secret order";

#[test]
fn wireshark_decrypts_a_session_by_the_key_log() {
    let folder = Folder::new();
    let (keys, no_keys) = (folder.0.join("keys"), folder.0.join("no-keys"));
    let server = Server::start(true, |_, peer| exchange(peer));
    let tap = Tap::before(server.address);
    let mut config = config(&server);
    config.set_url(format!("https://localhost:{}", tap.address.port()).as_bytes()).unwrap();
    config.set_addresses(b"127.0.0.1").unwrap();
    config.set_key_log_file(keys.to_str().unwrap().as_bytes()).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let function = Arc::new(move |record: &Record<'_>| {
        kept.lock().unwrap().push((record.level, record.message.to_owned()));
    });
    config.set_log_hook(Some(LogHook { level: Level::Warn, function }));

    let mut desk = Desk::of(Session::open(&config, &settings(), b"/ws").unwrap());
    desk.up();
    desk.send(ORDER);
    assert_eq!(desk.message(), ORDER);
    desk.close();

    let to = keys.display();
    let told = format!("TLS secrets are written to {to}: they open all captured traffic");
    assert_eq!(*lines.lock().unwrap(), [(Level::Warn, told)]);
    let text = std::fs::read_to_string(&keys).unwrap();
    assert_eq!(text.matches("CLIENT_TRAFFIC_SECRET_0 ").count(), 1, "{text}");
    std::fs::write(&no_keys, "").unwrap();
    let Some(closed) = tap.read_with(&no_keys) else {
        return eprintln!("SKIPPED: there is no tshark");
    };
    let open = tap.read_with(&keys).expect("it was there");
    assert!(!closed.contains(ORDER) && !closed.contains("GET /ws"), "{closed}");
    // Sent in a mask, and echoed without one; the mask is taken off.
    assert!(open.contains("GET /ws HTTP/1.1"), "{open}");
    let packets = open.split("\nFrame ").filter(|packet| packet.contains(ORDER));
    assert_eq!(packets.count(), 2, "{open}");
}
