//! What the facilitator is asked.

use std::sync::{Arc, Mutex};

use crate::common::{Double, Goods, HttpServer, Payer, Shop, get, http_response};
use serde_json::{Value, json};
use x402_ledger::MemoryStore;
use x402_types::PaymentRequired;
use x402_types::header::encode_json;

/// A payment in a spelling that no serializer of ours would choose.
async fn oddly_spelled(terms: &PaymentRequired) -> String {
    let honest = Payer::number(1).pay(terms).await;
    let (mut accepted, payload) =
        (serde_json::from_str::<Value>(&honest.accepted).unwrap(), honest.payload);
    accepted["extra"]["added by the payer"] = json!(["é", 1.50]);
    format!(
        "{{ \"zzz\" :\t[1.0, 1e2, \"\\u00e9\"],\n \"payload\":{payload} , \"x402Version\": 2,\
         \"extensions\":{{\"b\":1,\"a\":{{}}}},\"accepted\":  {accepted}  }}"
    )
}

#[tokio::test]
async fn the_payment_goes_on_byte_for_byte_and_the_terms_are_our_own() {
    let shop = Shop::open().await;
    let terms = shop.terms("/goods").await;
    let text = oddly_spelled(&terms).await;
    let header = encode_json(text.as_bytes());
    shop.send(get("/goods", &[("payment-signature", &header)])).await.assert_served();

    let expected = format!(
        r#"{{"x402Version":2,"paymentPayload":{},"paymentRequirements":{}}}"#,
        text,
        terms.accepts[0].as_str(),
    );
    let asked = shop.facilitator.asked();
    assert_eq!(asked, [("verify", expected.clone()), ("settle", expected)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_it_goes_byte_for_byte_too() {
    let bodies: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let kept = Arc::clone(&bodies);
    let server = HttpServer::start(move |path, body| {
        kept.lock().unwrap().push((path.to_owned(), body.to_owned()));
        let kind = json!({ "x402Version": 2, "scheme": "exact", "network": "eip155:84532" });
        let answer = match path {
            "/api/supported" => json!({ "kinds": [kind] }),
            "/api/verify" => json!({ "isValid": true }),
            _ => json!({ "success": true, "transaction": "0x1", "network": "eip155:84532" }),
        };
        Some(http_response(200, "application/json", "", &answer.to_string()))
    })
    .await;
    let url = format!("{}/api/", server.url);
    let (double, store) = (Double::default(), MemoryStore::new());
    let goods = Goods::default();
    let shop = Shop::open_at(double, store, goods, |it| it.facilitator(&url), |it| it).await;
    let terms = shop.terms("/goods").await;
    let text = oddly_spelled(&terms).await;
    let header = encode_json(text.as_bytes());
    shop.send(get("/goods", &[("payment-signature", &header)])).await.assert_served();

    let bodies = bodies.lock().unwrap();
    let asked: Vec<_> = bodies.iter().filter(|(path, _)| path != "/api/supported").collect();
    let expected = format!(
        r#"{{"x402Version":2,"paymentPayload":{},"paymentRequirements":{}}}"#,
        text,
        terms.accepts[0].as_str(),
    );
    let ours = ["/api/verify", "/api/settle"].map(|path| (path.to_owned(), expected.clone()));
    assert_eq!(asked, ours.iter().collect::<Vec<_>>());
}
