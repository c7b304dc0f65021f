//! Blocks, transactions, logs and filters.

use alloy_consensus::transaction::TransactionInfo;
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_eth::{self as rpc, Filter, FilterBlockOption, Index};

use super::{Answer, Params, RpcError, answer};
use crate::{
    accounts::DEV_ACCOUNTS,
    chain::{Chain, TIP, block::Block, filters::What, submit},
    node::Node,
};

impl Node {
    /// `None` where the method is not one of these.
    pub(super) fn chain_method(&self, method: &str, params: &Params<'_>) -> Option<Answer> {
        Some(match method {
            "web3_clientVersion" => answer(concat!("x402-devnet/", env!("CARGO_PKG_VERSION"))),
            "net_version" => answer(self.lock().config.chain_id.to_string()),
            "eth_chainId" => answer(U64::from(self.lock().config.chain_id)),
            "eth_syncing" => answer(false),
            "eth_accounts" => answer(DEV_ACCOUNTS.map(|account| account.address)),
            "eth_blockNumber" => answer(U64::from(self.lock().blocks.height())),
            "eth_gasPrice" => answer(U64::from(self.lock().base_fee.saturating_add(TIP))),
            "eth_maxPriorityFeePerGas" => answer(U64::from(TIP)),
            "eth_feeHistory" => self.fee_history(params),
            "eth_getBlockByNumber" => self.block_by_number(params),
            "eth_getBlockByHash" => self.block_by_hash(params),
            "eth_getBlockReceipts" => self.block_receipts(params),
            "eth_getTransactionByHash" => self.transaction(params),
            "eth_getTransactionByBlockNumberAndIndex" => {
                self.transaction_in(params, |params| params.need(0).map(BlockId::Number))
            }
            "eth_getTransactionByBlockHashAndIndex" => {
                self.transaction_in(params, |params| params.need::<B256>(0).map(BlockId::from))
            }
            "eth_getTransactionReceipt" => self.receipt(params),
            "eth_sendRawTransaction" => self.send_raw_transaction(params),
            "eth_getLogs" => self.logs(params),
            "eth_newFilter" => self.new_filter(params),
            "eth_newBlockFilter" => answer(U64::from(self.lock().install_filter(What::Blocks))),
            "eth_getFilterChanges" => self.filter_changes(params),
            "eth_getFilterLogs" => self.filter_logs(params),
            "eth_uninstallFilter" => self.uninstall_filter(params),
            _ => return None,
        })
    }

    fn block_by_number(&self, params: &Params<'_>) -> Answer {
        let tag: BlockNumberOrTag = params.need(0)?;
        let full = params.find(1)?.unwrap_or(false);
        let chain = self.lock();
        if tag.is_pending() {
            return answer(chain.pending().to_rpc(full));
        }
        answer(chain.blocks.at(chain.blocks.clamped(tag)).map(|block| block.to_rpc(full)))
    }

    fn block_by_hash(&self, params: &Params<'_>) -> Answer {
        let hash: B256 = params.need(0)?;
        let full = params.find(1)?.unwrap_or(false);
        answer(self.lock().blocks.by_hash(&hash).map(|block| block.to_rpc(full)))
    }

    fn block_receipts(&self, params: &Params<'_>) -> Answer {
        let id = params.need(0)?;
        answer(block(&self.lock(), id).map(Block::receipts))
    }

    fn transaction(&self, params: &Params<'_>) -> Answer {
        let hash: B256 = params.need(0)?;
        let chain = self.lock();
        if let Some((block, at)) = chain.blocks.of_transaction(&hash) {
            return answer(block.transaction(at));
        }
        answer(chain.pool.by_hash(&hash).map(|waiting| {
            let info = TransactionInfo { hash: Some(hash), ..TransactionInfo::default() };
            rpc::Transaction::from_transaction(waiting.clone(), info)
        }))
    }

    fn transaction_in(
        &self,
        params: &Params<'_>,
        id: impl Fn(&Params<'_>) -> Result<BlockId, RpcError>,
    ) -> Answer {
        let id = id(params)?;
        let Index(at) = params.need(1)?;
        answer(block(&self.lock(), id).and_then(|block| block.transaction(at)))
    }

    fn receipt(&self, params: &Params<'_>) -> Answer {
        let hash: B256 = params.need(0)?;
        let chain = self.lock();
        answer(chain.blocks.of_transaction(&hash).and_then(|(block, at)| block.receipt(at)))
    }

    fn send_raw_transaction(&self, params: &Params<'_>) -> Answer {
        let raw: Bytes = params.need(0)?;
        // The recovery of the sender is the slow part, and needs no lock.
        let transaction = submit::decode(&raw)?;
        let mut chain = self.lock();
        let hash = chain.submit(transaction)?;
        chain.catch_up();
        answer(hash)
    }

    fn logs(&self, params: &Params<'_>) -> Answer {
        let filter = filter(params)?;
        let logs = self.lock().logs(&filter);
        answer(logs.ok_or_else(|| RpcError::server("unknown block"))?)
    }

    fn new_filter(&self, params: &Params<'_>) -> Answer {
        let filter = Box::new(filter(params)?);
        answer(U64::from(self.lock().install_filter(What::Logs(filter))))
    }

    fn filter_changes(&self, params: &Params<'_>) -> Answer {
        let id = params.number(0)?;
        answer(self.lock().filter_changes(id).ok_or_else(no_filter)?)
    }

    fn filter_logs(&self, params: &Params<'_>) -> Answer {
        let id = params.number(0)?;
        answer(self.lock().filter_logs(id).ok_or_else(no_filter)?)
    }

    fn uninstall_filter(&self, params: &Params<'_>) -> Answer {
        let id = params.number(0)?;
        answer(self.lock().uninstall_filter(id))
    }
}

fn block(chain: &Chain, id: BlockId) -> Option<&Block> {
    chain.blocks.at(chain.blocks.number(id)?)
}

fn filter(params: &Params<'_>) -> Result<Filter, RpcError> {
    let filter: Filter = params.need(0)?;
    if let FilterBlockOption::Range {
        from_block: Some(BlockNumberOrTag::Number(from)),
        to_block: Some(BlockNumberOrTag::Number(to)),
    } = filter.block_option
        && from > to
    {
        return Err(RpcError::server("invalid block range params"));
    }
    Ok(filter)
}

fn no_filter() -> RpcError {
    RpcError::server("filter not found")
}
