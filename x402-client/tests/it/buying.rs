//! What goes over the wire when something is bought from an honest seller.

use crate::common;
use crate::common::{
    Buyer, Call, NOW, PAY_TO, Seller, TRANSACTION, USDC, challenge, empty, offer, reply, served,
    settled, terms,
};
use http::Method;
use serde_json::{Value, json};
use x402_client::{Limit, PayError, PaymentError, ReceiptExt};
use x402_ledger::{Payments, Status};
use x402_types::{Amount, Network, header};

/// A `PAYMENT-REQUIRED` header as the TypeScript SDK 2.27 writes it.
const OFFICIAL: &str = "eyJ4NDAyVmVyc2lvbiI6MiwiZXJyb3IiOiJQYXltZW50IHJlcXVpcmVkIiwicmVzb3VyY2UiOnsidXJsIjoiaHR0cDovLzEyNy4wLjAuMTo0MDIxL2V4YWN0L2VpcDMwMDkiLCJkZXNjcmlwdGlvbiI6ImV4YWN0LCBFSVAtMzAwOSIsIm1pbWVUeXBlIjoiYXBwbGljYXRpb24vanNvbiJ9LCJhY2NlcHRzIjpbeyJzY2hlbWUiOiJleGFjdCIsIm5ldHdvcmsiOiJlaXAxNTU6ODQ1MzIiLCJhbW91bnQiOiIxMDAwIiwiYXNzZXQiOiIweDAzNkNiRDUzODQyYzU0MjY2MzRlNzkyOTU0MWVDMjMxOGYzZENGN2UiLCJwYXlUbyI6IjB4M0M0NENkRGRCNmE5MDBmYTJiNTg1ZGQyOTllMDNkMTJGQTQyOTNCQyIsIm1heFRpbWVvdXRTZWNvbmRzIjozMDAsImV4dHJhIjp7Im5hbWUiOiJVU0RDIiwidmVyc2lvbiI6IjIifX1dfQ==";
/// A `PAYMENT-RESPONSE` header of the same.
const OFFICIAL_RECEIPT: &str = "eyJzdWNjZXNzIjp0cnVlLCJwYXllciI6IjB4NzA5OTc5NzBDNTE4MTJkYzNBMDEwQzdkMDFiNTBlMGQxN2RjNzlDOCIsInRyYW5zYWN0aW9uIjoiMHg3N2M1MzNkMDdjMWVjYjJlYjU1ZWMzOTFkMDJlNGRlMWRhNzZiNDA0MGM0NDBhOWNlNDEwM2I0NGJiYjRiZDYxIiwibmV0d29yayI6ImVpcDE1NTo4NDUzMiJ9";
const PAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

async fn official(challenge_header: &'static str) -> Seller {
    Seller::start(move |call| match call.payment() {
        None => reply(402)
            .header("content-type", "application/json; charset=utf-8")
            .header(challenge_header, OFFICIAL)
            .body("{}".into())
            .unwrap(),
        Some(_) => {
            reply(200).header("payment-response", OFFICIAL_RECEIPT).body("goods".into()).unwrap()
        }
    })
    .await
}

#[tokio::test]
async fn an_official_seller_is_paid() {
    let seller = official("PAYMENT-REQUIRED").await;
    let buyer = Buyer::new();
    let url = seller.url("/exact/eip3009?day=today");
    let answer = buyer.get(&url).await.unwrap();

    let receipt = answer.receipt().unwrap().clone();
    assert_eq!(answer.text().await.unwrap(), "goods");
    assert_eq!(receipt.status(), &Status::Settled);
    assert_eq!(receipt.transaction(), Some(TRANSACTION));
    assert_eq!(receipt.payer(), PAYER.to_ascii_lowercase());
    assert_eq!(receipt.pay_to(), PAY_TO);
    assert_eq!(receipt.amount(), Amount::from(1000u64));
    assert_eq!(receipt.dollars(), "0.001");
    assert_eq!(receipt.network(), &Network::BASE_SEPOLIA);
    assert_eq!(receipt.asset().symbol, "USDC");
    assert_eq!(receipt.purchase(), format!("GET {url}"));
    assert_eq!((receipt.paid_at(), receipt.valid_before()), (NOW, NOW + 300));
    assert_eq!(receipt.settlement().unwrap().payer.as_deref(), Some(PAYER));
    assert_eq!(buyer.books.recent(9).await.unwrap(), vec![receipt.payment().clone()]);

    let paid = seller.paid_calls();
    assert_eq!(paid.len(), 1);
    let verified = paid[0].verified(&offer("1000"));
    assert_eq!(verified.authorization.from.to_string(), PAYER);
    assert_eq!(verified.authorization.valid_before_seconds(), NOW + 300);
    let sent = paid[0].paid();
    assert_eq!(sent["x402Version"], 2);
    assert_eq!(sent["resource"]["url"], "http://127.0.0.1:4021/exact/eip3009");
    assert_eq!(sent["accepted"], offer("1000"));
    assert_eq!(sent.get("extensions"), None);
}

