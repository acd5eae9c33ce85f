//! Users, policies, sessions of roles, repositories of other accounts, and the record of decisions.

use aws_credential_types::Credentials;
use aws_sdk_ecr::error::ProvideErrorMetadata;
use aws_sdk_ecr::types::ImageIdentifier;
use serde_json::{Value, json};

use crate::client::{ECR, Emulator, Repository, digest, ecr_repository};

const ROLE: &str = "arn:aws:iam::123456789012:role/deploy";

fn allow(actions: &[&str], resource: &str) -> String {
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

async fn user(emulator: &Emulator, name: &str) -> Credentials {
    let made = emulator.admin(("PUT", &format!("identity?name={name}")), "").await;
    let text = |member: &str| made[member].as_str().unwrap().to_owned();
    Credentials::new(text("accessKeyId"), text("secretAccessKey"), None, None, "test")
}

async fn session(emulator: &Emulator, role: &str) -> Credentials {
    let assumed = emulator
        .sts()
        .assume_role()
        .role_arn(role)
        .role_session_name("session")
        .send()
        .await
        .unwrap();
    let keys = assumed.credentials().unwrap();
    let token = Some(keys.session_token().to_owned());
    Credentials::new(keys.access_key_id(), keys.secret_access_key(), token, None, "test")
}

fn decided(answer: &Value) -> Vec<(String, bool)> {
    let all = answer["decisions"].as_array().unwrap().iter();
    all.map(|one| {
        (
            one["action"].as_str().unwrap().to_owned(),
            one["allowed"].as_bool().unwrap(),
        )
    })
    .collect()
}

#[tokio::test]
async fn a_user_with_a_policy_may_do_what_it_allows_and_nothing_else() {
    let emulator = Emulator::start().await;
    emulator.s3_with_bucket("files").await;
    let keys = user(&emulator, "ci").await;
    let policy = allow(&["s3:PutObject"], "arn:aws:s3:::files/own/*");
    emulator.admin(("PUT", "policy?identity=user/ci"), policy).await;
    let s3 = emulator.s3_as(keys.clone());
    let put = |key: &str| s3.put_object().bucket("files").key(key).send();
    put("own/a").await.unwrap();
    for (error, action, resource) in [
        (
            put("other").await.unwrap_err().message().unwrap().to_owned(),
            "s3:PutObject",
            "arn:aws:s3:::files/other",
        ),
        (
            s3.get_object()
                .bucket("files")
                .key("own/a")
                .send()
                .await
                .unwrap_err()
                .message()
                .unwrap()
                .to_owned(),
            "s3:GetObject",
            "arn:aws:s3:::files/own/a",
        ),
    ] {
        assert_eq!(
            error,
            format!(
                "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: {action} on resource: \
                 {resource} because no identity-based policy allows the {action} action"
            )
        );
    }
    emulator
        .s3()
        .put_object()
        .bucket("files")
        .key("other")
        .send()
        .await
        .unwrap();
    emulator.admin(("DELETE", "policy?identity=user/ci"), "").await;
    put("other").await.unwrap();
}

#[tokio::test]
async fn a_policy_that_is_not_understood_is_refused() {
    let emulator = Emulator::start().await;
    for (policy, reason) in [
        (
            allow(&["ec2:RunInstances"], "*"),
            "`ec2:RunInstances` is not an action of an emulated service",
        ),
        (allow(&["s3:GetObject"], "files/*"), "`files/*` is not a resource"),
        ("{}".to_owned(), "missing field `Version`"),
    ] {
        let host = [("host", "localhost")];
        let answer = emulator
            .send(("PUT", "/_admin/policy?identity=user/ci"), &host, policy)
            .await;
        assert_eq!(answer.status, 400);
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_session_has_the_policy_of_its_role_also_at_the_registry() {
    let emulator = Emulator::start().await;
    let owner = ecr_repository(&emulator, "app").await;
    emulator.push_image(&owner, "v1", b"layer").await;
    let statement =
        |actions: &[&str], resource: &str| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
    let policy = json!({"Version": "2012-10-17", "Statement": [
        statement(&["ecr:GetAuthorizationToken"], "*"),
        statement(&["ecr:BatchGetImage"], "arn:aws:ecr:eu-central-1:123456789012:repository/app"),
    ]});
    emulator
        .admin(("PUT", "policy?identity=role/deploy"), policy.to_string())
        .await;
    let keys = session(&emulator, ROLE).await;
    let app = Repository {
        host: ECR,
        name: "app",
        authorization: emulator.login_with(keys).await,
    };
    let accept = [("accept", "*/*")];
    assert_eq!(
        app.send(&emulator, ("GET", "manifests/v1"), &accept, "").await.status,
        200
    );
    let refused = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "DENIED"));
    assert_eq!(
        refused.json()["errors"][0]["message"],
        "User: arn:aws:sts::123456789012:assumed-role/deploy/session is not authorized to perform: \
         ecr:InitiateLayerUpload on resource: arn:aws:ecr:eu-central-1:123456789012:repository/app because no \
         identity-based policy allows the ecr:InitiateLayerUpload action"
    );
    let asked = emulator.admin(("GET", "decisions?identity=role/deploy"), "").await;
    let expected = [
        ("ecr:BatchGetImage", true),
        ("ecr:GetAuthorizationToken", true),
        ("ecr:InitiateLayerUpload", false),
    ];
    assert_eq!(
        decided(&asked),
        expected.map(|(action, allowed)| (action.to_owned(), allowed))
    );
    emulator.admin(("DELETE", "decisions?identity=role/deploy"), "").await;
    let asked = emulator.admin(("GET", "decisions?identity=role/deploy"), "").await;
    assert!(decided(&asked).is_empty());
}

#[tokio::test]
async fn an_upload_that_ends_with_its_last_part_needs_the_right_for_parts_too() {
    let emulator = Emulator::start().await;
    emulator.create_repository("app").await;
    let actions = [
        "ecr:GetAuthorizationToken",
        "ecr:InitiateLayerUpload",
        "ecr:CompleteLayerUpload",
    ];
    emulator
        .admin(("PUT", "policy?identity=role/deploy"), allow(&actions, "*"))
        .await;
    let app = Repository {
        host: ECR,
        name: "app",
        authorization: emulator.login_with(session(&emulator, ROLE).await).await,
    };
    let started = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    assert_eq!(started.status, 202);
    let path = format!("{}&digest={}", started.location(&app.origin()), digest(b"layer"));
    let refused = emulator.send(("PUT", &path), &app.headers(), "layer").await;
    assert_eq!(refused.status, 403);
    let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("to perform: ecr:UploadLayerPart"), "{message}");
}

