use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use x402_ledger::{Payment, PaymentKey, Status, StoreError};
use x402_types::extensions::{Extensions, merge, offer_receipt};
use x402_types::header::{PAYMENT_LIMIT, PAYMENT_SIGNATURE, X_PAYMENT};
use x402_types::scheme::{Refusal, Signed};
use x402_types::{JsonError, RawObject, header};

use crate::naming::named;
use crate::outstanding::{Before, Doubt, Sent};
use crate::terms::Terms;
use crate::{Challenge, Choice, ChooseError, Payer, Purchase, Receipt};

/// The longest that a payment is good for, in seconds, whatever the seller asks.
const MAX_LIFETIME: u64 = 900;

/// A payment to be sent with the request that was answered 402.
///
/// It must be told what came of it, by [`conclude`](Self::conclude) or [`lost`](Self::lost). Dropped
/// before, it is remembered as a payment that may be at large.
#[must_use = "a payment that is not concluded keeps its purchase from being paid otherwise"]
pub struct SignedPayment {
    pub(crate) payer: Payer,
    pub(crate) sent: Arc<Sent>,
    pub(crate) concluded: bool,
}

/// Why nothing is paid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayError {
    /// No offer is taken.
    #[error(transparent)]
    NoOffer(#[from] ChooseError),
    /// An earlier payment for this purchase may have been taken or may yet be, and cannot be sent
    /// again now: its terms are not offered any more, it is being sent by another request, or it is
    /// about to expire. Where the seller has refused it and offers other terms, both together would
    /// exceed the limit; of several such payments this is the one that ends last.
    #[error(
        "an earlier payment for this purchase may still be taken, until {valid_before} (seconds since 1970), and another is not signed"
    )]
    Unresolved {
        /// The earlier payment.
        key: PaymentKey,
        /// The second since 1970 from which on it cannot be taken.
        valid_before: u64,
    },
    /// Thousands of payments are in doubt.
    #[error("too many payments are in doubt to sign another one")]
    TooManyUnresolved,
    /// The books could not be written, so nothing was signed.
    #[error("the payment could not be written down, so it was not signed")]
    Ledger(#[source] StoreError),
    /// There is no signature.
    #[error("the payment could not be signed")]
    Signing(#[source] Refusal),
    /// The scheme drew up something other than what was agreed. Not signed.
    #[error("the scheme {0:?} drew up a payment other than was offered")]
    Scheme(String),
    /// The seller wants payments to be named, and the system has no randomness for a name.
    #[error("the system has no randomness to name the payment by: {0}")]
    Randomness(String),
    /// The payment cannot be written as a header.
    #[error("the payment cannot be written as a header")]
    Encoding(#[source] JsonError),
    /// Payment and echo need more bytes than servers read.
    #[error("the payment has {0} bytes; servers read {PAYMENT_LIMIT}")]
    TooLong(usize),
}

impl Payer {
    /// Pays for a purchase: chooses an offer, writes the intent down, signs.
    ///
    /// Where an earlier payment for the same purchase may still be at large, and its terms are
    /// offered again, that payment is handed out instead; nothing is signed then.
    ///
    /// Safe to drop: no payment has left then. A remote signer may have signed, and the books may
    /// hold a line that stays [`Status::Intended`].
    ///
    /// # Errors
    /// [`PayError`]; no payment is then at large that was not before.
    pub async fn pay(
        &self,
        challenge: &Challenge,
        purchase: &Purchase,
    ) -> Result<SignedPayment, PayError> {
        let (choices, refused) = self.judge(challenge, purchase);
        let Some(best) = choices.first() else { return Err(ChooseError { refused }.into()) };
        let now = self.now();
        let offered = |terms: &Terms| choices.iter().any(|choice| choice.terms() == *terms);
        let room = |at_large: Vec<&Receipt>| {
            let at_large = at_large.iter().map(|receipt| (receipt.amount(), receipt.asset()));
            let all = at_large.chain([(best.amount(), best.asset())]);
            self.limits(purchase).all(|limit| limit.allows(all.clone()))
        };
        match self.inner.outstanding.before(&purchase.to_string(), now, offered, room) {
            Before::Nothing => self.sign(challenge, purchase, best, now).await,
            Before::SendAgain(sent) => {
                tracing::debug!(payment = %sent.receipt.key(), "an unresolved payment is sent again");
                Ok(SignedPayment { payer: self.clone(), sent, concluded: false })
            }
            Before::Wait { key, valid_before } => Err(PayError::Unresolved { key, valid_before }),
            Before::Full => Err(PayError::TooManyUnresolved),
        }
    }

    async fn sign(
        &self,
        challenge: &Challenge,
        purchase: &Purchase,
        choice: &Choice<'_>,
        now: u64,
    ) -> Result<SignedPayment, PayError> {
        let terms = choice.requirements();
        let lifetime = terms.max_timeout_seconds.min(MAX_LIFETIME);
        let extensions = challenge.extensions.as_ref();
        let draft = choice.scheme.draft(terms, extensions, now, lifetime);
        let draft = draft.map_err(PayError::Signing)?;
        let drawn_up = draft.payment();
        let valid_before = drawn_up.valid_before;
        if drawn_up.amount > terms.amount || valid_before > now.saturating_add(lifetime) {
            return Err(PayError::Scheme(terms.scheme.clone()));
        }
        let at = self.now_in_books();
        let (payer, nonce) = (&drawn_up.payer, &drawn_up.nonce);
        let payment = Payment {
            key: PaymentKey::new(terms.network.clone(), &terms.asset, payer, nonce),
            pay_to: terms.pay_to.clone(),
            amount: drawn_up.amount,
            scheme: terms.scheme.clone(),
            purchase: purchase.to_string(),
            created_at: at,
            updated_at: at,
            status: Status::Intended,
            transaction: None,
        };
        self.inner.ledger.record(payment.clone()).await.map_err(PayError::Ledger)?;
        let signed = match draft.sign().await {
            Ok(signed) => self.header(challenge, choice, &signed),
            Err(refusal) => Err(PayError::Signing(refusal)),
        };
        let (header_name, header_value) = match signed {
            Ok(header) => header,
            Err(error) => {
                self.complete(&payment.key, Status::Failed("not sent".to_owned()), None).await;
                return Err(error);
            }
        };
        let sent = Arc::new(Sent {
            header_name,
            header_value,
            terms: choice.terms(),
            receipt: Receipt {
                payment,
                asset: choice.asset.clone(),
                valid_before,
                settlement: None,
            },
        });
        self.inner.outstanding.about_to_send(sent.clone());
        Ok(SignedPayment { payer: self.clone(), sent, concluded: false })
    }

    fn header(
        &self,
        challenge: &Challenge,
        choice: &Choice<'_>,
        signed: &Signed,
    ) -> Result<(&'static str, String), PayError> {
        let Signed { payload, extensions } = signed;
        if let Some(network) = &choice.offer.v1_network {
            let scheme = &choice.requirements().scheme;
            let message = PayloadV1 { x402_version: 1, scheme, network, payload };
            let value = header::encode(&message).map_err(PayError::Encoding)?;
            return Ok((X_PAYMENT, value));
        }
        let resource = challenge.resource.as_ref().map(|resource| self.echoed(resource));
        let resource = resource.as_ref();
        let declared = challenge.extensions.as_ref().map(without_offers).transpose()?.flatten();
        let declared = declared.as_ref();
        let answers = named(declared, extensions.as_ref())?;
        let answers = answers.as_ref().or(extensions.as_ref());
        let all = match answers {
            Some(answers) => merge(declared, Some(answers)).map_err(PayError::Encoding)?,
            None => declared.cloned(),
        };
        let all = all.as_ref();
        // Echoes may be left out, and a header that is too long is not read at all.
        let mut length = 0;
        for (resource, extensions) in [(resource, all), (resource, answers), (None, answers)] {
            let accepted = &choice.offer.raw;
            let message = PayloadV2 { x402_version: 2, payload, resource, accepted, extensions };
            let value = header::encode(&message).map_err(PayError::Encoding)?;
            if value.len() <= PAYMENT_LIMIT {
                return Ok((PAYMENT_SIGNATURE, value));
            }
            length = value.len();
        }
        Err(PayError::TooLong(length))
    }

    /// The resource as the seller gave it, but for the query of its address.
    fn echoed(&self, resource: &RawObject) -> RawObject {
        let without_query = || {
            let mut members: Map<String, Value> = resource.parse().ok()?;
            let url = members.get("url")?.as_str()?;
            let bare = url.split(['?', '#']).next().filter(|bare| *bare != url)?.to_owned();
            members.insert("url".to_owned(), Value::String(bare));
            RawObject::new(&members).ok()
        };
        let stripped = if self.inner.keep_resource_query { None } else { without_query() };
        stripped.unwrap_or_else(|| resource.clone())
    }

    /// Completes a line of the books. Money has moved or not by then, whatever the store says.
    pub(crate) async fn complete(
        &self,
        key: &PaymentKey,
        status: Status,
        transaction: Option<String>,
    ) {
        let at = self.now_in_books();
        if let Err(error) = self.inner.ledger.complete(key, status, transaction, at).await {
            tracing::warn!(payment = %key, %error, "what came of a payment could not be written down");
        }
    }
}

impl SignedPayment {
    /// The header to send: `PAYMENT-SIGNATURE`, or `X-PAYMENT` in version 1.
    pub fn header_name(&self) -> &'static str {
        self.sent.header_name
    }

    /// Its value. Whoever reads it can take the payment: it goes to the address of the purchase and
    /// nowhere else, into no log and across no redirect.
    pub fn header_value(&self) -> &str {
        &self.sent.header_value
    }

    /// What is paid, as far as it is known before it is sent.
    pub fn receipt(&self) -> &Receipt {
        &self.sent.receipt
    }
}

impl Drop for SignedPayment {
    fn drop(&mut self) {
        if !self.concluded {
            self.payer.inner.outstanding.doubt(&self.sent, Doubt::Unknown);
        }
    }
}

impl fmt::Debug for SignedPayment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedPayment")
            .field("header_name", &self.sent.header_name)
            .field("receipt", &self.sent.receipt)
            .finish_non_exhaustive()
    }
}

/// What is echoed of a seller's extensions: not the offers that it signed. They are long, need no echo,
/// and have the query of the address in them.
fn without_offers(declared: &RawObject) -> Result<Option<RawObject>, PayError> {
    // What is not well formed is not for us to answer; it is echoed as it stands.
    let Ok(mut extensions) = Extensions::read(declared) else { return Ok(Some(declared.clone())) };
    match extensions.remove(offer_receipt::KEY) {
        true => extensions.to_raw().map_err(PayError::Encoding),
        false => Ok(Some(declared.clone())),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadV2<'a> {
    x402_version: u8,
    payload: &'a RawObject,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a RawObject>,
    accepted: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions: Option<&'a RawObject>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadV1<'a> {
    x402_version: u8,
    scheme: &'a str,
    network: &'a str,
    payload: &'a RawObject,
}
