//! Amounts have one spelling.

use x402_types::{Amount, AmountError};

const MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

#[test]
fn canonical_decimal_strings_are_amounts() {
    for text in ["0", "1", "9", "10", "10000", "18446744073709551616", MAX] {
        let amount: Amount = text.parse().unwrap();
        assert_eq!(amount.to_string(), text);
        assert_eq!(format!("{amount:?}"), text);
        assert_eq!(serde_json::to_string(&amount).unwrap(), format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<Amount>(&format!("\"{text}\"")).unwrap(), amount);
    }
    assert_eq!(MAX.parse(), Ok(Amount::MAX));
}

#[test]
fn nothing_but_digits_is_an_amount() {
    for text in [
        "", " ", "-1", "-0", "+1", " 1", "1 ", "1\n", "1.0", "1.", ".1", "1e3", "1E3", "0x10",
        "NaN", "Infinity", "1,000", "1_000", "٣", "１", "½", "a", "null", "\0",
    ] {
        assert_eq!(text.parse::<Amount>(), Err(AmountError::NotDigits), "{text:?}");
    }
}

#[test]
fn leading_zeros_are_refused() {
    for text in ["00", "01", "0010000", &"0".repeat(100_000)] {
        assert_eq!(text.parse::<Amount>(), Err(AmountError::LeadingZero));
    }
}

#[test]
fn more_than_256_bits_are_refused() {
    let two_to_the_256 =
        "115792089237316195423570985008687907853269984665640564039457584007913129639936";
    for text in [two_to_the_256, &"9".repeat(78), &"1".repeat(79), &"9".repeat(1_000_000)] {
        assert_eq!(text.parse::<Amount>(), Err(AmountError::TooLarge));
    }
}

#[test]
fn a_number_in_json_is_no_amount() {
    for json in ["1", "1.0", "-1", "1e3", "null", "true", "[]", "{}", r#"["1"]"#] {
        assert!(serde_json::from_str::<Amount>(json).is_err(), "{json}");
    }
    assert_eq!(serde_json::from_str::<Amount>(r#""\u0031""#).unwrap(), Amount::from(1u64));
}

#[test]
fn sums_and_differences_never_wrap() {
    let one = Amount::from(1u64);
    assert_eq!(Amount::MAX.checked_add(one), None);
    assert_eq!(Amount::ZERO.checked_sub(one), None);
    assert_eq!(one.checked_sub(one), Some(Amount::ZERO));
    assert_eq!(one.checked_add(one), Some(Amount::from(2u64)));
    assert!(Amount::ZERO.is_zero() && !one.is_zero());
}

#[test]
fn amounts_are_ordered_as_numbers() {
    let amount = |text: &str| text.parse::<Amount>().unwrap();
    assert!(amount("9") < amount("10"));
    assert!(amount("18446744073709551615") < amount("18446744073709551616"));
}

#[test]
fn decimals_place_the_point_exactly() {
    for (units, decimals, expected) in [
        (10_000u64, 6, "0.01"),
        (1, 6, "0.000001"),
        (1_500_000, 6, "1.5"),
        (1_000_000, 6, "1"),
        (0, 6, "0"),
        (7, 0, "7"),
        (10, 0, "10"),
        (1, 18, "0.000000000000000001"),
    ] {
        assert_eq!(Amount::from(units).to_decimal(decimals), expected);
    }
    let (whole, fraction) = MAX.split_at(MAX.len() - 77);
    assert_eq!(Amount::MAX.to_decimal(77), format!("{whole}.{fraction}"));
    assert_eq!(Amount::MAX.to_decimal(255).len(), 2 + 255);
}
