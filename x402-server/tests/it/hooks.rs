//! What a seller does at each step of a payment, and what each step may change.

use std::sync::{Arc, Mutex};

use crate::common::{Goods, Payer, Payment as Sent, Say, Shop, get, until};
use x402_server::{
    Canceled, Entry, Hooks, Payment, Price, Recovery, Refused, RequestInfo, Settling,
};
use x402_types::{Amount, ErrorReason, SettleResponse, VerifyResponse};

/// Notes every step, and says at each what it was told to.
#[derive(Clone)]
struct Told {
    steps: Arc<Mutex<Vec<String>>>,
    on_request: Entry,
    before_verify: Entry,
    after_verify: Entry,
    on_failure: Recovery,
    before_settle: Settling,
    panics_at: &'static str,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            steps: Arc::default(),
            on_request: Entry::GoOn,
            before_verify: Entry::GoOn,
            after_verify: Entry::GoOn,
            on_failure: Recovery::Stand,
            before_settle: Settling::GoOn,
            panics_at: "nowhere",
        }
    }
}

impl Told {
    fn note(&self, step: &str) {
        self.steps.lock().unwrap().push(step.to_owned());
        assert_ne!(self.panics_at, step, "as it was told to");
    }

    fn steps(&self) -> Vec<String> {
        self.steps.lock().unwrap().clone()
    }
}

impl Hooks for Told {
    async fn on_request(&self, request: &RequestInfo) -> Entry {
        assert_eq!(request.path(), "/goods");
        self.note("request");
        self.on_request.clone()
    }

    async fn before_verify(&self, payment: &Payment) -> Entry {
        let bought = (payment.method(), payment.resource_url());
        assert_eq!(bought, ("GET", "https://api.example.com/goods"));
        self.note("before verify");
        self.before_verify.clone()
    }

    async fn after_verify(&self, _: &Payment) -> Entry {
        self.note("after verify");
        self.after_verify.clone()
    }

    async fn on_verify_failure(&self, _: &Payment, reason: &ErrorReason) -> Recovery {
        self.note(&format!("verify failed: {reason}"));
        self.on_failure
    }

    async fn before_settle(&self, _: &Payment, amount: Amount) -> Settling {
        self.note(&format!("before settle: {amount}"));
        self.before_settle.clone()
    }

    async fn after_settle(&self, _: &Payment, receipt: &SettleResponse) {
        assert!(receipt.success);
        self.note("after settle");
    }

    async fn on_settle_failure(&self, _: &Payment, reason: &ErrorReason) -> Recovery {
        self.note(&format!("settle failed: {reason}"));
        self.on_failure
    }

    async fn on_unresolved(&self, _: &Payment, transaction: Option<&str>) {
        self.note(&format!("unresolved: {transaction:?}"));
    }

    async fn on_cancel(&self, _: &Payment, why: Canceled) {
        self.note(&format!("canceled: {why:?}"));
    }
}

async fn open(hooks: &Told, goods: Goods, price: fn(Price) -> Price) -> (Shop, Sent) {
    let plain = Shop::open().await;
    let payment = Payer::number(1).pay(&plain.terms("/goods").await).await;
    let shop = Shop::open_with(goods, |it| it.hooks(hooks.clone()), price).await;
    (shop, payment)
}

fn as_it_is(price: Price) -> Price {
    price
}

fn no() -> Refused {
    Refused::new(451, "embargo", "Not to you.")
}

#[tokio::test]
async fn each_step_of_a_paid_request_is_told_in_order() {
    let hooks = Told::default();
    let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
    shop.buy(&payment).await.assert_served();
    let steps =
        ["request", "before verify", "after verify", "before settle: 10000", "after settle"];
    until(async || hooks.steps() == steps).await;
}

