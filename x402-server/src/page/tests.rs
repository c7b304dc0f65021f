use serde_json::{Value, json};
use x402_types::{Network, PaymentRequired};

use super::words::network;
use super::{Page, SCRIPT, STYLE, is_wanted, render};

const HOSTILE: &str = "</script><img src=x onerror=\"alert(1)\">'{{script}}&\u{2028}\u{0}";

fn offer() -> Value {
    json!({
        "scheme": "exact",
        "network": "eip155:84532",
        "amount": "10000",
        "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e",
        "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "maxTimeoutSeconds": 300,
        "extra": { "name": "USDC", "version": "2" },
    })
}

fn with(mut offer: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        offer[key] = value.clone();
    }
    offer
}

fn terms(accepts: &[Value]) -> PaymentRequired {
    let terms = json!({
        "x402Version": 2,
        "error": "Payment required",
        "resource": {
            "url": "https://api.example.com/weather?city=Lisbon",
            "description": "The weather right now",
            "mimeType": "application/json",
        },
        "accepts": accepts,
    });
    serde_json::from_value(terms).unwrap()
}

fn html(accepts: &[Value]) -> String {
    render(&terms(accepts)).html
}

/// What stands between two texts of the page.
fn between<'a>(html: &'a str, before: &str, after: &str) -> &'a str {
    html.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn hostile_texts_stay_texts_wherever_they_stand() {
    let mut terms = terms(&[
        offer(),
        with(offer(), &json!({ "asset": HOSTILE, "payTo": HOSTILE, "scheme": HOSTILE })),
    ]);
    terms.error = Some(HOSTILE.to_owned());
    terms.resource.url = format!("https://{HOSTILE}/{HOSTILE}?{HOSTILE}");
    terms.resource.description = Some(HOSTILE.to_owned());
    terms.resource.mime_type = Some(HOSTILE.to_owned());
    terms.resource.service_name = Some(HOSTILE.to_owned());
    terms.resource.tags = Some(vec![HOSTILE.to_owned()]);
    let html = render(&terms).html;
    assert!(!html.contains('\u{0}'));
    // No template within a text was filled in, and no element was begun or ended.
    assert_eq!(html.matches(SCRIPT).count(), 1);
    let html = html.replace(SCRIPT, "");
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("</script").count(), 2);
    assert_eq!(html.matches("<img").count(), 0);
    let json = between(&html, "id=\"terms\">", "</script>");
    assert!(!json.contains(['<', '>', '&', '\u{2028}']), "{json}");
    let html = html.replace(json, "");
    assert!(html.contains("onerror=&quot;alert(1)&quot;&gt;&#39;{{script}}&amp;"), "{html}");
    assert!(!html.contains("onerror=\"") && !html.contains("alert(1)\""), "{html}");
}

#[test]
fn terms_in_the_page_are_those_of_the_402() {
    let mut terms = terms(&[offer()]);
    terms.resource.description = Some(HOSTILE.to_owned());
    let html = render(&terms).html;
    let json = between(&html, "id=\"terms\">", "</script>");
    assert_eq!(serde_json::from_str::<PaymentRequired>(json).unwrap(), terms);
}

#[test]
fn page_of_a_usual_route_has_less_than_30_kilobytes() {
    let html = html(&[offer(), with(offer(), &json!({ "network": "eip155:8453" }))]);
    assert!(html.len() < 30_000, "{} bytes", html.len());
}

#[test]
fn policy_allows_just_the_script_and_the_style_of_the_page() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let Page { html, content_security_policy } = render(&terms(&[offer()]));
    let hash = |text| base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(text));
    let script = hash(between(&html, "<script>", "</script>"));
    let style = hash(between(&html, "<style>", "</style>"));
    for directive in [
        "default-src 'none'",
        &*format!("script-src 'sha256-{script}'"),
        &*format!("style-src 'sha256-{style}'"),
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(content_security_policy.split("; ").any(|part| part == directive), "{directive}");
    }
    assert!(!content_security_policy.contains("unsafe"), "{content_security_policy}");
    assert!(!content_security_policy.contains(['\r', '\n']), "{content_security_policy}");
}

#[test]
fn script_and_style_have_nothing_that_ends_or_suspends_their_element() {
    for text in [SCRIPT, STYLE] {
        let text = text.to_ascii_lowercase();
        for end in ["</script", "</style", "<!--", "<script", "\r"] {
            assert!(!text.contains(end), "{end}");
        }
    }
}

#[test]
fn prices_of_known_tokens_are_told_in_cents_and_dollars() {
    for (amount, words) in [
        ("10000", "1 cent"),
        ("50000", "5 cents"),
        ("1000", "0.1 cents"),
        ("1", "0.0001 cents"),
        ("990000", "99 cents"),
        ("1000000", "$1.00"),
        ("1500000", "$1.50"),
        ("1234567890", "$1234.56789"),
    ] {
        let html = html(&[with(offer(), &json!({ "amount": amount }))]);
        assert_eq!(between(&html, "<span class=\"amount\">", "</span>"), words);
        assert_eq!(between(&html, "<span class=\"of\">", "</span>"), "in USDC on Base Sepolia");
    }
}

