//! What a browser is shown with a 402: the terms in words, and a way to pay with the visitor's wallet.
//!
//! | file | what |
//! |---|---|
//! | `page.html`, `page.css`, `page.js` | the page, sent as one document that loads nothing |
//! | `offers` | the ways to pay, as the page lists them |
//! | `words` | prices and networks in words |
//! | `markup` | texts of others within HTML |

mod markup;
mod offers;
mod words;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use x402_types::{PaymentRequired, ResourceInfo};

use markup::{cut, escape, fill, json_in_script};
use offers::Offers;

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the terms say of themselves where no payment came.
const UNPAID: &str = "Payment required";
/// Characters that are shown of what is for sale and of its address.
const SHOWN: usize = 300;

/// A page, and what it must be sent with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The document, `text/html; charset=utf-8`.
    pub(crate) html: String,
    /// The header `Content-Security-Policy`: nothing runs, loads or frames but the page's own.
    pub(crate) content_security_policy: String,
}

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let (script, style) = (hash(SCRIPT), hash(STYLE));
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
         connect-src 'self'; img-src data: blob:; frame-ancestors 'none'; base-uri 'none'; \
         form-action 'none'"
    )
});

/// Whether a request, by its headers' values, is a person's browser that navigates: it takes
/// `text/html`, and calls itself `Mozilla` as browsers do. Only `GET` and `HEAD` navigate.
pub(crate) fn is_wanted<'a>(
    accept: impl IntoIterator<Item = &'a [u8]>,
    user_agent: impl IntoIterator<Item = &'a [u8]>,
) -> bool {
    let contains = |value: &[u8], word: &str| {
        value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    accept.into_iter().any(|value| contains(value, "text/html"))
        && user_agent.into_iter().any(|value| contains(value, "Mozilla"))
}

/// The page that offers these terms.
pub(crate) fn render(terms: &PaymentRequired) -> Page {
    let resource = &terms.resource;
    let offers = Offers::of(terms);
    let html = fill(TEMPLATE, |name| match name {
        "style" => STYLE.to_owned(),
        "script" => SCRIPT.to_owned(),
        "terms" => json_in_script(terms),
        "title" => escape(&cut(title(resource), SHOWN)),
        "price" => escape(offers.price()),
        "shop" => escape(shop(resource)),
        "url" => escape(&cut(&resource.url, SHOWN)),
        "about" => about(resource),
        "offers" => offers.to_html(),
        "details" => offers.details(),
        "notice" => notice(terms),
        "open" => if offers.any_by_wallet() { "" } else { "open" }.to_owned(),
        "curl" => curl(&resource.url),
        _ => String::new(),
    });
    Page { html, content_security_policy: POLICY.clone() }
}

fn title(resource: &ResourceInfo) -> &str {
    resource.description.as_deref().filter(|text| !text.is_empty()).unwrap_or(UNPAID)
}

/// Who sells: the name that the seller gives itself, or the site.
fn shop(resource: &ResourceInfo) -> &str {
    let site = resource.url.split_once("://").map_or(&*resource.url, |(_, rest)| rest);
    let site = site.split(['/', '?', '#']).next().unwrap_or_default();
    resource.service_name.as_deref().unwrap_or(site)
}

fn about(resource: &ResourceInfo) -> String {
    let tags = resource.tags.iter().flatten().chain(&resource.mime_type);
    let tags = tags.filter(|text| !text.is_empty());
    let items: String = tags.map(|text| format!("<li>{}</li>", escape(&cut(text, 64)))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"tags\">{items}</ul>\n") }
}

/// Why a payment that came with the request did not do.
fn notice(terms: &PaymentRequired) -> String {
    let error = terms.error.as_deref().filter(|error| *error != UNPAID);
    error
        .map(|error| format!("The payment was refused: {}", escape(&cut(error, SHOWN))))
        .unwrap_or_default()
}

/// A line for a shell, where the address can stand in one without meaning more than an address.
fn curl(url: &str) -> String {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\'';
    if url.is_empty() || !url.bytes().all(plain) {
        return String::new();
    }
    format!("<pre>curl -i '{}'</pre>\n", escape(url))
}
