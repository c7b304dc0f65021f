//! What of a path stands in the place of a name in its route.

use super::Ambiguous;

/// A route such as `/weather/{city}`. axum writes `{name}` and `{*name}`, and braces that mean nothing
/// twice; actix-web writes `{name}`, `{name:pattern}` and, at the end, `{name}*`.
pub(super) struct Template<'a> {
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    /// Decoded.
    Literal(Vec<u8>),
    Name(&'a str, Stands),
}

/// What a name may stand for.
#[derive(Clone, Copy)]
struct Stands {
    /// For more than one segment.
    over_slashes: bool,
    for_nothing: bool,
    /// Whether that is all that there is to say. A pattern says more, which is not read here.
    exact: bool,
}

/// From where to where a name's text goes in the path.
pub(super) type Place = std::ops::Range<usize>;

impl<'a> Template<'a> {
    pub(super) fn parse(mut rest: &'a str) -> Self {
        let (mut parts, mut literal) = (Vec::new(), String::new());
        while let Some(at) = rest.find(['{', '}']) {
            let (before, braced) = rest.split_at(at);
            literal.push_str(before);
            let brace = braced.get(..1).unwrap_or("");
            let behind = braced.get(1..).unwrap_or("");
            // Within a pattern braces may stand in braces, and a pattern is not where a name begins.
            let found = match behind.strip_prefix(brace) {
                Some(behind) => {
                    literal.push_str(brace);
                    rest = behind;
                    continue;
                }
                None if brace == "{" => closing(braced),
                None => None,
            };
            let Some((inner, behind)) = found else {
                literal.push_str(brace);
                rest = behind;
                continue;
            };
            let is_tail = behind == "*";
            rest = if is_tail { "" } else { behind };
            if !literal.is_empty() {
                parts.push(Part::Literal(Spelled::of(&literal).bytes));
                literal.clear();
            }
            let (name, stands) = match (inner.split_once(':'), inner.strip_prefix('*')) {
                (Some((name, pattern)), _) => (name, Stands::matching(pattern)),
                (None, Some(name)) => (name, Stands::matching(".+")),
                (None, None) => (inner, Stands::matching(if is_tail { ".*" } else { "[^/]+" })),
            };
            parts.push(Part::Name(name, stands));
        }
        literal.push_str(rest);
        parts.push(Part::Literal(Spelled::of(&literal).bytes));
        Self { parts }
    }

    /// Where in the path the texts of a name are; none where the route has no such name.
    pub(super) fn find(&self, name: &str, path: &str) -> Result<Vec<Place>, Ambiguous> {
        let is_it = |part: &Part<'_>| matches!(part, Part::Name(known, _) if *known == name);
        if !self.parts.iter().any(is_it) {
            return Ok(Vec::new());
        }
        let path = Spelled::of(path);
        let fits = self.fits(&path.bytes);
        let read = |greedy| self.read(&path.bytes, &fits, greedy).ok_or(Ambiguous::Unclear);
        let is_exact = |part: &Part<'_>| match part {
            Part::Literal(_) => true,
            Part::Name(_, stands) => stands.exact,
        };
        // As regular expressions do, the first takes as much as it can.
        let longest = read(true)?;
        let shortest = match self.parts.iter().all(is_exact) {
            true => longest.clone(),
            false => read(false)?,
        };
        let read = self.parts.iter().zip(longest.into_iter().zip(shortest));
        let places = read.filter(|(part, _)| is_it(part)).map(|(_, (longest, shortest))| {
            // All other ways to read it lie between these two.
            path.raw(&longest).filter(|_| longest == shortest).ok_or(Ambiguous::Unclear)
        });
        places.collect()
    }

    /// For each part, whether it and all that follow fit what is left of the path from each byte on.
    fn fits(&self, path: &[u8]) -> Vec<Vec<bool>> {
        let mut fits = vec![(0..=path.len()).map(|at| at == path.len()).collect::<Vec<_>>()];
        for part in self.parts.iter().rev() {
            let next = fits.last().map_or(&[][..], Vec::as_slice);
            let next_at = |at: usize| next.get(at).copied().unwrap_or(false);
            let mut here = vec![false; path.len() + 1];
            let mut beyond = false;
            for (at, fits) in here.iter_mut().enumerate().rev() {
                *fits = match part {
                    Part::Literal(literal) => {
                        let rest = path.get(at..).unwrap_or_default();
                        rest.starts_with(literal) && next_at(at + literal.len())
                    }
                    Part::Name(_, stands) => {
                        let steps = path.get(at).is_some_and(|byte| stands.steps_over(*byte));
                        beyond = steps && (beyond || next_at(at + 1));
                        beyond || (stands.for_nothing && next_at(at))
                    }
                };
            }
            fits.push(here);
        }
        fits.reverse();
        fits
    }

    /// Where each part is, if each takes as much as it can, or as little.
    fn read(&self, path: &[u8], fits: &[Vec<bool>], greedy: bool) -> Option<Vec<Place>> {
        let (first, fits) = fits.split_first()?;
        first.first().filter(|fits| **fits)?;
        let mut at = 0;
        let place = |(part, fits): (&Part<'_>, &Vec<bool>)| {
            let start = at;
            at += match part {
                Part::Literal(literal) => literal.len(),
                Part::Name(_, stands) => {
                    let rest = path.get(start..)?;
                    let most = rest.iter().take_while(|byte| stands.steps_over(**byte)).count();
                    let mut lengths = usize::from(!stands.for_nothing)..=most;
                    let can_be = |length: &usize| fits.get(start + length).is_some_and(|it| *it);
                    if greedy { lengths.rfind(can_be)? } else { lengths.find(can_be)? }
                }
            };
            Some(start..at)
        };
        self.parts.iter().zip(fits).map(place).collect()
    }
}

