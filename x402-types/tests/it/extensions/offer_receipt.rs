use serde_json::{Value, json};
use x402_types::extensions::offer_receipt::{
    Format, Offer, OfferDeclaration, Offers, Paid, Receipt, ReceiptDeclaration, Signed,
};
use x402_types::extensions::{Declared, Signature};
use x402_types::{Amount, Network};

use super::{read, schema_of};

const PAYER: &str = "0x14791697260E4c9A71f18484C9f997B308e59325";

fn offer() -> Offer {
    Offer {
        version: 1,
        resource_url: "https://api.example.com/data?a=\"b\"".to_owned(),
        scheme: "exact".to_owned(),
        network: Network::BASE_SEPOLIA,
        asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e".to_owned(),
        pay_to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".to_owned(),
        amount: Amount::from(10_000u64),
        valid_until: Some(1_767_323_345),
    }
}

fn receipt() -> Receipt {
    Receipt {
        version: 1,
        network: Network::BASE_SEPOLIA,
        resource_url: "https://api.example.com/data".to_owned(),
        payer: PAYER.to_owned(),
        issued_at: 1_767_323_345,
        transaction: None,
    }
}

#[test]
fn a_payloads_canonical_text_is_that_of_the_npm_package() {
    assert_eq!(
        offer().to_canonical().unwrap(),
        r#"{"amount":"10000","asset":"0x036CbD53842c5426634e7929541eC2318f3dCF7e","network":"eip155:84532","payTo":"0x209693Bc6afc0C5328bA36FaF03C514EF312287C","resourceUrl":"https://api.example.com/data?a=\"b\"","scheme":"exact","validUntil":1767323345,"version":1}"#
    );
    assert_eq!(
        receipt().to_canonical().unwrap(),
        r#"{"issuedAt":1767323345,"network":"eip155:84532","payer":"0x14791697260E4c9A71f18484C9f997B308e59325","resourceUrl":"https://api.example.com/data","version":1}"#
    );
}

#[test]
fn canonical_text_escapes_as_rfc_8785_does() {
    let resource_url = "\u{8}\t\n\u{c}\r\u{1}\u{1f}\"\\/\u{7f}ü€\u{2028}😀".to_owned();
    let text = Receipt { resource_url, ..receipt() }.to_canonical().unwrap();
    assert!(
        text.contains("\"\\b\\t\\n\\f\\r\\u0001\\u001f\\\"\\\\/\u{7f}ü€\u{2028}😀\""),
        "{text}"
    );
}

#[test]
fn canonical_text_holds_no_number_that_it_would_change() {
    let largest = (1u64 << 53) - 1;
    let text = Offer { valid_until: Some(largest), ..offer() }.to_canonical().unwrap();
    assert!(text.contains("9007199254740991"));
    assert!(Offer { valid_until: Some(largest + 1), ..offer() }.to_canonical().is_err());
}

#[test]
fn typed_data_of_the_npm_package_is_read_and_written_as_it_came() {
    let offers = json!({"offers":[{"format":"eip712","acceptIndex":0,"payload":{"version":1,"resourceUrl":"https://api.example.com/data","scheme":"exact","network":"eip155:84532","asset":"0xa","payTo":"0xb","amount":"1","validUntil":1795276459},"signature":"0x12"}]});
    let read_offers: Offers = read(&offers).unwrap();
    assert_eq!(serde_json::to_value(&read_offers).unwrap(), offers);
    assert_eq!(read_offers.offers[0].payload().unwrap().valid_until, Some(1_795_276_459));

    let paid = json!({"receipt":{"format":"eip712","payload":{"version":1,"network":"eip155:84532","resourceUrl":"u","payer":PAYER,"issuedAt":1795276399,"transaction":""},"signature":"0x12"}});
    let read_paid: Paid = read(&paid).unwrap();
    assert_eq!(serde_json::to_value(&read_paid).unwrap(), paid);
    assert_eq!(read_paid.receipt.payload().unwrap().transaction.as_deref(), Some(""));
}

