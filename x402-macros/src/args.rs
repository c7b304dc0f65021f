//! What is written in the parentheses.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Ident, LitStr, Token};

use crate::offer;
use crate::values::{Mistakes, seconds, string, strings, word};

/// What is said of a handler.
#[derive(Default)]
pub(crate) struct Args {
    pub(crate) price: Option<LitStr>,
    /// Alternative prices.
    pub(crate) or: Vec<LitStr>,
    pub(crate) networks: Vec<LitStr>,
    pub(crate) assets: Vec<LitStr>,
    pub(crate) description: Option<Expr>,
    pub(crate) mime_type: Option<LitStr>,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) upfront: Option<bool>,
    pub(crate) streaming: bool,
    pub(crate) tags: Vec<LitStr>,
    pub(crate) route: Option<LitStr>,
    pub(crate) service_name: Option<LitStr>,
    pub(crate) max_timeout_seconds: Option<u64>,
    pub(crate) payment_identifier: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Exact,
    Permit2,
    Upto,
}

/// What can be said, in the order in which it is told to whoever says something else.
const KEYS: &[&str] = &[
    "or",
    "networks",
    "assets",
    "description",
    "mime_type",
    "scheme",
    "upto",
    "flow",
    "upfront",
    "streaming",
    "tags",
    "route",
    "service_name",
    "max_timeout_seconds",
    "payment_identifier",
];

/// What is said by its name alone.
const FLAGS: &[&str] = &["upto", "upfront", "streaming"];

const HOW: &str = "say what it costs: #[paid(\"$0.01\")], or more: #[paid(\"$0.01\", description = \"…\", upfront)]";

/// One thing that is said.
enum Said {
    Price(LitStr),
    Key(Ident, Option<Expr>),
}

impl Args {
    /// Reads what is said, as far as it makes sense.
    pub(crate) fn read(tokens: TokenStream, mistakes: &mut Mistakes) -> Self {
        let mut args = Self::default();
        if tokens.is_empty() {
            mistakes.add(Error::new(Span::call_site(), HOW));
            return args;
        }
        let (said, broken) = match said.parse2(tokens) {
            Ok(read) => read,
            Err(error) => (Vec::new(), Some(error)),
        };
        let complete = broken.is_none();
        broken.into_iter().for_each(|error| mistakes.add(error));
        let mut known: Vec<Ident> = Vec::new();
        for one in said {
            match one {
                Said::Price(price) if args.price.is_none() && known.is_empty() => {
                    args.price = Some(price);
                }
                Said::Price(price) => {
                    let text = "the price comes first, and once; other ways to pay are said by or = [\"…\"]";
                    mistakes.add(Error::new(price.span(), text));
                    args.price.get_or_insert(price);
                }
                Said::Key(key, value) => {
                    if known.contains(&key) {
                        mistakes.add(Error::new(key.span(), format!("`{key}` is said twice")));
                    } else if let Err(error) = args.set(&key, value.as_ref(), &known) {
                        mistakes.add(error);
                    }
                    known.push(key);
                }
            }
        }
        if args.price.is_none() && complete {
            mistakes.add(Error::new(Span::call_site(), HOW));
        }
        args.check_together(&known, mistakes);
        args
    }

    /// The price, and alternative ones.
    pub(crate) fn prices(&self) -> impl Iterator<Item = &LitStr> {
        self.price.iter().chain(&self.or)
    }

