//! Moments as texts: what documents, HTTP and certificates write. The calendar is the library's; a moment beyond it is
//! shown as its last one.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use jiff::tz::TimeZone;

fn timestamp(at_ms: i64) -> Timestamp {
    let beyond = if at_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_millisecond(at_ms).unwrap_or(beyond)
}

/// A moment as `2026-09-23T16:33:12.144Z`.
pub fn rfc3339_ms(at_ms: i64) -> String {
    format!("{:.3}", timestamp(at_ms))
}

/// A moment as `2026-09-23T16:33:12Z`.
pub fn rfc3339(at_ms: i64) -> String {
    format!("{:.0}", timestamp(at_ms))
}

/// Reads [`rfc3339`] and [`rfc3339_ms`]; without an offset the time is UTC.
pub fn read_rfc3339(text: &str) -> Option<i64> {
    let here = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let moment = text.parse::<Timestamp>().ok();
    let moment = moment.or_else(|| here().map(|zoned| zoned.timestamp()))?;
    Some(moment.as_millisecond())
}

/// A moment as HTTP writes it (RFC 9110, section 5.6.7).
pub fn http_date(at_s: u64) -> String {
    let at_ms = i64::try_from(at_s)
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000);
    let printed = DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp(at_ms));
    printed.unwrap_or_default()
}

/// Reads [`http_date`] as milliseconds; a wrong day of the week is the sender's business.
pub fn read_http_date(text: &str) -> Option<i64> {
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let moment = parser.parse_timestamp(text).ok()?;
    Some(moment.as_millisecond())
}

/// The day of a moment, in UTC.
pub(crate) fn date(at_ms: i64) -> Date {
    timestamp(at_ms).to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_documents_and_http_want_them() {
        let at_ms = 1_795_164_219_086;
        assert_eq!(rfc3339_ms(at_ms), "2026-11-20T08:43:39.086Z");
        assert_eq!(rfc3339_ms(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(at_ms), "2026-11-20T08:43:39Z");
        assert_eq!(rfc3339(i64::MAX).get(..4), Some("9999"));
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(http_date(1_795_132_799), "Thu, 19 Nov 2026 23:59:59 GMT");
        assert_eq!(date(951_782_400_000).to_string(), "2000-02-29");
    }

    #[test]
    fn moments_are_read_as_they_were_written() {
        assert_eq!(
            read_rfc3339("2026-11-20T08:43:39.086Z"),
            Some(1_795_164_219_086)
        );
        assert_eq!(read_rfc3339("2026-11-20T08:43:39"), Some(1_795_164_219_000));
        assert_eq!(read_rfc3339("yesterday"), None);
        let date = "Wed, 21 Oct 2026 07:28:00 GMT";
        assert_eq!(read_http_date(date), Some(1_792_567_680_000));
        assert!(read_http_date("Mon, 21 Oct 2026 07:28:00 GMT").is_some());
        assert_eq!(read_http_date("soon"), None);
    }
}
