//! A program with many small images that one project builds, without executing anything.

use serde_json::Value;

use crate::{CodeBuild, Project, Stack, put_image};

/// Images of one project.
pub struct Farm {
    /// The project and its bucket.
    pub codebuild: CodeBuild,
    /// The stack of the program.
    pub dev: Stack,
    _project: Project,
}

impl Farm {
    /// `count` images called `i0`, `i1` and so on, whose builds take `seconds` each; `knobs` are the emulator's, `settings` lines of
    /// `builder.codebuild`.
    #[must_use]
    pub fn plant(name: &str, (count, seconds): (usize, f64), knobs: &Value, settings: &str) -> Self {
        let codebuild = CodeBuild::create(name);
        let project = Project::new(name, "");
        let repository = project.repository("all");
        let mut all = CodeBuild::fixed(seconds, &put_image(&repository));
        let members = all.as_object_mut().expect("knobs");
        members.extend(knobs.as_object().cloned().unwrap_or_default());
        codebuild.turn(&all);
        let builder = format!(
            "codebuild: {{project: {}, sourceBucket: {}{settings}}}",
            codebuild.project, codebuild.bucket
        );
        let image = |number: usize| {
            project.write(&format!("{number}/Dockerfile"), "FROM scratch\nCOPY file /\n");
            project.write(&format!("{number}/file"), &format!("file {number}"));
            format!(
                "  i{number}:\n    type: fastcontainer:FastContainerImage\n    properties: {{repository: {repository}, context: \
                 ./{number}, builder: {{{builder}}}}}\n"
            )
        };
        let images: String = (0..count).map(image).collect();
        project.program(&format!("resources:\n{images}"));
        let dev = project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere");
        Self {
            codebuild,
            dev,
            _project: project,
        }
    }

    /// Status of each build.
    #[must_use]
    pub fn endings(&self) -> Vec<Value> {
        let seen = self.codebuild.seen();
        seen.iter().map(|build| build["buildStatus"].clone()).collect()
    }
}
