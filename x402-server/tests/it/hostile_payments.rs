//! Payments that are not sound: each gets the answer of the engine's table, and none of them makes
//! the facilitator work.

use crate::common;
use crate::common::{Answer, Goods, Payer, Payment, Shop, get, now};
use alloy_primitives::{Address, U256, hex, uint};
use serde_json::{Value, json};
use x402_types::header::encode_json;
use x402_types::{Amount, PaymentRequired};

/// A shop and an honest payment for it.
struct Attack {
    shop: Shop,
    terms: PaymentRequired,
    payer: Payer,
    honest: Payment,
}

impl Attack {
    async fn prepare() -> Self {
        let shop = Shop::open().await;
        let terms = shop.terms("/goods").await;
        let payer = Payer::number(1);
        let honest = payer.pay(&terms).await;
        Self { shop, terms, payer, honest }
    }

    /// Sends these headers. Nobody may be asked about them, and nothing be served.
    async fn headers(&self, headers: &[(&str, &str)]) -> Answer {
        let answer = self.shop.send(get("/goods", headers)).await;
        assert_eq!((self.shop.facilitator.calls(), self.shop.goods.runs()), (0, 0), "{answer:?}");
        answer
    }

    async fn header(&self, value: &str) -> Answer {
        self.headers(&[("payment-signature", value)]).await
    }

    async fn json(&self, json: &str) -> Answer {
        self.header(&encode_json(json.as_bytes())).await
    }

    async fn payment(&self, payment: &Payment) -> Answer {
        self.header(&payment.header()).await
    }

    /// The honest payment, with something changed after it was signed.
    async fn changed(&self, change: impl FnOnce(&mut Value)) -> Answer {
        let mut value = self.honest.value();
        change(&mut value);
        self.json(&value.to_string()).await
    }

    /// The honest payment, with a text replaced that must be there.
    async fn replaced(&self, from: &str, to: &str) -> Answer {
        let text = self.honest.text();
        assert!(text.contains(from), "{text} does not hold {from}");
        self.json(&text.replacen(from, to, 1)).await
    }
}

#[tokio::test]
async fn more_than_one_payment_in_a_request_is_refused() {
    let attack = Attack::prepare().await;
    let (one, two) = (attack.honest.header(), attack.payer.pay(&attack.terms).await.header());
    let v1 = attack.honest.v1_header();
    for headers in [
        [("payment-signature", &one), ("payment-signature", &two)],
        [("payment-signature", &one), ("payment-signature", &one)],
        [("payment-signature", &one), ("x-payment", &v1)],
        [("x-payment", &v1), ("payment-signature", &one)],
        [("x-payment-signature", &one), ("payment-signature", &one)],
        [("x-payment-signature", &one), ("x-payment-signature", &two)],
        [("x-payment", &v1), ("x-payment", &v1)],
    ] {
        let headers = headers.map(|(name, value)| (name, value.as_str()));
        let answer = attack.headers(&headers).await;
        assert_eq!(answer.assert_refused(400).error(), "ambiguous_payment");
    }
    for joined in [format!("{one},{two}"), format!("{one}, {one}"), format!("{one},"), ",".into()] {
        let answer = attack.header(&joined).await;
        assert_eq!(answer.assert_refused(400).error(), "invalid_payload");
    }
}

