//! Starts an nginx with a configuration of the test, on a free port.
//!
//! It knows no pool and no session: both are tested with it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mock_venue::{CertificateKind, Certificates};

pub(crate) struct NginxServer {
    child: Child,
    /// It runs there; `server.pem` and `server.key` are in it.
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    pub(crate) certificates: Certificates,
}

impl NginxServer {
    /// Starts nginx on a free port, or answers `None` where there is none to start. `make test`
    /// gets one, by scripts/ensure-test-tools.sh.
    ///
    /// `prepare` puts files into the folder, and `http` is the inside of the configuration's block
    /// of that name: it listens on the port that is given.
    pub(crate) fn start(
        prepare: impl FnOnce(&Path),
        http: impl Fn(&Path, u16) -> String,
    ) -> Option<Self> {
        // Not all have the latter two in their path.
        let programs = ["nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx"];
        let runs = |program: &&str| {
            Command::new(program).arg("-V").output().is_ok_and(|output| output.status.success())
        };
        let program = programs.into_iter().find(runs)?;
        let name = format!("venuepool-nginx-{:x}", fastrand::u64(..));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let certificates = Certificates::new().unwrap();
        certificates.write(&folder, CertificateKind::Good).unwrap();
        prepare(&folder);
        let launched = (0..20).find_map(|_| launch(program, &folder, &http));
        let (child, port) = launched.expect("a free port");
        Some(Self { child, folder, port, certificates })
    }
}

impl Drop for NginxServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// One try: nginx cannot pick a port by itself, and another process may take ours in between.
fn launch(
    program: &str,
    folder: &Path,
    http: impl Fn(&Path, u16) -> String,
) -> Option<(Child, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log error.log;
         events {{ worker_connections 64; }}
         http {{
           access_log off;
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;
           {}
         }}",
        http(folder, port)
    );
    fs::write(folder.join("nginx.conf"), configuration).unwrap();
    let mut child = Command::new(program)
        .args(["-p".as_ref(), folder.as_os_str(), "-c".as_ref(), "nginx.conf".as_ref()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..20_000 {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some((child, port));
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("nginx does not listen");
}
