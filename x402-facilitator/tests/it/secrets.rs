//! An RPC's address holds a key more often than not. It is nobody's to read.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_provider::RootProvider;
use alloy_rpc_client::RpcClient;
use alloy_transport::{TransportError, TransportFut};
use alloy_transport_http::ReqwestTransport;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use x402_facilitator::{Chain, EvmFacilitator, Unavailable};
use x402_types::Network;

use crate::common::*;

const SECRET: &str = "kEy-0f-1he-rPc";

#[derive(Clone, Default)]
struct Logs(Arc<Mutex<Vec<u8>>>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Logs {
    /// All that the workspace's crates log from here on. What alloy says at the level of debugging is
    /// not theirs.
    fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let ours = filter_fn(|metadata| metadata.target().starts_with("x402"));
        let layer = tracing_subscriber::fmt::layer().with_writer(self.clone()).with_filter(ours);
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// A port that nobody listens on any more, with a key in its path.
fn closed() -> ReqwestTransport {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    ReqwestTransport::new(format!("http://127.0.0.1:{port}/v2/{SECRET}").parse().unwrap())
}

/// The way to a chain that turns into one to a closed port.
#[derive(Clone)]
struct Breaking {
    wire: Wire,
    closed: ReqwestTransport,
    is_broken: Arc<AtomicBool>,
}

impl Service<RequestPacket> for Breaking {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        if self.is_broken.load(Ordering::SeqCst) {
            self.closed.call(packet)
        } else {
            self.wire.call(packet)
        }
    }
}

/// That nobody can read it there, though there is something to read.
fn tells_nothing(text: &str) {
    assert!(!text.is_empty());
    assert!(!text.contains(SECRET) && !text.contains("127.0.0.1"), "{text}");
}

/// What there is to read of an error.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(error) = next {
        words += &format!(" {error} {error:?}");
        next = error.source();
    }
    words
}

#[tokio::test]
async fn an_rpc_out_of_reach_is_not_named_when_the_facilitator_starts() {
    let logs = Logs::default();
    let _guard = logs.capture();
    let provider = RootProvider::new(RpcClient::new(closed(), false));
    let chain = Chain::new(Network::BASE_SEPOLIA, provider).signer(signer(0));
    tells_nothing(&format!("{chain:?}"));
    let error = EvmFacilitator::builder().chain(chain).build().await.unwrap_err();
    tells_nothing(&words(&error));
    assert!(error.to_string().contains("no connection to the RPC: connection refused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_rpc_out_of_reach_is_named_neither_in_logs_nor_errors_nor_answers() {
    let logs = Logs::default();
    let _guard = logs.capture();
    let world = World::manual();
    let is_broken = Arc::new(AtomicBool::new(false));
    let way = Breaking { wire: world.wire.clone(), closed: closed(), is_broken: is_broken.clone() };
    let provider = RootProvider::new(RpcClient::new(way, false));
    let chain = Chain::new(Network::BASE_SEPOLIA, provider).signer(signer(0));
    let facilitator = EvmFacilitator::builder().chain(chain).build().await.unwrap();
    let payment = world.payment();
    let under_way = start(&facilitator, payment.clone());
    until(|| world.devnet.waiting() == 1).await;
    is_broken.store(true, Ordering::SeqCst);

    let other = world.payment().v2().await;
    let error = no_settlement(&facilitator, &other).await;
    assert!(matches!(error, Unavailable::Rpc { .. }), "{error:?}");
    tells_nothing(&words(&error));
    tells_nothing(&format!("{facilitator:?}"));

    let router = facilitator.router();
    let body = serde_json::to_string(&other).unwrap();
    for request in [
        Request::post("/verify").body(Body::from(body.clone())).unwrap(),
        Request::post("/settle").body(Body::from(body)).unwrap(),
        Request::get("/health").body(Body::empty()).unwrap(),
    ] {
        let response = router.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_server_error());
        let headers = format!("{:?}", response.headers());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        tells_nothing(&(headers + std::str::from_utf8(&body).unwrap()));
    }
    let pending = under_way.await.unwrap();
    assert_eq!(reason(&pending), "settlement_pending");
    tells_nothing(&format!("{pending:?}"));
    let logs = logs.text();
    assert!(logs.contains("connection refused"), "what it was can be told: {logs}");
    tells_nothing(&logs);
}

#[tokio::test]
async fn what_a_node_says_is_kept_but_for_addresses_and_line_ends() {
    let logs = Logs::default();
    let _guard = logs.capture();
    let world = World::instant();
    let facilitator = world.facilitator().await;
    world.wire.breaks(
        "*",
        Fault::Error(-32005, "over quota\r\nof https://rpc.example/v2/kEy-0f-1he-rPc (pay more)"),
    );
    let error = no_settlement(&facilitator, &world.payment().v2().await).await;
    let words = words(&error);
    tells_nothing(&words);
    let said = "the node answered with error -32005: over quota of [address] (pay more)";
    assert!(words.contains(said), "{words}");
    tells_nothing(&logs.text());
    assert!(logs.text().contains("over quota of [address]"));
}
