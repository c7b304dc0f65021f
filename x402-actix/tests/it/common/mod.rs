//! What the tests have in common: real servers on this machine, and a client that writes and reads
//! the bytes itself.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test uses a part of it")]

#[path = "../../../../x402-server/tests/it/common/mod.rs"]
mod engine;

use std::net::SocketAddr;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, Service, ServiceResponse};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use x402_actix::{Paywall, PriceLayer};
use x402_ledger::{MemoryStore, Payments};

pub use engine::{
    Answer, Double, Latch, Log, MARKER, PAY_TO, Payer, Payment, SITE, Say, builder, until,
};

/// A site on this machine, with what stands behind it.
pub struct Site {
    pub address: SocketAddr,
    pub facilitator: Double,
    pub store: MemoryStore,
    /// Every run of [`sell`] comes through here.
    pub goods: Latch,
    pub paywall: Paywall,
    /// Every request that was dropped before it was answered comes through here.
    pub abandoned: watch::Sender<usize>,
    server: Option<ServerHandle>,
}

impl Site {
    /// A site that serves nothing yet.
    pub async fn prepare() -> Self {
        let (facilitator, store) = (Double::default(), MemoryStore::new());
        let paywall = builder::<Paywall>(&facilitator, &store).build().await.unwrap();
        let (goods, address) = (Latch::default(), SocketAddr::from(([127, 0, 0, 1], 0)));
        let abandoned = watch::Sender::new(0);
        Self { address, facilitator, store, goods, paywall, abandoned, server: None }
    }

    /// A site that sells at `/goods`.
    pub async fn open() -> Self {
        let site = Self::prepare().await;
        let (goods, price) = (site.goods.clone(), site.price());
        site.serve(move |config| {
            let goods = goods.clone();
            let resource = actix_web::web::resource("/goods").get(move || sell(goods.clone()));
            config.service(resource.wrap(price.clone()));
        })
    }

    pub fn price(&self) -> PriceLayer {
        self.paywall.price("$0.01").unwrap()
    }

    pub fn serve(
        mut self,
        configure: impl FnMut(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> Self {
        let abandoned = self.abandoned.clone();
        let server = HttpServer::new(move || {
            let abandoned = abandoned.clone();
            App::new().configure(configure.clone()).wrap_fn(move |request, service| {
                let unanswered = Unanswered(Some(abandoned.clone()));
                let answer = service.call(request);
                async move {
                    let answer = answer.await?;
                    unanswered.answered();
                    Ok(answer)
                }
            })
        });
        let server = server.workers(2).disable_signals().h1_allow_half_closed(false);
        let server = server.bind(("127.0.0.1", 0)).unwrap();
        self.address = server.addrs()[0];
        let server = server.run();
        self.server = Some(server.handle());
        actix_web::rt::spawn(server);
        self
    }

    /// Sends a request and reads the answer, on a connection of its own.
    pub async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers).await
    }

    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.post(method, target, headers, "").await
    }

    pub async fn post(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut stream = self.send(method, target, headers, body).await;
        let mut read = Vec::new();
        // A reset after the answer is an answer too.
        let _ = stream.read_to_end(&mut read).await;
        parse(&read)
    }

    /// Sends a request, and leaves the answer to be read or not.
    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("host: localhost\r\n");
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.write(format!("{head}\r\n{body}").as_bytes()).await
    }

    pub async fn write(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(bytes).await;
        stream
    }

    pub async fn buy(&self, payment: &Payment) -> Answer {
        self.get("/goods", &[("payment-signature", &payment.header())]).await
    }

    /// An honest payment for `GET` at this path.
    pub async fn pay(&self, path: &str) -> Payment {
        let terms = self.get(path, &[]).await.challenge().expect("terms");
        Payer::number(1).pay(&terms).await
    }

    pub async fn books(&self) -> Vec<String> {
        let lines = self.store.recent(100).await.unwrap();
        lines.into_iter().map(|line| line.status.to_string()).collect()
    }
}

/// Counts a request when it is dropped, unless it was answered.
struct Unanswered(Option<watch::Sender<usize>>);

impl Unanswered {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.0 {
            abandoned.send_modify(|count| *count += 1);
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            drop(server.stop(false));
        }
    }
}

pub async fn sell(goods: Latch) -> &'static str {
    goods.pass().await;
    MARKER
}

/// What an app has answered that no server stands before.
pub async fn answer<B: MessageBody>(answer: ServiceResponse<B>) -> Answer {
    let status = answer.status().as_u16();
    let headers = answer.headers().iter().map(|(name, value)| {
        let name = HeaderName::try_from(name.as_str()).unwrap();
        (name, HeaderValue::try_from(value.as_bytes()).unwrap())
    });
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value);
    }
    let body = actix_web::body::to_bytes(answer.into_body()).await;
    let body = body.unwrap_or_else(|_| panic!("the body broke off"));
    Answer { status, headers: map, body: String::from_utf8(body.into()).unwrap() }
}

pub fn parse(read: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        let name = HeaderName::try_from(name).unwrap();
        headers.append(name, HeaderValue::try_from(value).unwrap());
    }
    Answer { status, headers, body: body.to_owned() }
}
