//! Wall-clock time in the forms that AWS uses: epoch seconds, `20260101T000000Z` and ISO 8601.
//!
//! Only whole seconds matter to any rule of this emulator; fractions appear in JSON timestamps alone.

use std::time::{SystemTime, UNIX_EPOCH};

use time::{Date, Month, OffsetDateTime, Time};

/// Returns the current time in seconds since the epoch, with milliseconds as the fraction.
pub(crate) fn epoch_seconds() -> f64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (elapsed.as_secs_f64() * 1000.0).floor() / 1000.0
}

/// Returns the current time in whole milliseconds since the epoch.
pub(crate) fn epoch_milliseconds() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// Parses the `YYYYMMDDTHHMMSSZ` form of signature headers into seconds since the epoch.
pub(crate) fn parse_amz_date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 16 && bytes[8] == b'T' && bytes[15] == b'Z';
    if !shape || !text.is_ascii() {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<u16>().ok();
    let month = Month::try_from(u8::try_from(number(4, 6)?).ok()?).ok()?;
    let date = Date::from_calendar_date(number(0, 4)?.into(), month, u8::try_from(number(6, 8)?).ok()?).ok()?;
    let [hour, minute, second] = [number(9, 11)?, number(11, 13)?, number(13, 15)?].map(|n| n.to_le_bytes()[0]);
    let time = Time::from_hms(hour, minute, second).ok()?;
    Some(date.with_time(time).assume_utc().unix_timestamp())
}

/// Returns the current time in whole seconds since the epoch.
pub(crate) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Formats seconds since the epoch as `2026-01-01T00:00:00Z`.
pub(crate) fn iso8601(epoch: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(epoch).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Formats seconds since the epoch as `Thu, 01 Jan 2026 00:00:00 GMT`, the form of HTTP headers.
pub(crate) fn http_date(epoch: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(epoch).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (day, month) = (at.weekday().to_string(), at.month().to_string());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &day[..3],
        at.day(),
        &month[..3],
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_dates_are_utc_seconds() {
        assert_eq!(parse_amz_date("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(iso8601(1_440_938_160), "2015-08-30T12:36:00Z");
        assert_eq!(http_date(1_440_938_160), "Sun, 30 Aug 2015 12:36:00 GMT");
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in [
            "20151330T123600Z",
            "20150830T250000Z",
            "2015-08-30",
            "",
            "20150830X123600Z",
        ] {
            assert_eq!(parse_amz_date(text), None, "{text}");
        }
    }
}
