//! Following the logs of builds, line by line.
//!
//! Every log is read by a task of its own, and all of a region share one budget of calls: each call takes the next free
//! moment, so that no log goes without. A log that does not exist yet is waited for; one that cannot be read never fails
//! anything, it just ends, and says why when asked. Lines that came late are waited for after the build has ended.
//!
//! Memory is bounded: pages are fetched only as fast as lines are taken, long lines are cut, and what cannot be read in
//! time after the end of a build is left out, but for the last page.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsError;
use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
use aws_sdk_cloudwatchlogs::{Client, Config};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::aws::Aws;
use crate::codebuild::LogStream;
use crate::error::{ApiCall, AwsError};
use crate::random;

/// Time between two calls, of all logs together.
const APART: Duration = Duration::from_millis(125);

/// The same after CloudWatch has refused calls.
const APART_MAX: Duration = Duration::from_secs(2);

/// Time between two calls for one log that has something to say.
const AGAIN: Duration = Duration::from_secs(1);

/// Time between two calls for one log that is silent, or does not exist yet.
const SILENT: Duration = Duration::from_secs(2);

/// The same when calls fail.
const FAILING: Duration = Duration::from_secs(10);

/// How long after a build's end late lines are waited for.
const GRACE: Duration = Duration::from_secs(5);

/// How long after a build's end reading may take.
const DRAIN: Duration = Duration::from_secs(30);

/// Longer lines are cut, in bytes.
const LINE_MAX: usize = 8 * 1024;

/// Lines that wait for the reader.
const WAITING: usize = 256;

/// Events of a page that is full.
const PAGE_EVENTS: usize = 10_000;

/// Bytes of a page that is nearly full.
const PAGE_BYTES: usize = 700_000;

/// The logs of builds in a region.
#[derive(Clone)]
pub struct BuildLogs {
    aws: Aws,
    region: String,
}

pub(crate) fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(FAILING).build();
    let builder = aws_sdk_cloudwatchlogs::config::Builder::from(config);
    let builder = builder.retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    let config: Config = builder.build();
    Client::from_conf(config)
}

impl BuildLogs {
    pub(crate) fn new(aws: Aws, region: &str) -> Self {
        Self {
            aws,
            region: region.to_owned(),
        }
    }

    /// Begins to follow a log whose name may become known later. Following ends when the follower is dropped.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn follow(&self, log: Option<LogStream>) -> Result<LogFollower, AwsError> {
        let client = self.aws.logs(&self.region).await?;
        let (lines, receiver) = mpsc::channel(WAITING);
        let (wanted, wishes) = watch::channel(Wish { log, ended: None });
        let trouble = Arc::default();
        let tail = Tail {
            client,
            pace: self.aws.log_pace(&self.region),
            aws: self.aws.clone(),
            wishes,
            lines,
            trouble: Arc::clone(&trouble),
        };
        tokio::spawn(tail.run());
        Ok(LogFollower {
            lines: receiver,
            wanted,
            trouble,
        })
    }
}

/// What the follower wants read.
#[derive(Clone)]
struct Wish {
    log: Option<LogStream>,
    /// When the build was seen to have ended.
    ended: Option<Instant>,
}

/// The reading end of a log.
pub struct LogFollower {
    lines: mpsc::Receiver<String>,
    wanted: watch::Sender<Wish>,
    trouble: Arc<Mutex<Option<AwsError>>>,
}

impl LogFollower {
    /// The next line, without its end. `None` after the last one, which comes only after [`LogFollower::finish`].
    /// Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Says where the log is. Another place than before is read from its beginning.
    pub fn point_to(&self, log: &LogStream) {
        self.wanted.send_if_modified(|wish| {
            let new = wish.log.as_ref() != Some(log);
            if new {
                wish.log = Some(log.clone());
            }
            new
        });
    }

    /// Says that the build has ended: what is there is still read, and late lines are waited for a few seconds.
    pub fn finish(&self) {
        self.wanted.send_if_modified(|wish| {
            let new = wish.ended.is_none();
            wish.ended.get_or_insert(Instant::now());
            new
        });
    }

    /// Why the log cannot be read, as of the latest call.
    #[must_use]
    pub fn trouble(&self) -> Option<AwsError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// When the next call may go out.
#[derive(Default)]
pub(crate) struct LogPace(Mutex<Pace>);

struct Pace {
    next: Instant,
    apart: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            next: Instant::now(),
            apart: APART,
        }
    }
}

impl LogPace {
    async fn turn(&self, aws: &Aws) {
        let at = {
            let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = pace.next.max(Instant::now());
            pace.next = at + aws.wait(pace.apart);
            at
        };
        sleep_until(at).await;
    }

    fn refused(&self, refused: bool) {
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pace.apart = if refused {
            (pace.apart * 2).min(APART_MAX)
        } else {
            (pace.apart * 9 / 10).max(APART)
        };
    }
}

/// The task that reads one log.
struct Tail {
    client: Client,
    pace: Arc<LogPace>,
    aws: Aws,
    wishes: watch::Receiver<Wish>,
    lines: mpsc::Sender<String>,
    trouble: Arc<Mutex<Option<AwsError>>>,
}

