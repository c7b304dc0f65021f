//! Mistakes in a configuration are told when it is built, all of them.

use x402_client::{Mistake, Payer};
use x402_evm::LocalSigner;
use x402_types::{Asset, Network};

fn signer() -> LocalSigner {
    LocalSigner::random().unwrap()
}

#[test]
fn all_mistakes_are_told_at_once_and_say_what_to_change() {
    let known = Asset::default_for(&Network::BASE).unwrap();
    let fake = Asset::eip3009(Network::BASE, "USDC", known.address.clone(), "USDC", "2", 18);
    let error = Payer::builder()
        .max_per_payment("10 cents")
        .networks(["base-sepolia", "bass", "eip155:424242"])
        .asset(fake)
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the payer cannot be built\n\
         - there is nothing to pay with: give a key with `signer`, or a `scheme`\n\
         - `asset`: USDC on eip155:8453 is known, and is not as described: leave it out\n\
         - `networks`: unknown network \"bass\": write it as CAIP-2, such as \"eip155:84532\", or \
         by its x402 v1 name, such as \"base-sepolia\"\n\
         - `networks`: no token is known on eip155:424242: describe one with `asset`\n\
         - `max_per_payment`: a limit is in dollars, not in cents: write it like \"$0.10\""
    );
}

#[test]
fn each_mistake_is_found_by_itself() {
    let none: [&str; 0] = [];
    let own =
        |decimals| Asset::eip3009(Network::eip155(31337), "DEV", "0x01", "Dev", "1", decimals);
    let solana = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
    let cases = [
        (Payer::builder(), vec![Mistake::NoScheme]),
        (Payer::builder().signer(signer()).networks(none), vec![Mistake::NoNetworks]),
        (
            Payer::builder().signer(signer()).networks([solana]),
            vec![
                Mistake::NotCovered(solana.parse().unwrap()),
                Mistake::NoAsset(solana.parse().unwrap()),
            ],
        ),
        (
            Payer::builder().signer(signer()).signer(signer()).networks(["base"]),
            vec![Mistake::TwoSchemes { scheme: "exact".to_owned(), network: Network::BASE }],
        ),
        (
            Payer::builder().signer(signer()).asset(own(37)),
            vec![Mistake::Decimals { symbol: "DEV".to_owned(), decimals: 37 }],
        ),
        (Payer::builder().signer(signer()).approve_permit2(), vec![Mistake::ApprovalUnseen]),
    ];
    for (builder, mistakes) in cases {
        assert_eq!(builder.build().unwrap_err().mistakes, mistakes);
    }
    let fine = Payer::builder().signer(signer()).networks(["eip155:31337"]).asset(own(6));
    assert!(fine.build().is_ok());
}
