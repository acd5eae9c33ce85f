//! Policy documents of IAM: reading them, and what they say about one request. Pure.
//!
//! Identity-based documents, and those of resources, whose statements name principals instead of resources. What is not
//! understood is refused when a document is attached, never ignored: negated elements, policy variables, operators but
//! StringEquals and StringLike, condition keys but `kms:ViaService`, services that are not emulated. Follows the "Grammar
//! of the IAM JSON policy language" and "Policy evaluation logic" of the IAM user guide.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

const VERSION: &str = "2012-10-17";
const VIA_SERVICE: &str = "kms:ViaService";
const SERVICES: &[&str] = &["codebuild", "ecr", "kms", "logs", "s3", "secretsmanager", "ssm", "sts"];

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyInvalid {
    #[error("not a policy document: {0}")]
    Json(#[from] serde_json::Error),
    #[error("`{0}` is not the version of a policy: use {VERSION}")]
    Version(String),
    #[error("the policy has no statements")]
    Empty,
    #[error("statement {0}: `{1}` is not an action of an emulated service")]
    Action(usize, String),
    #[error("statement {0}: `{1}` is not a resource: an ARN without variables, or `*`")]
    Resource(usize, String),
    #[error("statement {0} needs {1}")]
    Element(usize, &'static str),
    #[error("statement {0}: `{1}` is not a principal: an account or the ARN of one of its identities")]
    Principal(usize, String),
    #[error("statement {0}: condition `{1}` is not emulated")]
    Condition(usize, String),
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Access<'a> {
    /// Action, such as `s3:GetObject`.
    pub(crate) action: &'a str,
    /// ARN, or `*` for actions without a resource.
    pub(crate) resource: &'a str,
    /// Service that asks KMS in the name of its caller, such as `s3.eu-central-1.amazonaws.com`.
    pub(crate) via: Option<&'a str>,
}

/// What a document says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A statement allows it, and none denies it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement is about it.
    Silent,
}

/// A document of an identity or of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    version: String,
    #[serde(default, rename = "Id")]
    _id: Option<IgnoredAny>,
    statement: OneOrMany<Statement>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(default, rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    action: OneOrMany<String>,
    /// Of identities only: those of a resource are about that one.
    resource: Option<OneOrMany<String>>,
    /// Of resources only.
    principal: Option<Principal>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany<String>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE", deny_unknown_fields)]
struct Principal {
    aws: OneOrMany<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// What a document may write as one thing or as a list.
#[derive(Clone, Debug)]
struct OneOrMany<T>(Vec<T>);

/// Not an untagged enumeration: those do not say what is wrong.
impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values,
            value => vec![value],
        };
        let read = values.into_iter().map(serde_json::from_value).collect::<Result<_, _>>();
        read.map(Self).map_err(D::Error::custom)
    }
}

impl<T> OneOrMany<T> {
    fn all(&self) -> &[T] {
        &self.0
    }
}

impl Policy {
    /// Reads a document of an identity.
    pub(crate) fn of_identity(text: &[u8]) -> Result<Self, PolicyInvalid> {
        let statements = read(text)?;
        for (at, statement) in statements.iter().enumerate() {
            let Some(resource) = statement.resource.as_ref().filter(|_| statement.principal.is_none()) else {
                return Err(PolicyInvalid::Element(at, "`Resource` and no `Principal`"));
            };
            let wrong = resource.all().iter().find(|pattern| !is_resource(pattern));
            wrong.map_or(Ok(()), |pattern| Err(PolicyInvalid::Resource(at, pattern.clone())))?;
        }
        Ok(Self { statements })
    }

    /// Reads a document of a resource.
    pub(crate) fn of_resource(text: &[u8]) -> Result<Self, PolicyInvalid> {
        let statements = read(text)?;
        for (at, statement) in statements.iter().enumerate() {
            let Some(principal) = statement.principal.as_ref().filter(|_| statement.resource.is_none()) else {
                return Err(PolicyInvalid::Element(at, "`Principal` and no `Resource`"));
            };
            let wrong = principal.aws.all().iter().find(|one| !is_principal(one));
            wrong.map_or(Ok(()), |one| Err(PolicyInvalid::Principal(at, one.clone())))?;
        }
        Ok(Self { statements })
    }