#[tokio::test]
async fn unreadable_headers_are_refused_without_fresh_terms() {
    let attack = Attack::prepare().await;
    let header = attack.honest.header();
    let text = attack.honest.text();
    let megabyte = "A".repeat(1 << 20);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(2_000), "}".repeat(2_000));
    let mut unreadable = vec![
        String::new(),
        " ".to_owned(),
        "=".to_owned(),
        "not base64!".to_owned(),
        "{}".to_owned(),
        megabyte,
        encode_json(&[0xff, 0xfe, 0x00]),
        encode_json(b""),
        encode_json(b"{}"),
        encode_json(b"[]"),
        encode_json(b"null"),
        encode_json(b"\"0x\""),
        encode_json(b"2"),
        encode_json(deep.as_bytes()),
        encode_json(format!("{text}{text}").as_bytes()),
        encode_json(format!("[{text}]").as_bytes()),
        encode_json(text.trim_end_matches('}').as_bytes()),
        // The right encoding of the wrong thing.
        attack.honest.header() + "AAAA",
    ];
    unreadable.extend((1..16).map(|cut| header[..header.len() - cut].to_owned()));
    for value in unreadable {
        // A padding that is cut off is nothing lost.
        if header.trim_end_matches('=') == value.trim_end_matches('=') {
            continue;
        }
        let answer = attack.header(&value).await;
        assert_eq!(answer.assert_refused(400).error(), "invalid_payload", "{value:.80}");
    }
}

#[tokio::test]
async fn a_header_beyond_the_limit_is_not_decoded() {
    let shop = Shop::open_with(Goods::default(), |it| it.header_limit(512), |it| it).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    assert!(payment.header().len() > 512);
    let answer = shop.buy(&payment).await;
    answer.assert_refused(400);
    assert!(answer.body.contains("512 are allowed"), "{}", answer.body);
    assert_eq!(shop.facilitator.calls(), 0);
}

