//! Prices and gifts for one payer that are not for another.

use std::time::Duration;

use crate::common::{Double, Goods, Head, Payer, Shop, builder};
use serde_json::json;
use x402_evm::LocalSigner;
use x402_evm::sign_in_with_x::sign;
use x402_ledger::MemoryStore;
use x402_server::{Admission, Allowance, ConfigError, Gate, Inquiry, Paywall, Quote, Reply};
use x402_types::extensions::Extensions;
use x402_types::extensions::sign_in_with_x::{Challenge, Message};
use x402_types::{Network, PaymentRequired, decode, encode};

const ORIGIN: &str = "https://api.example.com";

fn member() -> LocalSigner {
    LocalSigner::from_bytes(&[9; 32]).unwrap()
}

/// A shop in which one payer has a price of its own.
async fn gate() -> Gate {
    let paywall: Paywall = builder(&Double::default(), &MemoryStore::new()).build().await.unwrap();
    let member = x402_evm::Signer::address(&member()).to_string().to_lowercase();
    let price = paywall.price_by(move |inquiry: Inquiry| {
        let is_member = inquiry.payer() == Some(&*member);
        async move {
            let price = inquiry.price(if is_member { "$0.001" } else { "$0.01" })?;
            Ok::<_, ConfigError>(Quote::from(price))
        }
    });
    price.sign_in().gate().unwrap()
}

async fn refused(gate: &Gate, head: &Head) -> Reply {
    match gate.admit(head).await {
        Admission::Reject(reply) => reply,
        other => panic!("{other:?}"),
    }
}

async fn terms(gate: &Gate, head: &Head) -> PaymentRequired {
    let reply = refused(gate, head).await;
    decode(reply.header("payment-required").expect("terms").as_bytes(), 65_536).unwrap()
}

fn challenge(terms: &PaymentRequired) -> Challenge {
    let extensions = Extensions::read(terms.extensions.as_ref().unwrap()).unwrap();
    extensions.get().unwrap().unwrap()
}

async fn signed(challenge: &Challenge, who: &LocalSigner) -> Message {
    sign(who, challenge, &Network::BASE_SEPOLIA, ORIGIN).await.unwrap()
}

fn signing_in(message: &Message) -> Head {
    Head::with(vec![("sign-in-with-x", encode(message).unwrap().into_bytes())])
}

#[tokio::test]
async fn who_signs_in_is_told_a_price_of_its_own_and_can_pay_it() {
    let gate = gate().await;
    let first = terms(&gate, &Head::with(Vec::new())).await;
    assert_eq!(first.accepts[0].amount.to_string(), "10000");
    let own = terms(&gate, &signing_in(&signed(&challenge(&first), &member()).await)).await;
    assert_eq!(own.accepts[0].amount.to_string(), "1000");
    // The quote stands for the payer's own price, though the payment signs nobody in.
    let payment = Payer::number(9).pay(&own).await;
    let Admission::Admit(ticket) = gate.admit(&Head::paying(&payment)).await else { panic!() };
    assert_eq!(ticket.payment().amount().to_string(), "1000");
    let stranger = LocalSigner::from_bytes(&[8; 32]).unwrap();
    let other = terms(&gate, &signing_in(&signed(&challenge(&own), &stranger).await)).await;
    assert_eq!(other.accepts[0].amount.to_string(), "10000");
}

#[tokio::test]
async fn a_challenge_signs_in_once_and_only_the_server_makes_them() {
    let gate = gate().await;
    let challenge = challenge(&terms(&gate, &Head::with(Vec::new())).await);
    let message = signed(&challenge, &member()).await;
    terms(&gate, &signing_in(&message)).await;
    let again = refused(&gate, &signing_in(&message)).await;
    assert_eq!(again.status, 401);
    assert!(again.text().contains("invalid_siwx_nonce") && !again.is_challenge());

    let mut own = challenge.clone();
    own.info.nonce = "00".repeat(16);
    let mut half = challenge.clone();
    half.info.nonce = format!("{}{}", &own.info.nonce[..16], &challenge.info.nonce[16..]);
    for forged in [own, half] {
        let reply = refused(&gate, &signing_in(&signed(&forged, &member()).await)).await;
        assert_eq!(reply.status, 401, "{}", reply.text());
    }
    let fresh = self::challenge(&terms(&gate, &Head::with(Vec::new())).await);
    let mut stolen = signed(&fresh, &LocalSigner::from_bytes(&[8; 32]).unwrap()).await;
    stolen.address = x402_evm::Signer::address(&member()).to_string();
    assert_eq!(refused(&gate, &signing_in(&stolen)).await.status, 401);
    let garbage = [&b""[..], b"x", b"e30=", "x".repeat(9000).leak().as_bytes()];
    for header in garbage {
        let head = Head::with(vec![("sign-in-with-x", header.to_vec())]);
        assert_eq!(refused(&gate, &head).await.status, 401);
    }
    let twice = encode(&json!({})).unwrap().into_bytes();
    let head = Head::with(vec![("sign-in-with-x", twice.clone()), ("sign-in-with-x", twice)]);
    assert_eq!(refused(&gate, &head).await.status, 401);
}

