//! Many settlements at once, on devnet and on a real node.

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_provider::{Provider, RootProvider};
use common::{Anvil, devnet, mint};
use examples::shop::Error;
use serde_json::json;
use tokio::task::JoinSet;
use x402_devnet::{DEV_ACCOUNTS, USDC};
use x402_evm::{ExactEvmPayer, LocalSigner, exact_offer};
use x402_facilitator::{Chain, EvmFacilitator};
use x402_ledger::MemoryStore;
use x402_types::facilitator::{Facilitator, Request};
use x402_types::scheme::ClientScheme;
use x402_types::{
    Amount, Asset, ErrorReason, Network, PaymentPayload, SettleResponse, Verbatim, VerifyRequest,
    Version,
};

fn signer(at: usize) -> Result<LocalSigner, Error> {
    let account = DEV_ACCOUNTS.get(at).ok_or("no such account")?;
    Ok(LocalSigner::from_bytes(&account.private_key.0)?)
}

/// The second account's payment to the third.
async fn payment() -> Result<Request, Error> {
    let usdc = Asset::find(&Network::BASE_SEPOLIA, &USDC.to_string()).ok_or("no USDC")?;
    let seller = DEV_ACCOUNTS[2].address.to_string();
    let offer = Verbatim::new(exact_offer(usdc, Amount::from(1_000_u64), &seller, 300)?)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let payload =
        ExactEvmPayer::new(signer(1)?).draft(&offer, None, now, 300)?.sign().await?.payload;
    let payment = PaymentPayload {
        x402_version: Version,
        resource: None,
        accepted: offer.clone(),
        payload,
        extensions: None,
    };
    Ok(Request::v2(VerifyRequest {
        x402_version: Version,
        payment_payload: Verbatim::new(payment)?,
        payment_requirements: offer,
    }))
}

fn chain(provider: &RootProvider) -> Result<Chain, Error> {
    Ok(Chain::new(Network::BASE_SEPOLIA, provider.clone()).signer(signer(0)?))
}

/// The blocks of so many payments that are settled at once.
async fn settle_at_once(
    provider: &RootProvider,
    facilitator: &EvmFacilitator,
    payments: usize,
) -> Result<BTreeSet<u64>, Error> {
    let mut settling = JoinSet::new();
    for _ in 0..payments {
        let (facilitator, request) = (facilitator.clone(), payment().await?);
        settling.spawn(async move { facilitator.settle(&request).await });
    }
    let (mut blocks, mut transactions) = (BTreeSet::new(), BTreeSet::new());
    while let Some(answer) = settling.join_next().await {
        let answer: SettleResponse = answer??;
        assert!(answer.success, "{answer:?}");
        let receipt = provider.get_transaction_receipt(answer.transaction.parse()?).await?;
        blocks.extend(receipt.ok_or("no receipt")?.block_number);
        assert!(transactions.insert(answer.transaction), "one transaction for two payments");
    }
    Ok(blocks)
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_payments_at_once_through_one_signer_settle_within_a_few_blocks()
-> Result<(), Error> {
    let anvil = Anvil::start(&["--block-time", "1"])?;
    let provider = anvil.provider().await?;
    mint(&provider, DEV_ACCOUNTS[1].address, 1_000_000).await?;
    let facilitator = EvmFacilitator::builder().chain(chain(&provider)?).build().await?;
    let start = provider.get_block_number().await?;
    let blocks = settle_at_once(&provider, &facilitator, 16).await?;
    assert!(blocks.iter().all(|block| *block <= start + 4), "{blocks:?} after {start}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_payments_at_once_through_two_signers_settle_on_devnet() -> Result<(), Error> {
    let devnet = devnet()?;
    let provider = devnet.provider();
    let chain = chain(&provider)?.signer(signer(3)?);
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    settle_at_once(&provider, &facilitator, 32).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_payments_at_once_settle_where_each_makes_a_block() -> Result<(), Error> {
    let anvil = Anvil::start(&[])?;
    let provider = anvil.provider().await?;
    mint(&provider, DEV_ACCOUNTS[1].address, 1_000_000).await?;
    let facilitator = EvmFacilitator::builder().chain(chain(&provider)?).build().await?;
    settle_at_once(&provider, &facilitator, 16).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_waits_for_a_block_does_not_speak_against_its_own_payment()
-> Result<(), Error> {
    let anvil = Anvil::start(&[])?;
    let provider = anvil.provider().await?;
    mint(&provider, DEV_ACCOUNTS[1].address, 1_000_000).await?;
    let mine =
        async |on: bool| provider.raw_request::<_, ()>("evm_setAutomine".into(), json!([on])).await;
    mine(false).await?;
    let (books, request) = (MemoryStore::new(), payment().await?);
    let first = chain(&provider)?.settle_deadline(Duration::from_secs(2));
    let first = EvmFacilitator::builder().chain(first).payments(books.clone()).build().await?;
    let pending = first.settle(&request).await?;
    assert_eq!(pending.error_reason, Some(ErrorReason::SettlementPending));

    // Another process takes the payment up.
    let second = EvmFacilitator::builder().chain(chain(&provider)?).payments(books).build().await?;
    let settling = tokio::spawn(async move { second.settle(&request).await });
    let sent = async {
        while provider.get_transaction_count(DEV_ACCOUNTS[0].address).pending().await? < 2 {
            tokio::task::yield_now().await;
        }
        Ok::<_, Error>(())
    };
    tokio::time::timeout(Duration::from_secs(10), sent).await??;
    mine(true).await?;
    provider.raw_request::<_, serde_json::Value>("evm_mine".into(), json!([])).await?;
    let settled = settling.await??;
    assert!(settled.success, "{settled:?}");
    assert_eq!(settled.transaction, pending.transaction, "the first one moved the money");
    Ok(())
}
