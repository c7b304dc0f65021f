//! Payments get a name where the seller takes names.

use crate::common::{Buyer, Seller, challenge, empty, offer, reply, served, terms};
use serde_json::{Value, json};
use x402_types::extensions::payment_identifier::Id;

const KEY: &str = "payment-identifier";

fn taking_names(info: &Value, others: &Value) -> Value {
    let mut terms = terms(&[offer("1000")]);
    terms["extensions"] = others.clone();
    terms["extensions"][KEY] = json!({ "info": info, "schema": { "type": "object" } });
    terms
}

/// What was sent under `extensions` for each of so many purchases.
async fn sent(terms: Value, purchases: usize) -> Vec<Value> {
    let seller = Seller::honest(terms).await;
    let buyer = Buyer::new();
    for _ in 0..purchases {
        assert_eq!(buyer.get(&seller.url("/goods")).await.unwrap().status(), 200);
    }
    seller.paid_calls().iter().map(|call| call.paid()["extensions"].clone()).collect()
}

#[tokio::test]
async fn a_payment_is_named_at_random_where_the_seller_takes_names() {
    for required in [true, false] {
        let others = json!({ "other": { "info": { "x": 1 } } });
        let sent = sent(taking_names(&json!({ "required": required }), &others), 3).await;
        let mut ids: Vec<&str> = Vec::new();
        for extensions in &sent {
            assert_eq!(extensions["other"], others["other"]);
            let info = &extensions[KEY]["info"];
            assert_eq!(info["required"], required);
            assert_eq!(extensions[KEY]["schema"], json!({ "type": "object" }));
            let id = info["id"].as_str().unwrap();
            assert!(id.parse::<Id>().is_ok() && id.starts_with("pay_"), "{id}");
            ids.push(id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
    }
}

#[tokio::test]
async fn a_payment_has_no_name_where_the_seller_takes_none() {
    let mut terms = terms(&[offer("1000")]);
    assert_eq!(sent(terms.clone(), 1).await, [Value::Null]);
    terms["extensions"] = json!({ "other": { "info": {} } });
    assert_eq!(sent(terms.clone(), 1).await, [terms["extensions"].clone()]);
}

#[tokio::test]
async fn a_declaration_that_is_not_well_formed_or_names_the_payment_is_echoed_as_it_stands() {
    let theirs = json!({ "required": true, "id": "chosen_by_the_seller" });
    for info in [json!({}), json!({ "required": "yes" }), json!([]), theirs] {
        let terms = taking_names(&info, &json!({}));
        assert_eq!(sent(terms.clone(), 1).await, [terms["extensions"].clone()]);
    }
}

#[tokio::test]
async fn a_payment_sent_again_has_the_same_name() {
    let terms = taking_names(&json!({ "required": true }), &json!({}));
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let seller = Seller::start(move |call| match call.payment() {
        None => challenge(&terms),
        Some(_) => match calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => empty(reply(502)),
            _ => served(call),
        },
    })
    .await;
    let buyer = Buyer::new();
    drop(buyer.get(&seller.url("/goods")).await);
    assert_eq!(buyer.get(&seller.url("/goods")).await.unwrap().status(), 200);
    let headers: Vec<String> =
        seller.paid_calls().iter().map(|call| call.payment().unwrap().to_owned()).collect();
    assert_eq!(headers.len(), 2);
    assert_eq!(headers[0], headers[1]);
    assert_eq!(buyer.signatures(), 1);
    assert!(seller.paid_calls()[1].paid()["extensions"][KEY]["info"]["id"].is_string());
}

#[tokio::test]
async fn where_echoes_are_too_long_to_be_sent_the_name_still_is() {
    let others = json!({ "long": { "info": { "text": "x".repeat(20_000) } } });
    let sent = sent(taking_names(&json!({ "required": true }), &others), 1).await;
    assert_eq!(sent[0].get("long"), None);
    assert_eq!(sent[0][KEY]["info"]["required"], true);
    assert!(sent[0][KEY]["info"]["id"].is_string());
}