/// What stands between a brace and the one that closes it, and what follows.
fn closing(braced: &str) -> Option<(&str, &str)> {
    let mut open = 0_usize;
    for (at, char) in braced.char_indices() {
        match char {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((braced.get(1..at)?, braced.get(at + 1..)?));
        }
    }
    None
}

impl Stands {
    /// By the pattern of a name.
    fn matching(pattern: &str) -> Self {
        let (over_slashes, for_nothing, exact) = match pattern {
            "[^/]+" => (false, false, true),
            "[^/]*" => (false, true, true),
            ".+" => (true, false, true),
            ".*" => (true, true, true),
            pattern => (may_match_slashes(pattern), true, false),
        };
        Self { over_slashes, for_nothing, exact }
    }

    fn steps_over(self, byte: u8) -> bool {
        self.over_slashes || byte != b'/'
    }
}

/// Whether a pattern is not one of the simple ones of which it is plain that no slash can match.
fn may_match_slashes(pattern: &str) -> bool {
    let pattern = pattern.replace("[^/]", "a");
    let odd = ["(?", "[:", "&&", "--", "~~"].iter().any(|it| pattern.contains(it));
    let mut chars = pattern.chars().peekable();
    let (mut before, mut simple) = ('[', !odd);
    while let Some(char) = chars.next() {
        simple &= match char {
            '\\' => matches!(chars.next(), Some('d' | 'w' | 's' | '.' | '-' | '_')),
            '-' => {
                let is_range = |from: char, to: char| {
                    [('0', '9'), ('a', 'z'), ('A', 'Z')].iter().any(|(first, last)| {
                        (first..=last).contains(&&from) && from <= to && to <= *last
                    })
                };
                let behind = chars.peek().copied().unwrap_or('\\');
                before == '[' || behind == ']' || is_range(before, behind)
            }
            '_' | '+' | '*' | '?' | '{' | '}' | '[' | ']' | '(' | ')' | '|' | ',' => true,
            char => char.is_ascii_alphanumeric(),
        };
        before = char;
    }
    !simple
}

/// A text that is percent-decoded as far as routes are told apart by it. actix-web leaves slashes,
/// percent signs and plus signs; for axum, which decodes nothing, what is left makes no difference, as a
/// segment of its routes has one name at most.
struct Spelled {
    bytes: Vec<u8>,
    /// Where each byte begins in the text, and where that ends.
    at: Vec<usize>,
}

impl Spelled {
    fn of(text: &str) -> Self {
        let (mut bytes, mut at) = (Vec::new(), Vec::new());
        let mut rest = text.as_bytes();
        while let Some((byte, more)) = rest.split_first() {
            at.push(text.len() - rest.len());
            let decoded = match rest {
                [b'%', high, low, more @ ..] => unhex(*high, *low).map(|byte| (byte, more)),
                _ => None,
            };
            let (byte, more) =
                decoded.filter(|(byte, _)| !b"/%+".contains(byte)).unwrap_or((*byte, more));
            bytes.push(byte);
            rest = more;
        }
        at.push(text.len());
        Self { bytes, at }
    }

    /// The place in the text itself.
    fn raw(&self, place: &Place) -> Option<Place> {
        Some(*self.at.get(place.start)?..*self.at.get(place.end)?)
    }
}

fn unhex(high: u8, low: u8) -> Option<u8> {
    let digit = |digit| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// Decodes a text of a path, where it makes no difference whether that is done at once, or what
/// [`Spelled`] decodes first.
pub(super) fn decoded(text: &str) -> Result<String, Ambiguous> {
    let at_once: Vec<u8> = percent_encoding::percent_decode_str(text).collect();
    let first = Spelled::of(text).bytes;
    if percent_encoding::percent_decode(&first).ne(at_once.iter().copied()) {
        return Err(Ambiguous::Unclear);
    }
    String::from_utf8(at_once).map_err(|_| Ambiguous::NotText)
}
