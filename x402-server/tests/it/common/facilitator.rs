use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use x402_server::facilitator::{Answer, Facilitator, FacilitatorError, Request};
use x402_types::{RawObject, SettleResponse, SupportedKind, SupportedResponse, VerifyResponse};

use super::latch::Latch;

/// Who settles `upto`.
pub const SETTLER: &str = "0x1111111111111111111111111111111111111111";

/// A facilitator that answers by script, and honestly where the script is silent.
#[derive(Clone, Default)]
pub struct Double {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    verify: Lane<VerifyResponse>,
    settle: Lane<SettleResponse>,
    asked: Mutex<Vec<(&'static str, String)>>,
    /// The chain: what was settled, as payer and nonce.
    moved: Mutex<Vec<String>>,
    supported: Latch,
    unreachable: Mutex<bool>,
    kinds: Mutex<Option<Vec<SupportedKind>>>,
    extensions: Mutex<Vec<String>>,
}

/// One of a facilitator's two questions.
pub struct Lane<T> {
    /// Every call comes through here, before it is answered.
    pub latch: Latch,
    script: Mutex<VecDeque<Say<T>>>,
    otherwise: Mutex<Say<T>>,
}

/// What a facilitator says.
#[derive(Clone)]
pub enum Say<T> {
    /// The honest yes.
    Yes,
    This(T),
    /// What the question makes of it.
    NotSent,
    Lost,
    Refused,
    BadAnswer,
    /// Money moves, and the answer is lost.
    YesButLost,
    /// Nothing, ever.
    Nothing,
    Panic,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { latch: Latch::default(), script: Mutex::default(), otherwise: Mutex::new(Say::Yes) }
    }
}

impl<T: Clone> Lane<T> {
    /// The next call that is not spoken for is answered so.
    pub fn then(&self, say: Say<T>) -> &Self {
        self.script.lock().unwrap().push_back(say);
        self
    }

    /// Calls beyond the script are answered so.
    pub fn always(&self, say: Say<T>) {
        *self.otherwise.lock().unwrap() = say;
    }

    pub fn calls(&self) -> usize {
        self.latch.count()
    }

    async fn next(&self) -> Say<T> {
        self.latch.pass().await;
        let scripted = self.script.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| self.otherwise.lock().unwrap().clone())
    }
}

impl<T> Say<T> {
    async fn answer(self, honest: impl FnOnce() -> T) -> Result<T, FacilitatorError> {
        let lost = || FacilitatorError::Lost("the connection broke".into());
        match self {
            Self::Yes => Ok(honest()),
            Self::This(answer) => Ok(answer),
            Self::NotSent => Err(FacilitatorError::NotSent("connection refused".into())),
            Self::Lost => Err(lost()),
            Self::YesButLost => {
                honest();
                Err(lost())
            }
            Self::Refused => {
                Err(FacilitatorError::Refused { status: 429, excerpt: "slow down".to_owned() })
            }
            Self::BadAnswer => {
                Err(FacilitatorError::BadAnswer { status: 200, excerpt: "<html>".to_owned() })
            }
            Self::Nothing => std::future::pending().await,
            Self::Panic => panic!("the facilitator's own mistake"),
        }
    }
}

impl Double {
    pub fn verify(&self) -> &Lane<VerifyResponse> {
        &self.inner.verify
    }

    pub fn settle(&self) -> &Lane<SettleResponse> {
        &self.inner.settle
    }

    /// Verifications and settlements together.
    pub fn calls(&self) -> usize {
        self.verify().calls() + self.settle().calls()
    }

    /// How many payments moved money on chain. Asked twice for one, it moved once.
    pub fn moved(&self) -> usize {
        self.inner.moved.lock().unwrap().len()
    }

    /// Every question, as it would go over the wire.
    pub fn asked(&self) -> Vec<(&'static str, String)> {
        self.inner.asked.lock().unwrap().clone()
    }

    pub fn unreachable(self) -> Self {
        *self.inner.unreachable.lock().unwrap() = true;
        self
    }

    /// Every question of what is supported comes through here.
    pub fn supported_latch(&self) -> &Latch {
        &self.inner.supported
    }

    pub fn come_back(&self) {
        *self.inner.unreachable.lock().unwrap() = false;
    }

