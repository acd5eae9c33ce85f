//! What `setup` installs: names, pinned versions and where each comes from.
//!
//! Versions are those that the package registries serve; change one here and the next `setup` builds it into a folder of its own.
//! How a kind of source is turned into files is in `go`, `debian` and `python`, and for base images in `images`.

use crate::gateway;
use crate::images::ImageRecipe;
use crate::tools::{DebianPackages, GoProgram, GoStub};

/// A third-party tool of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// The certificate authority of labs, which base images trust.
    Authority,
    /// `buildkitd` and `buildctl`.
    BuildKit,
    /// The Pulumi CLI with the YAML language host beside it.
    Pulumi,
    /// The language hosts for Node.js, Python and Go programs.
    LanguageHosts,
    /// `dockerd` of the 29 series, for the containerd store.
    Dockerd,
    /// Debian's dockerd (classic store), containerd, runc, registry, busybox and mmdebstrap, unpacked.
    Debian,
    /// A Python environment with the `pulumi` package.
    Python,
    /// What programs of examples import in Python, the AWS provider's package among it.
    PythonPackages,
    /// The same for TypeScript, with the compilers that check both languages.
    NodePackages,
    /// A Python environment with the AWS CLI and boto3.
    AwsCli,
    /// The `buildx` plugin of the Docker CLI.
    Buildx,
    /// Debian's iptables and jq, unpacked: what builds of CodeBuild need besides Docker and the machine's own tools.
    BuildImage,
    /// The provider of `docker-build` resources, to measure beside; installed on demand only.
    DockerBuildPeer,
    /// A C compiler and linker for every platform, to make releases with; installed on demand only.
    Zig,
}

/// Where the files of a tool come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A certificate authority, made here.
    Authority,
    /// Compiled from Go modules.
    Go(&'static [GoProgram]),
    /// Compiled from a Go module, with these files of it beside them.
    GoWithFiles(&'static [GoProgram], &'static [&'static str]),
    /// Compiled from Go modules of which some are replaced.
    GoWithStubs(GoProgram, &'static [GoStub]),
    /// Unpacked Debian packages.
    Debian(DebianPackages),
    /// A Python virtual environment with these requirements.
    Python(&'static [&'static str]),
    /// Packages from npm.
    Node(&'static [&'static str]),
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

/// The last release in which these hosts are part of the SDK's module: later ones are modules of their own, which no proxy serves.
/// They run programs with present SDKs, but neither generate SDKs nor start plugins that are written in their language.
const LANGUAGE_HOSTS: &[GoProgram] = &[
    language_host("nodejs/cmd/pulumi-language-nodejs"),
    language_host("python/cmd/pulumi-language-python"),
    language_host("go/pulumi-language-go"),
];

const LANGUAGE_HOST_FILES: &[&str] = &[
    "pulumi-language-nodejs",
    "pulumi-language-python",
    "pulumi-language-python-exec",
    "pulumi-language-go",
];

/// `parver` and `semver` are what generated SDKs need, and `setuptools` to become packages.
const PYTHON_PACKAGES: &[&str] = &[
    "pulumi==3.272.0",
    "pulumi-aws==7.48.0",
    "parver==0.5",
    "setuptools==80.9.0",
    "semver==3.0.4",
];

/// The newest `@pulumi/pulumi` that Node 20 runs.
const NODE_PACKAGES: &[&str] = &[
    "@pulumi/pulumi@3.248.0",
    "@pulumi/aws@7.48.0",
    "@pulumi/docker-build@0.0.22",
    "@types/node@20.19.0",
    "typescript@5.9.3",
    "pyright@1.1.400",
];

const AWS_CLI: &[&str] = &["awscli==1.46.2", "boto3==1.44.5"];

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

const fn language_host(package: &'static str) -> GoProgram {
    GoProgram::new("github.com/pulumi/pulumi/sdk/v3", "v3.60.0", package)
}

impl Tool {
    /// The tools that `setup` installs, in its order.
    pub const ALL: [Self; 12] = [
        Self::Authority,
        Self::Debian,
        Self::BuildKit,
        Self::Pulumi,
        Self::LanguageHosts,
        Self::Dockerd,
        Self::Python,
        Self::PythonPackages,
        Self::NodePackages,
        Self::AwsCli,
        Self::Buildx,
        Self::BuildImage,
    ];

    /// Tools that are installed for one command only.
    pub const ON_DEMAND: [Self; 2] = [Self::DockerBuildPeer, Self::Zig];

    /// How this tool is made.
    #[must_use]
    pub fn recipe(self) -> Recipe {
        let (name, version, source, proof) = match self {
            Self::Authority => ("authority", "1", Source::Authority, gateway::AUTHORITY_FILES),
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
            Self::LanguageHosts => (
                "pulumi-language-hosts",
                "v3.60.0",
                Source::GoWithFiles(LANGUAGE_HOSTS, &["python/cmd/pulumi-language-python-exec"]),
                LANGUAGE_HOST_FILES,
            ),
            Self::Dockerd => ("dockerd", "v29.0.0-beta.1", Source::Go(DOCKERD), &["dockerd"][..]),
            Self::Debian => (
                "debian",
                "2",
                Source::Debian(DebianPackages::LAB),
                DebianPackages::PROGRAMS,
            ),
            Self::Buildx => ("buildx", "v0.35.0", Source::Go(BUILDX), &["buildx"][..]),
            Self::BuildImage => (
                "build-image",
                "1",
                Source::Debian(DebianPackages::BUILD_IMAGE),
                &["root/usr/sbin/xtables-nft-multi", "root/usr/bin/jq"][..],
            ),
            Self::Python | Self::PythonPackages | Self::NodePackages | Self::AwsCli => self.packages(),
            Self::DockerBuildPeer => (
                "pulumi-docker-build",
                "v0.0.22",
                Source::GoWithStubs(DOCKER_BUILD_PEER, DOCKER_BUILD_STUBS),
                &["pulumi-resource-docker-build"][..],
            ),
            Self::Zig => (
                "zig",
                "0.15.1",
                Source::Python(&["ziglang==0.15.1"]),
                &["pyvenv.cfg"][..],
            ),
        };
        Recipe {
            name: name.to_owned(),
            version: version.to_owned(),
            source,
            proof: proof.to_vec(),
        }
    }

    /// Tools from PyPI and npm: name, version, source and proof.
    fn packages(self) -> (&'static str, &'static str, Source, &'static [&'static str]) {
        match self {
            Self::Python => (
                "python-pulumi",
                "3.272.0",
                Source::Python(&["pulumi==3.272.0"]),
                &["pyvenv.cfg"],
            ),
            Self::PythonPackages => ("python-packages", "1", Source::Python(PYTHON_PACKAGES), &["pyvenv.cfg"]),
            Self::NodePackages => (
                "node-packages",
                "1",
                Source::Node(NODE_PACKAGES),
                &["package-lock.json", "node_modules/typescript/bin/tsc"],
            ),
            _ => ("aws-cli", "1.46.2", Source::Python(AWS_CLI), &["pyvenv.cfg", "bin/aws"]),
        }
    }
}
