//! Copies of one payment, over real connections.

use std::sync::Arc;

use crate::common::{Payment, Site};
use serde_json::Value;
use x402_types::header::encode_json;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_copies_run_the_handler_once_and_settle_once() {
    let site = Arc::new(Site::open().await);
    let header = site.pay("/goods").await.header();
    assert_bought_once(&site, vec![header; 20]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_spellings_of_one_payment_are_one_payment() {
    let site = Arc::new(Site::open().await);
    let payment = site.pay("/goods").await;
    let ways = spellings(&payment);
    assert_eq!(ways.len(), 20);
    // Each of them would do by itself.
    for number in 0..ways.len() {
        let alone = Site::open().await;
        let spelling = &spellings(&alone.pay("/goods").await)[number];
        let answer = alone.get("/goods", &[("payment-signature", spelling)]).await;
        answer.assert_served();
    }
    assert_bought_once(&site, ways).await;
}

async fn assert_bought_once(site: &Arc<Site>, headers: Vec<String>) {
    let copies = headers.into_iter().map(|header| {
        let site = Arc::clone(site);
        tokio::spawn(
            async move { site.get("/goods", &[("payment-signature", &header)]).await.status },
        )
    });
    let mut statuses = Vec::new();
    for copy in copies.collect::<Vec<_>>() {
        statuses.push(copy.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!((site.goods.count(), site.facilitator.settle().calls()), (1, 1));
}

/// Headers that all mean the same payment.
fn spellings(payment: &Payment) -> Vec<String> {
    let text = payment.text();
    let value = payment.value();
    let json = |text: &str| encode_json(text.as_bytes());
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        json(&value.to_string())
    };
    let authorization = |key: &'static str, respell: fn(&str) -> String| {
        changed(&move |it| {
            let place = &mut it["payload"]["authorization"][key];
            *place = respell(place.as_str().unwrap()).into();
        })
    };
    let signature = |respell: &dyn Fn(&str) -> String| {
        changed(&|it| {
            let place = &mut it["payload"]["signature"];
            *place = respell(place.as_str().unwrap()).into();
        })
    };
    let lower = |text: &str| text.to_lowercase();
    let upper = |text: &str| format!("0x{}", text[2..].to_uppercase());
    let plain = json(&text);
    vec![
        plain.clone(),
        plain.trim_end_matches('=').to_owned(),
        plain.replace('+', "-").replace('/', "_"),
        plain.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
        // In order of the alphabet instead of ours.
        json(&value.to_string()),
        json(&serde_json::to_string_pretty(&value).unwrap()),
        json(&format!(" {text}\n\t")),
        json(
            &text
                .replace(',', " , ")
                .replace(':', ": ")
                .replace("https: ", "https:")
                .replace("eip155: ", "eip155:"),
        ),
        json(&text.replacen("signature", "\\u0073ignature", 1)),
        json(&text.replacen("{", r#"{"unknown":[1,{"a":null}],"#, 1)),
        authorization("from", lower),
        authorization("from", upper),
        authorization("to", lower),
        authorization("to", upper),
        authorization("nonce", upper),
        signature(&upper),
        // The last byte as 0 or 1 instead of 27 or 28.
        signature(&|text| {
            let (rest, v) = text.split_at(130);
            format!("{rest}{}", if v == "1b" { "00" } else { "01" })
        }),
        changed(&|it| drop(it.as_object_mut().unwrap().remove("resource"))),
        changed(&|it| it["accepted"]["extra"]["more"] = 1.into()),
        changed(&|it| it["extensions"] = serde_json::json!({})),
    ]
}