#[tokio::test]
async fn a_challenge_signs_in_at_one_price_of_a_paywall_only() {
    let paywall: Paywall = builder(&Double::default(), &MemoryStore::new()).build().await.unwrap();
    let gates = [(); 2].map(|()| {
        let price = paywall.price_by(|it: Inquiry| async move {
            it.price(if it.payer().is_some() { "$0.001" } else { "$0.01" }).map(Quote::from)
        });
        price.sign_in().gate().unwrap()
    });
    let challenge = challenge(&terms(&gates[0], &Head::with(Vec::new())).await);
    let message = signed(&challenge, &member()).await;
    let own = terms(&gates[1], &signing_in(&message)).await;
    assert_eq!(own.accepts[0].amount.to_string(), "1000");
    for gate in &gates {
        assert_eq!(refused(gate, &signing_in(&message)).await.status, 401);
    }
}

#[tokio::test(start_paused = true)]
async fn each_payer_has_its_allowance_for_nothing_and_then_pays() {
    let allowance = Allowance::new(2, Duration::from_secs(60));
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(allowance), |it| it).await;
    let terms = shop.terms("/goods").await;
    for (number, moved) in [(1, 1), (2, 2)] {
        let payer = Payer::number(number);
        for _ in 0..2 {
            let answer = shop.buy(&payer.pay(&terms).await).await;
            assert!(answer.assert_served().receipt().is_none());
        }
        assert_eq!(shop.facilitator.moved(), moved - 1);
        let answer = shop.buy(&payer.pay(&terms).await).await;
        assert!(answer.assert_served().receipt().is_some());
        assert_eq!(shop.facilitator.moved(), moved);
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    let answer = shop.buy(&Payer::number(1).pay(&terms).await).await;
    assert!(answer.assert_served().receipt().is_none());
}

#[tokio::test(start_paused = true)]
async fn beyond_its_payers_an_allowance_gives_nothing() {
    let allowance = Allowance::new(1, Duration::from_secs(60)).payers(2);
    assert!(allowance.take("a") && allowance.take("b"));
    assert!(!allowance.take("c") && !allowance.take("A"));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(allowance.take("c"));
}

#[tokio::test(start_paused = true)]
async fn each_span_of_a_payer_begins_with_its_own_first_request() {
    let allowance = Allowance::new(2, Duration::from_secs(60)).payers(2);
    assert!(allowance.take("a"));
    tokio::time::advance(Duration::from_secs(40)).await;
    assert!(allowance.take("b") && allowance.take("a") && !allowance.take("a"));
    tokio::time::advance(Duration::from_secs(20)).await;
    // The first has lapsed, and may be anybody's place; the second has one left.
    assert!(allowance.take("c") && !allowance.take("a"));
    assert!(allowance.take("b") && !allowance.take("b"));
    tokio::time::advance(Duration::from_secs(40)).await;
    assert!(allowance.take("a") && !allowance.take("b"));
    assert!(allowance.take("c") && !allowance.take("c"));
}

#[tokio::test(start_paused = true)]
async fn strangers_at_a_full_book_of_payers_are_turned_away_without_a_look_through_it() {
    const PAYERS: usize = 100_000;
    const STRANGERS: usize = 10_000;
    let allowance = Allowance::new(1, Duration::from_secs(60));
    let took = |whose: &str, many, gives| {
        let began = std::time::Instant::now();
        assert!((0..many).all(|number| allowance.take(&format!("{whose} {number}")) == gives));
        began.elapsed()
    };
    let filled = took("payer", PAYERS, true);
    // A look through the book for each would take as long as thousands of such.
    let turned_away = took("stranger", STRANGERS, false);
    assert!(turned_away < 10 * filled, "{turned_away:?}, {filled:?} to fill it");
    tokio::time::advance(Duration::from_secs(60)).await;
    let filled_again = took("stranger", PAYERS, true);
    assert!(filled_again < 20 * filled, "{filled_again:?}, {filled:?} at first");
    assert!(!allowance.take("payer 1"));
}

#[tokio::test]
async fn a_route_that_settles_upfront_has_no_allowance() {
    let allowance = Allowance::new(9, Duration::from_secs(60));
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(allowance), |it| it.upfront()).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    assert!(shop.buy(&payment).await.assert_served().receipt().is_some());
    assert_eq!(shop.facilitator.moved(), 1);
}
