use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::time::Instant;
use tracing::Instrument;
use x402_evm::{EXACT, UPTO};
use x402_ledger::dynamic::DynPayments;
use x402_types::extensions::{builder_code, eip2612_gas_sponsoring, erc20_approval_gas_sponsoring};
use x402_types::facilitator::{Answer, Facilitator, Request};
use x402_types::scheme::Refusal;
use x402_types::{
    ErrorReason, RawObject, SettleResponse, SupportedKind, SupportedResponse, VerifyResponse,
};

use crate::attribution::BuilderCodes;
use crate::builder::{Chains, FacilitatorBuilder};
use crate::health::{Health, HealthCheck};
use crate::order::{Operation, Order, Refused, network_label};
use crate::payment::Proof;
use crate::settle::{OTHER_AMOUNT, Work};
use crate::settlements::{Awaited, Claim, Outcome, Progress, Settlements};
use crate::verify;
use crate::{Endpoint, Unavailable};

/// Verifies payments of the schemes `exact`, by EIP-3009 and by Permit2, and `upto`, and settles them
/// on EVM chains.
///
/// Use it in process through [`Facilitator`], or over HTTP through [`router`](Self::router). Clones
/// are handles of the same facilitator.
///
/// A settlement runs in a task of its own: where the caller goes away it goes on, and asking again
/// for the same payment joins it. Nothing is ever sent twice for one payment but the same
/// transaction, or its replacement with the same nonce.
#[derive(Clone)]
pub struct EvmFacilitator {
    inner: Arc<Inner>,
}

struct Inner {
    chains: Chains,
    payments: Arc<dyn DynPayments>,
    settlements: Arc<Settlements>,
    builder_codes: Option<BuilderCodes>,
    health: HealthCheck,
}

/// Characters of an error message in an answer.
const MESSAGE_LIMIT: usize = 500;

impl EvmFacilitator {
    /// A facilitator to be: give it chains.
    pub fn builder() -> FacilitatorBuilder {
        FacilitatorBuilder::new()
    }

