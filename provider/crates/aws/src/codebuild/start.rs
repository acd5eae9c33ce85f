//! Beginning a build, exactly once.
//!
//! A request carries a random token that CodeBuild remembers for five minutes. Whenever it is unclear whether a request
//! was heard, the same one goes out again with the same token, and not after those five minutes: it would begin a second
//! build. The SDK's own retries are off here, because they would hide what was unclear.
//!
//! Where the account has no slot for another build, one caller tries again and the others stand in line behind it. They
//! lose patience only when nobody gets a slot any more: in an account with few, many builds take longer than one may.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use aws_sdk_codebuild::types::{
    ArtifactsType, EnvironmentVariable, EnvironmentVariableType, ImagePullCredentialsType, ProjectArtifacts,
    ProjectFleet, SourceType,
};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::poller::Slots;
use super::{CodeBuild, one_attempt};
use crate::error::{ApiCall, AwsError};
use crate::random;

const CALL: ApiCall = ApiCall::StartBuild;

/// One attempt takes no longer than this.
const ATTEMPT: Duration = Duration::from_secs(30);

/// How long CodeBuild knows a token, less a margin for clocks and lines.
const TOKEN: Duration = Duration::from_secs(5 * 60 - ATTEMPT.as_secs() - 10);

/// How long a role that was just made may be unknown.
const ROLE: Duration = Duration::from_secs(60);

/// The longest pause between two attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The longest pause of the one who waits for a slot: it holds up a line.
const SLOT_MAX: Duration = Duration::from_secs(8);

/// How long a cancelled request may still tell which build to stop.
const LAST_WORD: Duration = Duration::from_millis(1000);

/// The value of a variable of the build.
#[derive(Clone, PartialEq, Eq)]
pub enum EnvironmentValue {
    /// The value itself. Anybody who may see the build can read it.
    Plain(String),
    /// Name or ARN of a parameter that CodeBuild reads.
    Parameter(String),
    /// A secret of Secrets Manager that CodeBuild reads, as it writes them: `arn[:json-key[:stage[:version]]]`.
    Secret(String),
}

/// Plain values may be anything; only references are shown.
impl fmt::Debug for EnvironmentValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(…)"),
            Self::Parameter(name) => write!(f, "Parameter({name})"),
            Self::Secret(name) => write!(f, "Secret({name})"),
        }
    }
}

/// A build to begin. Its clones are the same build, and begin one only once.
#[derive(Debug, Clone)]
pub struct StartBuild {
    /// The project.
    pub project: String,
    /// The buildspec itself.
    pub buildspec: String,
    /// Variables of the build.
    pub environment: BTreeMap<String, EnvironmentValue>,
    /// Instead of the project's.
    pub environment_type: Option<String>,
    /// Instead of the project's.
    pub compute_type: Option<String>,
    /// Instead of the project's. One that is not CodeBuild's own is pulled with the service role.
    pub image: Option<String>,
    /// ARN of a fleet instead of the project's.
    pub fleet: Option<String>,
    /// Minutes that it may run, 5 to 2160.
    pub timeout_minutes: Option<u16>,
    /// Minutes that it may wait in the queue, 5 to 480.
    pub queue_timeout_minutes: Option<u16>,
    token: String,
}

impl StartBuild {
    /// A new build, different from every other.
    #[must_use]
    pub fn new(project: &str, buildspec: &str) -> Self {
        Self {
            project: project.to_owned(),
            buildspec: buildspec.to_owned(),
            environment: BTreeMap::new(),
            environment_type: None,
            compute_type: None,
            image: None,
            fleet: None,
            timeout_minutes: None,
            queue_timeout_minutes: None,
            token: random::token(),
        }
    }
}

/// A build that CodeBuild has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedBuild {
    /// `project:uuid`.
    pub id: String,
    /// Its ARN.
    pub arn: String,
}

/// How long to go on trying.
#[derive(Clone, Copy)]
pub struct Patience<'a> {
    /// How long without a build that begins, this one or another in the region.
    pub within: Duration,
    /// Ends all waiting.
    pub cancel: &'a CancellationToken,
    /// Is told why an attempt failed that will be repeated.
    pub on_refusal: &'a (dyn Fn(&AwsError) + Send + Sync),
}

/// A request that is under way.
type Asked<'a> = Pin<Box<dyn Future<Output = Result<StartedBuild, AwsError>> + Send + 'a>>;

