//! What must be done before a payment goes through, and then the payment.
//!
//! Nothing of it is written down: whether it is done, the chain says.

use tokio::time::Instant;

use crate::Unavailable;
use crate::settle::{DOUBTS, RETRY, Work, failed};
use crate::settlements::{Outcome, Progress};
use crate::verify::{Checked, Preparation, verify_for_gas};

impl Work {
    /// Does what is still to be done for the payment, and then settles. From here on nobody's patience
    /// ends it, so that no other settlement begins the same.
    pub(crate) async fn prepare_and_send(&self) -> Outcome {
        if !self.settlement.advance(Progress::Sent(None)) {
            return Outcome::NotSent(self.busy());
        }
        // Another payment of the same payer may be at it.
        let turn = self.order.chain.turns.take(self.order.payment.payer).await;
        let mut is_done = false;
        let mut looks = 0;
        let gas = loop {
            let preparation = match verify_for_gas(&self.order).await {
                Ok(Ok(Checked::Ready(gas))) => break gas,
                Ok(Ok(Checked::After(preparation))) => preparation,
                Ok(Err(refusal)) if refusal.reason == self.order.payment.reasons.used => {
                    return self.found(refusal, self.age()).await;
                }
                Ok(Err(refusal)) => return failed(refusal),
                Err(error) => return Outcome::NotSent(self.trouble(error)),
            };
            if !is_done {
                let done = match preparation {
                    Preparation::Deployment(deployment) => self.deploy(&deployment).await,
                    Preparation::Approval => self.approve().await,
                };
                if let Err(outcome) = done {
                    return outcome;
                }
                is_done = true;
            } else if looks < DOUBTS {
                // The node asked now may be behind the one that had the receipt.
                looks += 1;
                tokio::time::sleep(RETRY).await;
            } else {
                return Outcome::NotSent(self.rejected("it does not show what was done before"));
            }
        };
        drop(turn);
        self.send(gas, Instant::now()).await
    }

    pub(crate) fn busy(&self) -> Unavailable {
        Unavailable::Busy { network: self.order.chain.network.clone() }
    }

    pub(crate) fn rejected(&self, message: &str) -> Unavailable {
        let network = self.order.chain.network.clone();
        Unavailable::Rejected { network, message: message.to_owned() }
    }
}
