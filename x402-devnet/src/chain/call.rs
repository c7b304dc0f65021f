//! Messages that change nothing: `eth_call` and `eth_estimateGas`.

use alloy_eips::BlockId;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_rpc_types_eth::{TransactionInput, TransactionRequest, state::StateOverride};
use revm::{
    DatabaseRef as _,
    context::{
        BlockEnv, TxEnv,
        either::Either,
        result::{EVMError, ExecutionResult, HaltReason, ResultAndState},
    },
    database::CacheDB,
    primitives::eip7825::TX_GAS_LIMIT_CAP,
    state::{AccountInfo, Bytecode},
};

use super::{Chain, call_error::CallError, evm, view::View};

/// The gas of a call is cut to this, whatever it asks for.
const CALL_GAS: u64 = 50_000_000;

impl Chain {
    /// Runs a message on the state of a block and gives back what it returns.
    ///
    /// On the head it runs at the time of the next block: a chain of instant blocks may have been
    /// idle for an hour, and a message that would succeed if sent must succeed here.
    pub(crate) fn call(
        &self,
        request: TransactionRequest,
        at: BlockId,
        overrides: Option<&StateOverride>,
    ) -> Result<Bytes, CallError> {
        let scene = self.scene(at, overrides)?;
        let gas = request.gas.unwrap_or(CALL_GAS).min(CALL_GAS);
        let tx = self.message(request, gas, &scene.db)?;
        match self.run(&scene, tx)? {
            ExecutionResult::Success { output, .. } => Ok(output.into_data()),
            ExecutionResult::Revert { output, .. } => Err(CallError::Reverted(output)),
            ExecutionResult::Halt { reason, .. } => Err(CallError::Halted(reason)),
        }
    }

    /// The least gas limit, give or take 1.5 %, at which a message succeeds.
    pub(crate) fn estimate(
        &self,
        request: TransactionRequest,
        at: BlockId,
        overrides: Option<&StateOverride>,
    ) -> Result<u64, CallError> {
        let scene = self.scene(at, overrides)?;
        let most = self.config.gas_limit.min(TX_GAS_LIMIT_CAP);
        let asked = request.gas.filter(|gas| *gas >= 21_000).unwrap_or(most).min(most);
        let mut tx = self.message(request, asked, &scene.db)?;
        let mut enough = affordable(&tx, &scene).min(asked);
        tx.gas_limit = enough;
        let spent = match self.run(&scene, tx.clone())? {
            ExecutionResult::Success { gas, .. } => gas,
            ExecutionResult::Revert { output, .. } => return Err(CallError::Reverted(output)),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => {
                return Err(CallError::Allowance(enough));
            }
            ExecutionResult::Halt { reason, .. } => return Err(CallError::Halted(reason)),
        };
        let mut short = spent.tx_gas_used().saturating_sub(1);
        // Most messages need what they spend, with the stipend and the 63/64 rule allowed for.
        let guess = spent.total_gas_spent().saturating_add(2300).saturating_mul(64) / 63;
        let mut try_next = if is_plain_transfer(&tx, &scene) { short + 1 } else { guess };
        while short.saturating_add(1) < enough {
            if (enough - short).saturating_mul(1000) < enough.saturating_mul(15) {
                break;
            }
            tx.gas_limit = try_next.clamp(short + 1, enough);
            match self.run(&scene, tx.clone()) {
                Ok(ExecutionResult::Success { .. }) => enough = tx.gas_limit,
                Ok(_) | Err(CallError::Invalid { .. }) => short = tx.gas_limit,
                Err(error) => return Err(error),
            }
            try_next = short + (enough - short) / 2;
        }
        Ok(enough)
    }

    /// A message to a contract, of the chain's own.
    pub(crate) fn view(&self, to: Address, input: Bytes) -> Result<Bytes, CallError> {
        self.call(own_message(to, input), BlockId::latest(), None)
    }

    /// As `view`, keeping what it changes, at once and without a block.
    pub(crate) fn apply(&mut self, to: Address, input: Bytes) -> Result<(), CallError> {
        let scene = self.scene(BlockId::latest(), None)?;
        let tx = self.message(own_message(to, input), CALL_GAS, &scene.db)?;
        let sender = tx.caller;
        let changes = match self.execute(&scene, tx)? {
            ResultAndState { result: ExecutionResult::Success { .. }, state } => state,
            ResultAndState { result: ExecutionResult::Revert { output, .. }, .. } => {
                return Err(CallError::Reverted(output));
            }
            ResultAndState { result: ExecutionResult::Halt { reason, .. }, .. } => {
                return Err(CallError::Halted(reason));
            }
        };
        // Nobody sent it: the account in whose name it ran stays as it was.
        self.state.commit(changes.into_iter().filter(|(address, _)| *address != sender).collect());
        Ok(())
    }

    fn run(&self, scene: &Scene<'_>, tx: TxEnv) -> Result<ExecutionResult, CallError> {
        self.execute(scene, tx).map(|executed| executed.result)
    }

    fn execute(&self, scene: &Scene<'_>, tx: TxEnv) -> Result<ResultAndState, CallError> {
        let sender = tx.caller;
        let executed = evm::call(scene.db.clone(), self.config.chain_id, scene.block.clone(), tx);
        match executed {
            Ok(executed) => Ok(executed),
            Err(EVMError::Transaction(reason)) => Err(CallError::Invalid { sender, reason }),
            Err(error) => Err(CallError::Internal(error.to_string())),
        }
    }

