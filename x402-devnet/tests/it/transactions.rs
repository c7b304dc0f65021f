//! Sending, waiting and finding transactions through alloy, in process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::time::Duration;

use crate::support::{signer, to_token, wallet};
use alloy_consensus::{Transaction as _, proofs::calculate_transaction_root};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_network::{EthereumWallet, NetworkWallet, TransactionBuilder};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_provider::Provider;
use alloy_rpc_types_eth::{Filter, TransactionRequest};
use alloy_sol_types::SolEvent;
use x402_devnet::{BuildError, DEV_ACCOUNTS, DevUsdc, Devnet, USDC};

const PAYEE: Address = Address::repeat_byte(0x77);

fn ether(from: usize) -> TransactionRequest {
    TransactionRequest::default()
        .from(DEV_ACCOUNTS[from].address)
        .to(PAYEE)
        .value(U256::from(1_000_000))
}

/// Signed by the account, with everything filled in.
async fn raw(from: usize, nonce: u64, fee: u128) -> Vec<u8> {
    use alloy_eips::eip2718::Encodable2718;
    let request = ether(from)
        .nonce(nonce)
        .with_chain_id(84532)
        .gas_limit(21_000)
        .max_fee_per_gas(fee)
        .max_priority_fee_per_gas(fee / 2);
    let wallet = EthereumWallet::from(signer(from));
    NetworkWallet::<alloy_network::Ethereum>::sign_request(&wallet, request)
        .await
        .unwrap()
        .encoded_2718()
}

async fn accepted(devnet: &Devnet, raw: &[u8]) -> B256 {
    *devnet.provider().send_raw_transaction(raw).await.unwrap().tx_hash()
}

async fn refused(devnet: &Devnet, raw: &[u8]) -> String {
    let error = devnet.provider().send_raw_transaction(raw).await.unwrap_err();
    let error = error.as_error_resp().unwrap();
    assert_eq!(error.code, -32000, "{error}");
    error.message.to_string()
}

const FEE: u128 = 1_000_000_000;

#[tokio::test]
async fn ether_arrives_and_the_sender_pays_the_gas() {
    let devnet = Devnet::new();
    let receipt =
        wallet(&devnet, signer(0)).send_transaction(ether(0)).await.unwrap().get_receipt().await;
    let receipt = receipt.unwrap();

    assert!(receipt.status());
    assert_eq!(receipt.gas_used, 21_000);
    assert_eq!(devnet.balance(PAYEE), U256::from(1_000_000));
    let cost = U256::from(receipt.effective_gas_price) * U256::from(21_000);
    let start = U256::from(10_000) * U256::from(10).pow(U256::from(18));
    assert_eq!(devnet.balance(DEV_ACCOUNTS[0].address), start - cost - U256::from(1_000_000));
}

