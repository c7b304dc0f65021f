//! The core, driven by hand as another HTTP client would.

use serde_json::{Value, json};
use url::Url;
use x402_client::{Challenge, PayError, Payer, Purchase};
use x402_evm::LocalSigner;
use x402_ledger::{MemoryStore, Payments, Status};
use x402_types::scheme::{CheckedPayment, ClientScheme, Draft, Refusal, Signed, Signing};
use x402_types::{Amount, ErrorReason, Network, PaymentRequirements, RawObject, header};

const NOW: u64 = 1_767_225_660;

fn challenge(amount: &str) -> Challenge {
    let terms = json!({
        "x402Version": 2,
        "accepts": [{
            "scheme": "exact", "network": "eip155:84532", "amount": amount,
            "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
            "payTo": "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "maxTimeoutSeconds": 60,
            "extra": {"name": "USDC", "version": "2"},
        }],
    });
    let value = header::encode(&terms).unwrap();
    let headers =
        |name: &str| (name == header::PAYMENT_REQUIRED).then_some(value.as_bytes()).into_iter();
    Challenge::read(402, headers, b"").unwrap().unwrap()
}

fn purchase() -> Purchase {
    Purchase::new("GET", Url::parse("https://shop.test/goods").unwrap())
}

fn no_headers(_: &str) -> std::iter::Empty<&'static [u8]> {
    std::iter::empty()
}

fn payer(books: &MemoryStore) -> Payer {
    let signer = LocalSigner::random().unwrap();
    Payer::builder().signer(signer).ledger(books.clone()).clock(|| NOW).build().unwrap()
}

#[tokio::test]
async fn the_intent_is_in_the_books_before_the_payment_can_be_sent() {
    let books = MemoryStore::new();
    let payment = payer(&books).pay(&challenge("1000"), &purchase()).await.unwrap();
    let lines = books.recent(9).await.unwrap();
    assert_eq!(lines, vec![payment.receipt().payment().clone()]);
    assert_eq!(lines[0].status, Status::Intended);
    assert_eq!(lines[0].purchase, "GET https://shop.test/goods");
    assert_eq!(lines[0].created_at, i64::try_from(NOW).unwrap() * 1000);
    let receipt = payment.conclude(200, no_headers, b"").await.unwrap();
    assert_eq!(receipt.status(), &Status::Unknown);
    assert_eq!(books.recent(9).await.unwrap()[0].status, Status::Unknown);
}

#[tokio::test]
async fn a_payment_dropped_unconcluded_is_handed_out_again() {
    let payer = payer(&MemoryStore::new());
    let first = payer.pay(&challenge("1000"), &purchase()).await.unwrap();
    let value = first.header_value().to_owned();
    drop(first);
    // A clone of the payer knows as much.
    let again = payer.clone().pay(&challenge("1000"), &purchase()).await.unwrap();
    assert_eq!(again.header_value(), value);
    again.conclude(200, no_headers, b"").await.unwrap();
    let next = payer.pay(&challenge("1000"), &purchase()).await.unwrap();
    assert_ne!(next.header_value(), value);
}

#[tokio::test]
async fn another_method_is_another_purchase() {
    let payer = payer(&MemoryStore::new());
    let lost = payer.pay(&challenge("1000"), &purchase()).await.unwrap().lost("cut off").await;
    assert_eq!(lost.source.to_string(), "cut off");
    let url = purchase().url().clone();
    let post = payer.pay(&challenge("2000"), &Purchase::new("POST", url)).await.unwrap();
    drop(post);
    let error = payer.pay(&challenge("2000"), &purchase()).await.unwrap_err();
    assert!(matches!(error, PayError::Unresolved { key, .. } if key == lost.key));
}

#[tokio::test]
async fn a_payment_that_is_above_the_limit_by_now_is_not_handed_out_again() {
    let payer = payer(&MemoryStore::new());
    drop(payer.pay(&challenge("1000"), &purchase()).await.unwrap());
    let less = purchase().at_most("$0.0009".parse().unwrap());
    let error = payer.pay(&challenge("1000"), &less).await.unwrap_err();
    assert!(matches!(error, PayError::NoOffer(_)), "{error}");
}