#[tokio::test]
async fn a_key_that_stands_twice_is_refused_at_every_depth() {
    let attack = Attack::prepare().await;
    let value = r#""value":"10000""#;
    for (from, to) in [
        (r#""x402Version":2"#, r#""x402Version":2,"x402Version":2"#.to_owned()),
        (r#""scheme":"exact""#, r#""scheme":"exact","scheme":"exact""#.to_owned()),
        (value, format!(r#"{value},"value":"1""#)),
        (value, format!(r#""value":"1",{value}"#)),
        // The same key, spelled with an escape.
        (value, format!(r#"{value},"\u0076alue":"1""#)),
        (r#""signature""#, r#""signatur\u0065":"0x","signature""#.to_owned()),
        (r#""x402Version":2"#, r#""x402Version":2,"extensions":{"a":{"b":1,"b":2}}"#.to_owned()),
    ] {
        let answer = attack.replaced(from, &to).await;
        assert_eq!(answer.assert_refused(400).error(), "invalid_payload");
        assert!(answer.body.contains("stands twice"), "{}", answer.body);
    }
}

#[tokio::test]
async fn amounts_that_are_no_amounts_are_refused() {
    let attack = Attack::prepare().await;
    let overlong = format!(r#""{}""#, "9".repeat(79));
    for amount in [
        "NaN",
        "-0",
        "1e4",
        "10000",
        "10000.0",
        r#""NaN""#,
        r#""-10000""#,
        r#""+10000""#,
        r#""1e4""#,
        r#""10000.0""#,
        r#""010000""#,
        r#"" 10000""#,
        r#""0x2710""#,
        r#""""#,
        "null",
        r#""١٠٠٠٠""#,
        &overlong,
    ] {
        for (field, right) in [("value", "10000"), ("amount", "10000"), ("validAfter", "0")] {
            let (from, to) = (format!(r#""{field}":"{right}""#), format!(r#""{field}":{amount}"#));
            let answer = attack.replaced(&from, &to).await;
            assert_eq!(answer.assert_refused(400).error(), "invalid_payload", "{to}");
        }
    }
}

#[tokio::test]
async fn another_amount_than_the_price_is_refused() {
    let attack = Attack::prepare().await;
    for amount in ["0", "9999", "10001", "20000", &U256::MAX.to_string()] {
        let amount: Amount = amount.parse().unwrap();
        let payment = attack.payer.pay_otherwise(&attack.terms, |it| it.value = amount).await;
        attack.payment(&payment).await.assert_challenged("authorization_value");

        let accepted = attack.changed(|it| it["accepted"]["amount"] = json!(amount)).await;
        accepted.assert_challenged("No matching payment requirements");
    }
}

#[tokio::test]
async fn what_was_not_offered_is_refused() {
    let attack = Attack::prepare().await;
    let changes: [(&str, &str, Value); 9] = [
        ("", "network", json!("eip155:8453")),
        ("", "network", json!("eip155:1")),
        ("", "scheme", json!("upto")),
        ("", "payTo", json!("0x0000000000000000000000000000000000000001")),
        ("", "payTo", json!(common::PAY_TO.to_lowercase())),
        ("", "asset", json!("0x0000000000000000000000000000000000000001")),
        ("", "maxTimeoutSeconds", json!(1_000_000)),
        ("extra", "name", json!("USD Coin")),
        ("extra", "version", json!(2)),
    ];
    for (within, key, value) in changes {
        let answer = attack
            .changed(|it| match within {
                "" => it["accepted"][key] = value.clone(),
                within => it["accepted"][within][key] = value.clone(),
            })
            .await;
        answer.assert_challenged("No matching payment requirements");
    }
    let more = attack.changed(|it| it["accepted"]["discount"] = json!(true)).await;
    more.assert_challenged("No matching payment requirements");
    let less = attack.changed(|it| drop(it["accepted"].as_object_mut().unwrap().remove("extra")));
    less.await.assert_challenged("No matching payment requirements");
    let none = attack.changed(|it| it["accepted"] = json!({})).await;
    assert_eq!(none.assert_refused(400).error(), "invalid_payload");
}

#[tokio::test]
async fn a_payment_to_somebody_else_is_refused() {
    let attack = Attack::prepare().await;
    let to_self = attack.payer.address().parse::<Address>().unwrap();
    let payment = attack.payer.pay_otherwise(&attack.terms, |it| it.to = to_self).await;
    attack.payment(&payment).await.assert_challenged("recipient_mismatch");
}

#[tokio::test]
async fn a_payment_outside_its_time_is_refused() {
    let attack = Attack::prepare().await;
    for late in [0, 1, now() - 86_400, now() - 1, now(), now() + 4] {
        let payment = attack.payer.pay_until(&attack.terms, late).await;
        attack.payment(&payment).await.assert_challenged("valid_before");
    }
    for early in [Amount::from(now() + 60), Amount::MAX] {
        let payment = attack.payer.pay_otherwise(&attack.terms, |it| it.valid_after = early).await;
        attack.payment(&payment).await.assert_challenged("valid_after");
    }
}

#[tokio::test]
async fn a_signature_that_is_not_the_payers_is_refused() {
    let attack = Attack::prepare().await;
    let victim: Address = Payer::number(9).address().parse().unwrap();
    let foreign = attack.payer.pay_otherwise(&attack.terms, |it| it.from = victim).await;
    attack.payment(&foreign).await.assert_challenged("signature");

    let signature = attack.honest.signature();
    let zero = format!("0x{}", "0".repeat(130));
    let flipped = signature.replacen("0x", "0xf", 1);
    for wrong in [&*high_s(&signature), &*zero, &flipped[..132], "0x", "", &signature[2..]] {
        let answer = attack.changed(|it| it["payload"]["signature"] = json!(wrong)).await;
        answer.assert_challenged("signature");
    }
    // Signed, and changed afterwards.
    let longer = (now() + 290).to_string();
    let answer =
        attack.changed(|it| it["payload"]["authorization"]["validBefore"] = json!(longer)).await;
    answer.assert_challenged("signature");
}

/// The other signature of the same message, which everybody can compute.
fn high_s(signature: &str) -> String {
    const ORDER: U256 =
        uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let mut bytes = hex::decode(signature).unwrap();
    let s = ORDER - U256::from_be_slice(&bytes[32..64]);
    bytes[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    bytes[64] = 27 + 28 - bytes[64];
    hex::encode_prefixed(bytes)
}

#[tokio::test]
async fn a_version_that_is_not_spoken_is_told_so() {
    let attack = Attack::prepare().await;
    for version in [0, 1, 3, u64::MAX] {
        let answer = attack.changed(|it| it["x402Version"] = json!(version)).await;
        answer.assert_challenged(&format!("Unsupported x402 version: {version}"));
    }
    for version in [json!("2"), json!(-2), json!(2.0), json!(2.5), json!(null), json!([2])] {
        let answer = attack.changed(|it| it["x402Version"] = version).await;
        assert_eq!(answer.assert_refused(400).error(), "invalid_payload");
    }
    let absent = attack.changed(|it| drop(it.as_object_mut().unwrap().remove("x402Version"))).await;
    assert_eq!(absent.assert_refused(400).error(), "invalid_payload");
}

#[tokio::test]
async fn a_payload_of_another_kind_is_refused() {
    let attack = Attack::prepare().await;
    for payload in [json!({}), json!({ "permit2Authorization": {} }), json!({ "transaction": "" })]
    {
        let answer = attack.changed(|it| it["payload"] = payload).await;
        assert_eq!(answer.assert_refused(400).error(), "invalid_payload");
    }
    for payload in [json!(null), json!([]), json!("0x"), json!(1)] {
        let answer = attack.changed(|it| it["payload"] = payload).await;
        assert_eq!(answer.assert_refused(400).error(), "invalid_payload");
    }
}

#[tokio::test]
async fn a_payment_for_a_sibling_of_the_same_price_is_refused() {
    let attack = Attack::prepare().await;
    for url in [
        "https://api.example.com/other",
        "https://api.example.com/goods/",
        "https://api.example.com/goods?page=2",
        "http://api.example.com/goods",
        "https://evil.example/goods",
        "/goods",
        "goods",
    ] {
        let answer = attack.changed(|it| it["resource"]["url"] = json!(url)).await;
        answer.assert_challenged("another resource");
    }
    let sibling = attack.shop.terms("/other").await;
    let payment = attack.payer.pay(&sibling).await;
    attack.payment(&payment).await.assert_challenged("another resource");
}

#[tokio::test]
async fn additions_to_extra_and_silence_about_the_resource_are_no_fault() {
    let shop = Shop::open().await;
    let terms = shop.terms("/goods?page=1").await;
    let payer = Payer::number(1);
    type Change = fn(&mut Value);
    let harmless: [Change; 7] = [
        |_| (),
        |it| it["accepted"]["extra"]["assetTransferMethod"] = json!("eip3009"),
        |it| it["accepted"]["extra"]["more"] = json!({ "deep": [1, 2] }),
        |it| it["accepted"]["outputSchema"] = json!(null),
        |it| drop(it.as_object_mut().unwrap().remove("resource")),
        |it| it["resource"]["url"] = json!("https://api.example.com/goods"),
        |it| it["unknown"] = json!({ "anything": true }),
    ];
    for change in harmless {
        let mut payment = payer.pay(&terms).await.value();
        change(&mut payment);
        let header = encode_json(payment.to_string().as_bytes());
        let answer = shop.send(get("/goods?page=1", &[("payment-signature", &header)])).await;
        answer.assert_served();
    }
    assert_eq!(shop.facilitator.moved(), harmless.len());
}

#[tokio::test]
async fn a_refused_payment_is_not_used_up() {
    let attack = Attack::prepare().await;
    let (one, v1) = (attack.honest.header(), attack.honest.v1_header());
    attack.headers(&[("payment-signature", &one), ("x-payment", &v1)]).await.assert_refused(400);
    let malleable = high_s(&attack.honest.signature());
    attack.changed(|it| it["payload"]["signature"] = json!(malleable)).await.assert_refused(402);
    attack.shop.buy(&attack.honest).await.assert_served();
}
