use std::fmt;
use std::io::Read as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use x402_types::{Money, Network};

use super::mistake::{PriceListError, PriceListFault, PriceListMistake};
use super::pattern::Pattern;
use super::read::{Fields, Lines};
use super::routes::{Place, Routes};

/// The prices of a whole site, as they are written in TOML.
///
/// ```
/// use x402_server::PriceList;
///
/// let list: PriceList = r#"
///     unlisted = "free"                 # what becomes of all other paths; or "refuse"
///
///     [[route]]
///     path = "/weather/{city}"          # one segment; {*rest} at the end is all that follows
///     methods = ["GET"]                 # all of them where it is not said
///     price = "$0.01"                   # or several: ["$0.01", "0.009 EURC"]
///     description = "Weather right now"
///     mime_type = "application/json"
///
///     [[route]]
///     path = "/weather/demo"            # the closest route counts
///     free = true
///
///     [[route]]
///     path = "/films/{*rest}"
///     price = "$0.50"
///     flow = "upfront"
/// "#
/// .parse()?;
/// assert_eq!(list.len(), 3);
///
/// // Each mistake is told, with its line.
/// let error = "[[route]]\npath = \"/a\"\nprise = \"$1\"".parse::<PriceList>().unwrap_err();
/// assert_eq!(error.mistakes().len(), 3, "an unknown key, no price, and `unlisted` is not said");
/// # Ok::<(), x402_server::PriceListError>(())
/// ```
///
/// | key of a route | what it says |
/// |---|---|
/// | `path` | the path, percent-encoded or not; the case of its letters makes no difference |
/// | `methods` | those that it is for; a request by another is for the next route that fits, or for none. Not `OPTIONS`, which is always free, and not `HEAD`, which is `GET`. A WebSocket is opened by `GET`, and over HTTP/2 by `CONNECT`: with `unlisted = "free"` name both, or no methods |
/// | `price` or `free = true` | what it costs: one price, or several to choose from |
/// | `scheme` | `"exact"`, `"permit2"`, or `"upto"` where the price is the most that is charged |
/// | `streaming = true` | metered while it streams: [`Price::streaming`](crate::Price::streaming) |
/// | `flow` | `"authorization"`, or `"upfront"`: settled before it is served |
/// | `networks`, `assets` | those of the paywall's in which it is paid, if not in all |
/// | `description`, `mime_type`, `service_name`, `tags` | what payers are told |
/// | `max_timeout_seconds` | the time that a payer has |
/// | `payment_identifier` | `"optional"`, `"required"`: [`Price::payment_identifier`](crate::Price::payment_identifier) |
#[derive(Clone)]
pub struct PriceList {
    pub(super) text: Arc<str>,
    /// The file that it was read from.
    pub(super) file: Option<Arc<Path>>,
    pub(super) unlisted: Unlisted,
    pub(super) listed: Arc<[Listed]>,
    pub(super) routes: Arc<Routes>,
}

/// What becomes of paths that are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unlisted {
    Free,
    Refuse,
}

/// A route.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) line: usize,
    pub(super) path: String,
    pattern: Pattern,
    pub(super) methods: Option<Vec<String>>,
    /// `None` is free.
    pub(super) price: Option<Written>,
}

