use std::collections::{BTreeMap, BTreeSet};

/// A row of the table of what can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kind: String,
    /// The unit of a metric, the level of a span.
    pub(crate) measure: String,
    /// The labels of a metric, the fields of a span.
    pub(crate) fields: BTreeSet<String>,
}

/// The table in `OBSERVABILITY.md`, by name.
pub(crate) fn table() -> BTreeMap<String, Row> {
    let text = include_str!("../../../../OBSERVABILITY.md");
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, kind, name, measure, fields, told, _] = cells[..] else { panic!("{line}") };
        assert!(!told.is_empty(), "{line}");
        let fields = fields.split(", ").filter(|field| !field.is_empty()).map(unquoted);
        let row = Row { kind: kind.into(), measure: measure.into(), fields: fields.collect() };
        (unquoted(name), row)
    });
    let table: BTreeMap<String, Row> = rows.collect();
    assert!(table.len() > 10, "{table:?}");
    table
}

fn unquoted(cell: &str) -> String {
    let inner = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
    inner.unwrap_or_else(|| panic!("{cell}")).to_owned()
}
