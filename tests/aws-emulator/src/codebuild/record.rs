//! The record of one build: its phases, status and results, and the JSON that describes it.
//!
//! A record only changes while the build is not complete; whoever comes later is told so. Shapes follow what CodeBuild
//! answers, among them the names of log group and stream, which are absent until provisioning has ended.

use std::time::Instant;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::configuration::Configuration;
use super::output::Stream;
use crate::aws::Owner;
use crate::clock;

/// A code and a text that belong to a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Context {
    pub(super) code: String,
    pub(super) message: String,
}

impl Context {
    /// Why a phase ended as it did.
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

#[derive(Clone, Debug)]
struct Phase {
    kind: &'static str,
    status: Option<&'static str>,
    start: f64,
    end: Option<f64>,
    context: Option<Context>,
}

/// A build.
#[derive(Clone, Debug)]
pub(super) struct Build {
    /// `PROJECT:UUID`.
    pub(super) id: String,
    pub(super) owner: Owner,
    pub(super) project: String,
    pub(super) number: u64,
    pub(super) initiator: String,
    pub(super) configuration: Configuration,
    pub(super) exported: Vec<(String, String)>,
    /// Known once provisioning has ended, if there is a log.
    pub(super) log: Option<Stream>,
    pub(super) visible_from: Instant,
    pub(super) vanished: bool,
    /// Ends whatever the build is doing.
    pub(super) stop: CancellationToken,
    pub(super) started: f64,
    status: &'static str,
    phases: Vec<Phase>,
    ended: Option<f64>,
}

/// Who a build belongs to and what it is to do.
pub(super) struct Order {
    pub(super) owner: Owner,
    pub(super) project: String,
    pub(super) number: u64,
    pub(super) initiator: String,
    pub(super) configuration: Configuration,
}

impl Build {
    /// A build that has just been submitted and waits in the queue.
    pub(super) fn submitted(order: Order, uuid: &str, (stop, visible_from): (CancellationToken, Instant)) -> Self {
        let now = clock::epoch_seconds();
        let phase = |kind, end: Option<f64>| Phase {
            kind,
            status: end.map(|_| "SUCCEEDED"),
            start: now,
            end,
            context: None,
        };
        Self {
            id: format!("{}:{uuid}", order.project),
            owner: order.owner,
            project: order.project,
            number: order.number,
            initiator: order.initiator,
            configuration: order.configuration,
            exported: Vec::new(),
            log: None,
            visible_from,
            vanished: false,
            stop,
            started: now,
            status: "IN_PROGRESS",
            phases: vec![phase("SUBMITTED", Some(now)), phase("QUEUED", None)],
            ended: None,
        }
    }

    /// The part of the id that is unique in itself.
    pub(super) fn uuid(&self) -> &str {
        self.id.rsplit(':').next().unwrap_or(&self.id)
    }

    /// ARN of the build.
    pub(super) fn arn(&self) -> String {
        format!(
            "arn:aws:codebuild:{}:{}:build/{}",
            self.owner.region, self.owner.account, self.id
        )
    }

