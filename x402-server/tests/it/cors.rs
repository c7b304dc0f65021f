//! Every header of the protocol is one that pages of other sites may send or read.

use crate::common::{Payer, Shop, get};
use x402_server::cors::{ALLOW_HEADERS, EXPOSE_HEADERS};
use x402_types::header;

#[tokio::test]
async fn a_page_may_send_what_pays_and_read_what_is_answered() {
    let shop = Shop::open_with(Default::default(), |it| it.accept_v1(), |price| price).await;
    let terms = shop.send(get("/goods", &[])).await;
    let payment = Payer::number(1).pay(&terms.challenge().unwrap()).await;
    let answer = shop.buy(&payment).await;
    // Browsers let pages read these anyhow.
    let always = ["cache-control", "content-language", "content-length", "content-type", "expires"];
    for name in terms.headers.keys().chain(answer.headers.keys()).map(|name| name.as_str()) {
        let readable = always.contains(&name) || EXPOSE_HEADERS.contains(&name);
        assert!(readable || name == "vary", "{name}");
    }
    for name in [header::PAYMENT_REQUIRED, header::PAYMENT_RESPONSE] {
        assert!(EXPOSE_HEADERS.contains(&&*name.to_lowercase()), "{name}");
    }
    for name in [header::PAYMENT_SIGNATURE, header::X_PAYMENT] {
        assert!(ALLOW_HEADERS.contains(&&*name.to_lowercase()), "{name}");
    }
}
