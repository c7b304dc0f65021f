use std::borrow::Cow;

use alloy_primitives::{B256, U256};
use alloy_sol_types::{Eip712Domain, SolStruct};
use serde::Serialize;
use serde::de::DeserializeOwned;
use x402_types::JsonError;
use x402_types::extensions::offer_receipt::{Offer, Receipt};

use crate::TypedData;

mod signed {
    use alloy_sol_types::sol;

    sol! {
        struct Offer {
            uint256 version;
            string resourceUrl;
            string scheme;
            string network;
            string asset;
            string payTo;
            string amount;
            uint256 validUntil;
        }

        struct Receipt {
            uint256 version;
            string network;
            string resourceUrl;
            string payer;
            uint256 issuedAt;
            string transaction;
        }
    }
}

pub(crate) const OFFER_DOMAIN: &str = "x402 offer";
pub(crate) const RECEIPT_DOMAIN: &str = "x402 receipt";

/// What a server signs: an [`Offer`] or a [`Receipt`], and nothing else.
pub trait Statement: Clone + Serialize + DeserializeOwned + Sealed {
    /// As typed data.
    fn typed_data(&self) -> TypedData;

    /// As the canonical text (RFC 8785) that a token holds.
    ///
    /// # Errors
    /// Where a number is over 2^53 - 1.
    fn canonical(&self) -> Result<String, JsonError>;
}

pub trait Sealed: Sized {
    /// With one spelling for what typed data cannot tell apart: nothing for what is not there.
    fn normal(self) -> Self;

    /// With nothing left out, as the official SDKs expect of typed data.
    fn filled(self) -> Self;

    /// How many bytes its texts have.
    fn size(&self) -> usize;
}

impl Statement for Offer {
    fn typed_data(&self) -> TypedData {
        TypedData::Offer { message: self.clone() }
    }

    fn canonical(&self) -> Result<String, JsonError> {
        self.to_canonical()
    }
}

impl Sealed for Offer {
    fn normal(self) -> Self {
        Self { valid_until: self.valid_until.filter(|time| *time != 0), ..self }
    }

    fn filled(self) -> Self {
        Self { valid_until: Some(self.valid_until.unwrap_or_default()), ..self }
    }

    fn size(&self) -> usize {
        let Self { resource_url, scheme, asset, pay_to, .. } = self;
        [resource_url, scheme, asset, pay_to].into_iter().map(String::len).sum()
    }
}

impl Statement for Receipt {
    fn typed_data(&self) -> TypedData {
        TypedData::Receipt { message: self.clone() }
    }

    fn canonical(&self) -> Result<String, JsonError> {
        self.to_canonical()
    }
}

impl Sealed for Receipt {
    fn normal(self) -> Self {
        Self { transaction: self.transaction.filter(|hash| !hash.is_empty()), ..self }
    }

    fn filled(self) -> Self {
        Self { transaction: Some(self.transaction.unwrap_or_default()), ..self }
    }

    fn size(&self) -> usize {
        let Self { resource_url, payer, transaction, .. } = self;
        [resource_url, payer].into_iter().chain(transaction).map(String::len).sum()
    }
}

pub(crate) fn offer_hash(offer: &Offer) -> B256 {
    signed::Offer {
        version: U256::from(offer.version),
        resourceUrl: offer.resource_url.clone(),
        scheme: offer.scheme.clone(),
        network: offer.network.to_string(),
        asset: offer.asset.clone(),
        payTo: offer.pay_to.clone(),
        amount: offer.amount.to_string(),
        validUntil: U256::from(offer.valid_until.unwrap_or_default()),
    }
    .eip712_signing_hash(&domain(OFFER_DOMAIN))
}

pub(crate) fn receipt_hash(receipt: &Receipt) -> B256 {
    signed::Receipt {
        version: U256::from(receipt.version),
        network: receipt.network.to_string(),
        resourceUrl: receipt.resource_url.clone(),
        payer: receipt.payer.clone(),
        issuedAt: U256::from(receipt.issued_at),
        transaction: receipt.transaction.clone().unwrap_or_default(),
    }
    .eip712_signing_hash(&domain(RECEIPT_DOMAIN))
}

/// Of chain 1 wherever the payment is: a server speaks here, and no contract listens.
fn domain(name: &'static str) -> Eip712Domain {
    Eip712Domain {
        name: Some(Cow::Borrowed(name)),
        version: Some(Cow::Borrowed("1")),
        chain_id: Some(U256::from(1)),
        verifying_contract: None,
        salt: None,
    }
}
