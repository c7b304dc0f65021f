use serde_json::{Value, json};
use x402_types::Amount;
use x402_types::extensions::{
    Declared, check_echo, eip2612_gas_sponsoring as eip2612,
    erc20_approval_gas_sponsoring as erc20, merge,
};

use super::{get, raw, read, schema_of};

const OWNER: &str = "0x14791697260E4c9A71f18484C9f997B308e59325";
const PERMIT2: &str = "0x000000000022D473030F116dDEE9F6B43aC78BA3";

fn permit() -> Value {
    json!({"from": OWNER, "asset": OWNER, "spender": PERMIT2, "amount": "10000", "nonce": "0",
        "deadline": "1893456000", "signature": "0xab", "version": "1"})
}

fn approval() -> Value {
    json!({"from": OWNER, "asset": OWNER, "spender": PERMIT2, "amount": Amount::MAX,
        "signedTransaction": "0x02ab", "version": "1"})
}

/// What the npm package declares as schema, without its descriptions.
fn golden(fields: &[(&str, &str)]) -> Value {
    let properties: serde_json::Map<_, _> = fields
        .iter()
        .map(|(name, pattern)| ((*name).to_owned(), json!({"type": "string", "pattern": pattern})))
        .collect();
    let required: Vec<_> = fields.iter().map(|(name, _)| name).collect();
    json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "properties": properties, "required": required})
}

const ADDRESS: &str = "^0x[a-fA-F0-9]{40}$";
const NUMBER: &str = "^[0-9]+$";
const HEX: &str = "^0x[a-fA-F0-9]+$";
const VERSION: &str = r"^[0-9]+(\.[0-9]+)*$";

#[test]
fn both_are_declared_as_the_npm_package_declares_them() {
    let ours: eip2612::Declaration = Declared::new(eip2612::Info::default()).unwrap();
    let ours = serde_json::to_value(&ours).unwrap();
    assert_eq!(ours["info"]["version"], "1");
    assert_eq!(
        ours["schema"],
        golden(&[
            ("from", ADDRESS),
            ("asset", ADDRESS),
            ("spender", ADDRESS),
            ("amount", NUMBER),
            ("nonce", NUMBER),
            ("deadline", NUMBER),
            ("signature", HEX),
            ("version", VERSION),
        ])
    );
    assert!(get::<eip2612::Declaration>(&json!({"eip2612GasSponsoring": ours})).unwrap().is_some());

    let ours: erc20::Declaration = Declared::new(erc20::Info::default()).unwrap();
    let ours = serde_json::to_value(&ours).unwrap();
    assert_eq!(
        ours["schema"],
        golden(&[
            ("from", ADDRESS),
            ("asset", ADDRESS),
            ("spender", ADDRESS),
            ("amount", NUMBER),
            ("signedTransaction", HEX),
            ("version", VERSION),
        ])
    );
    assert!(
        get::<erc20::Declaration>(&json!({"erc20ApprovalGasSponsoring": ours})).unwrap().is_some()
    );
}

#[test]
fn an_answer_is_what_the_declared_schema_asks_for() {
    let declared: eip2612::Declaration = Declared::new(eip2612::Info::default()).unwrap();
    let schema = schema_of(&declared);
    assert!(schema.is_valid(&permit()) && read::<eip2612::Permit>(&permit()).is_some());
    let declared: erc20::Declaration = Declared::new(erc20::Info::default()).unwrap();
    let other = schema_of(&declared);
    assert!(other.is_valid(&approval()) && read::<erc20::Approval>(&approval()).is_some());

    let wrong =
        [json!("0x12"), json!(""), json!(1), json!("x"), json!("-1"), json!("1."), json!({})];
    for value in wrong {
        for (example, schema, reads) in [
            (permit(), &schema, (|v| read::<eip2612::Permit>(v).is_some()) as fn(&Value) -> bool),
            (approval(), &other, |v| read::<erc20::Approval>(v).is_some()),
        ] {
            for field in example.as_object().unwrap().keys() {
                let mut changed = example.clone();
                changed[field] = value.clone();
                assert_eq!(reads(&changed), schema.is_valid(&changed), "{field} {value}");
                changed.as_object_mut().unwrap().remove(field);
                assert!(!reads(&changed) && !schema.is_valid(&changed), "{field}");
            }
        }
    }
}

#[test]
fn an_answer_merged_into_its_declaration_is_read_and_is_a_right_echo() {
    let declared: eip2612::Declaration = Declared::new(eip2612::Info::default()).unwrap();
    let declared = raw(&json!({"eip2612GasSponsoring": declared}));
    let answer = json!({"eip2612GasSponsoring": {"info": permit()}});
    let merged = merge(Some(&declared), Some(&raw(&answer))).unwrap().unwrap();
    check_echo(&declared, Some(&merged)).unwrap();
    let value = merged.parse::<Value>().unwrap();
    let read = get::<eip2612::Answer>(&value).unwrap().unwrap();
    assert_eq!(read.info.amount, Amount::from(10_000u64));
    assert_eq!(read.info.signature.as_str(), "0xab");
    assert!(value["eip2612GasSponsoring"]["info"]["description"].is_string());
}

#[test]
fn a_declaration_alone_is_no_answer() {
    let declared: erc20::Declaration = Declared::new(erc20::Info::default()).unwrap();
    let error = get::<erc20::Answer>(&json!({"erc20ApprovalGasSponsoring": declared})).unwrap_err();
    assert!(error.to_string().contains("from"), "{error}");
}

#[test]
fn debug_shows_neither_signature_nor_transaction() {
    let permit: eip2612::Permit = read(&permit()).unwrap();
    assert!(!format!("{permit:?}").contains("0xab"));
    let approval: erc20::Approval = read(&approval()).unwrap();
    assert!(!format!("{approval:?}").contains("02ab"));
}
