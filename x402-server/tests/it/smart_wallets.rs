//! Payers that are contracts: only their chain can tell whether they have signed.

use crate::common::{Goods, Payer, Say, Shop};
use x402_server::{PaywallBuilder, Price};
use x402_types::{ErrorReason, VerifyResponse};

const METHODS: [fn(Price) -> Price; 3] = [|price| price, Price::permit2, Price::upto];

/// Signatures that are no key's.
fn foreign() -> [String; 4] {
    [
        format!("0x{}", "ab".repeat(65)),
        "0x01".to_owned(),
        // One that tells how the wallet is deployed.
        format!("0x{}{}", "12".repeat(900), "6492".repeat(16)),
        format!("0x{}", "aB".repeat(4096)),
    ]
}

async fn open(change: fn(Price) -> Price) -> Shop {
    // The longest signature needs more than the usual header.
    let settings = |it: PaywallBuilder| it.accept_smart_wallets().header_limit(32 * 1024);
    Shop::open_with(Goods::default(), settings, change).await
}

#[tokio::test]
async fn a_signature_that_is_no_keys_is_refused_unless_smart_wallets_are_accepted() {
    for change in METHODS {
        let settings = |it: PaywallBuilder| it.header_limit(32 * 1024);
        let strict = Shop::open_with(Goods::default(), settings, change).await;
        let payment = Payer::number(1).pay(&strict.terms("/goods").await).await;
        for signature in foreign() {
            let answer = strict.buy(&payment.clone().with_signature(&signature)).await;
            answer.assert_refused(402);
        }
        assert_eq!((strict.goods.runs(), strict.facilitator.calls()), (0, 0));

        let shop = open(change).await;
        for signature in foreign() {
            let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
            let payment = payment.with_signature(&signature);
            shop.buy(&payment).await.assert_served();
            assert!(shop.facilitator.asked().last().unwrap().1.contains(&signature));
            shop.buy(&payment).await.assert_refused(409);
        }
    }
}

#[tokio::test]
async fn a_key_pays_where_smart_wallets_are_accepted() {
    for change in METHODS {
        let shop = open(change).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        shop.buy(&payment).await.assert_served();
    }
}

#[tokio::test]
async fn what_is_no_signature_by_its_shape_is_refused_all_the_same() {
    for change in METHODS {
        let shop = open(change).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let long = format!("0x{}", "ab".repeat(4097));
        for signature in ["", "0x", "0x0", "0xabc", "abcd", "0xzz", "0X01", &long] {
            let answer = shop.buy(&payment.clone().with_signature(signature)).await;
            answer.assert_refused(402);
        }
        assert_eq!((shop.goods.runs(), shop.facilitator.calls()), (0, 0));
    }
}

#[tokio::test]
async fn whom_the_chain_does_not_know_the_facilitator_refuses_and_nothing_is_served() {
    let shop = open(|price| price).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let payment = payment.with_signature("0x1234");
    let reason = ErrorReason::InvalidExactEvmSignature;
    shop.facilitator.verify().then(Say::This(VerifyResponse::invalid(reason, None)));
    shop.buy(&payment).await.assert_challenged("invalid_exact_evm_signature");
    assert_eq!((shop.goods.runs(), shop.facilitator.settle().calls()), (0, 0));
}

#[tokio::test]
async fn the_terms_are_checked_offline_whoever_signs() {
    let shop = open(|price| price).await;
    let terms = shop.terms("/goods").await;
    let payment = Payer::number(1)
        .pay_otherwise(&terms, |it| {
            it.to = "0x1111111111111111111111111111111111111111".parse().unwrap();
        })
        .await;
    shop.buy(&payment).await.assert_challenged("invalid_exact_evm_recipient_mismatch");
    assert_eq!(shop.facilitator.calls(), 0);
}