/// What earlier attempts leave for the next one.
struct Attempts {
    number: u32,
    first: Instant,
    /// Since when a build may have begun without our knowing.
    unclear: Option<Instant>,
}

impl CodeBuild {
    /// Begins a build, in privileged mode, without a source or artifacts of its own.
    ///
    /// # Errors
    /// [`AwsError::QuotaReached`], [`AwsError::RateLimited`] and failures on the way are tried again until patience ends;
    /// others are final. [`AwsError::ProjectMissing`] when there is no such project, [`AwsError::Cancelled`] after a
    /// cancellation: a build that had begun was stopped.
    pub async fn start(&self, build: &StartBuild, patience: Patience<'_>) -> Result<StartedBuild, AwsError> {
        let poller = self.aws.poller(&self.region);
        let slots = poller.slots();
        let mut in_line = None;
        let mut attempts = Attempts {
            number: 0,
            first: Instant::now(),
            unclear: None,
        };
        loop {
            if in_line.is_none() && slots.are_short() {
                in_line = Some(turn(slots, attempts.first, patience).await?);
            }
            let error = match self.attempt(build, patience.cancel).await {
                Ok(started) => {
                    slots.took_one();
                    return Ok(started);
                }
                Err(error) => error,
            };
            let pause = self
                .pause(&mut attempts, &error)
                .filter(|pause| Instant::now() + *pause < end_of(slots, attempts.first, patience));
            let Some(pause) = pause else { return Err(error) };
            (patience.on_refusal)(&error);
            if matches!(error, AwsError::QuotaReached { .. }) {
                slots.ran_out();
            }
            tokio::select! {
                () = sleep(pause) => {}
                () = slots.freed(), if in_line.is_some() => {}
                () = patience.cancel.cancelled() => {
                    if attempts.unclear.is_some() {
                        self.take_back(build, self.ask(build)).await;
                    }
                    return Err(AwsError::Cancelled { call: CALL });
                }
            }
        }
    }

    /// How long to wait before the next attempt; `None` when there must be none.
    fn pause(&self, attempts: &mut Attempts, error: &AwsError) -> Option<Duration> {
        let now = Instant::now();
        if is_unclear(error) {
            attempts.unclear.get_or_insert(now);
        }
        let again = matches!(error, AwsError::QuotaReached { .. })
            || error.is_transient()
            || is_role_lag(error) && now - attempts.first < self.aws.wait(ROLE);
        let known = attempts.unclear.is_none_or(|since| now - since < self.aws.wait(TOKEN));
        let most = match error {
            AwsError::QuotaReached { .. } => SLOT_MAX,
            _ => PAUSE_MAX,
        };
        let doubled = Duration::from_secs(1).saturating_mul(1 << attempts.number.min(10));
        attempts.number += 1;
        let pause = random::up_to(self.aws.wait(doubled.min(most)));
        (again && known).then_some(pause)
    }

    /// One request. When it is cancelled on its way, what it began is stopped.
    async fn attempt(&self, build: &StartBuild, cancel: &CancellationToken) -> Result<StartedBuild, AwsError> {
        let mut asked = self.ask(build);
        tokio::select! {
            biased;
            answer = &mut asked => answer,
            () = cancel.cancelled() => {
                self.take_back(build, asked).await;
                Err(AwsError::Cancelled { call: CALL })
            }
        }
    }

    /// Stops the build that a request begins or has begun. When its answer is lost, the same request asks for it again:
    /// a build that nobody knows of would run to its end.
    async fn take_back(&self, build: &StartBuild, asked: Asked<'_>) {
        let last_word = async {
            let answer = match asked.await {
                Err(error) if is_unclear(&error) => self.ask(build).await,
                answer => answer,
            };
            if let Ok(started) = answer {
                let _ = self.stop(&started.id).await;
            }
        };
        let _ = timeout(LAST_WORD, last_word).await;
    }

    /// In a box: a call of the SDK is a large future, and there are several of them around this one.
    fn ask<'a>(&'a self, build: &'a StartBuild) -> Asked<'a> {
        Box::pin(self.send(build))
    }

