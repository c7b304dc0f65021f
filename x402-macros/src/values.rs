//! Literals, and the collecting of mistakes.

use syn::{Error, Expr, ExprArray, ExprLit, Lit, LitStr};

/// Mistakes, all of which are told.
#[derive(Default)]
pub(crate) struct Mistakes(Option<Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// The value, or nothing and one mistake more.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn into_error(self) -> Option<Error> {
        self.0
    }
}

pub(crate) fn string(value: &Expr) -> Result<LitStr, Error> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.clone()),
        other => Err(Error::new_spanned(other, "this must be a text, such as \"…\"")),
    }
}

/// A text, or several in brackets.
pub(crate) fn strings(value: &Expr) -> Result<Vec<LitStr>, Error> {
    let Expr::Array(ExprArray { elems, .. }) = value else { return Ok(vec![string(value)?]) };
    let mut mistakes = Mistakes::default();
    let texts: Vec<LitStr> = elems.iter().filter_map(|it| mistakes.keep(string(it))).collect();
    match mistakes.into_error() {
        Some(error) => Err(error),
        None if texts.is_empty() => Err(Error::new_spanned(value, "nothing is in this list")),
        None => Ok(texts),
    }
}

/// One of these words.
pub(crate) fn word<T: Copy>(value: &Expr, words: &[(&str, T)]) -> Result<T, Error> {
    let text = string(value)?;
    let meant = words.iter().find(|(word, _)| *word == text.value());
    meant.map(|(_, meant)| *meant).ok_or_else(|| {
        let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        Error::new(text.span(), format!("this must be {}", known.join(" or ")))
    })
}

pub(crate) fn seconds(value: &Expr) -> Result<u64, Error> {
    let number = match value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse::<u64>().ok(),
        _ => None,
    };
    number
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| Error::new_spanned(value, "this must be a number of seconds, such as 60"))
}
