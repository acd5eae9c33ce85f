//! The phases that run commands, and the lines that CodeBuild writes around them.
//!
//! A failed command skips the rest of its phase; `finally` runs in any case. Whether the next phases run is the
//! buildspec's decision; artifacts are "uploaded" at the end of every build that got this far.

use std::io;
use std::time::Duration;

use super::buildspec::{Buildspec, Phase, Stage};
use super::lifecycle::{Failure, Job};
use super::machine::Machine;
use super::output::BuildLog;
use super::record::Context;
use super::script::Shell;
use super::state::Fixed;
use super::variables::Variables;

/// Writes what precedes the phases around reading the source.
pub(super) fn announce<T>(
    job: &Job,
    log: &mut BuildLog,
    read: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    log.note("Running on CodeBuild On-demand");
    log.note("Waiting for agent ping");
    log.note("Waiting for DOWNLOAD_SOURCE");
    log.note("Phase is DOWNLOAD_SOURCE");
    log.note(&format!("CODEBUILD_SRC_DIR={}", source_directory(job)));
    log.note("YAML location is /codebuild/readonly/buildspec.yml");
    let read = read()?;
    log.note("Processing environment variables");
    Ok(read)
}

/// Runs the phases; tells whether all succeeded.
pub(super) async fn run(
    job: &Job,
    machine: &mut Machine,
    (spec, own): (&Buildspec, Variables),
    log: &mut BuildLog,
) -> Result<bool, Failure> {
    let broken = |error: io::Error| Failure::fault(format!("the sandbox is lost: {error}"));
    let directory = source_directory(job);
    let inside = machine
        .sandbox
        .codebuild()
        .join(directory.trim_start_matches("/codebuild/"));
    std::fs::create_dir_all(inside).map_err(broken)?;
    let mut variables = system_variables(job, machine, &directory);
    variables.extend(own);
    let shell = Shell::new(&machine.sandbox, spec.shell(), (&variables, &directory)).map_err(broken)?;
    log.note(&format!("Moving to directory {directory}"));
    log.note(&format!("Phases found in YAML: {}", spec.phase_count()));
    end_phase(job, log, ("DOWNLOAD_SOURCE", "SUCCEEDED"), Context::default());
    let mut failed = None;
    for stage in Stage::ALL {
        if failed.is_some_and(|failed| !spec.goes_on(failed, stage)) {
            continue;
        }
        job.begin(stage.name());
        log.note(&format!("Entering phase {}", stage.name()));
        let context = match spec.phase(stage) {
            Some(phase) => execute(phase, &shell, machine, log).await.map_err(broken)?,
            None => None,
        };
        let status = if context.is_some() { "FAILED" } else { "SUCCEEDED" };
        end_phase(job, log, (stage.name(), status), context.clone().unwrap_or_default());
        if context.is_some() {
            failed = Some(stage);
            shell.set("CODEBUILD_BUILD_SUCCEEDING", "0").map_err(broken)?;
        }
    }
    let exported = shell
        .values(&mut machine.sandbox, &spec.env.exported_variables)
        .await
        .map_err(broken)?;
    job.export(exported);
    close_build(job, log);
    Ok(failed.is_none())
}

/// Runs the commands of a phase; returns why it failed.
async fn execute(
    phase: &Phase,
    shell: &Shell,
    machine: &mut Machine,
    log: &mut BuildLog,
) -> io::Result<Option<Context>> {
    let mut failed = None;
    for command in &phase.commands {
        failed = execute_one(command, shell, machine, log).await?;
        if failed.is_some() {
            break;
        }
    }
    for command in &phase.finally {
        let last = execute_one(command, shell, machine, log).await?;
        let is_over = last.is_some();
        failed = failed.or(last);
        if is_over {
            break;
        }
    }
    Ok(failed)
}

