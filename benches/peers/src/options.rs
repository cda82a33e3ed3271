//! The options of a client: those of ../../harness.hpp, by the same names.

use crate::fail;

/// What a client is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the venue is; its certificate is for this name.
    pub host: String,
    /// The venue's port.
    pub port: u16,
    /// The file with the certificate to trust; plaintext if empty.
    pub ca: String,
    /// What is asked for: order, body (16 KiB), chunked (4 KiB).
    pub content: String,
    /// How many connections are kept.
    pub connections: usize,
    /// How many requests are in flight.
    pub depth: usize,
    /// So many requests at a time, then a pause for their answers; 0: no bursts.
    pub burst: u64,
    /// Each has its own client, and its share of connections and depth.
    pub threads: usize,
    /// How many requests are measured.
    pub requests: u64,
    /// How many come before them.
    pub warm_up: u64,
    /// Afterwards, to see what idling costs.
    pub idle_seconds: u64,
    /// The longest random pause before a request.
    pub pause_us: u64,
    /// How long the engine sleeps before each request.
    pub gap_us: u64,
    /// So much memory is read before each request.
    pub wash_kib: usize,
    /// Failures are counted, and do not end the run.
    pub tolerant: bool,
}

impl Options {
    /// Those of this process.
    pub fn parse() -> Self {
        let mut options = Self {
            host: "localhost".to_owned(),
            port: 0,
            ca: String::new(),
            content: "order".to_owned(),
            connections: 1,
            depth: 1,
            burst: 0,
            threads: 1,
            requests: 1000,
            warm_up: 200,
            idle_seconds: 0,
            pause_us: 0,
            gap_us: 0,
            wash_kib: 0,
            tolerant: false,
        };
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        for pair in arguments.chunks_exact(2) {
            options.set(&pair[0], &pair[1]);
        }
        options.tolerant |= options.pause_us > 0;
        options
    }

    fn set(&mut self, name: &str, value: &str) {
        let number = || value.parse().unwrap_or_else(|_| fail(&format!("no number: {value}")));
        match name {
            "--host" => value.clone_into(&mut self.host),
            "--port" => self.port = number() as u16,
            "--ca" => value.clone_into(&mut self.ca),
            "--content" => value.clone_into(&mut self.content),
            "--connections" => self.connections = number() as usize,
            "--depth" => self.depth = number() as usize,
            "--burst" => self.burst = number(),
            "--threads" => self.threads = number() as usize,
            "--requests" => self.requests = number(),
            "--warm-up" => self.warm_up = number(),
            "--idle-seconds" => self.idle_seconds = number(),
            "--pause-us" => self.pause_us = number(),
            "--gap-us" => self.gap_us = number(),
            "--wash-kib" => self.wash_kib = number() as usize,
            "--tolerant" => self.tolerant = number() != 0,
            // There is one way to use these clients, and no thread besides the engine's.
            "--mode" | "--pool-cpu" => {}
            _ => fail(&format!("no such option: {name}")),
        }
    }

    /// Whether the venue speaks TLS.
    pub fn tls(&self) -> bool {
        !self.ca.is_empty()
    }

    /// Where the venue is, without a path.
    pub fn url(&self) -> String {
        let scheme = if self.tls() { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}
