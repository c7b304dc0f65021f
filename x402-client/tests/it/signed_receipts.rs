//! Receipts that the seller signed, for this payment or something else.

use serde_json::{Value, json};
use x402_client::{Receipt, ReceiptExt, SignedReceiptError};
use x402_evm::LocalSigner;
use x402_evm::offer_receipt::{PublicKey, ReceiptError, WithKid, sign_jws, sign_typed};
use x402_ledger::Status;
use x402_types::extensions::offer_receipt::{Receipt as Signed, Signed as Envelope};
use x402_types::header;

use crate::common::{
    Buyer, Call, NOW, PAY_TO, Reply, Seller, TRANSACTION, challenge, offer, reply, settled, terms,
};

/// The key of [`PAY_TO`].
fn payee() -> LocalSigner {
    let key = "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
    LocalSigner::from_hex(key).unwrap()
}

/// Somebody else's.
fn stranger() -> LocalSigner {
    LocalSigner::from_bytes(&[9; 32]).unwrap()
}

/// What the payer of this call is given a receipt of, by an honest seller.
fn receipt(call: &Call) -> Signed {
    let host = call.headers["host"].to_str().unwrap();
    Signed {
        version: 1,
        network: "eip155:84532".parse().unwrap(),
        resource_url: format!("http://{host}{}", call.uri),
        payer: call.paid()["payload"]["authorization"]["from"].as_str().unwrap().to_owned(),
        issued_at: NOW,
        transaction: None,
    }
}

fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

fn typed(signer: &LocalSigner, receipt: Signed) -> Value {
    envelope(&block_on(sign_typed(signer, receipt)).unwrap())
}

fn envelope(signed: &Envelope<Signed>) -> Value {
    json!({"offer-receipt": {"info": {"receipt": signed}}})
}

/// What a buyer has in the end from a seller that says this beside the settlement.
async fn bought(extensions: impl Fn(&Call) -> Value + Send + Sync + 'static) -> Receipt {
    let seller = Seller::start(move |call| match call.payment() {
        None => challenge(&terms(&[offer("1000")])),
        Some(_) => served_with(call, &extensions(call)),
    })
    .await;
    let answer = Buyer::new().get(&seller.url("/goods?for=me")).await.unwrap();
    assert_eq!(answer.status(), 200);
    let receipt = answer.receipt().unwrap().clone();
    assert_eq!(answer.text().await.unwrap(), "the goods");
    assert_eq!(receipt.status(), &Status::Settled, "whatever is signed");
    receipt
}

fn served_with(call: &Call, extensions: &Value) -> Reply {
    let mut settled = settled(&call.paid()["payload"]["authorization"]["from"]);
    settled["extensions"] = extensions.clone();
    reply(200)
        .header("PAYMENT-RESPONSE", header::encode(&settled).unwrap())
        .body("the goods".into())
        .unwrap()
}

async fn refused(
    extensions: impl Fn(&Call) -> Value + Send + Sync + 'static,
) -> SignedReceiptError {
    bought(extensions).await.signed_receipt().expect("a receipt").unwrap_err()
}

#[tokio::test]
async fn a_receipt_that_the_payee_signed_is_given_to_the_buyer() {
    let receipts = [
        bought(|call| typed(&payee(), receipt(call))).await,
        bought(|call| envelope(&block_on(sign_jws(&payee(), &receipt(call))).unwrap())).await,
        bought(|call| {
            let transaction = Some(TRANSACTION.to_owned());
            typed(&payee(), Signed { transaction, ..receipt(call) })
        })
        .await,
    ];
    for receipt in receipts {
        let signed = receipt.signed_receipt().unwrap().unwrap();
        assert_eq!(format!("GET {}", signed.resource_url), receipt.purchase());
        assert!(signed.payer.eq_ignore_ascii_case(receipt.payer()));
        assert_eq!(signed.issued_at, NOW);
        assert_eq!(receipt.pay_to(), PAY_TO);
    }
}

#[tokio::test]
async fn without_one_there_is_none() {
    for extensions in [Value::Null, json!({}), json!({"other": {}}), json!({"offer-receipt": null})]
    {
        let receipt = bought(move |_| extensions.clone()).await;
        assert!(receipt.signed_receipt().is_none());
    }
}