#[tokio::test]
async fn only_a_policy_of_the_repository_leads_into_another_account() {
    let emulator = Emulator::start().await;
    let owner = ecr_repository(&emulator, "app").await;
    emulator.push_image(&owner, "v1", b"layer").await;
    let other = session(&emulator, "arn:aws:iam::999988887777:role/deploy").await;
    let ask = || {
        emulator
            .ecr_with(other.clone())
            .batch_get_image()
            .registry_id("123456789012")
            .repository_name("app")
            .image_ids(ImageIdentifier::builder().image_tag("v1").build())
            .send()
    };
    let error = ask().await.unwrap_err();
    let message = error.message().unwrap();
    assert!(
        message.ends_with("because no resource-based policy allows the ecr:BatchGetImage action"),
        "{message}"
    );
    let let_in = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": ["ecr:BatchGetImage"],
    }});
    emulator
        .ecr()
        .set_repository_policy()
        .repository_name("app")
        .policy_text(let_in.to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(ask().await.unwrap().images().len(), 1);
    let app = Repository {
        host: ECR,
        name: "app",
        authorization: emulator.login_with(other.clone()).await,
    };
    let refused = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn a_session_ends_when_it_is_told_to_and_after_its_time() {
    let emulator = Emulator::start().await;
    let code = async |keys: &Credentials| {
        let asked = emulator.ecr_with(keys.clone()).describe_repositories().send().await;
        asked.err().and_then(|error| error.code().map(str::to_owned))
    };
    let first = session(&emulator, ROLE).await;
    assert_eq!(code(&first).await, None);
    emulator.admin(("DELETE", "sessions?identity=role/deploy"), "").await;
    assert_eq!(code(&first).await.as_deref(), Some("ExpiredTokenException"));
    emulator
        .admin(("PUT", "sessions?identity=role/deploy&lifetime=2"), "")
        .await;
    let second = session(&emulator, ROLE).await;
    assert_eq!(code(&second).await, None);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(code(&second).await.as_deref(), Some("ExpiredTokenException"));
}

#[tokio::test]
async fn a_role_is_assumed_only_by_whom_a_policy_lets() {
    let emulator = Emulator::start().await;
    let keys = user(&emulator, "ci").await;
    emulator
        .admin(("PUT", "policy?identity=user/ci"), allow(&["sts:AssumeRole"], ROLE))
        .await;
    let sts = emulator.sts_as(keys);
    let assume = |role: &str| sts.assume_role().role_arn(role).role_session_name("session").send();
    assume(ROLE).await.unwrap();
    let error = assume("arn:aws:iam::123456789012:role/admin").await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
}
