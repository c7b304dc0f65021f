//! Requests that end before they are answered: the client goes away, a time limit strikes, the
//! handler panics. Each is a future that is dropped.

use crate::common;
use crate::common::{Goods, Head, Payer, Payment, Remote, Say, Shop, until};
use x402_ledger::{Payments, Status};
use x402_server::{Admission, Ticket};

/// A purchase under way, to be cut off.
fn start(shop: &Shop, payment: &Payment) -> tokio::task::JoinHandle<common::Answer> {
    let (shop, payment) = (shop.clone(), payment.clone());
    tokio::spawn(async move { shop.buy(&payment).await })
}

async fn cut_off(purchase: tokio::task::JoinHandle<common::Answer>) {
    purchase.abort();
    assert!(purchase.await.unwrap_err().is_cancelled());
}

/// Buys as soon as the payment is free again.
async fn buy_when_free(shop: &Shop, payment: &Payment) -> common::Answer {
    for _ in 0..10_000 {
        let answer = shop.buy(payment).await;
        if answer.status != 409 || answer.error() != "payment_in_progress" {
            return answer;
        }
        tokio::task::yield_now().await;
    }
    panic!("the payment never came free")
}

#[tokio::test]
async fn a_client_that_goes_during_verification_is_not_charged_and_may_come_again() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.verify().latch.hold();
    let purchase = start(&shop, &payment);
    shop.facilitator.verify().latch.reached(1).await;
    cut_off(purchase).await;
    shop.facilitator.verify().latch.let_go();

    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
}

#[tokio::test]
async fn a_client_that_goes_while_the_handler_works_is_not_charged_and_may_come_again() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.goods.latch.hold();
    let purchase = start(&shop, &payment);
    shop.goods.latch.reached(1).await;
    cut_off(purchase).await;
    shop.goods.latch.let_go();
    assert_eq!(shop.facilitator.settle().calls(), 0);

    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test]
async fn a_client_that_goes_during_settlement_is_charged_once_and_served_once() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = start(&shop, &payment);
    shop.facilitator.settle().latch.reached(1).await;
    cut_off(purchase).await;
    assert_eq!(shop.books().await, ["intended"]);
    shop.facilitator.settle().latch.let_go();
    until(async || shop.books().await == ["settled"]).await;

    let served = buy_when_free(&shop, &payment).await;
    let receipt = served.assert_served().receipt().expect("a receipt");
    assert!(receipt.success);
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_already_used");
    assert_eq!((shop.facilitator.settle().calls(), shop.facilitator.moved()), (1, 1));
}

#[tokio::test]
async fn what_is_owed_is_served_for_the_same_purchase_only() {
    let shop = Shop::open().await;
    let mut payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    payment.resource = None;
    shop.facilitator.settle().latch.hold();
    let purchase = start(&shop, &payment);
    shop.facilitator.settle().latch.reached(1).await;
    cut_off(purchase).await;
    shop.facilitator.settle().latch.let_go();
    until(async || shop.books().await == ["settled"]).await;

    let header = payment.header();
    let headers = [("payment-signature", &*header)];
    let other = async |method, path| shop.send(common::request(method, path, &headers)).await;
    for (method, path) in [("GET", "/other"), ("POST", "/goods"), ("GET", "/goods?more")] {
        let answer = other(method, path).await;
        assert_eq!(answer.assert_refused(409).error(), "payment_for_other_resource");
    }
    buy_when_free(&shop, &payment).await.assert_served();
}

#[tokio::test]
async fn copies_of_an_owed_payment_are_served_once() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = start(&shop, &payment);
    shop.facilitator.settle().latch.reached(1).await;
    cut_off(purchase).await;
    shop.facilitator.settle().latch.let_go();
    until(async || shop.books().await == ["settled"]).await;

    let copies = (0..20).map(|_| start(&shop, &payment)).collect::<Vec<_>>();
    let mut served = 0;
    for copy in copies {
        served += usize::from(copy.await.unwrap().status == 200);
    }
    assert_eq!((served, shop.facilitator.settle().calls()), (1, 1));
}

#[tokio::test]
async fn a_handler_that_panics_charges_nothing() {
    let panics = std::sync::atomic::AtomicBool::new(true);
    let shop = Shop::selling(Goods::made(move |_| {
        if panics.swap(false, std::sync::atomic::Ordering::SeqCst) {
            panic!("the handler's mistake");
        }
        http::Response::new(common::MARKER.into())
    }))
    .await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    assert!(start(&shop, &payment).await.unwrap_err().is_panic());
    assert_eq!(shop.facilitator.settle().calls(), 0);

    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test]
async fn a_client_that_goes_during_an_upfront_settlement_is_owed() {
    let shop = Shop::upfront(Goods::default()).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = start(&shop, &payment);
    shop.facilitator.settle().latch.reached(1).await;
    cut_off(purchase).await;
    assert_eq!(shop.goods.runs(), 0);
    shop.facilitator.settle().latch.let_go();
    until(async || shop.books().await == ["settled"]).await;

    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (1, 1));
}