    fn scene(
        &self,
        at: BlockId,
        overrides: Option<&StateOverride>,
    ) -> Result<Scene<'_>, CallError> {
        let number = self.blocks.number(at).ok_or(CallError::UnknownBlock)?;
        let block = self.blocks.at(number).ok_or(CallError::UnknownBlock)?;
        let header = block.header();
        let mut env = BlockEnv {
            number: U256::from(number),
            beneficiary: header.beneficiary,
            timestamp: U256::from(header.timestamp),
            gas_limit: CALL_GAS.max(header.gas_limit),
            basefee: block.base_fee(),
            prevrandao: Some(header.mix_hash),
            ..BlockEnv::default()
        };
        if number == self.blocks.height() {
            env.timestamp = U256::from(self.clock.peek(header.timestamp));
            env.basefee = self.base_fee;
            if at.is_pending() {
                env.number = U256::from(number.saturating_add(1));
            }
        }
        let mut db = self.state_at(number);
        for (address, change) in overrides.into_iter().flatten() {
            overlay(&mut db, *address, change)?;
        }
        Ok(Scene { db, block: env })
    }

    fn message(
        &self,
        request: TransactionRequest,
        gas_limit: u64,
        db: &CacheDB<View<'_>>,
    ) -> Result<TxEnv, CallError> {
        let want = self.config.chain_id;
        if let Some(have) = request.chain_id
            && have != want
        {
            return Err(CallError::ChainId { have, want });
        }
        let dynamic =
            request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
        if request.gas_price.is_some() && dynamic {
            return Err(CallError::TwoFees);
        }
        let data = match (request.input.input, request.input.data) {
            (Some(input), Some(data)) if input != data => return Err(CallError::TwoInputs),
            (input, data) => input.or(data).unwrap_or_default(),
        };
        let caller = request.from.unwrap_or_default();
        let Ok(account) = db.basic_ref(caller);
        let authorizations = request.authorization_list.unwrap_or_default();
        let mut tx = TxEnv {
            caller,
            gas_limit,
            gas_price: request.gas_price.or(request.max_fee_per_gas).unwrap_or_default(),
            kind: request.to.unwrap_or(TxKind::Create),
            value: request.value.unwrap_or_default(),
            data,
            nonce: account.map(|account| account.nonce).unwrap_or_default(),
            chain_id: Some(want),
            access_list: request.access_list.unwrap_or_default(),
            gas_priority_fee: dynamic
                .then_some(request.max_priority_fee_per_gas.unwrap_or_default()),
            authorization_list: authorizations.into_iter().map(Either::Left).collect(),
            ..TxEnv::default()
        };
        tx.derive_tx_type().map_err(|error| CallError::Internal(error.to_string()))?;
        Ok(tx)
    }
}

/// Where a message is run.
#[derive(Debug)]
struct Scene<'a> {
    db: CacheDB<View<'a>>,
    block: BlockEnv,
}

fn own_message(to: Address, input: Bytes) -> TransactionRequest {
    TransactionRequest {
        to: Some(TxKind::Call(to)),
        input: TransactionInput::new(input),
        ..TransactionRequest::default()
    }
}

/// The gas that the sender can pay for at the price it offers.
fn affordable(tx: &TxEnv, scene: &Scene<'_>) -> u64 {
    if tx.gas_price == 0 {
        return u64::MAX;
    }
    let Ok(account) = scene.db.basic_ref(tx.caller);
    let balance = account.map(|account| account.balance).unwrap_or_default();
    (balance.saturating_sub(tx.value) / U256::from(tx.gas_price)).saturating_to()
}

fn is_plain_transfer(tx: &TxEnv, scene: &Scene<'_>) -> bool {
    let TxKind::Call(to) = tx.kind else { return false };
    let Ok(account) = scene.db.basic_ref(to);
    tx.data.is_empty() && account.is_none_or(|account| account.is_empty_code_hash())
}

fn overlay(
    db: &mut CacheDB<View<'_>>,
    address: Address,
    change: &alloy_rpc_types_eth::state::AccountOverride,
) -> Result<(), CallError> {
    if change.move_precompile_to.is_some() {
        return Err(CallError::Override(address, "precompiles stay where they are"));
    }
    if change.state.is_some() && change.state_diff.is_some() {
        return Err(CallError::Override(address, "state and stateDiff exclude each other"));
    }
    let Ok(info) = db.basic_ref(address);
    let mut info: AccountInfo = info.unwrap_or_default();
    if let Some(balance) = change.balance {
        info.balance = balance;
    }
    if let Some(nonce) = change.nonce {
        info.nonce = nonce;
    }
    if let Some(code) = &change.code {
        let code = Bytecode::new_raw_checked(code.clone())
            .map_err(|_| CallError::Override(address, "its code is a malformed delegation"))?;
        info.code_hash = code.hash_slow();
        info.code = Some(code);
    }
    db.insert_account_info(address, info);
    if let Some(slots) = &change.state {
        let slots = slots.iter().map(|(slot, value)| ((*slot).into(), (*value).into())).collect();
        let Ok(()) = db.replace_account_storage(address, slots);
    }
    for (slot, value) in change.state_diff.iter().flatten() {
        let Ok(()) = db.insert_account_storage(address, (*slot).into(), (*value).into());
    }
    Ok(())
}
