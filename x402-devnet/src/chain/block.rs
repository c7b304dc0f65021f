//! Mined blocks and how they are told over JSON-RPC.

use alloy_consensus::{
    BlockBody, Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Sealed,
    Transaction as _, TxEnvelope, TxType,
    constants::EMPTY_OMMER_ROOT_HASH,
    proofs,
    transaction::{Recovered, TransactionInfo},
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, U256};
use alloy_rpc_types_eth as rpc;

use super::state::Mark;

/// A block with its transactions and their receipts.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    header: Sealed<Header>,
    pub(crate) transactions: Vec<Mined>,
    size: u64,
    /// Where the state's log stood when this block began.
    pub(crate) began: Mark,
}

/// A transaction and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Mined {
    pub(crate) transaction: Recovered<TxEnvelope>,
    pub(crate) receipt: ReceiptEnvelope<Log>,
    pub(crate) gas_used: u64,
    pub(crate) created: Option<Address>,
    /// The index within the block of its first log.
    pub(crate) first_log: u64,
}

/// What a header takes from the chain; the rest follows from the transactions.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) parent: B256,
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    pub(crate) base_fee: u64,
    pub(crate) gas_limit: u64,
    pub(crate) beneficiary: Address,
    pub(crate) randao: B256,
}

impl Block {
    pub(crate) fn seal(frame: &Frame, transactions: Vec<Mined>, began: Mark) -> Self {
        let mut logs_bloom = Bloom::ZERO;
        for mined in &transactions {
            logs_bloom.accrue_bloom(mined.receipt.logs_bloom());
        }
        let envelopes: Vec<&TxEnvelope> =
            transactions.iter().map(|mined| mined.transaction.inner()).collect();
        let receipts: Vec<&ReceiptEnvelope<Log>> =
            transactions.iter().map(|mined| &mined.receipt).collect();
        let header = Header {
            parent_hash: frame.parent,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: frame.beneficiary,
            transactions_root: proofs::calculate_transaction_root(&envelopes),
            receipts_root: proofs::calculate_receipt_root(&receipts),
            logs_bloom,
            number: frame.number,
            gas_limit: frame.gas_limit,
            gas_used: transactions.iter().map(|mined| mined.gas_used).sum(),
            timestamp: frame.timestamp,
            extra_data: Bytes::from_static(b"x402-devnet"),
            mix_hash: frame.randao,
            base_fee_per_gas: Some(frame.base_fee),
            ..Header::default()
        };
        let body = BlockBody { transactions: envelopes, ommers: Vec::new(), withdrawals: None };
        let size = alloy_consensus::Block::rlp_length_for(&header, &body);
        Self {
            header: Sealed::new(header),
            transactions,
            size: u64::try_from(size).unwrap_or(u64::MAX),
            began,
        }
    }

    pub(crate) fn hash(&self) -> B256 {
        self.header.hash()
    }

    pub(crate) fn header(&self) -> &Header {
        self.header.inner()
    }

    pub(crate) fn number(&self) -> u64 {
        self.header().number
    }

    pub(crate) fn timestamp(&self) -> u64 {
        self.header().timestamp
    }

    pub(crate) fn base_fee(&self) -> u64 {
        self.header().base_fee_per_gas.unwrap_or_default()
    }

    /// `eth_getBlockByNumber`, with whole transactions or their hashes.
    pub(crate) fn to_rpc(&self, full: bool) -> rpc::Block {
        let transactions = if full {
            let all = 0..self.transactions.len();
            rpc::BlockTransactions::Full(all.filter_map(|at| self.transaction(at)).collect())
        } else {
            let hash = |mined: &Mined| *mined.transaction.tx_hash();
            rpc::BlockTransactions::Hashes(self.transactions.iter().map(hash).collect())
        };
        let size = Some(U256::from(self.size));
        let header = rpc::Header::from_consensus(self.header.clone(), Some(U256::ZERO), size);
        rpc::Block { header, uncles: Vec::new(), transactions, withdrawals: None }
    }

    pub(crate) fn transaction(&self, at: usize) -> Option<rpc::Transaction> {
        let mined = self.transactions.get(at)?;
        let info = TransactionInfo {
            hash: Some(*mined.transaction.tx_hash()),
            index: u64::try_from(at).ok(),
            block_hash: Some(self.hash()),
            block_number: Some(self.number()),
            base_fee: Some(self.base_fee()),
            block_timestamp: Some(self.timestamp()),
        };
        Some(rpc::Transaction::from_transaction(mined.transaction.clone(), info))
    }

    pub(crate) fn receipt(&self, at: usize) -> Option<rpc::TransactionReceipt> {
        let mined = self.transactions.get(at)?;
        let transaction = &mined.transaction;
        let logs = self.logs(at).map(|(_, log)| log).collect();
        let receipt = ReceiptWithBloom {
            receipt: Receipt {
                status: Eip658Value::Eip658(mined.receipt.is_success()),
                cumulative_gas_used: mined.receipt.cumulative_gas_used(),
                logs,
            },
            logs_bloom: *mined.receipt.logs_bloom(),
        };
        Some(rpc::TransactionReceipt {
            inner: envelope(transaction.tx_type(), receipt),
            transaction_hash: *transaction.tx_hash(),
            transaction_index: u64::try_from(at).ok(),
            block_hash: Some(self.hash()),
            block_number: Some(self.number()),
            gas_used: mined.gas_used,
            effective_gas_price: transaction.effective_gas_price(Some(self.base_fee())),
            blob_gas_used: None,
            blob_gas_price: None,
            from: transaction.signer(),
            to: transaction.to(),
            contract_address: mined.created,
        })
    }

    pub(crate) fn receipts(&self) -> Vec<rpc::TransactionReceipt> {
        (0..self.transactions.len()).filter_map(|at| self.receipt(at)).collect()
    }

    /// Every log that the filter's addresses and topics let through.
    pub(crate) fn matching_logs(&self, filter: &rpc::Filter) -> impl Iterator<Item = rpc::Log> {
        let candidates = if filter.matches_bloom(self.header().logs_bloom) {
            self.transactions.len()
        } else {
            0
        };
        (0..candidates)
            .flat_map(|at| self.logs(at))
            .filter(|(log, _)| filter.matches(log))
            .map(|(_, log)| log)
    }

    fn logs(&self, at: usize) -> impl Iterator<Item = (&Log, rpc::Log)> {
        self.transactions.get(at).into_iter().flat_map(move |mined| {
            mined.receipt.logs().iter().zip(mined.first_log..).map(move |(log, index)| {
                let told = rpc::Log {
                    inner: log.clone(),
                    block_hash: Some(self.hash()),
                    block_number: Some(self.number()),
                    block_timestamp: Some(self.timestamp()),
                    transaction_hash: Some(*mined.transaction.tx_hash()),
                    transaction_index: u64::try_from(at).ok(),
                    log_index: Some(index),
                    removed: false,
                };
                (log, told)
            })
        })
    }
}

/// A receipt in the envelope of its transaction's type.
pub(crate) fn envelope<T>(
    kind: TxType,
    receipt: ReceiptWithBloom<Receipt<T>>,
) -> ReceiptEnvelope<T> {
    match kind {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}