    pub(crate) fn new(
        chains: Chains,
        payments: Arc<dyn DynPayments>,
        settlements: Settlements,
        builder_codes: Option<BuilderCodes>,
    ) -> Self {
        let inner = Inner {
            chains,
            payments,
            settlements: Arc::new(settlements),
            builder_codes,
            health: HealthCheck::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// This facilitator over HTTP, open to everybody. For one that asks for a token see
    /// [`Endpoint`].
    pub fn router(&self) -> axum::Router {
        Endpoint::new(self.clone()).into_router()
    }

    /// Whether the chains can be reached and the signers can pay. At most some seconds old.
    pub async fn health(&self) -> Health {
        self.inner.health.check(&self.inner.chains).await
    }

    pub(crate) async fn verify(&self, request: &Request) -> Result<VerifyResponse, Unavailable> {
        let order = match self.read(request, Operation::Verify) {
            Ok(order) => order,
            Err(refused) => return Ok(invalid(refused)),
        };
        if let Some(refusal) = self.refusal_of_known(&order) {
            return Ok(invalid(order.refused(refusal)));
        }
        match verify::verify(&order).await? {
            Ok(()) => Ok(VerifyResponse::valid(order.payment.payer.to_string())),
            Err(refusal) => Ok(invalid(order.refused(refusal))),
        }
    }

    pub(crate) async fn settle(&self, request: &Request) -> Result<SettleResponse, Unavailable> {
        let network = network_label(request);
        let order = match self.read(request, Operation::Settle) {
            Ok(order) => order,
            Err(refused) => return Ok(unsettled(refused, String::new(), network)),
        };
        let payer = order.payment.payer;
        let amount = order.payment.is_metered.then_some(order.payment.amount);
        let started = Instant::now();
        let deadline = started + order.chain.limits.settle_deadline;
        let busy = Unavailable::Busy { network: order.chain.network.clone() };
        let is_wallet = matches!(order.payment.proof, Proof::Wallet { .. });
        if is_wallet
            && !self.inner.settlements.knows(&order.payment)
            && let Err(refusal) = verify::signed_at_all(&order).await?
        {
            return Ok(unsettled(order.refused(refusal), String::new(), network));
        }
        if order.payment.is_waived() && !self.inner.settlements.knows(&order.payment) {
            if let Some(refusal) = order.payment.expired.clone() {
                return Ok(unsettled(order.refused(refusal), String::new(), network));
            }
            // Nothing is to be moved. Nor is it remembered: else the payer, who can ask too, could
            // keep the seller from settling what was used.
            let settled = SettleResponse::settled(payer.to_string(), "", network);
            return Ok(SettleResponse { amount, ..settled });
        }
        let claim = self.inner.settlements.claim(&order, now());
        let used = |why: &str| {
            let refusal = Refusal::new(order.payment.reasons.used.clone(), why);
            Ok(unsettled(order.refused(refusal), String::new(), network))
        };
        let settlement = match claim {
            Claim::Known(settlement) => settlement,
            Claim::Full => return Err(busy),
            Claim::OtherAuthorization => {
                return used("another authorization of the same nonce was sent");
            }
            Claim::OtherAmount => return used(OTHER_AMOUNT),
            Claim::OtherPurchase => {
                let refusal = Refusal::new(
                    ErrorReason::DuplicateSettlement,
                    "the payment is settled for another resource, or being so",
                );
                return Ok(unsettled(order.refused(refusal), String::new(), network));
            }
            Claim::New(settlement) => {
                let settlements = Arc::clone(&self.inner.settlements);
                let Ok(turn) = Arc::clone(&order.chain.settlements).try_acquire_owned() else {
                    settlement.finish(Outcome::NotSent(busy.clone()));
                    settlements.release(&order.payment.id, &settlement);
                    return Err(busy);
                };
                let work = Work {
                    order,
                    settlement: settlement.clone(),
                    settlements,
                    payments: Arc::clone(&self.inner.payments),
                    started,
                    begun_before: Duration::ZERO,
                    _turn: turn,
                };
                tokio::spawn(work.run().in_current_span());
                settlement
            }
        };
        match settlement.wait(deadline, busy).await {
            Awaited::Over(Outcome::Settled(transaction)) => {
                let payer = payer.to_string();
                let settled = SettleResponse::settled(payer, transaction.to_string(), network);
                Ok(SettleResponse { amount, ..settled })
            }
            Awaited::Over(Outcome::Failed { refusal, transaction }) => {
                let refused = Refused { refusal, payer: Some(payer) };
                let transaction = transaction.map(|hash| hash.to_string()).unwrap_or_default();
                Ok(unsettled(refused, transaction, network))
            }
            Awaited::Over(Outcome::NotSent(error)) => Err(error),
            Awaited::Over(Outcome::Unknown(transaction)) | Awaited::Pending(transaction) => {
                // `settlement_pending` has a transaction, always.
                let reason = match transaction {
                    Some(_) => ErrorReason::SettlementPending,
                    None => ErrorReason::UnexpectedSettleError,
                };
                let refusal = Refusal::new(
                    reason,
                    "it is not known yet whether the payment is settled; ask again for its outcome",
                );
                let refused = Refused { refusal, payer: Some(payer) };
                let transaction = transaction.map(|hash| hash.to_string()).unwrap_or_default();
                Ok(unsettled(refused, transaction, network))
            }
        }
    }

    pub(crate) fn kinds(&self) -> SupportedResponse {
        let chains = &self.inner.chains;
        let kind = |x402_version, scheme: &str, network: &str, extra| SupportedKind {
            x402_version,
            scheme: scheme.to_owned(),
            network: network.to_owned(),
            extra,
        };
        let exact = chains.keys().map(|network| kind(2, EXACT, network.as_str(), None));
        let upto = chains.iter().map(|(network, chain)| {
            let facilitator_address = chain.first_signer().to_string();
            let extra = RawObject::new(&UptoExtra { facilitator_address }).ok();
            kind(2, UPTO, network.as_str(), extra)
        });
        let v1 = chains.keys().filter_map(|network| network.v1_name());
        let v1 = v1.map(|name| kind(1, EXACT, name, None));
        let signers: BTreeSet<String> = chains
            .values()
            .flat_map(|chain| &chain.senders)
            .map(|sender| sender.address().to_string())
            .collect();
        let approvals = chains.values().any(|chain| chain.sponsored_wei.is_some());
        let approvals = approvals.then_some(erc20_approval_gas_sponsoring::KEY);
        let codes = self.inner.builder_codes.as_ref().map(|_| builder_code::KEY);
        let extensions = [eip2612_gas_sponsoring::KEY].into_iter().chain(approvals).chain(codes);
        SupportedResponse {
            kinds: exact.chain(upto).chain(v1).collect(),
            extensions: extensions.map(str::to_owned).collect(),
            signers: [("eip155:*".to_owned(), signers.into_iter().collect())].into(),
        }
    }

    fn read(&self, request: &Request, operation: Operation) -> Result<Order, Refused> {
        let mut order = Order::read(&self.inner.chains, request, operation, now())?;
        if let Some(codes) = &self.inner.builder_codes {
            codes.append(&mut order.payment, request);
        }
        tracing::Span::current()
            .record("payer", tracing::field::display(order.payment.payer))
            .record("nonce", tracing::field::display(&order.payment.nonce))
            .record("amount", tracing::field::display(order.payment.amount));
        Ok(order)
    }

    /// Why a payment is not good that nobody needs to ask the chain about.
    fn refusal_of_known(&self, order: &Order) -> Option<Refusal> {
        let payment = &order.payment;
        if let Some(refusal) = &payment.expired {
            return Some(refusal.clone());
        }
        match self.inner.settlements.progress(&payment.id)? {
            Progress::Preparing | Progress::Sent(_) => {
                Some(Refusal::new(ErrorReason::DuplicateSettlement, "the payment is being settled"))
            }
            Progress::Done(Outcome::Settled(_)) => {
                Some(Refusal::new(payment.reasons.used.clone(), "the payment is settled"))
            }
            Progress::Done(Outcome::Failed { refusal, .. }) => Some(refusal),
            Progress::Done(Outcome::NotSent(_) | Outcome::Unknown(_)) => None,
        }
    }
}

impl Facilitator for EvmFacilitator {
    fn verify<'a>(&'a self, request: &'a Request) -> Answer<'a, VerifyResponse> {
        let span = span(request, "verify");
        Box::pin(async move { Ok(Self::verify(self, request).await?) }.instrument(span))
    }

    fn settle<'a>(&'a self, request: &'a Request) -> Answer<'a, SettleResponse> {
        let span = span(request, "settle");
        Box::pin(async move { Ok(Self::settle(self, request).await?) }.instrument(span))
    }

    fn supported(&self) -> Answer<'_, SupportedResponse> {
        Box::pin(std::future::ready(Ok(self.kinds())))
    }
}

impl fmt::Debug for EvmFacilitator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EvmFacilitator").field("chains", &self.inner.chains).finish_non_exhaustive()
    }
}

/// What an offer of `upto` needs to know of the facilitator.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UptoExtra {
    facilitator_address: String,
}

fn span(request: &Request, operation: &'static str) -> tracing::Span {
    let network = request.network();
    let network = network.as_ref().map(tracing::field::display);
    let empty = tracing::field::Empty;
    tracing::info_span!("x402", operation, network, payer = empty, nonce = empty, amount = empty)
}

fn invalid(refused: Refused) -> VerifyResponse {
    let Refused { refusal: Refusal { reason, detail }, payer } = refused;
    let payer = payer.map(|payer| payer.to_string());
    VerifyResponse {
        invalid_message: Some(message(&detail)),
        ..VerifyResponse::invalid(reason, payer)
    }
}

fn unsettled(refused: Refused, transaction: String, network: &str) -> SettleResponse {
    let Refused { refusal: Refusal { reason, detail }, payer } = refused;
    let payer = payer.map(|payer| payer.to_string());
    SettleResponse {
        error_message: Some(message(&detail)),
        ..SettleResponse::failed(reason, payer, transaction, network)
    }
}

fn message(detail: &str) -> String {
    detail.chars().take(MESSAGE_LIMIT).collect()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
