//! Prices and networks in words.

use std::borrow::Cow;

use x402_evm::UPTO;
use x402_types::{Amount, Asset, Network, PaymentRequirements};

/// A price as a person says it.
pub(super) struct Words {
    /// How much: `1 cent`, `$1.50`, `Up to 5 cents`.
    pub(super) amount: String,
    /// In what: `in USDC on Base Sepolia`.
    pub(super) of: String,
    /// What the token is called: its symbol, or what little is known.
    pub(super) token: String,
}

impl Words {
    pub(super) fn of(offer: &PaymentRequirements) -> Self {
        let place = network(&offer.network);
        let (amount, of, token) = match Asset::find(&offer.network, &offer.asset) {
            Some(asset) => {
                let of = format!("in {} on {place}", asset.symbol);
                (in_dollars(asset, offer.amount), of, asset.symbol.clone().into_owned())
            }
            // Neither its value nor its decimals are known, whatever the terms say.
            None => {
                let of = format!("of the token {} on {place}", offer.asset);
                (format!("{} units", offer.amount), of, "of the token".to_owned())
            }
        };
        let amount = if offer.scheme == UPTO { format!("Up to {amount}") } else { amount };
        Self { amount, of, token }
    }
}

/// Below a dollar in cents, however small, else in dollars.
fn in_dollars(asset: &Asset, amount: Amount) -> String {
    let words = asset.in_words(amount);
    let below_a_dollar = words.starts_with("$0.");
    match asset.decimals.checked_sub(2) {
        Some(decimals) if below_a_dollar => match amount.to_decimal(decimals).as_str() {
            "1" => "1 cent".to_owned(),
            cents => format!("{cents} cents"),
        },
        _ => words.split(' ').next().unwrap_or_default().to_owned(),
    }
}

/// What people call networks that version 1 has no name for, or writes otherwise.
const NAMES: [(&str, &str); 15] = [
    ("eip155:4689", "IoTeX"),
    ("eip155:41923", "EDU Chain"),
    ("eip155:324705682", "SKALE Base Sepolia"),
    ("eip155:4326", "MegaETH"),
    ("eip155:11155111", "Ethereum Sepolia"),
    ("eip155:42161", "Arbitrum One"),
    ("eip155:421614", "Arbitrum Sepolia"),
    ("eip155:31612", "Mezo"),
    ("eip155:31611", "Mezo Testnet"),
    ("eip155:50", "XDC"),
    ("eip155:51", "XDC Apothem"),
    ("eip155:11142220", "Celo Sepolia"),
    ("eip155:10", "Optimism"),
    ("eip155:56", "BNB Smart Chain"),
    ("eip155:100", "Gnosis"),
];

/// A network as people call it, or as CAIP-2 does.
pub(super) fn network(network: &Network) -> Cow<'_, str> {
    let caip2 = network.as_str();
    if let Some((_, name)) = NAMES.iter().find(|(known, _)| *known == caip2) {
        return Cow::Borrowed(name);
    }
    let Some(name) = network.v1_name() else { return Cow::Borrowed(caip2) };
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    });
    Cow::Owned(words.collect::<Vec<_>>().join(" "))
}
