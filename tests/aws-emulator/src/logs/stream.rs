//! The events of one log stream, in order of their timestamps, and the pages that GetLogEvents cuts out of them.
//!
//! A token names the event beside it, so that a forward token repeats while nothing new has come and later yields what
//! was appended since; an event that arrives late with an older timestamp is not seen by it. An event becomes visible
//! when its delivery delay is over, and nothing behind it is shown before.

use super::LogsError;
use crate::random;

/// Most bytes of one page.
const LARGEST_PAGE: usize = 1024 * 1024;
/// What AWS counts for an event besides its message.
pub(super) const EVENT_OVERHEAD: usize = 26;

/// An event as it is stored.
pub(super) struct Event {
    /// Milliseconds since the epoch, as the writer gave them.
    pub(super) timestamp: i64,
    /// Milliseconds since the epoch.
    pub(super) ingested: i64,
    pub(super) message: String,
    number: u64,
    visible_at: i64,
}

/// A position between events: behind the event with this timestamp and number.
type Position = (i64, u64);

/// One log stream.
pub(super) struct Stream {
    /// Milliseconds since the epoch.
    pub(super) created: i64,
    /// In order of timestamp, then of arrival.
    pub(super) events: Vec<Event>,
    id: String,
    next_number: u64,
}

/// Which events are asked for.
pub(super) struct Wanted<'a> {
    pub(super) token: Option<&'a str>,
    pub(super) from_head: bool,
    pub(super) limit: usize,
    /// First timestamp.
    pub(super) start: i64,
    /// Timestamp behind the last.
    pub(super) end: i64,
}

/// A page of events with the tokens around it.
pub(super) struct Page<'a> {
    pub(super) events: Vec<&'a Event>,
    pub(super) forward: String,
    pub(super) backward: String,
}

impl Event {
    fn position(&self) -> Position {
        (self.timestamp, self.number)
    }
}

impl Stream {
    pub(super) fn new(created: i64) -> Self {
        Self {
            created,
            events: Vec::new(),
            id: random::hex(8),
            next_number: 1,
        }
    }

    /// Adds an event that readers see from `visible_at` on.
    pub(super) fn insert(&mut self, (timestamp, message): (i64, String), (ingested, visible_at): (i64, i64)) {
        let at = self.events.partition_point(|event| event.timestamp <= timestamp);
        let event = Event {
            timestamp,
            ingested,
            message,
            number: self.next_number,
            visible_at,
        };
        self.next_number += 1;
        self.events.insert(at, event);
    }

    /// Cuts out the page that is wanted at the time `now`.
    pub(super) fn page(&self, wanted: &Wanted<'_>, now: i64) -> Result<Page<'_>, LogsError> {
        let (forward, position) = match wanted.token {
            None if wanted.from_head => (true, (0, 0)),
            None => (false, (i64::MAX, 0)),
            Some(token) => self.parse(token)?,
        };
        if forward && !wanted.from_head {
            return Err(LogsError::InvalidParameter(
                "startFromHead must be true with a nextForwardToken.".to_owned(),
            ));
        }
        let events = if forward {
            self.after(position, wanted, now)
        } else {
            self.before(position, wanted, now)
        };
        let first = events.first().map_or(position, |event| event.position());
        let last = events.last().map(|event| event.position());
        let last = last.unwrap_or(match (forward, wanted.token) {
            (true, _) => position,
            (false, None) => (0, 0),
            (false, Some(_)) => (position.0, position.1.saturating_sub(1)),
        });
        Ok(Page {
            forward: self.token('f', last),
            backward: self.token('b', first),
            events,
        })
    }

    fn after(&self, position: Position, wanted: &Wanted<'_>, now: i64) -> Vec<&Event> {
        let start = self.events.partition_point(|event| event.position() <= position);
        let ready = self.events[start..].iter().take_while(|event| event.visible_at <= now);
        fill(ready, wanted)
    }

    fn before(&self, position: Position, wanted: &Wanted<'_>, now: i64) -> Vec<&Event> {
        let end = self.events.partition_point(|event| event.position() < position);
        let ready = self.events[..end]
            .iter()
            .rev()
            .skip_while(|event| event.visible_at > now);
        let mut events = fill(ready, wanted);
        events.reverse();
        events
    }

    fn token(&self, direction: char, (timestamp, number): Position) -> String {
        format!("{direction}/{timestamp:020}{number:012}{}/s", self.id)
    }

    fn parse(&self, token: &str) -> Result<(bool, Position), LogsError> {
        let refuse = || LogsError::InvalidParameter("The specified nextToken is invalid.".to_owned());
        let (direction, rest) = token.split_once('/').ok_or_else(refuse)?;
        let digits = rest.strip_suffix(&format!("{}/s", self.id)).ok_or_else(refuse)?;
        if digits.len() != 32 || !digits.is_ascii() {
            return Err(refuse());
        }
        let position = (
            digits[..20].parse().map_err(|_| refuse())?,
            digits[20..].parse().map_err(|_| refuse())?,
        );
        match direction {
            "f" => Ok((true, position)),
            "b" => Ok((false, position)),
            _ => Err(refuse()),
        }
    }
}

/// Takes what fits into a page, and one event at least.
fn fill<'a>(events: impl Iterator<Item = &'a Event>, wanted: &Wanted<'_>) -> Vec<&'a Event> {
    let mut size = 0;
    let mut page = Vec::new();
    for event in events.filter(|event| (wanted.start..wanted.end).contains(&event.timestamp)) {
        size += event.message.len() + EVENT_OVERHEAD;
        if page.len() == wanted.limit || (size > LARGEST_PAGE && !page.is_empty()) {
            break;
        }
        page.push(event);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(token: Option<&str>) -> Wanted<'_> {
        Wanted {
            token,
            from_head: true,
            limit: 10_000,
            start: 0,
            end: i64::MAX,
        }
    }

    #[test]
    fn nothing_behind_an_undelivered_event_is_shown() {
        let mut stream = Stream::new(0);
        stream.insert((1, "a".into()), (0, 0));
        stream.insert((2, "late".into()), (0, 50));
        stream.insert((3, "b".into()), (0, 0));
        let page = stream.page(&wanted(None), 10).unwrap();
        assert_eq!(page.events.len(), 1);
        let rest = stream.page(&wanted(Some(&page.forward)), 60).unwrap();
        assert_eq!(rest.events.len(), 2);
    }

    #[test]
    fn an_older_event_is_not_seen_by_a_forward_token() {
        let mut stream = Stream::new(0);
        stream.insert((5, "a".into()), (0, 0));
        let token = stream.page(&wanted(None), 10).unwrap().forward;
        stream.insert((4, "older".into()), (0, 0));
        let page = stream.page(&wanted(Some(&token)), 10).unwrap();
        assert!(page.events.is_empty());
        assert_eq!(page.forward, token);
    }
}
