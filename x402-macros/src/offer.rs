//! Whether what is said can be offered.

use syn::{Error, LitStr};
use x402_types::{Asset, Money, Network};

use crate::args::Args;
use crate::values::Mistakes;

/// Prices that are some, on networks that exist, in whole units of the tokens there.
pub(crate) fn check_prices(args: &Args, mistakes: &mut Mistakes) {
    let networks: Vec<Network> =
        args.networks.iter().filter_map(|name| mistakes.keep(network(name))).collect();
    let all_known = networks.len() == args.networks.len();
    for price in args.prices() {
        let Some(money) = mistakes.keep(money(price)) else { continue };
        if all_known {
            mistakes.keep(check_fineness(price, &money, &networks, &args.assets));
        }
    }
}

fn network(name: &LitStr) -> Result<Network, Error> {
    name.value().parse().map_err(|error| Error::new(name.span(), error))
}

fn money(price: &LitStr) -> Result<Money, Error> {
    let money: Money = price.value().parse().map_err(|error| Error::new(price.span(), error))?;
    if money.is_zero() {
        return Err(Error::new(price.span(), "the price is zero: leave out #[paid] instead"));
    }
    Ok(money)
}

/// A token that this program's author described may be finer than those that are known; so where no
/// network is named, one known token that has this price is enough.
fn check_fineness(
    price: &LitStr,
    money: &Money,
    networks: &[Network],
    assets: &[LitStr],
) -> Result<(), Error> {
    let symbols: Vec<String> = match money.symbol() {
        Some(symbol) => vec![symbol.to_owned()],
        None => assets.iter().map(LitStr::value).collect(),
    };
    let is_meant = |asset: &Asset| {
        let default = || Asset::default_for(&asset.network) == Some(asset);
        let named = symbols.iter().any(|symbol| *symbol == asset.symbol);
        (networks.is_empty() || networks.contains(&asset.network))
            && (named || symbols.is_empty() && default())
    };
    let meant: Vec<&Asset> = Asset::known().iter().filter(|asset| is_meant(asset)).collect();
    let fits = |asset: &&&Asset| money.to_amount(asset.decimals).is_ok();
    let sound = networks.is_empty() && meant.iter().any(|asset| fits(&asset));
    let wrong = meant.iter().find(|asset| !fits(asset)).filter(|_| !sound);
    let Some(asset) = wrong else { return Ok(()) };
    match money.to_amount(asset.decimals) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = format!("{error}, as {} on {} is", asset.symbol, asset.network);
            Err(Error::new(price.span(), text))
        }
    }
}

pub(crate) fn mime_type(text: LitStr) -> Result<LitStr, Error> {
    let sound = |part: &str| !part.is_empty() && part.bytes().all(|b| (b' '..=b'~').contains(&b));
    match text.value().split_once('/') {
        Some((kind, rest)) if sound(kind) && sound(rest) => Ok(text),
        _ => Err(Error::new(text.span(), "this is no media type, such as \"application/json\"")),
    }
}

/// Payers drop others.
pub(crate) fn tags(tags: Vec<LitStr>) -> Result<Vec<LitStr>, Error> {
    if let Some(sixth) = tags.get(5) {
        return Err(Error::new(sixth.span(), "there can be 5 tags at most"));
    }
    match tags.iter().find(|tag| tag.value().chars().count() > 32) {
        Some(long) => Err(Error::new(long.span(), "a tag has 32 characters at most")),
        None => Ok(tags),
    }
}

/// Payers drop others.
pub(crate) fn service_name(name: LitStr) -> Result<LitStr, Error> {
    let text = name.value();
    if (1..=32).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        Ok(name)
    } else {
        Err(Error::new(name.span(), "a service name has 1 to 32 printable ASCII characters"))
    }
}

pub(crate) fn route(route: LitStr) -> Result<LitStr, Error> {
    let text = route.value();
    let sound = text.split_once(' ').is_some_and(|(method, path)| {
        !method.is_empty()
            && method.bytes().all(|b| b.is_ascii_uppercase())
            && path.starts_with('/')
            && path.bytes().all(|b| b.is_ascii_graphic())
    });
    if sound {
        Ok(route)
    } else {
        Err(Error::new(route.span(), "write a route like \"GET /weather/{city}\""))
    }
}
