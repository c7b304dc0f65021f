//! A seller on loopback that answers as it is told, and a payer that counts what it signs.

#![allow(dead_code, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use alloy_primitives::Address;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::serve::Listener;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use reqwest_middleware::ClientWithMiddleware;
use serde_json::{Value, json};
use x402_client::{Payer, PayerBuilder, PaymentError};
use x402_evm::{ExactTerms, LocalSigner, Signature, Signer, SignerError, TypedData, Verified};
use x402_ledger::MemoryStore;
use x402_types::{PaymentRequirements, RawObject, header};

pub(crate) const NOW: u64 = 1_767_225_660;
pub(crate) const PAY_TO: &str = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
pub(crate) const USDC: &str = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
pub(crate) const BASE_USDC: &str = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913";
pub(crate) const TRANSACTION: &str =
    "0x77c533d07c1ecb2eb55ec391d02e4de1da76b4040c440a9ce4103b44bbb4bd61";
const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

pub(crate) type Reply = Response<Body>;

/// What the seller was asked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    /// The payment header, as sent.
    pub(crate) fn payment(&self) -> Option<&str> {
        ["payment-signature", "x-payment"]
            .iter()
            .find_map(|name| self.headers.get(*name))
            .map(|value| value.to_str().unwrap())
    }

    /// The payment, decoded.
    pub(crate) fn paid(&self) -> Value {
        header::decode(self.payment().unwrap().as_bytes(), usize::MAX).unwrap()
    }

    /// What was signed, where it meets this offer.
    pub(crate) fn verified(&self, offer: &Value) -> Verified {
        let offer: PaymentRequirements = serde_json::from_value(offer.clone()).unwrap();
        let payload = RawObject::new(&self.paid()["payload"]).unwrap();
        ExactTerms::new(&offer).unwrap().verify(&payload, NOW).unwrap()
    }
}

/// An HTTP server on a port of its own, which is an origin of its own.
pub(crate) struct Seller {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Seller {
    pub(crate) async fn start(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::serve(listener, address, answer)
    }

    /// The same behind any listener.
    pub(crate) fn serve<L: Listener<Addr: std::fmt::Debug>>(
        listener: L,
        address: SocketAddr,
        answer: impl Fn(&Call) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let calls = Arc::<Mutex<Vec<Call>>>::default();
        let (seen, answer) = (calls.clone(), Arc::new(answer));
        let handle = move |request: Request| {
            let (seen, answer) = (seen.clone(), answer.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let call =
                    Call { method: parts.method, uri: parts.uri, headers: parts.headers, body };
                seen.lock().unwrap().push(call.clone());
                answer(&call)
            }
        };
        let app = Router::new().fallback(handle);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, calls }
    }

    /// Sells for these terms, and settles what is paid.
    pub(crate) async fn honest(terms: Value) -> Self {
        Self::start(move |call| match call.payment() {
            None => challenge(&terms),
            Some(_) => served(call),
        })
        .await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The calls that carried a payment.
    pub(crate) fn paid_calls(&self) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.payment().is_some()).collect()
    }
}

pub(crate) fn reply(status: u16) -> http::response::Builder {
    Response::builder().status(StatusCode::from_u16(status).unwrap())
}

pub(crate) fn empty(builder: http::response::Builder) -> Reply {
    builder.body(Body::empty()).unwrap()
}

/// A 402 with these terms, as the official servers send it.
pub(crate) fn challenge(terms: &Value) -> Reply {
    reply(402)
        .header("content-type", "application/json; charset=utf-8")
        .header("cache-control", "no-store")
        .header("PAYMENT-REQUIRED", header::encode(terms).unwrap())
        .body(Body::from("{}"))
        .unwrap()
}

pub(crate) fn redirect(status: u16, to: &str) -> Reply {
    empty(reply(status).header("location", to))
}

/// A 200 with a receipt for the payment that this call carries.
pub(crate) fn served(call: &Call) -> Reply {
    let from = call.paid()["payload"]["authorization"]["from"].clone();
    reply(200)
        .header("PAYMENT-RESPONSE", header::encode(&settled(&from)).unwrap())
        .body(Body::from("the goods"))
        .unwrap()
}

pub(crate) fn settled(payer: &Value) -> Value {
    json!({"success": true, "payer": payer, "transaction": TRANSACTION, "network": "eip155:84532"})
}

/// An offer in USDC on Base Sepolia.
pub(crate) fn offer(amount: &str) -> Value {
    json!({
        "scheme": "exact",
        "network": "eip155:84532",
        "amount": amount,
        "asset": USDC,
        "payTo": PAY_TO,
        "maxTimeoutSeconds": 300,
        "extra": {"name": "USDC", "version": "2"},
    })
}

/// The same in USDC on Base.
pub(crate) fn mainnet_offer(amount: &str) -> Value {
    let mut offer = offer(amount);
    offer["network"] = json!("eip155:8453");
    offer["asset"] = json!(BASE_USDC);
    offer["extra"]["name"] = json!("USD Coin");
    offer
}

/// Terms of version 2.
pub(crate) fn terms(offers: &[Value]) -> Value {
    json!({
        "x402Version": 2,
        "error": "Payment required",
        "resource": {"url": "http://shop.test/goods", "description": "goods", "mimeType": ""},
        "accepts": offers,
    })
}

/// Signs, and counts.
#[derive(Clone)]
pub(crate) struct CountingSigner {
    signer: LocalSigner,
    count: Arc<AtomicUsize>,
}

impl Signer for CountingSigner {
    fn address(&self) -> Address {
        self.signer.address()
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.signer.sign_typed_data(data).await
    }
}

/// A payer, its client, and what one can see of it from outside.
pub(crate) struct Buyer {
    pub(crate) payer: Payer,
    pub(crate) http: ClientWithMiddleware,
    pub(crate) books: MemoryStore,
    now: Arc<AtomicU64>,
    signatures: Arc<AtomicUsize>,
}

impl Buyer {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(configure: impl FnOnce(PayerBuilder) -> PayerBuilder) -> Self {
        Self::with_client(configure, |client| client)
    }

    pub(crate) fn with_client(
        configure: impl FnOnce(PayerBuilder) -> PayerBuilder,
        client: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        let signatures = Arc::<AtomicUsize>::default();
        let signer = CountingSigner {
            signer: LocalSigner::from_hex(KEY).unwrap(),
            count: signatures.clone(),
        };
        let books = MemoryStore::new();
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = now.clone();
        let builder = Payer::builder()
            .signer(signer)
            .ledger(books.clone())
            .clock(move || clock.load(Ordering::SeqCst));
        let payer = configure(builder).build().unwrap();
        let http = payer.reqwest_with(client(reqwest::Client::builder().no_proxy())).unwrap();
        Self { payer, http, books, now, signatures }
    }

    pub(crate) async fn get(
        &self,
        url: &str,
    ) -> Result<reqwest::Response, reqwest_middleware::Error> {
        self.http.get(url).send().await
    }

    /// Why this is not bought.
    pub(crate) async fn refusal(&self, url: &str) -> PaymentError {
        refusal(self.get(url).await)
    }

    pub(crate) fn signatures(&self) -> usize {
        self.signatures.load(Ordering::SeqCst)
    }

    pub(crate) fn pass_seconds(&self, seconds: u64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// The payment's error in the place of an answer.
pub(crate) fn refusal(
    answer: Result<reqwest::Response, reqwest_middleware::Error>,
) -> PaymentError {
    match answer {
        Err(reqwest_middleware::Error::Middleware(error)) => error.downcast().unwrap(),
        other => panic!("no payment error, but {other:?}"),
    }
}
