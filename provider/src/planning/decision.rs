//! Reuse or build: decided from facts alone, with the reasons as part of the decision.

use super::reason::Reason;

/// What the registry says about one manifest. A question without an answer is an error, never a presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is there, with this digest.
    Found(String),
    /// It is definitely not there.
    Missing,
}

/// What was observed before deciding.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The image in the state, when it has the same content and repository as the one that is wanted.
    pub in_state: Option<Presence>,
    /// The content tag; `Missing` when nothing may be adopted.
    pub content_tag: Presence,
}

/// Where a reused image comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// The state already names it.
    InState,
    /// The registry holds this content under its content tag.
    ContentTag,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// No build: take the image with this digest.
    Reuse {
        /// Manifest digest.
        digest: String,
        /// Where it comes from.
        because: Because,
    },
    /// Build.
    Build {
        /// All causes.
        reasons: Vec<Reason>,
    },
}

/// Decides from `facts`; `reasons` say how the wanted content differs from the state's.
#[must_use]
pub fn decide(facts: Facts, mut reasons: Vec<Reason>) -> Decision {
    match facts.in_state {
        Some(Presence::Found(digest)) => {
            return Decision::Reuse {
                digest,
                because: Because::InState,
            };
        }
        Some(Presence::Missing) => reasons.push(Reason::ImageGone),
        None => {}
    }
    match facts.content_tag {
        Presence::Found(digest) => Decision::Reuse {
            digest,
            because: Because::ContentTag,
        },
        Presence::Missing => Decision::Build { reasons },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Presence {
        Presence::Found("sha256:a".into())
    }

    fn decided(in_state: Option<Presence>, content_tag: Presence) -> Decision {
        decide(Facts { in_state, content_tag }, vec![])
    }

    #[test]
    fn an_image_in_the_state_wins_over_the_content_tag() {
        let decision = decided(Some(found()), Presence::Found("sha256:b".into()));
        assert_eq!(
            decision,
            Decision::Reuse {
                digest: "sha256:a".into(),
                because: Because::InState
            }
        );
    }

    #[test]
    fn a_content_tag_is_adopted() {
        assert_eq!(
            decided(None, found()),
            Decision::Reuse {
                digest: "sha256:a".into(),
                because: Because::ContentTag
            }
        );
    }

    #[test]
    fn nothing_in_the_registry_means_a_build() {
        assert_eq!(decided(None, Presence::Missing), Decision::Build { reasons: vec![] });
    }

    #[test]
    fn an_image_that_vanished_is_a_reason() {
        let decision = decided(Some(Presence::Missing), Presence::Missing);
        assert_eq!(
            decision,
            Decision::Build {
                reasons: vec![Reason::ImageGone]
            }
        );
    }
}
