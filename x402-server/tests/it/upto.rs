//! `upto`: the payer signs a limit, the handler says what is charged.

use crate::common;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use crate::common::{Goods, MARKER, Payer, Payment as Sent, SETTLER, Say, Shop, get, until};
use serde_json::Value;
use x402_ledger::Payments;
use x402_server::{ChargeError, Payment, Price};
use x402_types::{Amount, ErrorReason, SettleResponse};

/// Goods at whose making this is done to the payment.
fn charging(charge: impl Fn(&Payment) + Send + Sync + 'static) -> Goods {
    Goods::made(move |request| {
        charge(request.extensions().get().expect("a payment"));
        http::Response::new(MARKER.into())
    })
}

/// A shop that asks for a cent at most, and an honest payment.
async fn open(goods: Goods) -> (Shop, Sent) {
    let shop = Shop::open_with(goods, |it| it, Price::upto).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    (shop, payment)
}

fn units(amount: u64) -> Amount {
    Amount::from(amount)
}

/// What the facilitator was asked to verify, and to settle.
fn asked(shop: &Shop) -> Vec<(&'static str, String)> {
    shop.facilitator.amounts()
}

fn verified_and_settled(settled: u64) -> Vec<(&'static str, String)> {
    vec![("verify", "10000".to_owned()), ("settle", settled.to_string())]
}

/// The books' amounts and states, newest first.
async fn books(shop: &Shop) -> Vec<(String, String)> {
    let lines = shop.store.recent(100).await.unwrap();
    lines.into_iter().map(|line| (line.amount.to_string(), line.status.to_string())).collect()
}

fn line(amount: u64, status: &str) -> Vec<(String, String)> {
    vec![(amount.to_string(), status.to_owned())]
}

#[tokio::test]
async fn the_terms_say_who_settles_and_that_permit2_moves_the_money() {
    let (shop, _) = open(Goods::default()).await;
    let terms = shop.terms("/goods").await;
    let offer = &terms.accepts[0];
    assert_eq!((offer.scheme.as_str(), offer.amount), ("upto", units(10_000)));
    let extra: Value = offer.extra.as_ref().unwrap().parse().unwrap();
    assert_eq!(
        extra,
        serde_json::json!({
            "name": "USDC", "version": "2",
            "assetTransferMethod": "permit2", "facilitatorAddress": SETTLER,
        })
    );
}

#[tokio::test]
async fn what_the_handler_charges_is_settled_and_told_and_booked() {
    type Charge = fn(&Payment);
    let charges: [(Charge, u64); 6] = [
        (|it| it.charge(1_234u64).unwrap(), 1_234),
        (|it| it.charge_price("$0.005").unwrap(), 5_000),
        (|it| it.charge_price("0.000001 USDC").unwrap(), 1),
        (|it| it.charge(10_000u64).unwrap(), 10_000),
        // The last word counts, whichever clone says it.
        (
            |it| {
                it.charge(9_000u64).unwrap();
                it.charge(7_000u64).unwrap();
                it.charge(8_000u64).unwrap();
            },
            8_000,
        ),
        (
            |it| {
                it.clone().charge(3_000u64).unwrap();
                it.charge(10_001u64).unwrap_err();
            },
            3_000,
        ),
    ];
    for (charge, amount) in charges {
        let (shop, payment) = open(charging(charge)).await;
        let answer = shop.buy(&payment).await;
        let receipt = answer.assert_served().receipt().expect("a receipt");
        assert_eq!((receipt.success, receipt.amount), (true, Some(units(amount))));
        assert_eq!(asked(&shop), verified_and_settled(amount));
        assert_eq!(books(&shop).await, line(amount, "settled"));
    }
}

#[tokio::test]
async fn where_the_handler_says_nothing_the_whole_price_is_settled() {
    let (shop, payment) = open(Goods::default()).await;
    let receipt = shop.buy(&payment).await.assert_served().receipt().expect("a receipt");
    assert_eq!(receipt.amount, Some(units(10_000)));
    assert_eq!(asked(&shop), verified_and_settled(10_000));
    assert_eq!(books(&shop).await, line(10_000, "settled"));
}

