//! Prices, amounts and networks: everything that is a string with a grammar.

#![no_main]

use libfuzzer_sys::fuzz_target;
use x402_types::{Amount, Money, Network};

fuzz_target!(|text: &str| {
    if let Ok(money) = text.parse::<Money>() {
        assert_eq!(money.to_string().parse().as_ref(), Ok(&money));
        for decimals in [0, 2, 6, 18, 24, 77, 255] {
            let Ok(floor) = money.to_amount_floor(decimals) else { continue };
            match money.to_amount(decimals) {
                Ok(amount) => {
                    assert_eq!(amount, floor);
                    assert_eq!(amount.is_zero(), money.is_zero(), "never free by rounding");
                }
                Err(_) => assert!(decimals < 24),
            }
        }
    }
    if let Ok(amount) = text.parse::<Amount>() {
        assert_eq!(amount.to_string(), text);
    }
    if let Ok(network) = text.parse::<Network>() {
        assert_eq!(Network::from_caip2(network.as_str()).as_ref(), Ok(&network));
        assert_eq!(network.chain_id().is_some(), network.namespace() == "eip155");
    }
});