async fn execute_one(
    command: &str,
    shell: &Shell,
    machine: &mut Machine,
    log: &mut BuildLog,
) -> io::Result<Option<Context>> {
    log.note(&format!("Running command {}", command.trim_end()));
    let status = shell.run(&mut machine.sandbox, command, log).await?;
    if status == 0 {
        return Ok(None);
    }
    log.note(&format!(
        "Command did not exit successfully {} exit status {status}",
        command.trim_end()
    ));
    let text = format!(
        "Error while executing command: {}. Reason: exit status {status}",
        command.trim_end()
    );
    Ok(Some(Context::new("COMMAND_EXECUTION_ERROR", text)))
}

/// What CodeBuild itself sets.
fn system_variables(job: &Job, machine: &Machine, directory: &str) -> Variables {
    let build = &job.build;
    let stream = job.stream().map(|stream| stream.name).unwrap_or_default();
    let milliseconds = format!("{:.0}", build.started * 1000.0);
    let configuration = &build.configuration;
    let own = [
        ("CODEBUILD_BUILD_ARN", build.arn()),
        ("CODEBUILD_BUILD_ID", build.id.clone()),
        ("CODEBUILD_BUILD_IMAGE", configuration.environment.image.clone()),
        ("CODEBUILD_BUILD_NUMBER", build.number.to_string()),
        ("CODEBUILD_BUILD_SUCCEEDING", "1".to_owned()),
        ("CODEBUILD_INITIATOR", build.initiator.clone()),
        (
            "CODEBUILD_KMS_KEY_ID",
            configuration.encryption_key.clone().unwrap_or_default(),
        ),
        ("CODEBUILD_LOG_PATH", stream),
        (
            "CODEBUILD_SOURCE_VERSION",
            configuration.source_version.clone().unwrap_or_default(),
        ),
        ("CODEBUILD_SRC_DIR", directory.to_owned()),
        ("CODEBUILD_START_TIME", milliseconds),
        ("CI", "true".to_owned()),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    machine.variables.clone().into_iter().chain(own).collect()
}

fn source_directory(job: &Job) -> String {
    let digits: String = job
        .build
        .uuid()
        .bytes()
        .filter(u8::is_ascii_digit)
        .take(9)
        .map(char::from)
        .collect();
    format!("/codebuild/output/src{digits}/src")
}

fn end_phase(job: &Job, log: &mut BuildLog, (phase, status): (&'static str, &'static str), context: Context) {
    close(log, phase, status, &context);
    job.end(status, context);
}

/// Writes the end of a phase.
pub(super) fn close(log: &mut BuildLog, phase: &str, status: &str, context: &Context) {
    log.note(&format!("Phase complete: {phase} State: {status}"));
    log.note(&format!(
        "Phase context status code: {} Message: {}",
        context.code, context.message
    ));
}

fn close_build(job: &Job, log: &mut BuildLog) {
    for phase in ["UPLOAD_ARTIFACTS", "FINALIZING"] {
        job.begin(phase);
        if phase == "UPLOAD_ARTIFACTS" {
            end_phase(job, log, (phase, "SUCCEEDED"), Context::default());
        } else {
            job.end("SUCCEEDED", Context::default());
        }
    }
}

/// Passes all phases without executing anything.
pub(super) async fn pretend(job: &Job, fixed: &Fixed, log: &mut BuildLog) {
    job.begin("DOWNLOAD_SOURCE");
    end_phase(job, log, ("DOWNLOAD_SOURCE", "SUCCEEDED"), Context::default());
    for stage in Stage::ALL {
        job.begin(stage.name());
        log.note(&format!("Entering phase {}", stage.name()));
        if stage == Stage::Build {
            for line in &fixed.lines {
                log.output(format!("{}\n", job.fill(line)).as_bytes());
            }
            tokio::time::sleep(Duration::from_secs_f64(fixed.seconds)).await;
        }
        end_phase(job, log, (stage.name(), "SUCCEEDED"), Context::default());
    }
    job.export(job.results(fixed));
    close_build(job, log);
}
