use std::{fmt, io};

use crate::Mistake;

/// Everything that is wrong with a price list.
#[derive(Debug)]
pub struct PriceListError {
    pub(super) mistakes: Vec<PriceListMistake>,
}

/// One thing that is wrong with a price list, and where.
#[derive(Debug)]
#[non_exhaustive]
pub struct PriceListMistake {
    /// The line, from 1.
    pub line: Option<usize>,
    /// The path of the route, as it is written.
    pub route: Option<String>,
    /// What is wrong.
    pub fault: PriceListFault,
}

/// What is wrong with a price list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceListFault {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It is longer than any list of prices.
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    /// It is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that means nothing.
    #[error("there is no key `{key}`: there are {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Those that there are.
        known: String,
    },
    /// A value that is none for its key.
    #[error("`{key}`: {message}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// It is not said what becomes of paths that are not listed.
    #[error("say what becomes of other paths: unlisted = \"free\", or unlisted = \"refuse\"")]
    NoUnlisted,
    /// A route without a path.
    #[error("a route has no path: add path = \"/weather/{{city}}\"")]
    NoPath,
    /// A path that is none.
    #[error("this is no path of a route: {0}")]
    Path(&'static str),
    /// A route that costs neither something nor nothing.
    #[error("a route has no price: add price = \"$0.01\", or free = true")]
    NoPrice,
    /// A free route, of which something is said that only a price has.
    #[error("a free route has no `{0}`")]
    FreeAndPriced(&'static str),
    /// Two routes that one request would meet alike.
    #[error("some requests would be for this route as well as for {}", other(.route, *.line))]
    Collision {
        /// The path of the other, as it is written.
        route: String,
        /// Its line.
        line: usize,
    },
    /// The paywall cannot do it.
    #[error(transparent)]
    Config(Mistake),
}

fn other(route: &str, line: usize) -> String {
    format!("{route} of line {line}")
}

impl PriceListError {
    pub(super) fn one(fault: PriceListFault) -> Self {
        Self { mistakes: vec![PriceListMistake { line: None, route: None, fault }] }
    }

    /// Each mistake, in the order of the lines.
    pub fn mistakes(&self) -> &[PriceListMistake] {
        &self.mistakes
    }
}

impl fmt::Display for PriceListMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(route) = &self.route {
            write!(f, "{route}: ")?;
        }
        self.fault.fmt(f)
    }
}

impl fmt::Display for PriceListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.as_slice() {
            [one] => write!(f, "the price list is wrong: {one}"),
            many => {
                write!(f, "the price list is wrong in {} places:", many.len())?;
                many.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
            }
        }
    }
}

impl std::error::Error for PriceListError {}
