//! Offers and receipts that the seller signs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use alloy_primitives::Address;
use x402_evm::offer_receipt::{Verified, WithKid, verify, verify_offer};
use x402_evm::{LocalSigner, Signature, Signer, SignerError, TypedData};
use x402_server::{OfferReceipts, PaywallBuilder, Price};
use x402_types::extensions::Extensions;
use x402_types::extensions::offer_receipt::{Offer, OfferDeclaration, Receipt, ReceiptDeclaration};
use x402_types::{PaymentRequired, RawObject, SettleResponse};

use crate::common::*;

fn payee() -> LocalSigner {
    LocalSigner::from_bytes(&[77; 32]).unwrap()
}

fn typed() -> OfferReceipts {
    OfferReceipts::eip712(payee())
}

fn token() -> OfferReceipts {
    OfferReceipts::jws(payee())
}

/// A shop whose payee signs.
async fn shop(signed_by: OfferReceipts) -> Shop {
    shop_with(signed_by, Goods::default(), |price| price).await
}

async fn shop_with(
    signed_by: OfferReceipts,
    goods: Goods,
    price: impl FnOnce(Price) -> Price,
) -> Shop {
    Shop::open_with(goods, |builder| signing(builder, signed_by), price).await
}

fn signing(builder: PaywallBuilder, signed_by: OfferReceipts) -> PaywallBuilder {
    builder.pay_to(payee().address()).offer_receipts(signed_by)
}

fn offers(terms: &PaymentRequired) -> Option<OfferDeclaration> {
    Extensions::read(terms.extensions.as_ref()?).unwrap().get().unwrap()
}

/// The signed offers of these terms, each verified against its entry of `accepts`.
fn verified(terms: &PaymentRequired) -> Vec<Verified<Offer>> {
    let offers = offers(terms).expect("signed offers").info.offers;
    assert_eq!(offers.len(), terms.accepts.len());
    let verified = offers.iter().zip(0..).map(|(offer, at)| {
        let (verified, index) = verify_offer(offer, terms, now()).unwrap();
        assert_eq!(index, at);
        verified
    });
    verified.collect()
}

fn signed_receipt(settled: &SettleResponse) -> Option<ReceiptDeclaration> {
    Extensions::read(settled.extensions.as_ref()?).unwrap().get().unwrap()
}

fn verified_receipt(answer: &Answer) -> Verified<Receipt> {
    let declared = signed_receipt(&answer.receipt().unwrap()).expect("a signed receipt");
    verify(&declared.info.receipt).unwrap()
}

/// Signs as it is told to, and counts.
#[derive(Clone)]
struct Counting {
    key: LocalSigner,
    signed: Arc<AtomicUsize>,
    does: Does,
}

#[derive(Clone, Copy, PartialEq)]
enum Does {
    Sign,
    Refuse,
    Hang,
    Panic,
}

impl Counting {
    fn that(does: Does) -> Self {
        Self { key: payee(), signed: Arc::default(), does }
    }

    fn count(&self) -> usize {
        self.signed.load(SeqCst)
    }
}

impl Signer for Counting {
    fn address(&self) -> Address {
        self.key.address()
    }

    async fn sign_typed_data(&self, data: &TypedData) -> Result<Signature, SignerError> {
        self.signed.fetch_add(1, SeqCst);
        match self.does {
            Does::Sign => {
                tokio::task::yield_now().await;
                self.key.sign_typed_data(data).await
            }
            Does::Refuse => Err(SignerError::Refused("not today".into())),
            Does::Hang => std::future::pending().await,
            Does::Panic => panic!("the signer's own mistake"),
        }
    }
}

// Offers

#[tokio::test]
async fn each_way_to_pay_is_offered_signed_by_the_payee() {
    for signed_by in [typed(), token()] {
        let shop = shop_with(signed_by, Goods::default(), |price| {
            price.clone().or(price.upto()).payment_identifier(false)
        })
        .await;
        let answer = shop.send(get("/goods?for=me", &[])).await;
        let terms = answer.assert_refused(402).challenge().unwrap();
        assert_eq!(terms.accepts.len(), 2);
        for offer in verified(&terms) {
            assert_eq!(offer.payload.resource_url, format!("{SITE}/goods?for=me"));
            assert!(offer.is_signed_by(&payee().address().to_string()));
            let left = offer.payload.valid_until.unwrap() - now();
            assert!((149..=300).contains(&left), "{left}");
        }
        let body: PaymentRequired = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body, terms, "the body says the same");
        let extensions = Extensions::read(terms.extensions.as_ref().unwrap()).unwrap();
        assert!(extensions.raw("payment-identifier").is_some(), "others stay");
    }
}

