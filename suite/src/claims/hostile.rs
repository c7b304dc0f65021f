//! Payments that are none.

use crate::{Answer, MARKER, Shop, Site};

/// Refused by whose fault it is, and never served.
#[track_caller]
fn assert_refused<S: Shop>(site: &Site<S>, answer: Option<Answer>, what: &str) {
    let answer = answer.unwrap_or_else(|| panic!("{what}: no answer"));
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert!(!answer.body.contains(MARKER) && answer.receipt().is_none(), "{what}");
    site.assert_untouched();
}

pub async fn two_payments_in_one_request_are_refused<S: Shop>() {
    let site = Site::<S>::open_with(|settings| settings.accept_v1()).await;
    let payment = site.pay("/goods").await;
    let other = site.pay("/goods").await;
    let (one, two, v1) = (payment.header(), other.header(), payment.v1_header());
    let both = [one.as_bytes(), two.as_bytes()].join(&b", "[..]);
    let (one, two, v1) = (one.as_bytes(), two.as_bytes(), v1.as_bytes());
    let headers: [&[(&str, &[u8])]; 6] = [
        &[("payment-signature", one), ("payment-signature", one)],
        &[("payment-signature", one), ("Payment-Signature", two)],
        &[("payment-signature", one), ("x-payment", v1)],
        &[("x-payment", v1), ("payment-signature", one)],
        &[("payment-signature", one), ("x-payment", b"")],
        &[("payment-signature", &both)],
    ];
    for headers in headers {
        let answer = site.raw("GET", "/goods", headers).await.expect("an answer");
        answer.assert_refused(400);
        site.assert_untouched();
    }
    // Each alone is as good as ever.
    site.raw("GET", "/goods", &[("x-payment", v1)]).await.unwrap().assert_served();
    site.raw("GET", "/goods", &[("payment-signature", two)]).await.unwrap().assert_served();
}

pub async fn what_is_no_payment_is_the_clients_fault<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let honest = payment.header();
    let cut = &honest.as_bytes()[..honest.len() / 2];
    let garbage: [&[u8]; 14] = [
        b"",
        b" ",
        b"garbage",
        b"e30=",
        b"bnVsbA==",
        b"W10=",
        b"{}",
        b"=",
        b"\xff\xfe\xfd",
        b"eyJ4NDAyVmVyc2lvbiI6Mn0=",
        b"eyJ4NDAyVmVyc2lvbiI6OTl9",
        "\u{1f4b8}".as_bytes(),
        cut,
        &[b'A'; 20_000],
    ];
    for value in garbage {
        for name in ["payment-signature", "x-payment", "x-payment-signature"] {
            let answer = site.raw("GET", "/goods", &[(name, value)]).await;
            assert_refused(&site, answer, &format!("{name}: {}", String::from_utf8_lossy(value)));
        }
    }
    site.buy("/goods", &payment).await.assert_served();
}

pub async fn a_header_of_a_megabyte_is_refused_and_the_site_lives<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let long = vec![b'A'; 1 << 20];
    let answer = site.raw("GET", "/goods", &[("payment-signature", &long)]).await;
    assert_refused(&site, answer, "a megabyte");
    let padded = format!("{}{}", payment.header(), " ".repeat(1 << 20));
    let answer = site.raw("GET", "/goods", &[("payment-signature", padded.as_bytes())]).await;
    assert_refused(&site, answer, "a payment and a megabyte");
    site.buy("/goods", &payment).await.assert_served();
}

pub async fn a_payment_with_a_forged_signature_is_refused_unasked<S: Shop>() {
    let site = Site::<S>::open().await;
    let payment = site.pay("/goods").await;
    let other = site.pay("/goods").await;
    let forged = payment.clone().with_signature(&other.signature());
    site.buy("/goods", &forged).await.assert_refused(402);
    site.assert_untouched();
    site.buy("/goods", &payment).await.assert_served();
}