#[tokio::test]
async fn more_than_was_signed_is_refused_in_the_handler_and_never_settled() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let errors = Arc::clone(&heard);
    let (shop, payment) = open(charging(move |payment| {
        errors.lock().unwrap().extend([
            payment.charge(10_001u64).unwrap_err(),
            payment.charge(Amount::MAX).unwrap_err(),
            payment.charge_price("$0.010001").unwrap_err(),
        ]);
    }))
    .await;
    shop.buy(&payment).await.assert_served();
    let above = |amount| ChargeError::AboveLimit { amount, limit: units(10_000) };
    assert_eq!(
        *heard.lock().unwrap(),
        [above(units(10_001)), above(Amount::MAX), above(units(10_001))]
    );
    assert_eq!(asked(&shop), verified_and_settled(10_000));
}

#[tokio::test]
async fn a_charge_that_is_none_is_refused_and_what_was_charged_before_stands() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let errors = Arc::clone(&heard);
    let (shop, payment) = open(charging(move |payment| {
        payment.charge(42u64).unwrap();
        let prices = ["", "-1", "1e-3", "$0.0000001", "0.005 EURC"];
        let refused = prices.map(|price| payment.charge_price(price).unwrap_err());
        errors.lock().unwrap().extend(refused);
    }))
    .await;
    shop.buy(&payment).await.assert_served();
    assert_eq!(asked(&shop), verified_and_settled(42));
    let heard = heard.lock().unwrap();
    assert!(heard[..4].iter().all(|it| matches!(it, ChargeError::Price(_))), "{heard:?}");
    assert_eq!(heard[4].to_string(), "0.005 EURC is not in USDC, which is what the payment is in");
}

#[tokio::test]
async fn nothing_charged_asks_nobody_and_uses_the_payment_up() {
    let (shop, payment) = open(charging(|payment| payment.charge_price("$0").unwrap())).await;
    let answer = shop.buy(&payment).await;
    let expected = SettleResponse {
        amount: Some(Amount::ZERO),
        ..SettleResponse::settled(Payer::number(1).address(), "", "eip155:84532")
    };
    assert_eq!(answer.assert_served().receipt(), Some(expected));
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (1, 0));
    assert_eq!(books(&shop).await, line(0, "settled"));
    assert_eq!(shop.store.recent(1).await.unwrap()[0].transaction, None);
}