/// A price, and what it is for.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) prices: Vec<Money>,
    pub(super) networks: Vec<Network>,
    pub(super) assets: Vec<String>,
    pub(super) scheme: Scheme,
    pub(super) streaming: bool,
    pub(super) flow: Option<Flow>,
    pub(super) description: Option<String>,
    pub(super) mime_type: Option<String>,
    pub(super) service_name: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) max_timeout_seconds: Option<NonZeroU64>,
    pub(super) payment_identifier: Option<Named>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scheme {
    Exact,
    Permit2,
    Upto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Flow {
    Upfront,
    Authorization,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Named {
    Optional,
    Required,
}

impl PriceList {
    /// The longest list that is read, in bytes.
    pub const LIMIT: usize = 1 << 20;

    /// Reads a list from a file.
    ///
    /// # Errors
    /// [`PriceListError`] where the file cannot be read, or something in it is wrong.
    pub async fn load(path: impl Into<PathBuf>) -> Result<Self, PriceListError> {
        let path = path.into();
        Self::of(&text(path.clone()).await?, &path)
    }

    /// The list that was found in a file.
    pub(super) fn of(text: &str, file: &Path) -> Result<Self, PriceListError> {
        Ok(Self { file: Some(file.into()), ..text.parse()? })
    }

    /// How many routes are listed.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether no route is listed.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

/// The text of a file.
pub(super) async fn text(path: PathBuf) -> Result<String, PriceListError> {
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let text = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    text.map_err(|error| PriceListError::one(PriceListFault::Read(error)))
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // One byte more than is taken, to be told that it is too long.
    let limit = PriceList::LIMIT as u64 + 1;
    std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

impl FromStr for PriceList {
    type Err = PriceListError;

    fn from_str(text: &str) -> Result<Self, PriceListError> {
        if text.len() > Self::LIMIT {
            return Err(PriceListError::one(PriceListFault::TooLong(Self::LIMIT)));
        }
        let lines = Lines::of(text);
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let mistake = |error: &toml::de::Error| PriceListMistake {
                line: error.span().map(|span| lines.at(span.start)),
                route: None,
                fault: PriceListFault::Syntax(error.message().to_owned()),
            };
            return Err(PriceListError { mistakes: errors.iter().map(mistake).collect() });
        }
        let mut mistakes = Vec::new();
        let list = parse(text, document, &lines, &mut mistakes);
        match list {
            Some(list) if mistakes.is_empty() => Ok(list),
            _ => {
                mistakes.sort_by_key(|mistake| mistake.line);
                Err(PriceListError { mistakes })
            }
        }
    }
}

fn parse(
    text: &str,
    document: Spanned<DeTable<'_>>,
    lines: &Lines,
    mistakes: &mut Vec<PriceListMistake>,
) -> Option<PriceList> {
    let mut root = Fields::new(document, lines, mistakes);
    if !root.has("unlisted") {
        root.wrong_somewhere(PriceListFault::NoUnlisted);
    }
    let unlisted = root.take("unlisted");
    let tables = root.take_tables("route");
    root.end();
    let mut listed = Vec::new();
    for table in tables {
        listed.extend(Listed::read(Fields::new(table, lines, mistakes)));
    }
    let places = listed
        .iter()
        .map(|Listed { pattern, methods, .. }| Place { pattern, methods: methods.as_deref() });
    let routes = Routes::new(&places.collect::<Vec<_>>());
    let routes = routes.map_err(|collisions| {
        for collision in collisions {
            let (Some(route), Some(with)) =
                (listed.get(collision.route), listed.get(collision.with))
            else {
                continue;
            };
            mistakes.push(PriceListMistake {
                line: Some(route.line),
                route: Some(route.path.clone()),
                fault: PriceListFault::Collision { route: with.path.clone(), line: with.line },
            });
        }
    });
    let (text, listed) = (text.into(), listed.into());
    let (unlisted, routes) = (unlisted?, Arc::new(routes.ok()?));
    Some(PriceList { text, file: None, unlisted, listed, routes })
}

impl Listed {
    /// Whatever is told as a mistake makes the list none.
    fn read(mut fields: Fields<'_, '_>) -> Option<Self> {
        let line = fields.line;
        let path_line = fields.line_of("path");
        let path: Option<String> = fields.take_or("path", PriceListFault::NoPath);
        fields.route.clone_from(&path);
        let pattern = path.as_deref().and_then(|path| {
            let wrong = |why| fields.wrong(path_line, PriceListFault::Path(why));
            Pattern::parse(path).map_err(wrong).ok()
        });
        let methods_line = fields.line_of("methods");
        let methods: Option<Vec<String>> = fields.take_some("methods");
        for message in methods.iter().flatten().filter_map(|it| wrong_method(it)) {
            fields.wrong(methods_line, PriceListFault::Value { key: "methods", message });
        }
        let price = price(&mut fields);
        fields.end();
        Some(Self { line, path: path?, pattern: pattern?, methods, price })
    }
}

fn wrong_method(method: &str) -> Option<String> {
    match method {
        "HEAD" => Some("HEAD costs what GET costs: leave it out".to_owned()),
        "OPTIONS" => Some("OPTIONS is always free: leave it out".to_owned()),
        _ if !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-') => {
            None
        }
        _ => Some(format!("{method:?} is no method: write it like \"GET\"")),
    }
}

/// What a route costs; `None` where that is nothing.
fn price(fields: &mut Fields<'_, '_>) -> Option<Written> {
    if fields.take("free") == Some(true) {
        for key in OF_PRICES {
            let line = fields.line_of(key);
            if fields.take_raw(key).is_some() {
                fields.wrong(line, PriceListFault::FreeAndPriced(key));
            }
        }
        return None;
    }
    let line = fields.line_of("scheme");
    if !fields.has("price") {
        fields.wrong(fields.line, PriceListFault::NoPrice);
    }
    let written = Written {
        prices: fields.take_parsed("price").unwrap_or_default(),
        networks: fields.take_parsed("networks").unwrap_or_default(),
        assets: fields.take_some("assets").unwrap_or_default(),
        streaming: fields.take("streaming").unwrap_or_default(),
        scheme: Scheme::Exact,
        flow: fields.take("flow"),
        description: fields.take("description"),
        mime_type: fields.take("mime_type"),
        service_name: fields.take("service_name"),
        tags: fields.take_some("tags").unwrap_or_default(),
        max_timeout_seconds: fields.take("max_timeout_seconds"),
        payment_identifier: fields.take("payment_identifier"),
    };
    let scheme: Option<Scheme> = fields.take("scheme");
    if written.streaming && scheme.is_some_and(|scheme| scheme != Scheme::Upto) {
        let message = "what is streaming is metered, by \"upto\"".to_owned();
        fields.wrong(line, PriceListFault::Value { key: "scheme", message });
    }
    Some(Written { scheme: scheme.unwrap_or(Scheme::Exact), ..written })
}

/// The keys of a route that only a price has.
const OF_PRICES: [&str; 12] = [
    "price",
    "networks",
    "assets",
    "scheme",
    "streaming",
    "flow",
    "description",
    "mime_type",
    "service_name",
    "tags",
    "max_timeout_seconds",
    "payment_identifier",
];

impl<'i> Fields<'_, 'i> {
    /// The tables of `[[key]]`.
    fn take_tables(&mut self, key: &'static str) -> Vec<Spanned<DeTable<'i>>> {
        let Some((value, line)) = self.take_raw(key) else { return Vec::new() };
        let mut tables = Vec::new();
        let DeValue::Array(array) = value.into_inner() else {
            let message = format!("write [[{key}]], with two brackets");
            self.wrong(line, PriceListFault::Value { key, message });
            return tables;
        };
        for value in array {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => tables.push(Spanned::new(span, table)),
                _ => {
                    let message = format!("write [[{key}]], and under it what belongs to it");
                    self.wrong(line, PriceListFault::Value { key, message });
                }
            }
        }
        tables
    }
}

impl fmt::Debug for PriceList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceList")
            .field("unlisted", &self.unlisted)
            .field("listed", &self.listed)
            .finish_non_exhaustive()
    }
}
