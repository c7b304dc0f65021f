//! The chain as an alloy transport.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use alloy_json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy_transport::{TransportError, TransportFut};
use serde_json::value::to_raw_value;
use tower::Service;

use crate::{
    node::Node,
    rpc::{Answer, RpcError},
};

/// An alloy transport to a [`Devnet`](crate::Devnet), without a socket. It keeps the chain alive.
#[derive(Debug, Clone)]
pub struct DevnetTransport {
    node: Arc<Node>,
}

impl DevnetTransport {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

impl Service<RequestPacket> for DevnetTransport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    /// Answers when first polled, all at once: dropped before that, it has done nothing.
    fn call(&mut self, requests: RequestPacket) -> Self::Future {
        let node = Arc::clone(&self.node);
        Box::pin(async move {
            let answer = |request: &SerializedRequest| Response {
                id: request.id().clone(),
                payload: payload(node.handle(request.method(), request.params())),
            };
            Ok(match &requests {
                RequestPacket::Single(request) => ResponsePacket::Single(answer(request)),
                RequestPacket::Batch(requests) => {
                    ResponsePacket::Batch(requests.iter().map(answer).collect())
                }
            })
        })
    }
}

fn payload(answer: Answer) -> ResponsePayload {
    match answer {
        Ok(result) => ResponsePayload::Success(result),
        Err(RpcError { code, message, data }) => ResponsePayload::Failure(ErrorPayload {
            code,
            message,
            data: data.and_then(|data| to_raw_value(&data).ok()),
        }),
    }
}
