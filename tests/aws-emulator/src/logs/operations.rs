//! The calls of CloudWatch Logs: their members, limits and answers.
//!
//! Limits are those of the service's quotas page. Tags, classes, KMS keys and retention are read and have no effect.

use serde::Deserialize;
use serde_json::{Value, json};

use super::LogsError;
use super::store::Group;
use super::stream::{EVENT_OVERHEAD, Stream, Wanted};
use crate::aws::{Caller, parse};
use crate::clock;

const LARGEST_BATCH: usize = 1_048_576;
const MOST_EVENTS: usize = 10_000;
const DAY: i64 = 24 * 3600 * 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupRequest {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StreamRequest {
    log_group_name: String,
    log_stream_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeGroups {
    log_group_name_prefix: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeStreams {
    log_group_name: String,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<InputEvent>,
}

#[derive(Deserialize)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start_from_head: bool,
}

pub(super) fn create_log_group(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let request: GroupRequest = parse(body)?;
    check_name("logGroupName", &request.log_group_name, is_group_character)?;
    caller.permit(&group_arn(caller, &request.log_group_name))?;
    caller
        .emulator
        .logs
        .create_group(caller.owner(), &request.log_group_name)?;
    Ok(json!({}))
}

pub(super) fn delete_log_group(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let request: GroupRequest = parse(body)?;
    caller.permit(&group_arn(caller, &request.log_group_name))?;
    caller
        .emulator
        .logs
        .delete_group(caller.owner(), &request.log_group_name)?;
    Ok(json!({}))
}

pub(super) fn describe_log_groups(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let request: DescribeGroups = parse(body)?;
    caller.permit(&group_arn(caller, ""))?;
    let prefix = request.log_group_name_prefix.unwrap_or_default();
    let describe = |(name, group): (&str, &Group)| {
        let arn = caller.arn(&format!("log-group:{name}"));
        json!({
            "logGroupName": name, "creationTime": group.created, "metricFilterCount": 0, "storedBytes": 0,
            "arn": format!("{arn}:*"), "logGroupArn": arn,
        })
    };
    let all = caller.emulator.logs.with_groups(&caller.owner(), |groups| {
        let found = groups.into_iter().filter(|(name, _)| name.starts_with(&prefix));
        found.map(describe).collect::<Vec<_>>()
    });
    page("logGroups", all, (request.next_token.as_deref(), request.limit))
}

pub(super) fn create_log_stream(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let StreamRequest {
        log_group_name: group,
        log_stream_name: stream,
    } = parse(body)?;
    check_name("logStreamName", &stream, |c| !matches!(c, ':' | '*'))?;
    caller.permit(&stream_arn(caller, (&group, &stream)))?;
    caller.emulator.logs.with_group(caller.owner(), &group, |group| {
        if group.streams.contains_key(&stream) {
            return Err(LogsError::StreamExists);
        }
        group.streams.insert(stream, Stream::new(clock::epoch_milliseconds()));
        Ok(json!({}))
    })
}

pub(super) fn delete_log_stream(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let StreamRequest {
        log_group_name: group,
        log_stream_name: stream,
    } = parse(body)?;
    caller.permit(&stream_arn(caller, (&group, &stream)))?;
    caller.emulator.logs.with_group(caller.owner(), &group, |group| {
        let removed = group.streams.remove(&stream);
        removed.map(|_| json!({})).ok_or(LogsError::StreamNotFound)
    })
}

pub(super) fn describe_log_streams(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let request: DescribeStreams = parse(body)?;
    caller.permit(&group_arn(caller, &request.log_group_name))?;
    let by_time = match request.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") if request.log_stream_name_prefix.is_none() => true,
        Some("LastEventTime") => return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")),
        Some(other) => return Err(invalid(&format!("orderBy `{other}` is unknown."))),
    };
    let prefix = request.log_stream_name_prefix.unwrap_or_default();
    let all = caller
        .emulator
        .logs
        .with_group(caller.owner(), &request.log_group_name, |group| {
            let mut found: Vec<_> = group
                .streams
                .iter()
                .filter(|(name, _)| name.starts_with(&prefix))
                .collect();
            if by_time {
                found.sort_by_key(|(_, stream)| stream.events.last().map(|event| event.timestamp));
            }
            if request.descending {
                found.reverse();
            }
            let arn = |name: &str| stream_arn(caller, (&request.log_group_name, name));
            Ok(found
                .into_iter()
                .map(|(name, stream)| describe_stream(name, stream, &arn(name)))
                .collect())
        })?;
    page("logStreams", all, (request.next_token.as_deref(), request.limit))
}

fn describe_stream(name: &str, stream: &Stream, arn: &str) -> Value {
    let mut description = json!({"logStreamName": name, "creationTime": stream.created, "arn": arn, "storedBytes": 0});
    if let (Some(first), Some(last)) = (stream.events.first(), stream.events.last()) {
        description["firstEventTimestamp"] = json!(first.timestamp);
        description["lastEventTimestamp"] = json!(last.timestamp);
        description["lastIngestionTime"] = json!(last.ingested);
    }
    description
}

pub(super) fn put_log_events(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let request: PutEvents = parse(body)?;
    let (group, stream) = (request.log_group_name.as_str(), request.log_stream_name.as_str());
    caller.permit(&stream_arn(caller, (group, stream)))?;
    check_batch(&request.log_events)?;
    let store = &caller.emulator.logs;
    let now = clock::epoch_milliseconds();
    let visible_at = now + store.delay(group);
    let (too_old, too_new) = (now - 14 * DAY, now + DAY / 12);
    let old = request.log_events.partition_point(|event| event.timestamp < too_old);
    let new = request.log_events.partition_point(|event| event.timestamp <= too_new);
    let total = request.log_events.len();
    store.with_stream(caller.owner(), (group, stream), |stream| {
        for event in request.log_events.into_iter().take(new).skip(old) {
            stream.insert((event.timestamp, event.message), (now, visible_at));
        }
        Ok(())
    })?;
    let mut answer = json!({"nextSequenceToken": format!("{now:056}")});
    if old > 0 {
        answer["rejectedLogEventsInfo"]["tooOldLogEventEndIndex"] = json!(old);
    }
    if new < total {
        answer["rejectedLogEventsInfo"]["tooNewLogEventStartIndex"] = json!(new);
    }
    Ok(answer)
}

fn check_batch(events: &[InputEvent]) -> Result<(), LogsError> {
    if events.is_empty() || events.len() > MOST_EVENTS || events.iter().any(|event| event.message.is_empty()) {
        return Err(invalid(
            "1 validation error detected: 'logEvents' must have 1 to 10000 members with messages that are not empty.",
        ));
    }
    let size: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD).sum();
    if size > LARGEST_BATCH {
        return Err(invalid(&format!(
            "Upload too large: {size} bytes exceeds limit of {LARGEST_BATCH}"
        )));
    }
    if events.windows(2).any(|pair| pair[0].timestamp > pair[1].timestamp) || events[0].timestamp < 0 {
        return Err(invalid(
            "Log events in a single PutLogEvents request must be in chronological order.",
        ));
    }
    let span = events
        .last()
        .map_or(0, |last| last.timestamp.saturating_sub(events[0].timestamp));
    if span > DAY {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}

pub(super) fn get_log_events(caller: &Caller<'_>, body: &[u8]) -> Result<Value, LogsError> {
    let request: GetEvents = parse(body)?;
    let group = group_name(&request)?;
    caller.permit(&stream_arn(caller, (&group, &request.log_stream_name)))?;
    let limit = request.limit.unwrap_or(MOST_EVENTS);
    if !(1..=MOST_EVENTS).contains(&limit) {
        return Err(invalid("1 validation error detected: 'limit' must be from 1 to 10000."));
    }
    caller.emulator.logs.admit_read(&group)?;
    let wanted = Wanted {
        token: request.next_token.as_deref(),
        from_head: request.start_from_head,
        limit,
        start: request.start_time.unwrap_or(0),
        end: request.end_time.unwrap_or(i64::MAX),
    };
    caller
        .emulator
        .logs
        .with_stream(caller.owner(), (&group, &request.log_stream_name), |stream| {
            let page = stream.page(&wanted, clock::epoch_milliseconds())?;
            let events: Vec<Value> = page
                .events
                .iter()
                .map(|event| {
                    json!({"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingested})
                })
                .collect();
            Ok(json!({"events": events, "nextForwardToken": page.forward, "nextBackwardToken": page.backward}))
        })
}

/// A group is named by its name or by an identifier, which is the name or the ARN.
fn group_name(request: &GetEvents) -> Result<String, LogsError> {
    let identifier = |text: &str| match text.split_once(":log-group:") {
        Some((_, rest)) => rest.strip_suffix(":*").unwrap_or(rest).to_owned(),
        None => text.to_owned(),
    };
    match (&request.log_group_name, &request.log_group_identifier) {
        (Some(name), None) => Ok(name.clone()),
        (None, Some(text)) => Ok(identifier(text)),
        _ => Err(invalid(
            "Exactly one of logGroupName and logGroupIdentifier must be given.",
        )),
    }
}

fn page(list: &str, all: Vec<Value>, (token, limit): (Option<&str>, Option<usize>)) -> Result<Value, LogsError> {
    let limit = limit.unwrap_or(50);
    if !(1..=50).contains(&limit) {
        return Err(invalid("1 validation error detected: 'limit' must be from 1 to 50."));
    }
    let start: usize = match token {
        None => 0,
        Some(token) => token
            .parse()
            .map_err(|_| invalid("The specified nextToken is invalid."))?,
    };
    let more = all.len() > start.saturating_add(limit);
    let mut answer = json!({});
    answer[list] = all.into_iter().skip(start).take(limit).collect();
    if more {
        answer["nextToken"] = json!((start + limit).to_string());
    }
    Ok(answer)
}

fn check_name(member: &str, name: &str, allowed: fn(char) -> bool) -> Result<(), LogsError> {
    if (1..=512).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(&format!(
        "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint."
    )))
}

fn is_group_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-/#".contains(c)
}

fn invalid(message: &str) -> LogsError {
    LogsError::InvalidParameter(message.to_owned())
}

fn group_arn(caller: &Caller<'_>, group: &str) -> String {
    caller.arn(&format!("log-group:{group}"))
}

fn stream_arn(caller: &Caller<'_>, (group, stream): (&str, &str)) -> String {
    caller.arn(&format!("log-group:{group}:log-stream:{stream}"))
}