#[tokio::test]
async fn a_request_without_a_payment_is_told_and_still_asked_to_pay() {
    let hooks = Told::default();
    let (shop, _) = open(&hooks, Goods::default(), as_it_is).await;
    shop.send(get("/goods", &[])).await.assert_refused(402);
    assert_eq!(hooks.steps(), ["request"]);
}

#[tokio::test]
async fn every_entry_can_give_away_and_then_nothing_is_charged() {
    let gives: [fn(&mut Told); 3] = [
        |it| it.on_request = Entry::GiveAway,
        |it| it.before_verify = Entry::GiveAway,
        |it| it.after_verify = Entry::GiveAway,
    ];
    for give in gives {
        let mut hooks = Told::default();
        give(&mut hooks);
        let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
        let answer = shop.buy(&payment).await;
        answer.assert_served();
        assert!(answer.receipt().is_none());
        assert_eq!(shop.facilitator.moved(), 0);
        // The payment was not touched: it is given away once more.
        shop.buy(&payment).await.assert_served();
        assert!(shop.books().await.is_empty());
    }
}

#[tokio::test]
async fn every_entry_can_refuse_and_then_the_payment_is_unused() {
    let refuses: [fn(&mut Told); 3] = [
        |it| it.on_request = Entry::Refuse(no()),
        |it| it.before_verify = Entry::Refuse(no()),
        |it| it.after_verify = Entry::Refuse(no()),
    ];
    for refuse in refuses {
        let mut hooks = Told::default();
        refuse(&mut hooks);
        let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
        for _ in 0..2 {
            let answer = shop.buy(&payment).await;
            answer.assert_refused(451);
            assert_eq!(answer.error(), "embargo");
        }
        assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (0, 0));
    }
}

#[tokio::test]
async fn before_settlement_the_goods_can_be_given_away_or_withheld() {
    let hooks = Told { before_settle: Settling::GiveAway, ..Told::default() };
    let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
    assert!(shop.buy(&payment).await.assert_served().receipt().is_none());
    assert_eq!((shop.facilitator.moved(), shop.books().await.len()), (0, 0));

    for upfront in [false, true] {
        let hooks = Told { before_settle: Settling::Withhold(no()), ..Told::default() };
        let price = if upfront { Price::upfront } else { as_it_is };
        let plain = Shop::open_with(Goods::default(), |it| it, price).await;
        let payment = Payer::number(1).pay(&plain.terms("/goods").await).await;
        let (shop, _) = open(&hooks, Goods::default(), price).await;
        shop.buy(&payment).await.assert_refused(451);
        assert_eq!((shop.facilitator.moved(), shop.books().await.len()), (0, 0));
    }
}

#[tokio::test]
async fn a_seller_can_serve_what_could_not_be_verified_or_settled() {
    let failed = SettleResponse::failed(ErrorReason::InsufficientFunds, None, "", "eip155:84532");
    for recovery in [Recovery::GiveAway, Recovery::Stand] {
        let hooks = Told { on_failure: recovery, ..Told::default() };
        let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
        let invalid = VerifyResponse::invalid(ErrorReason::InsufficientFunds, None);
        shop.facilitator.verify().then(Say::This(invalid));
        let answer = shop.buy(&payment).await;
        shop.facilitator.settle().then(Say::This(failed.clone()));
        let again = shop.buy(&payment).await;
        for answer in [answer, again] {
            match recovery {
                Recovery::GiveAway => answer.assert_served(),
                Recovery::Stand => answer.assert_refused(402),
            };
        }
        assert_eq!(shop.facilitator.moved(), 0);
        let steps = hooks.steps();
        assert!(steps.contains(&"verify failed: insufficient_funds".to_owned()), "{steps:?}");
        assert!(steps.contains(&"settle failed: insufficient_funds".to_owned()), "{steps:?}");
    }
}

#[tokio::test]
async fn what_is_not_known_cannot_be_recovered_from() {
    let hooks = Told { on_failure: Recovery::GiveAway, ..Told::default() };
    let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
    shop.facilitator.settle().always(Say::Lost);
    shop.buy(&payment).await.assert_refused(502);
    until(async || hooks.steps().last().unwrap() == "unresolved: None").await;
}

