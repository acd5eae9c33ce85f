//! Which machine a build runs on: what the program says, else what the project says, else what fits the platform. Pure.
//!
//! A build overrides whatever differs from its project, so one project serves x86-64 and ARM. Privileged mode is always
//! asked for: without it no build can start a Docker daemon.

use fastcontainer_aws::Project;

use crate::backend::settings::CodeBuildBuilder;

/// What a build overrides of its project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placement {
    /// Environment type, such as `ARM_CONTAINER`.
    pub environment_type: String,
    /// Compute type, such as `BUILD_GENERAL1_MEDIUM`.
    pub compute_type: String,
    /// Image that the build runs in.
    pub image: String,
    /// ARN of a fleet.
    pub fleet: Option<String>,
}

/// Why no machine of CodeBuild can build this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsuitable {
    /// CodeBuild has no such machines.
    #[error("CodeBuild has no machines for `{0}`")]
    Platform(String),
    /// The environment type is for another architecture.
    #[error("environment type `{environment_type}` cannot build `{platform}`")]
    EnvironmentType {
        /// What the program says.
        environment_type: String,
        /// What is to be built.
        platform: String,
    },
    /// Builds of this compute type have no Docker.
    #[error("compute type `{0}` has no Docker")]
    ComputeType(String),
    /// The image is for another architecture.
    #[error("image `{image}` does not run on the machines for `{platform}`")]
    Image {
        /// What the program says.
        image: String,
        /// What is to be built.
        platform: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Architecture {
    X86,
    Arm,
}

impl Architecture {
    fn of_platform(platform: &str) -> Option<Self> {
        match platform.split('/').collect::<Vec<_>>()[..] {
            ["linux", "amd64" | "386", ..] => Some(Self::X86),
            ["linux", "arm64" | "arm", ..] => Some(Self::Arm),
            _ => None,
        }
    }

    /// `None` for Windows, macOS and Lambda, which have no Docker daemon for Linux.
    fn of_environment(kind: &str) -> Option<Self> {
        match kind {
            "LINUX_CONTAINER" | "LINUX_GPU_CONTAINER" | "LINUX_EC2" => Some(Self::X86),
            "ARM_CONTAINER" | "ARM_EC2" => Some(Self::Arm),
            _ => None,
        }
    }

    fn environment_type(self) -> &'static str {
        match self {
            Self::X86 => "LINUX_CONTAINER",
            Self::Arm => "ARM_CONTAINER",
        }
    }

    /// A curated image with Docker 28 and buildx.
    fn image(self) -> &'static str {
        match self {
            Self::X86 => "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            Self::Arm => "aws/codebuild/amazonlinux-aarch64-standard:3.0",
        }
    }

    /// Curated images name their architecture; of others nothing is known.
    fn runs(self, image: &str) -> bool {
        let foreign = match self {
            Self::X86 => "aarch64",
            Self::Arm => "x86_64",
        };
        !image.starts_with("aws/codebuild/") || !image.contains(foreign)
    }
}

/// Chooses the machine for one platform.
///
/// # Errors
/// When what the program asks for cannot build it.
pub(super) fn place(builder: &CodeBuildBuilder, project: &Project, platform: &str) -> Result<Placement, Unsuitable> {
    let architecture = Architecture::of_platform(platform).ok_or_else(|| Unsuitable::Platform(platform.to_owned()))?;
    let fits = Architecture::of_environment(&project.environment_type) == Some(architecture);
    let environment_type = match &builder.environment_type {
        Some(kind) if Architecture::of_environment(kind) == Some(architecture) => kind.clone(),
        Some(kind) => {
            return Err(Unsuitable::EnvironmentType {
                environment_type: kind.clone(),
                platform: platform.to_owned(),
            });
        }
        None if fits => project.environment_type.clone(),
        None => architecture.environment_type().to_owned(),
    };
    Ok(Placement {
        environment_type,
        compute_type: compute_type(builder, project)?,
        image: image(builder, project, (architecture, fits), platform)?,
        fleet: builder.fleet.clone().or_else(|| project.fleet.clone().filter(|_| fits)),
    })
}