#[tokio::test]
async fn a_client_that_goes_while_the_store_answers_does_not_lose_its_payment() {
    let remote = Remote::default();
    let shop =
        Shop::open_with(Goods::default(), |it| it.store(remote.clone()), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    remote.claims.hold();
    let purchase = start(&shop, &payment);
    remote.claims.reached(1).await;
    cut_off(purchase).await;
    remote.claims.let_go();

    buy_when_free(&shop, &payment).await.assert_served();
}

#[tokio::test]
async fn a_client_that_goes_while_an_owed_payment_is_claimed_is_still_owed() {
    let remote = Remote::default();
    let shop =
        Shop::open_with(Goods::default(), |it| it.store(remote.clone()), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.facilitator.settle().latch.hold();
    let purchase = start(&shop, &payment);
    shop.facilitator.settle().latch.reached(1).await;
    cut_off(purchase).await;
    shop.facilitator.settle().latch.let_go();
    until(async || remote.store.recent(1).await.unwrap()[0].status == Status::Settled).await;

    let already = remote.claims.count();
    remote.claims.hold();
    let purchase = start(&shop, &payment);
    remote.claims.reached(already + 1).await;
    cut_off(purchase).await;
    remote.claims.let_go();

    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!(shop.facilitator.settle().calls(), 1);
}

#[tokio::test]
async fn a_claim_is_given_back_once_and_not_out_of_anothers_hands() {
    let remote = Remote::default();
    let goods = Goods::with_status(404);
    let shop = Shop::open_with(goods, |it| it.store(remote.clone()), |price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    // The first purchase has released its claim, and is cut off before it knows.
    remote.releases.hold();
    let first = start(&shop, &payment);
    remote.releases.reached(1).await;
    // The second has claimed the payment meanwhile.
    shop.goods.latch.hold();
    let second = start(&shop, &payment);
    shop.goods.latch.reached(2).await;
    cut_off(first).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }

    assert_eq!(remote.releases.count(), 1, "the first gives back what is the second's");
    assert_eq!(shop.buy(&payment).await.assert_refused(409).error(), "payment_in_progress");
    remote.releases.let_go();
    shop.goods.latch.let_go();
    assert_eq!(second.await.unwrap().status, 404);
}

#[tokio::test]
async fn a_ticket_that_is_dropped_outside_a_runtime_gives_its_payment_back() {
    let shop = Shop::open().await;
    let gate = shop.paywall.price("$0.01").unwrap().gate().unwrap();
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let Admission::Admit(ticket) = gate.admit(&Head::paying(&payment)).await else {
        panic!("not admitted")
    };
    std::thread::spawn(move || drop(ticket)).join().unwrap();
    // Nothing is charged, and the payment is free again.
    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!((shop.facilitator.settle().calls(), shop.facilitator.moved()), (1, 1));
}

async fn ticket(shop: &Shop, payment: &Payment) -> Box<Ticket> {
    let gate = shop.paywall.price("$0.01").unwrap().gate().unwrap();
    match gate.admit(&Head::paying(payment)).await {
        Admission::Admit(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_settlement_that_is_dropped_outside_a_runtime_is_seen_through() {
    for begun in [false, true] {
        let shop = Shop::open().await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let mut finishing = Box::pin(ticket(&shop, &payment).await.finish(200));
        if begun {
            shop.facilitator.settle().latch.hold();
            tokio::select! {
                _ = &mut finishing => panic!("settled already"),
                () = shop.facilitator.settle().latch.reached(1) => {}
            }
        }
        std::thread::spawn(move || drop(finishing)).join().unwrap();
        shop.facilitator.settle().latch.let_go();
        until(async || shop.books().await == ["settled"]).await;
        buy_when_free(&shop, &payment).await.assert_served();
        assert_eq!((shop.facilitator.settle().calls(), shop.facilitator.moved()), (1, 1));
    }
}

/// Does this on a runtime that is gone when it is done.
fn on_a_runtime_that_stops(work: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work);
    })
    .join()
    .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_runtime_stops_is_seen_through_on_the_paywalls() {
    for (waited_for, taken_up) in [(true, false), (true, true), (false, false), (false, true)] {
        let shop = Shop::open().await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let finishing = ticket(&shop, &payment).await.finish(200);
        let latch = shop.facilitator.settle().latch.clone();
        latch.hold();
        on_a_runtime_that_stops(async move {
            let finishing = tokio::spawn(finishing);
            latch.reached(1).await;
            if !waited_for {
                // Its client has gone: it is in a task of its own.
                finishing.abort();
                assert!(finishing.await.unwrap_err().is_cancelled());
            }
        });
        if taken_up {
            // Its time limit ran by a clock that has stopped: it is not known, and asked for again.
            until(async || shop.books().await == ["unknown"]).await;
        }
        shop.facilitator.settle().latch.let_go();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(shop.books().await, ["settled"]);
        buy_when_free(&shop, &payment).await.assert_served();
        assert_eq!(shop.facilitator.moved(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_asked_for_though_its_runtime_stops() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let finishing = ticket(&shop, &payment).await.finish(200);
    shop.facilitator.settle().then(Say::YesButLost);
    on_a_runtime_that_stops(async move { assert_eq!(finishing.await.unwrap_err().status, 502) });
    assert_eq!(shop.books().await, ["unknown"]);
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(shop.books().await, ["settled"]);
    buy_when_free(&shop, &payment).await.assert_served();
    assert_eq!(shop.facilitator.moved(), 1);
}

#[tokio::test(start_paused = true)]
async fn drained_is_what_was_moved_from_a_runtime_that_stopped_too() {
    let shop = Shop::open().await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let finishing = ticket(&shop, &payment).await.finish(200);
    // It has not begun when its runtime stops.
    on_a_runtime_that_stops(async move { drop(tokio::spawn(finishing)) });
    assert!(shop.paywall.drain(std::time::Duration::from_secs(60)).await);
    assert_eq!(shop.books().await, ["settled"]);
}
