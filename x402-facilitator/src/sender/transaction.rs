//! Transactions, signed here so that their hash is known before anybody has them.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{B256, Bytes, Signature, TxKind, U256};
use alloy_provider::utils::Eip1559Estimation;
use x402_evm::LocalSigner;

use super::Call;

/// What a transaction offers, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fees {
    pub(super) max_fee: u128,
    pub(super) tip: u128,
    /// What the market asks for at the least, for comparison.
    pub(super) needed: u128,
}

/// A signed transaction.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) hash: B256,
    pub(super) raw: Bytes,
    pub(super) fees: Fees,
    /// Whether it makes the call that was asked for, or only uses up the nonce.
    pub(super) calls: bool,
}

impl Fees {
    /// What the market asks for, at most `cap`; the error is what it asks for where that is more.
    pub(super) fn of_market(market: Eip1559Estimation, cap: u128) -> Result<Self, u128> {
        let Eip1559Estimation { max_fee_per_gas, max_priority_fee_per_gas: tip, .. } = market;
        // The estimate allows for twice the base fee.
        let needed = (max_fee_per_gas.saturating_sub(tip) / 2).saturating_add(tip);
        if needed > cap {
            return Err(needed);
        }
        Ok(Self { max_fee: max_fee_per_gas.min(cap), tip, needed })
    }

    /// Fees at which nodes let a transaction replace the one of these fees; `None` above `cap`.
    pub(super) fn outbid(self, market: Self, cap: u128) -> Option<Self> {
        // Nodes ask for a tenth more, some for an eighth.
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        let max_fee = more(self.max_fee);
        let tip = more(self.tip).max(market.tip);
        let max_fee = max_fee.max(market.max_fee).max(tip);
        (max_fee <= cap).then_some(Self { max_fee, tip, needed: market.needed })
    }
}

impl Signed {
    /// The call's transaction.
    pub(super) fn call(
        signer: &LocalSigner,
        chain_id: u64,
        nonce: u64,
        call: &Call,
        fees: Fees,
    ) -> Self {
        sign(signer, chain_id, nonce, call.clone(), fees, true)
    }

    /// A transaction that does nothing but use up its nonce, so that later ones are not held up.
    pub(super) fn filler(signer: &LocalSigner, chain_id: u64, nonce: u64, fees: Fees) -> Self {
        let (to, input) = (signer.address(), Bytes::new());
        let nothing = Call { to, value: U256::ZERO, input, gas: 21_000 };
        sign(signer, chain_id, nonce, nothing, fees, false)
    }
}

fn sign(
    signer: &LocalSigner,
    chain_id: u64,
    nonce: u64,
    Call { to, value, input, gas: gas_limit }: Call,
    fees: Fees,
    calls: bool,
) -> Signed {
    let transaction = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas: fees.max_fee,
        max_priority_fee_per_gas: fees.tip,
        to: TxKind::Call(to),
        value,
        access_list: Default::default(),
        input,
    };
    let signature = signer.sign_digest_unseen(transaction.signature_hash());
    let signature =
        Signature::from_scalars_and_parity(signature.r(), signature.s(), signature.v() == 28);
    let signed = transaction.into_signed(signature);
    let mut raw = Vec::with_capacity(signed.eip2718_encoded_length());
    signed.eip2718_encode(&mut raw);
    Signed { hash: *signed.hash(), raw: raw.into(), fees, calls }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fees(max_fee: u128, tip: u128) -> Fees {
        Fees { max_fee, tip, needed: 0 }
    }

    #[test]
    fn market_fees_are_held_below_the_cap() {
        let market = Eip1559Estimation { max_fee_per_gas: 210, max_priority_fee_per_gas: 10 };
        assert_eq!(Fees::of_market(market, 300).unwrap().max_fee, 210);
        assert_eq!(Fees::of_market(market, 150).unwrap().max_fee, 150);
        assert_eq!(Fees::of_market(market, 109), Err(110));
    }

    #[test]
    fn a_replacement_offers_an_eighth_more_but_never_above_the_cap() {
        let old = fees(800, 80);
        let new = old.outbid(fees(100, 1), 10_000).unwrap();
        assert!(new.max_fee >= 900 && new.tip >= 90, "{new:?}");
        assert_eq!(old.outbid(fees(100, 1), 850), None);
        assert_eq!(old.outbid(fees(5_000, 500), 10_000).unwrap().max_fee, 5_000);
    }
}
