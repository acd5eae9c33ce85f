//! Signatures, repositories, logins, denied actions and STS, asked by the AWS SDK.

use aws_sdk_ecr::error::ProvideErrorMetadata;
use aws_sdk_ecr::types::{
    ImageIdentifier, ImageTagMutability, ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType,
};

use crate::client::{Emulator, ecr_repository};

#[tokio::test]
async fn requests_with_a_wrong_key_or_secret_are_refused() {
    let emulator = Emulator::start().await;
    for (access_key, secret_key, code) in [
        ("test", "wrong", "InvalidSignatureException"),
        ("nobody", "test", "UnrecognizedClientException"),
    ] {
        let error = emulator
            .ecr_as(access_key, secret_key)
            .describe_repositories()
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(code));
    }
    let target = (
        "x-amz-target",
        "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
    );
    let answer = emulator
        .send(("POST", "/"), &[("host", "localhost"), target], "{}")
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["__type"].as_str()),
        (400, Some("MissingAuthenticationTokenException"))
    );
}

#[tokio::test]
async fn stale_signatures_and_those_for_another_region_or_service_are_refused() {
    let emulator = Emulator::start().await;
    let now = time::OffsetDateTime::now_utc();
    let day = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
    let date = format!("{day}T{:02}{:02}{:02}Z", now.hour(), now.minute(), now.second());
    for (date, scope, reason) in [
        ("20240101T000000Z", "20240101/eu-central-1/ecr", "Signature expired"),
        (
            date.as_str(),
            &format!("{day}/us-east-1/ecr"),
            "Credential should be scoped to a valid region, not 'us-east-1'",
        ),
        (
            &date,
            &format!("{day}/eu-central-1/s3"),
            "Credential should be scoped to correct service: 'ecr'",
        ),
        (
            &date,
            "20240101/eu-central-1/ecr",
            "Credential should be scoped to the date",
        ),
        (
            &date,
            &format!("{day}/eu-central-1/ecr"),
            "The request signature we calculated does not match",
        ),
    ] {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=test/{scope}/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=00"
        );
        let headers = [
            ("host", "api.ecr.eu-central-1.amazonaws.com"),
            (
                "x-amz-target",
                "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories",
            ),
            ("x-amz-date", date),
            ("authorization", &authorization),
        ];
        let answer = emulator.send(("POST", "/"), &headers, "{}").await.json();
        assert_eq!(answer["__type"], "InvalidSignatureException");
        assert!(answer["message"].as_str().unwrap().starts_with(reason), "{answer}");
    }
}

#[tokio::test]
async fn repository_names_and_existence_are_checked() {
    let emulator = Emulator::start().await;
    let ecr = emulator.ecr();
    let create = |name: &str| ecr.create_repository().repository_name(name).send();
    assert_eq!(
        create("Team/App").await.unwrap_err().code(),
        Some("InvalidParameterException")
    );
    let created = create("team/app").await.unwrap();
    let uri = created.repository().unwrap().repository_uri().unwrap();
    assert_eq!(uri, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/app");
    assert_eq!(
        create("team/app").await.unwrap_err().code(),
        Some("RepositoryAlreadyExistsException")
    );
    let missing = ecr
        .describe_repositories()
        .repository_names("nope")
        .send()
        .await
        .unwrap_err();
    assert_eq!(missing.code(), Some("RepositoryNotFoundException"));
    assert!(
        missing
            .message()
            .unwrap()
            .contains("'nope' does not exist in the registry with id '123456789012'")
    );
}

#[tokio::test]
async fn a_repository_with_images_is_deleted_only_by_force() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator.push_image(&app, "v1", b"layer").await;
    let delete = |force| {
        emulator
            .ecr()
            .delete_repository()
            .repository_name("app")
            .force(force)
            .send()
    };
    assert_eq!(
        delete(false).await.unwrap_err().code(),
        Some("RepositoryNotEmptyException")
    );
    delete(true).await.unwrap();
    assert_eq!(
        delete(true).await.unwrap_err().code(),
        Some("RepositoryNotFoundException")
    );
}

