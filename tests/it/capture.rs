//! Records what two ends say over TCP, and lets Wireshark's `tshark` read it.
//!
//! A relay records, so no privilege is needed. The heads of IP and TCP in the capture are made up:
//! the client is 10.0.0.1, the server is 10.0.0.2 with port 443.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

/// The end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Server,
}

/// What each end has said, in pieces and in order.
type Recorded = Arc<Mutex<Vec<(End, Vec<u8>)>>>;

/// LINKTYPE_IPV4: a packet begins with its IP head.
const LINK_TYPE: u32 = 228;

/// What of a stream goes into one packet.
const MAX_PAYLOAD: usize = 1400;

/// A place to connect to instead of a server, once.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    recorded: Recorded,
}

impl Tap {
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let recorded = Recorded::default();
        let record = Arc::clone(&recorded);
        thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let server = TcpStream::connect(server).unwrap();
            let (back, forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let answers = Arc::clone(&record);
            thread::spawn(move || carry(End::Server, back, forth, &answers));
            carry(End::Client, client, server, &record);
        });
        Self { address, recorded }
    }

    /// All that tshark finds in what was recorded, as text, with the secrets in that file. `None`:
    /// there is no tshark here. `make test` gets one, by scripts/ensure-test-tools.sh.
    pub(crate) fn read_with(&self, keys: &Path) -> Option<String> {
        let mut tshark = Command::new("tshark");
        if !tshark.arg("-v").output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        let folder = Folder::new();
        let capture = folder.0.join("exchange.pcap");
        fs::write(&capture, pcap(&self.recorded.lock().unwrap())).unwrap();
        let keys = format!("tls.keylog_file:{}", keys.display());
        let mut tshark = Command::new("tshark");
        // Whoever runs this may have settings.
        tshark.env("WIRESHARK_CONFIG_DIR", &folder.0).arg("-r").arg(&capture);
        let output = tshark.args(["-o", &keys, "-V"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A folder for one test, until it is dropped.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("venuepool-capture-{:016x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Records before it hands on, so that no answer stands before what it answers.
fn carry(end: End, mut from: TcpStream, mut to: TcpStream, recorded: &Recorded) {
    let mut buffer = [0; 16 * 1024];
    // A reset is an end, too.
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        recorded.lock().unwrap().push((end, buffer[..count].to_vec()));
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The capture as a file in the pcap format (draft-ietf-opsawg-pcap), all numbers little-endian.
fn pcap(recorded: &[(End, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    // The magic number of microseconds; version 2.4; two fields that are 0; the longest packet.
    file.extend(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2_u16, 4].map(u16::to_le_bytes).concat());
    file.extend([0, 0, 65_535, LINK_TYPE].map(u32::to_le_bytes).concat());
    let (mut of_client, mut of_server) = (1_u32, 1_u32);
    let mut microseconds = 0_u32;
    for (end, bytes) in recorded {
        for payload in bytes.chunks(MAX_PAYLOAD) {
            let packet = packet(*end, of_client, of_server, payload);
            let len = packet.len() as u32;
            file.extend([0, microseconds, len, len].map(u32::to_le_bytes).concat());
            file.extend(packet);
            microseconds += 1;
            let sent = if *end == End::Client { &mut of_client } else { &mut of_server };
            *sent += payload.len() as u32;
        }
    }
    file
}

/// One packet: the heads of IPv4 (RFC 791) and TCP (RFC 9293), without checksums, and the payload.
fn packet(from: End, of_client: u32, of_server: u32, payload: &[u8]) -> Vec<u8> {
    let client = ([10, 0, 0, 1], 50_000_u16, of_client);
    let server = ([10, 0, 0, 2], 443_u16, of_server);
    let (source, target) = if from == End::Client { (client, server) } else { (server, client) };
    let total = 40 + payload.len() as u16;
    let mut packet = vec![0x45, 0];
    packet.extend(total.to_be_bytes());
    // No identification, "do not fragment", 64 hops, TCP, no checksum.
    packet.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    packet.extend([source.0, target.0].concat());
    packet.extend([source.1, target.1].map(u16::to_be_bytes).concat());
    packet.extend([source.2, target.2].map(u32::to_be_bytes).concat());
    // Five words of head, PSH and ACK, the window; no checksum, nothing urgent.
    packet.extend([0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    packet.extend(payload);
    packet
}