    async fn send(&self, build: &StartBuild) -> Result<StartedBuild, AwsError> {
        let artifacts = ProjectArtifacts::builder().r#type(ArtifactsType::NoArtifacts).build();
        let fleet = build
            .fleet
            .as_ref()
            .map(|arn| ProjectFleet::builder().fleet_arn(arn).build());
        let pull = build
            .image
            .as_ref()
            .map(|image| match image.starts_with("aws/codebuild/") {
                true => ImagePullCredentialsType::Codebuild,
                false => ImagePullCredentialsType::ServiceRole,
            });
        let call = self
            .client()
            .await?
            .start_build()
            .project_name(&build.project)
            .idempotency_token(&build.token)
            .source_type_override(SourceType::NoSource)
            .set_artifacts_override(artifacts.ok())
            .buildspec_override(&build.buildspec)
            .privileged_mode_override(true)
            .set_environment_variables_override(Some(variables(&build.environment)?))
            .set_environment_type_override(build.environment_type.as_deref().map(Into::into))
            .set_compute_type_override(build.compute_type.as_deref().map(Into::into))
            .set_image_override(build.image.clone())
            .set_image_pull_credentials_type_override(pull)
            .set_fleet_override(fleet)
            .set_timeout_in_minutes_override(build.timeout_minutes.map(i32::from))
            .set_queued_timeout_in_minutes_override(build.queue_timeout_minutes.map(i32::from));
        let call = call.customize().config_override(one_attempt(ATTEMPT));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) => {
                use aws_sdk_codebuild::operation::start_build::StartBuildError::ResourceNotFoundException;
                return Err(match error.as_service_error() {
                    Some(ResourceNotFoundException(_)) => self.project_missing(&build.project),
                    _ => AwsError::of(CALL, error),
                });
            }
        };
        let started = answer.build_value().and_then(|build| Some((build.id()?, build.arn()?)));
        let (id, arn) = started.ok_or_else(|| malformed("it names no build"))?;
        Ok(StartedBuild {
            id: id.to_owned(),
            arn: arn.to_owned(),
        })
    }
}

/// Waits in line for a slot.
async fn turn<'a>(slots: &'a Slots, since: Instant, patience: Patience<'_>) -> Result<MutexGuard<'a, ()>, AwsError> {
    let line = slots.line();
    tokio::pin!(line);
    loop {
        let end = end_of(slots, since, patience);
        tokio::select! {
            turn = &mut line => return Ok(turn),
            () = patience.cancel.cancelled() => return Err(AwsError::Cancelled { call: CALL }),
            () = sleep_until(end) => if end_of(slots, since, patience) <= end { return Err(no_slot()) },
        }
    }
}

/// When the patience of a caller who waits since then ends.
fn end_of(slots: &Slots, since: Instant, patience: Patience<'_>) -> Instant {
    slots.last_taken().map_or(since, |taken| taken.max(since)) + patience.within
}

/// Whether a build may have begun all the same.
fn is_unclear(error: &AwsError) -> bool {
    error.is_transient() && !matches!(error, AwsError::RateLimited { .. })
}

fn variables(environment: &BTreeMap<String, EnvironmentValue>) -> Result<Vec<EnvironmentVariable>, AwsError> {
    let variable = |(name, value): (&String, &EnvironmentValue)| {
        let (kind, value) = match value {
            EnvironmentValue::Plain(value) => (EnvironmentVariableType::Plaintext, value),
            EnvironmentValue::Parameter(name) => (EnvironmentVariableType::ParameterStore, name),
            EnvironmentValue::Secret(name) => (EnvironmentVariableType::SecretsManager, name),
        };
        let variable = EnvironmentVariable::builder()
            .name(name)
            .value(value)
            .r#type(kind)
            .build();
        variable.map_err(|_| malformed("a variable has no name"))
    };
    environment.iter().map(variable).collect()
}

/// A role that was just made is unknown, or unusable, for some seconds.
fn is_role_lag(error: &AwsError) -> bool {
    let AwsError::Refused { code, said, .. } = error else {
        return matches!(
            error,
            AwsError::Denied {
                action: "sts:AssumeRole",
                call: CALL,
                ..
            }
        );
    };
    let said = said.to_ascii_lowercase();
    code == "InvalidInputException" && (said.contains("sts:assumerole") || said.contains("service role"))
}

fn malformed(problem: &str) -> AwsError {
    AwsError::Malformed {
        call: CALL,
        problem: problem.to_owned(),
    }
}

fn no_slot() -> AwsError {
    AwsError::QuotaReached {
        call: CALL,
        said: "other builds of this program still wait for a free slot".to_owned(),
    }
}
