//! The ways to pay, as the page lists them.

use serde::Deserialize;
use x402_evm::EXACT;
use x402_types::{PaymentFlow, PaymentRequired, PaymentRequirements, TransferMethod};

use super::markup::{cut, escape};
use super::words::{Words, network};

/// The largest number that JavaScript tells from the next.
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The offers of the terms, with what the page can do about them.
pub(super) struct Offers<'a>(Vec<Offer<'a>>);

struct Offer<'a> {
    requirements: &'a PaymentRequirements,
    words: Words,
    /// Whether a wallet in a browser can pay it: all that it needs is signatures.
    by_wallet: bool,
}

/// What `extra` of an offer says, as far as it matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extra {
    name: Option<String>,
    version: Option<String>,
    asset_transfer_method: Option<String>,
    payment_flow: Option<String>,
}

impl<'a> Offers<'a> {
    pub(super) fn of(terms: &'a PaymentRequired) -> Self {
        let offer = |requirements: &'a PaymentRequirements| Offer {
            requirements,
            words: Words::of(requirements),
            by_wallet: is_for_wallets(requirements),
        };
        Self(terms.accepts.iter().map(|accepted| offer(accepted)).collect())
    }

    pub(super) fn any_by_wallet(&self) -> bool {
        self.0.iter().any(|offer| offer.by_wallet)
    }

    /// The price of the offer that is proposed.
    pub(super) fn price(&self) -> &str {
        let proposed = self.0.iter().find(|offer| offer.by_wallet).or(self.0.first());
        proposed.map_or("", |offer| &offer.words.amount)
    }

    pub(super) fn to_html(&self) -> String {
        let first = self.0.iter().position(|offer| offer.by_wallet);
        let rows = self.0.iter().enumerate();
        let rows: String = rows.map(|(i, offer)| offer.to_html(i, Some(i) == first)).collect();
        let class = if self.0.len() == 1 { " class=\"only\"" } else { "" };
        let note = match first {
            Some(_) => "",
            None => "<p class=\"note\">No wallet in a browser can pay this: an agent can.</p>\n",
        };
        format!("<fieldset{class} aria-label=\"Price\">\n{rows}</fieldset>\n{note}")
    }

    /// The small print.
    pub(super) fn details(&self) -> String {
        self.0.iter().map(Offer::details).collect()
    }
}

impl Offer<'_> {
    fn to_html(&self, index: usize, checked: bool) -> String {
        let Words { amount, of, token } = &self.words;
        let place = network(&self.requirements.network);
        let (amount, of, token, place) =
            (escape(amount), escape(of), escape(token), escape(&place));
        let price = format!("<span class=\"amount\">{amount}</span> <span class=\"of\">{of}");
        if !self.by_wallet {
            return format!("<p class=\"offer by-agent\">{price} – needs an agent</span></p>\n");
        }
        let checked = if checked { " checked" } else { "" };
        format!(
            "<label class=\"offer\"><input type=\"radio\" name=\"offer\" value=\"{index}\" \
             data-price=\"{amount}\" data-token=\"{token}\" data-place=\"{place}\"{checked}>\
             {price}</span></label>\n"
        )
    }

    fn details(&self) -> String {
        let offer = self.requirements;
        let PaymentRequirements { scheme, amount, asset, pay_to, .. } = offer;
        let network = offer.network.as_str();
        let rows = [
            ("Paid to", pay_to.clone()),
            ("Amount", format!("{amount} units of {asset}")),
            ("Network and scheme", format!("{network}, {scheme}")),
            ("Time to pay", format!("{} seconds", offer.max_timeout_seconds)),
        ];
        let row = |(term, text): (&str, String)| {
            format!("<dt>{term}</dt><dd>{}</dd>", escape(&cut(&text, 200)))
        };
        format!("<dl>{}</dl>\n", rows.map(row).concat())
    }
}

/// `exact` by Permit2, or by EIP-3009 with all that its signature says.
fn is_for_wallets(offer: &PaymentRequirements) -> bool {
    let extra = match &offer.extra {
        Some(extra) => extra.parse().unwrap_or_default(),
        None => Extra::default(),
    };
    let Extra { name, version, asset_transfer_method, payment_flow } = extra;
    let signable = match asset_transfer_method.as_deref().map(TransferMethod::from_wire) {
        None | Some(Some(TransferMethod::Eip3009)) => name.is_some() && version.is_some(),
        Some(Some(TransferMethod::Permit2)) => true,
        _ => false,
    };
    let flow = payment_flow.as_deref().map(PaymentFlow::from_wire);
    offer.scheme == EXACT
        && offer.network.chain_id().is_some_and(|id| id <= SAFE_INTEGER)
        && signable
        && matches!(flow, None | Some(Some(PaymentFlow::Authorization | PaymentFlow::Upfront)))
        && [&offer.asset, &offer.pay_to].into_iter().all(|text| is_address(text))
}

fn is_address(text: &str) -> bool {
    text.strip_prefix("0x")
        .is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}