#[tokio::test]
async fn an_offer_is_signed_once_for_its_address_and_its_time() {
    let signer = Counting::that(Does::Sign);
    let shop = shop(OfferReceipts::eip712(signer.clone())).await;
    let asked = (0..20).map(|_| {
        let shop = shop.clone();
        tokio::spawn(async move { verified(&shop.terms("/goods").await) })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
    assert!((1..=2).contains(&signer.count()), "{}: time may have passed", signer.count());
    let before = signer.count();
    shop.terms("/goods?other").await;
    assert!(signer.count() > before, "another address is another offer");
}

#[tokio::test]
async fn an_offer_stands_as_long_as_it_is_told() {
    let shop = shop(typed().offer_validity_seconds(20)).await;
    let left = verified(&shop.terms("/goods").await)[0].payload.valid_until.unwrap() - now();
    assert!((9..=20).contains(&left), "{left}");
}

#[tokio::test]
async fn every_402_has_signed_offers_whatever_it_is_for() {
    let shop = shop(typed()).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let unknown =
        Payment { accepted: payment.accepted.replace("10000", "9999"), ..payment.clone() };
    let answer = shop.buy(&unknown).await;
    answer.assert_challenged("No matching payment requirements");
    verified(&answer.challenge().unwrap());
    let reason = "insufficient_funds".into();
    let failed = SettleResponse::failed(reason, None, "", "eip155:84532");
    shop.facilitator.settle().then(Say::This(failed));
    let answer = shop.buy(&payment).await;
    answer.assert_challenged("insufficient_funds");
    verified(&answer.challenge().unwrap());
}

#[tokio::test]
async fn a_payment_that_echoes_the_offers_is_taken() {
    let shop = shop(token()).await;
    let terms = shop.terms("/goods").await;
    let echoed = terms.extensions.as_ref().map(|raw| raw.as_str().to_owned());
    let payment = Payment { extensions: echoed, ..Payer::number(1).pay(&terms).await };
    shop.buy(&payment).await.assert_served();
}

#[tokio::test]
async fn a_person_gets_the_page_and_a_client_of_version_1_its_terms() {
    let shop = Shop::open_with(
        Goods::default(),
        |builder| signing(builder, typed()).accept_v1(),
        |price| price,
    )
    .await;
    let answer = shop.send(get("/goods", &[])).await;
    assert_eq!(answer.json()["x402Version"], 1);
    verified(&answer.challenge().unwrap());
    let browser = [("accept", "text/html"), ("user-agent", "Mozilla/5.0")];
    let page = shop.send(get("/goods", &browser)).await;
    assert!(page.body.starts_with("<!"), "{}", page.body);
    verified(&page.challenge().unwrap());
}

#[tokio::test]
async fn offers_for_which_there_is_no_room_are_left_out() {
    let shop = shop_with(token(), Goods::default(), |price| {
        price.clone().or(price.clone().upto()).or(price.permit2())
    })
    .await;
    let long = format!("/goods?{}", "x".repeat(1900));
    let answer = shop.send(get(&long, &[])).await;
    let terms = answer.assert_refused(402).challenge().unwrap();
    assert!(offers(&terms).is_none());
    let shorter = shop.terms(&format!("/goods?{}", "x".repeat(300))).await;
    verified(&shorter);
}

// Receipts

#[tokio::test]
async fn what_is_paid_and_served_brings_a_signed_receipt() {
    for signed_by in [typed(), token()] {
        let shop = shop(signed_by).await;
        let terms = shop.terms("/goods").await;
        let offer = verified(&terms).remove(0).payload;
        let payer = Payer::number(1);
        let answer = shop.buy(&payer.pay(&terms).await).await;
        let receipt = verified_receipt(answer.assert_served());
        receipt.check(&offer, &payer.address(), now()).unwrap();
        assert!(receipt.is_signed_by(&terms.accepts[0].pay_to));
        assert_eq!(receipt.payload.transaction, None, "unless the seller says so");
    }
}

#[tokio::test]
async fn the_transaction_is_told_where_the_seller_says_so() {
    for signed_by in [typed(), token()] {
        let shop = shop(signed_by.include_transaction()).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let answer = shop.buy(&payment).await;
        let transaction = answer.receipt().unwrap().transaction;
        assert_eq!(verified_receipt(&answer).payload.transaction, Some(transaction));
    }
}

#[tokio::test]
async fn a_client_of_version_1_gets_a_receipt_of_the_network_by_its_full_name() {
    let shop = Shop::open_with(
        Goods::default(),
        |builder| signing(builder, typed()).accept_v1(),
        |price| price,
    )
    .await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let answer = shop.send(get("/goods", &[("x-payment", &payment.v1_header())])).await;
    let declared = signed_receipt(&answer.assert_served().v1_receipt().unwrap()).unwrap();
    let receipt = verify(&declared.info.receipt).unwrap();
    assert_eq!(receipt.payload.network.as_str(), "eip155:84532");
}

#[tokio::test]
async fn nothing_is_signed_for_what_is_not_settled_or_not_served() {
    let signer = Counting::that(Does::Sign);
    for upfront in [false, true] {
        let receipts = OfferReceipts::eip712(signer.clone());
        let with = |price: Price| if upfront { price.upfront() } else { price };
        let shop = shop_with(receipts, Goods::with_status(500), with).await;
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let before = signer.count();
        let answer = shop.buy(&payment).await;
        assert_eq!(answer.status, 500);
        assert_eq!(answer.receipt().and_then(|settled| signed_receipt(&settled)), None);
        assert_eq!(signer.count(), before);
    }
}

#[tokio::test]
async fn a_named_payment_that_is_sent_again_gets_the_receipt_that_it_got() {
    let signer = Counting::that(Does::Sign);
    let receipts = OfferReceipts::eip712(signer.clone());
    let shop = shop_with(receipts, Goods::default(), |price| price.payment_identifier(true)).await;
    let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
    let named = r#"{"payment-identifier":{"info":{"required":true,"id":"pay_0123456789abcdef"}}}"#;
    let payment = Payment { extensions: Some(named.to_owned()), ..payment };
    let first = shop.buy(&payment).await;
    verified_receipt(first.assert_served());
    let before = signer.count();
    let again = shop.buy(&payment).await;
    assert_eq!(again.header("payment-response"), first.header("payment-response"));
    assert_eq!(signer.count(), before);
}

#[tokio::test]
async fn what_the_facilitator_adds_makes_room_for_the_signed_receipt() {
    let shop = shop(typed()).await;
    for (padding, stays) in [(10, true), (60_000, false)] {
        let payment = Payer::number(1).pay(&shop.terms("/goods").await).await;
        let theirs = serde_json::json!({ "theirs": "x".repeat(padding), "offer-receipt": {} });
        let theirs = RawObject::new(&theirs).unwrap();
        let payer = Payer::number(1).address();
        let settled = SettleResponse {
            extensions: Some(theirs.clone()),
            ..SettleResponse::settled(payer, "0xabc", "eip155:84532")
        };
        shop.facilitator.settle().then(Say::This(settled));
        let answer = shop.buy(&payment).await;
        assert!(answer.header("payment-response").unwrap().len() <= 4096);
        verified_receipt(answer.assert_served());
        let told = answer.receipt().unwrap().extensions.unwrap();
        assert_eq!(told.as_str().contains("theirs"), stays);
    }
}

#[tokio::test]
async fn a_receipt_for_a_long_address_is_told_as_far_as_there_is_room() {
    let payer = Payer::number(1);
    for (signed_by, length, has_receipt) in
        [(typed(), 1500, true), (token(), 1000, true), (token(), 1900, false)]
    {
        let shop = shop(signed_by).await;
        let path = format!("/goods?{}", "x".repeat(length));
        let header = payer.pay(&shop.terms(&path).await).await.header();
        let answer = shop.send(get(&path, &[("payment-signature", &header)])).await;
        let settled = answer.assert_served().receipt().unwrap();
        assert!(answer.header("payment-response").unwrap().len() <= 4096);
        assert_eq!(signed_receipt(&settled).is_some(), has_receipt, "{length}");
    }
}

// Signers that do not sign

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_signing_things_are_sold() {
    for does in [Does::Refuse, Does::Hang, Does::Panic] {
        let signer = Counting::that(does);
        let shop = shop(OfferReceipts::eip712(signer.clone())).await;
        let terms = shop.terms("/goods").await;
        assert!(offers(&terms).is_none());
        let answer = shop.buy(&Payer::number(1).pay(&terms).await).await;
        let settled = answer.assert_served().receipt().unwrap();
        assert!(settled.success);
        assert_eq!(settled.extensions, None);
        assert_eq!(signer.count(), 2, "an offer and a receipt were asked for");
        assert_eq!(shop.facilitator.moved(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_hangs_is_waited_for_once_however_many_offers_there_are() {
    let signer = Counting::that(Does::Hang);
    let several = |price: Price| price.clone().or(price.upto());
    let shop = shop_with(OfferReceipts::eip712(signer.clone()), Goods::default(), several).await;
    let asked = tokio::time::Instant::now();
    assert!(offers(&shop.terms("/goods").await).is_none());
    assert_eq!((asked.elapsed().as_secs(), signer.count()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_addresses_keeps_no_more_than_some_signatures_waiting() {
    let signer = Counting::that(Does::Hang);
    let shop = shop(OfferReceipts::eip712(signer.clone())).await;
    let asked = (0..200).map(|at| {
        let shop = shop.clone();
        tokio::spawn(async move { shop.terms(&format!("/goods?{at}")).await })
    });
    for asked in asked.collect::<Vec<_>>() {
        assert!(offers(&asked.await.unwrap()).is_none());
    }
    assert_eq!(signer.count(), 32);
    // What hangs is given up in the end, and its place is another's.
    tokio::time::sleep(Duration::from_secs(10)).await;
    shop.terms("/goods?more").await;
    assert_eq!(signer.count(), 33);
}

#[tokio::test]
async fn a_key_that_is_not_the_payees_is_told_by_its_own_name() {
    let other = LocalSigner::from_bytes(&[78; 32]).unwrap();
    let kid = "did:web:api.example.com#key-1";
    let shop = shop(OfferReceipts::jws(WithKid::new(other.clone(), kid))).await;
    let terms = shop.terms("/goods").await;
    let offer = &offers(&terms).unwrap().info.offers[0];
    let verified = x402_evm::offer_receipt::verify_by(offer, &(&other).into()).unwrap();
    assert_eq!(verified.kid.as_deref(), Some(kid));
}
