//! The facilitator over HTTP.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use x402_facilitator::Endpoint;

use crate::common::*;

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    (status, body(response).await)
}

async fn body(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("content-type", "application/json").body(body.into()).unwrap()
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

async fn payment(world: &World) -> String {
    serde_json::to_string(&world.payment().v2().await).unwrap()
}

#[tokio::test]
async fn a_payment_is_verified_and_settled_over_http() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let request = payment(&world).await;
    let payer = world.payer.address().to_string();
    let (status, verified) = send(&router, post("/verify", request.clone())).await;
    assert_eq!((status, verified), (StatusCode::OK, json!({"isValid": true, "payer": payer})));
    let (status, settled) = send(&router, post("/settle", request)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(settled["success"], true);
    assert_eq!(settled["network"], "eip155:84532");
    assert_eq!(world.paid(), PRICE);
}

#[tokio::test]
async fn version_1_over_http_is_answered_with_its_network_name() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let request = serde_json::to_string(&world.payment().v1().await).unwrap();
    let (status, settled) = send(&router, post("/settle", request)).await;
    assert_eq!((status, &settled["network"]), (StatusCode::OK, &json!("base-sepolia")));
}

#[tokio::test]
async fn a_payment_that_is_not_good_is_an_answer_with_status_200() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let broke = Payment::new(x402_evm::LocalSigner::random().unwrap());
    let request = serde_json::to_string(&broke.v2().await).unwrap();
    let (status, verified) = send(&router, post("/verify", request.clone())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(verified["isValid"], false);
    assert_eq!(verified["invalidReason"], "invalid_exact_evm_insufficient_balance");
    let (status, settled) = send(&router, post("/settle", request)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(settled["errorReason"], "invalid_exact_evm_insufficient_balance");
    assert_eq!(settled["transaction"], "");
}

#[tokio::test]
async fn what_is_no_request_gets_400_and_a_reason() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let good = payment(&world).await;
    let twice = good.replacen("{", r#"{"x402Version":2,"#, 1);
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let third = good.replace(r#""x402Version":2"#, r#""x402Version":3"#);
    for path in ["/verify", "/settle"] {
        for malformed in ["", "{", "null", "[]", "{}", "\u{0}", &good[1..], &twice, &deep, &third] {
            let (status, answer) = send(&router, post(path, malformed.to_owned())).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{malformed}");
            assert!(answer["error"].is_string(), "{malformed}");
        }
        let (status, _) = send(&router, post(path, vec![0xff, 0xfe])).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(world.wire.calls(), [""; 0]);
}

#[tokio::test]
async fn a_huge_body_is_not_read() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let (status, answer) = send(&router, post("/settle", " ".repeat(64 * 1024 + 1))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer["error"].is_string());
}

#[tokio::test]
async fn wrong_methods_and_paths_are_not_served() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    for path in ["/verify", "/settle"] {
        assert_eq!(send(&router, get(path)).await.0, StatusCode::METHOD_NOT_ALLOWED);
    }
    assert_eq!(send(&router, post("/supported", "")).await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(&router, get("/")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_it_supports_can_be_asked() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let (status, supported) = send(&router, get("/supported")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(supported["kinds"][0]["network"], "eip155:84532");
}

#[tokio::test]
async fn an_rpc_that_fails_is_502_and_tells_nothing_of_it() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    world.wire.breaks("*", Fault::Broken);
    for path in ["/verify", "/settle"] {
        let (status, answer) = send(&router, post(path, payment(&world).await)).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        assert_eq!(answer, json!({"error": "the RPC of eip155:84532 gave no answer"}));
    }
}

#[tokio::test]
async fn overload_is_503_at_once() {
    let world = World::manual();
    let facilitator = world.facilitator_with(|chain| chain.max_in_flight(1)).await;
    let router = facilitator.router();
    let first = tokio::spawn({
        let (router, request) = (router.clone(), payment(&world).await);
        async move { send(&router, post("/settle", request)).await }
    });
    until(|| world.devnet.waiting() == 1).await;
    let response = router.clone().oneshot(post("/settle", payment(&world).await)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    world.devnet.mine();
    assert_eq!(first.await.unwrap().1["success"], true);
}

#[tokio::test]
async fn with_a_token_only_its_bearer_verifies_and_settles() {
    let world = World::instant();
    let endpoint = Endpoint::new(world.facilitator().await).bearer_token("s3cret");
    let router = endpoint.bearer_token("other").into_router();
    let with = |authorization: Option<&str>, body: &str| {
        let mut request = post("/verify", body.to_owned());
        if let Some(value) = authorization {
            request.headers_mut().insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        request
    };
    let request = payment(&world).await;
    for refused in
        [None, Some("Bearer "), Some("Bearer s3cre"), Some("Basic s3cret"), Some("s3cret")]
    {
        let response = router.clone().oneshot(with(refused, &request)).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{refused:?}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
    assert_eq!(world.wire.calls(), [""; 0]);
    for let_in in ["Bearer s3cret", "bearer other"] {
        assert_eq!(send(&router, with(Some(let_in), &request)).await.0, StatusCode::OK);
    }
    assert_eq!(send(&router, get("/supported")).await.0, StatusCode::OK, "open to everybody");
}

#[tokio::test(start_paused = true)]
async fn health_tells_of_chains_out_of_reach_and_signers_out_of_gas() {
    let world = World::instant();
    let router = world.facilitator().await.router();
    let (status, health) = send(&router, get("/health")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(health["healthy"], true);
    assert_eq!(health["chains"][0]["network"], "eip155:84532");
    assert_eq!(health["chains"][0]["blockNumber"], 0);
    assert_eq!(health["chains"][0]["signers"][0]["low"], false);

    world.wire.forget_calls();
    send(&router, get("/health")).await;
    assert_eq!(world.wire.calls(), [""; 0], "whoever asks often does not flood the RPC");

    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    world.devnet.set_balance(signer(0).address(), alloy_primitives::U256::from(1));
    let (status, health) = send(&router, get("/health")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health["chains"][0]["signers"][0]["low"], true);
    assert_eq!(health["chains"][0]["signers"][0]["balance"], "1");

    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    world.wire.breaks("*", Fault::Broken);
    let (status, health) = send(&router, get("/health")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health["chains"][0]["blockNumber"], Value::Null);
}
