//! Whatever is written is read again as it was; whatever comes in, nothing panics.

use crate::arbitrary;
use crate::common::MESSAGES;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use x402_types::*;

/// Through a header, and through a body.
fn comes_back<T>(message: &T) -> Result<(), TestCaseError>
where
    T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let value = encode(message).unwrap();
    prop_assert_eq!(&decode::<T>(value.as_bytes(), value.len()).unwrap(), message);
    let text = serde_json::to_string(message).unwrap();
    prop_assert_eq!(&header::from_json::<T>(&text).unwrap(), message);
    let verbatim = text.parse::<Verbatim<T>>().unwrap();
    prop_assert_eq!(encode(&verbatim).unwrap(), value);
    Ok(())
}

/// Every reader there is.
fn read_as_everything(bytes: &[u8]) {
    let encoded = header::encode_json(bytes);
    for message in MESSAGES {
        drop((message.reread_header)(bytes));
        drop((message.reread_header)(encoded.as_bytes()));
    }
    drop(decode::<facilitator::Request>(encoded.as_bytes(), usize::MAX));
    drop(header::decode_to_json(bytes, usize::MAX));
    let text = String::from_utf8_lossy(bytes);
    if let Ok(money) = text.parse::<Money>() {
        for decimals in [0, 6, 18, 255] {
            drop(money.to_amount(decimals));
            drop(money.to_amount_floor(decimals));
        }
    }
    if let Ok(amount) = text.parse::<Amount>() {
        assert_eq!(amount.to_string(), text);
    }
    if let Ok(network) = text.parse::<Network>() {
        assert!(network.as_str() == text || network.v1_name() == Some(&*text));
    }
    if let Ok(raw) = text.parse::<RawObject>() {
        drop(raw.parse::<Value>());
    }
    assert_eq!(ErrorReason::from(&*text).as_str(), text);
    drop(serde_json::from_str::<ErrorReason>(&text));
    let _ = peek_version(&text);
    let _ = PaymentFlow::from_wire(&text);
    let _ = TransferMethod::from_wire(&text);
    let _ = Asset::find(&Network::BASE, &text);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn payment_required_comes_back(message in arbitrary::required()) {
        comes_back(&message)?;
    }

    #[test]
    fn payment_requirements_come_back(message in arbitrary::requirements()) {
        comes_back(&message)?;
    }

    #[test]
    fn payment_payload_comes_back(message in arbitrary::payload()) {
        comes_back(&message)?;
    }

    #[test]
    fn resource_info_comes_back(message in arbitrary::resource()) {
        comes_back(&message)?;
    }

    #[test]
    fn verify_request_comes_back(message in arbitrary::verify_request()) {
        comes_back(&message)?;
        let text = serde_json::to_string(&message).unwrap();
        let question = facilitator::Request::v2(message);
        prop_assert_eq!(question.as_str(), text);
        comes_back(&question)?;
    }

    #[test]
    fn verify_response_comes_back(message in arbitrary::verify_response()) {
        comes_back(&message)?;
    }

    #[test]
    fn settle_response_comes_back(message in arbitrary::settle_response()) {
        comes_back(&message)?;
    }

    #[test]
    fn supported_response_comes_back(message in arbitrary::supported()) {
        comes_back(&message)?;
    }

    #[test]
    fn payment_required_of_version_1_comes_back(message in arbitrary::required_v1()) {
        comes_back(&message)?;
    }

    #[test]
    fn payment_payload_of_version_1_comes_back(message in arbitrary::payload_v1()) {
        comes_back(&message)?;
    }

    #[test]
    fn verify_request_of_version_1_comes_back(message in arbitrary::verify_request_v1()) {
        comes_back(&message)?;
        let text = serde_json::to_string(&message).unwrap();
        let question = facilitator::Request::v1(message);
        prop_assert_eq!(question.as_str(), text);
        comes_back(&question)?;
    }

    #[test]
    fn terms_that_version_1_can_say_come_back_from_it(
        message in arbitrary::requirements(),
        resource in arbitrary::resource(),
    ) {
        match v1::PaymentRequirements::from_v2(&message, &resource) {
            Ok(old) => prop_assert_eq!(old.to_v2().unwrap(), message),
            Err(_) => prop_assert_eq!(message.network.v1_name(), None),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn amounts_come_back(amount in arbitrary::amount()) {
        prop_assert_eq!(amount.to_string().parse::<Amount>(), Ok(amount));
        let json = serde_json::to_string(&amount).unwrap();
        prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
    }

    #[test]
    fn networks_come_back(network in arbitrary::network()) {
        prop_assert_eq!(&network.to_string().parse::<Network>().unwrap(), &network);
        let json = serde_json::to_string(&network).unwrap();
        prop_assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
    }

    #[test]
    fn reasons_come_back(reason in arbitrary::reason()) {
        let json = serde_json::to_string(&reason).unwrap();
        prop_assert_eq!(serde_json::from_str::<ErrorReason>(&json).unwrap(), reason);
    }

    #[test]
    fn raw_objects_come_back(raw in arbitrary::raw()) {
        prop_assert_eq!(serde_json::to_string(&raw).unwrap(), raw.as_str());
        prop_assert_eq!(&raw.as_str().parse::<RawObject>().unwrap(), &raw);
    }

    #[test]
    fn a_price_is_shown_as_it_is_read(
        text in r"\$? ?0{0,3}[0-9]{1,6}(\.[0-9]{1,18})?( [A-Za-z][A-Za-z0-9.]{0,15})?",
    ) {
        let money: Money = text.parse().unwrap();
        prop_assert_eq!(&money.to_string().parse::<Money>().unwrap(), &money);
    }

    #[test]
    fn an_amount_is_a_price_at_its_decimals(amount in any::<u64>(), decimals in 0..=18u8) {
        let amount = Amount::from(amount);
        let money: Money = amount.to_decimal(decimals).parse().unwrap();
        prop_assert_eq!(money.to_amount(decimals).unwrap(), amount);
        prop_assert_eq!(money.to_amount_floor(decimals).unwrap(), amount);
    }

    #[test]
    fn a_price_is_exact_or_an_error(
        whole in 0..1_000_000u64,
        fraction in "[0-9]{1,12}",
        decimals in 0..=18u8,
    ) {
        let money: Money = format!("${whole}.{fraction}").parse().unwrap();
        let fine = fraction.trim_end_matches('0').len() > usize::from(decimals);
        let floor = money.to_amount_floor(decimals).unwrap();
        match money.to_amount(decimals) {
            Ok(amount) => {
                prop_assert!(!fine);
                prop_assert_eq!(amount, floor);
                prop_assert_eq!(money.is_zero(), amount.is_zero());
            }
            Err(error) => {
                prop_assert!(fine && matches!(error, MoneyError::TooFine { .. }), "{}", error);
            }
        }
        prop_assert!(floor >= Amount::from(whole));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..256)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in any::<String>()) {
        read_as_everything(text.as_bytes());
    }

    #[test]
    fn nothing_that_is_nearly_a_message_makes_a_reader_panic(text in arbitrary::nearly_json()) {
        read_as_everything(&text);
    }
}