/// A project of Lambda compute has a compute type that no build with Docker can have.
fn compute_type(builder: &CodeBuildBuilder, project: &Project) -> Result<String, Unsuitable> {
    let has_docker = |kind: &str| !kind.starts_with("BUILD_LAMBDA_");
    match &builder.compute_type {
        Some(kind) if has_docker(kind) => Ok(kind.clone()),
        Some(kind) => Err(Unsuitable::ComputeType(kind.clone())),
        None if has_docker(&project.compute_type) => Ok(project.compute_type.clone()),
        None => Ok("BUILD_GENERAL1_SMALL".to_owned()),
    }
}

fn image(
    builder: &CodeBuildBuilder,
    project: &Project,
    (architecture, fits): (Architecture, bool),
    platform: &str,
) -> Result<String, Unsuitable> {
    match &builder.image {
        Some(image) if architecture.runs(image) => Ok(image.clone()),
        Some(image) => Err(Unsuitable::Image {
            image: image.clone(),
            platform: platform.to_owned(),
        }),
        None if fits => Ok(project.image.clone()),
        None => Ok(architecture.image().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> Project {
        Project {
            environment_type: "LINUX_CONTAINER".to_owned(),
            compute_type: "BUILD_GENERAL1_LARGE".to_owned(),
            image: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/tools:1".to_owned(),
            name: "images".to_owned(),
            arn: "arn:aws:codebuild:eu-central-1:123456789012:project/images".to_owned(),
            privileged: false,
            service_role: None,
            concurrent_build_limit: None,
            fleet: None,
            in_vpc: false,
        }
    }

    #[test]
    fn the_project_decides_what_the_program_leaves_open() {
        let placed = place(&CodeBuildBuilder::default(), &project(), "linux/amd64").unwrap();
        assert_eq!(placed.environment_type, "LINUX_CONTAINER");
        assert_eq!(placed.compute_type, "BUILD_GENERAL1_LARGE");
        assert_eq!(placed.image, project().image);
    }

    #[test]
    fn arm_images_go_to_arm_machines() {
        let placed = place(&CodeBuildBuilder::default(), &project(), "linux/arm64").unwrap();
        assert_eq!(placed.environment_type, "ARM_CONTAINER");
        assert_eq!(placed.image, "aws/codebuild/amazonlinux-aarch64-standard:3.0");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let place = |builder: CodeBuildBuilder, platform: &str| place(&builder, &project(), platform).unwrap_err();
        let none = CodeBuildBuilder::default;
        assert_eq!(
            place(none(), "windows/amd64"),
            Unsuitable::Platform("windows/amd64".to_owned())
        );
        let arm = CodeBuildBuilder {
            environment_type: Some("ARM_CONTAINER".to_owned()),
            ..none()
        };
        assert!(matches!(place(arm, "linux/amd64"), Unsuitable::EnvironmentType { .. }));
        let lambda = CodeBuildBuilder {
            compute_type: Some("BUILD_LAMBDA_4GB".to_owned()),
            ..none()
        };
        assert!(matches!(place(lambda, "linux/amd64"), Unsuitable::ComputeType(_)));
        let image = CodeBuildBuilder {
            image: Some("aws/codebuild/amazonlinux-x86_64-standard:5.0".to_owned()),
            ..none()
        };
        assert!(matches!(place(image, "linux/arm64"), Unsuitable::Image { .. }));
    }

    #[test]
    fn a_lambda_project_still_builds_on_machines_with_docker() {
        let project = Project {
            environment_type: "LINUX_LAMBDA_CONTAINER".to_owned(),
            compute_type: "BUILD_LAMBDA_4GB".to_owned(),
            ..project()
        };
        let placed = super::place(&CodeBuildBuilder::default(), &project, "linux/amd64").unwrap();
        assert_eq!(
            (placed.environment_type.as_str(), placed.compute_type.as_str()),
            ("LINUX_CONTAINER", "BUILD_GENERAL1_SMALL")
        );
    }
}
