//! What the tests have in common: real servers on this machine, and a client that writes and reads
//! the bytes itself.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test uses a part of it")]

#[path = "../../../../x402-server/tests/it/common/mod.rs"]
mod engine;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::get;
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use x402_axum::{Paywall, PriceLayer};
use x402_ledger::{MemoryStore, Payments};

pub use engine::{
    Answer, Double, Latch, Log, MARKER, PAY_TO, Payer, Payment, SITE, Say, builder, until,
};

/// A site on this machine, with what stands behind it.
pub struct Site {
    pub address: SocketAddr,
    pub facilitator: Double,
    pub store: MemoryStore,
    /// Every run of [`goods`](Self::goods) comes through here.
    pub goods: Latch,
    pub paywall: Paywall,
    /// Every request that was dropped before it was answered, which is how a server takes a client
    /// that hangs up, comes through here.
    pub abandoned: watch::Sender<usize>,
    task: Option<tokio::task::JoinHandle<()>>,
}

impl Site {
    /// A site that serves nothing yet.
    pub async fn prepare() -> Self {
        let (facilitator, store) = (Double::default(), MemoryStore::new());
        let paywall = builder::<Paywall>(&facilitator, &store).build().await.unwrap();
        let (goods, address) = (Latch::default(), SocketAddr::from(([127, 0, 0, 1], 0)));
        let abandoned = watch::Sender::new(0);
        Self { address, facilitator, store, goods, paywall, abandoned, task: None }
    }

    /// A site that sells at `/goods`.
    pub async fn open() -> Self {
        let site = Self::prepare().await;
        let goods = site.goods.clone();
        let router = Router::new().route("/goods", get(|| sell(goods)).layer(site.price()));
        site.serve(router).await
    }

    pub fn price(&self) -> PriceLayer {
        self.paywall.price("$0.01").unwrap()
    }

    pub async fn serve(mut self, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.address = listener.local_addr().unwrap();
        let abandoned = self.abandoned.clone();
        let router = router.layer(from_fn(move |request: Request, next: Next| {
            let unanswered = Unanswered(Some(abandoned.clone()));
            async move {
                let response = next.run(request).await;
                unanswered.answered();
                response
            }
        }));
        self.task = Some(tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        }));
        self
    }

    /// Sends a request and reads the answer, on a connection of its own.
    pub async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", target, headers).await
    }

    pub async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = self.send(method, target, headers).await;
        let mut read = Vec::new();
        // A reset after the answer is an answer too.
        let _ = stream.read_to_end(&mut read).await;
        parse(&read)
    }

    /// Sends a request, and leaves the answer to be read or not.
    pub async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("host: localhost\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        // A server may answer and close before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
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
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

pub async fn sell(goods: Latch) -> &'static str {
    goods.pass().await;
    MARKER
}

fn parse(read: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(read);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        let name = HeaderName::try_from(name).unwrap();
        (name, HeaderValue::try_from(value).unwrap())
    });
    Answer { status, headers: headers.collect::<HeaderMap>(), body: body.to_owned() }
}
