//! A facilitator over HTTP that is broken, lying, or not a facilitator at all: nothing is served,
//! and nobody is asked to pay again.

use std::time::Duration;

use crate::common::{Answer, Double, Goods, HttpServer, Payer, Payment, Shop, http_response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use x402_ledger::MemoryStore;

type Respond = fn(&Value) -> Option<Vec<u8>>;

const JSON: &str = "application/json";
/// Longer than an honest exchange takes on the slowest machine.
const LONG: Duration = Duration::from_secs(30);

fn supported() -> Option<Vec<u8>> {
    let kinds = json!([{ "x402Version": 2, "scheme": "exact", "network": "eip155:84532" }]);
    Some(http_response(200, JSON, "", &json!({ "kinds": kinds }).to_string()))
}

fn payer(asked: &Value) -> &Value {
    &asked["paymentPayload"]["payload"]["authorization"]["from"]
}

fn valid(asked: &Value) -> Value {
    json!({ "isValid": true, "payer": payer(asked) })
}

fn settled(asked: &Value) -> Value {
    let network = &asked["paymentRequirements"]["network"];
    json!({ "success": true, "payer": payer(asked), "transaction": "0xabc", "network": network })
}

fn json(status: u16, body: &Value) -> Option<Vec<u8>> {
    Some(http_response(status, JSON, "", &body.to_string()))
}

/// A shop with this facilitator, which may take so long for an answer.
async fn shop(facilitator: &str, limit: Duration) -> Shop {
    let (double, store) = (Double::default(), MemoryStore::new());
    // The double is replaced by what is reached over HTTP.
    let settings =
        |it: x402_server::PaywallBuilder| it.facilitator(facilitator).timeouts(limit, limit);
    Shop::open_at(double, store, Goods::default(), settings, |it| it).await
}

/// A shop whose facilitator answers so, and an honest payment.
async fn open(verify: Respond, settle: Respond) -> (Shop, HttpServer, Payment) {
    open_for(LONG, verify, settle).await
}

async fn open_for(
    limit: Duration,
    verify: Respond,
    settle: Respond,
) -> (Shop, HttpServer, Payment) {
    let server = HttpServer::start(move |path, body| {
        let asked = || serde_json::from_str(body).unwrap();
        match path {
            "/supported" => supported(),
            "/verify" => verify(&asked()),
            "/settle" => settle(&asked()),
            other => panic!("{other} was asked for"),
        }
    })
    .await;
    let shop = shop(&server.url, limit).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, server, payment)
}

