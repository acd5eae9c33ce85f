//! The content tag: the registry tag under which the first builder of a content publishes it.
//!
//! The tag is the record that lets every other stack, machine and builder adopt the image. With a `reuseKey` it is an
//! HMAC, so that whoever lacks the key can neither plant nor find one.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Whose earlier build of the same content may be adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReuseScope {
    /// Anybody's who may push to the repository.
    Anywhere,
    /// Only builds of the same project and stack, or of one resource in it.
    Stack {
        /// Pulumi project.
        project: String,
        /// Pulumi stack.
        stack: String,
        /// Logical name of the resource when its build uses secrets: a step may have put them into the image, and
        /// another resource of the stack may have others.
        resource: Option<String>,
    },
    /// Nobody's: each build has random bytes of its own.
    Never([u8; 16]),
}

/// A content tag, `fc-` and 40 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentTag(String);

impl ContentTag {
    /// Derives the tag of the content with fingerprint `total` within `scope`; `key` is empty without a `reuseKey`.
    #[must_use]
    pub fn derive(key: &[u8], total: &str, scope: &ReuseScope) -> Self {
        let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes keys of any length"),
        };
        let mut add = |bytes: &[u8]| {
            mac.update(&(bytes.len() as u64).to_le_bytes());
            mac.update(bytes);
        };
        add(total.as_bytes());
        match scope {
            ReuseScope::Anywhere => {}
            ReuseScope::Stack {
                project,
                stack,
                resource,
            } => {
                add(b"stack");
                add(project.as_bytes());
                add(stack.as_bytes());
                if let Some(resource) = resource {
                    add(resource.as_bytes());
                }
            }
            ReuseScope::Never(random) => {
                add(b"never");
                add(random);
            }
        }
        Self(format!("fc-{}", hex::encode(&mac.finalize().into_bytes()[..20])))
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContentTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(project: &str, stack: &str) -> ReuseScope {
        ReuseScope::Stack {
            project: project.into(),
            stack: stack.into(),
            resource: None,
        }
    }

    fn resource(name: &str) -> ReuseScope {
        ReuseScope::Stack {
            project: "p".into(),
            stack: "s".into(),
            resource: Some(name.into()),
        }
    }

    #[test]
    fn every_part_of_the_scope_and_the_key_count() {
        let tags = [
            ContentTag::derive(b"", "t", &ReuseScope::Anywhere),
            ContentTag::derive(b"", "u", &ReuseScope::Anywhere),
            ContentTag::derive(b"key", "t", &ReuseScope::Anywhere),
            ContentTag::derive(b"", "t", &stack("p", "s")),
            ContentTag::derive(b"", "t", &stack("ps", "")),
            ContentTag::derive(b"", "t", &stack("p", "s2")),
            ContentTag::derive(b"", "t", &resource("a")),
            ContentTag::derive(b"", "t", &resource("b")),
            ContentTag::derive(b"", "t", &resource("")),
            ContentTag::derive(b"", "t", &ReuseScope::Never([0; 16])),
            ContentTag::derive(b"", "t", &ReuseScope::Never([1; 16])),
        ];
        for (at, tag) in tags.iter().enumerate() {
            assert_eq!(tag.as_str().len(), 43);
            assert!(!tags[at + 1..].contains(tag), "tag {at} is not told apart");
        }
    }

    /// Golden value: tags in registries are found by it for ever.
    #[test]
    fn the_derivation_is_frozen() {
        assert_eq!(
            ContentTag::derive(b"", "00", &ReuseScope::Anywhere).as_str(),
            "fc-ef2576e71a023e5442f10df283a42de66309c5b3"
        );
        assert_eq!(
            ContentTag::derive(b"", "00", &stack("p", "s")).as_str(),
            "fc-c6f9c85ee4d0c45f305eec4df2e7690472e675b5"
        );
    }
}