#[tokio::test]
async fn mutability_filters_are_kept_and_only_taken_with_exclusion() {
    let emulator = Emulator::start().await;
    let filter = ImageTagMutabilityExclusionFilter::builder()
        .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
        .filter("buildcache*")
        .build()
        .unwrap();
    let create = |name: &str, mutability| {
        let request = emulator
            .ecr()
            .create_repository()
            .repository_name(name)
            .image_tag_mutability(mutability);
        request.image_tag_mutability_exclusion_filters(filter.clone()).send()
    };
    let refused = create("a-one", ImageTagMutability::Immutable).await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidParameterException"));
    let created = create("a-two", ImageTagMutability::ImmutableWithExclusion)
        .await
        .unwrap();
    let repository = created.repository().unwrap();
    assert_eq!(
        repository.image_tag_mutability_exclusion_filters()[0].filter(),
        "buildcache*"
    );
    assert_eq!(
        repository.image_tag_mutability(),
        Some(&ImageTagMutability::ImmutableWithExclusion)
    );
}

#[tokio::test]
async fn every_login_is_a_fresh_token_for_twelve_hours() {
    let emulator = Emulator::start().await;
    let ask = async || {
        let answer = emulator.ecr().get_authorization_token().send().await.unwrap();
        answer.authorization_data()[0].clone()
    };
    let (first, second) = (ask().await, ask().await);
    assert_ne!(first.authorization_token(), second.authorization_token());
    assert_eq!(
        first.proxy_endpoint(),
        Some("https://123456789012.dkr.ecr.eu-central-1.amazonaws.com")
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let lifetime = first.expires_at().unwrap().secs() - now;
    assert!((43_190..=43_201).contains(&lifetime), "{lifetime}");
}

#[tokio::test]
async fn a_denied_action_is_refused_until_it_is_allowed_again() {
    let emulator = Emulator::start().await;
    emulator.create_repository("app").await;
    emulator.admin(("POST", "deny?action=ecr:BatchGetImage"), "").await;
    let ask = || {
        emulator
            .ecr()
            .batch_get_image()
            .repository_name("app")
            .image_ids(ImageIdentifier::builder().image_tag("v1").build())
            .send()
    };
    let error = ask().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(error.message().unwrap().contains(
        "is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-central-1:123456789012:repository/app"
    ));
    emulator.admin(("DELETE", "deny"), "").await;
    ask().await.unwrap();
}

#[tokio::test]
async fn an_assumed_role_of_another_account_has_its_own_registry() {
    let emulator = Emulator::start().await;
    emulator.create_repository("app").await;
    let sts = emulator.sts();
    assert_eq!(
        sts.get_caller_identity().send().await.unwrap().account(),
        Some("123456789012")
    );
    let role = "arn:aws:iam::999988887777:role/deploy";
    let assumed = sts
        .assume_role()
        .role_arn(role)
        .role_session_name("session")
        .send()
        .await
        .unwrap();
    let keys = assumed.credentials().unwrap();
    let with_token = |token: Option<String>| {
        let (id, secret) = (keys.access_key_id(), keys.secret_access_key());
        emulator.ecr_with(aws_credential_types::Credentials::new(id, secret, token, None, "test"))
    };
    let own = with_token(Some(keys.session_token().to_owned()))
        .describe_repositories()
        .send()
        .await
        .unwrap();
    assert!(own.repositories().is_empty());
    let error = with_token(None).describe_repositories().send().await.unwrap_err();
    assert_eq!(error.code(), Some("UnrecognizedClientException"));
    let malformed = sts
        .assume_role()
        .role_arn("deploy")
        .role_session_name("session")
        .send()
        .await
        .unwrap_err();
    assert_eq!(malformed.code(), Some("ValidationError"));
}
