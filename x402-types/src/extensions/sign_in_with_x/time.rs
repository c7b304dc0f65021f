use jiff::Timestamp;

/// A time that RFC 3339 cannot write, or a text that is none of its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time of RFC 3339")]
pub struct TimeError;

/// Seconds since 1970 as `YYYY-MM-DDTHH:MM:SSZ`.
pub(super) fn write(seconds: u64) -> Result<String, TimeError> {
    let seconds = i64::try_from(seconds).map_err(|_| TimeError)?;
    Ok(Timestamp::from_second(seconds).map_err(|_| TimeError)?.to_string())
}

/// Milliseconds since 1970. Stricter than its parser, which also knows shorter forms.
pub(super) fn read(text: &str) -> Result<i64, TimeError> {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
    };
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let ends = text.ends_with('Z')
        || bytes.len().checked_sub(6).and_then(|at| bytes.get(at..)).is_some_and(|end| {
            matches!(end, [b'+' | b'-', _, _, b':', _, _])
                && end.iter().filter(|byte| byte.is_ascii_digit()).count() == 4
        });
    let numbers = [0..4, 5..7, 8..10, 11..13, 14..16, 17..19];
    if text.len() > 40
        || !ends
        || shape.iter().any(|(at, byte)| bytes.get(*at) != Some(byte))
        || !numbers.into_iter().all(digits)
    {
        return Err(TimeError);
    }
    text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(|_| TimeError)
}