#[tokio::test]
async fn what_somebody_else_signed_is_told_to_be_that() {
    let error = refused(|call| typed(&stranger(), receipt(call))).await;
    assert!(matches!(error, SignedReceiptError::NotThePayee { kid: None }), "{error}");
    let kid = "did:web:shop.test#key-1";
    let by_token = |call: &Call| {
        let signer = WithKid::new(stranger(), PublicKey::from(&stranger()).to_did_key());
        envelope(&block_on(sign_jws(&signer, &receipt(call))).unwrap())
    };
    let error = refused(by_token).await;
    assert!(matches!(error, SignedReceiptError::NotThePayee { kid: Some(_) }), "{error}");
    let elsewhere = bought(move |call| {
        envelope(&block_on(sign_jws(&WithKid::new(stranger(), kid), &receipt(call))).unwrap())
    })
    .await;
    let error = elsewhere.signed_receipt().unwrap().unwrap_err();
    assert!(matches!(error, SignedReceiptError::Signature(_)), "nobody looks it up: {error}");
    let known = elsewhere.signed_receipt_by(&PublicKey::from(&stranger())).unwrap();
    assert_eq!(known.unwrap().issued_at, NOW);
    let other = elsewhere.signed_receipt_by(&PublicKey::from(&payee())).unwrap().unwrap_err();
    assert!(matches!(other, SignedReceiptError::Signature(_)), "{other}");
}

#[tokio::test]
async fn a_receipt_for_something_else_is_told_to_be_that() {
    type Change = fn(&mut Signed);
    let cases: [(Change, &str); 8] = [
        (|it| it.version = 2, "version"),
        (|it| it.network = "eip155:8453".parse().unwrap(), "network"),
        (|it| it.resource_url = "http://shop.test/goods".to_owned(), "resourceUrl"),
        (|it| it.resource_url.push('x'), "resourceUrl"),
        (|it| it.payer = PAY_TO.to_owned(), "payer"),
        (|it| it.issued_at = NOW - 3601, "hour"),
        (|it| it.issued_at = NOW + 61, "future"),
        (|it| it.transaction = Some("0xabc".to_owned()), "transaction"),
    ];
    for (change, what) in cases {
        let error = refused(move |call| {
            let mut receipt = receipt(call);
            change(&mut receipt);
            typed(&payee(), receipt)
        })
        .await;
        assert!(error.to_string().contains(what), "{what}: {error}");
        let known = matches!(error, SignedReceiptError::Other(_) | SignedReceiptError::Transaction);
        assert!(known, "{error:?}");
    }
    let error = refused(|call| typed(&payee(), Signed { version: 7, ..receipt(call) })).await;
    assert!(matches!(error, SignedReceiptError::Other(ReceiptError::Version(7))));
}

#[tokio::test]
async fn what_is_no_receipt_is_told_to_be_none() {
    for junk in [
        json!({}),
        json!({"info": {}}),
        json!({"info": {"receipt": {"format": "jws"}}}),
        json!({"info": {"receipt": {"format": "eip712", "signature": "0x"}}}),
        json!({"info": {"receipt": {"format": "jws", "signature": "a.b.c"}}}),
        json!({"info": {"receipt": {"format": "jws", "signature": "x".repeat(20_000)}}}),
        json!("junk"),
    ] {
        let error = refused(move |_| json!({"offer-receipt": junk})).await;
        let known =
            matches!(error, SignedReceiptError::Malformed(_) | SignedReceiptError::Signature(_));
        assert!(known, "{error:?}");
    }
}

#[tokio::test]
async fn the_sellers_signed_offers_are_not_sent_back() {
    let mut offered = terms(&[offer("1000")]);
    let signed = json!({"info": {"offers": [{"format": "jws", "signature": "a.b.c"}]}});
    offered["extensions"] = json!({"offer-receipt": signed, "other": {"info": {"kept": true}}});
    let seller = Seller::honest(offered.clone()).await;
    Buyer::new().get(&seller.url("/goods")).await.unwrap();
    let paid = seller.paid_calls()[0].paid();
    assert_eq!(paid["extensions"], json!({"other": {"info": {"kept": true}}}));
    offered["extensions"] = json!({"offer-receipt": signed});
    let seller = Seller::honest(offered).await;
    Buyer::new().get(&seller.url("/goods")).await.unwrap();
    assert_eq!(seller.paid_calls()[0].paid().get("extensions"), None);
}