#[tokio::test]
async fn a_mined_transaction_is_found_in_every_way() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    let mint = to_token(DevUsdc::mintCall { to: PAYEE, amount: U256::from(5) });
    let hash = *provider.send_transaction(mint).await.unwrap().tx_hash();

    let found = provider.get_transaction_by_hash(hash).await.unwrap().unwrap();
    assert_eq!(found.block_number, Some(1));
    assert_eq!(found.inner.signer(), DEV_ACCOUNTS[0].address);
    let receipt = provider.get_transaction_receipt(hash).await.unwrap().unwrap();
    assert_eq!(receipt.logs().len(), 1);
    let event = DevUsdc::Transfer::decode_log(&receipt.logs()[0].inner).unwrap();
    assert_eq!((event.to, event.value), (PAYEE, U256::from(5)));

    let block = provider.get_block_by_number(1.into()).full().await.unwrap().unwrap();
    assert_eq!(block.transactions.as_transactions().unwrap(), &[found]);
    assert_eq!(block.header.hash, block.header.inner.hash_slow());
    let envelopes: Vec<_> = block.transactions.txns().map(|found| found.inner.inner()).collect();
    assert_eq!(calculate_transaction_root(&envelopes), block.header.transactions_root);
    let same = provider.get_block_by_hash(block.header.hash).await.unwrap().unwrap();
    assert_eq!(same.transactions.hashes().collect::<Vec<_>>(), [hash]);
    let receipts = provider.get_block_receipts(1.into()).await.unwrap().unwrap();
    assert_eq!(receipts, std::slice::from_ref(&receipt));

    let transfers = Filter::new().address(USDC).event_signature(DevUsdc::Transfer::SIGNATURE_HASH);
    let logs = provider.get_logs(&transfers.clone().from_block(0)).await.unwrap();
    assert_eq!(logs, receipt.logs());
    let nobody = transfers.from_block(0).topic2(Address::ZERO.into_word());
    assert!(provider.get_logs(&nobody).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_reverting_transaction_is_mined_with_status_zero_and_no_logs() {
    let devnet = Devnet::new();
    let transfer = to_token(DevUsdc::transferCall { to: PAYEE, value: U256::from(1) });
    let sent = wallet(&devnet, signer(0)).send_transaction(transfer.gas_limit(100_000)).await;
    let receipt = sent.unwrap().get_receipt().await.unwrap();

    assert!(!receipt.status());
    assert!(receipt.logs().is_empty());
    assert!(receipt.gas_used < 100_000);
    assert_eq!(devnet.provider().get_transaction_count(DEV_ACCOUNTS[0].address).await.unwrap(), 1);
}

#[tokio::test]
async fn a_nonce_ahead_waits_and_is_mined_with_the_one_before_it() {
    let devnet = Devnet::new();
    let (provider, sender) = (devnet.provider(), DEV_ACCOUNTS[0].address);
    let ahead = accepted(&devnet, &raw(0, 1, FEE).await).await;

    assert_eq!((devnet.block_number(), devnet.waiting()), (0, 1));
    assert!(provider.get_transaction_receipt(ahead).await.unwrap().is_none());
    let waiting = provider.get_transaction_by_hash(ahead).await.unwrap().unwrap();
    assert_eq!(waiting.block_hash, None);
    assert_eq!(provider.get_transaction_count(sender).pending().await.unwrap(), 0);

    let first = accepted(&devnet, &raw(0, 0, FEE).await).await;
    assert_eq!((devnet.block_number(), devnet.waiting()), (1, 0));
    for (index, hash) in [first, ahead].into_iter().enumerate() {
        let receipt = provider.get_transaction_receipt(hash).await.unwrap().unwrap();
        assert_eq!(receipt.transaction_index, Some(index as u64));
    }
}

#[tokio::test]
async fn without_instant_blocks_transactions_wait_and_count_as_pending() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let (provider, sender) = (devnet.provider(), DEV_ACCOUNTS[0].address);
    for nonce in 0..3 {
        accepted(&devnet, &raw(0, nonce, FEE).await).await;
    }
    assert_eq!(provider.get_transaction_count(sender).await.unwrap(), 0);
    assert_eq!(provider.get_transaction_count(sender).pending().await.unwrap(), 3);

    assert_eq!(devnet.mine(), 1);
    assert_eq!(provider.get_transaction_count(sender).await.unwrap(), 3);
    let block = provider.get_block_by_number(1.into()).await.unwrap().unwrap();
    assert_eq!(block.transactions.len(), 3);
    assert_eq!(block.header.gas_used, 63_000);
}

#[tokio::test(start_paused = true)]
async fn blocks_come_at_their_interval_with_or_without_transactions() {
    let devnet = Devnet::builder().block_interval(Duration::from_secs(2)).build().unwrap();
    let provider = devnet.provider();
    let pending = provider.send_raw_transaction(&raw(0, 0, FEE).await).await.unwrap();
    assert_eq!(devnet.block_number(), 0);

    let receipt = pending.get_receipt().await.unwrap();
    assert_eq!(receipt.block_number, Some(1));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(devnet.block_number() >= 10);
}