#[tokio::test]
async fn the_header_of_some_deployed_sellers_is_read_too() {
    let seller = official("X-PAYMENT-REQUIRED").await;
    let answer = Buyer::new().get(&seller.url("/")).await.unwrap();
    assert_eq!(answer.status(), 200);
    // Answered under the name of the specification.
    assert!(seller.paid_calls()[0].headers.contains_key("payment-signature"));
}

#[tokio::test]
async fn what_costs_nothing_has_no_receipt() {
    let seller = Seller::start(|_| empty(reply(200))).await;
    let buyer = Buyer::new();
    assert!(buyer.get(&seller.url("/")).await.unwrap().receipt().is_none());
    assert_eq!((buyer.signatures(), seller.calls().len()), (0, 1));
}

#[tokio::test]
async fn the_payment_is_all_that_is_added_to_the_request() {
    let seller = Seller::honest(terms(&[offer("1000")])).await;
    let buyer = Buyer::new();
    let request = buyer
        .http
        .post(seller.url("/search?q=a%20b"))
        .header("authorization", "Bearer mine")
        .header("x-custom", "1")
        .body("the query");
    request.send().await.unwrap();
    let calls = seller.calls();
    let [first, second] = calls.as_slice() else { panic!("{calls:?}") };
    let mut headers = second.headers.clone();
    assert!(headers.remove("payment-signature").is_some());
    assert_eq!(headers, first.headers);
    assert_eq!((&second.method, &second.uri), (&Method::POST, &first.uri));
    assert_eq!((&*first.body, &*second.body), (&b"the query"[..], &b"the query"[..]));
}

