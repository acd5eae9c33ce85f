//! Finding parameters: GetParametersByPath and DescribeParameters, in pages.
//!
//! The older `Filters` member is refused; a client that depends on it would not notice that it is ignored.

use serde::Deserialize;
use serde_json::{Value, json};

use super::SsmError;
use super::operations::{arn, invalid, show};
use super::store::Parameter;
use crate::aws::{Caller, parse};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    with_decryption: bool,
    #[serde(default)]
    parameter_filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Describe {
    filters: Option<Value>,
    #[serde(default)]
    parameter_filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    option: Option<String>,
    #[serde(default)]
    values: Vec<String>,
}

pub(super) fn get_parameters_by_path(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: ByPath = parse(body)?;
    caller.permit(&arn(caller, &request.path))?;
    if !request.path.starts_with('/') {
        return Err(invalid("The parameter path must begin with a slash."));
    }
    let owner = caller.owner();
    let parameters = caller.emulator.parameters.lock();
    let mut found = Vec::new();
    for ((of, name), parameter) in parameters.iter() {
        if *of == owner
            && is_below(name, &request.path, request.recursive)
            && matches(&request.parameter_filters, name, parameter)?
        {
            found.push((name, parameter));
        }
    }
    let (found, next) = page(found, (request.max_results, 10), request.next_token.as_deref())?;
    let shown = found
        .into_iter()
        .map(|(name, parameter)| show(caller, name, parameter, request.with_decryption));
    Ok(with_token("Parameters", shown.collect::<Result<Vec<_>, _>>()?, next))
}

pub(super) fn describe_parameters(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: Describe = parse(body)?;
    caller.permit(&caller.arn("*"))?;
    if request.filters.is_some() {
        return Err(invalid("`Filters` is not emulated; use `ParameterFilters`."));
    }
    let owner = caller.owner();
    let parameters = caller.emulator.parameters.lock();
    let mut found = Vec::new();
    for ((of, name), parameter) in parameters.iter() {
        if *of == owner && matches(&request.parameter_filters, name, parameter)? {
            found.push((name, parameter));
        }
    }
    let (found, next) = page(found, (request.max_results, 50), request.next_token.as_deref())?;
    let shown = found
        .into_iter()
        .map(|(name, parameter)| describe(caller, name, parameter));
    Ok(with_token("Parameters", shown.collect(), next))
}

fn describe(caller: &Caller<'_>, name: &str, parameter: &Parameter) -> Value {
    let mut description = json!({
        "Name": name, "ARN": arn(caller, name), "Type": format!("{:?}", parameter.kind),
        "LastModifiedDate": parameter.modified, "LastModifiedUser": parameter.modified_by,
        "Version": parameter.version, "Tier": format!("{:?}", parameter.tier), "Policies": [],
        "DataType": parameter.data_type,
    });
    if let Some(text) = &parameter.description {
        description["Description"] = json!(text);
    }
    if let Some(key_id) = &parameter.key_id {
        description["KeyId"] = json!(key_id);
    }
    description
}

fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.trim_end_matches('/');
    let Some(rest) = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')) else {
        return false;
    };
    recursive || !rest.contains('/')
}

fn matches(filters: &[Filter], name: &str, parameter: &Parameter) -> Result<bool, SsmError> {
    for filter in filters {
        if !filter.accepts(name, parameter)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Filter {
    fn accepts(&self, name: &str, parameter: &Parameter) -> Result<bool, SsmError> {
        let option = self.option.as_deref();
        if let Some(tag) = self.key.strip_prefix("tag:") {
            let value = parameter.tags.get(tag);
            return Ok(value.is_some_and(|value| self.values.is_empty() || self.values.contains(value)));
        }
        let kind = format!("{:?}", parameter.kind);
        let tier = format!("{:?}", parameter.tier);
        let any = |test: &dyn Fn(&String) -> bool| self.values.iter().any(test);
        Ok(match (self.key.as_str(), option) {
            ("Name", None | Some("Equals")) => any(&|value| value == name),
            ("Name", Some("BeginsWith")) => any(&|value| name.starts_with(value.as_str())),
            ("Name", Some("Contains")) => any(&|value| name.contains(value.as_str())),
            ("Path", None | Some("OneLevel")) => any(&|value| is_below(name, value, false)),
            ("Path", Some("Recursive")) => any(&|value| is_below(name, value, true)),
            ("Type", None | Some("Equals")) => self.values.contains(&kind),
            ("Tier", None | Some("Equals")) => self.values.contains(&tier),
            ("KeyId", None | Some("Equals")) => any(&|value| Some(value) == parameter.key_id.as_ref()),
            _ => return Err(SsmError::InvalidFilter(self.key.clone())),
        })
    }
}

type Next = Option<String>;

fn page<T>(
    items: Vec<T>,
    (size, most): (Option<usize>, usize),
    token: Option<&str>,
) -> Result<(Vec<T>, Next), SsmError> {
    let size = size.unwrap_or(most);
    if !(1..=most).contains(&size) {
        return Err(invalid(&format!(
            "1 validation error detected: 'maxResults' must be from 1 to {most}."
        )));
    }
    let start: usize = match token {
        None => 0,
        Some(token) => token.parse().map_err(|_| SsmError::InvalidToken)?,
    };
    let end = start.saturating_add(size);
    let next = (end < items.len()).then(|| end.to_string());
    Ok((items.into_iter().skip(start).take(size).collect(), next))
}

fn with_token(list: &str, items: Vec<Value>, next: Next) -> Value {
    let mut answer = json!({});
    answer[list] = json!(items);
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    answer
}
