//! The mock venue as a program: it serves, says on its standard output where, and ends when it is
//! told to, when its parent is gone, or when its time is over.

#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use mock_venue::{
    CertificateKind, Certificates, Control, Fault, Options, SigningKey, Transport, Venue,
};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Without an end of its own, so that no venue is ever left behind for longer than a day.
const LONGEST: u64 = 86_400;

#[derive(Parser)]
#[command(about = "A mock crypto exchange (REST over HTTP/1.1 and TLS) with scripted faults")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Instead>,
    /// Where the venue listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the control server listens.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Serve TLS.
    #[arg(long)]
    tls: bool,
    /// The TLS version to serve: 1.2, 1.3 or any. Implies --tls.
    #[arg(long, value_parser = transport)]
    tls_version: Option<Transport>,
    /// Write ca.pem, server.pem, server.key and client.pem to this folder.
    #[arg(long, value_name = "DIR")]
    cert_dir: Option<PathBuf>,
    /// The certificate to show: good, expired, wrong-host, unknown-ca or long-chain.
    #[arg(long, value_name = "KIND", default_value = "good")]
    certificate: CertificateKind,
    /// Require client certificates, signed by the venue's CA (client.pem).
    #[arg(long)]
    client_certificates: bool,
    /// Check the signatures of orders with this secret: HMAC-SHA-256 in hexadecimal digits.
    #[arg(long, value_name = "KEY")]
    hmac_secret: Option<String>,
    /// Check the signatures of orders with this public key of Ed25519, 64 hexadecimal digits.
    #[arg(long, value_name = "KEY", value_parser = SigningKey::ed25519_from_hex,
        conflicts_with = "hmac_secret")]
    ed25519_public_key: Option<SigningKey>,
    /// Answer with chunked bodies.
    #[arg(long)]
    chunked: bool,
    /// A fault to start with, such as idle-close=500ms,fin (see the README). Repeatable.
    #[arg(long = "fault", value_name = "SPEC")]
    faults: Vec<Fault>,
    /// Write the ready line to this file, too; it appears complete or not at all.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Exit when standard input ends.
    #[arg(long)]
    exit_with_parent: bool,
    /// Exit after so many seconds, whatever happens.
    #[arg(long, value_name = "N", default_value_t = LONGEST)]
    max_seconds: u64,
}

#[derive(Subcommand)]
enum Instead {
    /// Write certificates for another server (nginx, say) and exit.
    Certs {
        /// The folder for ca.pem, server.pem (the whole chain), server.key and client.pem.
        #[arg(long)]
        dir: PathBuf,
        /// good, expired, wrong-host, unknown-ca or long-chain.
        #[arg(long, value_name = "KIND", default_value = "good")]
        certificate: CertificateKind,
    },
}

fn transport(version: &str) -> Result<Transport, String> {
    match version {
        "any" => Ok(Transport::Tls),
        "1.2" => Ok(Transport::Tls12),
        "1.3" => Ok(Transport::Tls13),
        _ => Err("1.2, 1.3 or any".into()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mock-venue: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> io::Result<()> {
    if let Some(Instead::Certs { dir, certificate }) = arguments.command {
        return Certificates::new()?.write(&dir, certificate);
    }
    let ca = arguments.cert_dir.as_ref().map(|folder| folder.join("ca.pem"));
    let otherwise = if arguments.tls { Transport::Tls } else { Transport::Plain };
    let venue = Arc::new(Venue::start(Options {
        listen: arguments.listen,
        transport: arguments.tls_version.unwrap_or(otherwise),
        certificate: arguments.certificate,
        client_certificates: arguments.client_certificates,
        cert_dir: arguments.cert_dir,
        signing_key: arguments
            .hmac_secret
            .map(SigningKey::HmacSecret)
            .or(arguments.ed25519_public_key),
        chunked: arguments.chunked,
        faults: arguments.faults,
    })?);
    let control = Control::serve(Arc::clone(&venue), arguments.control)?;

    let ready =
        serde_json::json!({ "url": venue.url(), "control": control.url(), "ca": ca }).to_string();
    if let Some(file) = &arguments.ready_file {
        write_whole(file, &ready)?;
    }
    let mut output = io::stdout();
    writeln!(output, "{ready}")?;
    output.flush()?;
    wait(arguments.exit_with_parent, Duration::from_secs(arguments.max_seconds));
    Ok(())
}

/// Writes a file that nobody can see half of.
fn write_whole(file: &Path, line: &str) -> io::Result<()> {
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(".part");
    std::fs::write(&unfinished, format!("{line}\n"))?;
    std::fs::rename(&unfinished, file)
}

/// Returns when the time is over or, if that counts, standard input is.
fn wait(exit_with_parent: bool, longest: Duration) {
    let (parent, gone) = mpsc::channel::<()>();
    if exit_with_parent {
        // Reading blocks, so a thread does it; its end drops the sender, which ends the wait.
        std::thread::spawn(move || {
            let _parent = parent;
            // A standard input that cannot be read is as good as ended.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
        });
        let _ = gone.recv_timeout(longest);
    } else {
        std::thread::sleep(longest);
    }
}
