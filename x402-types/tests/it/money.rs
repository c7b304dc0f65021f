//! The grammar of prices.

use x402_types::{Amount, Money, MoneyError};

fn units(price: &str, decimals: u8) -> Result<Amount, MoneyError> {
    price.parse::<Money>()?.to_amount(decimals)
}

#[test]
fn prices_in_dollars_are_read() {
    for (price, expected) in [
        ("$0.01", 10_000u64),
        ("0.01", 10_000),
        ("$ 0.01", 10_000),
        (" $0.01 ", 10_000),
        ("\t0.01\t", 10_000),
        ("1", 1_000_000),
        ("$1", 1_000_000),
        ("$1.5 USD", 1_500_000),
        ("1.50 USD", 1_500_000),
        ("0.000001", 1),
        ("0.0000010", 1),
        ("007", 7_000_000),
        ("0", 0),
        ("$0.00", 0),
        ("18446744073709.551615", u64::MAX),
    ] {
        let money: Money = price.parse().unwrap();
        assert_eq!(money.symbol(), None, "{price}");
        assert_eq!(money.to_amount(6).unwrap(), Amount::from(expected), "{price}");
    }
}

#[test]
fn a_price_may_name_its_asset() {
    for (price, symbol) in [
        ("1.50 USDC", "USDC"),
        ("$1.50 USDC", "USDC"),
        ("1.50 \t USDC ", "USDC"),
        ("1.50 USDC.e", "USDC.e"),
        ("1.50 mUSD", "mUSD"),
        ("1.50 usd", "usd"),
        ("1.50 USDT0", "USDT0"),
    ] {
        let money: Money = price.parse().unwrap();
        assert_eq!(money.symbol(), Some(symbol), "{price}");
        assert_eq!(money.to_amount(6).unwrap(), Amount::from(1_500_000u64));
    }
}

#[test]
fn everything_else_is_no_price() {
    for text in [
        "1.50USDC",
        "1e-7",
        "1E5",
        "1e21",
        "$1,000",
        "1,50",
        "1'000",
        "1_000",
        "-1",
        "-0",
        "+1",
        "$-1",
        "-$1",
        ".5",
        "5.",
        ".",
        "$",
        "$ ",
        "",
        " ",
        "NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "٣",
        "１",
        "0x10",
        "1.2.3",
        "1..2",
        "$$1",
        "$1$",
        "1 $",
        "€1",
        "1 €",
        "£1",
        "USDC 1",
        "USDC",
        "1 USDC USDC",
        "1 2",
        "1 US-DC",
        "1 USD₮0",
        "1 0USD",
        "1 ABCDEFGHIJKLMNOPQ",
        "1\u{a0}USDC",
        "1\nUSDC",
        "\n1",
        "1\0",
        "½",
        "1/2",
        "1%",
        "free",
        "null",
        "1 .USD",
    ] {
        assert!(matches!(text.parse::<Money>(), Err(MoneyError::Format(_))), "{text:?}");
    }
}

#[test]
fn a_price_finer_than_the_atomic_unit_is_an_error_and_never_free() {
    for (price, decimals) in [
        ("$0.0000005", 6),
        ("$0.0000001", 6),
        ("1.0000001", 6),
        ("0.5", 0),
        ("0.000000000000000000000001", 18),
    ] {
        assert!(
            matches!(units(price, decimals), Err(MoneyError::TooFine { .. })),
            "{price} at {decimals}"
        );
    }
    assert_eq!(units("0.0000005", 7).unwrap(), Amount::from(5u64));
    assert_eq!(units("0.5000000", 1).unwrap(), Amount::from(5u64));
}

#[test]
fn a_limit_is_rounded_down() {
    for (limit, decimals, expected) in
        [("$0.0000009", 6, 0u64), ("$0.0000019", 6, 1), ("1.99", 0, 1), ("$1", 6, 1_000_000)]
    {
        let limit: Money = limit.parse().unwrap();
        assert_eq!(limit.to_amount_floor(decimals).unwrap(), Amount::from(expected));
    }
}

#[test]
fn a_price_has_at_most_30_digits_24_of_them_after_the_point() {
    let longest = format!("{}.{}", "9".repeat(6), "9".repeat(24));
    assert!(longest.parse::<Money>().is_ok());
    assert!("9".repeat(30).parse::<Money>().is_ok());
    for text in [
        "9".repeat(31),
        format!("0.{}", "9".repeat(25)),
        format!("{}.{}", "9".repeat(7), "9".repeat(24)),
        "9".repeat(1_000_000),
    ] {
        assert!(matches!(text.parse::<Money>(), Err(MoneyError::TooLong(_))));
    }
    let zeros = format!("{}1.5{}", "0".repeat(100), "0".repeat(100));
    assert_eq!(zeros.parse::<Money>().unwrap(), "1.5".parse().unwrap());
}

#[test]
fn a_price_that_overflows_256_bits_is_an_error() {
    let price: Money = "999999999999999999999999999999".parse().unwrap();
    assert!(price.to_amount(47).is_ok());
    for decimals in [48, 77, 78, 255] {
        assert!(matches!(price.to_amount(decimals), Err(MoneyError::TooLarge(_))), "{decimals}");
        assert!(price.to_amount_floor(decimals).is_err());
    }
}

#[test]
fn an_error_quotes_the_text_in_part() {
    let error = "x".repeat(1_000_000).parse::<Money>().unwrap_err();
    assert!(error.to_string().len() < 200);
}

#[test]
fn a_price_is_shown_as_it_can_be_read() {
    for (price, shown) in [
        ("0.010", "$0.01"),
        ("$ 1.50 USD", "$1.5"),
        ("007 USDC", "7 USDC"),
        ("$0.50 USDC", "0.5 USDC"),
        ("0.0", "$0"),
    ] {
        let money: Money = price.parse().unwrap();
        assert_eq!(money.to_string(), shown);
        assert_eq!(shown.parse::<Money>().unwrap(), money);
    }
    assert!("0.00".parse::<Money>().unwrap().is_zero());
    assert!(!"0.000001".parse::<Money>().unwrap().is_zero());
}
