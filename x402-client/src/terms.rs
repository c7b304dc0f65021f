use x402_types::{Amount, Asset, PaymentRequirements, TransferMethod};

/// What makes two offers the same one: the scheme, the token and its network, how much, to whom, and
/// how it is moved. What else a seller says may be new each time it is asked.
#[derive(PartialEq, Eq)]
pub(crate) struct Terms {
    scheme: String,
    asset: Asset,
    amount: Amount,
    pay_to: String,
    method: TransferMethod,
}

impl Terms {
    /// The terms of an offer in this token, as it is trusted to be.
    pub(crate) fn new(offer: &PaymentRequirements, asset: &Asset, method: TransferMethod) -> Self {
        let mut pay_to = offer.pay_to.clone();
        if offer.network.chain_id().is_some() {
            pay_to.make_ascii_lowercase();
        }
        let (scheme, amount) = (offer.scheme.clone(), offer.amount);
        Self { scheme, asset: asset.clone(), amount, pay_to, method }
    }
}