#[test]
fn price_of_an_unknown_token_is_told_in_units_of_its_address() {
    let token = "0x00000000000000000000000000000000000000aa";
    let extra = json!({ "name": "USDC", "version": "2", "decimals": 6, "symbol": "USDC" });
    let html = html(&[with(offer(), &json!({ "asset": token, "extra": extra }))]);
    assert_eq!(between(&html, "<span class=\"amount\">", "</span>"), "10000 units");
    let of = between(&html, "<span class=\"of\">", "</span>");
    assert_eq!(of, format!("of the token {token} on Base Sepolia"));
}

#[test]
fn networks_are_called_as_people_call_them() {
    for (caip2, name) in [
        ("eip155:8453", "Base"),
        ("eip155:1328", "Sei Testnet"),
        ("eip155:42161", "Arbitrum One"),
        ("eip155:4326", "MegaETH"),
        ("eip155:7", "eip155:7"),
    ] {
        assert_eq!(network(&Network::from_caip2(caip2).unwrap()), name);
    }
}

#[test]
fn only_offers_that_signatures_pay_are_put_to_the_wallet() {
    let extra = |changes: Value| json!({ "extra": with(offer()["extra"].clone(), &changes) });
    let payable =
        |changes: &Value| html(&[with(offer(), changes)]).contains("<input type=\"radio\"");
    for changes in [
        json!({}),
        extra(json!({ "assetTransferMethod": "eip3009" })),
        extra(json!({ "assetTransferMethod": "permit2" })),
        json!({ "extra": { "assetTransferMethod": "permit2" } }),
        extra(json!({ "paymentFlow": "upfront" })),
        extra(json!({ "unknown": 1 })),
    ] {
        assert!(payable(&changes), "{changes}");
    }
    for changes in [
        json!({ "scheme": "upto" }),
        json!({ "network": "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1" }),
        json!({ "network": "eip155:9007199254740992" }),
        json!({ "extra": { "name": "USDC" } }),
        json!({ "extra": null }),
        json!({ "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7" }),
        json!({ "payTo": "seller.eth" }),
        json!({ "extra": { "assetTransferMethod": "eip3009" } }),
        extra(json!({ "assetTransferMethod": "erc7710" })),
        extra(json!({ "paymentFlow": "escrow" })),
        extra(json!({ "paymentFlow": "tomorrow" })),
        extra(json!({ "paymentFlow": 1 })),
    ] {
        assert!(!payable(&changes), "{changes}");
    }
}

#[test]
fn first_offer_for_wallets_is_proposed_and_others_are_left_to_agents() {
    let html = html(&[with(offer(), &json!({ "scheme": "upto" })), offer()]);
    assert!(html.contains("value=\"1\""));
    assert!(!html.contains("value=\"0\""));
    assert_eq!(html.matches(" checked>").count(), 1);
    assert!(html.contains(
        "Up to 1 cent</span> <span class=\"of\">in USDC on Base Sepolia – needs an agent"
    ));
    assert!(html.contains("<title>The weather right now: 1 cent</title>"));
}

#[test]
fn address_stands_in_a_command_only_where_it_cannot_be_more_than_an_address() {
    let page = |url: &str| {
        let mut terms = terms(&[offer()]);
        terms.resource.url = url.to_owned();
        render(&terms).html
    };
    let page_of_a_plain_one = page("https://a.example/b?c=1&d");
    assert!(page_of_a_plain_one.contains("<pre>curl -i 'https://a.example/b?c=1&amp;d'</pre>"));
    for url in ["https://a.example/';id;'", "https://a.example/\nid", "https://a.example/é", ""] {
        assert!(!page(url).contains("<pre>curl"), "{url}");
    }
}

#[test]
fn page_is_for_browsers_only() {
    let wanted = |accept: &[&str], agent: &[&str]| {
        let bytes =
            |values: &[&str]| values.iter().map(|v| v.as_bytes().to_vec()).collect::<Vec<_>>();
        let (accept, agent) = (bytes(accept), bytes(agent));
        is_wanted(accept.iter().map(Vec::as_slice), agent.iter().map(Vec::as_slice))
    };
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    assert!(wanted(&["text/html,application/xhtml+xml,*/*;q=0.8"], &[firefox]));
    assert!(wanted(&["application/json", "text/html"], &[firefox]));
    assert!(!wanted(&["*/*"], &[firefox]));
    assert!(!wanted(&["application/json"], &[firefox]));
    assert!(!wanted(&["text/html"], &["curl/8.14.1"]));
    assert!(!wanted(&["text/html"], &[]));
    assert!(!wanted(&[], &[firefox]));
}