#[tokio::test]
async fn what_is_remembered_is_bounded() {
    let scheme = Greedy { amount: 1, lifetime: 60 };
    let payer = Payer::builder().scheme(scheme).clock(|| NOW).build().unwrap();
    let challenge = challenge("1");
    let at = |number: usize| {
        Purchase::new("GET", Url::parse(&format!("https://shop.test/{number}")).unwrap())
    };
    for number in 0..4096 {
        drop(payer.pay(&challenge, &at(number)).await.unwrap());
    }
    let error = payer.pay(&challenge, &at(4096)).await.unwrap_err();
    assert!(matches!(error, PayError::TooManyUnresolved), "{error}");
    // What is remembered can still be sent, and then there is room.
    let again = payer.pay(&challenge, &at(7)).await.unwrap();
    again.conclude(200, no_headers, b"").await.unwrap();
    assert!(payer.pay(&challenge, &at(4096)).await.is_ok());
}

/// A scheme that draws up what its owner did not agree to.
struct Greedy {
    amount: u64,
    lifetime: u64,
}

struct GreedyDraft(CheckedPayment);

impl ClientScheme for Greedy {
    fn scheme(&self) -> &str {
        "exact"
    }

    fn covers(&self, _: &Network) -> bool {
        true
    }

    fn payer(&self) -> String {
        "0x01".to_owned()
    }

    fn can_pay(&self, _: &PaymentRequirements) -> Result<(), Refusal> {
        Ok(())
    }

    fn draft(
        &self,
        _: &PaymentRequirements,
        _: Option<&RawObject>,
        now: u64,
        _: u64,
    ) -> Result<Box<dyn Draft + '_>, Refusal> {
        Ok(Box::new(GreedyDraft(CheckedPayment {
            payer: self.payer(),
            nonce: "1".to_owned(),
            amount: Amount::from(self.amount),
            valid_before: now + self.lifetime,
        })))
    }
}

impl Draft for GreedyDraft {
    fn payment(&self) -> &CheckedPayment {
        &self.0
    }

    fn sign<'a>(self: Box<Self>) -> Signing<'a>
    where
        Self: 'a,
    {
        Box::pin(async move {
            match self.0.amount == Amount::ZERO {
                true => Err(Refusal::new(ErrorReason::InvalidExactEvmSignature, "no wallet")),
                false => Ok(Signed {
                    payload: RawObject::new(&Value::Object(Default::default())).unwrap(),
                    extensions: None,
                }),
            }
        })
    }
}

#[tokio::test]
async fn a_scheme_is_held_to_the_offer() {
    for (amount, lifetime, sound) in [(1000, 60, true), (1001, 60, false), (1000, 61, false)] {
        let books = MemoryStore::new();
        let scheme = Greedy { amount, lifetime };
        let payer =
            Payer::builder().scheme(scheme).ledger(books.clone()).clock(|| NOW).build().unwrap();
        let paid = payer.pay(&challenge("1000"), &purchase()).await;
        assert_eq!(paid.is_ok(), sound, "{amount} {lifetime}");
        assert_eq!(books.recent(9).await.unwrap().len(), usize::from(sound));
    }
}

#[tokio::test]
async fn a_payment_that_could_not_be_signed_is_not_remembered_as_sent() {
    let books = MemoryStore::new();
    let scheme = Greedy { amount: 0, lifetime: 60 };
    let payer =
        Payer::builder().scheme(scheme).ledger(books.clone()).clock(|| NOW).build().unwrap();
    for _ in 0..2 {
        let error = payer.pay(&challenge("1000"), &purchase()).await.unwrap_err();
        assert!(matches!(error, PayError::Signing(_)), "{error}");
    }
    assert_eq!(books.recent(9).await.unwrap()[0].status, Status::Failed("not sent".to_owned()));
}
