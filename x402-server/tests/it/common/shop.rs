use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use x402_ledger::{MemoryStore, Payments};
use x402_server::layer::GateLayer;
use x402_server::{Paywall, PaywallBuilder, Price};
use x402_types::PaymentRequired;

use super::answer::Answer;
use super::facilitator::Double;
use super::latch::Latch;
use super::payer::Payment;

/// In the body of what is paid for, and nowhere else.
pub const MARKER: &str = "the goods, worth a cent";
pub const SITE: &str = "https://api.example.com";
pub const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";

pub type Request = http::Request<Full<Bytes>>;
type Response = http::Response<Full<Bytes>>;
type Service = BoxCloneSyncService<
    Request,
    http::Response<http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError>>,
    Infallible,
>;

/// What is sold: counted, held up at will, and made by a function of the request.
#[derive(Clone)]
pub struct Goods {
    pub latch: Latch,
    make: Arc<dyn Fn(&Request) -> Response + Send + Sync>,
}

impl Default for Goods {
    fn default() -> Self {
        Self::made(|_| Response::new(Full::from(MARKER)))
    }
}

impl Goods {
    pub fn made(make: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        Self { latch: Latch::default(), make: Arc::new(make) }
    }

    /// The goods, answered with this status.
    pub fn with_status(status: u16) -> Self {
        Self::made(move |_| {
            http::Response::builder().status(status).body(Full::from(MARKER)).unwrap()
        })
    }

    pub fn runs(&self) -> usize {
        self.latch.count()
    }

    pub async fn serve(self, request: Request) -> Result<Response, Infallible> {
        self.latch.pass().await;
        Ok((self.make)(&request))
    }
}

/// A paywall of which the essentials are set, and which has this store.
pub fn builder<P: From<Paywall>>(facilitator: &Double, store: &MemoryStore) -> PaywallBuilder<P> {
    PaywallBuilder::new()
        .network("base-sepolia")
        .pay_to(PAY_TO)
        .with_facilitator(facilitator.clone())
        .public_url(SITE)
        .store(store.clone())
}

/// A service behind a price of one cent.
#[derive(Clone)]
pub struct Shop {
    pub facilitator: Double,
    pub store: MemoryStore,
    pub goods: Goods,
    pub paywall: Paywall,
    service: Service,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(Goods::default(), |builder| builder, |price| price).await
    }

    pub async fn selling(goods: Goods) -> Self {
        Self::open_with(goods, |builder| builder, |price| price).await
    }

    pub async fn upfront(goods: Goods) -> Self {
        Self::open_with(goods, |builder| builder, Price::upfront).await
    }

    pub async fn open_with(
        goods: Goods,
        settings: impl FnOnce(PaywallBuilder) -> PaywallBuilder,
        price: impl FnOnce(Price) -> Price,
    ) -> Self {
        let (facilitator, store) = (Double::default(), MemoryStore::new());
        Self::open_at(facilitator, store, goods, settings, price).await
    }

    pub async fn open_at(
        facilitator: Double,
        store: MemoryStore,
        goods: Goods,
        settings: impl FnOnce(PaywallBuilder) -> PaywallBuilder,
        price: impl FnOnce(Price) -> Price,
    ) -> Self {
        let paywall = settings(builder(&facilitator, &store)).build().await.unwrap();
        let gate = price(paywall.price("$0.01").unwrap()).gate().unwrap();
        let served = goods.clone();
        let inner = service_fn(move |request| served.clone().serve(request));
        let service = GateLayer::new(gate)
            .layer(inner)
            .map_response(|it| it.map(|body| body.map_err(BoxError::from).boxed_unsync()));
        Self { facilitator, store, goods, paywall, service: BoxCloneSyncService::new(service) }
    }

    pub async fn send(&self, request: Request) -> Answer {
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// The terms of `GET` at this path.
    pub async fn terms(&self, path: &str) -> PaymentRequired {
        self.send(get(path, &[])).await.challenge().expect("terms")
    }

    /// `GET` at `/goods` with this payment.
    pub async fn buy(&self, payment: &Payment) -> Answer {
        self.send(get("/goods", &[("payment-signature", &payment.header())])).await
    }

    /// The states that the books know, newest first.
    pub async fn books(&self) -> Vec<String> {
        let lines = self.store.recent(100).await.unwrap();
        lines.into_iter().map(|line| line.status.to_string()).collect()
    }
}

pub fn get(uri: &str, headers: &[(&str, &str)]) -> Request {
    request("GET", uri, headers)
}

pub fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::default()).unwrap()
}
