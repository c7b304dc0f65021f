//! Version 1 of the protocol, which many deployed clients still speak.
//!
//! Its terms come as the 402's body, its payment in the `X-PAYMENT` header; networks have names
//! instead of CAIP-2, and the amount is called `maxAmountRequired`.

use serde::{Deserialize, Serialize};

use crate::message::{Version, at_least_one, positive};
use crate::{Amount, Network, NetworkError, RawObject, ResourceInfo, Verbatim};

/// One way to pay: an entry of `accepts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "PaymentRequirementsV1")
)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequirements {
    /// How it is paid, such as `exact`.
    pub scheme: String,
    /// Where it is paid, by name: `base-sepolia`.
    pub network: String,
    /// How much, in atomic units of the asset.
    pub max_amount_required: Amount,
    /// The token's address.
    pub asset: String,
    /// Who is paid.
    pub pay_to: String,
    /// The address that was asked for.
    pub resource: String,
    /// What it is. Untrusted text.
    #[serde(default, deserialize_with = "crate::json::null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub description: String,
    /// The media type of a successful answer.
    #[serde(default, deserialize_with = "crate::json::null_as_default")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub mime_type: String,
    /// What goes in and comes out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<RawObject>,
    /// How long the payer has, in seconds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    #[serde(deserialize_with = "positive")]
    pub max_timeout_seconds: u64,
    /// What the scheme needs besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<RawObject>,
}

/// The terms, as the body of the 402.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "PaymentRequiredV1")
)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequired {
    /// 1.
    pub x402_version: Version<1>,
    /// Why a payment is asked for. Untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The ways to pay, at least one.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    #[serde(deserialize_with = "at_least_one")]
    pub accepts: Vec<Verbatim<PaymentRequirements>>,
}

/// The payment, in the `X-PAYMENT` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "PaymentPayloadV1"))]
#[serde(rename_all = "camelCase")]
pub struct PaymentPayload {
    /// 1.
    pub x402_version: Version<1>,
    /// How it is paid.
    pub scheme: String,
    /// Where it is paid, by name.
    pub network: String,
    /// What the scheme says.
    pub payload: RawObject,
}

/// What a facilitator is asked at `/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "VerifyRequestV1"))]
#[serde(rename_all = "camelCase")]
pub struct VerifyRequest {
    /// 1.
    pub x402_version: Version<1>,
    /// The payment, as the payer wrote it.
    pub payment_payload: Verbatim<PaymentPayload>,
    /// The server's own terms.
    pub payment_requirements: Verbatim<PaymentRequirements>,
}

/// What a facilitator is asked at `/settle`: the same as at `/verify`.
pub type SettleRequest = VerifyRequest;

/// Why terms of version 2 cannot be said in version 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version 1 has no name for the network {0}")]
pub struct NoV1Name(pub Network);

impl PaymentRequirements {
    /// The terms of version 2, said in version 1.
    ///
    /// # Errors
    /// [`NoV1Name`] where version 1 does not know the network.
    pub fn from_v2(
        requirements: &crate::PaymentRequirements,
        resource: &ResourceInfo,
    ) -> Result<Self, NoV1Name> {
        let network =
            requirements.network.v1_name().ok_or_else(|| NoV1Name(requirements.network.clone()))?;
        Ok(Self {
            scheme: requirements.scheme.clone(),
            network: network.to_owned(),
            max_amount_required: requirements.amount,
            asset: requirements.asset.clone(),
            pay_to: requirements.pay_to.clone(),
            resource: resource.url.clone(),
            description: resource.description.clone().unwrap_or_default(),
            mime_type: resource.mime_type.clone().unwrap_or_default(),
            output_schema: None,
            max_timeout_seconds: requirements.max_timeout_seconds,
            extra: requirements.extra.clone(),
        })
    }

    /// These terms, said in version 2.
    ///
    /// # Errors
    /// [`NetworkError`] where the network's name is unknown.
    pub fn to_v2(&self) -> Result<crate::PaymentRequirements, NetworkError> {
        Ok(crate::PaymentRequirements {
            scheme: self.scheme.clone(),
            network: Network::from_v1_name(&self.network)?,
            amount: self.max_amount_required,
            asset: self.asset.clone(),
            pay_to: self.pay_to.clone(),
            max_timeout_seconds: self.max_timeout_seconds,
            extra: self.extra.clone(),
        })
    }

    /// What is for sale, which version 2 tells apart from the terms.
    pub fn resource_info(&self) -> ResourceInfo {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        ResourceInfo {
            description: text(&self.description),
            mime_type: text(&self.mime_type),
            ..ResourceInfo::new(self.resource.clone())
        }
    }
}