#[test]
fn a_jws_of_the_npm_package_carries_its_payload() {
    let signed: Signed<Offer> = read(&json!({"format":"jws","acceptIndex":0,"signature":"eyJhbGciOiJFUzI1NiIsImtpZCI6ImRpZDp3ZWI6ZXhhbXBsZS5jb20jayJ9.eyJhbW91bnQiOiIxIiwiYXNzZXQiOiIweGEiLCJuZXR3b3JrIjoiZWlwMTU1Ojg0NTMyIiwicGF5VG8iOiIweGIiLCJyZXNvdXJjZVVybCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUuY29tL2RhdGEiLCJzY2hlbWUiOiJleGFjdCIsInZhbGlkVW50aWwiOjE3OTUyNzY0NTksInZlcnNpb24iOjF9.c2ln"})).unwrap();
    let payload = signed.payload().unwrap();
    assert_eq!((payload.scheme.as_str(), payload.pay_to.as_str()), ("exact", "0xb"));
    assert_eq!(payload.valid_until, Some(1_795_276_459));
    let signed: Signed<Receipt> = read(&json!({"format":"jws","signature":"eyJhbGciOiJFUzI1NiIsImtpZCI6ImRpZDp3ZWI6ZXhhbXBsZS5jb20jayJ9.eyJpc3N1ZWRBdCI6MTc5NTI3NjM5OSwibmV0d29yayI6ImVpcDE1NTo4NDUzMiIsInBheWVyIjoiMHgxNDc5MTY5NzI2MEU0YzlBNzFmMTg0ODRDOWY5OTdCMzA4ZTU5MzI1IiwicmVzb3VyY2VVcmwiOiJ1IiwidmVyc2lvbiI6MX0.c2ln"})).unwrap();
    assert_eq!(signed.payload().unwrap().payer, PAYER);
    assert_eq!(signed.payload().unwrap().transaction, None);
}

#[test]
fn what_is_no_jws_has_no_payload() {
    for signature in
        ["", "a", "a.b", "a.b.c.d", "e30.!.AA", "e30.e30=.AA", "e30.e30.AA", "e30._w.AA"]
    {
        let signed: Signed<Offer> =
            read(&json!({"format": "jws", "signature": signature})).unwrap();
        assert!(signed.payload().is_err(), "{signature}");
    }
}

#[test]
fn the_payload_beside_a_jws_is_not_the_one_that_is_signed() {
    let beside = serde_json::to_value(receipt()).unwrap();
    let signed: Signed<Receipt> =
        read(&json!({"format": "jws", "payload": beside, "signature": "e30.e30.AA"})).unwrap();
    assert!(signed.payload().is_err());
}

#[test]
fn typed_data_has_its_payload_and_only_known_formats_are_read() {
    for wrong in [
        json!({"format": "eip712", "signature": "0x12"}),
        json!({"format": "eip712", "payload": null, "signature": "0x12"}),
        json!({"format": "cose", "signature": "0x12"}),
        json!({"format": "jws"}),
        json!({"format": "jws", "signature": null}),
    ] {
        assert!(read::<Signed<Receipt>>(&wrong).is_none(), "{wrong}");
    }
}

#[test]
fn declarations_carry_the_schema_of_the_npm_package() {
    let signature = Signature::new("0x12");
    let offers: OfferDeclaration = Declared::new(Offers {
        offers: vec![Signed {
            format: Format::Eip712,
            accept_index: Some(0),
            payload: Some(offer()),
            signature: signature.clone(),
        }],
    })
    .unwrap();
    let value = serde_json::to_value(&offers).unwrap();
    assert_eq!(
        value["schema"]["properties"]["offers"]["items"]["properties"]["payload"]["required"],
        json!(["version", "resourceUrl", "scheme", "network", "asset", "payTo", "amount"])
    );
    assert!(schema_of(&offers).is_valid(&value["info"]));
    assert_eq!(super::again(&offers), offers);

    let (format, payload) = (Format::Eip712, Some(receipt()));
    let paid: ReceiptDeclaration =
        Declared::new(Paid { receipt: Signed { format, accept_index: None, payload, signature } })
            .unwrap();
    let value = serde_json::to_value(&paid).unwrap();
    assert!(schema_of(&paid).is_valid(&value["info"]));
    assert!(!schema_of(&paid).is_valid(&json!({"receipt": {"format": "jws"}})));
    assert_eq!(super::again(&paid), paid);
}

#[test]
fn debug_does_not_show_a_signature() {
    let value: Value = json!({"format": "jws", "signature": "e30.secret.AA"});
    assert!(!format!("{:?}", read::<Signed<Offer>>(&value).unwrap()).contains("secret"));
}
