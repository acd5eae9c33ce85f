//! Platforms: the spellings that mean the same, and the names that exist.
//!
//! A platform is written `os/architecture[/variant]`. Several spellings mean one platform (`linux/arm64/v8`,
//! `linux/aarch64`); containerd has one canonical form for each, and so has this type. Refuses to know which platforms a
//! builder can run.

use std::fmt;

use crate::nearest::nearest;

/// Operating systems that images exist for.
const SYSTEMS: [&str; 5] = ["linux", "windows", "darwin", "freebsd", "wasip1"];
/// Architectures as Go names them, which registries and builders follow.
const ARCHITECTURES: [&str; 16] = [
    "amd64", "arm64", "arm", "386", "riscv64", "ppc64le", "ppc64", "s390x", "loong64", "mips64le", "mips64", "mipsle",
    "mips", "wasm", "i386", "x86_64",
];

/// A platform in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// Operating system such as `linux`.
    pub os: String,
    /// Architecture such as `arm64`.
    pub architecture: String,
    /// Variant such as `v7`; empty for most platforms.
    pub variant: String,
}

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// It has too few or too many parts, or one that is no word.
    #[error("must be `os/architecture[/variant]`, such as `linux/amd64` or `linux/arm64`")]
    Malformed,
    /// No such operating system or architecture.
    #[error("`{name}` is no {what} that images exist for{}", meant(near.as_deref()))]
    Unknown {
        /// `operating system` or `architecture`.
        what: &'static str,
        /// The unknown name.
        name: String,
        /// The platform that was probably meant.
        near: Option<String>,
    },
}

fn meant(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

impl Platform {
    /// Reads a platform of which operating system and architecture are named.
    ///
    /// # Errors
    /// [`PlatformError`].
    pub fn parse(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<_> = text.split('/').collect();
        let word =
            |part: &&str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(word) {
            return Err(PlatformError::Malformed);
        }
        let platform = Self::normalise(text);
        let known = [
            ("operating system", &platform.os, &SYSTEMS[..]),
            ("architecture", &platform.architecture, &ARCHITECTURES[..]),
        ];
        for (what, name, names) in known {
            if !names.contains(&name.as_str()) {
                let near = nearest(name, names.iter().copied());
                let near = near.map(|near| platform.with(what, near).to_string());
                let name = name.clone();
                return Err(PlatformError::Unknown { what, name, near });
            }
        }
        Ok(platform)
    }

    /// The canonical form of any text, as BuildKit takes it.
    #[must_use]
    pub fn normalise(text: &str) -> Self {
        let lower = text.to_lowercase();
        let mut parts = lower.splitn(3, '/');
        let (os, arch, variant) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or("amd64"),
            parts.next().unwrap_or_default(),
        );
        let (architecture, variant) = canonical(arch, variant);
        Self {
            os: if os == "macos" { "darwin" } else { os }.to_owned(),
            architecture: architecture.to_owned(),
            variant,
        }
    }

    fn with(&self, what: &str, name: &str) -> Self {
        let (mut os, mut architecture) = (self.os.clone(), self.architecture.clone());
        *(if what == "architecture" {
            &mut architecture
        } else {
            &mut os
        }) = name.to_owned();
        Self::normalise(&format!("{os}/{architecture}/{}", self.variant))
    }
}

/// Architecture and variant in the form that containerd gives them.
fn canonical<'a>(architecture: &'a str, variant: &str) -> (&'a str, String) {
    let (architecture, variant) = match (architecture, variant) {
        ("i386", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", other) => ("amd64", other),
        ("aarch64" | "arm64", "8" | "v8") => ("arm64", ""),
        ("aarch64", other) => ("arm64", other),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) => ("arm", "v6"),
        ("arm", digit @ ("5" | "6" | "8")) => return ("arm", format!("v{digit}")),
        other => other,
    };
    (architecture, variant.to_owned())
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() {
            return Ok(());
        }
        write!(f, "/{}", self.variant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_has_one_form() {
        let rows = [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/v9", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/arm/v5", "linux/arm/v5"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i386", "linux/386"),
        ];
        for (text, form) in rows {
            assert_eq!(
                Platform::parse(text).map(|one| one.to_string()),
                Ok(form.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_platform_says_what_would_be_one() {
        for text in [
            "",
            "linux",
            "amd64",
            "linux/",
            "/amd64",
            "linux/arm/v7/x",
            "linux/a md64",
            "linux/amd64,linux/arm64",
        ] {
            assert_eq!(Platform::parse(text), Err(PlatformError::Malformed), "{text}");
        }
        let rows = [
            (
                "linux/amd46",
                "`amd46` is no architecture that images exist for; did you mean `linux/amd64`?",
            ),
            (
                "linux/arm46/v8",
                "`arm46` is no architecture that images exist for; did you mean `linux/arm64`?",
            ),
            (
                "linus/arm64",
                "`linus` is no operating system that images exist for; did you mean `linux/arm64`?",
            ),
            ("linux/pentium", "`pentium` is no architecture that images exist for"),
        ];
        for (text, said) in rows {
            assert_eq!(Platform::parse(text).unwrap_err().to_string(), said);
        }
    }
}
