//! Pulumi URNs: `urn:pulumi:STACK::PROJECT::TYPE::NAME`.

/// The parts of a resource's URN that the provider uses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Urn {
    /// The whole text.
    pub text: String,
    /// Stack name.
    pub stack: String,
    /// Project name.
    pub project: String,
    /// Logical name of the resource; may itself contain `::`.
    pub name: String,
}

impl Urn {
    /// Takes a URN apart. Text that is no URN keeps empty parts: a URN only labels, it never decides whether to build.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parts = text.strip_prefix("urn:pulumi:").unwrap_or_default().splitn(4, "::");
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (stack, project, _type, name) = (next(), next(), next(), next());
        Self {
            text: text.to_owned(),
            stack,
            project,
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_contain_the_separator() {
        let urn = Urn::parse("urn:pulumi:dev::shop::awsx:a:B$fastcontainer:index:FastContainerImage::api::v2");
        assert_eq!((&*urn.stack, &*urn.project, &*urn.name), ("dev", "shop", "api::v2"));
    }

    #[test]
    fn text_that_is_no_urn_has_no_parts() {
        assert_eq!(Urn::parse("x").name, "");
    }
}
