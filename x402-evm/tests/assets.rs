//! The pinned table of tokens, as far as it is about EVM chains.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use x402_evm::{Domain, exact_offer};
use x402_types::{Amount, Asset, TransferMethod};

#[test]
fn every_address_has_its_checksum() {
    for asset in Asset::known().iter().filter(|asset| asset.network.chain_id().is_some()) {
        let checked = Address::parse_checksummed(&*asset.address, None);
        assert!(checked.is_ok(), "{} on {}: {}", asset.symbol, asset.network, asset.address);
    }
}

#[test]
fn no_two_tokens_share_a_domain() {
    let domains: Vec<_> = Asset::known().iter().filter_map(Domain::of).collect();
    let separators: BTreeSet<_> = domains.iter().map(Domain::separator).collect();
    assert_eq!(separators.len(), domains.len());
}

#[test]
fn every_token_that_moves_by_eip3009_can_be_offered_and_no_other() {
    for asset in Asset::known().iter().filter(|asset| asset.network.chain_id().is_some()) {
        let offer = exact_offer(asset, Amount::from(1u64), &Address::repeat_byte(1).to_string(), 1);
        let eip3009 = asset.transfer_method == TransferMethod::Eip3009;
        assert_eq!(offer.is_ok(), eip3009, "{} on {}", asset.symbol, asset.network);
    }
}
