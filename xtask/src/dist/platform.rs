//! For whom a release is made: names as Pulumi knows them, and as the compilers do.

use clap::ValueEnum;

/// A platform of release archives. Windows is none of them: contexts are walked with calls that only Unix has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Platform {
    LinuxAmd64,
    LinuxArm64,
    DarwinAmd64,
    DarwinArm64,
}

impl Platform {
    /// Those that can be compiled on Linux.
    pub(super) const COMPILED_HERE: [Self; 2] = [Self::LinuxAmd64, Self::LinuxArm64];

    /// Operating system and architecture as the Pulumi CLI writes them in the names of archives.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LinuxAmd64 => "linux-amd64",
            Self::LinuxArm64 => "linux-arm64",
            Self::DarwinAmd64 => "darwin-amd64",
            Self::DarwinArm64 => "darwin-arm64",
        }
    }

    /// Rust's name. On Linux nothing of the machine is linked, so that one archive serves every distribution.
    pub(super) fn rust(self) -> &'static str {
        match self {
            Self::LinuxAmd64 => "x86_64-unknown-linux-musl",
            Self::LinuxArm64 => "aarch64-unknown-linux-musl",
            Self::DarwinAmd64 => "x86_64-apple-darwin",
            Self::DarwinArm64 => "aarch64-apple-darwin",
        }
    }

    /// Name for the C compiler; `None` where it cannot make programs.
    pub(super) fn zig(self) -> Option<&'static str> {
        match self {
            Self::LinuxAmd64 => Some("x86_64-linux-musl"),
            Self::LinuxArm64 => Some("aarch64-linux-musl"),
            Self::DarwinAmd64 | Self::DarwinArm64 => None,
        }
    }
}