/// How far a log has been read.
#[derive(Default)]
struct Place {
    token: Option<String>,
    /// Time stamp of the last event, in milliseconds since 1970.
    time: i64,
    /// Since when there has been nothing more to read.
    dry: Option<Instant>,
}

/// What a call brought.
enum Page {
    Full,
    Some,
    Nothing,
    Failed,
}

/// The reader is gone.
struct Gone;

impl Tail {
    async fn run(mut self) {
        let mut place = Place::default();
        let mut read: Option<LogStream> = None;
        loop {
            let wish = self.wishes.borrow_and_update().clone();
            if wish.log != read {
                place = Place::default();
                read = wish.log.clone();
            }
            let Some(log) = &wish.log else {
                if wish.ended.is_some() || self.wishes.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let page = tokio::select! {
                page = self.read(log, &mut place) => page,
                () = self.lines.closed() => return,
            };
            let Ok(page) = page else { return };
            if let Some(ended) = wish.ended {
                let waited = place.dry.map(|since| since.max(ended).elapsed());
                if waited.is_some_and(|waited| waited >= self.aws.wait(GRACE)) {
                    return;
                }
                if ended.elapsed() >= self.aws.wait(DRAIN) {
                    let _ = self.skip_to_the_end(log, &place).await;
                    return;
                }
            }
            let pause = match page {
                Page::Full => continue,
                Page::Some => AGAIN,
                Page::Nothing if wish.ended.is_some() => AGAIN,
                Page::Nothing => SILENT,
                Page::Failed => SILENT + random::up_to(FAILING - SILENT),
            };
            tokio::select! {
                () = sleep(self.aws.wait(pause)) => {}
                alive = self.wishes.changed() => if alive.is_err() { return },
                () = self.lines.closed() => return,
            }
        }
    }

    /// Reads one page on.
    async fn read(&self, log: &LogStream, place: &mut Place) -> Result<Page, Gone> {
        match self.fetch(log, Some(place)).await {
            Ok(Some(page)) => {
                let size: usize = page
                    .events()
                    .iter()
                    .map(|event| event.message().unwrap_or_default().len())
                    .sum();
                let again = page.next_forward_token().map(str::to_owned);
                let dry = page.events().is_empty() && place.token.is_some() && again == place.token;
                let count = page.events().len();
                self.pass_on(page.events.unwrap_or_default(), place).await?;
                place.token = again.or(place.token.take());
                place.dry = dry.then(|| place.dry.unwrap_or_else(Instant::now));
                Ok(match count {
                    0 if dry => Page::Nothing,
                    _ if size >= PAGE_BYTES || count >= PAGE_EVENTS => Page::Full,
                    _ => Page::Some,
                })
            }
            Ok(None) => {
                place.dry.get_or_insert_with(Instant::now);
                Ok(Page::Nothing)
            }
            Err(error) => {
                if !error.is_transient() {
                    place.dry.get_or_insert_with(Instant::now);
                }
                self.say(Some(error));
                Ok(Page::Failed)
            }
        }
    }

    /// One call; `None` when there is no such log yet. Without a place, the last page.
    async fn fetch(&self, log: &LogStream, place: Option<&Place>) -> Result<Option<GetLogEventsOutput>, AwsError> {
        self.pace.turn(&self.aws).await;
        let call = self
            .client
            .get_log_events()
            .log_group_name(&log.group)
            .log_stream_name(&log.stream)
            .start_from_head(place.is_some())
            .set_next_token(place.and_then(|place| place.token.clone()));
        let answer = call.send().await;
        let missing = answer.as_ref().is_err_and(|error| {
            matches!(
                error.as_service_error(),
                Some(GetLogEventsError::ResourceNotFoundException(_))
            )
        });
        if missing {
            return Ok(None);
        }
        let answer = answer.map_err(|error| AwsError::of(ApiCall::GetLogEvents, error));
        self.pace.refused(matches!(answer, Err(AwsError::RateLimited { .. })));
        if answer.is_ok() {
            self.say(None);
        }
        answer.map(Some)
    }

    fn say(&self, trouble: Option<AwsError>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    async fn pass_on(&self, events: Vec<OutputLogEvent>, place: &mut Place) -> Result<(), Gone> {
        for event in events {
            place.time = place.time.max(event.timestamp().unwrap_or_default());
            let message = event.message.unwrap_or_default();
            for line in message.strip_suffix('\n').unwrap_or(&message).split('\n') {
                self.lines.send(cut(line)).await.map_err(|_| Gone)?;
            }
        }
        Ok(())
    }

    /// For a log that cannot be read in time: its end matters most.
    async fn skip_to_the_end(&self, log: &LogStream, place: &Place) -> Result<(), Gone> {
        let Ok(Some(last)) = self.fetch(log, None).await else {
            return Ok(());
        };
        let mut events = last.events.unwrap_or_default();
        events.retain(|event| event.timestamp().unwrap_or_default() > place.time);
        if !events.is_empty() {
            let mark = "… a part of the log is left out here …".to_owned();
            self.lines.send(mark).await.map_err(|_| Gone)?;
        }
        self.pass_on(events, &mut Place::default()).await
    }
}

/// The line, or its beginning with a mark.
fn cut(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.len() <= LINE_MAX {
        return line.to_owned();
    }
    let mut end = LINE_MAX;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} … [{} bytes cut]", &line[..end], line.len() - end)
}