/// Answers that are none, whatever was asked.
const NONSENSE: [(&str, Respond); 22] = [
    ("ends early", |_| Some(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_vec())),
    ("breaks off", |_| None),
    ("is no HTTP", |_| Some(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
    ("has a broken status line", |_| Some(b"HTTP/1.1 2000 Oh\r\n\r\n".to_vec())),
    ("is HTML", |_| Some(http_response(200, "text/html", "", "<html>200 OK</html>"))),
    ("is empty", |_| Some(http_response(200, JSON, "", ""))),
    ("is a null", |_| json(200, &Value::Null)),
    ("is an object of nothing", |_| json(200, &json!({}))),
    ("is a list", |asked| json(200, &json!([valid(asked), settled(asked)]))),
    ("is cut off", |asked| {
        let text = merged(asked).to_string();
        Some(http_response(200, JSON, "", &text[..text.len() - 1]))
    }),
    ("goes on after its end", |asked| {
        Some(http_response(200, JSON, "", &(merged(asked).to_string() + "{}")))
    }),
    ("says true in words", |asked| {
        let mut said = merged(asked);
        said["isValid"] = json!("true");
        said["success"] = json!("true");
        json(200, &said)
    }),
    ("says 1 for true", |asked| {
        let mut said = merged(asked);
        said["isValid"] = json!(1);
        said["success"] = json!(1);
        json(200, &said)
    }),
    ("says yes and no", |asked| {
        let text = merged(asked).to_string();
        let text = text.replacen('{', r#"{"isValid":false,"success":false,"#, 1);
        Some(http_response(200, JSON, "", &text))
    }),
    ("is a megabyte", |asked| {
        let mut said = merged(asked);
        said["extra"] = json!({ "padding": "x".repeat(1 << 20) });
        json(200, &said)
    }),
    ("is not UTF-8", |_| {
        let mut bytes = http_response(200, JSON, "", "....");
        let length = bytes.len();
        bytes[length - 4..].copy_from_slice(&[0xff, 0xfe, 0xfd, 0xfc]);
        Some(bytes)
    }),
    ("is 201 and yes", |asked| json(201, &merged(asked))),
    ("is 302 and yes", |asked| {
        let location = "location: http://127.0.0.1:1/elsewhere\r\n";
        Some(http_response(302, JSON, location, &merged(asked).to_string()))
    }),
    ("is 500 and yes", |asked| json(500, &merged(asked))),
    ("is 503", |_| Some(http_response(503, "text/plain", "", "no upstream"))),
    ("is 400 and yes", |asked| json(400, &merged(asked))),
    ("is 408", |_| json(408, &json!({ "isValid": null }))),
];

/// An answer to both questions.
fn merged(asked: &Value) -> Value {
    let (mut merged, settled) = (valid(asked), settled(asked));
    for (key, value) in settled.as_object().unwrap() {
        merged[key] = value.clone();
    }
    merged
}

fn assert_not_served(answer: &Answer, what: &str) {
    assert!((500..600).contains(&answer.status), "{what}: {answer:?}");
    answer.assert_refused(answer.status);
    assert!(answer.receipt().is_none(), "{what}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_at_verification_serves_nothing_and_asks_for_no_second_payment() {
    for (what, verify) in NONSENSE {
        let (shop, server, payment) = open(verify, |_| None).await;
        let answer = shop.buy(&payment).await;
        assert_not_served(&answer, what);
        assert_eq!(answer.error(), "facilitator_unavailable", "{what}");
        assert_eq!((shop.goods.runs(), server.requests.count()), (0, 1), "{what}");
        assert!(shop.books().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_at_settlement_serves_nothing_and_leaves_the_outcome_unknown() {
    for (what, settle) in NONSENSE {
        let (shop, server, payment) = open(|asked| json(200, &valid(asked)), settle).await;
        let answer = shop.buy(&payment).await;
        assert_not_served(&answer, what);
        assert_eq!(answer.error(), "settlement_unknown", "{what}");
        assert_eq!(shop.books().await, ["unknown"], "{what}");
        assert_eq!(server.requests.count(), 2, "{what}");
        // Held, and not settled once more by a request.
        server.requests.hold();
        let again = shop.buy(&payment).await;
        assert_not_served(&again, what);
        assert_eq!((again.status, again.error()), (503, "settlement_pending".to_owned()), "{what}");
        assert_eq!(shop.goods.runs(), 1, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lie_about_the_payer_the_network_or_the_transaction_is_not_believed() {
    let lies: [Respond; 4] = [
        |asked| with(settled(asked), "payer", json!("0x0000000000000000000000000000000000000001")),
        |asked| with(settled(asked), "network", json!("eip155:1")),
        |asked| with(settled(asked), "transaction", json!("")),
        |asked| with(settled(asked), "transaction", json!(null)),
    ];
    for lie in lies {
        let (shop, _server, payment) = open(|asked| json(200, &valid(asked)), lie).await;
        let answer = shop.buy(&payment).await;
        assert_not_served(&answer, "a lie");
        assert_eq!(answer.error(), "settlement_unknown");
    }
    let (shop, _server, payment) = open(
        |asked| with(valid(asked), "payer", json!("0x0000000000000000000000000000000000000001")),
        |_| None,
    )
    .await;
    assert_not_served(&shop.buy(&payment).await, "another payer");
    assert_eq!(shop.goods.runs(), 0);
}

fn with(mut answer: Value, key: &str, value: Value) -> Option<Vec<u8>> {
    answer[key] = value;
    json(200, &answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facilitator_that_is_not_there_serves_nothing() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let shop = shop(&url, LONG).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.buy(&payment).await;
    assert_not_served(&answer, "nobody");
    assert_eq!(answer.error(), "facilitator_unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facilitator_that_never_answers_is_given_up() {
    let limit = Duration::from_millis(50);
    let (shop, server, payment) = open_for(limit, |asked| json(200, &valid(asked)), |_| None).await;
    server.requests.hold();
    let answer = shop.buy(&payment).await;
    assert_not_served(&answer, "silence");
    assert_eq!((answer.error(), shop.goods.runs()), ("facilitator_unavailable".to_owned(), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_an_answer_with_a_status_of_400_too() {
    let refusals: [Respond; 2] = [
        |_| json(400, &json!({ "isValid": false, "invalidReason": "insufficient_funds" })),
        |_| json(200, &json!({ "isValid": false, "invalidReason": "insufficient_funds" })),
    ];
    for refusal in refusals {
        let (shop, _server, payment) = open(refusal, |_| None).await;
        shop.buy(&payment).await.assert_challenged("insufficient_funds");
    }
    let failures: [Respond; 2] = [
        |_| json(402, &json!({ "success": false, "errorReason": "insufficient_funds" })),
        |_| {
            let failed = json!({
                "success": false, "errorReason": "insufficient_funds", "transaction": "",
                "network": "eip155:84532", "payer": null
            });
            json(200, &failed)
        },
    ];
    for failure in failures {
        let (shop, _server, payment) = open(|asked| json(200, &valid(asked)), failure).await;
        let answer = shop.buy(&payment).await;
        answer.assert_challenged("insufficient_funds");
        assert!(!answer.receipt().expect("a failed receipt").success);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facilitator_that_turns_the_question_down_has_moved_nothing() {
    let refusals: [Respond; 4] = [
        |_| json(400, &json!({ "error": "malformed" })),
        |_| Some(http_response(401, "text/plain", "", "who are you")),
        |_| Some(http_response(404, "text/html", "", "<html>")),
        |_| json(429, &json!({ "error": "too many" })),
    ];
    for refusal in refusals {
        let (shop, _server, payment) = open(|asked| json(200, &valid(asked)), refusal).await;
        let answer = shop.buy(&payment).await;
        assert_not_served(&answer, "turned down");
        assert_eq!(answer.error(), "facilitator_unavailable");
        assert_eq!(shop.books().await, ["failed (not sent)"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_facilitator_over_http_settles() {
    let (shop, server, payment) =
        open(|asked| json(200, &valid(asked)), |asked| json(200, &settled(asked))).await;
    let answer = shop.buy(&payment).await;
    assert_eq!(answer.assert_served().receipt().expect("a receipt").transaction, "0xabc");
    assert_eq!(server.requests.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_facilitator_says_of_a_failure_fits_into_a_header() {
    fn failed(asked: &Value, reason: &str) -> Option<Vec<u8>> {
        let long = "insufficient ".repeat(1_200);
        let said = json!({
            "success": false, "errorReason": reason, "errorMessage": long, "transaction": "",
            "network": long, "payer": long, "extra": { "more": payer(asked) },
        });
        json(200, &said)
    }
    let settles: [Respond; 2] = [
        |asked| failed(asked, "insufficient_funds"),
        |asked| failed(asked, &"insufficient ".repeat(1_200)),
    ];
    for settle in settles {
        let (shop, _server, payment) = open(|asked| json(200, &valid(asked)), settle).await;
        let answer = shop.buy(&payment).await;
        assert_eq!(answer.status, 402, "{answer:?}");
        let receipt = answer.receipt();
        assert!(receipt.is_some_and(|receipt| !receipt.success), "{answer:?}");
        for (name, value) in &answer.headers {
            assert!(value.len() < 4_096, "{name}: {} bytes", value.len());
        }
    }
}
