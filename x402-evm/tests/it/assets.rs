//! The pinned table of tokens, as far as it is about EVM chains.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use x402_evm::permit2::Permit2Terms;
use x402_evm::{Domain, ExactTerms, exact_offer};
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
fn every_token_can_be_offered_as_it_moves() {
    for asset in Asset::known().iter().filter(|asset| asset.network.chain_id().is_some()) {
        let pay_to = Address::repeat_byte(1).to_string();
        let offer = exact_offer(asset, Amount::from(1u64), &pay_to, 1).unwrap();
        let by_eip3009 = ExactTerms::new(&offer).is_ok();
        let by_permit2 = Permit2Terms::new(&offer).is_ok();
        let moves = asset.transfer_method == TransferMethod::Eip3009;
        assert_eq!((by_eip3009, by_permit2), (moves, !moves), "{}", asset.symbol);
    }
}
