use super::path::{is_index, segment};

/// What a route's path is written as, such as `/weather/{city}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// Folded.
    Literal(String),
    /// `{name}`.
    One,
    /// `{*name}`, at the end.
    Rest,
}

/// Segments `{name}` of one path, of which the router can tell no more apart.
const MOST_NAMES: usize = 25;

impl Pattern {
    pub(super) fn parse(path: &str) -> Result<Self, &'static str> {
        let inner = path.strip_prefix('/').ok_or("it does not begin with a slash")?;
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let segments = match inner {
            "" if path.len() > 1 => return Err("it has an empty segment"),
            "" => Vec::new(),
            inner => inner.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?,
        };
        if segments.iter().filter(|segment| **segment == Segment::One).count() > MOST_NAMES {
            return Err("it has more than 25 segments in braces: use {*rest}");
        }
        let mut ends = segments.iter().skip_while(|segment| **segment != Segment::Rest);
        match (ends.next(), ends.next()) {
            (Some(_), Some(_)) => {
                Err("{*name} stands for all that follows: nothing can come after")
            }
            _ => Ok(Self { segments }),
        }
    }

    /// As the router takes it. Equal patterns have equal texts, whatever the names in them.
    pub(super) fn text(&self) -> String {
        text(&self.segments)
    }

    /// Whether it names a folder's index.
    pub(super) fn is_index(&self) -> bool {
        matches!(self.segments.last(), Some(Segment::Literal(name)) if is_index(name))
    }

    /// The folder that is part of this, unless it is listed itself: that of `{*rest}`, which may be
    /// nothing, and that of an index.
    pub(super) fn folder(&self) -> Option<String> {
        let (last, folder) = self.segments.split_last()?;
        (*last == Segment::Rest || self.is_index()).then(|| text(folder))
    }
}

impl Segment {
    fn parse(written: &str) -> Result<Self, &'static str> {
        if let Some(name) = written.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            let (name, kind) = match name.strip_prefix('*') {
                Some(name) => (name, Self::Rest),
                None => (name, Self::One),
            };
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return match is_name && !name.is_empty() {
                true => Ok(kind),
                false => Err("a name in braces has letters, digits and `_`"),
            };
        }
        if written.contains(['{', '}']) {
            return Err("braces stand for a whole segment, as in /weather/{city}");
        }
        if written.contains('*') || written.starts_with(':') {
            return Err("write {name} for one segment, and {*rest} for all that follow");
        }
        let decoded = percent_encoding::percent_decode_str(written).decode_utf8();
        segment(&decoded.map_err(|_| "it is not UTF-8")?).map(Self::Literal)
    }
}

fn text(segments: &[Segment]) -> String {
    if segments.is_empty() {
        return "/".to_owned();
    }
    let mut text = String::new();
    for (at, segment) in segments.iter().enumerate() {
        text.push('/');
        match segment {
            // Braces cannot be written, and those that are encoded are for the router to escape.
            Segment::Literal(literal) => {
                text.push_str(&literal.replace('{', "{{").replace('}', "}}"));
            }
            Segment::One => text.push_str(&format!("{{s{at}}}")),
            Segment::Rest => text.push_str("{*rest}"),
        }
    }
    text
}
