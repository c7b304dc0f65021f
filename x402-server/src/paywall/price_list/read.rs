//! Tables of TOML, key by key, so that each mistake in them is told.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::mistake::{PriceListFault, PriceListMistake};

/// Finds the line of a place in a text.
pub(super) struct Lines {
    /// Where each begins.
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after).collect() }
    }

    /// From 1.
    pub(super) fn at(&self, place: usize) -> usize {
        self.starts.partition_point(|start| *start <= place)
    }
}

/// A table whose keys are taken out one by one.
pub(super) struct Fields<'a, 'i> {
    table: DeTable<'i>,
    lines: &'a Lines,
    /// Where it begins.
    pub(super) line: usize,
    /// The path of the route that it is.
    pub(super) route: Option<String>,
    mistakes: &'a mut Vec<PriceListMistake>,
    known: Vec<&'static str>,
}

impl<'a, 'i> Fields<'a, 'i> {
    pub(super) fn new(
        table: Spanned<DeTable<'i>>,
        lines: &'a Lines,
        mistakes: &'a mut Vec<PriceListMistake>,
    ) -> Self {
        let line = lines.at(table.span().start);
        let table = table.into_inner();
        Self { table, lines, line, route: None, mistakes, known: Vec::new() }
    }

    pub(super) fn wrong(&mut self, line: usize, fault: PriceListFault) {
        let route = self.route.clone();
        self.mistakes.push(PriceListMistake { line: Some(line), route, fault });
    }

    /// A mistake without a place.
    pub(super) fn wrong_somewhere(&mut self, fault: PriceListFault) {
        self.mistakes.push(PriceListMistake { line: None, route: None, fault });
    }

    /// What is under this key, and its line.
    pub(super) fn take_raw(&mut self, key: &'static str) -> Option<(Spanned<DeValue<'i>>, usize)> {
        self.known.push(key);
        let (name, value) = self.table.remove_entry(key)?;
        Some((value, self.lines.at(name.span().start)))
    }

    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<T> {
        let (value, line) = self.take_raw(key)?;
        self.read(key, value, line)
    }

    /// What must be there.
    pub(super) fn take_or<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        missing: PriceListFault,
    ) -> Option<T> {
        if !self.has(key) {
            self.wrong(self.line, missing);
        }
        self.take(key)
    }

    /// A list, or one of what would be in it. It cannot be empty.
    pub(super) fn take_some<T: DeserializeOwned>(&mut self, key: &'static str) -> Option<Vec<T>> {
        let (value, line) = self.take_raw(key)?;
        let some = match value.get_ref() {
            DeValue::Array(_) => self.read::<Vec<T>>(key, value, line)?,
            _ => vec![self.read(key, value, line)?],
        };
        if some.is_empty() {
            let message = "it has nothing in it: leave it out".to_owned();
            self.wrong(line, PriceListFault::Value { key, message });
        }
        Some(some)
    }

    fn read<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        value: Spanned<DeValue<'i>>,
        line: usize,
    ) -> Option<T> {
        T::deserialize(ValueDeserializer::from(value))
            .map_err(|error| {
                let line = error.span().map_or(line, |span| self.lines.at(span.start));
                let message = error.message().to_owned();
                self.wrong(line, PriceListFault::Value { key, message });
            })
            .ok()
    }

    /// Each of a list of strings, parsed.
    pub(super) fn take_parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        key: &'static str,
    ) -> Option<Vec<T>> {
        let line = self.line_of(key);
        let written: Vec<String> = self.take_some(key)?;
        let parsed = written.iter().filter_map(|text| match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let message = T::Err::to_string(&error);
                self.wrong(line, PriceListFault::Value { key, message });
                None
            }
        });
        Some(parsed.collect())
    }

    /// The line of a key, or else of the table.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let name = self.table.get_key_value(key).map(|(name, _)| name.span().start);
        name.map_or(self.line, |start| self.lines.at(start))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Nothing else may be in it.
    pub(super) fn end(mut self) {
        let known = self.known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        for (name, _) in std::mem::take(&mut self.table) {
            let (line, key) = (self.lines.at(name.span().start), name.into_inner().into_owned());
            self.wrong(line, PriceListFault::UnknownKey { key, known: known.clone() });
        }
    }
}