#[tokio::test]
async fn a_handler_that_does_not_succeed_settles_nothing_whatever_it_charged() {
    for status in [302, 404, 500] {
        let (shop, payment) = open(Goods::made(move |request| {
            request.extensions().get::<Payment>().unwrap().charge(5_000u64).unwrap();
            http::Response::builder().status(status).body(MARKER.into()).unwrap()
        }))
        .await;
        for _ in 0..2 {
            let answer = shop.buy(&payment).await;
            assert_eq!(answer.status, status);
            assert!(answer.receipt().is_none());
        }
        assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (2, 0));
        assert!(books(&shop).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_copies_run_the_handler_once_and_are_charged_once() {
    let (shop, payment) = open(charging(|payment| payment.charge(5u64).unwrap())).await;
    let copies = (0..20).map(|_| {
        let (shop, payment) = (shop.clone(), payment.clone());
        tokio::spawn(async move { shop.buy(&payment).await.status })
    });
    let mut statuses = Vec::new();
    for copy in copies.collect::<Vec<_>>() {
        statuses.push(copy.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1], statuses[19]), (200, 409, 409), "{statuses:?}");
    assert_eq!(shop.goods.runs(), 1);
    assert_eq!(asked(&shop), verified_and_settled(5));
}

#[tokio::test]
async fn only_our_own_terms_change_and_the_payment_goes_on_byte_for_byte() {
    let (shop, mut payment) = open(charging(|payment| payment.charge(5_000u64).unwrap())).await;
    payment.extensions = Some(r#"{ "b":1.0, "a" :{"z":"é"}}"#.to_owned());
    shop.buy(&payment).await.assert_served();
    let question = |terms: &str| {
        format!(
            r#"{{"x402Version":2,"paymentPayload":{},"paymentRequirements":{terms}}}"#,
            payment.text()
        )
    };
    let (full, less) = (&payment.accepted, payment.accepted.replace("\"10000\"", "\"5000\""));
    assert_ne!(*full, less);
    let expected = [("verify", question(full)), ("settle", question(&less))];
    assert_eq!(shop.facilitator.asked(), expected);
}

fn settled(change: impl FnOnce(&mut SettleResponse)) -> SettleResponse {
    let payer = Payer::number(1).address();
    let mut response = SettleResponse::settled(payer, "0xabc", "eip155:84532");
    response.amount = Some(units(5_000));
    change(&mut response);
    response
}

#[tokio::test(start_paused = true)]
async fn a_facilitator_that_settles_something_else_than_was_asked_is_not_believed() {
    for lie in [
        settled(|it| it.amount = Some(units(5_001))),
        settled(|it| it.amount = Some(units(4_999))),
        settled(|it| it.amount = Some(units(10_000))),
        settled(|it| it.amount = Some(Amount::ZERO)),
        settled(|it| it.transaction = String::new()),
        settled(|it| {
            it.amount = Some(Amount::ZERO);
            it.transaction = String::new();
        }),
    ] {
        let (shop, payment) = open(charging(|payment| payment.charge(5_000u64).unwrap())).await;
        shop.facilitator.settle().then(Say::This(lie));
        let answer = shop.buy(&payment).await;
        shop.facilitator.settle().latch.hold();
        assert_eq!(answer.assert_refused(502).error(), "settlement_unknown");
        assert!(answer.receipt().is_none());
        assert_eq!(books(&shop).await, line(5_000, "unknown"));
    }
}

#[tokio::test]
async fn the_receipt_says_the_amount_where_the_facilitator_does_not() {
    let (shop, payment) = open(charging(|payment| payment.charge(5_000u64).unwrap())).await;
    shop.facilitator.settle().then(Say::This(settled(|it| it.amount = None)));
    let receipt = shop.buy(&payment).await.assert_served().receipt();
    assert_eq!(receipt, Some(settled(|_| {})));
}

/// Charges 5000 at the first run, and less at each that follows.
fn charging_less_and_less() -> Goods {
    let amount = AtomicU64::new(5_000);
    charging(move |payment| payment.charge(amount.fetch_sub(1_000, SeqCst)).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_asked_for_with_what_was_charged_and_served_without_charging_anew() {
    let (shop, payment) = open(charging_less_and_less()).await;
    shop.facilitator.settle().then(Say::Lost).then(Say::YesButLost);
    assert_eq!(shop.buy(&payment).await.assert_refused(502).error(), "settlement_unknown");
    shop.facilitator.settle().latch.reached(3).await;
    until(async || books(&shop).await == line(5_000, "settled")).await;
    until(async || shop.buy(&payment).await.status == 200).await;

    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    let settle = || ("settle", "5000".to_owned());
    let verify = ("verify", "10000".to_owned());
    assert_eq!(asked(&shop), [verify, settle(), settle(), settle()]);
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (2, 1));
    assert_eq!(books(&shop).await, line(5_000, "settled"));
}

#[tokio::test]
async fn a_client_that_goes_during_settlement_is_served_later_without_being_charged_anew() {
    let (shop, payment) = open(charging_less_and_less()).await;
    shop.facilitator.settle().latch.hold();
    let purchase = tokio::spawn({
        let (shop, payment) = (shop.clone(), payment.clone());
        async move { shop.buy(&payment).await }
    });
    shop.facilitator.settle().latch.reached(1).await;
    purchase.abort();
    assert!(purchase.await.unwrap_err().is_cancelled());
    shop.facilitator.settle().latch.let_go();
    until(async || books(&shop).await == line(5_000, "settled")).await;

    let mut answer = shop.buy(&payment).await;
    while answer.status == 409 {
        tokio::task::yield_now().await;
        answer = shop.buy(&payment).await;
    }
    assert_eq!(answer.assert_served().receipt().unwrap().amount, Some(units(5_000)));
    assert_eq!(asked(&shop), verified_and_settled(5_000));
    assert_eq!(shop.goods.runs(), 2);
}

#[tokio::test]
async fn what_is_charged_after_the_answer_comes_too_late() {
    let kept: Arc<Mutex<Option<Payment>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let goods = charging(move |payment| *keep.lock().unwrap() = Some(payment.clone()));
    let (shop, payment) = open(goods).await;
    shop.buy(&payment).await.assert_served();
    let kept = kept.lock().unwrap().take().expect("a payment");
    assert_eq!(kept.charge(1u64), Err(ChargeError::TooLate));
    assert_eq!(kept.charge_price("$0"), Err(ChargeError::TooLate));
}

#[tokio::test]
async fn a_fixed_price_is_charged_as_it_stands() {
    for change in [|price: Price| price, Price::permit2, Price::upfront] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let errors = Arc::clone(&heard);
        let goods = charging(move |payment| {
            let refused = [payment.charge(5_000u64), payment.charge_price("$0.005")];
            errors.lock().unwrap().extend(refused);
        });
        let shop = Shop::open_with(goods, |it| it, change).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        shop.buy(&payment).await.assert_served();
        let fixed = Err(ChargeError::Fixed("exact".to_owned()));
        assert_eq!(*heard.lock().unwrap(), [fixed.clone(), fixed]);
        assert_eq!(asked(&shop).last(), Some(&("settle", "10000".to_owned())));
    }
}

#[tokio::test]
async fn a_payment_over_another_limit_or_for_another_facilitator_is_refused() {
    let (shop, payment) = open(Goods::default()).await;
    for (from, to, reason) in [
        ("\"amount\":\"10000\"", "\"amount\":\"9999\"", ErrorReason::Permit2AmountMismatch),
        (SETTLER, common::PAY_TO, ErrorReason::UptoFacilitatorMismatch),
    ] {
        let mut payment = payment.clone();
        assert!(payment.payload.contains(from));
        payment.payload = payment.payload.replace(from, to);
        shop.buy(&payment).await.assert_challenged(reason.as_str());
    }
    assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0));
    shop.buy(&payment).await.assert_served();
}