#[test]
fn a_block_interval_that_cannot_work_is_an_error() {
    let interval = |interval| Devnet::builder().block_interval(interval).build().unwrap_err();
    assert!(matches!(interval(Duration::ZERO), BuildError::ZeroInterval));
    assert!(matches!(interval(Duration::from_secs(1)), BuildError::NoRuntime));
}

#[tokio::test]
async fn a_replacement_needs_a_tenth_more_in_fees() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let provider = devnet.provider();
    let first = accepted(&devnet, &raw(0, 0, FEE).await).await;

    assert_eq!(
        refused(&devnet, &raw(0, 0, FEE + FEE / 20).await).await,
        "replacement transaction underpriced"
    );
    let dearer = raw(0, 0, FEE + FEE / 10).await;
    let second = accepted(&devnet, &dearer).await;
    assert!(provider.get_transaction_by_hash(first).await.unwrap().is_none());
    devnet.mine();
    assert!(provider.get_transaction_receipt(second).await.unwrap().unwrap().status());
    assert!(provider.get_transaction_receipt(first).await.unwrap().is_none());
}

#[tokio::test]
async fn refusals_are_worded_as_geth_words_them() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let first = raw(0, 0, FEE).await;
    accepted(&devnet, &first).await;
    assert_eq!(refused(&devnet, &first).await, "already known");

    devnet.mine();
    assert_eq!(refused(&devnet, &first).await, "nonce too low: next nonce 1, tx nonce 0");

    devnet.set_balance(DEV_ACCOUNTS[1].address, U256::from(1));
    let refusal = refused(&devnet, &raw(1, 0, FEE).await).await;
    assert_eq!(
        refusal,
        "insufficient funds for gas * price + value: balance 1, tx cost 21000001000000, overshot 21000000999999"
    );

    let poor = wallet(&devnet, signer(2)).send_transaction(ether(2).gas_limit(20_999)).await;
    let poor = poor.unwrap_err();
    assert_eq!(
        poor.as_error_resp().unwrap().message,
        "intrinsic gas too low: gas 20999, minimum needed 21000"
    );
    let greedy = wallet(&devnet, signer(2)).send_transaction(ether(2).gas_limit(30_000_001)).await;
    assert_eq!(greedy.unwrap_err().as_error_resp().unwrap().message, "exceeds block gas limit");
    let other = Devnet::builder().chain_id(1).build().unwrap();
    assert_eq!(
        refused(&other, &first).await,
        "invalid sender: invalid chain id for signer: have 84532 want 1"
    );
}

#[tokio::test]
async fn a_fee_below_the_base_fee_waits_until_the_base_fee_falls() {
    let devnet = Devnet::builder().base_fee(2_000_000_000).build().unwrap();
    accepted(&devnet, &raw(0, 0, FEE).await).await;
    devnet.mine();
    assert_eq!(devnet.waiting(), 1);

    devnet.set_base_fee(1_000_000);
    assert_eq!((devnet.waiting(), devnet.block_number()), (0, 2));
}

#[tokio::test]
async fn a_block_takes_the_higher_tip_first() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let provider = devnet.provider();
    let low = accepted(&devnet, &raw(0, 0, FEE).await).await;
    let high = accepted(&devnet, &raw(1, 0, 3 * FEE).await).await;
    devnet.mine();
    let block = provider.get_block_by_number(1.into()).await.unwrap().unwrap();
    assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), [high, low]);
}

