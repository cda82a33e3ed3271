//! hyper-util's client: hyper with a pool of connections.

use bench_peers::hyper_parts::{Template, tell};
use bench_peers::{Answer, Client, Options, Request, fail, run, tls_config};
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};

struct HyperUtil {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    template: Template,
    tolerant: bool,
}

impl HyperUtil {
    async fn exchange(
        &self,
        template: &Template,
        request: &Request,
        answered: &mut Option<impl FnOnce(&Answer<'_>)>,
    ) -> Result<(), Error> {
        let response = self.pool.request(template.fill(request)).await?;
        let told = tell(response, |answer| answered.take().expect("told once")(answer)).await;
        if told.is_err() && !self.tolerant {
            fail("hyper-util: a body broke off");
        }
        Ok(())
    }
}

impl Client for HyperUtil {
    /// The pool dials with its first requests, which are no orders.
    async fn open(options: &Options) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls_config(options))
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let pool =
            Pool::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        let template = Template::new(&options.url(), options);
        let client = Self { pool, template, tolerant: options.tolerant };
        let warm_up = Options { content: "chunked".to_owned(), ..options.clone() };
        let template = Template::new(&options.url(), &warm_up);
        let request = Request::new("chunked", 0);
        if let Err(error) =
            client.exchange(&template, &request, &mut Some(|_: &Answer<'_>| ())).await
            && !client.tolerant
        {
            fail(&format!("dial: {error}"));
        }
        client
    }

    async fn send(&self, _: usize, request: &Request, answered: impl FnOnce(&Answer<'_>)) {
        let mut answered = Some(answered);
        let result = self.exchange(&self.template, request, &mut answered).await;
        if let Err(error) = result
            && !self.tolerant
        {
            fail(&format!("hyper-util: {error}"));
        }
        if let Some(answered) = answered {
            answered(&Answer::default());
        }
    }
}

fn main() {
    run::<HyperUtil>();
}
