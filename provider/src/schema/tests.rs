//! What holds for the whole schema, whatever is in it.

use serde_json::Value;

use super::package_schema;

/// Every object with properties in the schema: where it is, its properties.
fn groups(schema: &Value) -> Vec<(String, &Value)> {
    let named = |kind: &str, inner: &[&str]| {
        let all = schema[kind].as_object().unwrap();
        let found = all.iter().flat_map(|(token, one)| {
            let properties = inner.iter().map(|path| one.pointer(path).unwrap_or(&Value::Null));
            properties
                .map(|properties| (token.clone(), properties))
                .collect::<Vec<_>>()
        });
        found.collect::<Vec<_>>()
    };
    let mut groups = named("resources", &["/inputProperties", "/properties"]);
    groups.extend(named("functions", &["/inputs/properties", "/outputs/properties"]));
    groups.extend(named("types", &["/properties"]));
    groups.push(("config".to_owned(), &schema["config"]["variables"]));
    groups.push(("provider".to_owned(), &schema["provider"]["inputProperties"]));
    groups
}

fn is_described(one: &Value) -> bool {
    one["description"].as_str().is_some_and(|text| text.len() > 10)
}

#[test]
fn everything_is_described() {
    let schema = package_schema();
    for (place, properties) in groups(&schema) {
        for (name, property) in properties.as_object().into_iter().flatten() {
            assert!(is_described(property), "{place}: {name}");
        }
    }
    for kind in ["resources", "functions", "types"] {
        for (token, one) in schema[kind].as_object().unwrap() {
            assert!(is_described(one), "{token}");
            for value in one["enum"].as_array().into_iter().flatten() {
                assert!(is_described(value), "{token}: {value}");
            }
        }
    }
}

#[test]
fn whatever_takes_a_password_is_secret() {
    let schema = package_schema();
    for place in [
        "/provider/inputProperties/registries",
        "/provider/inputProperties/reuseKey",
        "/config/variables/registries",
        "/config/variables/reuseKey",
        "/types/fastcontainer:index:RegistryLogin/properties/password",
    ] {
        assert_eq!(schema.pointer(place).unwrap()["secret"], true, "{place}");
    }
    let image = &schema["resources"]["fastcontainer:index:FastContainerImage"];
    assert_eq!(image["inputProperties"]["secrets"]["secret"], true);
    assert_eq!(image["properties"].get("secrets"), None);
}

#[test]
fn the_resource_and_each_function_have_an_example_in_every_language() {
    let schema = package_schema();
    for kind in ["resources", "functions"] {
        for (token, one) in schema[kind].as_object().unwrap() {
            for fence in ["typescript", "python", "go", "csharp", "java", "yaml"] {
                let text = one["description"].as_str().unwrap();
                assert!(text.contains(&format!("```{fence}\n")), "{token}: {fence}");
            }
        }
    }
}

#[test]
fn names_of_the_sdks_follow_from_the_repository() {
    let languages = &package_schema()["language"];
    assert_eq!(languages["nodejs"]["packageName"], "pulumi-fastcontainer");
    assert_eq!(languages["python"]["packageName"], "pulumi_fastcontainer");
    assert_eq!(
        languages["go"]["importBasePath"],
        "github.com/pulumi-fastcontainer/pulumi-fastcontainer/sdk/go/fastcontainer"
    );
    assert_eq!(languages["java"]["basePackage"], "io.github.pulumifastcontainer");
}
