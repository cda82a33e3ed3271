//! libcurl's WebSocket API, on one easy handle that only connects.

use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_long, c_uint, c_void};
use std::ptr;

use bench_peers::websocket::{MESSAGE, WebSocketClient, run};
use bench_peers::{Options, fail};
use curl_sys::{
    CURL, CURLE_AGAIN, CURLE_OK, CURLINFO, CURLOPT_CONNECT_ONLY, CURLOPT_TCP_NODELAY, CURLOPT_URL,
    CURLcode,
};

/// `CURLWS_TEXT`.
const TEXT: c_uint = 1;
/// `CURLINFO_ACTIVESOCKET`.
const ACTIVE_SOCKET: CURLINFO = 0x50_0000 + 44;
/// Of `CURLOPT_CONNECT_ONLY`: connect, and switch to WebSocket.
const AND_SWITCH: c_long = 2;

/// The beginning of `struct curl_ws_frame`; libcurl owns it.
#[repr(C)]
struct Meta {
    age: c_int,
    flags: c_int,
    offset: i64,
    bytes_left: i64,
}

// curl-sys does not declare these.
unsafe extern "C" {
    fn curl_ws_send(
        curl: *mut CURL,
        buffer: *const c_void,
        size: usize,
        sent: *mut usize,
        fragment_size: i64,
        flags: c_uint,
    ) -> CURLcode;
    fn curl_ws_recv(
        curl: *mut CURL,
        buffer: *mut c_void,
        size: usize,
        received: *mut usize,
        meta: *mut *const Meta,
    ) -> CURLcode;
}

fn ok(code: CURLcode) {
    if code != CURLE_OK {
        fail(&format!("libcurl: {code}"));
    }
}

struct CurlWs {
    curl: *mut CURL,
    socket: c_int,
    message: [u8; 512],
}

impl CurlWs {
    fn send(&mut self, text: &str) {
        let mut sent = 0;
        // SAFETY: the handle lives, and the text is that long.
        let code = unsafe {
            curl_ws_send(self.curl, text.as_ptr().cast(), text.len(), &mut sent, 0, TEXT)
        };
        ok(code);
        if sent != text.len() {
            fail("libcurl: sent in part");
        }
    }

    /// Receives one message, and gives its size.
    fn receive(&mut self) -> usize {
        let mut size = 0;
        loop {
            let (mut part, mut meta) = (0, ptr::null());
            let room = &mut self.message[size..];
            // SAFETY: the handle lives, and the room is that long.
            let code = unsafe {
                let (to, len) = (room.as_mut_ptr().cast(), room.len());
                curl_ws_recv(self.curl, to, len, &mut part, &mut meta)
            };
            if code == CURLE_AGAIN {
                self.wait();
                continue;
            }
            ok(code);
            size += part;
            // SAFETY: libcurl gives it with each part, and it lives until the next call.
            if unsafe { (*meta).bytes_left } == 0 {
                return size;
            }
        }
    }

    fn wait(&self) {
        let mut set = libc::pollfd { fd: self.socket, events: libc::POLLIN, revents: 0 };
        // SAFETY: it is one entry.
        unsafe { libc::poll(&mut set, 1, -1) };
    }
}

impl WebSocketClient for CurlWs {
    async fn open(options: &Options) -> Self {
        let url = CString::new(format!("ws://127.0.0.1:{}/ws", options.port)).expect("no NUL");
        let mut socket: c_int = -1;
        // SAFETY: the handle is new, and each option has the type that libcurl documents.
        let curl = unsafe {
            let curl = curl_sys::curl_easy_init();
            let url: *const c_char = url.as_ptr();
            ok(curl_sys::curl_easy_setopt(curl, CURLOPT_URL, url));
            ok(curl_sys::curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, AND_SWITCH));
            ok(curl_sys::curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1 as c_long));
            ok(curl_sys::curl_easy_perform(curl));
            ok(curl_sys::curl_easy_getinfo(curl, ACTIVE_SOCKET, &mut socket));
            curl
        };
        Self { curl, socket, message: [0; 512] }
    }

    async fn echo(&mut self, order: &str, back: impl FnOnce(&[u8])) {
        self.send(order);
        let size = self.receive();
        back(&self.message[..size]);
    }

    async fn stream(&mut self, request: &str, count: u64) {
        self.send(request);
        for _ in 0..count {
            if self.receive() != MESSAGE {
                fail("another message came");
            }
        }
    }
}

fn main() {
    run::<CurlWs>();
}
