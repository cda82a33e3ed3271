//! reqwest: one client, its URL parsed once.

use bench_peers::hyper_parts::{add_numbers, default_headers};
use bench_peers::{Answer, COUNT_HEADER, Client, Options, Request, fail, run, tls_config};
use bytes::Bytes;
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};

struct Reqwest {
    client: reqwest::Client,
    url: Url,
    method: Method,
    tolerant: bool,
}

impl Reqwest {
    async fn exchange(
        &self,
        sent: reqwest::Request,
        answered: &mut Option<impl FnOnce(&Answer<'_>)>,
    ) -> Result<(), reqwest::Error> {
        let mut response = self.client.execute(sent).await?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let body = response.bytes().await?;
        let count = headers.get(COUNT_HEADER).map_or(&b""[..], HeaderValue::as_bytes);
        answered.take().expect("told once")(&Answer { status, count, body: &body });
        Ok(())
    }

    fn check(&self, result: Result<(), reqwest::Error>) {
        if let Err(error) = result
            && !self.tolerant
        {
            fail(&format!("reqwest: {error}"));
        }
    }
}

impl Client for Reqwest {
    /// The client dials with its first request, which is no order.
    async fn open(options: &Options) -> Self {
        let client = reqwest::Client::builder()
            .default_headers(default_headers())
            .tls_backend_preconfigured(tls_config(options))
            .tcp_nodelay(true)
            .no_proxy()
            .http1_only()
            .build()
            .unwrap_or_else(|error| fail(&format!("reqwest: {error}")));
        let request = Request::new(&options.content, 0);
        let url = |path| format!("{}{path}", options.url()).parse().expect("it is one");
        let client = Self {
            client,
            url: url(request.path()),
            method: if request.is_order() { Method::POST } else { Method::GET },
            tolerant: options.tolerant,
        };
        let path = Request::new("chunked", 0).path();
        let dial = reqwest::Request::new(Method::GET, url(path));
        client.check(client.exchange(dial, &mut Some(|_: &Answer<'_>| ())).await);
        client
    }

    async fn send(&self, _: usize, request: &Request, answered: impl FnOnce(&Answer<'_>)) {
        let mut sent = reqwest::Request::new(self.method.clone(), self.url.clone());
        add_numbers(sent.headers_mut(), request);
        if request.is_order() {
            *sent.body_mut() = Some(Bytes::copy_from_slice(request.body()).into());
        }
        let mut answered = Some(answered);
        self.check(self.exchange(sent, &mut answered).await);
        if let Some(answered) = answered {
            answered(&Answer::default());
        }
    }
}

fn main() {
    run::<Reqwest>();
}
