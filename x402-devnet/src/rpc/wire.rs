//! Requests and answers as JSON, single or in batches.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Answer, RpcError};
use crate::node::Node;

/// The most requests of one batch, and the most bytes that it is answered with.
const MOST_REQUESTS: usize = 1000;
const MOST_BYTES: usize = 25 * 1024 * 1024;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    /// Without one it is a notification, which is not answered.
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Success<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    result: &'a RawValue,
}

#[derive(Serialize)]
struct Failure<'a> {
    jsonrpc: &'static str,
    id: &'a RawValue,
    error: &'a RpcError,
}

impl Node {
    /// Answers a body: a request, or an array of them. Empty where nothing is to be answered.
    pub(crate) fn answer_json(&self, body: &[u8]) -> Vec<u8> {
        let Ok(body) = serde_json::from_slice::<&RawValue>(body) else {
            return encode(RawValue::NULL, &Err(RpcError::parse()));
        };
        if !body.get().starts_with('[') {
            return self.answer_one(body).unwrap_or_default();
        }
        let requests: Vec<&RawValue> = match serde_json::from_str(body.get()) {
            Ok(requests) => requests,
            Err(_) => return encode(RawValue::NULL, &Err(RpcError::parse())),
        };
        if requests.is_empty() {
            return encode(RawValue::NULL, &Err(RpcError::request("empty batch")));
        }
        if requests.len() > MOST_REQUESTS {
            return encode(RawValue::NULL, &Err(RpcError::request("batch too large")));
        }
        let mut answers = Vec::new();
        for request in requests {
            let answer = if answers.len() < MOST_BYTES {
                self.answer_one(request)
            } else {
                let error = RpcError::new(-32003, "response too large");
                Some(encode(identifier(request).unwrap_or(RawValue::NULL), &Err(error)))
            };
            let Some(answer) = answer else { continue };
            answers.push(if answers.is_empty() { b'[' } else { b',' });
            answers.extend(answer);
        }
        if !answers.is_empty() {
            answers.push(b']');
        }
        answers
    }

    fn answer_one(&self, raw: &RawValue) -> Option<Vec<u8>> {
        let invalid = |why| Some(encode(RawValue::NULL, &Err(RpcError::request(why))));
        let Ok(request) = serde_json::from_str::<Request<'_>>(raw.get()) else {
            return invalid("invalid request");
        };
        if request.jsonrpc != "2.0" {
            return invalid("invalid request");
        }
        let is_identifier = |id: &RawValue| id.get().starts_with(['"', '-']) || starts_digit(id);
        if request.id.is_some_and(|id| !is_identifier(id)) {
            return invalid("invalid request");
        }
        let answer = self.handle(&request.method, request.params);
        request.id.map(|id| encode(id, &answer))
    }
}

fn starts_digit(raw: &RawValue) -> bool {
    raw.get().starts_with(|first: char| first.is_ascii_digit())
}

fn identifier(request: &RawValue) -> Option<&RawValue> {
    serde_json::from_str::<Request<'_>>(request.get()).ok()?.id
}

fn encode(id: &RawValue, answer: &Answer) -> Vec<u8> {
    let jsonrpc = "2.0";
    let encoded = match answer {
        Ok(result) => serde_json::to_vec(&Success { jsonrpc, id, result }),
        Err(error) => serde_json::to_vec(&Failure { jsonrpc, id, error }),
    };
    encoded.unwrap_or_default()
}
