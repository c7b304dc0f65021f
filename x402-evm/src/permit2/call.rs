//! The proxies' calls, read back.

use alloy_sol_types::SolCall;
use x402_types::Amount;

use super::authorization::Permit2Authorization;
use super::contracts::{exact, upto};

impl Permit2Authorization {
    /// Whether this is a call of its proxy that moves `amount` on this very authorization, with or
    /// without a permit of EIP-2612. How the signature is spelled does not matter: where such a call
    /// went through, it was good.
    pub fn is_settled_by(&self, amount: Amount, input: &[u8]) -> bool {
        let selector = input.get(..4).unwrap_or_default();
        let Some(facilitator) = self.witness.facilitator else {
            let (permit, owner, witness) = if selector == exact::Proxy::settleCall::SELECTOR {
                let Ok(call) = exact::Proxy::settleCall::abi_decode(input) else { return false };
                (call.permit, call.owner, call.witness)
            } else {
                let call = exact::Proxy::settleWithPermitCall::abi_decode(input);
                let Ok(call) = call else { return false };
                (call.permit, call.owner, call.witness)
            };
            let said = (permit.permitted.token, permit.permitted.amount, permit.nonce);
            return said == self.said()
                && permit.deadline == self.deadline.units()
                && owner == self.from
                && amount == self.permitted.amount
                && witness.to == self.witness.to
                && witness.validAfter == self.witness.valid_after.units();
        };
        let (permit, moved, owner, witness) = if selector == upto::Proxy::settleCall::SELECTOR {
            let Ok(call) = upto::Proxy::settleCall::abi_decode(input) else { return false };
            (call.permit, call.amount, call.owner, call.witness)
        } else {
            let call = upto::Proxy::settleWithPermitCall::abi_decode(input);
            let Ok(call) = call else { return false };
            (call.permit, call.amount, call.owner, call.witness)
        };
        let said = (permit.permitted.token, permit.permitted.amount, permit.nonce);
        said == self.said()
            && permit.deadline == self.deadline.units()
            && owner == self.from
            && moved == amount.units()
            && witness.to == self.witness.to
            && witness.facilitator == facilitator
            && witness.validAfter == self.witness.valid_after.units()
    }

    fn said(&self) -> (alloy_primitives::Address, alloy_primitives::U256, alloy_primitives::U256) {
        let Self { permitted, nonce, .. } = self;
        (permitted.token, permitted.amount.units(), nonce.units())
    }
}
