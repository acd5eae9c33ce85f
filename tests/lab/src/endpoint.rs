//! The kinds of BuildKit endpoint that a lab can have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// A standalone buildkitd.
    Buildkitd,
    /// dockerd 29 with the containerd image store.
    DockerContainerd,
    /// dockerd 20.10 with the classic image store.
    DockerClassic,
}

impl Endpoint {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Buildkitd, Self::DockerContainerd, Self::DockerClassic];

    /// Name on the command line and in `FASTCONTAINER_LAB`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buildkitd => "buildkitd",
            Self::DockerContainerd => "docker-containerd",
            Self::DockerClassic => "docker-classic",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|endpoint| endpoint.name() == text)
            .ok_or_else(|| format!("`{text}` is not one of {}", Self::ALL.map(Self::name).join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for endpoint in Endpoint::ALL {
            assert_eq!(endpoint.name().parse(), Ok(endpoint));
        }
        assert!("docker".parse::<Endpoint>().is_err());
    }
}