    /// Whether it has ended.
    pub(super) fn is_complete(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether the API shows it at this moment.
    pub(super) fn is_visible(&self) -> bool {
        !self.vanished && self.visible_from <= Instant::now()
    }

    /// Begins the next phase.
    pub(super) fn begin(&mut self, kind: &'static str) {
        self.phases.push(Phase {
            kind,
            status: None,
            start: clock::epoch_seconds(),
            end: None,
            context: None,
        });
    }

    /// Ends the running phase; without a context it shows none.
    pub(super) fn end(&mut self, status: &'static str, context: Option<Context>) {
        if let Some(phase) = self.phases.last_mut().filter(|phase| phase.end.is_none()) {
            phase.status = Some(status);
            phase.end = Some(clock::epoch_seconds());
            phase.context = context.filter(|_| !matches!(phase.kind, "SUBMITTED" | "QUEUED"));
        }
    }

    /// Completes the build.
    pub(super) fn finish(&mut self, status: &'static str) {
        self.status = status;
        self.begin("COMPLETED");
        self.ended = Some(clock::epoch_seconds());
    }

    /// Stops the build, if it has not ended.
    pub(super) fn halt(&mut self) {
        if !self.is_complete() {
            self.end("STOPPED", None);
            self.finish("STOPPED");
            self.stop.cancel();
        }
    }

    /// Describes the build as the API does.
    pub(super) fn describe(&self) -> Value {
        let configuration = json!(self.configuration);
        let mut build = json!({
            "id": self.id, "arn": self.arn(), "buildNumber": self.number, "projectName": self.project,
            "initiator": self.initiator, "startTime": self.started, "buildStatus": self.status,
            "buildComplete": self.is_complete(), "currentPhase": self.phases.last().map_or("SUBMITTED", |phase| phase.kind),
            "phases": self.phases.iter().map(Phase::describe).collect::<Vec<_>>(), "logs": self.logs(),
            "secondarySources": [], "secondarySourceVersions": [], "secondaryArtifacts": [],
            "exportedEnvironmentVariables":
                self.exported.iter().map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
        });
        for member in [
            "source",
            "sourceVersion",
            "environment",
            "serviceRole",
            "timeoutInMinutes",
            "queuedTimeoutInMinutes",
            "encryptionKey",
            "cache",
        ] {
            if let Some(value) = configuration.get(member) {
                build[member] = value.clone();
            }
        }
        build["artifacts"] = json!({"location": ""});
        if let Some(ended) = self.ended {
            build["endTime"] = json!(ended);
        }
        build
    }

    fn logs(&self) -> Value {
        let configured = self
            .configuration
            .logs_config
            .as_ref()
            .and_then(|logs| logs.cloud_watch_logs.as_ref());
        let cloud_watch = configured.map_or_else(|| json!({"status": "ENABLED"}), |logs| json!(logs));
        let region = &self.owner.region;
        let console = format!("https://console.aws.amazon.com/cloudwatch/home?region={region}#logsV2:log-groups");
        let arn = |group: &str, stream: &str| {
            format!(
                "arn:aws:logs:{region}:{}:log-group:{group}:log-stream:{stream}",
                self.owner.account
            )
        };
        let mut logs =
            json!({"cloudWatchLogs": cloud_watch, "s3Logs": {"status": "DISABLED", "encryptionDisabled": false}});
        match &self.log {
            Some(Stream { group, name }) => {
                let escape = |text: &str| text.replace('/', "$252F");
                logs["groupName"] = json!(group);
                logs["streamName"] = json!(name);
                logs["deepLink"] = json!(format!(
                    "{console}/log-group/{}/log-events/{}",
                    escape(group),
                    escape(name)
                ));
                logs["cloudWatchLogsArn"] = json!(arn(group, name));
            }
            None => {
                logs["deepLink"] = json!(format!("{console}/log-group/null/log-events/null"));
                logs["cloudWatchLogsArn"] = json!(arn("null", "null"));
            }
        }
        logs
    }
}

impl Phase {
    fn describe(&self) -> Value {
        let mut phase = json!({"phaseType": self.kind, "startTime": self.start});
        if let (Some(status), Some(end)) = (self.status, self.end) {
            phase["phaseStatus"] = json!(status);
            phase["endTime"] = json!(end);
            phase["durationInSeconds"] = json!(seconds_between(self.start, end));
        }
        if let Some(context) = &self.context {
            phase["contexts"] = json!([{"statusCode": context.code, "message": context.message}]);
        }
        phase
    }
}

#[expect(clippy::cast_possible_truncation, reason = "no build runs for so many seconds")]
fn seconds_between(start: f64, end: f64) -> i64 {
    (end - start).floor() as i64
}
