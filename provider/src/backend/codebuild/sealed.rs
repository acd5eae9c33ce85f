//! Secrets of one remote build, kept where only the build reads them.
//!
//! A value travels as a SecureString parameter that lives as long as the build, and the build knows it by a variable that
//! CodeBuild fills. References that CodeBuild resolves itself need no parameter. Nothing of a value is in a request to
//! CodeBuild, in S3 or in a log. Refuses what a parameter cannot hold, and references that CodeBuild would look up in the
//! wrong place, before anything is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use fastcontainer_aws::{AwsError, EnvironmentValue, Parameters, Project, SecretReference};
use secrecy::{ExposeSecret, SecretString};

use super::error::CodeBuildError;
use crate::planning::secrets::{AwsSecret, SecretSource};

/// Where the parameters are.
const PATH: &str = "/fastcontainer/";
/// No build lives longer: 8 hours in a queue and 36 of running.
const LEFT_BEHIND: Duration = Duration::from_secs(48 * 3600);
/// How long removing may take.
const REMOVAL: Duration = Duration::from_secs(10);
/// The same when the operation was cancelled: the engine waits for two seconds in all.
const REMOVAL_IN_HASTE: Duration = Duration::from_millis(900);

/// Bytes that a parameter holds at most.
const LARGEST: usize = 8192;

/// Why CodeBuild cannot hand a secret to a build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotForBuild {
    /// Parameters hold text only.
    #[error("it is not text")]
    NotText,
    /// Parameters are small.
    #[error("it has {0} bytes, and a parameter holds {LARGEST}")]
    TooLarge(usize),
    /// A parameter whose value contains this would be a reference to another.
    #[error("it contains `{{{{`, which parameters do not take")]
    Braces,
    /// CodeBuild looks in its own region.
    #[error("it is in region `{found}`, and the project in `{project}`")]
    Region {
        /// Where the reference points to.
        found: String,
        /// Where the project is.
        project: String,
    },
    /// CodeBuild looks parameters up by name, in its own account.
    #[error("the parameter is in account `{found}`, and the project in `{project}`")]
    Account {
        /// Where the reference points to.
        found: String,
        /// Where the project is.
        project: String,
    },
}

/// The secrets of one build.
pub(super) struct Sealed {
    parameters: Parameters,
    prefix: String,
    names: Vec<String>,
    variables: BTreeMap<String, EnvironmentValue>,
}

impl Sealed {
    /// None yet.
    ///
    /// # Errors
    /// When the operating system gives no random bytes for a name.
    pub(super) fn new(parameters: Parameters) -> Result<Self, CodeBuildError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| CodeBuildError::NoRandomness)?;
        Ok(Self {
            parameters,
            prefix: format!("{PATH}{}/", hex::encode(random)),
            names: Vec::new(),
            variables: BTreeMap::new(),
        })
    }

    /// Hands secrets to the build; gives the variables that hold them, by id.
    ///
    /// # Errors
    /// When a parameter cannot be stored.
    pub(super) async fn put_all(&mut self, secrets: Travelling) -> Result<BTreeMap<String, String>, AwsError> {
        let mut variables = BTreeMap::new();
        for (id, form) in secrets.0 {
            let variable = match form {
                Form::Known(value) => self.refer(value),
                Form::Sealed(value) => self.put(&value).await?,
            };
            variables.insert(id, variable);
        }
        Ok(variables)
    }

    /// Hands `value` to the build as the variable that is returned.
    ///
    /// # Errors
    /// When the parameter cannot be stored.
    pub(super) async fn put(&mut self, value: &SecretString) -> Result<String, AwsError> {
        let variable = self.next();
        let name = format!("{}{variable}", self.prefix);
        // Noted first: a request that seems to fail may have been heard.
        self.names.push(name.clone());
        self.parameters.put_secure(&name, value).await?;
        self.variables
            .insert(variable.clone(), EnvironmentValue::Parameter(name));
        Ok(variable)
    }

    /// Lets the build have what CodeBuild reads by itself.
    fn refer(&mut self, value: EnvironmentValue) -> String {
        let variable = self.next();
        self.variables.insert(variable.clone(), value);
        variable
    }

    /// The variables of the build.
    #[must_use]
    pub(super) fn variables(&self) -> &BTreeMap<String, EnvironmentValue> {
        &self.variables
    }

    fn next(&self) -> String {
        format!("FC_SECRET_{}", self.variables.len())
    }

    /// Removes the parameters; without haste also those that a crash left behind. What cannot be removed now is removed
    /// by a later build.
    pub(super) async fn remove(self, in_haste: bool) {
        if self.names.is_empty() {
            return;
        }
        let removal = async {
            let removed = self.parameters.delete(&self.names).await;
            if in_haste {
                return removed;
            }
            let swept = self.parameters.sweep(PATH, LEFT_BEHIND).await;
            removed.and(swept.map(|_| ()))
        };
        let limit = if in_haste { REMOVAL_IN_HASTE } else { REMOVAL };
        match tokio::time::timeout(limit, removal).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "parameters of a build were not removed"),
            Err(_) => tracing::warn!("parameters of a build were not removed in time"),
        }
    }
}

/// Secrets in the form in which they travel, by id.
pub(super) struct Travelling(BTreeMap<String, Form>);

impl Travelling {
    /// The secrets of a plan on their way to a build of `project`. Stores nothing.
    ///
    /// # Errors
    /// The first that cannot travel.
    pub(super) fn of(secrets: &BTreeMap<String, SecretSource>, project: &Project) -> Result<Self, CodeBuildError> {
        let forms = secrets.iter().map(|(id, source)| {
            let form =
                form(source, project).map_err(|source| CodeBuildError::SecretNotForBuild { id: id.clone(), source });
            Ok((id.clone(), form?))
        });
        forms.collect::<Result<_, _>>().map(Self)
    }
}

