use serde_json::json;
use x402_evm::eip3009::Authorization;
use x402_evm::{EXACT, ExactEvmPayer, ExactTerms, LocalSigner, Signer, TypedData, UptoEvmPayer};
use x402_types::scheme::ClientScheme;
use x402_types::{Amount, PaymentRequired, PaymentRequirements, Verbatim, header};

use super::now;

/// One who has a key, and money as far as the facilitator says so.
pub struct Payer {
    signer: LocalSigner,
    exact: ExactEvmPayer<LocalSigner>,
    upto: UptoEvmPayer<LocalSigner>,
}

/// A payment, in the parts of its JSON.
#[derive(Clone)]
pub struct Payment {
    pub resource: Option<String>,
    pub accepted: String,
    pub payload: String,
    pub extensions: Option<String>,
}

impl Payer {
    /// The payer of this number. The same number, the same account.
    pub fn number(number: u8) -> Self {
        let signer = LocalSigner::from_bytes(&[number; 32]).unwrap();
        let (exact, upto) = (ExactEvmPayer::new(signer.clone()), UptoEvmPayer::new(signer.clone()));
        Self { signer, exact, upto }
    }

    pub fn address(&self) -> String {
        self.signer.address().to_string().to_lowercase()
    }

    /// Pays what is asked first.
    pub async fn pay(&self, terms: &PaymentRequired) -> Payment {
        self.pay_offer(terms, &terms.accepts[0]).await
    }

    pub async fn pay_offer(
        &self,
        terms: &PaymentRequired,
        offer: &Verbatim<PaymentRequirements>,
    ) -> Payment {
        self.pay_offer_at(now(), terms, offer).await
    }

    /// Pays as of this second.
    pub async fn pay_offer_at(
        &self,
        now: u64,
        terms: &PaymentRequired,
        offer: &Verbatim<PaymentRequirements>,
    ) -> Payment {
        let scheme: &dyn ClientScheme =
            if offer.scheme == EXACT { &self.exact } else { &self.upto };
        let draft = scheme.draft(offer, None, now, offer.max_timeout_seconds).unwrap();
        let payload = draft.sign().await.unwrap().payload;
        Payment {
            resource: Some(serde_json::to_string(&terms.resource).unwrap()),
            accepted: offer.as_str().to_owned(),
            payload: payload.as_str().to_owned(),
            extensions: None,
        }
    }

    /// Pays something else than is asked, soundly signed.
    pub async fn pay_otherwise(
        &self,
        terms: &PaymentRequired,
        change: impl FnOnce(&mut Authorization),
    ) -> Payment {
        let offer = &terms.accepts[0];
        let exact = ExactTerms::new(offer).unwrap();
        // The nonce of an honest payment: there is no other use for the rest of it.
        let honest = self.pay(terms).await;
        let honest: serde_json::Value = serde_json::from_str(&honest.payload).unwrap();
        let mut message: Authorization =
            serde_json::from_value(honest["authorization"].clone()).unwrap();
        change(&mut message);
        let domain = exact.domain().clone();
        let data = TypedData::TransferWithAuthorization { domain, message: message.clone() };
        let signature = self.signer.sign_typed_data(&data).await.unwrap();
        let payload = json!({ "signature": signature.to_string(), "authorization": message });
        Payment {
            resource: Some(serde_json::to_string(&terms.resource).unwrap()),
            accepted: offer.as_str().to_owned(),
            payload: payload.to_string(),
            extensions: None,
        }
    }

    /// Pays so that it can be settled until this second only.
    pub async fn pay_until(&self, terms: &PaymentRequired, valid_before: u64) -> Payment {
        self.pay_otherwise(terms, |authorization| {
            authorization.valid_before = Amount::from(valid_before);
        })
        .await
    }
}

impl Payment {
    pub fn text(&self) -> String {
        let Self { resource, accepted, payload, extensions } = self;
        let resource = resource.as_ref().map_or(String::new(), |it| format!(r#""resource":{it},"#));
        let extensions =
            extensions.as_ref().map_or(String::new(), |it| format!(r#","extensions":{it}"#));
        format!(
            r#"{{"x402Version":2,{resource}"accepted":{accepted},"payload":{payload}{extensions}}}"#
        )
    }

    pub fn header(&self) -> String {
        header::encode_json(self.text().as_bytes())
    }

    /// The same payment, as a client of version 1 sends it.
    pub fn v1_text(&self) -> String {
        let payload = &self.payload;
        format!(
            r#"{{"x402Version":1,"scheme":"exact","network":"base-sepolia","payload":{payload}}}"#
        )
    }

    pub fn v1_header(&self) -> String {
        header::encode_json(self.v1_text().as_bytes())
    }

    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    /// The same payment, with this in the place of its signature.
    pub fn with_signature(mut self, signature: &str) -> Self {
        self.payload = self.payload.replace(&self.signature(), signature);
        self
    }

    pub fn signature(&self) -> String {
        let payload: serde_json::Value = serde_json::from_str(&self.payload).unwrap();
        payload["signature"].as_str().unwrap().to_owned()
    }

    pub fn nonce(&self) -> String {
        let payload: serde_json::Value = serde_json::from_str(&self.payload).unwrap();
        payload["authorization"]["nonce"].as_str().unwrap().to_owned()
    }
}