#[tokio::test]
async fn legacy_and_access_list_transactions_are_mined_too() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    let legacy = ether(0).with_gas_price(FEE);
    let receipt = provider.send_transaction(legacy).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    assert_eq!(receipt.effective_gas_price, FEE);

    let listed = ether(0).with_gas_price(FEE).access_list(Default::default());
    let receipt = provider.send_transaction(listed).await.unwrap().get_receipt().await.unwrap();
    assert!(receipt.status());
    let types = [0, 1].map(|index| (index, provider.clone()));
    for (index, provider) in types {
        let block = provider.get_block_by_number((index + 1).into()).full().await.unwrap().unwrap();
        let transaction = block.transactions.as_transactions().unwrap()[0].clone();
        assert_eq!(u64::from(alloy_consensus::Typed2718::ty(&transaction.inner)), index);
        assert_eq!(transaction.gas_price(), Some(FEE));
    }
}

#[tokio::test]
async fn a_contract_is_deployed_and_called() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    // Its constructor returns the code `PUSH1 42, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN`.
    let init = Bytes::from_static(&alloy_primitives::hex!("67602a5f5260205ff35f5260086018f3"));
    let mut request = TransactionRequest::default().input(init.into());
    request.to = Some(TxKind::Create);
    let receipt = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    let contract = receipt.contract_address.unwrap();
    assert_eq!(contract, DEV_ACCOUNTS[0].address.create(0));
    let answer = provider.call(TransactionRequest::default().to(contract)).await.unwrap();
    assert_eq!(U256::from_be_slice(&answer), U256::from(42));
    assert_eq!(provider.get_code_at(contract).await.unwrap().len(), 8);
}

#[tokio::test]
async fn the_past_stays_readable() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    for _ in 0..3 {
        provider.send_transaction(ether(0)).await.unwrap().get_receipt().await.unwrap();
    }
    for number in 0..=3 {
        let then = provider.get_balance(PAYEE).number(number).await.unwrap();
        assert_eq!(then, U256::from(number * 1_000_000));
        let nonce = provider.get_transaction_count(DEV_ACCOUNTS[0].address).number(number).await;
        assert_eq!(nonce.unwrap(), number);
    }
    let ahead = provider.get_balance(PAYEE).number(4).await.unwrap_err();
    assert_eq!(ahead.as_error_resp().unwrap().message, "header not found");
    assert!(provider.get_block_by_number(4.into()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_snapshot_brings_everything_back() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    devnet.mint(PAYEE, U256::from(7)).unwrap();
    let snapshot = devnet.snapshot();
    devnet.mint(PAYEE, U256::from(1)).unwrap();
    let sent = provider.send_transaction(ether(0)).await.unwrap();
    let hash = *sent.tx_hash();
    devnet.increase_time(Duration::from_secs(1_000_000));

    assert!(devnet.revert(snapshot));
    assert_eq!(devnet.token_balance(PAYEE).unwrap(), U256::from(7));
    assert_eq!((devnet.block_number(), devnet.balance(PAYEE)), (0, U256::ZERO));
    assert!(provider.get_transaction_receipt(hash).await.unwrap().is_none());
    assert!(!devnet.revert(snapshot), "it is used up");
}

#[tokio::test]
async fn filters_tell_what_is_new_once() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    let blocks = provider.new_block_filter().await.unwrap();
    let logs = provider.new_filter(&Filter::new().address(USDC)).await.unwrap();
    let mint = to_token(DevUsdc::mintCall { to: PAYEE, amount: U256::from(5) });
    provider.send_transaction(mint).await.unwrap().get_receipt().await.unwrap();

    let hash = provider.get_block_by_number(1.into()).await.unwrap().unwrap().header.hash;
    assert_eq!(provider.get_filter_changes::<B256>(blocks).await.unwrap(), [hash]);
    assert!(provider.get_filter_changes::<B256>(blocks).await.unwrap().is_empty());
    let news = provider.get_filter_changes::<alloy_rpc_types_eth::Log>(logs).await.unwrap();
    assert_eq!(news.len(), 1);
    assert!(provider.uninstall_filter(logs).await.unwrap());
    let gone = provider.get_filter_changes::<alloy_rpc_types_eth::Log>(logs).await.unwrap_err();
    assert_eq!(gone.as_error_resp().unwrap().message, "filter not found");
}