    /// Judges a request of the identity that is known by one of `names`: ARNs, and its account.
    pub(crate) fn judge(&self, access: Access<'_>, names: &[&str]) -> Verdict {
        let about = self
            .statements
            .iter()
            .filter(|statement| statement.is_about(access, names));
        about.fold(Verdict::Silent, |before, statement| match (before, statement.effect) {
            (Verdict::Denied, _) | (_, Effect::Deny) => Verdict::Denied,
            _ => Verdict::Allowed,
        })
    }
}

impl Statement {
    fn is_about(&self, access: Access<'_>, names: &[&str]) -> bool {
        let action = access.action.to_ascii_lowercase();
        let mut actions = self.action.all().iter();
        let resources = self.resource.as_ref().map(OneOrMany::all);
        let principals = self.principal.as_ref().map(|principal| principal.aws.all());
        actions.any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && resources.is_none_or(|all| all.iter().any(|pattern| covers(pattern, access.resource)))
            && principals.is_none_or(|all| all.iter().any(|one| one == "*" || names.contains(&one.as_str())))
            && self.holds(access)
    }

    /// A key that the request does not have fulfils no condition.
    fn holds(&self, access: Access<'_>) -> bool {
        self.condition.iter().all(|(operator, keys)| {
            let fits = |wanted: &String| match access.via {
                Some(via) if operator == "StringLike" => matches(wanted, via),
                Some(via) => wanted == via,
                None => false,
            };
            keys.values().all(|values| values.all().iter().any(fits))
        })
    }
}

fn read(text: &[u8]) -> Result<Vec<Statement>, PolicyInvalid> {
    let document: Document = serde_json::from_slice(text)?;
    if document.version != VERSION {
        return Err(PolicyInvalid::Version(document.version));
    }
    let statements = document.statement.0;
    if statements.is_empty() {
        return Err(PolicyInvalid::Empty);
    }
    for (at, statement) in statements.iter().enumerate() {
        let wrong = statement.action.all().iter().find(|pattern| !is_action(pattern));
        wrong.map_or(Ok(()), |pattern| Err(PolicyInvalid::Action(at, pattern.clone())))?;
        for (operator, keys) in &statement.condition {
            let is_known = matches!(operator.as_str(), "StringEquals" | "StringLike");
            let wrong = keys.keys().find(|key| !is_known || *key != VIA_SERVICE);
            wrong.map_or(Ok(()), |key| {
                Err(PolicyInvalid::Condition(at, format!("{operator} {key}")))
            })?;
        }
    }
    Ok(statements)
}

fn is_action(pattern: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"*?".contains(&b));
    match pattern.split_once(':') {
        None => pattern == "*",
        Some((service, name)) => SERVICES.contains(&service) && is_name(name),
    }
}

fn is_resource(pattern: &str) -> bool {
    let is_arn = pattern.starts_with("arn:aws:") && pattern.matches(':').count() >= 5;
    pattern == "*" || (is_arn && !pattern.contains("${"))
}

fn is_principal(name: &str) -> bool {
    let is_account = name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit());
    let is_arn = ["arn:aws:iam::", "arn:aws:sts::"]
        .iter()
        .any(|start| name.starts_with(start));
    name == "*" || is_account || (is_arn && !name.contains('*'))
}