/// How a secret travels.
enum Form {
    /// In the request itself, as a reference.
    Known(EnvironmentValue),
    /// In a parameter of its own.
    Sealed(SecretString),
}

fn form(source: &SecretSource, project: &Project) -> Result<Form, NotForBuild> {
    let value = match source {
        SecretSource::Aws(secret) => return reference(secret, project).map(Form::Known),
        SecretSource::Value(value) => value.expose_secret(),
    };
    // There are no empty parameters, and nothing to keep either.
    if value.is_empty() {
        return Ok(Form::Known(EnvironmentValue::Plain(String::new())));
    }
    let text = std::str::from_utf8(value).map_err(|_| NotForBuild::NotText)?;
    if text.contains('\0') {
        return Err(NotForBuild::NotText);
    }
    if text.len() > LARGEST {
        return Err(NotForBuild::TooLarge(text.len()));
    }
    if text.contains("{{") {
        return Err(NotForBuild::Braces);
    }
    Ok(Form::Sealed(SecretString::from(text)))
}

/// As CodeBuild takes it. Parameters it knows by name.
fn reference(secret: &AwsSecret, project: &Project) -> Result<EnvironmentValue, NotForBuild> {
    let (SecretReference::Secret { arn, .. } | SecretReference::Parameter { arn, .. }) = &secret.reference;
    let parts: Vec<&str> = arn.split(':').collect();
    let home: Vec<&str> = project.arn.split(':').collect();
    let (Some((region, account)), Some((own_region, own_account))) = (place(&parts), place(&home)) else {
        return Ok(EnvironmentValue::Secret(secret.text.clone()));
    };
    let differ = |found: &str, project: &str| (found.to_owned(), project.to_owned());
    if region != own_region {
        let (found, project) = differ(region, own_region);
        return Err(NotForBuild::Region { found, project });
    }
    if matches!(secret.reference, SecretReference::Secret { .. }) {
        return Ok(EnvironmentValue::Secret(secret.text.clone()));
    }
    if account != own_account {
        let (found, project) = differ(account, own_account);
        return Err(NotForBuild::Account { found, project });
    }
    let name = arn.split_once(":parameter/").map_or("", |(_, name)| name);
    let path = if name.contains('/') { "/" } else { "" };
    Ok(EnvironmentValue::Parameter(format!("{path}{name}")))
}

/// Region and account of an ARN.
fn place<'a>(parts: &[&'a str]) -> Option<(&'a str, &'a str)> {
    Some((*parts.get(3)?, *parts.get(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::secrets::SecretReference as Written;

    fn project() -> Project {
        Project {
            name: "images".to_owned(),
            arn: "arn:aws:codebuild:eu-central-1:123456789012:project/images".to_owned(),
            environment_type: String::new(),
            image: String::new(),
            compute_type: String::new(),
            privileged: true,
            service_role: None,
            concurrent_build_limit: None,
            fleet: None,
            in_vpc: false,
        }
    }

    fn travels(text: &str) -> Result<EnvironmentValue, NotForBuild> {
        match Written::parse(text).unwrap() {
            Written::Aws(secret) => reference(&secret, &project()),
            other => panic!("{other}"),
        }
    }

    fn seals(value: &[u8]) -> Result<bool, NotForBuild> {
        let form = form(&SecretSource::Value(value.to_vec().into()), &project())?;
        Ok(matches!(form, Form::Sealed(_)))
    }

    #[test]
    fn references_travel_as_codebuild_writes_them() {
        let secret = "arn:aws:secretsmanager:eu-central-1:210987654321:secret:npm-AbCdEf:token::";
        assert_eq!(travels(secret), Ok(EnvironmentValue::Secret(secret.to_owned())));
        for (name, found) in [("npm", "npm"), ("team/npm", "/team/npm")] {
            let arn = format!("arn:aws:ssm:eu-central-1:123456789012:parameter/{name}");
            assert_eq!(travels(&arn), Ok(EnvironmentValue::Parameter(found.to_owned())));
        }
    }

    #[test]
    fn a_reference_that_codebuild_would_look_up_elsewhere_is_refused() {
        let abroad = travels("arn:aws:secretsmanager:us-east-1:123456789012:secret:npm-AbCdEf").unwrap_err();
        assert_eq!(
            abroad.to_string(),
            "it is in region `us-east-1`, and the project in `eu-central-1`"
        );
        let foreign = travels("arn:aws:ssm:eu-central-1:210987654321:parameter/npm").unwrap_err();
        assert!(matches!(foreign, NotForBuild::Account { .. }), "{foreign}");
    }

    #[test]
    fn what_no_parameter_holds_is_refused_and_nothing_needs_none() {
        assert_eq!(seals(b"line\n\"quoted\" $HOME"), Ok(true));
        assert_eq!(seals(b""), Ok(false));
        assert_eq!(seals(b"\xff"), Err(NotForBuild::NotText));
        assert_eq!(seals(b"a\0b"), Err(NotForBuild::NotText));
        assert_eq!(seals(&[b'x'; LARGEST]), Ok(true));
        assert_eq!(seals(&[b'x'; LARGEST + 1]), Err(NotForBuild::TooLarge(LARGEST + 1)));
        assert_eq!(
            seals(b"{{ template }}").unwrap_err().to_string(),
            "it contains `{{`, which parameters do not take"
        );
    }
}
