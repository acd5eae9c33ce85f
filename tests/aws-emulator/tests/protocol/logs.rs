//! CloudWatch Logs through the AWS SDK: tokens, pages, delays and limits.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::InputLogEvent;

use crate::client::Emulator;

const GROUP: &str = "/aws/codebuild/app";

fn now() -> i64 {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    elapsed.as_millis().try_into().unwrap()
}

fn event(timestamp: i64, message: impl Into<String>) -> InputLogEvent {
    InputLogEvent::builder()
        .timestamp(timestamp)
        .message(message)
        .build()
        .unwrap()
}

async fn with_stream(emulator: &Emulator) -> Client {
    let logs = emulator.logs();
    logs.create_log_group().log_group_name(GROUP).send().await.unwrap();
    logs.create_log_stream()
        .log_group_name(GROUP)
        .log_stream_name("s")
        .send()
        .await
        .unwrap();
    logs
}

async fn put(logs: &Client, events: Vec<InputLogEvent>) -> Result<(), String> {
    let request = logs.put_log_events().log_group_name(GROUP).log_stream_name("s");
    match request.set_log_events(Some(events)).send().await {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().unwrap_or_default().to_owned()),
    }
}

async fn read(logs: &Client, token: Option<&str>) -> GetLogEventsOutput {
    let request = logs.get_log_events().log_group_name(GROUP).log_stream_name("s");
    let request = request.start_from_head(true).set_next_token(token.map(str::to_owned));
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_missing_group_and_stream_are_not_found() {
    let emulator = Emulator::start().await;
    let logs = emulator.logs();
    let request = || logs.get_log_events().log_group_name(GROUP).log_stream_name("s");
    let error = request().send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception());
    logs.create_log_group().log_group_name(GROUP).send().await.unwrap();
    let error = request().send().await.unwrap_err().into_service_error();
    assert_eq!(error.message(), Some("The specified log stream does not exist."));
}

#[tokio::test]
async fn the_forward_token_repeats_at_the_end_and_then_yields_what_is_new() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    let empty = read(&logs, None).await;
    assert!(empty.events().is_empty());
    let at = now();
    put(&logs, vec![event(at, "one\n"), event(at, "two\n")]).await.unwrap();
    let first = read(&logs, empty.next_forward_token()).await;
    let messages: Vec<_> = first.events().iter().map(|event| event.message().unwrap()).collect();
    assert_eq!(messages, ["one\n", "two\n"]);
    let again = read(&logs, first.next_forward_token()).await;
    assert!(again.events().is_empty());
    assert_eq!(again.next_forward_token(), first.next_forward_token());
    put(&logs, vec![event(at, "three\n")]).await.unwrap();
    let second = read(&logs, again.next_forward_token()).await;
    assert_eq!(second.events()[0].message(), Some("three\n"));
    let back = read(&logs, second.next_backward_token()).await;
    assert_eq!(back.events().len(), 2);
}

#[tokio::test]
async fn a_page_ends_at_a_mebibyte_and_nothing_is_lost() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    let at = now();
    put(&logs, vec![event(at, "x".repeat(1_000_000))]).await.unwrap();
    put(&logs, (0..9_000).map(|n| event(at, format!("line {n}\n"))).collect())
        .await
        .unwrap();
    put(&logs, (0..9_000).map(|n| event(at, format!("more {n}\n"))).collect())
        .await
        .unwrap();
    let (mut token, mut pages, mut events) = (None, Vec::new(), Vec::new());
    loop {
        let page = read(&logs, token.as_deref()).await;
        if page.events().is_empty() {
            break;
        }
        let bytes: usize = page
            .events()
            .iter()
            .map(|event| event.message().unwrap().len() + 26)
            .sum();
        assert!(bytes <= 1_048_576 && page.events().len() <= 10_000);
        pages.push(page.events().len());
        events.extend(page.events().iter().map(|event| event.message().unwrap().to_owned()));
        token = page.next_forward_token().map(str::to_owned);
    }
    assert_eq!(events.len(), 18_001);
    assert_eq!(
        (events[1].as_str(), events[18_000].as_str()),
        ("line 0\n", "more 8999\n")
    );
    assert!(pages.len() >= 3, "{pages:?}");
}

