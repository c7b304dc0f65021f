//! What others wrote stays as they wrote it, byte for byte.

use x402_types::{
    PaymentPayload, PaymentRequired, PaymentRequirements, RawObject, SettleResponse, Verbatim,
    VerifyRequest, VerifyResponse, decode, encode, header,
};

/// Odd order, spaces, escapes, numbers that no `f64` holds, nulls.
const ODD: &str = "{ \"zeta\":1.50,\t\"alpha\" : \"\\u0041\\/\\n\" ,\n \"n\":123456789012345678901234567890,\"e\":1E+2, \"m\":{\"b\":null,\"a\":[ ]}, \"Ж\":\"😀\" }";

/// An offer with the fields in another order than ours, and one that we do not know.
const OFFER: &str = r#"{ "payTo":"0xAb","asset":"0xcD","extra":{"version":"2", "name":"USDC"},"maxTimeoutSeconds":300,"amount":"7","unknown": [1, null],"network":"eip155:84532","scheme":"exact"}"#;

#[test]
fn payload_extra_and_extensions_keep_their_bytes() {
    let raw: RawObject = ODD.parse().unwrap();
    assert_eq!(raw.as_str(), ODD);

    let payment =
        format!(r#"{{"x402Version":2,"accepted":{OFFER},"payload":{ODD},"extensions":{ODD}}}"#);
    let payment: PaymentPayload = header::from_json(&payment).unwrap();
    assert_eq!(
        (payment.payload.as_str(), payment.extensions.as_ref().unwrap().as_str()),
        (ODD, ODD)
    );
    assert_eq!(serde_json::to_string(&payment).unwrap().matches(ODD).count(), 2);

    let offer = format!(
        r#"{{"scheme":"exact","network":"eip155:1","amount":"1","asset":"0x1","payTo":"0x2","maxTimeoutSeconds":1,"extra":{ODD}}}"#
    );
    let offer: PaymentRequirements = header::from_json(&offer).unwrap();
    assert!(serde_json::to_string(&offer).unwrap().ends_with(&format!(r#""extra":{ODD}}}"#)));

    let valid = format!(r#"{{"isValid":true,"extensions":{ODD},"extra":{ODD}}}"#);
    let valid: VerifyResponse = header::from_json(&valid).unwrap();
    assert_eq!(serde_json::to_string(&valid).unwrap().matches(ODD).count(), 2);

    let settled = format!(r#"{{"success":true,"extensions":{ODD},"extra":{ODD}}}"#);
    let settled: SettleResponse = header::from_json(&settled).unwrap();
    assert_eq!(serde_json::to_string(&settled).unwrap().matches(ODD).count(), 2);
}

#[test]
fn an_offer_goes_from_the_terms_to_the_facilitator_unchanged() {
    let terms =
        format!(r#"{{"x402Version":2,"resource":{{"url":"https://a"}},"accepts":[ {OFFER} ]}}"#);
    let terms: PaymentRequired =
        decode(header::encode_json(terms.as_bytes()).as_bytes(), header::CHALLENGE_LIMIT).unwrap();
    assert_eq!(terms.accepts[0].as_str(), OFFER);
    assert_eq!(terms.accepts[0].pay_to, "0xAb");

    let payment = PaymentPayload {
        x402_version: Default::default(),
        resource: None,
        accepted: terms.accepts[0].clone(),
        payload: ODD.parse().unwrap(),
        extensions: None,
    };
    let value = encode(&payment).unwrap();
    let payment: Verbatim<PaymentPayload> =
        decode(value.as_bytes(), header::PAYMENT_LIMIT).unwrap();
    assert_eq!(payment.accepted.as_str(), OFFER);

    let request = VerifyRequest {
        x402_version: Default::default(),
        payment_payload: payment.clone(),
        payment_requirements: terms.accepts[0].clone(),
    };
    let request = serde_json::to_string(&request).unwrap();
    assert!(request.contains(payment.as_str()));
    assert!(request.ends_with(&format!(r#""paymentRequirements":{OFFER}}}"#)));
}

#[test]
fn a_verbatim_message_is_written_as_the_very_header_it_came_in() {
    let json = format!(r#"{{ "payload":{ODD}, "x402Version":2 ,"accepted":{OFFER}, "?":0 }}"#);
    let value = header::encode_json(json.as_bytes());
    let payment: Verbatim<PaymentPayload> =
        decode(value.as_bytes(), header::PAYMENT_LIMIT).unwrap();
    assert_eq!(payment.as_str(), json);
    assert_eq!(encode(&payment).unwrap(), value);
}

#[test]
fn two_spellings_of_one_message_are_not_the_same() {
    let ours = Verbatim::new(OFFER.parse::<Verbatim<PaymentRequirements>>().unwrap().into_inner());
    let theirs: Verbatim<PaymentRequirements> = OFFER.parse().unwrap();
    let ours = ours.unwrap();
    assert_ne!(ours, theirs);
    assert_eq!(*ours, *theirs);
}

#[test]
fn only_objects_are_objects() {
    for text in ["null", "[]", "\"{}\"", "1", "true", "", "{", "{}{}", "{\"a\"}"] {
        assert!(text.parse::<RawObject>().is_err(), "{text}");
    }
    assert!(RawObject::new(&["a"]).is_err());
    assert_eq!(" {} ".parse::<RawObject>().unwrap().as_str(), "{}");
}

#[test]
fn debug_output_never_shows_a_signature() {
    let secret = "0xfeedfacefeedface";
    let sealed = format!(r#"{{"signature":"{secret}"}}"#);
    let offer = OFFER.replace(r#""USDC""#, &format!(r#""{secret}""#));
    let payment = format!(
        r#"{{"x402Version":2,"accepted":{offer},"payload":{sealed},"extensions":{sealed}}}"#
    );
    let verify =
        format!(r#"{{"x402Version":2,"paymentPayload":{payment},"paymentRequirements":{OFFER}}}"#);
    let payment_v1 =
        format!(r#"{{"x402Version":1,"scheme":"exact","network":"base","payload":{sealed}}}"#);
    let shown = [
        format!("{:?}", sealed.parse::<RawObject>().unwrap()),
        format!("{:#?}", header::from_json::<PaymentPayload>(&payment).unwrap()),
        format!("{:?}", header::from_json::<Verbatim<PaymentPayload>>(&payment).unwrap()),
        format!("{:?}", header::from_json::<x402_types::facilitator::Request>(&verify).unwrap()),
        format!("{:?}", header::from_json::<x402_types::v1::PaymentPayload>(&payment_v1).unwrap()),
    ];
    for text in shown {
        assert!(!text.contains("feedface"), "{text}");
    }
}

#[test]
fn no_error_shows_a_signature_that_stands_where_it_belongs() {
    let secret = "0xfeedfacefeedface";
    let payment =
        format!(r#"{{"x402Version":2,"accepted":{{}},"payload":{{"signature":"{secret}"}}}}"#);
    let error = header::from_json::<PaymentPayload>(&payment).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("feedface"), "{error:?}");
}
