//! Pages of a list, as ECR's `maxResults` and `nextToken` ask for them.
//!
//! Tokens are opaque to clients and valid only for the list that they came from.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::EcrError;

/// The paging members of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    next_token: Option<String>,
    max_results: Option<usize>,
}

impl Paging {
    /// Tells whether the request asks for a page.
    pub(super) fn is_set(&self) -> bool {
        self.next_token.is_some() || self.max_results.is_some()
    }

    /// Cuts the page out of the complete list; `list` names the list that tokens belong to.
    pub(super) fn page(&self, list: &str, items: Vec<Value>) -> Result<(Vec<Value>, Option<String>), EcrError> {
        let size = self.max_results.unwrap_or(100);
        if !(1..=1000).contains(&size) {
            return Err(EcrError::parameter("maxResults", "must have value between 1 and 1000"));
        }
        let start = match &self.next_token {
            None => 0,
            Some(token) => {
                position(list, token).ok_or_else(|| EcrError::parameter("nextToken", "must be a token of this list"))?
            }
        };
        let next = (start + size < items.len()).then(|| URL_SAFE_NO_PAD.encode(format!("{list}\n{}", start + size)));
        Ok((items.into_iter().skip(start).take(size).collect(), next))
    }
}

fn position(list: &str, token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (of, position) = text.rsplit_once('\n')?;
    if of == list { position.parse().ok() } else { None }
}