#[tokio::test]
async fn the_accepted_offer_is_echoed_byte_for_byte() {
    let raw = format!(
        r#"{{ "payTo":"{}", "amount": "1000","unknown":{{"b":1,"a":[1.50,null]}}, "scheme":"exact","network":"eip155:84532","asset":"{}","maxTimeoutSeconds":60,"extra":{{"version":"2","name":"USDC","more":true}} }}"#,
        PAY_TO.to_ascii_lowercase(),
        USDC.to_ascii_uppercase().replace("0X", "0x"),
    );
    let challenge = header::encode_json(
        format!(r#"{{"x402Version":2,"resource":{{"url":"http://a.test/"}},"accepts":[{raw}]}}"#)
            .as_bytes(),
    );
    let seller = Seller::start(move |call| match call.payment() {
        None => empty(reply(402).header("PAYMENT-REQUIRED", &challenge)),
        Some(_) => served(call),
    })
    .await;
    Buyer::new().get(&seller.url("/")).await.unwrap();
    let paid = &seller.paid_calls()[0];
    let json = header::decode_to_json(paid.payment().unwrap().as_bytes(), usize::MAX).unwrap();
    assert!(json.contains(&format!(r#""accepted":{raw}"#)), "{json}");
}

#[tokio::test]
async fn the_resource_is_echoed_without_its_query_and_extensions_as_they_are() {
    let mut with_query = terms(&[offer("1000")]);
    with_query["resource"] =
        json!({"url": "https://shop.test/find?q=my+illness#top", "tags": ["a"], "unknown": 1});
    with_query["extensions"] =
        json!({"bazaar": {"info": {"input": {"type": "http"}}, "schema": {}}});
    for keep in [false, true] {
        let seller = Seller::honest(with_query.clone()).await;
        let buyer = Buyer::with(|b| if keep { b.keep_resource_query() } else { b });
        buyer.get(&seller.url("/")).await.unwrap();
        let sent = seller.paid_calls()[0].paid();
        let mut resource = with_query["resource"].clone();
        if !keep {
            resource["url"] = json!("https://shop.test/find");
        }
        assert_eq!(sent["resource"], resource);
        assert_eq!(sent["extensions"], with_query["extensions"]);
    }
}

#[tokio::test]
async fn echoes_that_make_the_header_too_long_are_left_out() {
    let long = "x".repeat(20_000);
    for (member, left) in [("extensions", "resource"), ("resource", "accepted")] {
        let mut big = terms(&[offer("1000")]);
        big["extensions"] = json!({"a": {"info": {}}});
        big[member]["long"] = json!(long);
        let seller = Seller::honest(big).await;
        Buyer::new().get(&seller.url("/")).await.unwrap();
        let call = &seller.paid_calls()[0];
        assert!(call.payment().unwrap().len() <= header::PAYMENT_LIMIT);
        assert_eq!(call.paid().get(member), None);
        assert!(call.paid().get(left).is_some());
    }
}

#[tokio::test]
async fn an_offer_too_long_to_be_echoed_is_not_paid() {
    let mut long = offer("1000");
    long["extra"]["long"] = json!("x".repeat(20_000));
    let seller = Seller::honest(terms(&[long])).await;
    let buyer = Buyer::new();
    let error = buyer.refusal(&seller.url("/")).await;
    assert!(matches!(error, PaymentError::Pay(PayError::TooLong(_))), "{error}");
    assert!(seller.paid_calls().is_empty());
    let lines = buyer.books.recent(9).await.unwrap();
    assert_eq!(lines[0].status, Status::Failed("not sent".to_owned()));
}

fn v1_terms() -> Value {
    json!({
        "x402Version": 1,
        "error": "X-PAYMENT header is required",
        "accepts": [{
            "scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "1000",
            "resource": "http://shop.test/goods", "description": "", "mimeType": "",
            "payTo": PAY_TO, "maxTimeoutSeconds": 60, "asset": USDC,
            "outputSchema": {"input": {"type": "http", "method": "GET"}},
            "extra": {"name": "USDC", "version": "2"},
        }],
    })
}

fn v1_seller(call: &Call) -> common::Reply {
    match call.payment() {
        None => reply(402)
            .header("content-type", "application/json")
            .body(v1_terms().to_string().into())
            .unwrap(),
        Some(_) => {
            let mut receipt = settled(&json!(PAYER));
            receipt["network"] = json!("base-sepolia");
            empty(reply(200).header("X-PAYMENT-RESPONSE", header::encode(&receipt).unwrap()))
        }
    }
}

#[tokio::test]
async fn a_seller_of_version_1_is_paid() {
    let seller = Seller::start(v1_seller).await;
    let answer = Buyer::new().get(&seller.url("/goods")).await.unwrap();
    let receipt = answer.receipt().unwrap();
    assert_eq!(receipt.status(), &Status::Settled);
    assert_eq!(receipt.transaction(), Some(TRANSACTION));

    let call = &seller.paid_calls()[0];
    assert!(call.headers.contains_key("x-payment"));
    assert!(!call.headers.contains_key("payment-signature"));
    let sent = call.paid();
    let members: Vec<_> = sent.as_object().unwrap().keys().collect();
    assert_eq!(members, ["network", "payload", "scheme", "x402Version"]);
    assert_eq!((&sent["x402Version"], &sent["network"]), (&json!(1), &json!("base-sepolia")));
    assert_eq!(call.verified(&offer("1000")).authorization.valid_before_seconds(), NOW + 60);
}

#[tokio::test]
async fn a_refusal_of_version_1_gives_its_reason() {
    let seller = Seller::start(|call| {
        let mut terms = v1_terms();
        if call.payment().is_some() {
            terms["error"] = json!("insufficient_funds");
        }
        reply(402).body(terms.to_string().into()).unwrap()
    })
    .await;
    let PaymentError::Rejected(rejected) = Buyer::new().refusal(&seller.url("/")).await else {
        panic!("not rejected")
    };
    assert_eq!(rejected.reason.unwrap().as_str(), "insufficient_funds");
}

#[tokio::test]
async fn a_request_that_carries_a_payment_is_not_paid_again() {
    for name in ["PAYMENT-SIGNATURE", "X-PAYMENT", "X-PAYMENT-SIGNATURE"] {
        let seller = Seller::start(|_| challenge(&terms(&[offer("1000")]))).await;
        let buyer = Buyer::new();
        let request = buyer.http.get(seller.url("/")).header(name, "mine");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 402);
        assert!(answer.headers().contains_key("payment-required"));
        assert_eq!((buyer.signatures(), seller.calls().len()), (0, 1));
        assert_eq!(seller.calls()[0].headers[name], "mine");
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_sent_twice_is_told_before_anything_is_signed() {
    let seller = Seller::start(|call| match call.uri.path() {
        "/free" => empty(reply(200)),
        _ => challenge(&terms(&[offer("1000")])),
    })
    .await;
    let buyer = Buyer::new();
    let stream = || reqwest::Body::wrap(http_body_util::Full::<axum::body::Bytes>::from("abc"));
    let free = buyer.http.post(seller.url("/free")).body(stream()).send().await.unwrap();
    assert_eq!(free.status(), 200);
    let error = common::refusal(buyer.http.post(seller.url("/")).body(stream()).send().await);
    assert!(matches!(error, PaymentError::BodyNotReplayable), "{error}");
    assert_eq!((buyer.signatures(), seller.calls().len()), (0, 2));
}

#[tokio::test]
async fn one_request_can_be_given_a_limit_of_its_own() {
    let seller = Seller::honest(terms(&[offer("1000")])).await;
    let buyer = Buyer::new();
    let limited = |limit: &str| {
        let limit: Limit = limit.parse().unwrap();
        buyer.http.get(seller.url("/")).with_extension(limit).send()
    };
    let error = common::refusal(limited("$0.0009").await);
    assert_eq!(
        error.to_string(),
        "none of the seller's offers is taken; offer 1: it asks for $0.001 USDC, and the limit is $0.0009"
    );
    assert_eq!(limited("$0.001").await.unwrap().status(), 200);
    assert_eq!(buyer.signatures(), 1);
}

#[tokio::test]
async fn nothing_is_signed_that_cannot_be_written_down() {
    struct Broken;
    impl Payments for Broken {
        async fn record(&self, _: x402_ledger::Payment) -> Result<(), x402_ledger::StoreError> {
            Err(x402_ledger::StoreError::Unavailable("the disk is full".into()))
        }
        async fn complete(
            &self,
            _: &x402_ledger::PaymentKey,
            _: Status,
            _: Option<String>,
            _: i64,
        ) -> Result<(), x402_ledger::StoreError> {
            Ok(())
        }
        async fn payment(
            &self,
            _: &x402_ledger::PaymentKey,
        ) -> Result<Option<x402_ledger::Payment>, x402_ledger::StoreError> {
            Ok(None)
        }
        async fn recent(
            &self,
            _: usize,
        ) -> Result<Vec<x402_ledger::Payment>, x402_ledger::StoreError> {
            Ok(Vec::new())
        }
    }
    let seller = Seller::honest(terms(&[offer("1000")])).await;
    let buyer = Buyer::with(|builder| builder.ledger(Broken));
    let error = buyer.refusal(&seller.url("/")).await;
    assert!(matches!(error, PaymentError::Pay(PayError::Ledger(_))), "{error}");
    assert_eq!((buyer.signatures(), seller.paid_calls().len()), (0, 0));
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_signature() {
    let seller = Seller::start(|call| match call.payment() {
        None => challenge(&terms(&[offer("1000")])),
        Some(_) => empty(reply(402)),
    })
    .await;
    let buyer = Buyer::new();
    let error = buyer.refusal(&seller.url("/")).await;
    let payment = seller.paid_calls()[0].payment().unwrap().to_owned();
    let signature =
        seller.paid_calls()[0].paid()["payload"]["signature"].as_str().unwrap().to_owned();
    let shown = format!("{error} {error:?} {:?} {:?}", buyer.payer, buyer.http);
    assert!(!shown.contains(&payment) && !shown.contains(&signature[2..]), "{shown}");
}

#[tokio::test]
async fn the_client_with_everything_by_default_buys() {
    let seller = Seller::honest(terms(&[offer("1000")])).await;
    let key = x402_evm::LocalSigner::random().unwrap();
    let payer = x402_client::Payer::builder().signer(key).build().unwrap();
    // The seller checks nothing: the time here is the real one.
    let answer = payer.reqwest().unwrap().get(seller.url("/")).send().await.unwrap();
    assert_eq!(answer.receipt().unwrap().status(), &Status::Settled);
}
