//! The part of the admin plane that is about S3, CloudWatch Logs, SSM and Secrets Manager.
//!
//! Whatever is arranged without naming a region is in the region of tests; the account is always that of the access
//! key. Nothing here is signed or counted.

use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{AdminError, Query};
use crate::aws::Owner;
use crate::emulator::Emulator;
use crate::reply;

const DEFAULT_REGION: &str = "eu-central-1";
const LONGEST_TEXT: usize = 4 * 1024 * 1024;

/// Does what METHOD and PATH ask for.
pub(super) async fn operate(
    emulator: &Emulator,
    line: (&str, &str),
    query: &Query,
    body: Incoming,
) -> Result<Value, AdminError> {
    match line {
        ("GET", "leftovers") => return Ok(leftovers(emulator)),
        ("PUT", "bucket") => {
            let place = query.owner(emulator);
            let place = (place.account.as_str(), place.region.as_str());
            emulator
                .buckets
                .arrange(query.get("name")?, place, query.get("kms").ok());
        }
        ("PUT", "logs") => {
            let rate = query.get("rate").is_ok().then(|| query.number("rate")).transpose()?;
            let group = query.get("group").ok();
            emulator.logs.set_delivery(group, query.number("delay")?, rate);
        }
        ("POST", "logs") => {
            let stream = (query.get("group")?, query.get("stream")?);
            let text = reply::read(body, LONGEST_TEXT).await?;
            let text = String::from_utf8_lossy(&text);
            let lines = text.split_inclusive('\n').map(str::to_owned).collect();
            emulator.logs.append(&query.owner(emulator), stream, lines);
        }
        ("GET", "parameter") => return shown(emulator.parameters.value(&query.owner(emulator), query.get("name")?)),
        ("GET", "secret") => return shown(emulator.secrets.value(&query.owner(emulator), query.get("id")?)),
        ("PUT", "parameter") => {
            if !emulator.parameters.age(query.get("name")?, query.number("age")?) {
                return Err(AdminError::NoValue);
            }
        }
        _ => return Err(AdminError::Unknown),
    }
    Ok(json!({}))
}

fn shown(value: Option<String>) -> Result<Value, AdminError> {
    value.map(|value| json!({ "value": value })).ok_or(AdminError::NoValue)
}

/// Everything that a test may want to find gone.
fn leftovers(emulator: &Emulator) -> Value {
    json!({
        "buckets": emulator.buckets.list(),
        "parameters": emulator.parameters.names(),
        "secrets": emulator.secrets.names(),
        "logGroups": emulator.logs.list(),
    })
}

impl Query {
    pub(super) fn number(&self, name: &'static str) -> Result<u32, AdminError> {
        let text = self.get(name)?;
        text.parse().map_err(|_| AdminError::Value(text.to_owned(), name))
    }

    /// The account of the access key, and the region that is given or the one of tests.
    fn owner(&self, emulator: &Emulator) -> Owner {
        Owner {
            account: emulator.account.clone(),
            region: self.get("region").unwrap_or(DEFAULT_REGION).to_owned(),
        }
    }
}
