//! What moves by Permit2, which the payer must have allowed to move it.

use alloy_primitives::U256;
use alloy_provider::Provider;
use axum::Router;
use axum::routing::get;
use interop::Error;
use serde_json::{Value, json};
use x402_axum::Paywall;
use x402_devnet::{DEV_ACCOUNTS, Devnet, Server};
use x402_evm::approval::{Approval, GAS};
use x402_evm::permit2::PERMIT2;
use x402_evm::{LocalSigner, Signer, TypedData};
use x402_facilitator::EvmFacilitator;
use x402_types::extensions::{Extensions, eip2612_gas_sponsoring};
use x402_types::header::PAYMENT_LIMIT;
use x402_types::{Amount, Asset, Network, PaymentPayload, decode};

use crate::shop::{
    SAVINGS, Shop, assert_clean, chain, listen, seller, serve, signatures, texts, visitor,
};

const UNALLOWED: &str = "This account must first allow the contract Permit2 \
                         (0x000000000022D473030F116dDEE9F6B43aC78BA3) to move this token.";

/// A shop, and a node that its visitor's wallet asks.
struct World {
    shop: Shop,
    node: Server,
}

/// Opens a shop that sells for this token by Permit2. The visitor has a dollar, and no gas.
async fn open(change: fn(Asset) -> Asset) -> Result<World, Error> {
    let devnet = Devnet::new();
    devnet.mint(visitor(), U256::from(SAVINGS))?;
    let usdc = Asset::default_for(&Network::BASE_SEPOLIA).ok_or("no token")?.clone();
    let token = change(usdc.by_permit2());
    let chain = chain(Network::BASE_SEPOLIA, &devnet)?;
    let facilitator = EvmFacilitator::builder().chain(chain).build().await?;
    let facilitator = serve(facilitator.router()).await?;
    let (listener, url) = listen().await?;
    let paywall = Paywall::builder()
        .pay_to(seller())
        .facilitator(&facilitator)
        .public_url(&url)
        .asset(token)
        .build()
        .await?;
    let app =
        Router::new().route("/goods", get(|| async { "sold" }).layer(paywall.price("$0.01")?));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let node = devnet.serve(("127.0.0.1", 0)).await?;
    Ok(World { shop: Shop { devnet, url }, node })
}

/// A token whose owner can allow nothing by signature.
fn without_permits(mut token: Asset) -> Asset {
    token.supports_eip2612 = false;
    token
}

impl World {
    /// The visitor has allowed Permit2 to move this much.
    async fn allow(&self, units: u64) -> Result<(), Error> {
        let owner = LocalSigner::from_bytes(&DEV_ACCOUNTS[1].private_key.0)?;
        let transaction = Approval {
            owner: owner.address(),
            chain_id: 84532,
            token: self.shop.devnet.usdc(),
            spender: PERMIT2,
            amount: Amount::from(units),
            nonce: 0,
            gas: GAS,
            max_fee_per_gas: 10_u128.pow(10),
            max_priority_fee_per_gas: 1,
        };
        let data = TypedData::Approval { transaction: transaction.clone() };
        let raw = transaction.raw(owner.sign_typed_data(&data).await?);
        let sent = self.shop.devnet.provider().send_raw_transaction(&raw).await?;
        assert!(sent.get_receipt().await?.status());
        Ok(())
    }

    async fn visit(&self, options: &[&str]) -> Result<Value, Error> {
        let node = self.node.url();
        self.shop.visit("/goods", &[&["--node", &node], options].concat()).await
    }
}

fn payment(seen: &Value) -> Result<PaymentPayload, Error> {
    let sent = texts(seen, "payments").into_iter().next().ok_or("no payment")?;
    Ok(decode(sent.as_bytes(), PAYMENT_LIMIT)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_allowed_permit2_pays_by_one_signature() -> Result<(), Error> {
    for change in [without_permits, |token| token] {
        let world = open(change).await?;
        world.allow(10_000).await?;
        let seen = world.visit(&[]).await?;
        assert_clean(&seen);
        assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
        assert_eq!(seen["content"]["text"], "sold");
        assert_eq!(signatures(&seen), 1);
        assert!(payment(&seen)?.payload.as_str().contains("permit2Authorization"), "{seen}");
        world.shop.assert_paid(1)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_allowed_permit2_signs_that_too_over_the_price_and_needs_no_gas()
-> Result<(), Error> {
    let world = open(|token| token).await?;
    world.allow(9_999).await?;
    world.shop.devnet.set_balance(visitor(), U256::ZERO);
    let seen = world.visit(&[]).await?;
    assert_clean(&seen);
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    assert_eq!(signatures(&seen), 2);
    let told = texts(&seen, "told");
    let first = "Sign an allowance of 1 cent for Permit2, then the payment, in Test Wallet.";
    assert!(told.contains(&first), "{told:?}");
    assert!(told.contains(&"Sign the payment of 1 cent in Test Wallet."), "{told:?}");
    let answered = payment(&seen)?.extensions.ok_or("no extensions")?;
    let permit: eip2612_gas_sponsoring::Answer =
        Extensions::read(&answered)?.get()?.ok_or("no permit")?;
    assert_eq!(permit.info.amount, Amount::from(10_000));
    world.shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declines_to_allow_permit2_is_told_and_pays_at_the_next_try() -> Result<(), Error> {
    let world = open(|token| token).await?;
    let refuses = ["--refuses", "eth_signTypedData_v4=4001", "--clicks", "2"];
    let seen = world.visit(&refuses).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "said"), ["Declined in the wallet. Nothing was paid."]);
    assert_eq!(seen["paid"], "Paid 1 cent on Base Sepolia", "{seen}");
    world.shop.assert_paid(1)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_allow_permit2_by_no_signature_is_told_what_it_takes_and_signs_nothing()
-> Result<(), Error> {
    let world = open(without_permits).await?;
    let seen = world.visit(&[]).await?;
    assert_clean(&seen);
    assert_eq!(texts(&seen, "said"), [format!("{UNALLOWED} Nothing was paid.")]);
    assert_eq!(signatures(&seen), 0);
    assert_eq!(seen["payments"], json!([]));
    world.shop.assert_paid(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_allowed_too_little_is_told_by_the_shop_where_the_wallet_cannot_say()
-> Result<(), Error> {
    let world = open(|token| token).await?;
    let seen = world.shop.visit("/goods", &[]).await?;
    assert_clean(&seen);
    let said = format!("The payment was refused. {UNALLOWED} Nothing was charged.");
    assert_eq!(texts(&seen, "said"), [said]);
    assert_eq!(signatures(&seen), 1);
    world.shop.assert_paid(0)
}
