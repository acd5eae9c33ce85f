//! What `setup` installs: names, pinned versions and where each comes from.
//!
//! Versions are those that the package registries serve; change one here and the next `setup` builds it into a folder of its own.
//! How a kind of source is turned into files is in `go`, `debian` and `python`, and for base images in `images`.

use crate::images::ImageRecipe;
use crate::tools::{DebianPackages, GoProgram, GoStub};

/// A third-party tool of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `buildkitd` and `buildctl`.
    BuildKit,
    /// The Pulumi CLI with the YAML language host beside it.
    Pulumi,
    /// `dockerd` of the 29 series, for the containerd store.
    Dockerd,
    /// Debian's dockerd (classic store), containerd, runc, registry, busybox and mmdebstrap, unpacked.
    Debian,
    /// A Python environment with the `pulumi` package.
    Python,
    /// A Python environment with the AWS CLI and boto3.
    AwsCli,
    /// The `buildx` plugin of the Docker CLI.
    Buildx,
    /// Debian's iptables and jq, unpacked: what builds of CodeBuild need besides Docker and the machine's own tools.
    BuildImage,
    /// The provider of `docker-build` resources, to measure beside; installed on demand only.
    DockerBuildPeer,
}

/// Where the files of a tool come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Compiled from Go modules.
    Go(&'static [GoProgram]),
    /// Compiled from Go modules of which some are replaced.
    GoWithStubs(GoProgram, &'static [GoStub]),
    /// Unpacked Debian packages.
    Debian(DebianPackages),
    /// A Python virtual environment with these requirements.
    Python(&'static [&'static str]),
    /// A base image.
    Image(ImageRecipe),
}

/// One entry of the cache: what it is called, how it is made and how to see that it is whole.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// First part of the folder's name.
    pub name: String,
    /// Second part of the folder's name.
    pub version: String,
    /// How it is made.
    pub(crate) source: Source,
    /// Files, relative to the folder, whose SHA-256 the stamp holds.
    pub(crate) proof: Vec<&'static str>,
}

impl Recipe {
    /// Name of the folder in the cache.
    #[must_use]
    pub fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

const BUILDKIT: &[GoProgram] = &[
    GoProgram {
        ldflags: "-X github.com/moby/buildkit/version.Version=v0.31.1",
        ..buildkit("cmd/buildkitd")
    },
    GoProgram {
        ldflags: "-X github.com/moby/buildkit/version.Version=v0.31.1",
        ..buildkit("cmd/buildctl")
    },
];

const PULUMI: &[GoProgram] = &[
    GoProgram {
        ldflags: "-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
        // The CLI's own go.mod replaces this module; a module that only requires the CLI has to repeat it.
        replace: "github.com/atotto/clipboard => github.com/tgummerer/clipboard v0.0.0-20241001131231-d02d263e614e",
        ..GoProgram::new("github.com/pulumi/pulumi/pkg/v3", "v3.259.0", "cmd/pulumi")
    },
    GoProgram::new("github.com/pulumi/pulumi-yaml", "v1.38.0", "cmd/pulumi-language-yaml"),
];

const DOCKERD: &[GoProgram] = &[GoProgram {
    ldflags: "-X github.com/moby/moby/v2/dockerversion.Version=29.0.0-beta.1",
    // Without cgo it calls the `nft` program instead of linking libnftables, so that no header package is needed.
    cgo: false,
    ..GoProgram::new("github.com/moby/moby/v2", "v2.0.0-beta.1", "cmd/dockerd")
}];

const BUILDX: &[GoProgram] = &[GoProgram {
    ldflags: "-X github.com/docker/buildx/version.Version=v0.35.0",
    ..GoProgram::new("github.com/docker/buildx", "v0.35.0", "cmd/buildx")
}];

const DOCKER_BUILD_PEER: GoProgram = GoProgram {
    ldflags: "-X github.com/pulumi/pulumi-docker-build/provider.Version=0.0.22",
    ..GoProgram::new(
        "github.com/pulumi/pulumi-docker-build",
        "v0.0.22",
        "provider/cmd/pulumi-resource-docker-build",
    )
};

/// Types with which the peer annotates its schema for code generators.
const DOCKER_BUILD_STUBS: &[GoStub] = &[
    GoStub {
        module: "github.com/pulumi/pulumi-dotnet/pulumi-language-dotnet/v3",
        package: "codegen",
        source: "package codegen\n\ntype CSharpPackageInfo struct {\n\tPackageReferences    map[string]string\n\tRespectSchemaVersion bool\n}\n",
    },
    GoStub {
        module: "github.com/pulumi/pulumi-java",
        package: "pkg/codegen/java",
        source: "package java\n\ntype PackageInfo struct {\n\tBuildFiles                     string\n\tGradleNexusPublishPluginVersion string\n\tDependencies                   map[string]string\n}\n",
    },
];

const fn buildkit(package: &'static str) -> GoProgram {
    GoProgram::new("github.com/moby/buildkit", "v0.31.1", package)
}

impl Tool {
    /// The tools that `setup` installs, in its order.
    pub const ALL: [Self; 8] = [
        Self::Debian,
        Self::BuildKit,
        Self::Pulumi,
        Self::Dockerd,
        Self::Python,
        Self::AwsCli,
        Self::Buildx,
        Self::BuildImage,
    ];

    /// How this tool is made.
    #[must_use]
    pub fn recipe(self) -> Recipe {
        let (name, version, source, proof) = match self {
            Self::BuildKit => (
                "buildkit",
                "v0.31.1",
                Source::Go(BUILDKIT),
                &["buildkitd", "buildctl"][..],
            ),
            Self::Pulumi => (
                "pulumi",
                "v3.259.0",
                Source::Go(PULUMI),
                &["pulumi", "pulumi-language-yaml"][..],
            ),
            Self::Dockerd => ("dockerd", "v29.0.0-beta.1", Source::Go(DOCKERD), &["dockerd"][..]),
            Self::Debian => (
                "debian",
                "2",
                Source::Debian(DebianPackages::LAB),
                DebianPackages::PROGRAMS,
            ),
            Self::Python => (
                "python-pulumi",
                "3.272.0",
                Source::Python(&["pulumi==3.272.0"]),
                &["pyvenv.cfg"][..],
            ),
            Self::AwsCli => (
                "aws-cli",
                "1.46.2",
                Source::Python(&["awscli==1.46.2", "boto3==1.44.5"]),
                &["pyvenv.cfg", "bin/aws"][..],
            ),
            Self::Buildx => ("buildx", "v0.35.0", Source::Go(BUILDX), &["buildx"][..]),
            Self::BuildImage => (
                "build-image",
                "1",
                Source::Debian(DebianPackages::BUILD_IMAGE),
                &["root/usr/sbin/xtables-nft-multi", "root/usr/bin/jq"][..],
            ),
            Self::DockerBuildPeer => (
                "pulumi-docker-build",
                "v0.0.22",
                Source::GoWithStubs(DOCKER_BUILD_PEER, DOCKER_BUILD_STUBS),
                &["pulumi-resource-docker-build"][..],
            ),
        };
        Recipe {
            name: name.to_owned(),
            version: version.to_owned(),
            source,
            proof: proof.to_vec(),
        }
    }
}
