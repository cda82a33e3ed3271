//! nexus-async-net: its pool for one thread.

use bench_peers::{Answer, COUNT_HEADER, Client, DEFAULT_HEADERS, Options, Request, ca, fail, run};
use nexus_async_net::rest::{ClientPool, ClientSlot};
use nexus_net::rest::RestError;
use nexus_net::tls::TlsConfig;

struct Nexus {
    pool: ClientPool,
    tolerant: bool,
}

impl Nexus {
    fn check(error: impl std::fmt::Display, tolerant: bool) {
        if !tolerant {
            fail(&format!("nexus: {error}"));
        }
    }
}

async fn build(options: &Options) -> Result<ClientPool, RestError> {
    let mut builder =
        ClientPool::builder().url(&options.url()).connections(options.connections).disable_nagle();
    for (name, value) in DEFAULT_HEADERS {
        builder = builder.default_header(name, value)?;
    }
    if options.tls() {
        let tls = TlsConfig::builder()
            .tls13_only()
            .skip_system_certs()
            .add_root_cert(ca(options))
            .build();
        builder = builder.tls(&tls.unwrap_or_else(|error| fail(&format!("tls: {error}"))));
    }
    builder.build().await
}

impl Client for Nexus {
    async fn open(options: &Options) -> Self {
        let pool = build(options).await;
        Self {
            pool: pool.unwrap_or_else(|error| fail(&format!("nexus: {error}"))),
            tolerant: options.tolerant,
        }
    }

    async fn send(&self, _: usize, request: &Request, answered: impl FnOnce(&Answer<'_>)) {
        let slot = match self.pool.try_acquire() {
            Some(slot) => Ok(slot),
            None => self.pool.acquire().await,
        };
        let mut slot = match slot {
            Ok(slot) => slot,
            Err(error) => {
                Self::check(error, self.tolerant);
                return answered(&Answer::default());
            }
        };
        let ClientSlot { writer, reader, conn } = &mut *slot;
        let built = if request.is_order() {
            let head = writer.post(request.path()).header("X-Request-Id", request.id());
            head.header("X-Timestamp", request.time()).body(request.body()).finish()
        } else {
            let head = writer.get(request.path()).header("X-Request-Id", request.id());
            head.header("X-Timestamp", request.time()).finish()
        };
        let built = built.unwrap_or_else(|error| fail(&format!("nexus: {error}")));
        let conn = conn.as_mut().expect("the pool gives live ones");
        match conn.send(built, reader).await {
            Ok(response) => answered(&Answer {
                status: response.status(),
                count: response.header(COUNT_HEADER).unwrap_or("").as_bytes(),
                body: response.body(),
            }),
            Err(error) => {
                Self::check(error, self.tolerant);
                answered(&Answer::default());
            }
        }
    }
}

fn main() {
    run::<Nexus>();
}