    /// Claims to settle this only.
    pub fn only(self, scheme: &str, network: &str) -> Self {
        let kind = kind(scheme, network, None);
        self.inner.kinds.lock().unwrap().get_or_insert_default().push(kind);
        self
    }

    /// Claims to settle `upto` on this network from this address.
    pub fn settling_upto_from(self, address: &str, network: &str) -> Self {
        let kind = kind("upto", network, Some(address));
        self.inner.kinds.lock().unwrap().get_or_insert_default().push(kind);
        self
    }

    /// Claims to understand this extension.
    pub fn understanding(self, extension: &str) -> Self {
        self.inner.extensions.lock().unwrap().push(extension.to_owned());
        self
    }

    /// The amounts that it was asked about, in order.
    pub fn amounts(&self) -> Vec<(&'static str, String)> {
        let amount = |text: &str| {
            let asked: Value = serde_json::from_str(text).unwrap();
            asked["paymentRequirements"]["amount"].as_str().unwrap().to_owned()
        };
        self.asked().into_iter().map(|(question, text)| (question, amount(&text))).collect()
    }

    fn note(&self, question: &'static str, request: &Request) -> Value {
        let text = serde_json::to_string(request).unwrap();
        let value = serde_json::from_str(&text).unwrap();
        self.inner.asked.lock().unwrap().push((question, text));
        value
    }

    fn settled(&self, asked: &Value) -> SettleResponse {
        let authorization = authorization(asked);
        let payer = text(&authorization["from"]);
        let payment = format!("{payer}/{}", text(&authorization["nonce"])).to_lowercase();
        let mut moved = self.inner.moved.lock().unwrap();
        let place = moved.iter().position(|known| *known == payment).unwrap_or_else(|| {
            moved.push(payment);
            moved.len() - 1
        });
        let transaction = format!("0x{:064x}", place + 1);
        let terms = &asked["paymentRequirements"];
        let settled = SettleResponse::settled(payer, transaction, text(&terms["network"]));
        let amount = (terms["scheme"] == "upto").then(|| text(&terms["amount"]).parse().unwrap());
        SettleResponse { amount, ..settled }
    }
}

impl Facilitator for Double {
    fn verify<'a>(&'a self, request: &'a Request) -> Answer<'a, VerifyResponse> {
        let asked = self.note("verify", request);
        Box::pin(async move {
            let honest = || VerifyResponse::valid(text(&authorization(&asked)["from"]));
            self.inner.verify.next().await.answer(honest).await
        })
    }

    fn settle<'a>(&'a self, request: &'a Request) -> Answer<'a, SettleResponse> {
        let asked = self.note("settle", request);
        Box::pin(
            async move { self.inner.settle.next().await.answer(|| self.settled(&asked)).await },
        )
    }

    fn supported(&self) -> Answer<'_, SupportedResponse> {
        Box::pin(async move {
            self.inner.supported.pass().await;
            if *self.inner.unreachable.lock().unwrap() {
                return Err(FacilitatorError::NotSent("connection refused".into()));
            }
            let networks =
                ["eip155:84532", "eip155:8453", "eip155:137", "eip155:43114", "eip155:4326"];
            let all = || {
                let exact = networks.map(|network| kind("exact", network, None));
                let upto = networks.map(|network| kind("upto", network, Some(SETTLER)));
                exact.into_iter().chain(upto).collect()
            };
            let kinds = self.inner.kinds.lock().unwrap().clone().unwrap_or_else(all);
            let extensions = self.inner.extensions.lock().unwrap().clone();
            Ok(SupportedResponse { kinds, extensions, ..SupportedResponse::default() })
        })
    }
}

fn kind(scheme: &str, network: &str, settler: Option<&str>) -> SupportedKind {
    let extra = |address| RawObject::new(&json!({ "facilitatorAddress": address })).unwrap();
    SupportedKind {
        x402_version: 2,
        scheme: scheme.to_owned(),
        network: network.to_owned(),
        extra: settler.map(extra),
    }
}

/// What was signed, by whichever method.
fn authorization(asked: &Value) -> &Value {
    let payload = &asked["paymentPayload"]["payload"];
    payload.get("permit2Authorization").unwrap_or(&payload["authorization"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
