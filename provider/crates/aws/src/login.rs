//! Logins for the registries of a region: fetched once, shared by all who wait, renewed before they end.
//!
//! Follows GetAuthorizationToken: one login is good for every registry that the caller may reach in the region. It is
//! held in memory only. A call runs to its end even if the caller that began it gives up, since others may wait for it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_ecr::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use secrecy::SecretString;

use crate::error::{ApiCall, AwsError};

const CALL: ApiCall = ApiCall::GetAuthorizationToken;

/// A login is not used any more when it ends within this time: a build may still need it.
const MARGIN: Duration = Duration::from_secs(10 * 60);

/// A login of this age is as fresh as can be: callers whose old login was refused at the same moment share one.
const FRESH: Duration = Duration::from_secs(5);

/// The longest that a call takes. One that nobody waited for is not looked at after that.
const CALL_MAX: Duration = Duration::from_secs(150);

/// A login for every registry in a region.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: SecretString,
    /// When AWS stops to accept it.
    pub expires_at: SystemTime,
}

type Pending = Shared<BoxFuture<'static, Result<Login, AwsError>>>;

struct Slot {
    pending: Pending,
    asked: Instant,
}

impl Slot {
    fn serves(&self, fresh: bool) -> bool {
        match self.pending.peek() {
            Some(Ok(login)) => {
                let lasts = login
                    .expires_at
                    .duration_since(SystemTime::now())
                    .is_ok_and(|left| left > MARGIN);
                lasts && (!fresh || self.asked.elapsed() < FRESH)
            }
            Some(Err(_)) => false,
            None => self.asked.elapsed() < CALL_MAX,
        }
    }
}

/// The logins of all regions.
#[derive(Default)]
pub(crate) struct Logins {
    slots: Mutex<HashMap<String, Slot>>,
}

impl Logins {
    /// The login for `region`, from memory unless it is to be `fresh`.
    pub(crate) async fn get(&self, region: &str, client: &Client, fresh: bool) -> Result<Login, AwsError> {
        let pending = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            match slots.get(region).filter(|slot| slot.serves(fresh)) {
                Some(slot) => slot.pending.clone(),
                None => {
                    let pending = begin(client.clone());
                    slots.insert(
                        region.to_owned(),
                        Slot {
                            pending: pending.clone(),
                            asked: Instant::now(),
                        },
                    );
                    pending
                }
            }
        };
        pending.await
    }
}

fn begin(client: Client) -> Pending {
    let task = tokio::spawn(async move { ask(&client).await });
    async move { task.await.unwrap_or(Err(AwsError::Interrupted { call: CALL })) }
        .boxed()
        .shared()
}

async fn ask(client: &Client) -> Result<Login, AwsError> {
    let answer = client
        .get_authorization_token()
        .send()
        .await
        .map_err(|error| AwsError::of(CALL, error))?;
    let malformed = |problem: &str| AwsError::Malformed {
        call: CALL,
        problem: problem.to_owned(),
    };
    let data = answer
        .authorization_data()
        .first()
        .ok_or_else(|| malformed("it holds no login"))?;
    let token = data.authorization_token().and_then(|token| STANDARD.decode(token).ok());
    let token = token.and_then(|token| String::from_utf8(token).ok());
    let (username, password) = token
        .as_deref()
        .and_then(|token| token.split_once(':'))
        .ok_or_else(|| malformed("its login cannot be read"))?;
    let expires = data.expires_at().and_then(|time| SystemTime::try_from(*time).ok());
    Ok(Login {
        username: username.to_owned(),
        password: password.into(),
        expires_at: expires.ok_or_else(|| malformed("it does not say when the login ends"))?,
    })
}