#[tokio::test]
async fn a_handler_that_fails_and_a_client_that_leaves_are_told() {
    let hooks = Told::default();
    let (shop, payment) = open(&hooks, Goods::with_status(500), as_it_is).await;
    assert_eq!(shop.buy(&payment).await.status, 500);
    until(async || hooks.steps().contains(&"canceled: Answered { status: 500 }".to_owned())).await;

    let hooks = Told::default();
    let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
    shop.goods.latch.hold();
    tokio::select! {
        _ = shop.buy(&payment) => panic!("served"),
        () = shop.goods.latch.reached(1) => {}
    }
    until(async || hooks.steps().contains(&"canceled: Dropped".to_owned())).await;
    assert_eq!(shop.facilitator.moved(), 0);
}

#[tokio::test]
async fn a_hook_that_panics_serves_nobody_and_loses_nothing() {
    for (step, moved) in [
        ("request", 0),
        ("before verify", 0),
        ("after verify", 0),
        ("before settle: 10000", 0),
        ("after settle", 1),
    ] {
        let hooks = Told { panics_at: step, ..Told::default() };
        let (shop, payment) = open(&hooks, Goods::default(), as_it_is).await;
        let answer = shop.buy(&payment).await;
        assert_eq!(shop.facilitator.moved(), moved, "{step}");
        if moved == 0 {
            answer.assert_refused(500);
        } else {
            assert!(answer.assert_served().receipt().is_some());
        }
    }
}

#[tokio::test]
async fn several_hooks_are_told_each_step_in_their_order_until_one_decides() {
    let (first, second) = (Told::default(), Told::default());
    let (one, two) = (first.clone(), second.clone());
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(one).hooks(two), |it| it).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();
    until(async || second.steps().contains(&"after settle".to_owned())).await;
    assert_eq!(first.steps(), second.steps());

    let (first, second) =
        (Told { after_verify: Entry::GiveAway, ..Told::default() }, Told::default());
    let (one, two) = (first.clone(), second.clone());
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(one).hooks(two), |it| it).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    assert!(shop.buy(&payment).await.receipt().is_none());
    assert!(first.steps().contains(&"after verify".to_owned()), "{:?}", first.steps());
    assert!(!second.steps().contains(&"after verify".to_owned()), "{:?}", second.steps());
}

/// Hooks that are plain functions, and panic before there is anything to wait for.
struct Sudden;

impl Hooks for Sudden {
    fn after_settle(&self, _: &Payment, _: &SettleResponse) -> impl Future<Output = ()> + Send {
        assert!(std::env::args().count() == 0, "at once");
        async {}
    }
}

/// Tells somebody who never answers.
struct Slow;

impl Hooks for Slow {
    async fn after_settle(&self, _: &Payment, _: &SettleResponse) {
        std::future::pending::<()>().await;
    }

    async fn on_unresolved(&self, _: &Payment, _: Option<&str>) {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn who_is_told_of_a_settlement_is_not_waited_for() {
    let shop = Shop::open_with(Goods::default(), |it| it.hooks(Slow), as_it_is).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_served();

    shop.facilitator.settle().always(Say::Lost);
    let payment = Payer::number(2).pay(&shop.terms("/goods").await).await;
    shop.buy(&payment).await.assert_refused(502);
}

#[tokio::test]
async fn a_hook_that_panics_when_it_is_called_keeps_nobody_from_what_is_paid() {
    for price in [(|price| price) as fn(Price) -> Price, Price::upfront] {
        let shop = Shop::open_with(Goods::default(), |it| it.hooks(Sudden), price).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        shop.buy(&payment).await.assert_served();
        assert_eq!((shop.goods.runs(), shop.facilitator.moved()), (1, 1));
    }
}