/// Tells whether a pattern covers an ARN. Wildcards do not reach over the colons before the resource's own part.
fn covers(pattern: &str, arn: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (mut patterns, mut parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    (0..6).all(|_| match (patterns.next(), parts.next()) {
        (Some(pattern), Some(part)) => matches(pattern, part),
        _ => false,
    })
}

/// Tells whether a text fits a pattern of `*` and `?`.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // Where the last `*` is, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[read] => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, read) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "arn:aws:s3:::files/fastcontainer/a.tar.gz";

    fn access<'a>(action: &'a str, resource: &'a str) -> Access<'a> {
        Access {
            action,
            resource,
            via: None,
        }
    }

    fn policy(statements: &str) -> Result<Policy, PolicyInvalid> {
        Policy::of_identity(format!(r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#).as_bytes())
    }

    #[test]
    fn what_no_statement_allows_is_left_open() {
        let policy = policy(
            r#"{"Effect": "Allow", "Action": "s3:getobject", "Resource": "arn:aws:s3:::files/fastcontainer/*"}"#,
        )
        .unwrap();
        assert_eq!(policy.judge(access("s3:GetObject", OBJECT), &[]), Verdict::Allowed);
        assert_eq!(policy.judge(access("s3:PutObject", OBJECT), &[]), Verdict::Silent);
        assert_eq!(
            policy.judge(access("s3:GetObject", "arn:aws:s3:::files/other"), &[]),
            Verdict::Silent
        );
        assert_eq!(
            policy.judge(access("s3:GetObject", "arn:aws:s3:::files"), &[]),
            Verdict::Silent
        );
    }

    #[test]
    fn a_denial_beats_what_other_statements_allow() {
        let policy = policy(
            r#"[{"Effect": "Deny", "Action": ["s3:Put*"], "Resource": "*"},
                {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]"#,
        )
        .unwrap();
        assert_eq!(policy.judge(access("s3:PutObject", OBJECT), &[]), Verdict::Denied);
        assert_eq!(policy.judge(access("s3:GetObject", OBJECT), &[]), Verdict::Allowed);
    }

    #[test]
    fn wildcards_stay_within_their_part_of_an_arn() {
        let log = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/p:log-stream:s";
        for (pattern, expected) in [
            ("arn:aws:logs:*:123456789012:log-group:/aws/codebuild/p:*", true),
            ("arn:aws:logs:eu-*-?:*:log-group:*", true),
            ("arn:aws:logs:*:log-group:/aws/codebuild/p:log-stream:s", false),
            (
                "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/p",
                false,
            ),
        ] {
            assert_eq!(covers(pattern, log), expected, "{pattern}");
        }
        assert!(covers("*", "*") && !covers("arn:aws:ecr:*:*:*", "*"));
        assert!(matches("a*b*c", "a-b-b-c") && !matches("a*b*c", "a-c-b") && matches("*", ""));
    }

    #[test]
    fn a_condition_needs_its_key() {
        let policy = policy(
            r#"{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*",
                "Condition": {"StringLike": {"kms:ViaService": ["s3.*.amazonaws.com"]}}}"#,
        )
        .unwrap();
        let key = access("kms:Decrypt", "arn:aws:kms:eu-central-1:123456789012:key/k");
        let via = |via| Access { via: Some(via), ..key };
        assert_eq!(policy.judge(key, &[]), Verdict::Silent);
        assert_eq!(
            policy.judge(via("s3.eu-central-1.amazonaws.com"), &[]),
            Verdict::Allowed
        );
        assert_eq!(
            policy.judge(via("ssm.eu-central-1.amazonaws.com"), &[]),
            Verdict::Silent
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (statement, reason) in [
            (
                r#"{"Effect": "Allow", "Action": "s3:*"}"#,
                "statement 0 needs `Resource`",
            ),
            (
                r#"{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}"#,
                "NotAction",
            ),
            (r#"{"Effect": "Maybe", "Action": "s3:*", "Resource": "*"}"#, "Maybe"),
            (
                r#"{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}"#,
                "ec2:RunInstances",
            ),
            (
                r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "files/*"}"#,
                "files/*",
            ),
            (
                r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}"}"#,
                "${aws:username}",
            ),
            (
                r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}"#,
                "Bool aws:SecureTransport",
            ),
        ] {
            let error = policy(statement).unwrap_err().to_string();
            assert!(error.contains(reason), "{statement}: {error}");
        }
        assert!(matches!(policy("[]"), Err(PolicyInvalid::Empty)));
        let old = br#"{"Version": "2008-10-17", "Statement": []}"#;
        assert!(matches!(Policy::of_identity(old), Err(PolicyInvalid::Version(_))));
    }

    #[test]
    fn a_resource_lets_in_whom_it_names() {
        let policy = Policy::of_resource(
            br#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ecr:BatchGetImage",
                "Principal": {"AWS": "arn:aws:iam::210987654321:root"}}}"#,
        )
        .unwrap();
        let pull = access(
            "ecr:BatchGetImage",
            "arn:aws:ecr:eu-central-1:123456789012:repository/app",
        );
        assert_eq!(
            policy.judge(pull, &["arn:aws:iam::210987654321:root"]),
            Verdict::Allowed
        );
        assert_eq!(policy.judge(pull, &["arn:aws:iam::111111111111:root"]), Verdict::Silent);
    }
}
