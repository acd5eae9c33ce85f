//! How the emulator's CodeBuild behaves for one project, and what it really did.
//!
//! Turns nothing that tests beside it would notice: every knob and every trouble is the project's own.

use fastcontainer_lab::BaseImage;
use serde_json::{Value, json};

use crate::{CodeBuild, admin, lab};

impl CodeBuild {
    /// Turns the emulator's knobs for builds of this project; those left out get their defaults.
    pub fn turn(&self, knobs: &Value) {
        let path = format!("codebuild/knobs?project={}", self.project);
        lab().emulator().admin_with("PUT", &path, knobs).expect("knobs");
    }

    /// Knobs for builds that execute nothing, take `seconds`, and report the image `digest`.
    #[must_use]
    pub fn fixed(seconds: f64, digest: &str) -> Value {
        let result = json!({"digest": digest, "step": "done", "failure": "", "steps": 2, "cachedSteps": 1});
        let lines = ["[fastcontainer] result", "[fastcontainer] end of result"];
        let exported = json!({ "FC_RESULT": result.to_string() });
        json!({ "fixed": { "seconds": seconds, "exported": exported, "lines": lines } })
    }

    /// Orders trouble for the next build of this project, such as `stuck_in_queue`.
    pub fn trouble(&self, kind: &str) {
        let fault = json!({ "kind": kind, "project": self.project });
        let emulator = lab().emulator();
        emulator
            .admin_with("POST", "codebuild/faults", &fault)
            .expect("trouble");
    }

    /// All builds of this project as they are at this moment, in no order, whether the API shows them yet or not.
    #[must_use]
    pub fn seen(&self) -> Vec<Value> {
        let mut answer = admin("GET", &format!("codebuild/builds?project={}", self.project));
        serde_json::from_value(answer["builds"].take()).expect("builds")
    }

    /// Id and phase of the builds that have not ended.
    #[must_use]
    pub fn at_work(&self) -> Vec<String> {
        let open = |build: &&Value| build["buildComplete"] == false;
        let seen = self.seen();
        let open = seen.iter().filter(open);
        open.map(|build| format!("{} {}", build["id"], build["currentPhase"]))
            .collect()
    }

    /// Names of the parameters that were handed to builds of this project.
    #[must_use]
    pub fn parameters(&self) -> Vec<String> {
        let seen = self.seen();
        let variables = seen
            .iter()
            .filter_map(|build| build["environment"]["environmentVariables"].as_array());
        let own = variables
            .flatten()
            .filter(|variable| variable["type"] == "PARAMETER_STORE");
        own.filter_map(|variable| variable["value"].as_str().map(str::to_owned))
            .collect()
    }

    /// Most builds of this project that were in their BUILD phase at the same time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        let spans: Vec<_> = self.seen().iter().filter_map(span).collect();
        let at = |moment: f64| {
            spans
                .iter()
                .filter(|(from, to)| *from <= moment && moment < *to)
                .count()
        };
        spans.iter().map(|(from, _)| at(*from)).max().unwrap_or_default()
    }
}

/// From when to when a build was in its BUILD phase.
fn span(build: &Value) -> Option<(f64, f64)> {
    let phases = build["phases"].as_array()?;
    let phase = phases.iter().find(|phase| phase["phaseType"] == "BUILD")?;
    Some((phase["startTime"].as_f64()?, phase["endTime"].as_f64()?))
}

/// Puts a small image into a repository, as builds that execute nothing cannot; the answer is its digest.
#[must_use]
pub fn put_image(repository: &str) -> String {
    let lab = lab();
    let archive = lab.tools().image_archive(BaseImage::BusyBox).expect("an image");
    let reference = format!("{repository}:base");
    lab.emulator()
        .seed(&reference, &archive)
        .expect("an image in the repository");
    let tags = admin("GET", &format!("repository?repository={repository}"))["tags"].take();
    tags["base"].as_str().expect("a digest").to_owned()
}
