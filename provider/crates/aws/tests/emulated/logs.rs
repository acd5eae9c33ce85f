//! A log is followed from its first line to its last, and never stands in the way of anything.

use std::time::{Duration, Instant};

use crate::emulator::{Emulator, REGION};
use fastcontainer_aws::{AwsErrorKind, LogFollower, LogStream};
use serde_json::json;

fn log(stream: &str) -> LogStream {
    LogStream {
        group: "/aws/codebuild/app".to_owned(),
        stream: stream.to_owned(),
    }
}

async fn append(emulator: &Emulator, stream: &str, text: &str) {
    let path = format!("logs?group=/aws/codebuild/app&stream={stream}&region={REGION}");
    emulator.admin("POST", &path, text).await;
}

async fn rest(mut follower: LogFollower) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = follower.next().await {
        lines.push(line);
    }
    lines
}

#[tokio::test]
async fn log_that_does_not_exist_yet_is_followed_from_its_first_line() {
    let emulator = Emulator::start().await;
    let logs = emulator.aws().hastened(10).build_logs(REGION);
    let mut follower = logs.follow(None).await.unwrap();
    follower.point_to(&log("s"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    append(&emulator, "s", "one\ntwo\n\nthree").await;
    for expected in ["one", "two", "", "three"] {
        assert_eq!(follower.next().await.unwrap(), expected);
    }
    assert!(follower.trouble().is_none());
    append(&emulator, "s", "four\r\n").await;
    assert_eq!(follower.next().await.unwrap(), "four");
    follower.finish();
    assert_eq!(follower.next().await, None);
}

#[tokio::test]
async fn lines_that_come_after_the_end_of_the_build_are_waited_for() {
    let emulator = Emulator::start().await;
    emulator.admin("PUT", "logs?delay=300", "").await;
    let follower = emulator
        .aws()
        .hastened(10)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    append(&emulator, "s", "late\n").await;
    follower.finish();
    assert_eq!(rest(follower).await, ["late"]);
}

#[tokio::test]
async fn log_that_never_comes_ends_when_the_build_has_ended() {
    let emulator = Emulator::start().await;
    let logs = emulator.aws().hastened(10).build_logs(REGION);
    let follower = logs.follow(Some(log("never"))).await.unwrap();
    follower.finish();
    assert!(rest(follower).await.is_empty());
    let nameless = logs.follow(None).await.unwrap();
    nameless.finish();
    assert!(rest(nameless).await.is_empty());
}

#[tokio::test]
async fn twenty_thousand_lines_are_complete_and_in_order() {
    let emulator = Emulator::start().await;
    let expected: Vec<String> = (0..20_000).map(|number| format!("line {number}")).collect();
    append(&emulator, "s", &expected.join("\n")).await;
    let follower = emulator
        .aws()
        .hastened(10)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    follower.finish();
    assert!(rest(follower).await == expected);
}

#[tokio::test]
async fn long_line_is_cut_with_a_mark() {
    let emulator = Emulator::start().await;
    append(&emulator, "s", &format!("{}\nshort\n", "ä".repeat(500_000))).await;
    let follower = emulator
        .aws()
        .hastened(10)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    follower.finish();
    let lines = rest(follower).await;
    let cut: usize = 1_000_000 - 8 * 1024;
    assert!(lines[0].starts_with("ää") && lines[0].ends_with(&format!(" … [{cut} bytes cut]")));
    assert_eq!(
        (lines[0].len() < 8300, lines[1].as_str(), lines.len()),
        (true, "short", 2)
    );
}

#[tokio::test]
async fn log_that_moves_is_followed_to_its_new_place() {
    let emulator = Emulator::start().await;
    append(&emulator, "first", "one\n").await;
    append(&emulator, "second", "two\n").await;
    let mut follower = emulator
        .aws()
        .hastened(10)
        .build_logs(REGION)
        .follow(Some(log("first")))
        .await
        .unwrap();
    assert_eq!(follower.next().await.unwrap(), "one");
    follower.point_to(&log("second"));
    assert_eq!(follower.next().await.unwrap(), "two");
}

#[tokio::test]
async fn trouble_costs_time_and_no_line() {
    let emulator = Emulator::start().await;
    let faults = [
        json!({"kind": "status", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded", "count": 3}),
        json!({"kind": "status", "status": 500, "code": "ServiceUnavailableException", "skip": 1}),
        json!({"kind": "drop_after", "skip": 1}),
        json!({"kind": "partial", "skip": 1}),
    ];
    for fault in faults {
        emulator.fault("logs:GetLogEvents", fault).await;
    }
    append(&emulator, "s", "one\ntwo\n").await;
    let mut follower = emulator
        .aws()
        .hastened(20)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    for expected in ["one", "two"] {
        assert_eq!(follower.next().await.unwrap(), expected);
    }
    append(&emulator, "s", "three\n").await;
    assert_eq!(follower.next().await.unwrap(), "three");
}

#[tokio::test]
async fn log_that_may_not_be_read_ends_with_the_build_and_says_why() {
    let emulator = Emulator::start().await;
    append(&emulator, "s", "one\n").await;
    emulator.admin("POST", "deny?action=logs:GetLogEvents", "").await;
    let mut follower = emulator
        .aws()
        .hastened(20)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    follower.finish();
    assert_eq!(follower.next().await, None);
    let action = "logs:GetLogEvents";
    assert_eq!(follower.trouble().unwrap().kind(), AwsErrorKind::Denied { action });
}

#[tokio::test]
async fn what_cannot_be_read_in_time_is_left_out_but_for_the_end() {
    let emulator = Emulator::start().await;
    for part in 0..4 {
        let lines: Vec<String> = (0..40)
            .map(|number| format!("{part}.{number} {}", "x".repeat(60_000)))
            .collect();
        append(&emulator, "s", &lines.join("\n")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    append(&emulator, "s", "\nthe end\n").await;
    // Reading may take 30 ms here, which is less than ten calls take.
    let follower = emulator
        .aws()
        .hastened(1000)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    follower.finish();
    let lines = rest(follower).await;
    assert_eq!(lines.last().unwrap(), "the end");
    let marks = lines.iter().filter(|line| line.contains("left out here")).count();
    assert!(
        marks == 1 && lines.len() < 160,
        "{marks} marks in {} lines",
        lines.len()
    );
}

#[tokio::test]
async fn many_logs_share_eight_calls_a_second_and_none_goes_without() {
    let emulator = Emulator::start().await;
    let logs = emulator.aws().build_logs(REGION);
    let mut followers = Vec::new();
    for number in 0..20 {
        append(&emulator, &format!("s{number}"), &format!("first of {number}\n")).await;
        followers.push(logs.follow(Some(log(&format!("s{number}")))).await.unwrap());
    }
    let began = Instant::now();
    for (number, follower) in followers.iter_mut().enumerate() {
        assert_eq!(follower.next().await.unwrap(), format!("first of {number}"));
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    tokio::time::sleep_until((began + Duration::from_secs(5)).into()).await;
    let calls = emulator.count("logs:GetLogEvents").await;
    assert!((20..=42).contains(&calls), "{calls} calls in five seconds");
    drop(followers);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let calls = emulator.count("logs:GetLogEvents").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(emulator.count("logs:GetLogEvents").await, calls, "calls for nobody");
}

#[tokio::test]
async fn fifty_logs_of_twenty_seconds_are_complete_at_eight_calls_a_second() {
    const HASTE: u32 = 4;
    let emulator = Emulator::start().await;
    let logs = emulator.aws().hastened(HASTE).build_logs(REGION);
    let mut followers = Vec::new();
    for number in 0..50 {
        followers.push(logs.follow(Some(log(&format!("s{number}")))).await.unwrap());
    }
    let began = Instant::now();
    for second in 0..5_u32 {
        for number in 0..50 {
            append(&emulator, &format!("s{number}"), &format!("{second}\n")).await;
        }
        tokio::time::sleep_until((began + Duration::from_secs(4) * (second + 1) / HASTE).into()).await;
    }
    followers.iter().for_each(LogFollower::finish);
    let all = futures_util::future::join_all(followers.into_iter().map(rest)).await;
    let took = (began.elapsed() * HASTE).as_secs_f64();
    let calls = emulator.count("logs:GetLogEvents").await;
    assert!(all.iter().all(|lines| lines == &["0", "1", "2", "3", "4"]), "{all:?}");
    assert!(calls as f64 <= took * 8.0 + 1.0, "{calls} calls in {took} s");
}

#[tokio::test]
async fn reader_that_takes_no_lines_stops_the_calls() {
    let emulator = Emulator::start().await;
    for _ in 0..6 {
        let lines: Vec<String> = (0..20).map(|_| "x".repeat(60_000)).collect();
        append(&emulator, "s", &lines.join("\n")).await;
    }
    let text: Vec<String> = (0..2000).map(|number| number.to_string()).collect();
    append(&emulator, "s", &text.join("\n")).await;
    let follower = emulator
        .aws()
        .hastened(100)
        .build_logs(REGION)
        .follow(Some(log("s")))
        .await
        .unwrap();
    // A log that is read is asked for every few milliseconds here.
    let began = Instant::now();
    loop {
        let calls = emulator.count("logs:GetLogEvents").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if calls > 0 && emulator.count("logs:GetLogEvents").await == calls {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "the calls do not stop");
    }
    drop(follower);
}
