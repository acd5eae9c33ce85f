//! Typed reading of property bags: failures, unknowns, secrets, and the JSON forms of provider configuration.

use fastcontainer_property::{Decoded, Decoder, Field, Form, OpaqueKind, PropertyMap, PropertyValue, decode};

fn bag<const N: usize>(fields: [(&str, PropertyValue); N]) -> PropertyMap {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn inputs<T>(fields: &PropertyMap, read: impl FnOnce(&mut Decoder<'_>) -> T) -> Decoded<T> {
    decode(fields, Form::Inputs, read)
}

fn reasons<T>(decoded: &Decoded<T>) -> Vec<String> {
    decoded
        .failures
        .iter()
        .map(|failure| format!("{}: {}", failure.path, failure.reason))
        .collect()
}

#[test]
fn all_failures_are_found_in_one_reading() {
    let fields = bag([
        (
            "tags",
            vec![PropertyValue::from("v1"), 1.10.into(), PropertyValue::Null].into(),
        ),
        ("noCache", "yes".into()),
        ("plattforms", "linux/amd64".into()),
        ("builder", bag([("local", bag([("adress", "x".into())]).into())]).into()),
        ("zzzzzz", true.into()),
    ]);
    let decoded = inputs(&fields, |image| {
        image.at("repository").required().string();
        image.at("tags").list(|tag| tag.string());
        image.at("noCache").bool();
        image.at("platforms").list(|platform| platform.string());
        image.at("builder").object(|builder| {
            builder.at("local").object(|local| local.at("address").string());
        });
    });
    assert_eq!(
        reasons(&decoded),
        [
            "repository: is missing; set it",
            "tags[1]: must be a string; put quotes around the number (unquoted, YAML reads 1.10 as 1.1)",
            "tags[2]: is missing; set it",
            "noCache: must be a boolean, not a string",
            "builder.local.adress: there is no property `adress` here; did you mean `address`?",
            "plattforms: there is no property `plattforms` here; did you mean `platforms`?",
            concat!(
                "zzzzzz: there is no property `zzzzzz` in version ",
                env!("CARGO_PKG_VERSION"),
                "; remove it, or use SDK and plugin of one version"
            ),
        ]
    );
}

#[test]
fn text_with_a_nul_is_refused() {
    let fields = bag([("target", "a\0b".into()), ("other", "a\0b".into())]);
    let decoded = inputs(&fields, |image| {
        image.at("target").string();
        image.at("other").text();
    });
    assert_eq!(
        reasons(&decoded),
        ["target", "other"].map(|name| format!("{name}: must not contain the character NUL; remove it"))
    );
}

#[test]
fn unknown_is_neither_absent_nor_a_failure() {
    let fields = bag([
        ("context", PropertyValue::Unknown),
        ("tags", vec![PropertyValue::from("v1"), PropertyValue::Unknown].into()),
        (
            "secrets",
            bag([("token", PropertyValue::Unknown), ("other", "x".into())]).into(),
        ),
    ]);
    let decoded = inputs(&fields, |image| {
        let context = image.at("context").required().string();
        let target = image.at("target").string();
        let tags = image.at("tags").list(|tag| tag.string());
        let secrets = image.at("secrets").map(|_, secret| secret.string());
        (context, target, tags, secrets)
    });
    let (context, target, tags, secrets) = decoded.value;
    assert_eq!((context, target, tags), (Field::Unknown, Field::Absent, Field::Unknown));
    let entries = secrets.as_known().unwrap();
    assert_eq!(
        (&entries["token"], &entries["other"]),
        (&Field::Unknown, &Field::Known("x".to_owned()))
    );
    assert_eq!(secrets.all_known(), Field::Unknown);
    assert!(decoded.failures.is_empty());
    let unknowns: Vec<String> = decoded.unknowns.iter().map(ToString::to_string).collect();
    assert_eq!(unknowns, ["context", "tags[1]", "secrets.token"]);
}

#[test]
fn what_lies_inside_a_secret_is_secret() {
    let fields = bag([
        ("secrets", PropertyValue::secret(bag([("token", "x".into())]))),
        (
            "buildArgs",
            bag([("A", PropertyValue::secret("x")), ("B", "y".into())]).into(),
        ),
    ]);
    let decoded = inputs(&fields, |image| {
        let mut seen = Vec::new();
        for name in ["secrets", "buildArgs"] {
            image.at(name).map(|key, cursor| {
                seen.push((key.to_owned(), cursor.is_secret()));
                cursor.string()
            });
        }
        seen
    });
    assert_eq!(
        decoded.value,
        [
            ("token".to_owned(), true),
            ("A".to_owned(), true),
            ("B".to_owned(), false)
        ]
    );
    let secrets: Vec<String> = decoded.secrets.iter().map(ToString::to_string).collect();
    assert_eq!(secrets, ["secrets", "buildArgs.A"]);
}

#[test]
fn integers_and_booleans_have_a_text_and_fractions_have_none() {
    let fields = bag([(
        "args",
        vec![PropertyValue::from(3.0), true.into(), "1.10".into(), 1.5.into()].into(),
    )]);
    let decoded = inputs(&fields, |image| image.at("args").list(|arg| arg.text()));
    assert_eq!(decoded.value.known().unwrap(), ["3", "true", "1.10"]);
    assert_eq!(decoded.failures.len(), 1);
    assert_eq!(decoded.failures[0].path.to_string(), "args[3]");
}

#[test]
fn fractions_and_giants_are_no_integers() {
    for (number, expected) in [
        (3.0, Some(3)),
        (-0.0, Some(0)),
        (1.5, None),
        (1e300, None),
        (f64::NAN, None),
    ] {
        let decoded = inputs(&bag([("n", number.into())]), |bag| {
            bag.at("n")
                .integer(-9_007_199_254_740_992..=9_007_199_254_740_992)
                .known()
        });
        assert_eq!(
            (decoded.value, decoded.failures.is_empty()),
            (expected, expected.is_some()),
            "{number}"
        );
    }
}

#[test]
fn keywords_are_taken_from_their_list() {
    let words = [("ignore", 1), ("track", 2)];
    let decoded = inputs(&bag([("a", "track".into()), ("b", "trakc".into())]), |bag| {
        (bag.at("a").keyword(&words).known(), bag.at("b").keyword(&words).known())
    });
    assert_eq!(decoded.value, (Some(2), None));
    assert_eq!(reasons(&decoded), ["b: must be one of `ignore`, `track`"]);
}

#[test]
fn assets_are_refused_with_a_way_out() {
    let archive = PropertyValue::Opaque(OpaqueKind::Archive, bag([("path", "./app".into())]));
    let decoded = inputs(&bag([("context", archive)]), |image| image.at("context").string());
    assert_eq!(
        reasons(&decoded),
        ["context: must be a string, not an archive; pass the path as a string"]
    );
}

#[test]
fn provider_configuration_may_be_json_text() {
    let fields = bag([
        ("maxParallelBuilds", "4".into()),
        ("verbose", "true".into()),
        ("region", "true".into()),
        ("version", "1.0.0".into()),
        (
            "registries",
            PropertyValue::secret(r#"[{"address":"ghcr.io","username":"me"}]"#),
        ),
    ]);
    let read = |config: &mut Decoder<'_>| {
        let registries = config.at("registries").list(|registry| {
            registry.object(|registry| {
                let secret = registry.at("address").is_secret();
                (
                    registry.at("address").string(),
                    registry.at("username").string(),
                    secret,
                )
            })
        });
        (
            config.at("maxParallelBuilds").integer(1..=100),
            config.at("verbose").bool(),
            config.at("region").string(),
            registries,
        )
    };
    let decoded = decode(&fields, Form::Config, read);
    assert_eq!(reasons(&decoded), Vec::<String>::new());
    let (builds, verbose, region, registries) = decoded.value;
    assert_eq!(
        (builds, verbose, region),
        (Field::Known(4), Field::Known(true), Field::Known("true".to_owned()))
    );
    let expected = (Field::Known("ghcr.io".to_owned()), Field::Known("me".to_owned()), true);
    assert_eq!(registries.known().unwrap(), [expected]);
    assert!(
        !decode(&fields, Form::Inputs, read).failures.is_empty(),
        "resource inputs have no JSON form"
    );
}

#[test]
fn secrets_inside_json_text_are_secrets() {
    let text = r#"[{"password":{"4dabf18193072939515e22adb298388d":"1b47061264138c4ac30d75fd1eb44270","value":"x"}}]"#;
    let decoded = decode(&bag([("registries", text.into())]), Form::Config, |config| {
        config
            .at("registries")
            .list(|registry| registry.object(|registry| registry.at("password").string()))
    });
    assert_eq!(decoded.value.known().unwrap(), [Field::Known("x".to_owned())]);
    assert_eq!(decoded.secrets[0].to_string(), "registries[0].password");
}

#[test]
fn internal_names_are_let_through_at_the_top_only() {
    let fields = bag([
        ("__internal", true.into()),
        ("builder", bag([("__odd", true.into())]).into()),
    ]);
    let decoded = inputs(&fields, |image| {
        image.at("builder").object(|_| ());
    });
    assert_eq!(
        reasons(&decoded),
        [concat!(
            "builder.__odd: there is no property `__odd` in version ",
            env!("CARGO_PKG_VERSION"),
            "; remove it, or use SDK and plugin of one version"
        )]
    );
}
