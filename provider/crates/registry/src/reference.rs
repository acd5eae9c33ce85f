//! Tags and digests, checked once when they are made.
//!
//! Follows the grammar of the OCI distribution specification for tags. Digests are SHA-256: nothing else is in use for
//! manifests, and a digest that cannot be verified is refused instead of believed.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

const TAG_MAX: usize = 128;

/// A name is not what it should be. The text says what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The repository's name has no content.
    #[error("the repository is empty; write `host/path`, such as `ghcr.io/me/app`")]
    EmptyRepository,
    /// A scheme in front of the repository.
    #[error("repository `{repository}` starts with a scheme; leave out everything up to `://`")]
    Scheme {
        /// As it was written.
        repository: String,
    },
    /// A tag behind the repository.
    #[error("repository `{repository}` ends with the tag `{tag}`; leave it out and use `tags` for extra tags")]
    TagInRepository {
        /// As it was written.
        repository: String,
        /// The part that is too much.
        tag: String,
    },
    /// A digest behind the repository.
    #[error("repository `{repository}` ends with a digest; leave out everything from `@` on")]
    DigestInRepository {
        /// As it was written.
        repository: String,
    },
    /// The host part is not a host.
    #[error("repository `{repository}` names the host `{host}`, which is not a host name with an optional port")]
    InvalidHost {
        /// As it was written.
        repository: String,
        /// The offending part.
        host: String,
    },
    /// A component of the path breaks the grammar.
    #[error(
        "repository `{repository}` has the path component `{component}`; use lower-case letters and digits, with single \
         `.`, `_`, `__` or `-` between them"
    )]
    InvalidPath {
        /// As it was written.
        repository: String,
        /// The offending part.
        component: String,
    },
    /// The whole name is too long.
    #[error("repository `{repository}` is longer than 255 characters")]
    TooLong {
        /// As it was written.
        repository: String,
    },
    /// Not a tag.
    #[error("`{tag}` is not a tag; use up to 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`")]
    InvalidTag {
        /// As it was written.
        tag: String,
    },
    /// Not a digest.
    #[error("`{digest}` is not a digest; write `sha256:` and 64 lower-case hexadecimal digits")]
    InvalidDigest {
        /// As it was written.
        digest: String,
    },
}

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// Checks and takes a tag.
    ///
    /// # Errors
    /// [`ReferenceError::InvalidTag`].
    pub fn parse(tag: &str) -> Result<Self, ReferenceError> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let mut bytes = tag.bytes();
        let starts_well = bytes.next().is_some_and(word);
        if starts_well && tag.len() <= TAG_MAX && bytes.all(|byte| word(byte) || matches!(byte, b'.' | b'-')) {
            Ok(Self(tag.to_owned()))
        } else {
            Err(ReferenceError::InvalidTag { tag: tag.to_owned() })
        }
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        Self::parse(tag)
    }
}

/// The SHA-256 digest of a manifest or blob, `sha256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// Checks and takes a digest.
    ///
    /// # Errors
    /// [`ReferenceError::InvalidDigest`].
    pub fn parse(digest: &str) -> Result<Self, ReferenceError> {
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match digest.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(lower_hex) => Ok(Self(digest.to_owned())),
            _ => Err(ReferenceError::InvalidDigest {
                digest: digest.to_owned(),
            }),
        }
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }

    /// The digest as text, with its algorithm.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Digest {
    type Err = ReferenceError;

    fn from_str(digest: &str) -> Result<Self, Self::Err> {
        Self::parse(digest)
    }
}

/// What names a manifest inside a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A name that may move.
    Tag(Tag),
    /// A name that cannot.
    Digest(Digest),
}

impl From<&Tag> for Reference {
    fn from(tag: &Tag) -> Self {
        Self::Tag(tag.clone())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_grammar() {
        for tag in ["latest", "1.10", "_x", "fc-0a", "V1", &"a".repeat(128)] {
            assert_eq!(Tag::parse(tag).unwrap().as_str(), tag);
        }
        for tag in ["", ".x", "-x", "a b", "a/b", "a:b", "ä", &"a".repeat(129)] {
            assert!(Tag::parse(tag).is_err(), "{tag}");
        }
    }

    #[test]
    fn digests_are_lower_case_sha256() {
        let digest = Digest::of(b"");
        assert_eq!(
            digest.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(Digest::parse(digest.as_str()), Ok(digest.clone()));
        let upper = digest.as_str().replace("e3", "E3");
        for wrong in [
            upper.as_str(),
            "",
            "sha256:",
            "sha512:00",
            &digest.as_str()[..70],
            "e3b0",
        ] {
            assert!(Digest::parse(wrong).is_err(), "{wrong}");
        }
    }
}
