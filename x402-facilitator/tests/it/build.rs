//! Configuration: every mistake is told at the start, all of them at once.

use x402_devnet::Devnet;
use x402_facilitator::{Chain, EvmFacilitator};
use x402_types::{Asset, Network};

use crate::common::*;

async fn problems(chains: impl IntoIterator<Item = Chain>) -> Vec<String> {
    let builder =
        chains.into_iter().fold(EvmFacilitator::builder(), |builder, chain| builder.chain(chain));
    builder.build().await.unwrap_err().problems().to_vec()
}

fn chain(network: Network) -> Chain {
    Chain::new(network, Devnet::new().provider())
}

fn token(address: &str) -> Asset {
    Asset::eip3009(Network::BASE_SEPOLIA, "T", address.to_owned(), "T", "1", 6)
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_in_sentences() {
    let base = chain(Network::BASE).signer(signer(0));
    let unsigned = chain(Network::BASE_SEPOLIA).gas_limit_cap(1);
    let error = EvmFacilitator::builder().chain(base).chain(unsigned).build().await.unwrap_err();
    let expected = "the facilitator cannot start\n\
        - the RPC of eip155:8453 is that of eip155:84532\n\
        - eip155:84532 has no signer: add one with `.signer(...)`\n\
        - eip155:84532: gas_limit_cap is below 21,000, what any transaction needs";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_facilitator_without_chains_does_not_start() {
    assert_eq!(problems([]).await, ["no chain: add one with `.chain(...)`"]);
}

#[tokio::test]
async fn a_chain_given_twice_or_not_evm_is_a_mistake() {
    let sepolia = || chain(Network::BASE_SEPOLIA).signer(signer(0));
    assert_eq!(problems([sepolia(), sepolia()]).await, ["eip155:84532 is configured twice"]);
    let solana = problems([chain(Network::SOLANA)]).await;
    assert!(solana[0].ends_with("is not an EVM chain"), "{solana:?}");
}

#[tokio::test]
async fn a_signer_given_twice_is_a_mistake() {
    let twice = chain(Network::BASE_SEPOLIA).signer(signer(0)).signer(signer(0));
    let told = problems([twice]).await;
    assert_eq!(
        told,
        [format!("the signer {} is given twice on eip155:84532", signer(0).address())]
    );
}

#[tokio::test]
async fn an_asset_that_cannot_be_settled_is_a_mistake() {
    let with = |asset| chain(Network::BASE_SEPOLIA).signer(signer(0)).asset(asset);
    let nowhere = "0x000000000000000000000000000000000000dEaD";
    for (asset, expected) in [
        (token(nowhere), format!("there is no contract at {nowhere} on eip155:84532")),
        (token("0x12"), "T on eip155:84532 has no sound address: 0x12".to_owned()),
        (
            Asset::default_for(&Network::BASE).unwrap().clone(),
            "USDC is on eip155:8453, not on eip155:84532".to_owned(),
        ),
    ] {
        assert_eq!(problems([with(asset)]).await, [expected]);
    }
    let devnet = Devnet::builder().chain_id(4326).build().unwrap();
    let megaeth = Chain::new(Network::MEGAETH, devnet.provider()).signer(signer(0));
    let dollar = Asset::default_for(&Network::MEGAETH).unwrap().address.clone();
    assert_eq!(
        problems([megaeth]).await,
        [format!("there is no contract at {dollar} on eip155:4326")],
        "it moves by Permit2"
    );
    let devnet = Devnet::builder().chain_id(31_337).build().unwrap();
    let own = Chain::new("eip155:31337".parse().unwrap(), devnet.provider()).signer(signer(0));
    assert_eq!(
        problems([own]).await,
        ["no token of eip155:31337 is known: add one with `.asset(...)`"]
    );
}

#[tokio::test]
async fn an_rpc_that_cannot_be_asked_is_a_mistake() {
    let world = World::instant();
    world.wire.breaks("*", Fault::Broken);
    let told = problems([world.chain()]).await;
    assert_eq!(told, ["the RPC of eip155:84532 cannot be asked: no connection to the RPC"]);
}

#[tokio::test]
async fn the_pace_of_a_chain_is_learnt_from_its_blocks() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let start = devnet.timestamp();
    for block in 1..=60 {
        devnet.set_next_block_timestamp(start + 3 * block).unwrap();
        devnet.mine();
    }
    let chain = Chain::new(Network::BASE_SEPOLIA, devnet.provider()).signer(signer(0));
    let facilitator = EvmFacilitator::builder().chain(chain).build().await.unwrap();
    assert!(format!("{facilitator:?}").contains("block_time: 3s"), "{facilitator:?}");
}

#[tokio::test]
async fn debug_shows_no_key() {
    let world = World::instant();
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    assert_eq!(x402_evm::LocalSigner::from_hex(key).unwrap().address(), signer(0).address());
    for text in [format!("{:?}", world.chain()), format!("{:?}", world.facilitator().await)] {
        assert!(!text.to_ascii_lowercase().contains(&key[..16]), "{text}");
    }
}

#[tokio::test]
async fn times_beyond_a_day_are_a_mistake() {
    let patient = |with: fn(Chain) -> Chain| with(chain(Network::BASE_SEPOLIA).signer(signer(0)));
    for (chain, what) in [
        (patient(|chain| chain.settle_deadline(std::time::Duration::MAX)), "settle_deadline"),
        (patient(|chain| chain.rpc_timeout(std::time::Duration::MAX)), "rpc_timeout"),
        (patient(|chain| chain.block_time(std::time::Duration::MAX)), "block_time"),
    ] {
        assert_eq!(problems([chain]).await, [format!("eip155:84532: {what} is beyond a day")]);
    }
}