#[tokio::test]
async fn without_start_from_head_the_latest_events_come_first() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    let at = now();
    put(&logs, (0..30).map(|n| event(at, format!("{n}"))).collect())
        .await
        .unwrap();
    let request = || {
        logs.get_log_events()
            .log_group_name(GROUP)
            .log_stream_name("s")
            .limit(10)
    };
    let tail = request().send().await.unwrap();
    assert_eq!(tail.events()[0].message(), Some("20"));
    let before = request().set_next_token(tail.next_backward_token).send().await.unwrap();
    assert_eq!(before.events()[9].message(), Some("19"));
    let error = request().next_token("f/nonsense/s").start_from_head(true).send().await;
    assert!(error.unwrap_err().into_service_error().is_invalid_parameter_exception());
}

#[tokio::test]
async fn batches_out_of_order_or_over_the_limits_are_refused() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    let at = now();
    let unordered = vec![event(at, "b"), event(at - 1, "a")];
    let too_large = vec![event(at, "x".repeat(600_000)), event(at, "x".repeat(600_000))];
    let too_many = (0..10_001).map(|_| event(at, "x")).collect();
    let too_long = vec![event(at - 25 * 3_600_000, "a"), event(at, "b")];
    for batch in [unordered, too_large, too_many, too_long, Vec::new()] {
        assert_eq!(put(&logs, batch).await, Err("InvalidParameterException".to_owned()));
    }
    assert!(read(&logs, None).await.events().is_empty());
}

#[tokio::test]
async fn delivery_is_delayed_as_ordered() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    emulator.admin(("PUT", "logs?delay=400"), "").await;
    put(&logs, vec![event(now(), "late")]).await.unwrap();
    assert!(read(&logs, None).await.events().is_empty());
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(read(&logs, None).await.events().len(), 1);
}

#[tokio::test]
async fn reads_above_the_ordered_rate_are_throttled() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    emulator.admin(("PUT", "logs?delay=0&rate=1"), "").await;
    for _ in 0..5 {
        // The client retries by itself; what it meets on its way is what counts.
        let _ = logs
            .get_log_events()
            .log_group_name(GROUP)
            .log_stream_name("s")
            .send()
            .await;
    }
    let seen = emulator.admin(("GET", "requests"), "").await["requests"].clone();
    let statuses: Vec<_> = seen
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64())
        .collect();
    assert!(statuses.contains(&Some(400)), "{statuses:?}");
}

#[tokio::test]
async fn groups_and_streams_are_described_in_pages() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    emulator
        .admin(
            ("POST", "logs?group=/aws/codebuild/other&stream=z"),
            "a line\nanother\n",
        )
        .await;
    let groups = logs
        .describe_log_groups()
        .log_group_name_prefix("/aws/codebuild/")
        .limit(1);
    let mut pages = groups.into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(
            page.unwrap()
                .log_groups()
                .iter()
                .map(|group| group.log_group_name().unwrap().to_owned()),
        );
    }
    assert_eq!(names, [GROUP, "/aws/codebuild/other"]);
    let streams = logs
        .describe_log_streams()
        .log_group_name("/aws/codebuild/other")
        .send();
    let streams = streams.await.unwrap();
    assert_eq!(streams.log_streams()[0].log_stream_name(), Some("z"));
    assert!(streams.log_streams()[0].last_event_timestamp().is_some());
}

#[tokio::test]
async fn a_denied_read_names_the_action() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    emulator.admin(("POST", "deny?action=logs:GetLogEvents"), "").await;
    let error = logs
        .get_log_events()
        .log_group_name(GROUP)
        .log_stream_name("s")
        .send()
        .await;
    let error = error.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(error.message().unwrap().contains("logs:GetLogEvents"));
}

#[tokio::test]
async fn a_delay_for_one_group_holds_up_no_other() {
    let emulator = Emulator::start().await;
    let logs = with_stream(&emulator).await;
    for (group, seen) in [("/aws/codebuild/other", 1), (GROUP, 1)] {
        let path = format!("logs?delay=60000&group={group}");
        emulator.admin(("PUT", &path), "").await;
        put(&logs, vec![event(now(), "line")]).await.unwrap();
        assert_eq!(read(&logs, None).await.events().len(), seen, "{group}");
    }
}