#[tokio::test]
async fn clients_of_version_1_are_not_offered_what_they_cannot_sign() {
    for change in [Price::upto, Price::permit2] {
        let shop = Shop::open_with(Goods::default(), |it| it.accept_v1(), change).await;
        let answer = shop.send(get("/goods", &[])).await;
        assert_eq!(answer.json()["x402Version"], 2);
        let mut payment = Payer::number(1).pay(&answer.challenge().unwrap()).await;
        shop.buy(&payment).await.assert_served();
        payment = Payer::number(1).pay(&answer.challenge().unwrap()).await;
        let scheme = answer.challenge().unwrap().accepts[0].scheme.clone();
        let text = payment.v1_text().replace("\"exact\"", &format!("{scheme:?}"));
        let header = x402_types::header::encode_json(text.as_bytes());
        let v1 = shop.send(get("/goods", &[("x-payment", &header)])).await;
        v1.assert_challenged("No matching payment requirements");
        assert_eq!(shop.goods.runs(), 1);
    }
}

#[tokio::test]
async fn payment_that_lives_much_longer_than_asked_is_refused_and_not_remembered() {
    let shop = Shop::open_with(charging(|it| it.charge(0u64).unwrap()), |it| it, Price::upto).await;
    let terms = shop.terms("/goods").await;
    let payer = Payer::number(1);
    let of_tomorrow = common::now() + 24 * 60 * 60;
    let payment = payer.pay_offer_at(of_tomorrow, &terms, &terms.accepts[0]).await;
    shop.buy(&payment).await.assert_refused(400);
    assert!(asked(&shop).is_empty());
    let ahead = payer.pay_offer_at(common::now() + 60, &terms, &terms.accepts[0]).await;
    shop.buy(&ahead).await.assert_served();
}

#[tokio::test]
async fn a_price_of_upto_is_settled_after_serving_where_others_are_settled_before() {
    let shop = Shop::open_with(Goods::default(), |it| it.upfront(), Price::upto).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    assert_eq!(asked(&shop), verified_and_settled(10_000));
}

#[tokio::test]
async fn what_is_owed_is_worth_what_was_settled_and_no_more() {
    let charge = Arc::new(AtomicU64::new(100));
    let charged = Arc::clone(&charge);
    let goods = Goods::made(move |request| {
        let payment: &Payment = request.extensions().get().expect("a payment");
        match payment.charge(charged.load(SeqCst)) {
            Ok(()) => http::Response::new(MARKER.into()),
            Err(_) => http::Response::builder().status(402).body("".into()).unwrap(),
        }
    });
    let (shop, payment) = open(goods).await;
    shop.facilitator.settle().latch.hold();
    let asked = shop.facilitator.settle().latch.clone();
    tokio::select! {
        _ = shop.buy(&payment) => panic!("served"),
        () = asked.reached(1) => {}
    }
    asked.let_go();
    until(async || books(&shop).await == line(100, "settled")).await;
    // The same payment, for something dearer.
    charge.store(10_000, SeqCst);
    until(async || shop.buy(&payment).await.body.is_empty()).await;
    charge.store(100, SeqCst);
    shop.buy(&payment).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 1);
}