    fn set(&mut self, key: &Ident, value: Option<&Expr>, before: &[Ident]) -> Result<(), Error> {
        let name = key.unraw().to_string();
        let said = |other: &str| before.iter().any(|known| known == other);
        if !KEYS.contains(&name.as_str()) {
            let known = KEYS.join("`, `");
            let text = format!("`{name}` is unknown to #[paid]; it knows `{known}`");
            return Err(Error::new(key.span(), text));
        }
        let value = match (value, FLAGS.contains(&name.as_str())) {
            (Some(value), false) => value,
            (None, true) => return self.flag(key, &name, &said),
            (Some(value), true) => {
                let text = format!("`{name}` is said by its name alone");
                return Err(Error::new_spanned(value, text));
            }
            (None, false) => {
                return Err(Error::new(key.span(), format!("write {name} = …")));
            }
        };
        match name.as_str() {
            "or" => self.or = strings(value)?,
            "networks" => self.networks = strings(value)?,
            "assets" => self.assets = strings(value)?,
            "description" => self.description = Some(value.clone()),
            "mime_type" => self.mime_type = Some(offer::mime_type(string(value)?)?),
            "scheme" if said("upto") => return Err(twice(key, "scheme", "upto")),
            "scheme" => {
                let (exact, permit2) = (("exact", Scheme::Exact), ("permit2", Scheme::Permit2));
                self.scheme = Some(word(value, &[exact, permit2, ("upto", Scheme::Upto)])?);
            }
            "flow" if said("upfront") => return Err(twice(key, "flow", "upfront")),
            "flow" => {
                self.upfront = Some(word(value, &[("upfront", true), ("authorization", false)])?);
            }
            "tags" => self.tags = offer::tags(strings(value)?)?,
            "route" => self.route = Some(offer::route(string(value)?)?),
            "service_name" => self.service_name = Some(offer::service_name(string(value)?)?),
            "max_timeout_seconds" => self.max_timeout_seconds = Some(seconds(value)?),
            _ => {
                let words = [("optional", false), ("required", true)];
                self.payment_identifier = Some(word(value, &words)?);
            }
        }
        Ok(())
    }

    fn flag(&mut self, key: &Ident, name: &str, said: &dyn Fn(&str) -> bool) -> Result<(), Error> {
        match name {
            "upto" if said("scheme") => return Err(twice(key, "upto", "scheme")),
            "upto" => self.scheme = Some(Scheme::Upto),
            "upfront" if said("flow") => return Err(twice(key, "upfront", "flow")),
            "upfront" => self.upfront = Some(true),
            _ => self.streaming = true,
        }
        Ok(())
    }

    /// What goes only with something else.
    fn check_together(&mut self, known: &[Ident], mistakes: &mut Mistakes) {
        let at = |names: &[&str]| {
            let key = known.iter().find(|key| names.iter().any(|name| *key == name));
            key.map_or(Span::call_site(), Ident::span)
        };
        if self.streaming && matches!(self.scheme, Some(Scheme::Exact | Scheme::Permit2)) {
            let text = "a price that is metered while the answer streams is one of `upto`: leave out `scheme` or `streaming`";
            mistakes.add(Error::new(at(&["streaming"]), text));
        } else if self.streaming {
            self.scheme = Some(Scheme::Upto);
        }
        if self.scheme == Some(Scheme::Upto) && self.upfront == Some(true) {
            let text = "what is charged by `upto` is known after serving, and `upfront` is settled before: leave out one of them";
            mistakes.add(Error::new(at(&["upfront", "flow"]), text));
        }
        offer::check_prices(self, mistakes);
    }
}

fn twice(key: &Ident, name: &str, other: &str) -> Error {
    Error::new(key.span(), format!("`{name}` and `{other}` say the same: leave out one of them"))
}

/// What is said until it makes no sense any more, and why it does not.
fn said(input: ParseStream<'_>) -> syn::Result<(Vec<Said>, Option<Error>)> {
    let mut all = Vec::new();
    loop {
        if input.is_empty() {
            return Ok((all, None));
        }
        match one(input) {
            Ok(one) => all.push(one),
            Err(error) => {
                // What is left must be read, or that it is left is an error too.
                let _: TokenStream = input.parse()?;
                return Ok((all, Some(error)));
            }
        }
    }
}

fn one(input: ParseStream<'_>) -> syn::Result<Said> {
    let said = if input.peek(LitStr) {
        Said::Price(input.parse()?)
    } else if input.peek(Ident::peek_any) {
        let key = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse::<Expr>()?)
        } else {
            None
        };
        Said::Key(key, value)
    } else {
        return Err(input.error(HOW));
    };
    if !input.is_empty() {
        input.parse::<Token![,]>()?;
    }
    Ok(said)
}
