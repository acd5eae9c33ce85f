//! Build arguments that exist without an `ARG` instruction.
//!
//! BuildKit knows the platform arguments in the global scope, passes proxy settings to `RUN` and takes its own switches
//! as build arguments. Giving one of these without declaring it is normal and never worth a warning.

use std::collections::BTreeMap;

use crate::platform::Platform;

/// Platform arguments of the global scope.
const PLATFORM: [&str; 11] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDOSVERSION",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETOSVERSION",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];
/// Proxy settings; BuildKit compares them without regard to case.
const PROXY: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// Answers whether a build argument has a meaning without being declared in the Dockerfile.
#[must_use]
pub fn is_predefined_arg(name: &str) -> bool {
    PLATFORM.contains(&name)
        || PROXY.iter().any(|proxy| proxy.eq_ignore_ascii_case(name))
        || name.starts_with("BUILDKIT_")
        || name == "SOURCE_DATE_EPOCH"
}

/// Whether the builder's own platform decides the value, which is not known before a builder is asked.
pub(crate) fn depends_on_builder(name: &str) -> bool {
    PLATFORM.contains(&name) && name.starts_with("BUILD")
}

/// Returns the platform arguments for a build on `build` for `target`, both written `os/arch[/variant]`.
///
/// Spellings that mean the same (`linux/arm64/v8`, `linux/aarch64`) give the same values, as in BuildKit.
#[must_use]
pub fn platform_args(build: &str, target: &str) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    for (prefix, platform) in [("BUILD", build), ("TARGET", target)] {
        let platform = Platform::normalise(platform);
        args.insert(format!("{prefix}PLATFORM"), platform.to_string());
        args.insert(format!("{prefix}OS"), platform.os);
        args.insert(format!("{prefix}OSVERSION"), String::new());
        args.insert(format!("{prefix}ARCH"), platform.architecture);
        args.insert(format!("{prefix}VARIANT"), platform.variant);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::{is_predefined_arg, platform_args};

    #[test]
    fn proxy_buildkit_and_platform_names_are_predefined() {
        for name in [
            "HTTP_PROXY",
            "https_proxy",
            "BUILDKIT_INLINE_CACHE",
            "SOURCE_DATE_EPOCH",
            "TARGETARCH",
        ] {
            assert!(is_predefined_arg(name), "{name}");
        }
        for name in ["VERSION", "PROXY", "TARGET", "targetarch"] {
            assert!(!is_predefined_arg(name), "{name}");
        }
    }

    #[test]
    fn equal_platforms_in_different_spelling_give_equal_arguments() {
        assert_eq!(
            platform_args("linux/amd64", "linux/arm64/v8"),
            platform_args("linux/x86_64", "linux/aarch64")
        );
        let args = platform_args("linux/amd64", "linux/arm/v6");
        assert_eq!(args["TARGETPLATFORM"], "linux/arm/v6");
        assert_eq!(args["TARGETVARIANT"], "v6");
        assert_eq!(args["BUILDARCH"], "amd64");
    }
}