#[tokio::test]
async fn time_follows_the_clock_and_moves_where_asked() {
    let devnet = Devnet::new();
    let provider = devnet.provider();
    for _ in 0..50 {
        devnet.mine();
    }
    let wall = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let head = |tag: BlockNumberOrTag| {
        let provider = provider.clone();
        async move { provider.get_block_by_number(tag).await.unwrap().unwrap().header.timestamp }
    };
    assert!(head(BlockNumberOrTag::Latest).await <= wall, "never ahead of the wall clock");

    devnet.increase_time(Duration::from_secs(3600));
    devnet.mine();
    assert!((wall + 3600..wall + 3660).contains(&head(BlockNumberOrTag::Latest).await));
    devnet.set_next_block_timestamp(wall + 10_000).unwrap();
    devnet.mine();
    assert_eq!(head(BlockNumberOrTag::Latest).await, wall + 10_000);
    let error = devnet.set_next_block_timestamp(wall).unwrap_err();
    assert_eq!((error.asked, error.parent), (wall, wall + 10_000));
    assert!(head(BlockNumberOrTag::Pending).await >= wall + 10_000);
}

#[tokio::test]
async fn fees_and_estimates_are_what_a_transaction_needs() {
    let devnet = Devnet::new();
    let provider = wallet(&devnet, signer(0));
    assert_eq!(provider.estimate_gas(ether(0)).await.unwrap(), 21_000);
    let mint = to_token(DevUsdc::mintCall { to: PAYEE, amount: U256::from(5) });
    let estimate = provider.estimate_gas(mint.clone()).await.unwrap();
    let receipt =
        provider.send_transaction(mint.gas_limit(estimate)).await.unwrap().get_receipt().await;
    let used = receipt.unwrap().gas_used;
    assert!(used <= estimate && estimate < used + used / 20, "{used} of {estimate}");

    let history = provider.get_fee_history(5, BlockNumberOrTag::Latest, &[50.0]).await.unwrap();
    assert_eq!((history.oldest_block, history.base_fee_per_gas.len()), (0, 3));
    assert_eq!(history.reward.unwrap().len(), 2);
    assert_eq!(provider.get_gas_price().await.unwrap(), 6_000_000);
}

#[tokio::test]
async fn a_call_takes_state_overrides() {
    let devnet = Devnet::new();
    let mut overrides = alloy_rpc_types_eth::state::StateOverride::default();
    let code = Bytes::from_static(&alloy_primitives::hex!("602a5f5260205ff3"));
    overrides.entry(PAYEE).or_default().set_code(code);
    let request = TransactionRequest::default().to(PAYEE);
    let answer = devnet.provider().call(request.clone()).overrides(overrides).await.unwrap();
    assert_eq!(U256::from_be_slice(&answer), U256::from(42));
    assert!(devnet.provider().call(request).block(BlockId::latest()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transaction_that_its_sender_can_no_longer_pay_is_dropped() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let hashes = [
        accepted(&devnet, &raw(0, 0, FEE).await).await,
        accepted(&devnet, &raw(0, 1, FEE).await).await,
    ];
    devnet.set_balance(DEV_ACCOUNTS[0].address, U256::from(22_000) * U256::from(FEE));
    devnet.mine();
    let provider = devnet.provider();
    assert!(provider.get_transaction_receipt(hashes[0]).await.unwrap().unwrap().status());
    assert!(provider.get_transaction_by_hash(hashes[1]).await.unwrap().is_none());
    assert_eq!(devnet.waiting(), 0);
}

#[tokio::test]
async fn a_dropped_transaction_is_never_mined() {
    let devnet = Devnet::builder().manual_mining().build().unwrap();
    let hash = accepted(&devnet, &raw(0, 0, FEE).await).await;
    assert!(devnet.drop_transaction(hash));
    assert!(!devnet.drop_transaction(hash));
    devnet.mine();
    assert!(devnet.provider().get_transaction_by_hash(hash).await.unwrap().is_none());
}
