//! The wire to the chain: it counts what goes over it, and breaks where a test says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use alloy_json_rpc::{ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_provider::RootProvider;
use alloy_rpc_client::RpcClient;
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tower::Service;
use x402_devnet::{Devnet, DevnetTransport};

/// What happens to a question.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It does not arrive, and the asker hears so.
    Broken,
    /// It does not arrive, and the asker hears nothing.
    Hangs,
    /// It arrives, but the answer does not come back.
    AnswerLost,
    /// It does not arrive; somebody else answers with this error.
    Error(i64, &'static str),
    /// Where this function of the parameters gives a message, it does not arrive, and somebody else
    /// answers with that error.
    Refuses(fn(&Value) -> Option<&'static str>),
    /// It arrives, and the answer is this function of the real one.
    Lies(fn(Value) -> Value),
}

#[derive(Clone)]
pub(crate) struct Wire {
    inner: DevnetTransport,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<(String, Value)>,
    last_sent: Option<B256>,
    /// By method, and how many more times.
    faults: HashMap<String, (Fault, usize)>,
}

impl Wire {
    pub(crate) fn to(devnet: &Devnet) -> Self {
        Self { inner: devnet.transport(), state: Arc::default() }
    }

    pub(crate) fn provider(&self) -> RootProvider {
        RootProvider::new(RpcClient::new(self.clone(), true))
    }

    /// Breaks a method until it is mended. The method `*` is every one without a fault of its own.
    pub(crate) fn breaks(&self, method: &str, fault: Fault) {
        self.breaks_times(method, fault, usize::MAX);
    }

    /// Breaks a method so many times.
    pub(crate) fn breaks_times(&self, method: &str, fault: Fault, times: usize) {
        self.state.lock().unwrap().faults.insert(method.to_owned(), (fault, times));
    }

    pub(crate) fn mends(&self) {
        self.state.lock().unwrap().faults.clear();
    }

    pub(crate) fn forget_calls(&self) {
        self.state.lock().unwrap().calls.clear();
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.iter().map(|(method, _)| method.clone()).collect()
    }

    /// The parameters of every call of a method.
    pub(crate) fn params(&self, method: &str) -> Vec<Value> {
        let state = self.state.lock().unwrap();
        let calls = state.calls.iter().filter(|(called, _)| called == method);
        calls.map(|(_, params)| params.clone()).collect()
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.calls().iter().filter(|call| *call == method).count()
    }

    /// The hash of the newest transaction that was sent, whether it arrived or not.
    pub(crate) fn last_sent(&self) -> Option<B256> {
        self.state.lock().unwrap().last_sent
    }

    fn fault(&self, method: &str, params: &Value) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.calls.push((method.to_owned(), params.clone()));
        if method == "eth_sendRawTransaction" {
            let [raw]: [Bytes; 1] = serde_json::from_value(params.clone()).unwrap();
            state.last_sent = Some(keccak256(raw));
        }
        let key = if state.faults.contains_key(method) { method } else { "*" };
        let (fault, times) = state.faults.get_mut(key)?;
        *times = times.checked_sub(1)?;
        Some(fault.clone())
    }
}

impl Service<RequestPacket> for Wire {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move {
            let RequestPacket::Single(request) = &packet else { panic!("no batches here") };
            let (id, method) = (request.id().clone(), request.method().to_owned());
            let params = request.params().map_or("null", RawValue::get);
            let params = serde_json::from_str(params).unwrap();
            let fault = wire.fault(&method, &params);
            let broken = || TransportErrorKind::custom_str("the wire is cut");
            let error = |code, message: &'static str| {
                let payload = ErrorPayload { code, message: message.into(), data: None };
                let payload = ResponsePayload::Failure(payload);
                Ok(ResponsePacket::Single(Response { id: id.clone(), payload }))
            };
            match fault {
                None => wire.inner.clone().call(packet).await,
                Some(Fault::Broken) => Err(broken()),
                Some(Fault::Hangs) => std::future::pending().await,
                Some(Fault::AnswerLost) => {
                    wire.inner.clone().call(packet).await?;
                    Err(broken())
                }
                Some(Fault::Error(code, message)) => error(code, message),
                Some(Fault::Refuses(why)) => match why(&params) {
                    Some(message) => error(-32000, message),
                    None => wire.inner.clone().call(packet).await,
                },
                Some(Fault::Lies(lie)) => {
                    let answer = wire.inner.clone().call(packet).await?;
                    let ResponsePacket::Single(Response { payload, .. }) = answer else {
                        panic!("one question, one answer")
                    };
                    let ResponsePayload::Success(truth) = payload else {
                        panic!("nothing to lie about: {payload:?}")
                    };
                    let told = lie(serde_json::from_str(truth.get()).unwrap());
                    let payload = ResponsePayload::Success(to_raw_value(&told).unwrap());
                    Ok(ResponsePacket::Single(Response { id, payload }))
                }
            }
        })
    }
}
