//! `eth_feeHistory`.

use alloy_consensus::Transaction as _;
use alloy_eips::BlockId;
use alloy_rpc_types_eth::FeeHistory;

use super::{Answer, Params, RpcError, answer};
use crate::{chain::block::Block, node::Node};

/// The most blocks of one answer, as geth has it.
const MOST_BLOCKS: u64 = 1024;
const MOST_PERCENTILES: usize = 100;

impl Node {
    pub(super) fn fee_history(&self, params: &Params<'_>) -> Answer {
        let count = params.number(0)?.clamp(1, MOST_BLOCKS);
        let newest = params.need(1).map(BlockId::Number)?;
        let percentiles: Option<Vec<f64>> = params.find(2)?;
        if let Some(wanted) = &percentiles
            && (wanted.len() > MOST_PERCENTILES
                || !wanted.is_sorted()
                || !wanted.iter().all(|percentile| (0.0..=100.0).contains(percentile)))
        {
            return Err(RpcError::server("invalid reward percentile"));
        }
        let chain = self.lock();
        let newest =
            chain.blocks.number(newest).ok_or_else(|| RpcError::server("header not found"))?;
        let oldest = newest.saturating_add(1).saturating_sub(count);
        let blocks: Vec<&Block> =
            (oldest..=newest).filter_map(|number| chain.blocks.at(number)).collect();
        let next = newest.checked_add(1).and_then(|number| chain.blocks.at(number));
        let after = next.map_or(chain.base_fee, Block::base_fee);
        let base_fees = blocks.iter().map(|block| block.base_fee()).chain([after]);
        answer(FeeHistory {
            base_fee_per_gas: base_fees.map(u128::from).collect(),
            gas_used_ratio: blocks.iter().map(|block| fullness(block)).collect(),
            oldest_block: oldest,
            reward: percentiles
                .map(|wanted| blocks.iter().map(|block| tips(block, &wanted)).collect()),
            ..FeeHistory::default()
        })
    }
}

#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a ratio is what the method answers; it is no money"
)]
fn fullness(block: &Block) -> f64 {
    block.header().gas_used as f64 / block.header().gas_limit.max(1) as f64
}

/// The tips at these percentiles of the block's gas.
#[expect(
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "percentiles come as floats; the tips themselves stay integers"
)]
fn tips(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let base_fee = block.base_fee();
    let mut paid: Vec<(u128, u64)> = block
        .transactions
        .iter()
        .map(|mined| {
            let tip = mined.transaction.effective_tip_per_gas(base_fee).unwrap_or_default();
            (tip, mined.gas_used)
        })
        .collect();
    paid.sort_unstable();
    let total = block.header().gas_used as f64;
    let at = |percentile: &f64| {
        let wanted = total * percentile / 100.0;
        let mut gas = 0_u64;
        let reached = paid.iter().find(|(_, used)| {
            gas = gas.saturating_add(*used);
            gas as f64 >= wanted
        });
        reached.or(paid.last()).map(|(tip, _)| *tip).unwrap_or_default()
    };
    percentiles.iter().map(at).collect()
}
